//! Which behaviours a real kernel has: schedules that go one way with a behaviour and another way without it.
//!
//! Vendors backport, so a version number suggests and does not prove. Nothing that is expected is written down here: the model says
//! what each schedule does with the behaviour and without it, and the kernel's answer is followed by both.

use super::base_env;
use crate::{
    kernel::{QUIRKS, Quirk, QuirkInfo},
    litmus,
    machine::{Machine, environment},
    oracle::{Order, StepSeen, follow, steps},
    program::{Compiled, Schedule},
    target::{Ending, Facts, Method, Refusal, SteerOptions, Target},
};

/// A program and a schedule that tell whether a kernel has a behaviour.
#[derive(Debug)]
pub struct Probe {
    /// The behaviour.
    pub quirk: Quirk,
    /// Objects and tasks.
    pub program: &'static str,
    /// The tasks to release.
    pub schedule: &'static str,
}

const fn probe(quirk: Quirk, schedule: &'static str, program: &'static str) -> Probe {
    Probe { quirk, program, schedule }
}

/// Every behaviour that one run of whole calls can show.
pub const PROBES: &[Probe] = &[
    probe(
        Quirk::WakeWriterIfWasFull,
        "A B R R",
        "pipe p(size: 4096); init { write(p.w, \"w\" * 4096) }
         task A { write(p.w, \"a\" * 30) }; task B { write(p.w, \"b\" * 20) }
         task R { read(p.r, 10); read(p.r, 4086) }",
    ),
    probe(
        Quirk::EmptySlotAfterFault,
        "T T",
        "pipe p; task T { write(p.w, \"a\" * 10 + FAULT); poll(p.r, POLLIN, timeout: 0) }",
    ),
    probe(Quirk::SetPipeSizeWide, "T", "pipe p; task T { fcntl(p.r, F_SETPIPE_SZ, 0x100000000) }"),
    probe(Quirk::NoWaitReads, "T", "pipe p(flags: O_NONBLOCK); task T holds p.w { read(p.r, 1, flags: RWF_NOWAIT) }"),
    probe(Quirk::NoSignalWrites, "T", "pipe p; task T holds p.r { write(p.w, \"a\", flags: RWF_NOSIGNAL) }"),
    probe(
        // The second write finds a byte there. If it wakes all the same, B is out of the queue when the third one comes.
        Quirk::PollUsageWakes,
        "P A B C W+ W+ A W",
        "pipe p; task P { poll(p.r, POLLIN, timeout: 0) }
         task A { read(p.r, 2) }; task B { read(p.r, 2) }; task C { read(p.r, 2) }
         task W { write(p.w, \"x\"); write(p.w, \"y\"); write(p.w, \"z\") }",
    ),
    probe(
        Quirk::PipeOneQueue,
        "A B W",
        "pipe p; task A { read(p.r, 1) }; task B { read(p.r, 1) }; task W { write(p.w, \"x\") }",
    ),
    probe(
        Quirk::ReadMerging,
        "W R",
        "pipe p(size: 4096); task W { write(p.w, \"x\" * 8192) }; task R { read(p.r, 8192) }",
    ),
    probe(
        // If the close wakes everybody, nobody is in the queue when the write comes.
        Quirk::CloseWakesAlways,
        "A B C C+ W",
        "pipe p; task A { read(p.r, 1) }; task B { read(p.r, 1) }
         task C { e = reopen(p.w, O_WRONLY); close(e) }; task W { write(p.w, \"x\") }",
    ),
    probe(Quirk::PipePackets, "T", "task T { pipe(O_DIRECT) }"),
    probe(Quirk::SetFlPackets, "T", "pipe p; task T { fcntl(p.w, F_SETFL, O_DIRECT) }"),
    probe(Quirk::NotificationPipes, "T", "task T { pipe(O_NOTIFICATION_PIPE) }"),
    probe(
        Quirk::ResizeWakes,
        "W T",
        "pipe p(size: 4096); init { write(p.w, \"x\" * 4096) }
         task W { write(p.w, \"a\") }; task T { fcntl(p.r, F_SETPIPE_SZ, 8192) }",
    ),
    probe(
        Quirk::TimerDropsStale,
        "A A A A!0 A A",
        "task A { sigprocmask(SIG_BLOCK, [SIGUSR1]); t = timer_create(SIGUSR1); timer_settime(t, 20 ms); timer_settime(t, 0)
         sigwaitinfo([SIGUSR1], timeout: 0) }",
    ),
    probe(
        Quirk::TimerParksIgnored,
        "A A A A!0 A A",
        "task A { handler h { }; sigaction(SIGUSR1, SIG_IGN); t = timer_create(SIGUSR1)
         timer_settime(t, 20 ms, interval: 10 s); sigaction(SIGUSR1, h); yield() }",
    ),
    probe(
        Quirk::TimerIdsOfProcess,
        "A A B",
        "process A { fork(B); timer_create(SIGUSR1) }; process B child of A { timer_create(SIGUSR1) }",
    ),
    probe(Quirk::IoctlInval, "T", "pipe p; task T { ioctl(p.r, 0x5401) }"),
    probe(Quirk::Preadv2, "T", "pipe p(flags: O_NONBLOCK); task T holds p.w { read(p.r, 1, flags: RWF_NOWAIT) }"),
    probe(
        // The partner comes, A is held, and then the signal.
        Quirk::FifoOpenRestarts,
        "A A B+ B A A",
        "fifo f; task A { handler h { }; sigaction(SIGUSR1, h); open(f, O_RDONLY) }
         task B { open(f, O_WRONLY | O_NONBLOCK); kill(A.pid, SIGUSR1) }",
    ),
    probe(
        Quirk::EofWakesOne,
        "A B W",
        "pipe p; task A { read(p.r, 1) }; task B { read(p.r, 1) }; task W { close(p.w) }",
    ),
    probe(
        Quirk::StaleWasEmpty,
        "A R+ B R R A",
        "pipe p(size: 4096); init { write(p.w, \"x\" * 4096) }
         task A { write(p.w, \"a\" * 4096) }; task B { write(p.w, \"b\" * 4096) }
         task R { repeat 3 { read(p.r, 4096) } }",
    ),
    probe(
        // Both slots had bytes of a write before. The file is the test's own.
        Quirk::DirtyPipe,
        "T T T T T T T T",
        "pipe p(size: 8192); file f(data: \"abcd\")
         task T { write(p.w, \"x\"); read(p.r, 1); write(p.w, \"x\"); read(p.r, 1); d = open(f, O_RDONLY)
             splice(d.ret, none, p.w, none, 1); write(p.w, \"y\"); pread(d.ret, 4) }",
    ),
    probe(Quirk::SpliceFlagsChecked, "T", "pipe p; task T holds p.r { vmsplice(p.w, \"x\", 0x10) }"),
    probe(
        Quirk::SpliceNonblockOfFile,
        "T",
        "pipe p(flags: O_NONBLOCK); pipe q; task T holds p.w, q.r { splice(p.r, none, q.w, none, 1) }",
    ),
    probe(
        Quirk::SpliceSourceFirst,
        "T T",
        "pipe p; file f; task T { d = open(f, O_RDONLY); splice(d.ret, none, p.w, none, 1) }",
    ),
    probe(Quirk::SpliceModeFirst, "T", "pipe p; pipe q; task T { splice(p.w, 0, q.w, none, 1) }"),
    probe(
        Quirk::TeeMerge,
        "T T T T T",
        "pipe p; pipe q; task T { write(p.w, \"a\"); tee(p.r, q.w, 1); write(q.w, \"b\"); write(p.w, \"c\"); read(q.r, 9) }",
    ),
    probe(Quirk::IpcUidChecked, "T", "msgq q; task T { msgctl(q, IPC_SET, uid: -1) }"),
    probe(
        Quirk::IpcCyclicIds,
        "T T T",
        "task T { a = msgget(IPC_PRIVATE, 0600); msgctl(a, IPC_RMID); b = msgget(IPC_PRIVATE, 0600) }",
    ),
    probe(Quirk::IpcNullFirst, "T", "task T { msgctl(1000, IPC_STAT, none) }"),
    probe(Quirk::IpcStatAny, "T", "msgq q; task T { msgctl(0, MSG_STAT_ANY) }"),
    probe(
        Quirk::MsgCopy,
        "T T",
        "msgq q; init { msgsnd(q, 1, \"a\") }
         task T { msgrcv(q, 1, 0, MSG_COPY | IPC_NOWAIT); msgrcv(q, 1, 0, IPC_NOWAIT) }",
    ),
    probe(Quirk::MsgCopyLoose, "T", "msgq q; task T { msgrcv(q, 1, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT) }"),
    probe(
        Quirk::MsgLongMin,
        "T",
        "msgq q; init { msgsnd(q, 1, \"a\") }; task T { msgrcv(q, 1, LONG_MIN, IPC_NOWAIT) }",
    ),
    probe(
        // Woken, A would find no room. It is held, so that its waking shows.
        Quirk::MsgWakeAllSenders,
        "A R+",
        "msgq q(qbytes: 2); init { msgsnd(q, 1, \"a\"); msgsnd(q, 1, \"b\") }
         task A { msgsnd(q, 1, \"cd\") }; task R { msgrcv(q, 1) }",
    ),
    probe(Quirk::MsgQbytesInt, "T", "msgq q; task T { msgctl(q, IPC_SET, qbytes: 0x100000001) }"),
    probe(Quirk::ShmRndNilRefused, "T", "shm m(cells: 1); task T { shmat(m, 8, SHM_RND) }"),
    probe(Quirk::ShmRemapNilRefused, "T", "shm m(cells: 1); task T { shmat(m, 8, SHM_RND | SHM_REMAP) }"),
    probe(Quirk::SemSetvalSetFirst, "T", "task T { semctl(1000, 0, SETVAL, 40000) }"),
    probe(
        Quirk::SemOneList,
        "A B D",
        "sem s(values: [1]); task A { semop(s, [0:0]) }; task B { semop(s, [0:0]) }; task D { semop(s, [0:-1]) }",
    ),
    probe(Quirk::SemOtimeAlterOnly, "T T", "sem s; task T { semop(s, [0:0]); semctl(s, 0, IPC_STAT) }"),
    probe(Quirk::SemCountsAll, "A T", "sem s[2]; task A { semop(s, [0:-1, 1:-1]) }; task T { semctl(s, 1, GETNCNT) }"),
    probe(Quirk::SemSetallKeepsPid, "T T", "sem s; task T { semctl(s, 0, SETALL, [1]); semctl(s, 0, GETPID) }"),
    probe(Quirk::SemBlockedPid, "A T", "sem s; task A { semop(s, [0:-1]) }; task T { semctl(s, 0, GETPID) }"),
    probe(Quirk::SemUndoPerOperation, "T", "sem s; task T { semop(s, [0:+20000 undo, 0:-20000, 0:+20000 undo]) }"),
    probe(Quirk::SemopIdFirst, "T", "sem s; task T { semop(-1, [0:-1], nsops: 100000) }"),
];

/// What was found out about a behaviour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// The kernel has it.
    Present,
    /// The kernel does not have it.
    Absent,
    /// It cannot be told, for this reason.
    Unknown(String),
    /// The kernel did what the model has neither with it nor without it.
    Unexplained(String),
}

/// A behaviour, and what was found out about it.
#[derive(Clone, Debug)]
pub struct Detection {
    /// The behaviour.
    pub info: &'static QuirkInfo,
    /// Whether the version has it.
    pub by_version: bool,
    /// What the kernel showed.
    pub finding: Finding,
}

impl Detection {
    /// Whether the kernel contradicts its version.
    pub fn surprises(&self) -> bool {
        match self.finding {
            Finding::Present => !self.by_version,
            Finding::Absent => self.by_version,
            Finding::Unknown(_) => false,
            Finding::Unexplained(_) => true,
        }
    }
}

/// Finds out which behaviours a kernel has.
///
/// # Errors
///
/// When the target cannot be used at all.
pub fn detect(target: &mut dyn Target, options: &SteerOptions) -> Result<(Facts, Vec<Detection>), Refusal> {
    let facts = target.facts()?;
    let base = base_env(&facts);
    let mut detections = Vec::new();
    for info in QUIRKS {
        let by_version = base.quirks.has(info.quirk);
        let finding = match PROBES.iter().find(|probe| probe.quirk == info.quirk) {
            None => Finding::Unknown("no run of whole calls under the limits of this machine shows it".into()),
            Some(probe) => run(probe, &facts, target, options)?,
        };
        detections.push(Detection { info, by_version, finding });
    }
    Ok((facts, detections))
}

impl Probe {
    /// The program and the schedule.
    fn load(&self) -> Result<(Compiled, Schedule), String> {
        let text = format!("litmus \"{}\"\n{}\nallow deadlock", self.quirk.info().name, self.program);
        let (_, program) = litmus::load(&text).map_err(|problems| litmus::render(&problems, "probe", &text, false))?;
        let schedule = Schedule::parse(self.schedule, |name| program.task_by_name(name))?;
        Ok((program, schedule))
    }
}

fn run(probe: &Probe, facts: &Facts, target: &mut dyn Target, options: &SteerOptions) -> Result<Finding, Refusal> {
    let (program, schedule) = match probe.load() {
        Ok(loaded) => loaded,
        Err(message) => return Ok(Finding::Unknown(message)),
    };
    let mut ran: Option<(Method, Ending, Vec<StepSeen>)> = None;
    let steered =
        target.steer_many(&program, std::slice::from_ref(&schedule), options, &mut |_, observations, report| {
            ran = Some((report.method, report.end.clone(), steps(&program, observations)));
        });
    match steered {
        Ok(()) => {}
        Err(Refusal::CannotHold) => return Ok(Finding::Unknown("needs SCHED_FIFO: a woken task must be held".into())),
        Err(Refusal::Object { name, errno }) => {
            return Ok(Finding::Unknown(format!("`{name}` could not be made (errno {errno})")));
        }
        Err(why) => return Err(why),
    }
    let Some((method, end, seen)) = ran else { return Ok(Finding::Unknown("the run left no record".into())) };
    if !matches!(end, Ending::Finished | Ending::ScheduleImpossible { .. }) {
        return Ok(Finding::Unknown(format!("the run did not come to its end: {end:?}")));
    }
    let promised = if method == Method::Fifo { Order::Fifo } else { Order::Calls };
    let explains = |on: bool| -> Result<bool, String> {
        let mut env = environment(&program, base_env(facts)).map_err(|error| error.to_string())?;
        env.quirks = env.quirks.with(probe.quirk, on);
        let machine = Machine::new(&program, env);
        let initial = machine.initial().map_err(|error| error.to_string())?;
        let explained = follow(&machine, &initial, &schedule, &seen, promised);
        Ok(seen.len() == schedule.steps.len() && explained.is_ok_and(|e| e.order <= promised))
    };
    Ok(match (explains(true), explains(false)) {
        (Ok(true), Ok(false)) => Finding::Present,
        (Ok(false), Ok(true)) => Finding::Absent,
        (Ok(true), Ok(true)) => {
            Finding::Unknown("beside the other behaviours of this kernel it makes no difference".into())
        }
        (Ok(false), Ok(false)) => {
            let told: Vec<String> = schedule
                .steps
                .iter()
                .zip(&seen)
                .map(|(release, step)| step.tell_all(&program, release.task).to_string())
                .collect();
            Finding::Unexplained(told.join("; "))
        }
        (Err(message), _) | (_, Err(message)) => Finding::Unknown(message),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::{Env, Trace, Version},
        oracle::Fifo,
    };

    /// What a schedule brings about, step by step.
    fn story(program: &Compiled, schedule: &Schedule, env: Env) -> Vec<StepSeen> {
        let machine = Machine::new(program, environment(program, env).unwrap());
        let initial = machine.initial().unwrap();
        let mut fifo = Fifo::new(&machine, &initial);
        let mut trace = Trace::default();
        schedule.steps.iter().map_while(|&release| fifo.release(release, &mut trace).ok()).collect()
    }

    #[test]
    fn every_schedule_tells_its_behaviour_apart_in_some_version() {
        for probe in PROBES {
            let (program, schedule) = probe.load().unwrap();
            let told = [Version::new(3, 2), Version::new(5, 10), Version::new(6, 18)].into_iter().any(|version| {
                let with = |on| {
                    let mut env = Env::new(version);
                    env.quirks = env.quirks.with(probe.quirk, on);
                    story(&program, &schedule, env)
                };
                let (on, off) = (with(true), with(false));
                on.len() == schedule.steps.len() && !on.iter().zip(&off).all(|(a, b)| a.same(b))
            });
            assert!(told, "{:?}", probe.quirk);
        }
    }
}

//! Steered runs.

use crate::build::*;
use lockstep::{
    kernel::*,
    program::{ExprCode, Instr, Next, ObjectField, Value, World, syntax},
    target::*,
};

/// All that happened, as words: `W:`, `W -> 3`, `R -> "abc"`, `R in read`, `W exits 0`; each step ends with `;`.
pub fn story(b: &Build, observations: &[Observation]) -> String {
    steps(b, observations).iter().flatten().cloned().collect::<Vec<_>>().join(" ")
}

/// The same without the order inside of steps.
pub fn unordered(b: &Build, observations: &[Observation]) -> Vec<Vec<String>> {
    let mut steps = steps(b, observations);
    steps.iter_mut().for_each(|step| step.sort());
    steps
}

fn steps(b: &Build, observations: &[Observation]) -> Vec<Vec<String>> {
    let name = |task: TaskId| b.0.tasks[task as usize].name.clone();
    let mut steps = Vec::new();
    let mut out = Vec::new();
    for o in observations {
        match o {
            Observation::Released { task, .. } => out.push(format!("{}:", name(*task))),
            Observation::Completed { task, ret } => out.push(match ret.ret {
                Ok(_) if !ret.data.is_empty() => format!("{} -> {}", name(*task), ret.data),
                Ok(n) if ret.extra.is_empty() => format!("{} -> {n}", name(*task)),
                Ok(n) => format!("{} -> {n} {:?}", name(*task), ret.extra),
                Err(e) => format!("{} -> {e}", name(*task)),
            }),
            Observation::Halted { task, halt } => out.push(format!("{} {halt:?}", name(*task))),
            Observation::Exited { task, status } => out.push(format!("{} exits {status}", name(*task))),
            Observation::Quiet { asleep, held, probes, .. } => {
                out.extend(asleep.iter().map(|(task, call)| format!("{} in {call}", name(*task))));
                out.extend(held.iter().map(|task| format!("{} held", name(*task))));
                out.extend(probes.iter().map(|(o, f, v)| format!("{}.{f:?}={v}", b.0.objects[*o as usize].name)));
                out.push(";".into());
                steps.push(std::mem::take(&mut out));
            }
            Observation::Handler { task, handler, .. } => out.push(format!("{} runs {handler}", name(*task))),
            Observation::Killed { process, signal } => out.push(format!("process {process} killed by {signal}")),
            Observation::Started { .. }
            | Observation::HandlerEnds { .. }
            | Observation::Contents { .. }
            | Observation::Ipc(_) => {}
        }
    }
    steps.push(out);
    steps
}

fn observe(b: &Build, schedule: &str, options: &SteerOptions) -> (Vec<Observation>, SteerReport) {
    let mut host = Host::new().unwrap();
    let mut seen = Vec::new();
    let report = host.steer(&b.0, &b.schedule(schedule), options, &mut |o| seen.push(o.clone())).unwrap();
    assert_eq!(report.check_failures, 0);
    (seen, report)
}

fn run(b: &Build, schedule: &str, options: &SteerOptions) -> (String, SteerReport) {
    let (seen, report) = observe(b, schedule, options);
    (story(b, &seen), report)
}

/// The methods that are available here, the best first.
pub fn methods() -> Vec<Method> {
    let realtime = Host::new().unwrap().facts().unwrap().realtime;
    if realtime { vec![Method::Fifo, Method::Proof] } else { vec![Method::Proof] }
}

/// Runs under every method that is available, and expects the same story from each, and that it finishes. Who is first
/// inside of a step is only certain under `SCHED_FIFO`.
fn both(b: &Build, schedule: &str, expected: &str) {
    for method in methods() {
        let options = SteerOptions { method: Some(method), check_every: 1, ..SteerOptions::default() };
        let (seen, report) = observe(b, schedule, &options);
        assert_eq!((report.end, report.method), (Ending::Finished, method), "{}", story(b, &seen));
        let (story, words) = (story(b, &seen), |story: &str| -> Vec<Vec<String>> {
            let words = |step: &str| {
                let mut words: Vec<String> = step.split(' ').map(str::to_string).collect();
                words.sort();
                words
            };
            story.split(';').map(words).collect()
        });
        match method {
            Method::Fifo => assert_eq!(story, expected),
            Method::Proof => assert_eq!(words(&story), words(expected), "{story}"),
        }
    }
}

#[test]
fn facts_are_of_this_machine() {
    let facts = Host::new().unwrap().facts().unwrap();
    assert!(facts.release.starts_with(&format!("{}.{}", facts.version.major, facts.version.minor)));
    assert!(facts.page_size >= 4096 && facts.pipe_max_size >= 4096 && facts.nofile > 0 && facts.cpus > 0, "{facts:?}");
    assert!(!facts.cap_sys_admin);
    assert!(!Host::unprivileged().unwrap().facts().unwrap().realtime);
}

#[test]
fn a_reader_sleeps_until_somebody_writes() {
    let b = Build::default().pipe("p", None).task("R", &[(0, R)], vec![read(3, 10), read(3, 10)]).task(
        "W",
        &[(0, W)],
        vec![write(3, "abc")],
    );
    both(&b, "R W R", r#"R: R in read ; W: W -> 3 R -> "abc" ; R: R in read ;"#);
}

#[test]
fn the_end_of_file_comes_when_the_writer_exits() {
    // Nobody else must hold the write end: this is the test that the executor itself does not.
    let b = Build::default().pipe("p", None).task("R", &[(0, R)], vec![read(3, 10)]).task(
        "W",
        &[(0, W)],
        vec![Call::Exit { status: 7 }],
    );
    both(&b, "R W", "R: R in read ; W: W exits 7 R -> 0 ;");
}

#[test]
fn a_broken_pipe_is_epipe() {
    let b = Build::default().pipe("p", None).task("R", &[(0, R)], vec![Call::Close { fd: 3 }]).task(
        "W",
        &[(0, W)],
        vec![write(3, "a"), write(3, "b")],
    );
    both(&b, "W R W", "W: W -> 1 ; R: R -> 0 ; W: W -> EPIPE ;");
}

#[test]
fn a_close_wakes_readers_in_the_order_in_which_they_slept() {
    let b = Build::default()
        .pipe("p", None)
        .task("A", &[(0, R)], vec![read(3, 1)])
        .task("B", &[(0, R)], vec![read(3, 1)])
        .task("C", &[(0, R)], vec![read(3, 1)])
        .task("W", &[(0, W)], vec![Call::Close { fd: 3 }]);
    let (story, report) = run(&b, "C A B W", &SteerOptions::default());
    assert_eq!(report.end, Ending::Finished);
    if report.method == Method::Fifo {
        assert_eq!(story.split("W:").nth(1).unwrap(), " W -> 0 C -> 0 A -> 0 B -> 0 ;");
    }
}

#[test]
fn a_held_reader_can_be_robbed() {
    let b = Build::default()
        .pipe("p", Some(4096))
        .task("A", &[(0, R)], vec![read(3, 10)])
        .task("B", &[(0, R)], vec![read(3, 10)])
        .task("W", &[(0, W)], vec![write(3, "abc"), write(3, "de")]);
    if methods() == [Method::Proof] {
        return;
    }
    let (story, report) = run(&b, "A W+ B A W", &SteerOptions { check_every: 1, ..SteerOptions::default() });
    let expected = r#"A: A in read ; W: W -> 3 A held ; B: B -> "abc" A held ; A: A in read ; W: W -> 2 A -> "de" ;"#;
    assert_eq!((&*story, report.end), (expected, Ending::Finished));
    // Named without having been robbed, it goes on where it was woken.
    let (story, _) = run(&b, "A W+ W A", &SteerOptions::default());
    assert_eq!(story, r#"A: A in read ; W: W -> 3 A held ; W: W -> 2 A held ; A: A -> "abcde" ;"#);
    // Two sleepers, one woken: the other is not held, and still sleeps.
    let (story, report) = run(&b, "A B W+ B", &SteerOptions::default());
    assert_eq!(story, "A: A in read ; B: A in read B in read ; W: W -> 3 B in read A held ;");
    assert_eq!(report.end, Ending::ScheduleImpossible { step: 3, task: 1, why: Impossible::Asleep });
}

#[test]
fn impossible_steps_say_why() {
    let b = Build::default()
        .pipe("p", None)
        .task("R", &[(0, R)], vec![read(3, 1)])
        .task("W", &[(0, W)], vec![Call::Yield])
        .child("C", 1, vec![Call::Yield])
        .task("X", &[], vec![Call::Exit { status: 0 }, Call::Yield]);
    let cases = [
        ("R R", Impossible::Asleep),
        ("W W", Impossible::Parked),
        ("C", Impossible::NotStarted),
        ("X X", Impossible::Exited),
    ];
    for (schedule, why) in cases {
        let (_, report) = run(&b, schedule, &SteerOptions::default());
        assert!(matches!(report.end, Ending::ScheduleImpossible { why: w, .. } if w == why), "{schedule} {report:?}");
    }
}

#[test]
fn a_child_inherits_descriptors_and_exits() {
    let b = Build::default()
        .pipe("p", None)
        .task("R", &[(0, R)], vec![read(3, 10), read(3, 10)])
        .task("W", &[(0, W)], vec![Call::Fork { child: 2 }, Call::Exit { status: 1 }])
        .child("C", 1, vec![write(3, "c"), Call::Exit { status: 2 }]);
    both(
        &b,
        "R W W C R C",
        r#"R: R in read ; W: W -> 102 R in read ; W: W exits 1 R in read ; C: C -> 1 R -> "c" ; R: R in read ; C: C exits 2 R -> 0 ;"#,
    );
}

#[test]
fn threads_share_descriptors_and_die_together() {
    let threads = vec![
        code(vec![read(3, 1), read(3, 1)]),
        code(vec![write(4, "a"), Call::Close { fd: 3 }, read(3, 1), Call::Exit { status: 3 }]),
        code(vec![read(5, 1)]),
    ];
    let b = Build::default()
        .pipe("p", None)
        .pipe("q", None)
        .process("T", &[(0, R), (0, W), (1, R)], None, threads)
        .task("Q", &[(1, W)], vec![write(3, "q"), write(3, "q")]);
    let expected = r#"T: T in read ; T[1]: T[1] -> 1 T -> "a" ; T[1]: T[1] -> 0 ; T[1]: T[1] -> EBADF ; T[2]: T[2] in read ; Q: Q -> 1 T[2] -> "q" ; T[1]: T[1] exits 3 ; Q: Q -> EPIPE ;"#;
    both(&b, "T T[1] T[1] T[1] T[2] Q T[1] Q", expected);
}

#[test]
fn fifos_are_opened_by_name_and_wait_for_partners() {
    let b = Build::default()
        .fifo("f")
        .fifo("g")
        .task("R", &[], vec![Call::Open { path: 0, flags: OpenFlags::empty() }, read(3, 9)])
        .task("W", &[], vec![Call::Open { path: 0, flags: OpenFlags::O_WRONLY }, write(3, "f")])
        .task("G", &[], vec![Call::Open { path: 1, flags: OpenFlags::O_WRONLY | OpenFlags::O_NONBLOCK }]);
    both(&b, "R G W W R", r#"R: R in open ; G: G -> ENXIO R in open ; W: W -> 3 R -> 3 ; W: W -> 1 ; R: R -> "f" ;"#);
}

#[test]
fn descriptors_have_the_numbers_of_the_model() {
    let calls = vec![
        Call::Pipe2 { flags: OpenFlags::empty() },
        Call::Dup { fd: 3 },
        Call::Close { fd: 4 },
        Call::Fcntl { fd: 3, cmd: Fcntl::DupFd(4) },
        Call::Dup2 { fd: 3, to: 20 },
        Call::Reopen { fd: 3, flags: OpenFlags::O_RDWR },
        Call::Dup { fd: 300 },
        Call::Dup { fd: -1 },
    ];
    let b = Build::default().pipe("p", None).task("T", &[(0, R), (0, W)], calls);
    both(
        &b,
        "T T T T T T T T",
        "T: T -> 0 [5, 6] ; T: T -> 7 ; T: T -> 0 ; T: T -> 4 ; T: T -> 20 ; T: T -> 8 ; T: T -> EBADF ; T: T -> EBADF ;",
    );
}

#[test]
fn faults_are_where_they_are_said_to_be() {
    let mut half = Payload::fill(b'h', 5000);
    half.append(&Payload::fault());
    let calls = vec![write(3, half), write(3, "0123456789"), write(3, Payload::fault())];
    let fault = |fault| Call::Read { fd: 3, count: 10, fault: Some(fault), flags: RwFlags::empty() };
    let drain = read(3, 4096);
    let b = Build::default().pipe("p", None).task("W", &[(0, W)], calls).task(
        "R",
        &[(0, R)],
        vec![drain, fault(0), fault(4), fault(10), read(3, 70000)],
    );
    both(
        &b,
        "W W W R R R R",
        r#"W: W -> 4096 ; W: W -> 10 ; W: W -> EFAULT ; R: R -> "h" * 4096 ; R: R -> EFAULT ; R: R -> EFAULT ; R: R -> "0123456789" ;"#,
    );
}

#[test]
fn what_is_read_is_told_by_runs() {
    let b = Build::default().pipe("p", None).task("W", &[(0, W)], vec![write(3, Payload::pattern(65536))]).task(
        "R",
        &[(0, R)],
        vec![read(3, 65536)],
    );
    both(&b, "W R", "W: W -> 65536 ; R: R -> pattern(65536) ;");
}

#[test]
fn other_calls_answer_as_the_kernel_does() {
    let poll = |fd, events| Call::Poll { fds: [(fd, events)].into_iter().collect(), timeout: Timeout::Now };
    let calls = vec![
        Call::Fstat { fd: 3 },
        Call::Fionread { fd: 3 },
        Call::Ioctl { fd: 3, request: 0x1234 },
        Call::Lseek { fd: 3, offset: 0 },
        Call::Pread { fd: 3, count: 1, offset: 0 },
        Call::Pwrite { fd: 4, data: "x".into(), offset: 0 },
        Call::Ftruncate { fd: 4, length: 0 },
        Call::Fsync { fd: 4 },
        Call::Fcntl { fd: 4, cmd: Fcntl::GetPipeSz },
        Call::Fcntl { fd: 4, cmd: Fcntl::SetPipeSz(5000) },
        Call::Fcntl { fd: 4, cmd: Fcntl::SetFl(OpenFlags::O_NONBLOCK) },
        Call::Fcntl { fd: 4, cmd: Fcntl::GetFl },
        poll(3, PollEvents::POLLIN),
        poll(4, PollEvents::POLLOUT),
        Call::Read { fd: 3, count: 1, fault: None, flags: RwFlags::RWF_NOWAIT },
        Call::Open { path: 3, flags: OpenFlags::empty() },
        Call::Poll { fds: [(3, PollEvents::POLLIN)].into_iter().collect(), timeout: Timeout::Never },
    ];
    let schedule = vec!["T"; calls.len()].join(" ");
    let b = Build::default().pipe("p", Some(16384)).task("T", &[(0, R), (0, W)], calls);
    let (story, _) = run(&b, &schedule, &SteerOptions::default());
    let answers: Vec<&str> =
        story.split(" ; T: ").map(|s| s.trim_start_matches("T: ").trim_start_matches("T -> ")).collect();
    let expected = [
        "0 [4480, 0, 4096]",
        "0",
        "ENOTTY",
        "ESPIPE",
        "ESPIPE",
        "ESPIPE",
        "EINVAL",
        "EINVAL",
        "16384",
        "8192",
        "0",
        "2049",
        "0 [0]",
        "1 [4]",
        "EAGAIN",
        "ENOENT",
        "T in poll ;",
    ];
    assert_eq!(answers, expected);
}

#[test]
fn init_runs_alone_before_everything() {
    let b = Build::default()
        .pipe("p", None)
        .task("R", &[(0, R)], vec![read(3, 9), read(3, 9)])
        .task("I", &[(0, W)], vec![write(3, "ab"), write(3, "c")])
        .init();
    both(&b, "R R", r#"I -> 2 I -> 1 R: R -> "abc" ; R: R -> 0 ;"#);
    let b = Build::default()
        .pipe("p", None)
        .task("W", &[(0, W)], vec![write(3, "a")])
        .task("I", &[(0, R)], vec![read(3, 1)])
        .init();
    for method in methods() {
        let (_, report) = run(&b, "W", &SteerOptions { method: Some(method), ..SteerOptions::default() });
        assert_eq!(report.end, Ending::InitBlocked);
    }
}

#[test]
fn probes_are_made_by_whoever_is_awake() {
    let b = Build::default().pipe("p", Some(4096)).task("W", &[(0, W)], vec![write(3, "abc"), fill(3, 4096)]).task(
        "R",
        &[(0, R)],
        vec![Call::Dup { fd: 3 }, Call::Close { fd: 3 }, read(4, 1), read(4, 4096)],
    );
    let options = SteerOptions { probe: true, ..SteerOptions::default() };
    let (story, report) = run(&b, "W W R R R R", &options);
    let expected = r#"W: W -> 3 p.Readable=3 p.Size=4096 ; W: W in write p.Readable=3 p.Size=4096 ; R: R -> 4 W in write p.Readable=3 p.Size=4096 ; R: R -> 0 W in write p.Readable=3 p.Size=4096 ; R: R -> "a" W in write p.Readable=2 p.Size=4096 ; R: R -> "bc" W -> 4096 p.Readable=4096 p.Size=4096 ;"#;
    assert_eq!(story, expected);
    assert_eq!(report.skipped_probes, 0);
    let alone = Build::default().pipe("p", None).task("R", &[(0, R), (0, W)], vec![read(3, 1)]);
    let (story, report) = run(&alone, "R", &options);
    assert_eq!((&*story, report.skipped_probes), ("R: R in read ;", 1));
}

#[test]
fn an_observed_run_can_be_asked() {
    let b = Build::default().pipe("p", None).task("R", &[(0, R)], vec![read(3, 9), read(3, 9)]).task(
        "W",
        &[(0, W)],
        vec![write(3, "ab")],
    );
    let mut seen = Vec::new();
    let mut host = Host::new().unwrap();
    let options = SteerOptions { probe: true, ..SteerOptions::default() };
    host.steer(&b.0, &b.schedule("W R R"), &options, &mut |o| seen.push(o.clone())).unwrap();
    let observed = Observed::after(&b.0, &seen);
    assert_eq!(observed.var(0, 0).matches(&Value::Bytes("ab".into())), Some(true));
    assert_eq!(observed.asleep(0), Some(CallKind::Read));
    assert_eq!(observed.object(0, ObjectField::Readable), Some(Value::Int(0)));
    assert_eq!((observed.next(0), observed.next(1)), (Next::Call(CallKind::Read), Next::Parked));
}

#[test]
fn a_task_that_computes_for_ever_halts_or_is_killed() {
    let mut b = Build::default().task("T", &[], vec![Call::Yield]);
    b.0.tasks[0].code.instrs.push(Instr::Jump(1));
    both(&b, "T", "T: T -> 0 T Spinning(1) ;");
    // Each addition copies a long string: the limit of instructions is far away, that of time is not.
    let slow = ExprCode::Binary(
        syntax::BinOp::Mul,
        Box::new(ExprCode::Const(Value::Bytes("ab".into()))),
        Box::new(ExprCode::Const(Value::Int(1 << 22))),
    );
    b.0.tasks[0].code.instrs.insert(1, Instr::Assign { slot: 0, value: slow });
    for method in methods() {
        let (story, report) = run(&b, "T", &SteerOptions { method: Some(method), ..SteerOptions::default() });
        assert_eq!((&*story, report.end), ("T: T -> 0", Ending::TimedOut { task: Some(0) }));
        assert!(report.elapsed.as_secs_f64() < 2.5);
    }
}

#[test]
fn refusals_are_told() {
    let refused = |b: &Build, schedule: &str, options: &SteerOptions| {
        Host::new().unwrap().steer(&b.0, &b.schedule(schedule), options, &mut |_| {}).unwrap_err()
    };
    let mut b = Build::default().pipe("big", Some(1 << 30)).task("T", &[(0, R)], vec![Call::Yield]);
    let errno = libc::EPERM;
    assert_eq!(refused(&b, "T", &SteerOptions::default()), Refusal::Object { name: "big".into(), errno });
    b.0.settings.caps.push("CAP_NO_SUCH".into());
    assert_eq!(refused(&b, "T", &SteerOptions::default()), Refusal::Capability("CAP_NO_SUCH".into()));
    let b = Build::default().task("T", &[], vec![Call::Yield]);
    let proof = SteerOptions { method: Some(Method::Proof), ..SteerOptions::default() };
    assert_eq!(refused(&b, "T+", &proof), Refusal::CannotHold);
    let mut host = Host::unprivileged().unwrap();
    let fifo = SteerOptions { method: Some(Method::Fifo), ..SteerOptions::default() };
    assert_eq!(host.steer(&b.0, &b.schedule("T"), &fifo, &mut |_| {}), Err(Refusal::NoRealtime));
}

#[test]
fn many_schedules_are_run_in_order() {
    let b = Build::default().pipe("p", None).task("R", &[(0, R)], vec![read(3, 9)]).task(
        "W",
        &[(0, W)],
        vec![write(3, "ab")],
    );
    let schedules = ["R W", "W R", "R R", "W"].map(|s| b.schedule(s));
    for mut host in [Host::new().unwrap(), Host::unprivileged().unwrap()] {
        let mut seen = Vec::new();
        host.steer_many(&b.0, &schedules, &SteerOptions::default(), &mut |index, observations, report| {
            seen.push((index, unordered(&b, observations).concat().join(" "), report.steps));
        })
        .unwrap();
        let expected = [
            r#"; R in read R: ; R -> "ab" W -> 2 W:"#,
            r#"; W -> 2 W: ; R -> "ab" R:"#,
            "; R in read R:",
            "; W -> 2 W:",
        ];
        let expected: Vec<_> =
            expected.iter().zip([2, 2, 1, 1]).enumerate().map(|(i, (s, n))| (i, s.to_string(), n)).collect();
        assert_eq!(seen, expected);
    }
}

#[test]
fn processes_of_other_users_are_what_they_say() {
    // Safe: asks for a number.
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let root = methods()[0] == Method::Fifo && map.split_whitespace().eq(["0", "0", "4294967295"]);
    let mut b = Build::default().pipe("p", None).task(
        "T",
        &[(0, R)],
        vec![Call::Reopen { fd: 3, flags: OpenFlags::O_WRONLY }, Call::Fork { child: 1 }],
    );
    b.0.processes[0].user = 1;
    b = b.child("C", 0, vec![Call::Yield]);
    if root {
        // Pipes belong to the one who made them, and nobody else may open them.
        both(&b, "T T C", "T: T -> EACCES ; T: T -> 101 ; C: C -> 0 ;");
    }
    let refusal = Host::unprivileged().unwrap().steer(&b.0, &b.schedule("T"), &SteerOptions::default(), &mut |_| {});
    assert_eq!(refusal, Err(Refusal::Users));
}

#[test]
fn a_batch_may_have_different_programs() {
    let a = Build::default().pipe("p", None).task("W", &[(0, W)], vec![write(3, "a")]);
    let b = Build::default().pipe("p", None).task("T", &[(0, W), (0, R)], vec![fill(3, 5000), read(4, 5000)]);
    let c = Build::default().pipe("big", Some(1 << 30)).task("T", &[(0, R)], vec![Call::Yield]);
    let (s, t) = (a.schedule("W"), b.schedule("T T"));
    let jobs = [(&a, &s), (&b, &t), (&a, &s), (&c, &s), (&a, &s)].map(|(b, schedule)| Job { program: &b.0, schedule });
    let mut ends = Vec::new();
    let each = &mut |i: usize, seen: &[Observation], r: &SteerReport| ends.push((i, seen.len(), r.end.clone()));
    let refusal = Host::new().unwrap().steer_batch(&jobs, &SteerOptions::default(), each);
    assert_eq!(refusal, Err(Refusal::Object { name: "big".into(), errno: libc::EPERM }));
    assert_eq!(ends, [(0, 3, Ending::Finished), (1, 6, Ending::Finished), (2, 3, Ending::Finished)]);
}

/// Many random steps of many tasks, with what they mean checked by `/proc` after every one.
#[test]
fn the_same_schedule_gives_the_same_story() {
    let mut b = Build::default().pipe("p", Some(4096)).pipe("q", Some(4096));
    let ends = [(0, R), (0, W), (1, R), (1, W)];
    for i in 0..10u32 {
        let (out, into) = if i % 2 == 0 { (3, 6) } else { (5, 4) };
        let size = 200 + 977 * (i % 5);
        let calls = (0..40).map(|k| if (k + i) % 3 == 0 { read(out, size) } else { fill(into, size + k) });
        b = b.task(&format!("t{i}"), &ends, calls.collect());
    }
    // These two never sleep, so that there is always somebody who can go on.
    let flags = RwFlags::RWF_NOWAIT;
    for (name, fd, into) in [("n0", 3, 6), ("n1", 5, 4)] {
        let read = Call::Read { fd, count: 5000, fault: None, flags };
        let write = Call::Write { fd: into, data: Payload::fill(b'n', 100), flags };
        b = b.task(name, &ends, [read, write].into_iter().cycle().take(400).collect());
    }
    let mut seed = 1u64;
    let mut steps = Vec::new();
    for method in methods() {
        // Builds a possible schedule by leaving out what turned out to be impossible.
        let mut host = Host::new().unwrap();
        let options = SteerOptions { method: Some(method), check_every: 1, ..SteerOptions::default() };
        if steps.is_empty() {
            for _ in 0..100 {
                let mut wish = steps.clone();
                for _ in 0..20 {
                    seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    wish.push(lockstep::program::Release::of((seed >> 33) as u16 % 12));
                }
                let schedule = lockstep::program::Schedule { steps: wish.clone() };
                let report = host.steer(&b.0, &schedule, &options, &mut |_| {}).unwrap();
                assert_eq!(report.check_failures, 0);
                wish.truncate(report.steps);
                steps = wish;
            }
        }
        assert!(steps.len() > 60, "{}", steps.len());
        let schedules = vec![lockstep::program::Schedule { steps: steps.clone() }; 50];
        let mut stories = std::collections::BTreeSet::new();
        host.steer_many(&b.0, &schedules, &options, &mut |_, seen, report| {
            assert_eq!((report.check_failures, &report.end), (0, &Ending::Finished));
            stories.insert(if method == Method::Fifo { story(&b, seen) } else { String::new() });
        })
        .unwrap();
        assert_eq!(stories.len(), 1);
    }
}

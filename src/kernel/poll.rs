//! `do_sys_poll` and `pipe_poll`.

use super::{
    Cx, Kernel, QueueId, RestartKind, Step, TaskId,
    call::{Fd, PollEvents, Return, Timeout},
    canon::{canon_enum, canon_flags, canon_struct},
    file::{File, FileId},
    frame::{InCall, WaitsFor},
    quirk::Quirk,
    rules::*,
    task::RunState,
    wait::WaitEntry,
};
use smallvec::SmallVec;

/// A poll under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Poll {
    /// Where it is.
    pub at: At,
    /// What is polled.
    pub fds: SmallVec<[PollFd; 2]>,
    /// Entries below this are on their queues.
    pub registered: u8,
    /// An event was found: nothing more is registered.
    pub found: bool,
    /// `poll_wqueues.triggered`: a wake-up came since the last look.
    pub triggered: bool,
    /// No (more) sleeping.
    pub timed_out: bool,
    /// A timer is to be armed for the first sleep.
    pub timer: bool,
}

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PollFd {
    /// The descriptor, looked up in every round; a negative one is ignored.
    pub fd: Fd,
    /// The file on whose queues the task is, with a reference to it; `None` before the first round.
    pub file: Option<FileId>,
    /// Events asked for.
    pub events: PollEvents,
    /// Events found.
    pub revents: PollEvents,
}

/// The places of a poll where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// About to register on the queues of an entry.
    Register(u8),
    /// About to look at the state behind an entry, without a lock (STEP-PIPE-11).
    Look(u8),
    /// Nothing found: about to sleep, or woken.
    Sleep,
    /// Woken or timed out.
    Woken,
    /// State behind an entry looked at, not on its queues yet: only with the defect PIPE-22.
    Enlist(u8),
}

canon_flags!(PollEvents);
canon_enum!(At { 0 => Register(i), 1 => Look(i), 2 => Sleep, 3 => Woken, 4 => Enlist(i), });
canon_struct!(PollFd { fd, file, events, revents });
canon_struct!(Poll { at, fds, registered, found, triggered, timed_out, timer });

impl Poll {
    /// A poll of `fds`.
    pub fn new(fds: &[(Fd, PollEvents)], timeout: Timeout) -> Self {
        let fds = fds.iter().map(|&(fd, events)| PollFd { fd, file: None, events, revents: PollEvents::empty() });
        Poll {
            at: At::Register(0),
            fds: fds.collect(),
            registered: 0,
            found: false,
            triggered: false,
            timed_out: timeout == Timeout::Now,
            timer: matches!(timeout, Timeout::After(_)),
        }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Register(i) if usize::from(i) == self.fds.len() => return self.looked(cx),
            At::Register(i) if cx.env.quirks.has(Quirk::PollLooksFirst) => {
                cx.trace.rule(PIPE_22);
                let fd = &mut self.fds[usize::from(i)];
                let file = cx.file_of(fd.fd);
                fd.revents = mask(cx.k, cx.me, fd, file, Some(cx.trace));
                self.at = At::Enlist(i);
            }
            At::Enlist(i) => {
                self.register(cx, i);
                self.found |= !self.fds[usize::from(i)].revents.is_empty();
                self.at = At::Register(i + 1);
            }
            At::Register(i) => {
                self.register(cx, i);
                self.at = At::Look(i);
            }
            At::Look(i) => {
                let fd = &mut self.fds[usize::from(i)];
                let file = cx.file_of(fd.fd);
                fd.revents = mask(cx.k, cx.me, fd, file, Some(cx.trace));
                self.found |= !fd.revents.is_empty();
                self.at = At::Register(i + 1);
            }
            At::Sleep => return self.sleep(cx),
            At::Woken => {
                let me = cx.k.task_mut(cx.me);
                me.state = RunState::Running;
                self.triggered = false;
                self.at = At::Register(0);
            }
        }
        Step::Preempted
    }

    /// `poll_wait`: on the queues of each end, unless it is there already or an event was found.
    fn register(&mut self, cx: &mut Cx, i: u8) {
        let fd = &mut self.fds[usize::from(i)];
        let Some(id) = cx.file_of(fd.fd) else { return };
        let file = cx.k.file(id).clone();
        if file.regular.is_some() {
            return;
        }
        let one = cx.env.quirks.has(Quirk::PipeOneQueue);
        if file.is_pipe() && !one && !cx.k.ends(file.pipe).poll_usage {
            cx.k.ends_mut(file.pipe).poll_usage = true;
        }
        if self.found || self.timed_out || i < self.registered {
            return;
        }
        self.registered = i + 1;
        fd.file = Some(id);
        cx.k.file_mut(id).f_count += 1;
        let key = (fd.events | PollEvents::POLLERR | PollEvents::POLLHUP).bits();
        for queue in queues(cx, &file) {
            cx.enqueue(queue, WaitEntry { task: cx.me, exclusive: false, key });
        }
    }

    /// The end of a round over all entries.
    fn looked(&mut self, cx: &mut Cx) -> Step {
        let count = self.fds.iter().filter(|fd| !fd.revents.is_empty()).count();
        if count == 0 && cx.signal_pending() {
            self.freewait(cx);
            return Step::Restart(RestartKind::NoHand);
        }
        if count > 0 || self.timed_out {
            self.freewait(cx);
            let extra = self.fds.iter().map(|fd| fd.revents.bits().into()).collect();
            return Step::Returned(Return { extra, ..Return::value(count as i64) });
        }
        self.registered = self.fds.len() as u8;
        self.at = At::Sleep;
        Step::Preempted
    }

    /// `poll_schedule_timeout`
    fn sleep(&mut self, cx: &mut Cx) -> Step {
        cx.trace.rule(PIPE_P_WAIT);
        let me = cx.k.task_mut(cx.me);
        me.state = RunState::Interruptible;
        me.timer |= std::mem::take(&mut self.timer);
        self.at = At::Woken;
        if self.triggered { Step::Preempted } else { cx.schedule(None) }
    }

    /// `poll_freewait`
    fn freewait(&mut self, cx: &mut Cx) {
        for fd in &mut self.fds {
            let Some(id) = fd.file.take() else { continue };
            for queue in queues(cx, &cx.k.file(id).clone()) {
                cx.leave(queue);
            }
            cx.fput(id);
        }
        if cx.k.task(cx.me).timer {
            cx.k.task_mut(cx.me).timer = false;
        }
    }

    /// Whether some event is there now, for a task that polls.
    pub fn ready(&self, k: &Kernel, me: TaskId) -> bool {
        self.fds.iter().any(|fd| !mask(k, me, fd, fd.file, None).is_empty())
    }

    /// Whom it waits for.
    pub fn waits_for(&self, k: &Kernel) -> Vec<WaitsFor> {
        let files = self.fds.iter().filter_map(|fd| fd.file).map(|file| k.file(file)).filter(|f| f.is_pipe());
        files.map(|file| WaitsFor::Pipe { pipe: file.pipe, writer: file.read }).collect()
    }

    /// The timer of this call went off.
    pub fn expire(&mut self) {
        self.timed_out = true;
    }
}

/// The queues that `pipe_poll` or `signalfd_poll` registers on; a regular file has none.
fn queues(cx: &Cx, file: &File) -> impl Iterator<Item = QueueId> + use<> {
    let (pipe, one) = (file.is_pipe(), cx.env.quirks.has(Quirk::PipeOneQueue));
    let of = |there: bool, queue: QueueId| (pipe && there).then_some(queue);
    let queues = [
        of(file.read && !one, QueueId::rd(file.pipe)),
        of(file.write && !one, QueueId::wr(file.pipe)),
        of(one, QueueId::one(file.pipe)),
    ];
    let signals = file.signalfd.map(|_| QueueId::signalfd(cx.k.process_id_of(cx.me)));
    queues.into_iter().flatten().chain(signals)
}

/// `pipe_poll`, as far as it looks, and the filter of `do_pollfd`.
fn mask(k: &Kernel, me: TaskId, fd: &PollFd, file: Option<FileId>, trace: Option<&mut super::Trace>) -> PollEvents {
    let Some(id) = file else {
        return if fd.fd < 0 { PollEvents::empty() } else { PollEvents::POLLNVAL };
    };
    let file = k.file(id);
    if file.signalfd.is_some() {
        let readable = k.signalfd_readable(me, id);
        if let Some(trace) = trace.filter(|_| readable) {
            trace.rule(SIG_W_05_POLL);
        }
        return if readable { PollEvents::POLLIN & fd.events } else { PollEvents::empty() };
    }
    if file.regular.is_some() {
        // DEFAULT_POLLMASK: always ready.
        let ready = PollEvents::POLLIN | PollEvents::POLLRDNORM | PollEvents::POLLOUT | PollEvents::POLLWRNORM;
        return ready & fd.events;
    }
    let (ring, ends) = (k.ring(file.pipe), k.ends(file.pipe));
    let mut mask = PollEvents::empty();
    if file.read {
        if !ring.is_empty() {
            mask |= PollEvents::POLLIN | PollEvents::POLLRDNORM;
        }
        if ends.writers == 0 && file.f_pipe != ends.w_counter {
            mask |= PollEvents::POLLHUP;
        }
    }
    if file.write {
        if !ring.is_full() {
            mask |= PollEvents::POLLOUT | PollEvents::POLLWRNORM;
        }
        if ends.readers == 0 {
            mask |= PollEvents::POLLERR;
        }
    }
    let found = mask & (fd.events | PollEvents::POLLERR | PollEvents::POLLHUP);
    if let Some(trace) = trace {
        if file.read {
            trace.rule(PIPE_P_01);
        }
        if file.write {
            trace.rule(PIPE_P_02);
        }
        if found.contains(PollEvents::POLLERR) {
            trace.rule(PIPE_P_03);
        }
        if found.contains(PollEvents::POLLHUP) {
            trace.rule(PIPE_P_04);
        }
    }
    found
}

/// `pollwake`: a wake-up that a poller asked for.
pub fn triggered(cx: &mut Cx, task: TaskId) {
    if let Some(InCall::Poll(poll)) = &mut cx.k.task_mut(task).frame.call {
        poll.triggered = true;
    }
}

//! What a step changed of signals: both pending sets, masks, actions, and the handlers that have not returned.

use super::{ring::Drawing, strace::time};
use crate::{
    kernel::{
        Kernel, ProcessId, SigPending, TaskId,
        signal::{Disposition, SignalStruct, TimerStatus, name, set_in_words},
    },
    machine::{Machine, State},
    program::Compiled,
};

/// What a step changed, thread by thread and then process by process. A process with one thread is told beside that.
pub fn changes(machine: &Machine, before: &State, after: &State) -> Vec<Drawing> {
    let program = machine.program;
    if !program.uses_signals() {
        return Vec::new();
    }
    let mut drawings: Vec<Drawing> = Vec::new();
    for task in 0..program.tasks.len() as TaskId {
        let parts = of_task(program, &before.kernel, &after.kernel, task);
        if !parts.is_empty() {
            drawings.push(Drawing { name: program.tasks[usize::from(task)].name.clone(), parts });
        }
    }
    for process in 0..program.processes.len() as ProcessId {
        let parts = of_process(program, &before.kernel, &after.kernel, process);
        let name = &program.processes[usize::from(process)].name;
        if parts.is_empty() {
            continue;
        }
        match drawings.iter_mut().find(|drawing| drawing.name == *name) {
            Some(drawing) => drawing.parts.extend(parts),
            None => drawings.push(Drawing { name: name.clone(), parts }),
        }
    }
    drawings
}

fn of_task(program: &Compiled, before: &Kernel, after: &Kernel, task: TaskId) -> Vec<String> {
    let (old, new) = (before.task(task), after.task(task));
    let mut parts = Vec::new();
    if old.pending != new.pending {
        parts.push(format!("own pending: {}", pending(program, &new.pending)));
    }
    if old.blocked != new.blocked {
        parts.push(format!("blocked: {}", set_in_words(new.blocked)));
    }
    if before.sig_frames(task) != after.sig_frames(task) {
        let handlers = &program.tasks[usize::from(task)].code.handlers;
        let of = |number: u16| handlers.get(usize::from(number)).map_or("?", |handler| handler.name.as_str());
        let frames: Vec<&str> = after.sig_frames(task).iter().rev().map(|frame| of(frame.handler)).collect();
        parts.push(format!("handlers: {}", if frames.is_empty() { "none".into() } else { frames.join(" on ") }));
    }
    parts
}

fn of_process(program: &Compiled, before: &Kernel, after: &Kernel, process: ProcessId) -> Vec<String> {
    let (old, new) = (&before.process(process).signal, &after.process(process).signal);
    let mut parts = Vec::new();
    if old.shared_pending != new.shared_pending {
        parts.push(format!("shared pending: {}", pending(program, &new.shared_pending)));
    }
    if (&old.handlers, old.ignored) != (&new.handlers, new.ignored) {
        parts.push(format!("actions: {}", actions(program, process, new)));
    }
    let queues = [
        ("signalfd_wqh", &old.signalfd_wqh, &new.signalfd_wqh),
        ("wait_chldexit", &old.wait_chldexit, &new.wait_chldexit),
    ];
    for (name, _, new) in queues.into_iter().filter(|(_, old, new)| old != new) {
        let tasks = new.entries.iter().map(|entry| program.tasks[usize::from(entry.task)].name.as_str());
        let tasks = tasks.collect::<Vec<_>>().join(", ");
        parts.push(format!("{name}: {}", if tasks.is_empty() { "empty" } else { &tasks }));
    }
    if old.real_timer != new.real_timer {
        let timer = match (new.real_timer.armed, new.real_timer.interval) {
            (false, _) => "not armed".into(),
            (true, 0) => "armed".into(),
            (true, interval) => format!("armed, every {}", time(interval)),
        };
        parts.push(format!("timer: {timer}"));
    }
    parts.extend(timers(old, new));
    parts
}

/// `SIGUSR1 by K, SIGRTMIN (siginfo lost)`: the entries in the order of the queue, and what has none.
fn pending(program: &Compiled, pending: &SigPending) -> String {
    let mut words: Vec<String> = Vec::new();
    for entry in &pending.list {
        let by = program.task_by_tid(entry.info.pid).map(|task| &program.tasks[usize::from(task)].name);
        let by = by.map_or(String::new(), |by| format!(" by {by}"));
        words.push(format!("{}{by}", name(entry.info.signo)));
    }
    let queued = |signal| pending.list.iter().any(|entry| entry.info.signo == signal);
    let bare = (1..=64).filter(|&signal| pending.contains(signal) && !queued(signal));
    words
        .extend(bare.map(|signal| if signal == 9 { name(signal) } else { format!("{} (siginfo lost)", name(signal)) }));
    if words.is_empty() { "none".into() } else { words.join(", ") }
}

/// Timers of `timer_create` that changed.
fn timers(old: &SignalStruct, new: &SignalStruct) -> Vec<String> {
    let changed = new.posix_timers.iter().filter(|timer| !old.posix_timers.contains(timer));
    let mut parts: Vec<String> = changed
        .map(|timer| {
            let again =
                if timer.it_interval > 0 { format!(", every {}", time(timer.it_interval)) } else { String::new() };
            let status = match timer.it_status {
                TimerStatus::Disarmed => "not armed",
                TimerStatus::Armed => "armed",
                TimerStatus::RequeuePending => "waits for its signal to be taken",
            };
            format!("timer {}: {}, {status}{again}", timer.it_id, name(timer.signo))
        })
        .collect();
    let gone = |id: &u8| new.posix_timers.iter().all(|timer| timer.it_id != *id);
    parts
        .extend(old.posix_timers.iter().map(|timer| timer.it_id).filter(gone).map(|id| format!("timer {id}: deleted")));
    if old.ignored_posix_timers != new.ignored_posix_timers {
        let ids: Vec<String> = new.ignored_posix_timers.iter().map(ToString::to_string).collect();
        parts.push(format!("ignored_posix_timers: {}", if ids.is_empty() { "empty".into() } else { ids.join(", ") }));
    }
    parts
}

/// `SIGUSR1 h, SIGPIPE SIG_IGN`.
fn actions(program: &Compiled, process: ProcessId, of: &SignalStruct) -> String {
    let handlers = program.processes[usize::from(process)].threads.first();
    let handlers = handlers.map_or(&[][..], |&task| &program.tasks[usize::from(task)].code.handlers);
    let mut words: Vec<String> = Vec::new();
    for (signal, action) in &of.handlers {
        let what = match action.disposition {
            Disposition::Default => "SIG_DFL",
            Disposition::Ignore => "SIG_IGN",
            Disposition::Handler(number) => handlers.get(usize::from(number)).map_or("?", |h| h.name.as_str()),
        };
        words.push(format!("{} {what}", name(*signal)));
    }
    if of.ignored != 0 {
        words.push(format!("{} SIG_IGN", set_in_words(of.ignored)));
    }
    if words.is_empty() { "default".into() } else { words.join(", ") }
}

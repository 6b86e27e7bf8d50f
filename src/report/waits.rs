//! A deadlock told: who sleeps where, who could wake it, and the circle that they wait in.

use super::{
    strace::{Caller, side_name},
    style::{Style, Tone, plural, wrap},
    waits_ipc,
};
use crate::{
    kernel::{Call, CallKind, OpenFlags, PipeId, QueueId, Quirk, RunState, TaskId, WaitsFor},
    machine::{Machine, State},
    program::{CallCode, Instr},
};
use petgraph::{algo::tarjan_scc, graphmap::DiGraphMap};
use std::collections::BTreeSet;

/// Tells of every sleeper of a state who could wake it; empty if nobody sleeps.
pub fn deadlock(machine: &Machine, state: &State, style: &Style) -> String {
    let graph = Waits { machine, state };
    let stuck: BTreeSet<TaskId> = state.stuck().collect();
    let sleepers: Vec<TaskId> = state.kernel.tasks().filter(|(_, t)| t.asleep).map(|(id, _)| id).collect();
    let mut text = String::new();
    for &task in &sleepers {
        let caller = Caller { machine, state, task };
        let name = Tone::Strong.paint(graph.name(task), style.color);
        let asleep = Tone::Sleep.paint("asleep", style.color);
        text.push_str(&format!("{name} {asleep} in {}", caller.current_text()));
        let places = graph.places(task);
        text.push_str(&if places.is_empty() { "\n".into() } else { format!(": {}\n", places.join(", ")) });
        let told = if stuck.contains(&task) { graph.lost(task) } else { graph.why(task) };
        for sentence in told {
            for line in wrap(&sentence, style.width.saturating_sub(4), 2) {
                text.push_str(&format!("    {line}\n"));
            }
        }
    }
    for circle in graph.circles(&sleepers) {
        let names: Vec<&str> = circle.iter().chain(circle.first()).map(|&task| graph.name(task)).collect();
        let chain = format!("{}: a circle", names.join(" waits for "));
        text.push_str(&format!("{}\n", Tone::Bad.paint(&chain, style.color)));
    }
    text
}

pub(super) struct Waits<'a> {
    pub(super) machine: &'a Machine<'a>,
    pub(super) state: &'a State,
}

/// One side of a pipe.
#[derive(Clone, Copy)]
struct Side {
    pipe: PipeId,
    writer: bool,
}

impl Waits<'_> {
    pub(super) fn name(&self, task: TaskId) -> &str {
        &self.machine.program.tasks[task as usize].name
    }

    /// The queues that a sleeper is in, with its position.
    fn places(&self, task: TaskId) -> Vec<String> {
        let mut places = Vec::new();
        for (id, _) in self.state.kernel.pipes() {
            let first = if self.machine.env.quirks.has(Quirk::PipeOneQueue) { "wait" } else { "rd_wait" };
            for (name, queue) in [(first, QueueId::rd(id)), ("wr_wait", QueueId::wr(id))] {
                let queue = self.state.kernel.queue(queue);
                if let Some(position) = queue.position(task) {
                    let pipe = self.machine.pipe_name(self.state, id);
                    places.push(format!("{} of {} in {name} of {pipe}", ordinal(position + 1), queue.entries.len()));
                }
            }
        }
        places.extend(waits_ipc::places(self, task));
        places
    }

    /// A sleeper whose condition holds.
    fn lost(&self, task: TaskId) -> Vec<String> {
        let mut told = Vec::new();
        for side in self.state.waits_for(task) {
            let Side { pipe, writer } = match side {
                WaitsFor::Pipe { pipe, writer } => Side { pipe, writer },
                WaitsFor::Msq { slot, sender } => {
                    told.push(waits_ipc::lost(self, slot, sender));
                    continue;
                }
            };
            let p = self.state.kernel.pipe(pipe);
            let name = self.machine.pipe_name(self.state, pipe);
            let there = match (writer, p.ring.is_empty()) {
                (true, false) => format!("{name} has {}", plural(p.ring.bytes(), "byte")),
                (true, true) => format!("nobody has {} open any more", side_name(self.machine, self.state, pipe, true)),
                (false, _) if p.ends.readers == 0 => {
                    format!("nobody has {} open any more", side_name(self.machine, self.state, pipe, false))
                }
                (false, _) => {
                    let free = p.ring.max_usage.saturating_sub(p.ring.occupancy());
                    format!("{name} has {} free", plural(free, "slot"))
                }
            };
            told.push(format!("it sleeps although {there}, and nobody is about to wake it: its wake-up was lost"));
        }
        told
    }

    /// Who could wake a sleeper, side by side with what they do.
    fn why(&self, task: TaskId) -> Vec<String> {
        let sides = self.state.waits_for(task);
        if sides.is_empty() {
            return vec!["nobody can wake it: it waits for a signal".into()];
        }
        let told = |side| match side {
            WaitsFor::Pipe { pipe, writer } => self.side(task, Side { pipe, writer }),
            WaitsFor::Msq { slot, sender } => waits_ipc::why(self, task, slot, sender),
        };
        sides.into_iter().flat_map(told).collect()
    }

    fn side(&self, task: TaskId, side: Side) -> Vec<String> {
        let end = side_name(self.machine, self.state, side.pipe, side.writer);
        if self.state.kernel.task(task).in_call() == Some(CallKind::Open) {
            let openers = self.openers(task, side);
            return vec![match &openers[..] {
                [] => format!("it waits for somebody who opens {end}, and nobody will"),
                _ => format!("it waits for somebody who opens {end}: {}", self.list(&openers, Some("would, but"))),
            }];
        }
        let family = self.state.kernel.threads_of(task);
        let holders = self.state.kernel.holders(side.pipe, side.writer);
        let others: Vec<TaskId> = holders.iter().copied().filter(|holder| !family.contains(holder)).collect();
        let threads: Vec<TaskId> = family.iter().copied().filter(|&t| t != task && holders.contains(&t)).collect();
        let own = holders.contains(&task);
        let pipe = self.machine.pipe_name(self.state, side.pipe);
        let me = self.name(task);
        let (needs, hopeless) = if side.writer {
            (format!("it needs bytes in {pipe}, or the end of file"), "no bytes will come, and no end of file")
        } else {
            (
                format!("it needs a free slot in {pipe}"),
                "no slot will become free, and while it is open there is no EPIPE",
            )
        };
        let all: Vec<TaskId> = threads.iter().chain(&others).copied().collect();
        if all.is_empty() && own {
            let mut told = vec![format!("{needs}; nobody has {end} open except {me} itself, which sleeps")];
            if side.writer && self.state.kernel.pipe(side.pipe).fifo.is_none() {
                told.push(format!("had {me} closed {end} before, it would see the end of file"));
            }
            return told;
        }
        if all.is_empty() {
            return vec![format!("{needs}; nobody has {end} open")];
        }
        let mut told = vec![format!("{needs}; {end} is open in {}", self.list(&all, None))];
        if own {
            told.push(format!("{me} itself has {end} open as well"));
        }
        if all.iter().all(|&holder| self.is_parked(holder)) {
            told.push(format!("{end} stays open without being used: {hopeless}"));
        }
        told
    }

    /// `A (asleep in read(p.r, 1)), B (parked after its last statement)`.
    pub(super) fn list(&self, tasks: &[TaskId], but: Option<&str>) -> String {
        let each = tasks.iter().map(|&task| match but {
            Some(but) => format!("{} {but} it {}", self.name(task), self.is(task)),
            None => format!("{}, which {}", self.name(task), self.is(task)),
        });
        each.collect::<Vec<_>>().join("; ")
    }

    fn is_parked(&self, task: TaskId) -> bool {
        let t = self.state.kernel.task(task);
        t.state != RunState::Dead && t.frame.call.is_none() && self.machine.next_move(self.state, task).is_none()
    }

    /// What a task is doing.
    fn is(&self, task: TaskId) -> String {
        let t = self.state.kernel.task(task);
        if t.state == RunState::Dead {
            "is gone".into()
        } else if t.asleep {
            format!("is asleep in {}", Caller { machine: self.machine, state: self.state, task }.current_text())
        } else if let Some(halt) = self.state.cursor(task).halt {
            format!("stopped: it {halt}")
        } else if self.is_parked(task) {
            "is parked after its last statement".into()
        } else {
            "can still go on".into()
        }
    }

    /// Tasks whose statements from here on open the FIFO behind a pipe for the wanted side.
    fn openers(&self, sleeper: TaskId, side: Side) -> Vec<TaskId> {
        let Some(path) = self.state.kernel.pipe(side.pipe).fifo else { return Vec::new() };
        let tasks = self.state.kernel.tasks().filter(|&(id, t)| id != sleeper && t.state != RunState::Dead);
        tasks.map(|(id, _)| id).filter(|&id| self.will_open(id, path, side.writer)).collect()
    }

    fn will_open(&self, task: TaskId, path: u16, writer: bool) -> bool {
        self.will_call(task, |call| match call {
            CallCode::Known(Call::Open { path: other, flags }) if *other == path => {
                let (read, write) = match *flags & (OpenFlags::O_WRONLY | OpenFlags::O_RDWR) {
                    f if f.is_empty() => (true, false),
                    f if f == OpenFlags::O_WRONLY => (false, true),
                    _ => (true, true),
                };
                if writer { write } else { read }
            }
            _ => false,
        })
    }

    /// Whether the statements of a task from here on have such a call.
    pub(super) fn will_call(&self, task: TaskId, wanted: impl Fn(&CallCode) -> bool) -> bool {
        let code = &self.machine.program.tasks[task as usize].code;
        let cursor = self.state.cursor(task);
        if cursor.halt.is_some() {
            return false;
        }
        let (mut seen, mut open) = (BTreeSet::new(), vec![cursor.pc]);
        while let Some(pc) = open.pop() {
            let Some(instr) = code.instrs.get(pc as usize).filter(|_| seen.insert(pc)) else { continue };
            match instr {
                Instr::Call { call, .. } if wanted(call) => return true,
                Instr::Jump(target) => {
                    open.push(*target);
                    continue;
                }
                Instr::JumpUnless { target, .. } => open.push(*target),
                _ => {}
            }
            open.push(pc + 1);
        }
        false
    }

    /// Whom a sleeper waits for.
    fn awaited(&self, task: TaskId) -> Vec<TaskId> {
        let in_open = self.state.kernel.task(task).in_call() == Some(CallKind::Open);
        let sides = self.state.waits_for(task).into_iter();
        sides
            .flat_map(|side| match side {
                WaitsFor::Pipe { pipe, writer } if in_open => self.openers(task, Side { pipe, writer }),
                WaitsFor::Pipe { pipe, writer } => self.state.kernel.holders(pipe, writer),
                WaitsFor::Msq { slot, sender } => waits_ipc::partners(self, task, slot, sender),
            })
            .filter(|&other| other != task)
            .collect()
    }

    /// Sleepers that wait for each other, one circle for each knot of them.
    fn circles(&self, sleepers: &[TaskId]) -> Vec<Vec<TaskId>> {
        let mut graph = DiGraphMap::<TaskId, ()>::new();
        for &task in sleepers {
            graph.add_node(task);
            for other in self.awaited(task) {
                if sleepers.contains(&other) {
                    graph.add_edge(task, other, ());
                }
            }
        }
        let mut circles: Vec<Vec<TaskId>> = Vec::new();
        for mut knot in tarjan_scc(&graph).into_iter().filter(|knot| knot.len() > 1) {
            knot.sort_unstable();
            let mut walk = vec![knot[0]];
            loop {
                let last = walk[walk.len() - 1];
                let mut next: Vec<TaskId> = graph.neighbors(last).filter(|other| knot.contains(other)).collect();
                next.sort_unstable();
                // Somebody new first, so that the circle tells of as many as it can.
                let Some(&step) = next.iter().find(|step| !walk.contains(step)).or(next.first()) else { break };
                if let Some(at) = walk.iter().position(|&task| task == step) {
                    circles.push(walk.split_off(at));
                    break;
                }
                walk.push(step);
            }
        }
        circles.sort_unstable();
        circles
    }
}

pub(super) fn ordinal(n: usize) -> String {
    let suffix = match (n % 10, n % 100) {
        (1, r) if r != 11 => "st",
        (2, r) if r != 12 => "nd",
        (3, r) if r != 13 => "rd",
        _ => "th",
    };
    format!("{n}{suffix}")
}

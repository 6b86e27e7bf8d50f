//! A path told as a table with one column per task: what each step did, what it changed, and the rules behind it.

use super::{
    msgq,
    ring::{self, Drawing},
    sems, shm, signals,
    strace::{self, Caller},
    style::{Style, Tone, wrap},
    table, waits,
};
use crate::{
    explore::{Taken, Witness},
    kernel::{Call, CallKind, Event, RunState, Step, TaskId, Trace, rules::Rule, signal},
    machine::{Machine, Move, MoveKind, State},
    oracle::Fifo,
    program::{Instr, Outcome, Schedule, Value, syntax::ObjectKind},
    verdict::cannot,
};
use std::collections::BTreeSet;

/// What is to be told.
#[derive(Clone, Copy, Debug)]
pub enum Path<'a> {
    /// A path that a search found, move by move.
    Witness(&'a Witness),
    /// A steered run: each release, and what goes on by itself after it.
    Schedule(&'a Schedule),
}

/// What `2+` means.
const HOLD: &str = "a step with + holds those whom it wakes: they go on only when a later step names them";

/// One step of the story.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// Its number; empty for what goes on by itself after a release.
    pub label: String,
    /// What is to be written into the columns of tasks.
    pub cells: Vec<Cell>,
    /// What changed in the kernel's structures.
    pub drawings: Vec<Drawing>,
    /// The rules that applied, with their sentence when it is told for the first time.
    pub rules: Vec<(&'static str, Option<&'static str>)>,
}

/// What is written into the column of a task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    /// Whose column.
    pub task: TaskId,
    /// The call, or what else the task does.
    pub what: String,
    /// How it ended.
    pub result: String,
    /// The tone of the result.
    pub tone: Tone,
}

/// Tells a path: a heading, the start, every step, and how it ends.
pub fn timeline(machine: &Machine, initial: &State, path: &Path, style: &Style) -> String {
    let story = tell(machine, initial, path);
    let mut text = heading(machine, style);
    text.push_str(&start(machine, initial, path, style));
    text.push_str(&table::render(machine.program, &story.rows, style));
    text.push_str(&end(machine, &story.before, style));
    text
}

/// The steps alone.
pub(super) fn rows(machine: &Machine, initial: &State, path: &Path) -> Vec<Row> {
    tell(machine, initial, path).rows
}

fn tell<'m>(machine: &'m Machine<'m>, initial: &State, path: &Path) -> Story<'m> {
    let mut story = Story::new(machine, initial.clone());
    match path {
        Path::Witness(witness) => {
            let mut number = 0;
            witness.replay(machine, initial, true, |taken, step, after, trace| {
                number += 1;
                story.see(number.to_string(), taken.mv, step, after, &[], &mut trace.clone());
            });
        }
        Path::Schedule(schedule) => story.walk(schedule),
    }
    story
}

/// What a story keeps in mind from one move to the next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    interrupted: BTreeSet<TaskId>,
    told: BTreeSet<&'static str>,
}

/// One move alone, and the state after it.
pub(super) fn one(machine: &Machine, before: &State, taken: Taken, memory: &mut Memory) -> (Row, State) {
    let mut story = Story::new(machine, before.clone());
    (story.interrupted, story.told) = (std::mem::take(&mut memory.interrupted), std::mem::take(&mut memory.told));
    let mut after = story.before.clone();
    let mut trace = Trace::telling();
    let step = machine.apply(&mut after, taken.mv, taken.sections, &mut trace);
    story.see(String::new(), taken.mv, &step, &after, &[], &mut trace);
    (memory.interrupted, memory.told) = (story.interrupted, story.told);
    (story.rows.pop().unwrap_or_default(), after)
}

fn heading(machine: &Machine, style: &Style) -> String {
    let name = if machine.program.name.is_empty() { "(no title)" } else { &machine.program.name };
    format!("{}  on Linux {}\n\n", Tone::Strong.paint(name, style.color), machine.env.version)
}

/// The pipes as they are at the start, and who holds them.
fn start(machine: &Machine, initial: &State, path: &Path, style: &Style) -> String {
    let mut text = String::new();
    for (id, pipe) in initial.kernel.pipes() {
        let drawing = ring::whole(machine, initial, id);
        text.push_str(&format!(
            "  {}  {}\n",
            Tone::Strong.paint(&drawing.name, style.color),
            ring::ring(&initial.kernel, &pipe.ring)
        ));
        let holders = format!("     {}\n", ring::holders(machine, initial, id));
        text.push_str(&Tone::Dim.paint(&holders, style.color));
    }
    for (object, info) in machine.program.objects.iter().enumerate() {
        if info.kind == ObjectKind::Fifo && machine.pipe_in(initial, object as u16).is_none() {
            text.push_str(&format!("  {}  a FIFO that nobody has open\n", Tone::Strong.paint(&info.name, style.color)));
        }
    }
    let pipes = !text.is_empty();
    let queues = msgq::all(machine, initial);
    for drawing in &queues {
        let name = Tone::Strong.paint(&drawing.name, style.color);
        text.push_str(&format!("  {name}  {}\n", drawing.parts.join("; ")));
    }
    for (slot, _) in initial.kernel.sem_sets() {
        let drawing = sems::whole(machine, initial, slot);
        let name = Tone::Strong.paint(&drawing.name, style.color);
        text.push_str(&format!("  {name}  {}\n", drawing.parts.join("  ")));
    }
    for (id, _) in initial.kernel.shmids() {
        let name = Tone::Strong.paint(&shm::name(machine, initial, id), style.color);
        text.push_str(&format!("  {name}  {}\n", shm::drawing(machine, initial, id)));
    }
    let legends = pipes || !queues.is_empty();
    if !legends && !text.is_empty() {
        text.push('\n');
    }
    if legends {
        let shares = machine.program.tasks.iter().any(|task| {
            task.code.instrs.iter().any(|instr| matches!(instr, Instr::Call { call, .. } if shares_pages(call.kind())))
        });
        let holds = matches!(path, Path::Schedule(schedule) if schedule.steps.iter().any(|step| step.hold));
        let rings = pipes.then_some(ring::LEGEND);
        let lists = (!queues.is_empty()).then_some(msgq::LEGEND);
        for legend in rings.into_iter().chain(lists).chain(shares.then_some(ring::PAGES)).chain(holds.then_some(HOLD)) {
            for line in wrap(legend, style.width.saturating_sub(2), 0) {
                text.push_str(&format!("  {}\n", Tone::Dim.paint(&line, style.color)));
            }
        }
        text.push('\n');
    }
    text
}

/// Whether two slots, or a slot and a file, can have a page in common after a call.
fn shares_pages(call: CallKind) -> bool {
    matches!(call, CallKind::Splice | CallKind::Tee)
}

/// The outcome, and who sleeps for ever.
pub(super) fn end(machine: &Machine, state: &State, style: &Style) -> String {
    let over = machine.moves(state).next().is_none();
    let outcome = Outcome::of(machine.program, &machine.world(state));
    let what = if over { "end" } else { "here" };
    let mut text = format!("\n{}  {}\n", Tone::Strong.paint(what, style.color), outcome.display(machine.program));
    if !over {
        let can = machine.moves(state).map(|mv| machine.program.tasks[mv.task as usize].name.as_str());
        let can: BTreeSet<&str> = can.collect();
        text.push_str(&format!("      {} can go on\n", can.into_iter().collect::<Vec<_>>().join(", ")));
    }
    let asleep = state.kernel.tasks().any(|(_, t)| t.asleep);
    if asleep && (over || state.is_quiescent() && state.stuck().next().is_some()) {
        text.push('\n');
        text.push_str(&waits::deadlock(machine, state, style));
    }
    text
}

/// The walk, with what was told already.
struct Story<'m> {
    machine: &'m Machine<'m>,
    /// The state before the next move.
    before: State,
    rows: Vec<Row>,
    /// Tasks that were interrupted within a call.
    interrupted: BTreeSet<TaskId>,
    /// Rules of which the sentence was told.
    told: BTreeSet<&'static str>,
}

impl<'m> Story<'m> {
    fn new(machine: &'m Machine<'m>, mut before: State) -> Self {
        before.set_journal(false);
        Story { machine, before, rows: Vec::new(), interrupted: BTreeSet::new(), told: BTreeSet::new() }
    }

    fn walk(&mut self, schedule: &Schedule) {
        let initial = self.before.clone();
        let mut fifo = Fifo::new(self.machine, &initial);
        self.before.clone_from(fifo.state());
        for (i, &release) in schedule.steps.iter().enumerate() {
            let mut label = format!("{}{}", i + 1, release.mark());
            let mut trace = Trace::telling();
            let made = fifo.release_telling(release, &mut trace, &mut |made, trace| {
                // A step that is not told leaves its number to the next one.
                if self.see(label.clone(), made.mv, made.step, made.state, made.held, trace) {
                    label.clear();
                }
            });
            if let Err(why) = made {
                let name = &self.machine.program.tasks[release.task as usize].name;
                let result = cannot(name, why);
                let cell = Cell { task: release.task, what: String::new(), result, tone: Tone::Bad };
                self.rows.push(Row { label, cells: vec![cell], ..Row::default() });
                return;
            }
        }
    }

    /// One move; whether there is something to tell of it.
    fn see(&mut self, label: String, mv: Move, step: &Step, after: &State, held: &[TaskId], trace: &mut Trace) -> bool {
        let mut cells = vec![self.acting(mv, step, after)];
        cells[0].result = with_signals(&cells[0].result, mv.task, trace);
        for (task, what) in woken(mv.task, held, trace) {
            cells.push(Cell { task, what: String::new(), result: what.into(), tone: Tone::Wake });
        }
        for (task, t) in after.kernel.tasks() {
            // Threads that an exit has marked, and children that `fork` has made.
            let old = self.before.kernel.task(task).state;
            if task != mv.task && old == RunState::Dead && t.state != RunState::Dead {
                cells.push(Cell { task, what: String::new(), result: "begins".into(), tone: Tone::Wake });
            }
        }
        let mut drawings = ring::changes(self.machine, &self.before, after);
        drawings.extend(msgq::changes(self.machine, &self.before, after));
        drawings.extend(shm::changes(self.machine, &self.before, after));
        drawings.extend(sems::changes(self.machine, &self.before, after));
        drawings.extend(signals::changes(self.machine, &self.before, after));
        let rules = self.rules(trace);
        let told = mv.kind != MoveKind::Local || !cells[0].what.is_empty() || !cells[0].result.is_empty();
        if told {
            self.rows.push(Row { label, cells, drawings, rules });
        }
        self.before.clone_from(after);
        told
    }

    /// What the task that moves does, and how that ends.
    fn acting(&mut self, mv: Move, step: &Step, after: &State) -> Cell {
        let task = mv.task;
        let caller = Caller { machine: self.machine, state: &self.before, task };
        let call = caller.current();
        let was_interrupted = self.interrupted.remove(&task);
        let in_call = self.before.kernel.task(task).in_call();
        let what = match mv.kind {
            MoveKind::Call => match self.before.cursor(task).frames.last() {
                Some(frame) if call == Some(crate::kernel::Call::Sigreturn) => {
                    let handlers = &self.machine.program.tasks[usize::from(task)].code.handlers;
                    format!("{} returns", handlers[usize::from(frame.handler)].name)
                }
                _ => caller.current_text(),
            },
            MoveKind::Continue => {
                let name = in_call.unwrap_or(CallKind::Pause);
                let how = if was_interrupted { "goes on" } else { "resumes" };
                format!("… {name} {how}")
            }
            MoveKind::Local => self.assignments(task, after),
            MoveKind::Deliver => "(signal)".into(),
            MoveKind::Expire => "(its timer expires)".into(),
            MoveKind::Alarm => "(the timer of its process goes off)".into(),
            MoveKind::Timer(id) => format!("(timer {id} of its process goes off)"),
            MoveKind::Flush => shm::flushed(self.machine, &self.before, task),
        };
        let later = Caller { machine: self.machine, state: after, task };
        let (mut result, mut tone) = match step {
            _ if matches!(
                mv.kind,
                MoveKind::Local | MoveKind::Expire | MoveKind::Flush | MoveKind::Alarm | MoveKind::Timer(_)
            ) =>
            {
                (String::new(), Tone::Plain)
            }
            Step::Returned(ret) => {
                let tone = if strace::is_failure(ret) { Tone::Bad } else { Tone::Good };
                (later.result(call.as_ref(), ret), tone)
            }
            Step::Forked(child) => (format!("= {}", self.machine.program.processes[*child as usize].name), Tone::Good),
            Step::Slept if mv.kind == MoveKind::Call || was_interrupted => ("… asleep".into(), Tone::Sleep),
            Step::Slept => ("and sleeps again".into(), Tone::Sleep),
            Step::Preempted => match &after.kernel.task(task).frame.call {
                Some(in_call) => {
                    self.interrupted.insert(task);
                    (format!("… interrupted: {}", in_call.place()), Tone::Sleep)
                }
                None => (String::new(), Tone::Plain),
            },
            Step::Restart(_) => ("… is made again".into(), Tone::Sleep),
            Step::Resumed => (String::new(), Tone::Plain),
            Step::Handler { signal } => {
                let handlers = &self.machine.program.tasks[usize::from(task)].code.handlers;
                let frame = after.cursor(task).frames.last();
                let handler = frame.and_then(|frame| handlers.get(usize::from(frame.handler)));
                let name = handler.map_or("its handler", |handler| handler.name.as_str());
                (format!("… runs {name} ({})", signal::name(*signal)), Tone::Sleep)
            }
            Step::Stopped => ("… stopped".into(), Tone::Sleep),
            Step::Exited => match (&call, after.kernel.process_of(task).life) {
                (Some(Call::Exit { .. } | Call::ThreadExit { .. }), _) if mv.kind != MoveKind::Deliver => {
                    ("… gone".into(), Tone::Dim)
                }
                (_, life) if life.ended().is_some() => {
                    let by = life.ended().and_then(|status| status.signal());
                    let why = by.map_or("its process exits".into(), |by| format!("killed by {}", signal::name(by)));
                    (format!("… gone: {why}"), Tone::Dim)
                }
                _ => ("… gone".into(), Tone::Dim),
            },
        };
        if let (None, Some(halt)) = (self.before.cursor(task).halt, after.cursor(task).halt) {
            tone = Tone::Bad;
            result = format!("{result} ✗ {halt}").trim_start().to_string();
        }
        Cell { task, what, result, tone }
    }

    /// The variables that a local statement changed: `n = 2`.
    fn assignments(&self, task: TaskId, after: &State) -> String {
        let vars = &self.machine.program.tasks[task as usize].vars;
        let (old, new) = (&self.before.cursor(task).locals, &after.cursor(task).locals);
        let changed = vars.iter().zip(old.iter().zip(new)).filter(|(name, (old, new))| old != new && !name.is_empty());
        let changed: Vec<String> =
            changed.map(|(name, (_, new)): (&String, (&Value, &Value))| format!("{name} = {new}")).collect();
        changed.join(", ")
    }

    /// The rules of a step in the order in which they applied.
    fn rules(&mut self, trace: &mut Trace) -> Vec<(&'static str, Option<&'static str>)> {
        let story = trace.story.as_mut().map(std::mem::take).unwrap_or_default();
        let ids = story.into_iter().filter_map(|event| match event {
            Event::Rule(id) => Some(id),
            _ => None,
        });
        let mut rules = Vec::new();
        for id in ids {
            let text = Rule::by_id(id).map(|rule| rule.info().text).filter(|_| self.told.insert(id));
            rules.push((id, text));
        }
        rules
    }
}

/// Whom a move woke, and what becomes of them.
fn woken(by: TaskId, held: &[TaskId], trace: &Trace) -> Vec<(TaskId, &'static str)> {
    let mut woken: Vec<(TaskId, &'static str)> = Vec::new();
    for &task in trace.woken.iter().filter(|&&task| task != by) {
        woken.push((task, if held.contains(&task) { "woken, held" } else { "woken" }));
    }
    for event in trace.story.iter().flatten() {
        if let Event::Woke { task } = event
            && *task != by
            && !woken.iter().any(|(known, _)| known == task)
        {
            woken.push((*task, "woken before it slept"));
        }
    }
    woken
}

/// A result, and the signals that the call sent to its own task.
fn with_signals(result: &str, task: TaskId, trace: &Trace) -> String {
    let sent = trace.story.iter().flatten().filter_map(|event| match event {
        Event::SignalSent { task: to, signal } if *to == task => Some(*signal),
        _ => None,
    });
    let sent: Vec<String> = sent.map(signal::name).collect();
    if sent.is_empty() { result.to_string() } else { format!("{result} ({})", sent.join(", ")) }
}

//! A walk by hand: somebody else chooses who goes next, and is told where that leads.

use super::{
    ring::{self, Drawing},
    sems,
    strace::Caller,
    style::{Style, Tone, plural, width, wrap},
    timeline::{self, Memory, Row},
};
use crate::{
    explore::{Options, Taken, explore_from},
    kernel::{Life, RunState, TaskId},
    machine::{Machine, Move, MoveKind, State},
    program::Value,
};

/// A walk, with the way back.
#[derive(Debug)]
pub struct Walk<'m> {
    machine: &'m Machine<'m>,
    /// The text of the test.
    source: &'m str,
    /// As many sections of kernel code make a step.
    sections: u32,
    style: Style,
    /// Where it has been; never empty.
    states: Vec<State>,
    memory: Memory,
}

impl<'m> Walk<'m> {
    /// At the start; a step is a whole call, or one section of kernel code if `in_sections`.
    pub fn new(machine: &'m Machine<'m>, source: &'m str, initial: State, in_sections: bool, style: Style) -> Self {
        let sections = if in_sections { 1 } else { u32::MAX };
        Walk { machine, source, sections, style, states: vec![initial], memory: Memory::default() }
    }

    fn here(&self) -> &State {
        self.states.last().unwrap_or_else(|| unreachable!("never empty"))
    }

    fn name(&self, task: TaskId) -> &str {
        &self.machine.program.tasks[task as usize].name
    }

    /// Steps made so far.
    pub fn len(&self) -> usize {
        self.states.len() - 1
    }

    /// Whether no step was made.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who can go next, in the order of the numbers that [`Walk::position`] shows.
    pub fn choices(&self) -> Vec<Move> {
        self.machine.moves(self.here()).collect()
    }

    /// The structures, and what every task does or would do.
    pub fn position(&self) -> String {
        let (machine, state) = (self.machine, self.here());
        let mut text = String::new();
        for (id, _) in state.kernel.pipes() {
            let Drawing { name, parts } = ring::whole(machine, state, id);
            text.push_str(&format!("  {}  {}\n", Tone::Strong.paint(&name, self.style.color), parts.join("; ")));
        }
        for (slot, _) in state.kernel.sem_sets() {
            let Drawing { name, parts } = sems::whole(machine, state, slot);
            text.push_str(&format!("  {}  {}\n", Tone::Strong.paint(&name, self.style.color), parts.join("; ")));
        }
        let choices = self.choices();
        let tasks = (0..machine.program.tasks.len() as TaskId).filter(|&task| Some(task) != machine.program.init);
        let wide = tasks.clone().map(|task| width(self.name(task))).max().unwrap_or(0);
        for task in tasks {
            let number = choices.iter().position(|mv| mv.task == task).map_or(String::new(), |i| (i + 1).to_string());
            let name = self.name(task);
            let pad = " ".repeat(wide - width(name));
            let (what, tone) = self.doing(task);
            let name = Tone::Strong.paint(name, self.style.color);
            let what = tone.paint(&what, self.style.color);
            text.push_str(&format!("  {number:>2} {name}{pad}  {what}{}\n", self.variables(task)));
        }
        text
    }

    /// What a task does, or would do next.
    fn doing(&self, task: TaskId) -> (String, Tone) {
        let state = self.here();
        let t = state.kernel.task(task);
        let caller = Caller { machine: self.machine, state, task };
        match self.machine.next_move(state, task) {
            Some(MoveKind::Call) => (caller.current_text(), Tone::Plain),
            Some(MoveKind::Continue) => {
                let place = t.frame.call.as_ref().filter(|_| self.sections == 1);
                let place = place.map_or(String::new(), |call| format!(": {}", call.place()));
                (format!("goes on in {}{place}", caller.current_text()), Tone::Wake)
            }
            Some(MoveKind::Local) => (self.statement(task), Tone::Plain),
            Some(MoveKind::Deliver) => ("receives a signal".into(), Tone::Wake),
            Some(MoveKind::Alarm) => ("its alarm can go off".into(), Tone::Plain),
            Some(MoveKind::Timer(id)) => (format!("timer {id} of its process can go off"), Tone::Plain),
            Some(MoveKind::Flush) => ("has a store in its buffer".into(), Tone::Plain),
            Some(MoveKind::Expire) => {
                (format!("asleep in {}; its timer can expire", caller.current_text()), Tone::Sleep)
            }
            None if t.asleep => (format!("asleep in {}", caller.current_text()), Tone::Sleep),
            None => match state.cursor(task).halt {
                Some(halt) => (format!("stopped: {halt}"), Tone::Bad),
                None if state.kernel.process_of(task).life == Life::Unborn => ("not forked yet".into(), Tone::Dim),
                None if t.state == RunState::Dead => ("gone".into(), Tone::Dim),
                None => ("parked after its last statement".into(), Tone::Dim),
            },
        }
    }

    /// The local statement at which a task stands.
    fn statement(&self, task: TaskId) -> String {
        let code = &self.machine.program.tasks[task as usize].code;
        let span = code.spans.get(self.here().cursor(task).pc as usize);
        let text = span.and_then(|span| self.source.get(span.start as usize..span.end as usize)).unwrap_or("");
        let line = text.lines().next().unwrap_or("").trim();
        if line.is_empty() { "(a local statement)".into() } else { format!("at {line}") }
    }

    /// The variables that have a value: `   x = "ab"`.
    fn variables(&self, task: TaskId) -> String {
        let vars = &self.machine.program.tasks[task as usize].vars;
        let values = vars.iter().zip(&self.here().cursor(task).locals);
        let known = values.filter(|(name, value)| !name.is_empty() && **value != Value::None);
        let known: Vec<String> = known.map(|(name, value)| format!("{name} = {value}")).collect();
        if known.is_empty() {
            return String::new();
        }
        Tone::Dim.paint(&format!("   {{{}}}", known.join(", ")), self.style.color)
    }

    /// Makes one of the [`Walk::choices`]; what happened.
    pub fn go(&mut self, mv: Move) -> String {
        let taken = Taken { mv, sections: self.sections };
        let mut memory = std::mem::take(&mut self.memory);
        let (row, after) = timeline::one(self.machine, self.here(), taken, &mut memory);
        self.memory = memory;
        self.states.push(after);
        self.tell(&row)
    }

    fn tell(&self, row: &Row) -> String {
        let color = self.style.color;
        let mut text = String::new();
        for cell in &row.cells {
            let name = Tone::Strong.paint(self.name(cell.task), color);
            let told = [cell.what.clone(), cell.tone.paint(&cell.result, color)];
            let told: Vec<String> = told.into_iter().filter(|part| !part.is_empty()).collect();
            text.push_str(&format!("{name}: {}\n", told.join(" ")));
        }
        for Drawing { name, parts } in &row.drawings {
            let parts = parts.join("; ");
            text.push_str(&format!("    {}\n", Tone::Dim.paint(&format!("{name}  {parts}"), color)));
        }
        for (id, sentence) in row.rules.iter().filter(|_| self.style.rules) {
            let sentence = sentence.map_or(id.to_string(), |sentence| format!("{id}: {sentence}"));
            for line in wrap(&sentence, self.style.width.saturating_sub(4), 2) {
                text.push_str(&format!("    {}\n", Tone::Dim.paint(&line, color)));
            }
        }
        text
    }

    /// Takes the last step back; whether there was one.
    pub fn undo(&mut self) -> bool {
        let made = !self.is_empty();
        if made {
            self.states.pop();
        }
        made
    }

    /// Why a task cannot go next.
    pub fn refusal(&self, task: TaskId) -> String {
        format!("{} cannot go: {}", self.name(task), self.doing(task).0)
    }

    /// How it ended, if nobody can go.
    pub fn end(&self) -> Option<String> {
        self.choices().is_empty().then(|| timeline::end(self.machine, self.here(), &self.style))
    }

    /// The outcomes that can be reached from here.
    pub fn outcomes(&self, options: &Options) -> String {
        let mut state = self.here().clone();
        state.commit();
        let exploration = explore_from(self.machine, options, &state);
        let mut text = format!("{} from here on:\n", plural(exploration.outcomes.len() as u64, "outcome"));
        for (outcome, found) in &exploration.outcomes {
            let steps = plural(found.witness.moves.len() as u64, "step");
            text.push_str(&format!("  {}  ({steps})\n", outcome.display(self.machine.program)));
        }
        if let Some(why) = &exploration.incomplete {
            text.push_str(&format!("  and perhaps others: {why}\n"));
        }
        text
    }
}

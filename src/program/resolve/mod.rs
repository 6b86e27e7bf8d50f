//! From names to indices.
//!
//! First everything declared gets its index (`names`), then it is known which process holds which end (`ends`), and then
//! statements, calls, expressions, properties and schedules are translated one by one. A function that returns `None`
//! has reported why.

mod call;
mod cells;
mod ends;
mod expr;
mod names;
mod path;
mod property;
mod schedule;
mod settings;
mod stmt;
mod types;

use super::{Code, Compiled, ExprCode, Field, Instr, Problem, ProcessInfo, Shown, TaskInfo, syntax::Program};
use crate::kernel::{CallKind, ProcessId, TaskId};
use names::Names;
use property::Claims;
use std::collections::HashSet;

/// Functions of expressions; every other name before parentheses is a system call.
pub const FUNCTIONS: [&str; 4] = ["len", "pattern", "killed", "stopped"];

/// Resolves every name.
///
/// # Errors
///
/// Every problem found, not only the first, in the order of the text.
pub fn resolve(program: &Program) -> Result<Compiled, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut names = Names::collect(program, &mut problems);
    ends::distribute(&mut names, &mut problems);

    let settings = settings::settings(program, &names, &mut problems);
    let objects = settings::objects(&names, &mut problems);
    let tasks = tasks(&names, &mut problems);
    let claims = property::claims(program, &names, &mut problems);
    let schedules = schedule::schedules(program, &names, &mut problems);
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.span.start);
        return Err(problems);
    }

    let Claims { properties, may_sleep, may_lose, shown, .. } = claims;
    let mut compiled = Compiled {
        name: program.name.clone(),
        settings,
        objects,
        processes: processes(&names),
        tasks,
        init: names.init(),
        properties,
        may_sleep,
        may_lose,
        shown,
        schedules,
        locals_visible: false,
        siginfo_visible: false,
    };
    compiled.siginfo_visible = siginfo_visible(&compiled);
    compiled.locals_visible = locals_visible(&compiled);
    if compiled.shown.is_empty() {
        compiled.shown = all_variables(&compiled);
    }
    forget_unobserved(&mut compiled);
    Ok(compiled)
}

fn processes(names: &Names) -> Vec<ProcessInfo> {
    let copies = names.processes.iter().flat_map(|process| (0..process.copies()).map(move |copy| (process, copy)));
    let info = |(process, copy): (&names::ProcessDecl, u16)| ProcessInfo {
        name: process.copy_name(copy),
        ends: if process.parent.is_none() { process.ends.clone() } else { Vec::new() },
        attached: if process.parent.is_none() { process.attached.clone() } else { Vec::new() },
        parent: process.parent.map(|parent| names.processes[parent].first),
        threads: process.threads.iter().map(|thread| thread + copy).collect(),
        user: process.syntax.and_then(|syntax| syntax.user).unwrap_or(0),
    };
    copies.map(info).collect()
}

fn tasks(names: &Names, problems: &mut Vec<Problem>) -> Vec<TaskInfo> {
    let mut tasks = Vec::new();
    for (i, source) in names.sources.iter().enumerate() {
        let (code, vars) = stmt::translate(names, i, problems);
        let process = &names.processes[source.process];
        for copy in 0..process.copies() {
            let name = if process.count.is_some() { process.copy_name(copy) } else { source.name.to_string() };
            let process = process.first + copy as ProcessId;
            let split = code.handlers_share();
            tasks.push(TaskInfo { name, process, code: code.clone(), vars: vars.clone(), split });
        }
    }
    tasks
}

/// What an outcome shows if the test does not say: every variable, those of `init` excepted.
fn all_variables(compiled: &Compiled) -> Vec<Shown> {
    let mut shown = Vec::new();
    for (id, task) in compiled.tasks.iter().enumerate().filter(|(id, _)| Some(*id as TaskId) != compiled.init) {
        for (slot, var) in task.vars.iter().enumerate().filter(|(_, var)| !var.is_empty()) {
            let value = ExprCode::Var { task: id as TaskId, slot: slot as u16, field: Field::Whole };
            shown.push(Shown { name: format!("{}.{var}", task.name), value });
        }
    }
    shown
}

/// Whether what a signal carries reaches a variable.
fn siginfo_visible(compiled: &Compiled) -> bool {
    let signalfds = compiled.uses_signalfd();
    let tells = |kind| kind == CallKind::Sigwaitinfo || kind == CallKind::Read && signalfds;
    let seen = |instr: &Instr| matches!(instr, Instr::Call { call, dest: Some(_), .. } if tells(call.kind()));
    compiled.tasks.iter().any(|task| {
        task.code.instrs.iter().any(seen) || task.code.handlers.iter().any(|handler| handler.info.is_some())
    })
}

fn locals_visible(compiled: &Compiled) -> bool {
    let mut visible = false;
    for cond in compiled.conditions_between_calls() {
        cond.visit(&mut |e| visible |= matches!(e, ExprCode::Var { .. }));
    }
    visible
}

/// A result that nobody can ever look at is not stored.
fn forget_unobserved(compiled: &mut Compiled) {
    let mut observed = HashSet::new();
    let mut observe = |e: &ExprCode| {
        if let ExprCode::Var { task, slot, .. } = e {
            observed.insert((*task, *slot));
        }
    };
    compiled.outside_conditions().for_each(|e| e.visit(&mut observe));
    for (id, task) in compiled.tasks.iter_mut().enumerate() {
        let mut read = HashSet::new();
        let mut note = |e: &ExprCode| {
            if let ExprCode::Local { slot, .. } = e {
                read.insert(*slot);
            }
        };
        task.code.expressions().for_each(|e| e.visit(&mut note));
        for instr in &mut task.code.instrs {
            if let Instr::Call { dest, .. } = instr
                && dest.is_some_and(|slot| !read.contains(&slot) && !observed.contains(&(id as TaskId, slot)))
            {
                *dest = None;
            }
        }
    }
}

impl Compiled {
    /// The conditions of `always` and `probe`.
    fn conditions_between_calls(&self) -> impl Iterator<Item = &ExprCode> {
        let always = self.properties.iter().filter(|p| p.quantifier == super::Quantifier::Always).map(|p| &p.cond);
        always.chain(self.schedules.iter().flat_map(super::ScheduleCode::probes))
    }

    /// Every expression that looks at tasks from outside.
    pub(super) fn outside_conditions(&self) -> impl Iterator<Item = &ExprCode> {
        let properties = self.properties.iter().map(|p| &p.cond);
        let schedules = self.schedules.iter().flat_map(super::ScheduleCode::expressions);
        properties.chain(self.shown.iter().map(|shown| &shown.value)).chain(schedules)
    }
}

impl Code {
    /// Whether handlers write what other statements look at, or look at what these write.
    fn handlers_share(&self) -> bool {
        let Some(first) = self.handlers.first() else { return false };
        let (own, of_handlers) = self.instrs.split_at(first.entry as usize);
        let writes = |instrs: &[Instr]| -> HashSet<u16> {
            let slot = |instr: &Instr| match instr {
                Instr::Call { dest, .. } => *dest,
                Instr::Assign { slot, .. } => Some(*slot),
                _ => None,
            };
            instrs.iter().filter_map(slot).collect()
        };
        let reads = |instrs: &[Instr]| {
            let mut read = HashSet::new();
            let mut note = |e: &ExprCode| {
                if let ExprCode::Local { slot, .. } = e {
                    read.insert(*slot);
                }
            };
            instrs.iter().flat_map(Instr::expressions).for_each(|e| e.visit(&mut note));
            read
        };
        let mut written = writes(of_handlers);
        written.extend(self.handlers.iter().filter_map(|handler| handler.info));
        let (own_writes, own_reads) = (writes(own), reads(own));
        !written.is_disjoint(&own_reads)
            || !written.is_disjoint(&own_writes)
            || !reads(of_handlers).is_disjoint(&own_writes)
    }

    /// Every expression of the code.
    fn expressions(&self) -> impl Iterator<Item = &ExprCode> {
        self.instrs.iter().flat_map(Instr::expressions)
    }
}

impl Instr {
    fn expressions(&self) -> Vec<&ExprCode> {
        match self {
            Instr::Call { call, expect, .. } => {
                let args = match call {
                    super::CallCode::Known(_) => &[][..],
                    super::CallCode::Computed { args, .. } => args,
                };
                args.iter().flatten().chain(expect).collect()
            }
            Instr::Assign { value: e, .. } | Instr::JumpUnless { cond: e, .. } | Instr::Assert(e) => vec![e],
            Instr::Jump(_) | Instr::End => Vec::new(),
        }
    }
}

impl super::ScheduleCode {
    fn probes(&self) -> impl Iterator<Item = &ExprCode> {
        self.lines.iter().filter_map(|line| match &line.kind {
            super::LineCodeKind::Probe(cond) => Some(cond),
            _ => None,
        })
    }

    fn expressions(&self) -> impl Iterator<Item = &ExprCode> {
        let events = self.lines.iter().flat_map(|line| match &line.kind {
            super::LineCodeKind::Release { events, .. } => &events[..],
            _ => &[],
        });
        let returns = events.filter_map(|event| match &event.what {
            super::EventWhat::Returns(value) => Some(value),
            _ => None,
        });
        returns.chain(self.probes())
    }
}

#[cfg(test)]
mod tests;

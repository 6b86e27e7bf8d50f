//! From a sketch to a program.

use super::{ProcessSketch, Sketch};
use crate::program::syntax::{
    Block, Body, CallExpr, Expr, ExprKind, Handler, Item, Process, Program, Property, PropertyKind, Span, StmtKind,
    Thread,
};
use std::collections::HashSet;

impl Sketch {
    /// The program. Processes and threads that do nothing, and that nobody names, are left out.
    pub fn finish(mut self, name: String) -> Program {
        self.drop_idle();
        let mut items: Vec<Item> = self.objects.into_iter().map(Item::Object).collect();
        if !self.init.is_empty() {
            items.push(Item::Init(self.init));
        }
        let parents: Vec<String> = self.processes.iter().map(|process| process.name.clone()).collect();
        for process in self.processes.into_iter().filter(|process| !process.tasks.is_empty()) {
            let single = process.tasks.len() == 1 && self.tasks[process.tasks[0]].name == process.name;
            let mut blocks = process.tasks.iter().map(|&task| {
                let task = &mut self.tasks[task];
                (std::mem::take(&mut task.name), std::mem::take(&mut task.block))
            });
            let body = if single {
                Body::Single(blocks.next().map_or(Block::new(), |(_, block)| block))
            } else {
                Body::Threads(blocks.map(|(name, block)| Thread { name: name.into(), block }).collect())
            };
            let handler = |h: super::HandlerSketch| Handler { name: h.name.into(), info: h.info, block: h.block };
            items.push(Item::Process(Process {
                name: process.name.into(),
                count: None,
                holds: Vec::new(),
                child_of: process.parent.map(|parent| parents[parent].clone().into()),
                user: None,
                handlers: process.handlers.into_iter().map(handler).collect(),
                body,
            }));
        }
        // Whoever sleeps at the end may: a schedule, or all outcomes, are what is compared.
        items.push(Item::Property(Property { on: None, kind: PropertyKind::AllowDeadlock, span: Span::default() }));
        Program { name, comments: Vec::new(), items }
    }

    /// Forgets tasks without statements, children that nobody forks, and whom only these name.
    fn drop_idle(&mut self) {
        let mut kept: Vec<Vec<usize>> = self.processes.iter().map(|process| process.tasks.clone()).collect();
        loop {
            let fewer = self.needed(&kept);
            if fewer == kept {
                break;
            }
            kept = fewer;
        }
        if kept.iter().all(Vec::is_empty) {
            kept[0].clone_from(&self.processes[0].tasks);
        }
        for (process, tasks) in self.processes.iter_mut().zip(kept) {
            process.tasks = tasks;
        }
    }

    /// Of the tasks of each process those that do something, or are named by one that is there.
    fn needed(&self, there: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let mut named = HashSet::new();
        let living = self.processes.iter().zip(there).filter(|(_, tasks)| !tasks.is_empty());
        let handlers = living.flat_map(|(process, _)| &process.handlers).map(|handler| &handler.block);
        let blocks = there.iter().flatten().map(|&task| &self.tasks[task].block);
        for stmt in blocks.chain(handlers).flatten() {
            if let StmtKind::Call { call, .. } = &stmt.kind {
                names(call, &mut named);
            }
        }
        let idle = |task: usize| self.tasks[task].block.is_empty() && !named.contains(&self.tasks[task].name);
        let mut kept = vec![Vec::new(); self.processes.len()];
        // Children stand behind their parents.
        for process in (0..self.processes.len()).rev() {
            let ProcessSketch { name, parent, handlers, .. } = &self.processes[process];
            let tasks = &there[process];
            let has_child = (0..kept.len()).any(|p| self.processes[p].parent == Some(process) && !kept[p].is_empty());
            let alone = !named.contains(name) && !has_child;
            if tasks.is_empty() || alone && (parent.is_some() || tasks.iter().all(|&task| idle(task))) {
                continue;
            }
            // Signals may choose a thread that does nothing else.
            let stays = |&task: &usize| task == tasks[0] || !handlers.is_empty() || !idle(task);
            kept[process] = tasks.iter().copied().filter(stays).collect();
        }
        kept
    }
}

/// Every name in a call.
fn names(call: &CallExpr, named: &mut HashSet<String>) {
    call.args.iter().for_each(|arg| names_in(&arg.value, named));
}

fn names_in(e: &Expr, named: &mut HashSet<String>) {
    match &e.kind {
        ExprKind::Path(path) => _ = named.insert(path.root.name.clone()),
        ExprKind::Call(call) => names(call, named),
        ExprKind::List(list) => list.iter().for_each(|e| names_in(e, named)),
        ExprKind::Neg(e) | ExprKind::Not(e) => names_in(e, named),
        ExprKind::Binary { left, right, .. } => [left, right].into_iter().for_each(|e| names_in(e, named)),
        _ => {}
    }
}

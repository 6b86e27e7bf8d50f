//! Everything declared, with its index.

use crate::kernel::{CallKind, ProcessId, TaskId, signal::tid_of};
use crate::program::{
    End, Problem, constants, did_you_mean,
    syntax::{
        Block, Body, Expr, ExprKind, Handler, Ident, Item, Object, Path, PathStep, Process, Program, Span, Stmt,
        StmtKind, TaskRef,
    },
};
use std::collections::HashMap;

/// A program has at most so many tasks, and an array so many members.
const MAX_TASKS: usize = 64;
/// A program has at most so many objects.
const MAX_OBJECTS: usize = 64;

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Entity {
    Object(u16),
    /// Index into [`Names::processes`].
    Process(usize),
    Thread(TaskId),
}

/// A `task` or `process` of the text, all copies together; or `init`.
pub(super) struct ProcessDecl<'a> {
    pub name: &'a str,
    /// Not there for `init`.
    pub syntax: Option<&'a Process>,
    /// Number of copies, if it is an array.
    pub count: Option<u16>,
    /// The first copy.
    pub first: ProcessId,
    /// Tasks of the first copy; those of the next come one later.
    pub threads: Vec<TaskId>,
    pub parent: Option<usize>,
    /// Handlers, which its threads share.
    pub handlers: &'a [Handler],
    /// Ends in the order of their descriptors; of a child, those of the process it descends from.
    pub ends: Vec<(u16, End)>,
    /// Segments in the order of their addresses; of a child, those of the process it descends from.
    pub attached: Vec<u16>,
}

impl ProcessDecl<'_> {
    /// The handler with this name.
    pub fn handler(&self, name: &str) -> Option<u16> {
        self.handlers.iter().position(|handler| handler.name.name == name).map(|i| i as u16)
    }

    pub fn copies(&self) -> u16 {
        self.count.unwrap_or(1)
    }

    pub fn copy_name(&self, copy: u16) -> String {
        if self.count.is_some() { format!("{}[{copy}]", self.name) } else { self.name.to_string() }
    }
}

/// The statements of a task, shared by its copies.
pub(super) struct Source<'a> {
    pub name: &'a str,
    pub block: &'a Block,
    pub process: usize,
    pub first: TaskId,
    pub vars: Vec<Var<'a>>,
}

impl<'a> Source<'a> {
    pub fn var(&self, name: &str) -> Option<(u16, &Var<'a>)> {
        self.vars.iter().position(|var| var.name == name).map(|slot| (slot as u16, &self.vars[slot]))
    }
}

/// A variable of a task.
pub(super) struct Var<'a> {
    pub name: &'a str,
    /// Calls whose results it takes.
    pub calls: Vec<CallKind>,
    /// It takes values of other variables, so it may be the result of any call.
    pub copies: bool,
}

/// Everything declared.
pub(super) struct Names<'a> {
    entities: HashMap<&'a str, (Entity, Span)>,
    pub objects: Vec<&'a Object>,
    pub processes: Vec<ProcessDecl<'a>>,
    pub sources: Vec<Source<'a>>,
}

impl<'a> Names<'a> {
    pub fn collect(program: &'a Program, problems: &mut Vec<Problem>) -> Names<'a> {
        let mut names =
            Names { entities: HashMap::new(), objects: Vec::new(), processes: Vec::new(), sources: Vec::new() };
        let mut init: Option<&'a Block> = None;
        for item in &program.items {
            match item {
                Item::Object(object) => names.object(object, problems),
                Item::Process(process) => names.process(process, problems),
                Item::Init(block) if init.is_none() => init = Some(block),
                Item::Init(block) => {
                    let span = block.first().map_or(Span::default(), |stmt| stmt.span);
                    problems.push(Problem::new("a second `init`", span, "there is one already"));
                }
                _ => {}
            }
        }
        if let Some(block) = init {
            let (first, task) = (names.next_process(), names.next_task());
            let ends = Vec::new();
            let process = names.processes.len();
            let threads = vec![task];
            names.processes.push(ProcessDecl {
                name: "init",
                syntax: None,
                count: None,
                first,
                threads,
                parent: None,
                handlers: &[],
                ends,
                attached: Vec::new(),
            });
            names.sources.push(Source { name: "init", block, process, first: task, vars: Vec::new() });
        }
        names.parents(problems);
        names.variables(problems);
        names
    }

    fn declare(&mut self, ident: &'a Ident, entity: Entity, problems: &mut Vec<Problem>) {
        if let Some(problem) = self.taken(ident) {
            problems.push(problem);
        } else {
            self.entities.insert(&ident.name, (entity, ident.span));
        }
    }

    /// Why a name cannot be given to something new.
    pub fn taken(&self, ident: &Ident) -> Option<Problem> {
        let name = &ident.name;
        if constants::by_name(name).is_some() {
            return Some(Problem::new(format!("`{name}` is a constant"), ident.span, "cannot be declared"));
        }
        let (_, earlier) = self.entities.get(name.as_str())?;
        let problem = Problem::new(format!("`{name}` is declared twice"), ident.span, "declared again");
        let problem = problem.also(*earlier, "declared here");
        Some(problem.help("objects, tasks and variables share one space of names"))
    }

    fn object(&mut self, object: &'a Object, problems: &mut Vec<Problem>) {
        if self.objects.len() == MAX_OBJECTS {
            let label = format!("more than {MAX_OBJECTS}");
            problems.push(Problem::new("too many objects", object.name.span, label));
            return;
        }
        self.declare(&object.name, Entity::Object(self.objects.len() as u16), problems);
        self.objects.push(object);
    }

    fn process(&mut self, process: &'a Process, problems: &mut Vec<Problem>) {
        let span = process.name.span;
        let threads = match &process.body {
            Body::Single(_) => 1,
            Body::Threads(threads) => threads.len(),
        };
        let copies = process.count.unwrap_or(1) as usize;
        let label = match copies {
            0 => Some("an array without members".into()),
            _ if usize::from(self.next_task()) + copies.saturating_mul(threads) > MAX_TASKS => {
                Some(format!("more than {MAX_TASKS} tasks"))
            }
            _ if process.count.is_some() && matches!(process.body, Body::Threads(_)) => {
                Some("an array of processes that have threads".into())
            }
            _ => None,
        };
        if let Some(label) = label {
            problems.push(Problem::new("this cannot be run", span, label));
            return;
        }
        let index = self.processes.len();
        self.declare(&process.name, Entity::Process(index), problems);
        let (first, first_task) = (self.next_process(), self.next_task());
        self.processes.push(ProcessDecl {
            name: &process.name.name,
            syntax: Some(process),
            count: process.count.map(|count| count as u16),
            first,
            threads: Vec::new(),
            parent: None,
            handlers: &process.handlers,
            ends: Vec::new(),
            attached: Vec::new(),
        });
        let blocks: Vec<(&'a str, &'a Block)> = match &process.body {
            Body::Single(block) => vec![(&process.name.name, block)],
            Body::Threads(threads) => {
                for (i, thread) in threads.iter().enumerate() {
                    self.declare(&thread.name, Entity::Thread(first_task + i as TaskId), problems);
                }
                threads.iter().map(|thread| (thread.name.name.as_str(), &thread.block)).collect()
            }
        };
        for (i, (name, block)) in blocks.into_iter().enumerate() {
            let first = first_task + i as TaskId;
            self.processes[index].threads.push(first);
            self.sources.push(Source { name, block, process: index, first, vars: Vec::new() });
        }
    }

    fn next_process(&self) -> ProcessId {
        self.processes.last().map_or(0, |last| last.first + last.copies())
    }

    fn next_task(&self) -> TaskId {
        self.sources.last().map_or(0, |last| last.first + self.processes[last.process].copies())
    }

    /// Who is whose child; a chain that leads back to itself is no family.
    fn parents(&mut self, problems: &mut Vec<Problem>) {
        for i in 0..self.processes.len() {
            let Some(ident) = self.processes[i].syntax.and_then(|syntax| syntax.child_of.as_ref()) else { continue };
            match self.entity(&ident.name) {
                Some(Entity::Process(parent)) if self.processes[parent].count.is_none() => {
                    self.processes[i].parent = Some(parent);
                }
                Some(Entity::Process(_)) => {
                    let problem = Problem::new("a child of an array", ident.span, "which member is the parent?");
                    problems.push(problem.help("declare the parent as a process of its own"));
                }
                _ => problems.push(self.unknown("process", ident, |entity| matches!(entity, Entity::Process(_)))),
            }
        }
        for i in 0..self.processes.len() {
            let mut at = i;
            for _ in 0..self.processes.len() {
                at = self.processes[at].parent.unwrap_or(at);
            }
            if let (Some(_), Some(syntax)) = (self.processes[at].parent, self.processes[i].syntax) {
                let label = "descends from itself";
                problems.push(Problem::new("no process starts this family", syntax.name.span, label));
                self.processes[i].parent = None;
            }
        }
    }

    fn variables(&mut self, problems: &mut Vec<Problem>) {
        for i in 0..self.sources.len() {
            let mut vars = Vec::new();
            self.assigned(self.sources[i].block, &mut vars, problems);
            for handler in self.processes[self.sources[i].process].handlers {
                if let Some(info) = &handler.info {
                    self.variable(info, Some(CallKind::Sigwaitinfo), false, &mut vars, problems);
                }
                self.assigned(&handler.block, &mut vars, problems);
            }
            self.sources[i].vars = vars;
        }
    }

    /// Whether a value is a cell, as far as can be said before variables are known: `m[0]`, `a[0]`.
    fn may_be_cell(&self, path: &Path) -> bool {
        matches!(path.steps[..], [PathStep::Index(_)])
            && (self.is_declared_cell(path) || self.entity(&path.root.name).is_none())
    }

    fn assigned(&self, block: &'a [Stmt], vars: &mut Vec<Var<'a>>, problems: &mut Vec<Problem>) {
        for stmt in block {
            let (dest, call, copies) = match &stmt.kind {
                StmtKind::Call { dest: Some(dest), call, .. } => (dest, CallKind::by_name(&call.name.name), false),
                StmtKind::Assign { dest, value } => match &value.kind {
                    ExprKind::Path(path) if self.may_be_cell(path) => (dest, Some(CallKind::Load), false),
                    _ => (dest, None, matches!(value.kind, ExprKind::Path(_))),
                },
                StmtKind::If { then, otherwise, .. } => {
                    self.assigned(then, vars, problems);
                    self.assigned(otherwise.as_deref().unwrap_or_default(), vars, problems);
                    continue;
                }
                StmtKind::While { body, .. } | StmtKind::Repeat { body, .. } => {
                    self.assigned(body, vars, problems);
                    continue;
                }
                _ => continue,
            };
            self.variable(dest, call, copies, vars, problems);
        }
    }

    /// A variable that takes the result of a call, or copies another one.
    fn variable(
        &self,
        dest: &'a Ident,
        call: Option<CallKind>,
        copies: bool,
        vars: &mut Vec<Var<'a>>,
        problems: &mut Vec<Problem>,
    ) {
        let known = vars.iter().position(|var| var.name == dest.name).unwrap_or_else(|| {
            problems.extend(self.taken(dest));
            vars.push(Var { name: &dest.name, calls: Vec::new(), copies: false });
            vars.len() - 1
        });
        vars[known].calls.extend(call);
        vars[known].copies |= copies;
    }

    /// The id of the thread that a name stands for; of a process, its own.
    pub fn tid(&self, who: &TaskRef) -> Result<i64, Problem> {
        let task = match (self.entity(&who.name.name), who.index) {
            (Some(Entity::Process(process)), None) if self.processes[process].count.is_none() => {
                self.processes[process].threads[0]
            }
            _ => self.task(who)?,
        };
        Ok(tid_of(task).into())
    }

    // Asking.

    pub fn entity(&self, name: &str) -> Option<Entity> {
        self.entities.get(name).map(|(entity, _)| *entity)
    }

    pub fn init(&self) -> Option<TaskId> {
        self.processes.last().filter(|process| process.syntax.is_none()).map(|process| process.threads[0])
    }

    /// The statements of a task.
    pub fn source_of(&self, task: TaskId) -> &Source<'a> {
        let source = self.sources.iter().rev().find(|source| source.first <= task);
        source.unwrap_or(&self.sources[0])
    }

    /// A task as properties name it: `R`, `worker[1]`.
    pub fn task_name(&self, task: TaskId) -> String {
        let source = self.source_of(task);
        let process = &self.processes[source.process];
        if process.count.is_some() { process.copy_name(task - source.first) } else { source.name.to_string() }
    }

    /// A problem with a name that should be that of a `what`; those that `fits` are suggested.
    pub fn unknown(&self, what: &str, ident: &Ident, fits: impl Fn(Entity) -> bool) -> Problem {
        let fitting = self.entities.iter().filter(|(_, (entity, _))| fits(*entity));
        let mut candidates: Vec<&str> = fitting.map(|(name, _)| *name).collect();
        candidates.sort_unstable();
        let name = &ident.name;
        match self.entities.get(name.as_str()) {
            Some((_, span)) => Problem::new(format!("`{name}` is no {what}"), ident.span, format!("no {what}"))
                .also(*span, "declared here"),
            None => Problem::new(format!("unknown {what} `{name}`"), ident.span, "declared nowhere")
                .maybe_help(did_you_mean(name, candidates)),
        }
    }

    /// All tasks that a name stands for: one, the members of an array, or the threads of a process.
    pub fn tasks(&self, who: &TaskRef) -> Result<Vec<TaskId>, Problem> {
        let span = who.name.span;
        let process = match self.entity(&who.name.name) {
            Some(Entity::Thread(task)) if who.index.is_none() => return Ok(vec![task]),
            Some(Entity::Process(process)) => &self.processes[process],
            _ => {
                let known = self.unknown("task", &who.name, |entity| !matches!(entity, Entity::Object(_)));
                return Err(known);
            }
        };
        match (process.count, who.index) {
            (None, None) => Ok(process.threads.clone()),
            (Some(count), None) => Ok((0..count).map(|copy| process.threads[0] + copy).collect()),
            (Some(count), Some(index)) if index < u32::from(count) => Ok(vec![process.threads[0] + index as TaskId]),
            (Some(count), Some(_)) => {
                let label = format!("`{}` has the members 0 to {}", process.name, count - 1);
                Err(Problem::new(format!("there is no `{who}`"), span, label))
            }
            (None, Some(_)) => Err(Problem::new(format!("`{}` is no array", process.name), span, "only one of it")),
        }
    }

    /// The one task that a name stands for.
    pub fn task(&self, who: &TaskRef) -> Result<TaskId, Problem> {
        let tasks = self.tasks(who)?;
        if let [task] = tasks[..] {
            return Ok(task);
        }
        let names: Vec<String> = tasks.iter().map(|task| format!("`{}`", self.task_name(*task))).collect();
        let problem = Problem::new(format!("`{who}` is more than one task"), who.name.span, "which one?");
        Err(problem.help(format!("one of {}", names.join(", "))))
    }

    /// The descriptor that a process holds an end at.
    pub fn fd(&self, process: usize, end: (u16, End)) -> Option<i64> {
        let at = self.processes[process].ends.iter().position(|held| *held == end)?;
        Some(i64::from(crate::program::FIRST_FD) + at as i64)
    }
}

/// Calls `f` with every expression of a block, sub-expressions included.
pub(super) fn visit_block<'a>(block: &'a [Stmt], f: &mut impl FnMut(&'a Expr)) {
    for stmt in block {
        match &stmt.kind {
            StmtKind::Call { call, expect, .. } => {
                call.args.iter().for_each(|arg| visit_expr(&arg.value, f));
                expect.iter().for_each(|expect| visit_expr(expect, f));
            }
            StmtKind::Assign { value, .. } => visit_expr(value, f),
            StmtKind::Store { at, data, .. } => {
                visit_expr(at, f);
                visit_expr(data, f);
            }
            StmtKind::If { cond, then, otherwise } => {
                visit_expr(cond, f);
                visit_block(then, f);
                visit_block(otherwise.as_deref().unwrap_or_default(), f);
            }
            StmtKind::While { cond: e, body } | StmtKind::Repeat { count: e, body } => {
                visit_expr(e, f);
                visit_block(body, f);
            }
            StmtKind::Assert(cond) => visit_expr(cond, f),
        }
    }
}

pub(super) fn visit_expr<'a>(e: &'a Expr, f: &mut impl FnMut(&'a Expr)) {
    f(e);
    match &e.kind {
        ExprKind::Call(call) => call.args.iter().for_each(|arg| visit_expr(&arg.value, f)),
        ExprKind::List(elements) => elements.iter().for_each(|element| visit_expr(element, f)),
        ExprKind::Neg(e) | ExprKind::Not(e) | ExprKind::Quantified { body: e, .. } => visit_expr(e, f),
        ExprKind::Binary { left, right, .. } | ExprKind::SemOp { semnum: left, op: right, .. } => {
            visit_expr(left, f);
            visit_expr(right, f);
        }
        ExprKind::Int(_) | ExprKind::Str(_) | ExprKind::Path(_) | ExprKind::Asleep { .. } => {}
    }
}

//! Paths: what a name stands for, and which part of it is meant.

use super::{
    cells::{self, hidden},
    ends,
    expr::{Scope, Translator},
    names::{Entity, Source, Var},
    settings,
    types::{Type, Typed},
};
use crate::kernel::{
    CallKind, TaskId,
    ipc::{
        msg::{INFO_FIELDS, STAT_FIELDS},
        sem, shm,
    },
    signal::{SIGINFO_FIELDS, task_of, tid_of},
};
use crate::program::{
    ExprCode, Field, ObjectField, Problem, Value, constants, did_you_mean,
    syntax::{ObjectKind, Path, PathStep, Span, TaskRef},
};
use std::sync::LazyLock;

type ResultField = (&'static str, Option<CallKind>, Field, Type);

/// Parts of results: which call must have returned it (any, if not said), and what it is.
const RESULT_FIELDS: &[ResultField] = &[
    ("ret", None, Field::Ret, Type::Unknown),
    ("data", Some(CallKind::Read), Field::Data, Type::Bytes),
    ("data", Some(CallKind::Pread), Field::Data, Type::Bytes),
    ("data", Some(CallKind::VmspliceRead), Field::Data, Type::Bytes),
    ("data", Some(CallKind::Msgrcv), Field::Data, Type::Bytes),
    ("type", Some(CallKind::Msgrcv), Field::Extra(0), Type::Number),
    ("val", Some(CallKind::Semctl), Field::Extra(0), Type::Number),
    ("off_in", Some(CallKind::Splice), Field::Extra(0), Type::Number),
    ("off_out", Some(CallKind::Splice), Field::Extra(1), Type::Number),
    ("r", Some(CallKind::Pipe), Field::Extra(0), Type::Number),
    ("w", Some(CallKind::Pipe), Field::Extra(1), Type::Number),
    ("revents", Some(CallKind::Poll), Field::Extra(0), Type::Number),
    ("mode", Some(CallKind::Fstat), Field::Extra(0), Type::Number),
    ("size", Some(CallKind::Fstat), Field::Extra(1), Type::Number),
    ("blksize", Some(CallKind::Fstat), Field::Extra(2), Type::Number),
    ("signo", Some(CallKind::Sigwaitinfo), Field::Extra(0), Type::Number),
    ("code", Some(CallKind::Sigwaitinfo), Field::Extra(1), Type::Number),
    ("pid", Some(CallKind::Sigwaitinfo), Field::Extra(2), Type::Number),
    ("uid", Some(CallKind::Sigwaitinfo), Field::Extra(3), Type::Number),
    ("value", Some(CallKind::Sigwaitinfo), Field::Extra(4), Type::Number),
    ("status", Some(CallKind::Sigwaitinfo), Field::Extra(4), Type::Number),
    ("signo", Some(CallKind::Read), Field::Extra(0), Type::Number),
    ("code", Some(CallKind::Read), Field::Extra(1), Type::Number),
    ("pid", Some(CallKind::Read), Field::Extra(2), Type::Number),
    ("uid", Some(CallKind::Read), Field::Extra(3), Type::Number),
    ("value", Some(CallKind::Read), Field::Extra(4), Type::Number),
    ("status", Some(CallKind::Read), Field::Extra(4), Type::Number),
    ("pid", Some(CallKind::Waitpid), Field::Ret, Type::Number),
    ("code", Some(CallKind::Waitpid), Field::Extra(0), Type::Number),
    ("status", Some(CallKind::Waitpid), Field::Extra(1), Type::Number),
    ("set", Some(CallKind::Sigpending), Field::Extra(0), Type::Number),
    ("old", Some(CallKind::Setitimer), Field::Extra(0), Type::Number),
    ("interval", Some(CallKind::Setitimer), Field::Extra(1), Type::Number),
    ("old", Some(CallKind::TimerSettime), Field::Extra(0), Type::Number),
    ("interval", Some(CallKind::TimerSettime), Field::Extra(1), Type::Number),
    ("armed", Some(CallKind::TimerGettime), Field::Extra(0), Type::Number),
    ("interval", Some(CallKind::TimerGettime), Field::Extra(1), Type::Number),
    ("old", Some(CallKind::Sigprocmask), Field::Extra(0), Type::Number),
];

/// What `IPC_STAT` and `IPC_INFO` copy out.
static CTL_FIELDS: LazyLock<Vec<ResultField>> = LazyLock::new(|| {
    let copied = |call: CallKind, fields: &'static [&'static str]| {
        let number = move |(i, name): (usize, &&'static str)| (*name, Some(call), Field::Extra(i as u8), Type::Number);
        fields.iter().enumerate().map(number)
    };
    let msg = copied(CallKind::Msgctl, &STAT_FIELDS).chain(copied(CallKind::Msgctl, &INFO_FIELDS));
    let sem = copied(CallKind::Semctl, &sem::STAT_FIELDS).chain(copied(CallKind::Semctl, &sem::INFO_FIELDS));
    let shm = [&shm::STAT_FIELDS[..], &shm::INFO_FIELDS, &shm::USE_FIELDS];
    let shm = shm.into_iter().flat_map(|list| copied(CallKind::Shmctl, list));
    msg.chain(sem).chain(shm).collect()
});

impl<'a> Translator<'a> {
    pub(super) fn path(&mut self, path: &'a Path, span: Span) -> Option<Typed> {
        let root = &path.root;
        if let Some((_, slot)) = self.loaded.iter().find(|(loaded, _)| std::ptr::eq(*loaded, path)) {
            return Some(Typed::number(hidden(*slot)));
        }
        if let Scope::Task(source) = self.scope
            && let Some((slot, var)) = self.names.sources[source].var(&root.name)
        {
            let (field, ty) = self.field(var, &path.steps, span)?;
            return Some(Typed { code: ExprCode::Local { slot, field }, ty });
        }
        if let Some(value) = constants::by_name(&root.name) {
            if path.steps.is_empty() {
                return Some(Typed::constant(value));
            }
            return self.report(Problem::new(format!("`{}` is a constant", root.name), span, "it has no parts"));
        }
        match &self.scope {
            Scope::Nothing => {
                let problem = Problem::new(format!("`{path}` is no constant"), span, "a constant is needed here");
                let constants = constants::all().map(|(name, _)| name);
                self.report(problem.maybe_help(did_you_mean(&root.name, constants)))
            }
            Scope::Task(source) => self.path_in_task(*source, path, span),
            Scope::World(bound) => {
                let bound = bound.iter().rev().find(|(name, _)| *name == root.name).map(|(_, task)| *task);
                self.path_in_world(bound, path, span)
            }
        }
    }

    /// A name in a task that is neither a variable of it nor a constant.
    fn path_in_task(&mut self, source: usize, path: &'a Path, span: Span) -> Option<Typed> {
        let name = &path.root.name;
        let source = &self.names.sources[source];
        match self.names.entity(name) {
            Some(Entity::Object(object)) => self.end(source.process, object, path, span),
            Some(_) if self.pid_of(path).is_some() => self.pid_of(path),
            Some(_) => {
                let problem = Problem::new(format!("`{name}` is another task"), span, "not visible from here");
                self.report(problem.help("tasks see their own variables only; pass data through a pipe"))
            }
            None => {
                let owner = self.names.sources.iter().find(|other| other.var(name).is_some());
                let help = match owner {
                    Some(owner) => {
                        Some(format!("`{name}` is a variable of `{}`; tasks see only their own", owner.name))
                    }
                    None => {
                        let vars = source.vars.iter().map(|var| var.name);
                        let objects = self.names.objects.iter().map(|object| object.name.name.as_str());
                        let constants = constants::all().map(|(name, _)| name);
                        did_you_mean(name, vars.chain(objects).chain(constants))
                    }
                };
                let problem = Problem::new(format!("unknown name `{name}`"), path.root.span, "declared nowhere");
                self.report(problem.maybe_help(help))
            }
        }
    }

    /// An object in a task: only an end of a pipe is a value, namely its descriptor.
    fn end(&mut self, process: usize, object: u16, path: &Path, span: Span) -> Option<Typed> {
        let declared = self.names.objects[object as usize];
        let name = &declared.name.name;
        let problem = match (&path.steps[..], declared.kind) {
            (_, ObjectKind::Memory) => {
                Problem::new(format!("`{name}` is memory, not a value"), span, "cannot be looked at from here")
                    .help(format!("`vmsplice(p.w, {name})` puts it into a pipe, `{name}[0] = \"a\"` stores into it"))
            }
            (_, ObjectKind::Fifo | ObjectKind::File) => {
                let kind = declared.kind.keyword();
                Problem::new(format!("`{name}` is a {kind}, not a descriptor"), span, "has to be opened first")
                    .help(format!("`d = open({name}, O_RDONLY)` gives a descriptor"))
            }
            ([PathStep::Index(_)], ObjectKind::Shm) => {
                Problem::new("a cell cannot be looked at here", span, "each access is a step of its own")
                    .help(format!("load it before: `x = {path}`"))
            }
            (_, ObjectKind::Shm) => Problem::new(format!("`{path}` is no value"), span, "this is shared memory")
                .help(format!("its cells are values: `{name}[0]`")),
            ([PathStep::Field(field)], ObjectKind::Pipe) => {
                if let Some(end) = ends::end_of(declared, &field.name)
                    && let Some(fd) = self.names.fd(process, (object, end))
                {
                    return Some(Typed::constant(Value::Int(fd)));
                }
                let field = &field.name;
                let problem = Problem::new(format!("a pipe has no end `{field}`"), span, "neither `r` nor `w`");
                match ObjectField::ALL.iter().any(|(name, ..)| name == field) {
                    true => problem.help("tasks cannot look into a pipe; `ioctl(p.r, FIONREAD)` counts its bytes"),
                    false => problem.help(format!("write `{name}.r` to read, `{name}.w` to write")),
                }
            }
            (_, ObjectKind::Msgq | ObjectKind::Sem | ObjectKind::Key) => {
                let kind = declared.kind.keyword();
                Problem::new(format!("`{name}` is a {kind}, not a value"), span, "only calls take it")
                    .help("`msgget(k, 0)` gives the id of the queue with the key `k`")
            }
            _ => Problem::new(format!("`{path}` is no descriptor"), span, "a pipe has two ends")
                .help(format!("write `{name}.r` to read, `{name}.w` to write")),
        };
        self.report(problem)
    }

    fn path_in_world(&mut self, bound: Option<TaskId>, path: &'a Path, span: Span) -> Option<Typed> {
        let (index, rest) = match &path.steps[..] {
            [PathStep::Index(index), rest @ ..] => (Some(*index), rest),
            rest => (None, rest),
        };
        if let Some(task) = bound {
            return self.var_of(task, path, &path.steps, span);
        }
        match self.names.entity(&path.root.name) {
            Some(Entity::Object(object)) => self.object_field(object, path, span),
            Some(_) if self.pid_of(path).is_some() => self.pid_of(path),
            Some(_) => {
                let who = TaskRef { name: path.root.clone(), index };
                let task = self.names.task(&who);
                let task = self.accept(task)?;
                self.var_of(task, path, rest, span)
            }
            None => self.bare_variable(path, span),
        }
    }

    /// `P.pid`, `T.tid`: the id of a process, which is that of its first thread, and of a thread, unless that has a variable
    /// of this name.
    fn pid_of(&self, path: &Path) -> Option<Typed> {
        let (index, rest) = match &path.steps[..] {
            [PathStep::Index(index), rest @ ..] => (Some(*index), rest),
            rest => (None, rest),
        };
        let [PathStep::Field(field)] = rest else { return None };
        let who = TaskRef { name: path.root.clone(), index };
        let named = self.names.tid(&who).ok()?;
        let task = task_of(named as i32)?;
        let source = self.names.source_of(task);
        if source.var(&field.name).is_some() {
            return None;
        }
        let id = match field.name.as_str() {
            "pid" => tid_of(self.names.processes[source.process].threads[0] + (task - source.first)),
            "tid" => tid_of(task),
            _ => return None,
        };
        Some(Typed::constant(Value::Int(id.into())))
    }

    /// A variable of a task, seen from outside.
    fn var_of(&mut self, task: TaskId, path: &Path, steps: &[PathStep], span: Span) -> Option<Typed> {
        let source = self.names.source_of(task);
        let vars = || source.vars.iter().map(|var| var.name);
        let known = || format!("it has {}", vars().map(|var| format!("`{var}`")).collect::<Vec<_>>().join(", "));
        match steps {
            [PathStep::Field(name), steps @ ..] => match source.var(&name.name) {
                Some((slot, var)) => {
                    let (field, ty) = self.field(var, steps, span)?;
                    Some(Typed { code: ExprCode::Var { task, slot, field }, ty })
                }
                None => {
                    let message = format!("`{}` has no variable `{}`", source.name, name.name);
                    let help = did_you_mean(&name.name, vars()).or_else(|| (!source.vars.is_empty()).then(known));
                    self.report(Problem::new(message, name.span, "never assigned there").maybe_help(help))
                }
            },
            _ => {
                let problem = Problem::new(format!("`{path}` is a task, not a value"), span, "which variable of it?");
                self.report(problem.maybe_help((!source.vars.is_empty()).then(known)))
            }
        }
    }

    /// A variable without its task, if only one task has it.
    fn bare_variable(&mut self, path: &'a Path, span: Span) -> Option<Typed> {
        let name = &path.root.name;
        let owners: Vec<&Source> = self.names.sources.iter().filter(|source| source.var(name).is_some()).collect();
        let several = |source: &&Source| self.names.processes[source.process].count.is_some();
        match owners[..] {
            [owner] if !several(&owner) => {
                let (slot, var) = owner.var(name)?;
                let (field, ty) = self.field(var, &path.steps, span)?;
                Some(Typed { code: ExprCode::Var { task: owner.first, slot, field }, ty })
            }
            [] => {
                let tasks = self.names.sources.iter().map(|source| source.name);
                let vars = self.names.sources.iter().flat_map(|source| source.vars.iter().map(|var| var.name));
                let objects = self.names.objects.iter().map(|object| object.name.name.as_str());
                let constants = constants::all().map(|(name, _)| name);
                let help = did_you_mean(name, tasks.chain(objects).chain(vars).chain(constants));
                let problem = Problem::new(format!("unknown name `{name}`"), path.root.span, "declared nowhere");
                self.report(problem.maybe_help(help))
            }
            _ => {
                let names: Vec<String> =
                    owners.iter().map(|owner| format!("`{}.{name}`", self.names.task_name(owner.first))).collect();
                let problem = Problem::new(format!("`{name}` is a variable of several tasks"), span, "whose?");
                self.report(problem.help(format!("say whose it is, as in {}", names.join(", "))))
            }
        }
    }

    fn object_field(&mut self, object: u16, path: &Path, span: Span) -> Option<Typed> {
        let name = &path.root.name;
        let kind = self.names.objects[object as usize].kind;
        let of_kind = move |(_, field, _): &&(&str, ObjectField, bool)| field.belongs_to(kind);
        let fields = || ObjectField::ALL.iter().filter(of_kind).map(|(name, ..)| *name);
        let known = || format!("fields are {}", fields().collect::<Vec<_>>().join(", "));
        if let (ObjectKind::Shm, [PathStep::Index(index)]) = (kind, &path.steps[..]) {
            let checked = cells::check(self.names.objects[object as usize], path, span);
            self.accept(checked)?;
            return Some(Typed::number(ExprCode::Object { object, field: ObjectField::Cell(*index) }));
        }
        let (steps, index) = match &path.steps[..] {
            [step, PathStep::Index(index)] => (std::slice::from_ref(step), Some(*index)),
            steps => (steps, None),
        };
        if let [PathStep::Field(field)] = steps {
            let found = ObjectField::ALL.iter().filter(of_kind).find(|(name, ..)| *name == field.name);
            if let Some((name, field, _)) = found {
                if field.of_semaphore() {
                    return self.semaphore(object, name, *field, index, span);
                }
                if index.is_some() {
                    return self.report(Problem::new(format!("`{path}` is no value"), span, "goes too far"));
                }
                let ty = if *field == ObjectField::Data { Type::Bytes } else { Type::Number };
                return Some(Typed { code: ExprCode::Object { object, field: *field }, ty });
            }
            let problem = Problem::new(format!("`{name}` has no field `{}`", field.name), field.span, "no field");
            return self.report(problem.help(did_you_mean(&field.name, fields()).unwrap_or_else(known)));
        }
        self.report(Problem::new(format!("`{path}` is no value"), span, "which field of it?").help(known()))
    }

    /// A field of a semaphore of a set.
    fn semaphore(
        &mut self,
        object: u16,
        name: &str,
        field: ObjectField,
        index: Option<u32>,
        span: Span,
    ) -> Option<Typed> {
        let declared = self.names.objects[object as usize];
        let nsems = settings::nsems(declared);
        let semnum = index.or_else(|| (nsems == 1).then_some(0));
        if let Some(semnum) = semnum.filter(|&semnum| semnum < nsems) {
            return Some(Typed::number(ExprCode::Sem { object, semnum: semnum as u16, field }));
        }
        let set = &declared.name.name;
        let label = if index.is_some() { "no such semaphore" } else { "of which semaphore?" };
        let problem = Problem::new(format!("`{set}` has {nsems} semaphores"), span, label);
        self.report(problem.help(format!("`{set}.{name}[0]` to `{set}.{name}[{}]`", nsems.saturating_sub(1))))
    }

    /// What follows the name of a variable.
    fn field(&mut self, var: &Var, steps: &[PathStep], span: Span) -> Option<(Field, Type)> {
        let (name, index) = match steps {
            [] => return Some((Field::Whole, Type::Unknown)),
            [PathStep::Field(name)] => (name, 0),
            [PathStep::Field(name), PathStep::Index(index @ 0..=255)] if matches!(&*name.name, "revents" | "val") => {
                (name, *index as u8)
            }
            // Of the first, the second … signal that a read of a signalfd copied.
            [PathStep::Field(name), PathStep::Index(index @ 0..=50)] if var.calls.contains(&CallKind::Read) => {
                (name, *index as u8 * SIGINFO_FIELDS)
            }
            _ => return self.report(Problem::new("a result has no such part", span, "goes too far")),
        };
        let fits = |of: Option<CallKind>| match of {
            _ if var.copies => true,
            Some(kind) => var.calls.contains(&kind),
            None => !var.calls.is_empty(),
        };
        let fields = RESULT_FIELDS.iter().chain(&*CTL_FIELDS).filter(|(_, of, ..)| fits(*of));
        match fields.clone().find(|(field, ..)| *field == name.name) {
            Some((_, _, Field::Extra(first), ty)) => Some((Field::Extra(first + index), *ty)),
            Some((_, _, field, ty)) => Some((*field, *ty)),
            None => {
                let vars = self.names.sources.iter().flat_map(|source| &source.vars);
                let signalfds = vars.into_iter().any(|var| var.calls.contains(&CallKind::Signalfd));
                let told =
                    |of: Option<CallKind>, field| of != Some(CallKind::Read) || field == Field::Data || signalfds;
                let fields = fields.filter(|(_, of, field, _)| told(*of, *field));
                let known: Vec<&str> = fields.map(|(field, ..)| *field).collect();
                let help = match known[..] {
                    [] => format!("`{}` holds numbers or strings, not the result of a call", var.name),
                    _ => format!("the fields of `{}` are {}", var.name, known.join(", ")),
                };
                let message = format!("`{}` has no field `{}`", var.name, name.name);
                self.report(Problem::new(message, name.span, "no field").help(help))
            }
        }
    }
}

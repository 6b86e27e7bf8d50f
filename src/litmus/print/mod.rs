//! The tree as text, in the one canonical layout.

mod expr;

use crate::kernel::VersionRange;
use crate::program::syntax::{
    Block, Body, Event, EventKind, Item, Line, LineKind, Object, Process, Program, Property, PropertyKind, Schedule,
    Setting, Stmt, StmtKind, Thread,
};
use expr::{commas, quoted};
use std::fmt::{self, Display, Formatter, Result};

/// One level of indentation.
const INDENT: &str = "    ";

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for comment in &self.comments {
            writeln!(f, "{}", format!("// {comment}").trim_end())?;
        }
        body(self, f)
    }
}

/// What [`crate::litmus::hash`] speaks of.
pub(super) fn without_comments(program: &Program) -> String {
    fmt::from_fn(|f| body(program, f)).to_string()
}

fn body(program: &Program, f: &mut Formatter<'_>) -> Result {
    writeln!(f, "litmus {}", quoted(program.name.as_bytes(), true))?;
    let mut previous = None;
    for item in &program.items {
        // Objects stand together, and so do settings and properties; everything else is set off by an empty line.
        let group = std::mem::discriminant(item);
        let compact = matches!(item, Item::With(_) | Item::Object(_) | Item::Property(_));
        if !(compact && previous == Some(group)) {
            writeln!(f)?;
        }
        writeln!(f, "{item}")?;
        previous = Some(group);
    }
    Ok(())
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Item::With(settings) => write!(f, "with {}", commas(settings)),
            Item::Object(object) => object.fmt(f),
            Item::Init(block) => {
                f.write_str("init ")?;
                write_block(f, block, 0)
            }
            Item::Process(process) => process.fmt(f),
            Item::Property(property) => property.fmt(f),
            Item::Schedule(schedule) => schedule.fmt(f),
        }
    }
}

impl Display for Setting {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Setting::Set { name, value } => write!(f, "{} = {value}", name.name),
            Setting::Cap(name) => write!(f, "cap {}", name.name),
            Setting::Kernel { range, .. } => write!(f, "kernel {range}"),
            Setting::Memory(name) => write!(f, "memory {}", name.name),
            Setting::Quirk(name) => write!(f, "quirk {}", name.name),
        }
    }
}

impl Display for Object {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {}", self.kind.keyword(), self.name.name)?;
        if let Some(count) = self.count {
            write!(f, "[{count}]")?;
        }
        if self.options.is_empty() { Ok(()) } else { write!(f, "({})", commas(&self.options)) }
    }
}

impl Display for Process {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let is_task = matches!(self.body, Body::Single(_)) && self.child_of.is_none();
        write!(f, "{} {}", if is_task { "task" } else { "process" }, self.name.name)?;
        if let Some(count) = self.count {
            write!(f, "[{count}]")?;
        }
        if !self.holds.is_empty() {
            write!(f, " holds {}", commas(&self.holds))?;
        }
        if let Some(parent) = &self.child_of {
            write!(f, " child of {}", parent.name)?;
        }
        if let Some(user) = self.user {
            write!(f, " user {user}")?;
        }
        f.write_str(" ")?;
        let parts = self.handlers.iter().map(Part::Handler);
        let parts: Vec<Part> = match &self.body {
            Body::Single(block) => parts.chain(block.iter().map(Part::Stmt)).collect(),
            Body::Threads(threads) => parts.chain(threads.iter().map(Part::Thread)).collect(),
        };
        write_lines(f, &parts, 0, |f, part, depth| match part {
            Part::Handler(handler) => {
                write!(f, "handler {}", handler.name.name)?;
                if let Some(info) = &handler.info {
                    write!(f, "({})", info.name)?;
                }
                f.write_str(" ")?;
                write_block(f, &handler.block, depth)
            }
            Part::Thread(thread) => {
                write!(f, "thread {} ", thread.name.name)?;
                write_block(f, &thread.block, depth)
            }
            Part::Stmt(stmt) => write_stmt(f, stmt, depth),
        })
    }
}

/// What stands on a line of a process.
enum Part<'a> {
    Handler(&'a crate::program::syntax::Handler),
    Thread(&'a Thread),
    Stmt(&'a Stmt),
}

/// `{ … }`, each element on a line of its own; `depth` is that of the line with the opening brace.
fn write_lines<T>(
    f: &mut Formatter<'_>,
    elements: &[T],
    depth: usize,
    write_one: impl Fn(&mut Formatter<'_>, &T, usize) -> Result,
) -> Result {
    if elements.is_empty() {
        return f.write_str("{ }");
    }
    f.write_str("{\n")?;
    for element in elements {
        f.write_str(&INDENT.repeat(depth + 1))?;
        write_one(f, element, depth + 1)?;
        f.write_str("\n")?;
    }
    write!(f, "{}}}", INDENT.repeat(depth))
}

fn write_block(f: &mut Formatter<'_>, block: &Block, depth: usize) -> Result {
    write_lines(f, block, depth, write_stmt)
}

fn write_stmt(f: &mut Formatter<'_>, stmt: &Stmt, depth: usize) -> Result {
    match &stmt.kind {
        StmtKind::Call { dest, call, expect } => {
            if let Some(dest) = dest {
                write!(f, "{} = ", dest.name)?;
            }
            call.fmt(f)?;
            expect.as_ref().map_or(Ok(()), |expect| write!(f, " -> {expect}"))
        }
        StmtKind::Assign { dest, value } => write!(f, "{} = {value}", dest.name),
        StmtKind::Store { memory, at, data } => write!(f, "{}[{at}] = {data}", memory.name),
        StmtKind::If { cond, then, otherwise } => {
            write!(f, "if {cond} ")?;
            write_block(f, then, depth)?;
            match otherwise.as_deref() {
                None => Ok(()),
                Some([only @ Stmt { kind: StmtKind::If { .. }, .. }]) => {
                    f.write_str(" else ")?;
                    write_stmt(f, only, depth)
                }
                Some(_) => {
                    f.write_str(" else ")?;
                    otherwise.as_ref().map_or(Ok(()), |block| write_block(f, block, depth))
                }
            }
        }
        StmtKind::While { cond, body } => {
            write!(f, "while {cond} ")?;
            write_block(f, body, depth)
        }
        StmtKind::Repeat { count, body } => {
            write!(f, "repeat {count} ")?;
            write_block(f, body, depth)
        }
        StmtKind::Assert(cond) => write!(f, "assert {cond}"),
    }
}

impl Display for Stmt {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_stmt(f, self, 0)
    }
}

fn write_on(f: &mut Formatter<'_>, on: Option<VersionRange>) -> Result {
    on.map_or(Ok(()), |on| write!(f, "on {on}: "))
}

impl Display for Property {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_on(f, self.on)?;
        self.kind.fmt(f)
    }
}

/// The property without its versions.
impl Display for PropertyKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            PropertyKind::Exists(cond) => write!(f, "exists {cond}"),
            PropertyKind::Forbid(cond) => write!(f, "forbid {cond}"),
            PropertyKind::Final(cond) => write!(f, "final {cond}"),
            PropertyKind::Always(cond) => write!(f, "always {cond}"),
            PropertyKind::Show(exprs) => write!(f, "show {}", commas(exprs)),
            PropertyKind::AllowDeadlock => f.write_str("allow deadlock"),
            PropertyKind::AllowLostWakeup => f.write_str("allow lost-wakeup"),
            PropertyKind::AllowAsleep(who) => write!(f, "allow asleep {who}"),
        }
    }
}

impl Display for Schedule {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_on(f, self.on)?;
        f.write_str("schedule ")?;
        if let Some(title) = &self.title {
            write!(f, "{} ", quoted(title.as_bytes(), true))?;
        }
        write_lines(f, &self.lines, 0, |f, line, _| line.fmt(f))
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.kind {
            LineKind::Release { hold, events } => {
                for (i, Event { who, what }) in events.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{who}{}{what}", if *hold && i == 0 { "+" } else { "" })?;
                }
                Ok(())
            }
            LineKind::Expire { who, timer: None } => write!(f, "expire {who}"),
            LineKind::Expire { who, timer: Some(timer) } => write!(f, "expire {who} timer {timer}"),
            LineKind::Probe(cond) => write!(f, "probe {cond}"),
        }
    }
}

/// What follows the name of the task.
impl Display for EventKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            EventKind::Any => Ok(()),
            EventKind::Returns(value) => write!(f, " -> {value}"),
            EventKind::Asleep(None) => f.write_str(" asleep"),
            EventKind::Asleep(Some(call)) => write!(f, " asleep in {}", call.name),
            EventKind::Exits(None) => f.write_str(" exits"),
            EventKind::Exits(Some(status)) => write!(f, " exits {status}"),
            EventKind::Killed(None) => f.write_str(" killed"),
            EventKind::Killed(Some(signal)) => write!(f, " killed {signal}"),
            EventKind::Stopped => f.write_str(" stopped"),
            EventKind::Runs(handler) => write!(f, " runs {}", handler.name),
        }
    }
}

//! Cells of shared memory in the statements of tasks.
//!
//! Every access is an instruction of its own, since others can run between any two. A cell in an expression is loaded into a hidden
//! variable before the statement: all cells of a statement from left to right, whether `&&` and `||` need them or not.

use super::{
    expr::Translator,
    names::{Entity, Names, Var, visit_block, visit_expr},
    stmt::Emitter,
};
use crate::{
    kernel::{CELL_SIZE, CallKind, mmap_address},
    program::{
        CallCode, ExprCode, Field, Instr, Problem, Signature, Value,
        syntax::{Arg, BinOp, Block, Expr, ExprKind, Ident, Object, ObjectKind, Path, PathStep, Span, Stmt, StmtKind},
    },
};

/// Hidden variables that take the place of cells in one statement: the path by its address in the tree, and the slot.
pub(super) type Loaded = Vec<(*const Path, u16)>;

impl Names<'_> {
    /// The segment that a path begins with.
    pub fn segment(&self, path: &Path) -> Option<u16> {
        self.segment_called(&path.root)
    }

    fn segment_called(&self, name: &Ident) -> Option<u16> {
        match self.entity(&name.name) {
            Some(Entity::Object(object)) if self.objects[object as usize].kind == ObjectKind::Shm => Some(object),
            _ => None,
        }
    }

    /// Whether a path is a cell of a declared segment: `m[0]`.
    pub fn is_declared_cell(&self, path: &Path) -> bool {
        self.segment(path).is_some() && matches!(path.steps[..], [PathStep::Index(_)])
    }

    /// Whether a path is a cell in a task (index into [`Names::sources`]): of a declared segment, or at an address that `shmat`
    /// returned.
    pub fn is_cell(&self, source: usize, path: &Path) -> bool {
        let var = || self.sources[source].var(&path.root.name);
        let address = |(_, var): (u16, &Var)| var.copies || var.calls.contains(&CallKind::Shmat);
        matches!(path.steps[..], [PathStep::Index(_)]) && (self.segment(path).is_some() || var().is_some_and(address))
    }

    /// Calls `f` with every segment of which a block names a cell or the address.
    pub fn cells(&self, block: &Block, f: &mut impl FnMut(u16)) {
        addresses(block, &mut |path| {
            if let Some(object) = self.segment(path).filter(|_| path.steps.is_empty()) {
                f(object);
            }
        });
        visit_block(block, &mut |e| {
            if let ExprKind::Path(path) = &e.kind
                && self.is_declared_cell(path)
            {
                f(self.segment(path).unwrap_or_default());
            }
        });
        stores(block, &mut |memory| {
            if let Some(object) = self.segment_called(memory) {
                f(object);
            }
        });
    }

    /// Where a process has a segment attached from the start, if it has.
    fn base(&self, process: usize, path: &Path) -> Option<i64> {
        let object = self.segment(path)?;
        let slot = self.processes[process].attached.iter().position(|&o| o == object)?;
        Some(mmap_address(slot as u32))
    }
}

/// Calls `f` with the name of everything that is stored to.
fn stores(block: &[Stmt], f: &mut impl FnMut(&Ident)) {
    for stmt in block {
        match &stmt.kind {
            StmtKind::Store { memory, .. } => f(memory),
            StmtKind::If { then, otherwise, .. } => {
                stores(then, f);
                stores(otherwise.as_deref().unwrap_or_default(), f);
            }
            StmtKind::While { body, .. } | StmtKind::Repeat { body, .. } => stores(body, f),
            _ => {}
        }
    }
}

/// Calls `f` with what is passed as an address.
fn addresses(block: &[Stmt], f: &mut impl FnMut(&Path)) {
    for stmt in block {
        match &stmt.kind {
            StmtKind::Call { call, .. } => {
                let place = match call.name.name.as_str() {
                    "shmdt" => 0,
                    "shmat" => 1,
                    _ => continue,
                };
                let passed = call.args.iter().enumerate().find(|(i, arg)| match &arg.name {
                    Some(name) => name.name == "addr",
                    None => *i == place,
                });
                if let Some((_, Arg { value: Expr { kind: ExprKind::Path(path), .. }, .. })) = passed {
                    f(path);
                }
            }
            StmtKind::If { then, otherwise, .. } => {
                addresses(then, f);
                addresses(otherwise.as_deref().unwrap_or_default(), f);
            }
            StmtKind::While { body, .. } | StmtKind::Repeat { body, .. } => addresses(body, f),
            _ => {}
        }
    }
}

impl<'n> Emitter<'_, 'n> {
    /// The address of a cell, or a report of why there is none.
    pub(super) fn cell(&mut self, path: &Path, span: Span) -> Option<ExprCode> {
        match cell(self.names, self.source, path, span) {
            Ok(address) => Some(address),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// Loads every cell that an expression names into a hidden variable.
    pub(super) fn load_cells(&mut self, e: &Expr) {
        let mut paths: Vec<(&Path, Span)> = Vec::new();
        visit_expr(e, &mut |e| {
            if let ExprKind::Path(path) = &e.kind {
                paths.push((path, e.span));
            }
        });
        for (path, span) in paths {
            if !self.names.is_cell(self.source, path) {
                continue;
            }
            let slot = self.vars.len() as u16;
            self.vars.push(String::new());
            self.loaded.push((path, slot));
            self.load(Some(slot), path, span);
        }
    }

    /// `x = m[0]`.
    pub(super) fn load(&mut self, dest: Option<u16>, path: &Path, span: Span) -> Option<()> {
        let address = self.cell(path, span)?;
        let call = access("load", vec![address])?;
        self.emit(Instr::Call { call, dest, expect: None }, span);
        Some(())
    }

    /// `m[0] = value`, if `m` is shared memory, or an address.
    pub(super) fn store(&mut self, memory: &Ident, at: &Expr, value: &Expr, span: Span) -> Option<()> {
        self.load_cells(value);
        let value = self.translator().number(value);
        let ExprKind::Int(index @ 0..=0xffff_ffff) = at.kind else {
            self.problems.push(Problem::new("cells are numbered by constants", at.span, "no number of a cell"));
            return None;
        };
        let cell = Path { root: memory.clone(), steps: vec![PathStep::Index(index as u32)] };
        let address = self.cell(&cell, memory.span.to(at.span))?;
        let call = access("set", vec![address, value?])?;
        self.emit(Instr::Call { call, dest: None, expect: None }, span);
        Some(())
    }

    /// Whether what is stored to has cells.
    pub(super) fn has_cells(&self, memory: &Ident) -> bool {
        let var = || self.names.sources[self.source].var(&memory.name).is_some();
        self.names.segment_called(memory).is_some() || var()
    }

    /// What was loaded for a statement is forgotten after it: states that differ in nothing else are the same.
    pub(super) fn forget_cells(&mut self, loaded: &Loaded, span: Span) {
        for &(_, slot) in loaded {
            self.emit(Instr::Assign { slot, value: ExprCode::Const(Value::None) }, span);
        }
    }
}

/// An access with its arguments.
fn access(name: &str, args: Vec<ExprCode>) -> Option<CallCode> {
    let signature = Signature::by_name(name)?;
    let constant = |arg: &ExprCode| match arg {
        ExprCode::Const(value) => Some(Some(value.clone())),
        _ => None,
    };
    let known = args.iter().map(constant).collect::<Option<Vec<_>>>().and_then(|values| signature.build(&values).ok());
    Some(match known {
        Some(call) => CallCode::Known(call),
        None => CallCode::Computed { signature, args: args.into_iter().map(Some).collect() },
    })
}

/// The address of a cell in a process.
pub(super) fn cell(names: &Names, source: usize, path: &Path, span: Span) -> Result<ExprCode, Problem> {
    let name = &path.root.name;
    if let ([PathStep::Index(index)], Some((slot, _))) = (&path.steps[..], names.sources[source].var(name)) {
        let bytes = ExprCode::Const(Value::Int(i64::from(*index) * i64::from(CELL_SIZE)));
        let base = ExprCode::Local { slot, field: Field::Ret };
        return Ok(ExprCode::Binary(BinOp::Add, Box::new(base), Box::new(bytes)));
    }
    let Some(object) = names.segment(path) else {
        let shm = |entity| matches!(entity, Entity::Object(o) if names.objects[o as usize].kind == ObjectKind::Shm);
        return Err(names.unknown("shared memory", &path.root, shm));
    };
    let [PathStep::Index(index)] = path.steps[..] else {
        let problem = Problem::new(format!("`{path}` is no cell"), span, "which cell of it?");
        return Err(problem.help(format!("write `{name}[0]`")));
    };
    check(names.objects[object as usize], path, span)?;
    let process = names.sources[source].process;
    let base = names.base(process, path);
    let address = base.map(|base| ExprCode::Const(Value::Int(base + i64::from(index) * i64::from(CELL_SIZE))));
    address.ok_or_else(|| Problem::new(format!("`{path}` is not attached"), span, "not mapped here"))
}

/// Whether a segment is declared with the cell that a path names.
pub(super) fn check(object: &Object, path: &Path, span: Span) -> Result<(), Problem> {
    let [PathStep::Index(index)] = path.steps[..] else { return Ok(()) };
    let name = &object.name.name;
    let cells = declared_cells(object);
    if cells.is_none_or(|cells| i64::from(index) < cells) {
        return Ok(());
    }
    let label = match cells {
        Some(0) | None => "it has no cells".to_string(),
        Some(1) => format!("it has one cell, `{name}[0]`"),
        Some(n) => format!("it has the cells 0 to {}", n - 1),
    };
    let help = format!("declare more, as in `shm {name}(cells: {})`", index.saturating_add(1));
    Err(Problem::new(format!("there is no `{path}`"), span, label).help(help))
}

/// How many cells a segment is declared with, if a constant says so.
fn declared_cells(object: &Object) -> Option<i64> {
    if object.options.iter().any(|arg| arg.name.as_ref().is_some_and(|name| name.name == "size")) {
        // Where its last page ends is for the kernel to say.
        return None;
    }
    let option = object.options.iter().find(|arg| arg.name.as_ref().is_some_and(|name| name.name == "cells"));
    match option.map(|arg| &arg.value.kind) {
        Some(ExprKind::Int(n)) => Some(*n),
        Some(_) => None,
        None => Some(0),
    }
}

/// A hidden variable as a value.
pub(super) fn hidden(slot: u16) -> ExprCode {
    ExprCode::Local { slot, field: Field::Ret }
}

/// The address of a segment that is attached from the start, if the value is the name of one.
pub(super) fn attached(t: &mut Translator, process: usize, value: &Expr) -> Option<Option<ExprCode>> {
    let ExprKind::Path(path) = &value.kind else { return None };
    t.names.segment(path).filter(|_| path.steps.is_empty())?;
    let base = t.names.base(process, path);
    Some(match base {
        Some(base) => Some(ExprCode::Const(Value::Int(base))),
        None => {
            let problem = Problem::new(format!("`{path}` is not attached from the start"), value.span, "no address");
            t.report(problem.help(format!("pass the address that `a = shmat({path})` returns: `a`")))
        }
    })
}

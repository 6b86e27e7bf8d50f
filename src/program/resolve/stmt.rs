//! Statements into instructions.

use super::{
    call,
    cells::Loaded,
    expr::{Scope, Translator},
    names::Names,
    types::Type,
};
use crate::kernel::{Call, CallKind};
use crate::program::{
    CallCode, Code, ExprCode, Field, HandlerCode, Instr, Problem, Signature, Value,
    syntax::{BinOp, Block, CallExpr, Expr, ExprKind, Handler, Ident, Span, Stmt, StmtKind},
};

/// The code of a task, and the names of its variables by slot.
pub(super) fn translate(names: &Names, source: usize, problems: &mut Vec<Problem>) -> (Code, Vec<String>) {
    let vars = names.sources[source].vars.iter().map(|var| var.name.to_string()).collect();
    let mut emitter = Emitter { names, source, problems, code: Code::default(), vars, loaded: Loaded::new() };
    emitter.block(names.sources[source].block);
    let process = names.sources[source].process;
    emitter.handlers(names.processes[process].handlers);
    emitter.inherited(process);
    (emitter.code, emitter.vars)
}

pub(super) struct Emitter<'a, 'n> {
    pub names: &'a Names<'n>,
    pub source: usize,
    pub problems: &'a mut Vec<Problem>,
    code: Code,
    pub vars: Vec<String>,
    /// Cells of the statement that were loaded.
    pub loaded: Loaded,
}

impl Emitter<'_, '_> {
    pub fn process(&self) -> usize {
        self.names.sources[self.source].process
    }

    pub fn emit(&mut self, instr: Instr, span: Span) -> usize {
        self.code.instrs.push(instr);
        self.code.spans.push(span);
        self.code.instrs.len() - 1
    }

    fn here(&self) -> u32 {
        self.code.instrs.len() as u32
    }

    /// Lets the jump at `jump` go to where we are.
    fn land(&mut self, jump: usize) {
        let here = self.here();
        match &mut self.code.instrs[jump] {
            Instr::JumpUnless { target, .. } | Instr::Jump(target) => *target = here,
            _ => {}
        }
    }

    pub fn translator(&mut self) -> Translator<'_> {
        let scope = Scope::Task(self.source);
        Translator { names: self.names, scope, problems: self.problems, loaded: &self.loaded }
    }

    /// Handlers stand after the statements of the task, each with its return.
    fn handlers(&mut self, handlers: &[Handler]) {
        if !handlers.is_empty() {
            self.emit(Instr::End, Span::default());
        }
        for (i, handler) in handlers.iter().enumerate() {
            if handlers[..i].iter().any(|earlier| earlier.name.name == handler.name.name) {
                let message = format!("a second handler `{}`", handler.name.name);
                self.problems.push(Problem::new(message, handler.name.span, "there is one already"));
            }
            let info = handler.info.as_ref().and_then(|info| self.slot(info));
            let entry = self.here();
            self.code.handlers.push(HandlerCode { name: handler.name.name.clone(), entry, info });
            self.block(&handler.block);
            let call = CallCode::Known(Call::Sigreturn);
            self.emit(Instr::Call { call, dest: None, expect: None }, handler.name.span);
        }
    }

    /// A handler that was installed before `fork` is, in the child, the one that the child has at its place; where it has none, one that
    /// does nothing.
    fn inherited(&mut self, process: usize) {
        let mut at = process;
        while let Some(parent) = self.names.processes[at].parent {
            at = parent;
            let handlers = self.names.processes[at].handlers;
            for handler in handlers.iter().skip(self.code.handlers.len()) {
                if self.code.handlers.is_empty() {
                    self.emit(Instr::End, Span::default());
                }
                let name = handler.name.name.clone();
                self.code.handlers.push(HandlerCode { name, entry: self.here(), info: None });
                let call = CallCode::Known(Call::Sigreturn);
                self.emit(Instr::Call { call, dest: None, expect: None }, Span::default());
            }
        }
    }

    fn block(&mut self, block: &Block) {
        for stmt in block {
            // A statement with a problem is left out: nothing of the program will run.
            let _ = self.stmt(stmt);
            self.loaded.clear();
        }
    }

    fn stmt(&mut self, stmt: &Stmt) -> Option<()> {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::Call { dest, call, expect } => self.call(dest.as_ref(), call, expect.as_ref(), span),
            StmtKind::Assign { dest, value }
                if let ExprKind::Path(path) = &value.kind
                    && self.names.is_cell(self.source, path) =>
            {
                let slot = self.slot(dest)?;
                self.load(Some(slot), path, value.span)
            }
            StmtKind::Store { memory, at, data } if self.has_cells(memory) => {
                self.store(memory, at, data, span);
                self.forget(span)
            }
            StmtKind::Assign { dest, value } => {
                self.load_cells(value);
                let value = self.translator().expr(value)?.code;
                let slot = self.slot(dest)?;
                self.emit(Instr::Assign { slot, value }, span);
                self.forget(span)
            }
            StmtKind::Store { memory, at, data } => {
                let call = call::store(&mut self.translator(), memory, at, data, span)?;
                // A store beyond the end fails the test: nobody would look at its result.
                let expect = Some(ExprCode::Const(Value::Int(0)));
                self.emit(Instr::Call { call, dest: None, expect }, span);
                Some(())
            }
            StmtKind::If { cond, then, otherwise } => {
                let unless = self.jump_unless(cond);
                let loaded = std::mem::take(&mut self.loaded);
                self.forget_cells(&loaded, cond.span);
                self.block(then);
                if otherwise.is_some() || !loaded.is_empty() {
                    let past = self.emit(Instr::Jump(0), span);
                    self.land(unless);
                    self.forget_cells(&loaded, cond.span);
                    if let Some(otherwise) = otherwise {
                        self.block(otherwise);
                    }
                    self.land(past);
                } else {
                    self.land(unless);
                }
                Some(())
            }
            StmtKind::While { cond, body } => {
                let top = self.here();
                let unless = self.jump_unless(cond);
                let loaded = std::mem::take(&mut self.loaded);
                self.forget_cells(&loaded, cond.span);
                self.block(body);
                self.emit(Instr::Jump(top), cond.span);
                self.land(unless);
                self.forget_cells(&loaded, cond.span);
                Some(())
            }
            StmtKind::Repeat { count, body } => self.repeat(count, body),
            StmtKind::Assert(cond) => {
                self.load_cells(cond);
                let cond = self.translator().condition(cond)?;
                self.emit(Instr::Assert(cond), span);
                self.forget(span)
            }
        }
    }

    /// The end of a statement that has no blocks.
    fn forget(&mut self, span: Span) -> Option<()> {
        let loaded = std::mem::take(&mut self.loaded);
        self.forget_cells(&loaded, span);
        Some(())
    }

    fn slot(&self, ident: &Ident) -> Option<u16> {
        self.names.sources[self.source].var(&ident.name).map(|(slot, _)| slot)
    }

    /// The jump is emitted also if the condition has a problem, so that the body is looked at.
    fn jump_unless(&mut self, cond: &Expr) -> usize {
        self.load_cells(cond);
        let code = self.translator().condition(cond).unwrap_or(ExprCode::Const(Value::None));
        self.emit(Instr::JumpUnless { cond: code, target: 0 }, cond.span)
    }

    /// A hidden variable counts down to 0.
    fn repeat(&mut self, count: &Expr, body: &Block) -> Option<()> {
        let slot = self.vars.len() as u16;
        self.vars.push(String::new());
        self.load_cells(count);
        let times = self.translator().number(count);
        let loaded = std::mem::take(&mut self.loaded);
        let int = |n| Box::new(ExprCode::Const(Value::Int(n)));
        let counter = || Box::new(ExprCode::Local { slot, field: Field::Whole });
        let value = times.unwrap_or(ExprCode::Const(Value::None));
        self.emit(Instr::Assign { slot, value }, count.span);
        self.forget_cells(&loaded, count.span);
        let top = self.here();
        let left = ExprCode::Binary(BinOp::Gt, counter(), int(0));
        let unless = self.emit(Instr::JumpUnless { cond: left, target: 0 }, count.span);
        let less = ExprCode::Binary(BinOp::Sub, counter(), int(1));
        self.emit(Instr::Assign { slot, value: less }, count.span);
        self.block(body);
        self.emit(Instr::Jump(top), count.span);
        self.land(unless);
        Some(())
    }

    fn call(&mut self, dest: Option<&Ident>, call: &CallExpr, expect: Option<&Expr>, span: Span) -> Option<()> {
        let process = self.process();
        let cell = Signature::by_name(&call.name.name).is_some_and(|signature| signature.kind.is_access());
        for (i, arg) in call.args.iter().enumerate() {
            let is_place = cell && (i == 0 || arg.name.as_ref().is_some_and(|name| name.name == "cell"));
            if !(is_place && matches!(arg.value.kind, ExprKind::Path(_))) {
                self.load_cells(&arg.value);
            }
        }
        let code = call::translate(&mut self.translator(), process, call);
        let expect = match expect {
            Some(expect) => Some(self.expectation(code.as_ref(), expect)?),
            None => None,
        };
        let dest = dest.and_then(|dest| self.slot(dest));
        self.emit(Instr::Call { call: code?, dest, expect }, span);
        self.forget(span)
    }

    /// `-> value`, where a value that the call never returns is a mistake.
    fn expectation(&mut self, call: Option<&CallCode>, expect: &Expr) -> Option<ExprCode> {
        let value = self.translator().expr(expect)?;
        if let Some(kind) = call.map(CallCode::kind) {
            let never = match value.ty {
                Type::Bytes => !kind.returns_data(),
                Type::Eof => !kind.reads(),
                Type::Fd => !kind.returns_fd(),
                Type::Id => !kind.returns_id(),
                Type::List => kind != CallKind::Semctl,
                Type::Address => !kind.returns_addr(),
                Type::None | Type::Object | Type::Sops => true,
                Type::Number | Type::Errno | Type::Unknown => false,
            };
            if never {
                let message = format!("`{kind}` never returns {}", value.ty.in_words());
                self.problems.push(Problem::new(message, expect.span, "expected here"));
                return None;
            }
        }
        Some(value.code)
    }
}

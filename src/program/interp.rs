//! What a task does between its calls: the same interpreter drives the model's tasks and the real ones.

use super::{CallCode, CallResult, Code, Instr, Locals, Value};
use crate::kernel::{Call, CallKind, Return, canon::clone_reusing, signal::SigInfo};

/// Where a task is in its code, with its variables.
#[derive(PartialEq, Eq, Hash, Debug, Default)]
pub struct Cursor {
    /// The next instruction; the length of the code when it has ended.
    pub pc: u32,
    /// Variables by slot.
    pub locals: Vec<Value>,
    /// Why it goes no further, if it doesn't.
    pub halt: Option<Halt>,
    /// Handlers that it has not returned from, the last one on top.
    pub frames: Vec<HandlerFrame>,
}

/// A handler that a task runs, or will run when those above it have returned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HandlerFrame {
    /// The instruction that it interrupted.
    pub pc: u32,
    /// Which handler.
    pub handler: u16,
    /// Whether it has begun.
    pub begun: bool,
}

/// Why a task stopped for good before its last statement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Halt {
    /// The `assert` at this instruction did not hold.
    Assertion(u32),
    /// The call at this instruction did not return what `->` says.
    Expectation(u32),
    /// An argument of the call at this instruction had no usable value.
    BadArgument(u32),
    /// More than [`SPIN_LIMIT`] instructions without a call.
    Spinning(u32),
}

/// So many instructions without a call are an endless loop.
pub const SPIN_LIMIT: u32 = 100_000;

/// What a task at user level does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// The call at `pc`.
    Call(CallKind),
    /// Another local instruction (only when stepping one at a time).
    Local,
    /// Nothing: the last statement is done, or the task halted.
    Parked,
}

clone_reusing!(Cursor { pc, locals, halt, frames });

impl Cursor {
    /// At the start of `code`, all of `vars` variables unassigned.
    pub fn new(vars: usize) -> Self {
        Cursor { pc: 0, locals: vec![Value::None; vars], halt: None, frames: Vec::new() }
    }

    /// What comes next, without doing anything.
    pub fn next(&self, code: &Code) -> Next {
        match code.instrs.get(self.pc as usize) {
            _ if self.halt.is_some() => Next::Parked,
            None | Some(Instr::End) => Next::Parked,
            Some(Instr::Call { call, .. }) => Next::Call(call.kind()),
            Some(_) => Next::Local,
        }
    }

    /// Runs local instructions up to the next call or the end; one instruction only if `single`.
    pub fn advance(&mut self, code: &Code, single: bool) -> Next {
        self.advance_marking(code, single, None)
    }

    /// Like [`Cursor::advance`]; sets the mark of each instruction that is done.
    pub fn advance_marking(&mut self, code: &Code, single: bool, mut marks: Option<&mut Vec<bool>>) -> Next {
        for _ in 0..SPIN_LIMIT {
            if self.next(code) != Next::Local {
                break;
            }
            if let Some(marks) = &mut marks {
                marks[self.pc as usize] = true;
            }
            self.local(code);
            if single {
                break;
            }
        }
        match self.next(code) {
            Next::Local if !single => {
                self.halt = Some(Halt::Spinning(self.pc));
                Next::Parked
            }
            next => next,
        }
    }

    fn local(&mut self, code: &Code) {
        let world = Locals(&self.locals);
        match &code.instrs[self.pc as usize] {
            Instr::Call { .. } | Instr::End => return,
            Instr::Assign { slot, value } => {
                let value = value.eval(&world);
                self.locals[*slot as usize] = value;
            }
            Instr::JumpUnless { cond, target } => {
                if !cond.holds(&world) {
                    self.pc = *target;
                    return;
                }
            }
            Instr::Jump(target) => {
                self.pc = *target;
                return;
            }
            Instr::Assert(cond) => {
                if !cond.holds(&world) {
                    self.halt = Some(Halt::Assertion(self.pc));
                    return;
                }
            }
        }
        self.pc += 1;
    }

    /// A handler is put on top; it begins when nothing is above it.
    pub fn push_handler(&mut self, code: &Code, handler: u16) {
        self.frames.push(HandlerFrame { pc: self.pc, handler, begun: false });
        self.pc = code.handlers.get(usize::from(handler)).map_or(0, |handler| handler.entry);
    }

    /// The handler on top, if it has not begun: it begins now.
    pub fn begin_handler(&mut self, code: &Code, info: &SigInfo) -> Option<u16> {
        let top = self.frames.last_mut().filter(|top| !top.begun)?;
        top.begun = true;
        let handler = top.handler;
        if let Some(slot) = code.handlers.get(usize::from(handler)).and_then(|handler| handler.info) {
            self.locals[usize::from(slot)] = Value::siginfo(info);
        }
        Some(handler)
    }

    /// The handler on top returns to what it interrupted.
    pub fn pop_handler(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.pc = frame.pc;
        }
    }

    /// The call that a task is in or makes next, behind handlers that are about to return.
    pub fn pending_call(&self, code: &Code) -> Option<CallKind> {
        let kind = |pc: u32| match code.instrs.get(pc as usize) {
            Some(Instr::Call { call, .. }) => Some(call.kind()),
            _ => None,
        };
        match (kind(self.pc), self.frames.last()) {
            (Some(CallKind::Sigreturn), Some(frame)) => kind(frame.pc),
            (found, _) => found,
        }
    }

    /// Whether the task is at the end of a handler.
    pub fn at_sigreturn(&self, code: &Code) -> bool {
        matches!(code.instrs.get(self.pc as usize), Some(Instr::Call { call: CallCode::Known(Call::Sigreturn), .. }))
    }

    /// The call at `pc` with its arguments evaluated, if they all have usable values.
    #[inline]
    pub fn peek_call(&self, code: &Code) -> Option<Call> {
        match code.instrs.get(self.pc as usize) {
            Some(Instr::Call { call, .. }) => call.build(&self.locals).ok(),
            _ => None,
        }
    }

    /// The call at `pc` with its arguments evaluated; the task halts if one of them has no usable value.
    pub fn call(&mut self, code: &Code) -> Option<Call> {
        let call = self.peek_call(code);
        if call.is_none() {
            self.halt = Some(Halt::BadArgument(self.pc));
        }
        call
    }

    /// The call at `pc` returned: stores the result, checks the expectation, and moves on by one instruction.
    pub fn complete(&mut self, code: &Code, ret: &Return) {
        let Some(Instr::Call { call, dest, expect }) = code.instrs.get(self.pc as usize) else { return };
        if let Some(expect) = expect {
            let result = Value::Result(Box::new(CallResult::new(call.kind(), ret)));
            if result.matches(&expect.eval(&Locals(&self.locals))) != Some(true) {
                self.halt = Some(Halt::Expectation(self.pc));
            }
        }
        if let Some(slot) = dest {
            self.locals[*slot as usize] = Value::Result(Box::new(CallResult::new(call.kind(), ret)));
        }
        if self.halt.is_none() {
            self.pc += 1;
        }
    }
}

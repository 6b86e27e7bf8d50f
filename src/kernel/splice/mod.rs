//! `splice`, `tee` and `vmsplice`: their arguments, and which of the three ways a call takes. One file per way:
//! [`between`] two pipes, out of a pipe ([`from_pipe`]), into a pipe ([`to_pipe`]).

mod between;
mod from_pipe;
mod to_pipe;

#[cfg(test)]
mod tests;

pub use between::Between;
pub use from_pipe::FromPipe;
pub use to_pipe::{Source, ToPipe};

use super::{
    Cx, Kernel, PipeId, Step, WaitsFor,
    call::{CallKind, Fd, OpenFlags, PathId, Return, SpliceFlags},
    canon::{canon_enum, canon_struct},
    errno::Errno,
    file::{File, FileId},
    frame::{Frame, InCall},
    payload::Payload,
    quirk::Quirk,
    rules::*,
    wait::Wait,
};
use smallvec::{SmallVec, smallvec};

/// A splice, tee or vmsplice under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Splice {
    /// Which call it is.
    pub kind: CallKind,
    /// What it does.
    pub way: Way,
    /// The reference to the output's open file, if another thread could close it.
    pub held: Option<FileId>,
}

/// Between which kinds of files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// Pipe to pipe.
    Between(Between),
    /// Out of a pipe.
    FromPipe(FromPipe),
    /// Into a pipe.
    ToPipe(ToPipe),
}

canon_struct!(Splice { kind, way, held });
canon_enum!(Way { 0 => Between(call), 1 => FromPipe(call), 2 => ToPipe(call), });

impl super::canon::Canon for CallKind {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn decode(input: &mut &[u8]) -> Self {
        CallKind::ALL[usize::from(u8::decode(input))].1
    }
}

impl Splice {
    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match &mut self.way {
            Way::Between(call) => call.step(cx),
            Way::FromPipe(call) => match call.step(cx) {
                // Nobody looks at what became of the memory.
                Step::Returned(ret) if self.kind == CallKind::Vmsplice => {
                    Step::Returned(Return { data: Payload::new(), ..ret })
                }
                step => step,
            },
            Way::ToPipe(call) => call.step(cx),
        }
    }

    /// The pipes whose locks its next section takes.
    pub fn locks(&self) -> SmallVec<[PipeId; 2]> {
        match &self.way {
            Way::Between(call) => call.locks(),
            Way::FromPipe(call) if !matches!(call.at, from_pipe::At::Wait(_)) => smallvec![call.pipe],
            Way::ToPipe(call) if matches!(call.at, to_pipe::At::Locked | to_pipe::At::Asleep) => smallvec![call.pipe],
            Way::FromPipe(_) | Way::ToPipe(_) => smallvec![],
        }
    }

    /// Whether a sleeper would go on if it were woken now.
    pub fn ready(&self, k: &Kernel) -> bool {
        match &self.way {
            Way::Between(call) => call.ready(k),
            Way::FromPipe(call) => call.ready(k),
            Way::ToPipe(call) => k.pipe(call.pipe).writable(),
        }
    }

    /// Whom it waits for.
    pub fn waits_for(&self) -> WaitsFor {
        match &self.way {
            Way::Between(call) => call.waits_for(),
            Way::FromPipe(call) => WaitsFor::Pipe { pipe: call.pipe, writer: true },
            Way::ToPipe(call) => WaitsFor::Pipe { pipe: call.pipe, writer: false },
        }
    }

    /// Where it is, in words.
    pub fn place(&self) -> &'static str {
        match &self.way {
            Way::Between(call) => call.place(),
            Way::FromPipe(call) => call.place(),
            Way::ToPipe(call) => call.place(),
        }
    }
}

/// Where in a wait for a pipe a call is, in words.
fn waiting(wait: Wait) -> &'static str {
    match wait {
        Wait::Test => "lock released, about to test before it sleeps",
        Wait::Prepare => "about to enter the queue",
        Wait::Recheck => "in the queue, about to test again",
        Wait::Interrupted => "out of the queue because of a signal",
    }
}

type Entered = Result<Frame, Step>;

fn fails(errno: Errno) -> Step {
    Step::Returned(errno.into())
}

/// One side of a splice: its open file and the offset passed for it.
#[derive(Clone, Copy)]
struct Side {
    id: FileId,
    offset: Option<i64>,
}

impl Cx<'_> {
    fn is_pipe(&self, id: FileId) -> bool {
        self.k.file(id).is_pipe()
    }

    /// `splice`
    pub(super) fn enter_splice(
        &mut self,
        input: (Fd, Option<i64>),
        output: (Fd, Option<i64>),
        len: u32,
        flags: SpliceFlags,
    ) -> Entered {
        if len == 0 {
            self.trace.rule(SPL_01);
            return Err(Step::Returned(Return::value(0)));
        }
        self.check_flags(flags)?;
        let bad = || fails(Errno::EBADF);
        let from = Side { id: self.file_of(input.0).ok_or_else(bad)?, offset: input.1 };
        let to = Side { id: self.file_of(output.0).ok_or_else(bad)?, offset: output.1 };
        let way = self.way(from, to, len, flags).map_err(|errno| {
            self.trace.rule(SPL_02);
            fails(errno)
        })?;
        Ok(self.begin(CallKind::Splice, way, from.id, Some(to.id)))
    }

    /// `__do_splice` and `do_splice`, as far as they check.
    fn way(&mut self, from: Side, to: Side, len: u32, flags: SpliceFlags) -> Result<Way, Errno> {
        let wrong_way = |cx: &Self| !cx.k.file(from.id).read || !cx.k.file(to.id).write;
        if self.env.quirks.has(Quirk::SpliceModeFirst) && wrong_way(self) {
            self.trace.rule(SPL_02_MODE);
            return Err(Errno::EBADF);
        }
        for side in [from, to] {
            if self.is_pipe(side.id) {
                if side.offset.is_some() {
                    return Err(Errno::ESPIPE);
                }
                self.clear_nowait(side.id);
            }
        }
        if wrong_way(self) {
            return Err(Errno::EBADF);
        }
        let (input, output) = (self.k.file(from.id).clone(), self.k.file(to.id).clone());
        let nonblock = flags.contains(SpliceFlags::SPLICE_F_NONBLOCK);
        let implied = |cx: &mut Self, pipe: &File| nonblock || cx.implies_nonblock(pipe);
        // A signalfd has neither splice_read nor splice_write.
        let looks_first = self.env.quirks.has(Quirk::SpliceSourceFirst);
        if input.signalfd.is_some() && output.is_pipe() && !looks_first {
            let nonblock = implied(self, &output);
            return Ok(Way::ToPipe(ToPipe::from_nothing(output.pipe, len, nonblock)));
        }
        if input.signalfd.is_some() || output.signalfd.is_some() {
            return Err(Errno::EINVAL);
        }
        match (&input.regular, &output.regular) {
            (None, None) if input.pipe == output.pipe => Err(Errno::EINVAL),
            (None, None) => {
                let nonblock = implied(self, &input) | implied(self, &output);
                Ok(Way::Between(Between::new(input.pipe, output.pipe, len, nonblock, false)))
            }
            (None, Some(open)) => {
                let pos = position(to.offset, open.f_pos);
                if output.f_flags.contains(OpenFlags::O_APPEND) {
                    return Err(Errno::EINVAL);
                }
                let nonblock = implied(self, &input);
                Ok(Way::FromPipe(FromPipe::to_file(input.pipe, to.id, to.offset.is_some(), pos?, len, nonblock)))
            }
            (Some(open), None) => {
                let pos = position(from.offset, open.f_pos)?;
                let nonblock = implied(self, &output);
                let source = (from.id, from.offset.is_some(), open.path, pos);
                Ok(Way::ToPipe(ToPipe::from_file(output.pipe, source, len, nonblock, looks_first)))
            }
            (Some(_), Some(_)) => Err(Errno::EINVAL),
        }
    }

    /// `tee`
    pub(super) fn enter_tee(&mut self, input: Fd, output: Fd, len: u32, flags: SpliceFlags) -> Entered {
        self.check_flags(flags)?;
        if len == 0 {
            self.trace.rule(SPL_01);
            return Err(Step::Returned(Return::value(0)));
        }
        let bad = || fails(Errno::EBADF);
        let (from, to) = (self.file_of(input).ok_or_else(bad)?, self.file_of(output).ok_or_else(bad)?);
        let (input, output) = (self.k.file(from).clone(), self.k.file(to).clone());
        let pipes = input.is_pipe() && output.is_pipe();
        let errno = match () {
            () if !input.read || !output.write => Some(Errno::EBADF),
            () if !pipes || input.pipe == output.pipe => Some(Errno::EINVAL),
            () => None,
        };
        if let Some(errno) = errno {
            self.trace.rule(SPL_02);
            return Err(fails(errno));
        }
        let asked = flags.contains(SpliceFlags::SPLICE_F_NONBLOCK);
        let nonblock = asked || self.implies_nonblock(&input) || self.implies_nonblock(&output);
        let way = Way::Between(Between::new(input.pipe, output.pipe, len, nonblock, true));
        Ok(self.begin(CallKind::Tee, way, from, Some(to)))
    }

    /// `vmsplice` on a file that can be written: `data` is memory of the caller that nobody changes afterwards.
    pub(super) fn enter_vmsplice(&mut self, fd: Fd, data: Payload, flags: SpliceFlags) -> Entered {
        let len = data.len();
        self.vmsplice_from(fd, Source::User { data }, len, flags)
    }

    /// `vmsplice` of declared memory on a file that can be written.
    pub(super) fn enter_vmsplice_memory(&mut self, fd: Fd, memory: PathId, flags: SpliceFlags) -> Entered {
        let len = self.k.regular_at(memory).map_or(0, |memory| memory.size as u32);
        self.vmsplice_from(fd, Source::Memory { path: memory }, len, flags)
    }

    fn vmsplice_from(&mut self, fd: Fd, from: Source, len: u32, flags: SpliceFlags) -> Entered {
        let id = self.vmsplice_file(fd, flags)?;
        if len == 0 {
            self.trace.rule(SPL_01);
            return Err(Step::Returned(Return::value(0)));
        }
        let pipe = self.vmsplice_pipe(id)?;
        let nonblock = flags.contains(SpliceFlags::SPLICE_F_NONBLOCK);
        let way = match (self.k.file(id).write, from) {
            (true, from) => Way::ToPipe(ToPipe::from_user(pipe, from, len, nonblock)),
            // The direction is that of the file: the pipe's bytes go into the memory.
            (false, Source::User { .. }) => Way::FromPipe(FromPipe::to_user(pipe, len, nonblock)),
            (false, Source::Memory { path }) => Way::FromPipe(FromPipe::to_memory(pipe, path, len, nonblock)),
            (false, Source::File { .. } | Source::Nothing) => return Err(fails(Errno::EBADF)),
        };
        Ok(self.begin(CallKind::Vmsplice, way, id, None))
    }

    /// Bytes into declared memory, and so into every slot that shows the page.
    pub(super) fn store(&mut self, memory: PathId, at: i64, data: &Payload) -> Return {
        let size = self.k.regular_at(memory).map_or(0, |memory| memory.size);
        match u64::try_from(at) {
            Ok(at) if at.checked_add(data.len().into()).is_some_and(|end| end <= size) => {
                self.trace.rule(SPL_07_STORE);
                self.k.write_file(memory, at, data);
                Return::value(0)
            }
            _ => Errno::EFAULT.into(),
        }
    }

    /// `vmsplice` on a file that can only be read.
    pub(super) fn enter_vmsplice_read(&mut self, fd: Fd, count: u32, flags: SpliceFlags) -> Entered {
        let id = self.vmsplice_file(fd, flags)?;
        if count == 0 {
            self.trace.rule(SPL_01);
            return Err(Step::Returned(Return::value(0)));
        }
        let pipe = self.vmsplice_pipe(id)?;
        let nonblock = flags.contains(SpliceFlags::SPLICE_F_NONBLOCK);
        let way = if self.k.file(id).write {
            // The direction is that of the file: the buffer's bytes go in.
            Way::ToPipe(ToPipe::from_user(pipe, Source::User { data: Payload::fill(0, count) }, count, nonblock))
        } else {
            Way::FromPipe(FromPipe::to_user(pipe, count, nonblock))
        };
        Ok(self.begin(CallKind::VmspliceRead, way, id, None))
    }

    fn vmsplice_file(&mut self, fd: Fd, flags: SpliceFlags) -> Result<FileId, Step> {
        self.check_flags(flags)?;
        let id = self.file_of(fd).ok_or_else(|| fails(Errno::EBADF))?;
        let file = self.k.file(id);
        if file.read || file.write { Ok(id) } else { Err(fails(Errno::EBADF)) }
    }

    fn vmsplice_pipe(&mut self, id: FileId) -> Result<super::PipeId, Step> {
        if !self.is_pipe(id) {
            self.trace.rule(SPL_02);
            return Err(fails(Errno::EBADF));
        }
        self.clear_nowait(id);
        Ok(self.k.file(id).pipe)
    }

    /// Unknown flags are refused.
    fn check_flags(&mut self, flags: SpliceFlags) -> Result<(), Step> {
        if SpliceFlags::ALL.contains(flags) || !self.env.quirks.has(Quirk::SpliceFlagsChecked) {
            return Ok(());
        }
        self.trace.rule(SPL_01_FLAGS);
        Err(fails(Errno::EINVAL))
    }

    /// Whether a pipe's file keeps a splice from sleeping.
    fn implies_nonblock(&mut self, pipe: &File) -> bool {
        let implied = pipe.nonblocking() && self.env.quirks.has(Quirk::SpliceNonblockOfFile);
        if implied {
            self.trace.rule(SPL_03);
        }
        implied
    }

    /// `pipe_clear_nowait`
    fn clear_nowait(&mut self, id: FileId) {
        if self.k.file(id).nowait && self.env.quirks.has(Quirk::NoWaitReads) {
            self.trace.rule(SPL_11);
            self.k.file_mut(id).nowait = false;
        }
    }

    fn begin(&mut self, kind: CallKind, way: Way, first: FileId, second: Option<FileId>) -> Frame {
        let fput = self.fdget(first);
        let held = second.and_then(|file| self.fdget(file));
        Frame { call: Some(InCall::Splice(Box::new(Splice { kind, way, held }))), fput }
    }
}

/// Where in a file it begins: at the offset, or at the file's position.
fn position(offset: Option<i64>, f_pos: u64) -> Result<u64, Errno> {
    match offset {
        None => Ok(f_pos),
        Some(offset) => u64::try_from(offset).map_err(|_| Errno::EINVAL),
    }
}

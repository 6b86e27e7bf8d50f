//! The state: one table per kind of object, and the only ways to reach into them.

use super::{
    PipeId, ProcessId, TaskId,
    canon::{canon_enum, canon_struct},
    file::{File, FileId},
    footprint::{Access, Footprint, ObjId},
    ipc::{
        IpcIds,
        msg::MsgQueue,
        sem::{SemArray, SemUndoList},
        shm::{ShmidKernel, StoreBuffer},
    },
    page::Page,
    pipe::{Ends, PipeInodeInfo, Ring},
    regular::Regular,
    table::Table,
    task::{Life, Process, RunState, Task},
    wait::WaitQueue,
};
use serde::Serialize;

/// The whole state of a machine.
///
/// Its objects are reached through `x(id)` to read and `x_mut(id)` to write, which keep the journal and the footprint.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    tasks: Table<Task>,
    processes: Table<Process>,
    files: Table<File>,
    pipes: Table<PipeInodeInfo>,
    pub(super) inodes: Table<Inode>,
    users: Table<User>,
    pub(super) pages: Table<Page>,
    pub(super) ipc_ids: Table<IpcIds>,
    pub(super) msqs: Table<MsgQueue>,
    pub(super) sem_arrays: Table<SemArray>,
    pub(super) sem_undos: Table<SemUndoList>,
    pub(super) shmids: Table<ShmidKernel>,
    /// One per task if the processor buffers stores, else none.
    pub(super) buffers: Table<StoreBuffer>,
    /// Ids of declared objects and numbers of declared keys, by object: they never change.
    pub(super) ipc_declared: Vec<(u16, i32)>,
    /// Pipes below this index are declared by the program: their places are not used again.
    declared: usize,
    /// What steps use, when somebody asks.
    pub footprint: Footprint,
}

/// `inode`, of a FIFO or a regular file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Inode {
    i_pipe: Option<PipeId>,
    pub(super) regular: Option<Regular>,
}

/// `user_struct`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct User {
    pipe_bufs: u32,
}

canon_struct!(Inode { i_pipe, regular });
canon_struct!(User { pipe_bufs });

/// Which wait queue of a pipe.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize)]
pub enum QueueKind {
    /// `rd_wait`
    #[serde(rename = "rd_wait")]
    Rd,
    /// `wr_wait`
    #[serde(rename = "wr_wait")]
    Wr,
    /// `wait`, the only queue of a pipe before v5.5. It lies in the place of `rd_wait`.
    #[serde(rename = "wait")]
    One,
    /// `signalfd_wqh` of a process.
    #[serde(rename = "signalfd_wqh")]
    Signalfd,
    /// `wait_chldexit` of a process.
    #[serde(rename = "wait_chldexit")]
    Wait,
}

canon_enum!(QueueKind { 0 => Rd, 1 => Wr, 2 => One, 3 => Signalfd, 4 => Wait, });

/// A wait queue.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct QueueId {
    /// Of this pipe, or of this process.
    pub of: u16,
    /// Which.
    pub kind: QueueKind,
}

impl QueueId {
    /// `rd_wait`
    pub const fn rd(pipe: PipeId) -> Self {
        QueueId { of: pipe, kind: QueueKind::Rd }
    }

    /// `wr_wait`
    pub const fn wr(pipe: PipeId) -> Self {
        QueueId { of: pipe, kind: QueueKind::Wr }
    }

    /// `wait`
    pub const fn one(pipe: PipeId) -> Self {
        QueueId { of: pipe, kind: QueueKind::One }
    }

    /// `signalfd_wqh`
    pub const fn signalfd(process: ProcessId) -> Self {
        QueueId { of: process, kind: QueueKind::Signalfd }
    }

    /// `wait_chldexit`
    pub const fn chldexit(process: ProcessId) -> Self {
        QueueId { of: process, kind: QueueKind::Wait }
    }

    fn obj(self) -> ObjId {
        match self.kind {
            QueueKind::Rd | QueueKind::One => ObjId::RdWait(self.of),
            QueueKind::Wr => ObjId::WrWait(self.of),
            QueueKind::Signalfd | QueueKind::Wait => ObjId::Process(self.of),
        }
    }
}

/// Two states are equal if their objects are.
impl PartialEq for Kernel {
    fn eq(&self, other: &Self) -> bool {
        self.tasks == other.tasks
            && self.processes == other.processes
            && self.files == other.files
            && self.pipes == other.pipes
            && self.inodes == other.inodes
            && self.users == other.users
            && self.pages == other.pages
            && self.ipc_ids == other.ipc_ids
            && self.msqs == other.msqs
            && self.sem_arrays == other.sem_arrays
            && self.sem_undos == other.sem_undos
            && self.shmids == other.shmids
            && self.buffers == other.buffers
    }
}

/// Calls a method on every table.
macro_rules! each_table {
    ($k:expr, $($call:tt)*) => {{
        $k.tasks.$($call)*;
        $k.processes.$($call)*;
        $k.files.$($call)*;
        $k.pipes.$($call)*;
        $k.inodes.$($call)*;
        $k.users.$($call)*;
        $k.pages.$($call)*;
        // A program without System V IPC has nothing in these, from its beginning to its end.
        if $k.has_ipc() {
            $k.ipc_ids.$($call)*;
            $k.msqs.$($call)*;
            $k.sem_arrays.$($call)*;
            $k.sem_undos.$($call)*;
            $k.shmids.$($call)*;
            $k.buffers.$($call)*;
        }
    }};
}

impl Kernel {
    /// A machine with `processes` that do not live yet and `paths`: FIFOs that nobody has opened.
    pub fn new(processes: usize, paths: usize) -> Self {
        let mut k = Kernel::default();
        for _ in 0..processes {
            k.processes.push(Process::default());
        }
        for _ in 0..paths {
            k.inodes.push(Inode::default());
        }
        k.users.push(User::default());
        k
    }

    /// A new task of a process; it lives when its process does.
    pub fn add_task(&mut self, process: ProcessId, blocked: u64) -> TaskId {
        let state = if self.processes[process.into()].life == Life::Live { RunState::Running } else { RunState::Dead };
        if state == RunState::Running {
            self.processes.write(process.into()).threads += 1;
        }
        self.tasks.push(Task { process, state, blocked, ..Task::default() }) as TaskId
    }

    /// A process starts to live, without threads and descriptors.
    pub fn start_process(&mut self, process: ProcessId) {
        self.processes.write(process.into()).life = Life::Live;
    }

    /// The pipes made so far keep their places for good, so that an index always means the same declared pipe.
    pub fn keep_pipes(&mut self) {
        self.declared = self.pipes.len();
    }

    /// Turns the journal on or off.
    pub fn set_journal(&mut self, on: bool) {
        each_table!(self, set_journal(on));
    }

    /// Makes everything since the last `commit` final.
    pub fn commit(&mut self) {
        each_table!(self, commit());
    }

    /// Takes everything since the last `commit` back.
    #[inline]
    pub fn undo(&mut self) {
        each_table!(self, undo());
    }

    /// How much [`Kernel::digest`] has changed since the last `commit`.
    #[inline]
    pub fn digest_delta(&mut self, scratch: &mut Vec<u8>) -> u128 {
        let parts = [
            self.tasks.digest_delta(1, scratch),
            self.processes.digest_delta(2, scratch),
            self.files.digest_delta(3, scratch),
            self.pipes.digest_delta(4, scratch),
            self.inodes.digest_delta(5, scratch),
            self.users.digest_delta(6, scratch),
            self.pages.digest_delta(7, scratch),
        ];
        let common = parts.into_iter().fold(0, u128::wrapping_add);
        if !self.has_ipc() {
            return common;
        }
        let parts = [
            self.ipc_ids.digest_delta(8, scratch),
            self.msqs.digest_delta(9, scratch),
            self.sem_arrays.digest_delta(10, scratch),
            self.sem_undos.digest_delta(12, scratch),
            self.shmids.digest_delta(11, scratch),
            self.buffers.digest_delta(13, scratch),
        ];
        parts.into_iter().fold(common, u128::wrapping_add)
    }

    /// The fingerprint of the state: the sum of the digests of its objects.
    pub fn digest(&self, scratch: &mut Vec<u8>) -> u128 {
        let parts = [
            self.tasks.digest(1, scratch),
            self.processes.digest(2, scratch),
            self.files.digest(3, scratch),
            self.pipes.digest(4, scratch),
            self.inodes.digest(5, scratch),
            self.users.digest(6, scratch),
            self.pages.digest(7, scratch),
            self.ipc_ids.digest(8, scratch),
            self.msqs.digest(9, scratch),
            self.sem_arrays.digest(10, scratch),
            self.sem_undos.digest(12, scratch),
            self.shmids.digest(11, scratch),
            self.buffers.digest(13, scratch),
        ];
        parts.into_iter().fold(0, u128::wrapping_add)
    }

    /// Appends the canonical form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        each_table!(self, encode(out));
    }

    /// Becomes the state that [`Kernel::encode`] wrote.
    pub fn decode(&mut self, input: &mut &[u8]) {
        each_table!(self, decode(input));
    }

    /// What must always hold.
    ///
    /// # Errors
    ///
    /// Which invariant is broken.
    pub fn invariants(&self) -> Result<(), String> {
        for (id, pipe) in self.pipes.iter().enumerate() {
            pipe.invariants().map_err(|what| format!("pipe {id}: {what}"))?;
            let open = |end: fn(&File) -> bool| {
                self.files.iter().filter(|f| f.f_count > 0 && usize::from(f.pipe) == id && end(f)).count()
            };
            if open(|f| f.read) > pipe.ends.readers.into() || open(|f| f.write) > pipe.ends.writers.into() {
                return Err(format!("pipe {id}: more open files than readers or writers"));
            }
            for entry in pipe.rd_wait.entries.iter().chain(&pipe.wr_wait.entries) {
                let task = &self.tasks[entry.task.into()];
                if task.state == RunState::Dead {
                    return Err(format!("pipe {id}: task {} is gone and still in a queue", entry.task));
                }
            }
        }
        for (id, task) in self.tasks.iter().enumerate() {
            if task.asleep && (task.state != RunState::Interruptible || task.frame.call.is_none()) {
                return Err(format!("task {id} sleeps and is not to be woken"));
            }
            task.pending.invariants().map_err(|what| format!("task {id}: {what}"))?;
            if task.blocked & super::signal::UNBLOCKABLE != 0 {
                return Err(format!("task {id} blocks what cannot be blocked"));
            }
        }
        for (id, process) in self.processes.iter().enumerate() {
            process.signal.shared_pending.invariants().map_err(|what| format!("process {id}: {what}"))?;
        }
        let charged: u32 = self.pipes.iter().map(|p| p.nr_accounted).sum();
        if charged != self.users[0].pipe_bufs {
            return Err(format!("{charged} slots are in use and {} are charged", self.users[0].pipe_bufs));
        }
        self.ipc_invariants()?;
        self.msg_invariants()?;
        self.sem_invariants()?;
        self.shm_invariants()?;
        self.page_invariants()
    }

    /// All tasks.
    pub fn tasks(&self) -> impl Iterator<Item = (TaskId, &Task)> {
        self.tasks.iter().enumerate().map(|(i, task)| (i as TaskId, task))
    }

    /// All pipes that are in use.
    pub fn pipes(&self) -> impl Iterator<Item = (PipeId, &PipeInodeInfo)> {
        self.pipes.iter().enumerate().filter(|(_, p)| p.ends.files > 0).map(|(i, pipe)| (i as PipeId, pipe))
    }

    /// The tasks of the same process, the task itself included.
    pub fn threads_of(&self, task: TaskId) -> Vec<TaskId> {
        self.threads_of_process(self.tasks[task.into()].process)
    }

    /// The living threads of a process.
    pub fn threads_of_process(&self, process: ProcessId) -> Vec<TaskId> {
        self.tasks().filter(|(_, t)| t.process == process && t.state != RunState::Dead).map(|(id, _)| id).collect()
    }

    /// The open file description with this index; `None` if it is free, or stands for a descriptor that an open has reserved.
    pub fn open_file(&self, id: FileId) -> Option<&File> {
        self.files.iter().as_slice().get(usize::from(id)).filter(|file| file.f_count > 0)
    }

    /// The first thread of a task's process, whose id is that of the process.
    pub(super) fn leader_of(&self, task: TaskId) -> TaskId {
        let process = self.tasks[task.into()].process;
        self.tasks.iter().position(|t| t.process == process).map_or(task, |leader| leader as TaskId)
    }

    /// Number of processes, those included that do not live.
    pub(super) fn process_count(&self) -> usize {
        self.processes.len()
    }

    /// Number of open file descriptions, free places included.
    pub(super) fn file_count(&self) -> usize {
        self.files.len()
    }

    /// The living tasks that have a file open at one side of a pipe.
    pub fn holders(&self, pipe: PipeId, writer: bool) -> Vec<TaskId> {
        let holds = |process: &Process| {
            process.files.iter().flatten().any(|&file| {
                self.files
                    .iter()
                    .nth(file.into())
                    .is_some_and(|f| f.pipe == pipe && if writer { f.write } else { f.read })
            })
        };
        self.tasks()
            .filter(|(_, t)| t.state != RunState::Dead && holds(&self.processes[t.process.into()]))
            .map(|(id, _)| id)
            .collect()
    }
}

/// `x(id)` and `x_mut(id)`.
macro_rules! access {
    ($($read:ident $write:ident ($table:ident $(. $part:ident)*) $id:ty => $obj:ident : $out:ty;)*) => { $(
        #[doc = concat!("Reads `", stringify!($table $(. $part)*), "`.")]
        #[inline]
        pub fn $read(&self, id: $id) -> &$out {
            self.footprint.note(ObjId::$obj(id), Access::Read);
            &self.$table[id as usize]$(.$part)*
        }
        #[doc = concat!("Writes `", stringify!($table $(. $part)*), "`.")]
        #[inline]
        pub fn $write(&mut self, id: $id) -> &mut $out {
            self.footprint.note(ObjId::$obj(id), Access::Write);
            &mut (*self.$table.write(id as usize))$(.$part)*
        }
    )* };
}

impl Kernel {
    access! {
        task task_mut (tasks) TaskId => Task: Task;
        process process_mut (processes) ProcessId => Process: Process;
        file file_mut (files) FileId => File: File;
        ring ring_mut (pipes.ring) PipeId => Ring: Ring;
        ends ends_mut (pipes.ends) PipeId => Ends: Ends;
        i_pipe i_pipe_mut (inodes.i_pipe) u16 => Inode: Option<PipeId>;
    }

    /// Reads ring and ends of a pipe.
    #[inline]
    pub fn pipe(&self, id: PipeId) -> &PipeInodeInfo {
        self.footprint.note(ObjId::Ring(id), Access::Read);
        self.footprint.note(ObjId::Ends(id), Access::Read);
        &self.pipes[id as usize]
    }

    /// Writes a whole pipe.
    pub fn pipe_mut(&mut self, id: PipeId) -> &mut PipeInodeInfo {
        for object in [ObjId::Ring(id), ObjId::Ends(id), ObjId::RdWait(id), ObjId::WrWait(id)] {
            self.footprint.note(object, Access::Write);
        }
        self.pipes.write(id as usize)
    }

    /// Reads a wait queue.
    #[inline]
    pub fn queue(&self, id: QueueId) -> &WaitQueue {
        self.footprint.note(id.obj(), Access::Read);
        match id.kind {
            QueueKind::Rd | QueueKind::One => &self.pipes[id.of as usize].rd_wait,
            QueueKind::Wr => &self.pipes[id.of as usize].wr_wait,
            QueueKind::Signalfd => &self.processes[id.of as usize].signal.signalfd_wqh,
            QueueKind::Wait => &self.processes[id.of as usize].signal.wait_chldexit,
        }
    }

    /// Writes a wait queue.
    #[inline]
    pub fn queue_mut(&mut self, id: QueueId) -> &mut WaitQueue {
        self.footprint.note(id.obj(), Access::Write);
        match id.kind {
            QueueKind::Rd | QueueKind::One => &mut self.pipes.write(id.of as usize).rd_wait,
            QueueKind::Wr => &mut self.pipes.write(id.of as usize).wr_wait,
            QueueKind::Signalfd => &mut self.processes.write(id.of as usize).signal.signalfd_wqh,
            QueueKind::Wait => &mut self.processes.write(id.of as usize).signal.wait_chldexit,
        }
    }

    /// The process of a task, which never changes.
    #[inline]
    pub fn process_id_of(&self, task: TaskId) -> ProcessId {
        self.tasks[task as usize].process
    }

    /// A process, without a note: the caller notes which part of it is read.
    #[inline]
    pub(super) fn process_unnoted(&self, id: ProcessId) -> &Process {
        &self.processes[id as usize]
    }

    /// The same to write.
    pub(super) fn process_unnoted_mut(&mut self, id: ProcessId) -> &mut Process {
        self.processes.write(id as usize)
    }

    /// All processes.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, &Process)> {
        self.processes.iter().enumerate().map(|(i, process)| (i as ProcessId, process))
    }

    /// Reads the process of a task.
    #[inline]
    pub fn process_of(&self, task: TaskId) -> &Process {
        self.process(self.tasks[task as usize].process)
    }

    /// The user of a task; the one who owns the test, if there is no such task: programs may have none.
    pub fn uid_of(&self, task: TaskId) -> u16 {
        if usize::from(task) < self.tasks.len() { self.process_of(task).uid } else { 0 }
    }

    /// Writes the process of a task.
    pub fn process_of_mut(&mut self, task: TaskId) -> &mut Process {
        self.process_mut(self.tasks[task as usize].process)
    }

    /// Slots charged to the user.
    pub fn user_bufs(&self) -> u32 {
        self.footprint.note(ObjId::User, Access::Read);
        self.users[0].pipe_bufs
    }

    /// `account_pipe_buffers`
    pub fn charge(&mut self, old: u32, new: u32) {
        self.footprint.note(ObjId::User, Access::Write);
        let user = self.users.write(0);
        user.pipe_bufs = user.pipe_bufs - old + new;
    }

    /// Something was freed: its place is what the next allocation may take.
    #[inline]
    pub(super) fn freed(&self) {
        self.footprint.note(ObjId::Allocation, Access::Write);
    }

    /// Puts an open file description into the lowest free place.
    pub fn install_file(&mut self, file: File) -> FileId {
        self.footprint.note(ObjId::Allocation, Access::Write);
        let place = match self.files.iter().position(|f| f.f_count == 0) {
            Some(i) => {
                *self.files.write(i) = file;
                i
            }
            None => self.files.push(file),
        };
        self.footprint.note(ObjId::File(place as FileId), Access::Write);
        place as FileId
    }

    /// Puts a pipe into the lowest free place.
    pub fn install_pipe(&mut self, pipe: PipeInodeInfo) -> PipeId {
        self.footprint.note(ObjId::Allocation, Access::Write);
        let free = self.pipes.iter().skip(self.declared).position(|p| p.ends.files == 0);
        let place = match free {
            Some(i) => {
                let i = self.declared + i;
                *self.pipes.write(i) = pipe;
                i
            }
            None => self.pipes.push(pipe),
        };
        for object in [ObjId::Ring(place as u16), ObjId::Ends(place as u16)] {
            self.footprint.note(object, Access::Write);
        }
        place as PipeId
    }
}

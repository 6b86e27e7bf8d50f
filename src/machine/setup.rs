//! The initial state: objects made, ends handed out, `init` run.

use super::{Machine, MoveKind, State};
use crate::{
    kernel::{
        Action, Call, CallKind, Cx, Env, Errno, IPC_PRIVATE, IpcFlags, IpcKey, IpcKind, Kernel, Memory, OpenFlags, Pid,
        Quirk, Step, TaskId, Trace,
        ipc::{msg, sem, shm},
        pipe, signal,
    },
    program::{Compiled, Cursor, End, FIRST_FD, FIRST_KEY, syntax::ObjectKind},
};
use std::fmt;

/// Why a program cannot begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetupError {
    /// An object could not be made.
    Object {
        /// Its name.
        name: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// `init` sleeps, and nobody is there to wake it.
    InitAsleep {
        /// In this call.
        call: CallKind,
    },
    /// `init` stopped before its last statement.
    InitHalted,
    /// A setting that the model does not know.
    UnknownSetting(String),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetupError::Object { name, errno } => write!(f, "`{name}` cannot be made: {errno}"),
            SetupError::InitAsleep { call } => {
                write!(f, "`init` sleeps in {call}: it runs alone, before every task, so nobody can wake it")
            }
            SetupError::InitHalted => f.write_str("a statement of `init` failed"),
            SetupError::UnknownSetting(name) => write!(f, "there is no setting or quirk called `{name}`"),
        }
    }
}

impl std::error::Error for SetupError {}

/// The environment that a program asks for, on a kernel of this version with these defaults.
///
/// # Errors
///
/// A setting that is not known.
pub fn environment(program: &Compiled, base: Env) -> Result<Env, SetupError> {
    let mut env = base;
    for (name, value) in &program.settings.limits {
        let wide = *value;
        let value = u32::try_from(wide).unwrap_or(u32::MAX);
        match name.as_str() {
            "fs.pipe-max-size" => env.limits.pipe_max_size = value,
            "fs.pipe-user-pages-soft" => env.limits.pipe_user_pages_soft = value,
            "fs.pipe-user-pages-hard" => env.limits.pipe_user_pages_hard = value,
            "nofile" => env.limits.nofile = value,
            "kernel.msgmax" => env.limits.msgmax = value,
            "kernel.msgmnb" => env.limits.msgmnb = value,
            "kernel.msgmni" => env.limits.msgmni = value,
            "kernel.semmsl" => env.limits.semmsl = value,
            "kernel.semmns" => env.limits.semmns = value,
            "kernel.semopm" => env.limits.semopm = value,
            "kernel.semmni" => env.limits.semmni = value,
            "kernel.shmmax" => env.limits.shmmax = wide,
            "kernel.shmall" => env.limits.shmall = wide,
            "kernel.shmmni" => env.limits.shmmni = value,
            "kernel.shm_rmid_forced" => env.limits.shm_rmid_forced = value != 0,
            "sigpending" => env.limits.sigpending = value,
            _ => return Err(SetupError::UnknownSetting(name.clone())),
        }
    }
    if let Some(memory) = program.settings.memory {
        env.memory = memory;
    }
    for cap in &program.settings.caps {
        match cap.as_str() {
            "CAP_SYS_RESOURCE" => env.caps.sys_resource = true,
            "CAP_SYS_ADMIN" => env.caps.sys_admin = true,
            "CAP_IPC_OWNER" => env.caps.ipc_owner = true,
            "CAP_IPC_LOCK" => env.caps.ipc_lock = true,
            "CAP_KILL" => env.caps.kill = true,
            _ => return Err(SetupError::UnknownSetting(cap.clone())),
        }
    }
    for name in &program.settings.quirks {
        let quirk = Quirk::by_name(name).ok_or_else(|| SetupError::UnknownSetting(name.clone()))?;
        env.quirks = env.quirks.with(quirk, true);
    }
    env.observe.siginfo = program.siginfo_visible;
    env.observe.pids = program.looks_at_pids();
    env.observe.births = program.signals_groups() || program.waits_for_any();
    Ok(env)
}

impl Machine<'_> {
    /// The state in which the tasks begin.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn initial(&self) -> Result<State, SetupError> {
        let program = self.program;
        let paths = program.objects.iter().filter(|o| o.kind.has_path()).count();
        let mut k = Kernel::new(program.processes.len(), paths);
        for (id, process) in program.processes.iter().enumerate() {
            if process.parent.is_none() {
                k.start_process(id as u16);
            }
            k.process_mut(id as u16).uid = process.user as u16;
            // As most programs live: a broken pipe is an error, not the end.
            k.process_mut(id as u16).signal.ignored = signal::mask(signal::SIGPIPE);
        }
        for task in &program.tasks {
            k.add_task(task.process, 0);
        }
        for (object, info) in program.objects.iter().enumerate() {
            if let (Some(path), Some((mode, data))) = (self.path_of(object as u16), &info.file) {
                k.make_regular(path, *mode, data);
            }
        }
        self.make_objects(&mut k)?;
        if program.uses_ipc() {
            k.make_ipc_namespace();
            self.make_ipc(&mut k)?;
            self.attach(&mut k)?;
            if self.env.memory == Memory::Tso {
                k.buffer_stores();
            }
        }

        let mut state = State::new(k);
        for (id, task) in program.tasks.iter().enumerate() {
            let mut cursor = Cursor::new(task.vars.len());
            // `init` runs to its end before anybody looks.
            // Without a call before them no signal could come to these statements.
            let single = program.locals_visible && Some(id as TaskId) != program.init;
            if !single {
                cursor.advance(&task.code, false);
            }
            state.add_cursor(cursor);
        }
        if let Some(init) = program.init {
            self.run_init(&mut state, init)?;
        }
        state.commit();
        Ok(state)
    }

    fn make_objects(&self, k: &mut Kernel) -> Result<(), SetupError> {
        let mut trace = Trace::default();
        // Closed when all are made, so that a pipe that nobody has does not leave its place to the next.
        let mut unheld = Vec::new();
        for (object, info) in self.program.objects.iter().enumerate() {
            if info.kind != ObjectKind::Pipe {
                continue;
            }
            let refused = |errno| SetupError::Object { name: info.name.clone(), errno };
            let mut cx = Cx { k, env: &self.env, trace: &mut trace, me: 0 };
            let mut allowed = OpenFlags::O_CLOEXEC | OpenFlags::O_NONBLOCK;
            allowed.set(OpenFlags::O_DIRECT, self.env.quirks.has(Quirk::PipePackets));
            if !allowed.contains(info.flags) {
                return Err(refused(Errno::EINVAL));
            }
            let (id, files) = pipe::create_pipe_files(&mut cx, info.flags).map_err(refused)?;
            // Declared objects belong to the owner of the test, whoever the first task is.
            cx.k.pipe_mut(id).uid = 0;
            debug_assert_eq!(usize::from(id), self.pipe_of(object as u16).map_or(0, usize::from));
            if let Some(size) = info.size {
                pipe::set_pipe_size(&mut cx, id, size).ret.map_err(refused)?;
            }
            for (end, mut file) in [End::Read, End::Write].into_iter().zip(files) {
                let holders = self.program.processes.iter().enumerate().filter_map(|(process, info)| {
                    let place = info.ends.iter().position(|&e| e == (object as u16, end))?;
                    Some((process as u16, FIRST_FD + place as i32))
                });
                let holders: Vec<_> = holders.collect();
                if holders.is_empty() {
                    unheld.push(file);
                    continue;
                }
                file.f_count = holders.len() as u16;
                let file = cx.k.install_file(file);
                for (process, fd) in holders {
                    *cx.k.process_mut(process).place(fd) = Some(file);
                }
            }
        }
        k.keep_pipes();
        let mut cx = Cx { k, env: &self.env, trace: &mut trace, me: 0 };
        unheld.iter().for_each(|file| pipe::release(&mut cx, file));
        Ok(())
    }

    /// The declared System V objects, made by the owner of the test in the order of their declarations.
    fn make_ipc(&self, k: &mut Kernel) -> Result<(), SetupError> {
        let mut trace = Trace::default();
        for (object, info) in self.program.objects.iter().enumerate() {
            let object = object as u16;
            if info.kind == ObjectKind::Key {
                k.declare_ipc(object, FIRST_KEY + i32::from(object));
                continue;
            }
            let Some(kind) = info.kind.ipc() else { continue };
            let refused = |errno| SetupError::Object { name: info.name.clone(), errno };
            let mut cx = Cx { k, env: &self.env, trace: &mut trace, me: 0 };
            let key = info.ipc.key.map_or(IPC_PRIVATE, |key| FIRST_KEY + i32::from(key));
            let flags = IpcFlags::IPC_CREAT | IpcFlags::IPC_EXCL | IpcFlags::from_bits_retain(info.ipc.mode.into());
            let made = match kind {
                IpcKind::Msg => msg::make(&mut cx, IpcKey::Number(key), flags, info.ipc.qbytes),
                IpcKind::Sem => sem::make(&mut cx, IpcKey::Number(key), flags, info.ipc.nsems, &info.ipc.values),
                IpcKind::Shm => shm::make(&mut cx, IpcKey::Number(key), flags, info.size.unwrap_or(0)),
            };
            let id = made.map_err(refused)?;
            k.declare_ipc(object, id);
        }
        Ok(())
    }

    /// Each process attaches what its text names the cells of, one process after the other.
    ///
    /// # Errors
    ///
    /// `EACCES` if the declared permissions let not even the owner read and write.
    fn attach(&self, k: &mut Kernel) -> Result<(), SetupError> {
        for (id, process) in self.program.processes.iter().enumerate() {
            for &object in &process.attached {
                let Some(shm) = k.ipc_find(IpcKind::Shm, k.ipc_declared(object)) else { continue };
                let info = &self.program.objects[usize::from(object)];
                if info.ipc.mode & 0o600 != 0o600 && !self.env.caps.ipc_owner {
                    return Err(SetupError::Object { name: info.name.clone(), errno: Errno::EACCES });
                }
                let leader = process.threads.first().filter(|_| self.env.observe.pids);
                k.attach(id as u16, shm, leader.map_or(Pid::NOBODY, |&leader| Pid::of(leader)));
            }
        }
        Ok(())
    }

    fn run_init(&self, state: &mut State, init: TaskId) -> Result<(), SetupError> {
        let mut trace = Trace::default();
        while let Some(kind) = self.next_move(state, init) {
            if matches!(self.apply(state, super::Move { task: init, kind }, u32::MAX, &mut trace), Step::Slept) {
                let call = state.kernel.task(init).sleeps_in().unwrap_or(CallKind::Pause);
                return Err(SetupError::InitAsleep { call });
            }
            debug_assert_ne!(kind, MoveKind::Expire);
        }
        state.kernel.drain(init);
        if state.cursor(init).halt.is_some() {
            return Err(SetupError::InitHalted);
        }
        if state.kernel.task(init).state != crate::kernel::RunState::Dead {
            let exit = Action::Enter(Call::Exit { status: 0 });
            state.kernel.run(&self.env, init, exit, &mut trace, u32::MAX);
        }
        Ok(())
    }
}

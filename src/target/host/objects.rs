//! The declared objects, made anew for each run.

use super::{
    memory, msg, probe, sem,
    shared::{Shared, verdict},
    shm, sys,
};
use crate::{
    kernel::{IPC_PRIVATE, Payload},
    program::{Compiled, End, FIRST_FD, FIRST_KEY, IpcNumbers, ObjectInfo, syntax::ObjectKind},
};
use std::{
    ffi::CString,
    fs, io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    sync::atomic::Ordering,
};

/// Closes all descriptors that a program may have opened.
pub fn close_low() {
    // SAFETY: closing descriptors touches no memory.
    if unsafe { libc::syscall(libc::SYS_close_range, FIRST_FD, HIGH_FD - 1, 0) } != 0 {
        for fd in FIRST_FD..HIGH_FD {
            // SAFETY: as above.
            unsafe { libc::close(fd) };
        }
    }
}

/// Descriptors of the controller are moved up here, out of the way of those of the program.
pub const HIGH_FD: i32 = 300;
/// The most descriptors that a process can start with.
pub const MAX_ENDS: usize = 256;

/// Pipes, FIFOs and files of one run, or of one iteration.
#[derive(Debug)]
pub struct Objects {
    /// Read and write end of each pipe; -1 for FIFOs and files.
    pipes: Vec<[i32; 2]>,
    /// Names of FIFOs, files and memory, by path index.
    pub paths: Vec<CString>,
    /// Where memory lies in every process, by path index; of no length for all else.
    pub memory: Vec<Region>,
    /// Ids of System V objects and numbers of keys.
    pub numbers: IpcNumbers,
}

/// Memory that all processes of a run share: a file of theirs in a tmpfs, mapped before they are forked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Region {
    /// Its first byte.
    pub base: usize,
    /// Bytes.
    pub len: usize,
}

impl Objects {
    /// Makes the objects of `program`; `instance` keeps the names of FIFOs apart and is where probes find the inodes.
    pub fn create(shared: &Shared, program: &Compiled, instance: usize) -> Objects {
        let mut objects =
            Objects { pipes: Vec::new(), paths: Vec::new(), numbers: IpcNumbers::default(), memory: Vec::new() };
        for (i, object) in program.objects.iter().enumerate() {
            let made = match object.kind {
                ObjectKind::Pipe => objects.create_pipe(object.flags.bits(), object.size),
                ObjectKind::Fifo => objects.create_fifo(instance, i),
                ObjectKind::File => objects.create_file(instance, i, object.file.as_ref()),
                ObjectKind::Msgq | ObjectKind::Sem | ObjectKind::Shm | ObjectKind::Key => {
                    objects.pipes.push([-1; 2]);
                    objects.create_ipc(instance, i, object).map(|number| {
                        objects.numbers.0.resize(i, -1);
                        objects.numbers.0.push(number);
                        memory::probe_key(number)
                    })
                }
                ObjectKind::Memory => objects.create_memory(instance, i, object.file.as_ref()),
            };
            match made {
                Ok(inode) => shared.inodes[instance][i].store(inode, Ordering::Relaxed),
                Err(error) => {
                    shared.reason.store(i as u32, Ordering::Relaxed);
                    shared.errno.store(sys::errno(&error) as u32, Ordering::Relaxed);
                    shared.conclude(verdict::NO_OBJECT);
                    sys::exit_now(2);
                }
            }
        }
        objects
    }

    /// Id of a new System V object, or number of a key: every instance has its own.
    fn create_ipc(&self, instance: usize, object: usize, info: &ObjectInfo) -> io::Result<i32> {
        let key = |object: usize| FIRST_KEY + ((instance << 8) + object) as i32;
        let own = info.ipc.key.map_or(IPC_PRIVATE, |declared| key(declared.into()));
        match info.kind {
            ObjectKind::Key => Ok(key(object)),
            ObjectKind::Msgq => msg::create(&info.ipc, own),
            ObjectKind::Sem => sem::create(&info.ipc, own),
            ObjectKind::Shm => shm::create(&info.ipc, own, info.size.unwrap_or(0)),
            _ => Err(io::Error::from_raw_os_error(libc::ENOSYS)),
        }
    }

    fn create_pipe(&mut self, flags: u32, size: Option<u64>) -> io::Result<u64> {
        let mut low = [0i32; 2];
        // SAFETY: the array takes two descriptors.
        sys::check(unsafe { libc::pipe2(low.as_mut_ptr(), flags as i32 | libc::O_CLOEXEC) })?;
        let mut high = [-1; 2];
        for (low, high) in low.iter().zip(&mut high) {
            // SAFETY: descriptors only.
            let moved = sys::check(unsafe { libc::fcntl(*low, libc::F_DUPFD_CLOEXEC, HIGH_FD) });
            // SAFETY: `low` is ours.
            unsafe { libc::close(*low) };
            *high = moved? as i32;
        }
        self.pipes.push(high);
        if let Some(size) = size {
            // SAFETY: descriptors and numbers only; the size is passed whole.
            sys::check(unsafe { libc::syscall(libc::SYS_fcntl, high[1], libc::F_SETPIPE_SZ, size) })?;
        }
        probe::inode(high[0]).ok_or_else(io::Error::last_os_error)
    }

    fn create_fifo(&mut self, instance: usize, object: usize) -> io::Result<u64> {
        self.pipes.push([-1; 2]);
        let path = CString::new(format!("{instance}.{object}"))?;
        // SAFETY: a C string.
        unsafe { libc::unlink(path.as_ptr()) };
        // SAFETY: as above.
        sys::check(unsafe { libc::mkfifo(path.as_ptr(), 0o666) })?;
        // SAFETY: all zero is a valid `stat`.
        let mut stat: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: a C string, and `stat` lives through the call.
        sys::check(unsafe { libc::stat(path.as_ptr(), &raw mut stat) })?;
        self.paths.push(path);
        self.memory.push(Region::default());
        Ok(probe::mixed(&stat))
    }

    /// A file has no number by which a probe could find it: the controller reads it by name.
    fn create_file(&mut self, instance: usize, object: usize, file: Option<&(u16, Payload)>) -> io::Result<u64> {
        self.pipes.push([-1; 2]);
        let path = format!("{instance}.{object}");
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        if let Some((mode, data)) = file {
            fs::write(&path, data.bytes())?;
            fs::set_permissions(&path, fs::Permissions::from_mode((*mode).into()))?;
        }
        self.paths.push(CString::new(path)?);
        self.memory.push(Region::default());
        Ok(0)
    }

    /// Memory is what `MAP_SHARED` memory is to the kernel: pages of a tmpfs. It has a name so that the controller can look.
    fn create_memory(&mut self, instance: usize, object: usize, file: Option<&(u16, Payload)>) -> io::Result<u64> {
        self.create_file(instance, object, file)?;
        let len = file.map_or(0, |(_, data)| data.len() as usize);
        let file = fs::OpenOptions::new().read(true).write(true).open(format!("{instance}.{object}"))?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        // SAFETY: a new mapping touches no existing memory.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), len, access, flags, file.as_raw_fd(), 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        if let Some(region) = self.memory.last_mut() {
            *region = Region { base: base as usize, len };
        }
        Ok(0)
    }

    /// In a worker: attaches the segments of its process, in the order of the program, and nothing else.
    pub fn attach(&self, program: &Compiled, process: usize) -> io::Result<()> {
        memory::detach_all();
        for &object in &program.processes[process].attached {
            memory::attach(self.numbers.0[object as usize])?;
        }
        Ok(())
    }

    /// In a worker: gives the ends of its process the numbers that they have in the program.
    pub fn take_ends(&self, program: &Compiled, process: usize) -> io::Result<()> {
        for (k, fd) in self.ends(program, process).enumerate() {
            // SAFETY: duplicating descriptors touches no memory.
            sys::check(unsafe { libc::dup2(fd, FIRST_FD + k as i32) })?;
        }
        Ok(())
    }

    /// In a worker of free runs: the same, with everything closed that earlier iterations left, and with nothing of
    /// this instance kept elsewhere.
    pub fn move_ends(&self, program: &Compiled, process: usize) -> io::Result<()> {
        close_low();
        self.take_ends(program, process)?;
        for fd in self.ends(program, process) {
            // SAFETY: the descriptor is ours.
            unsafe { libc::close(fd) };
        }
        Ok(())
    }

    /// In a worker of free runs: closes the ends that its process does not hold.
    pub fn drop_others(&self, program: &Compiled, process: usize) {
        let own: Vec<i32> = self.ends(program, process).collect();
        for &fd in self.pipes.iter().flatten().filter(|fd| !own.contains(fd)) {
            // SAFETY: the descriptors are ours; -1 is none.
            unsafe { libc::close(fd) };
        }
    }

    /// The high descriptors of a process's ends, in order.
    fn ends(&self, program: &Compiled, process: usize) -> impl Iterator<Item = i32> {
        let ends = &program.processes[process].ends;
        ends.iter().map(|&(object, end)| self.pipes[object as usize][usize::from(end == End::Write)])
    }

    /// Closes the controller's descriptors, and lets go of memory: a descriptor that it kept would prevent EOF and `EPIPE`.
    pub fn close(&mut self) {
        for fd in self.pipes.drain(..).flatten().filter(|&fd| fd >= 0) {
            // SAFETY: the descriptors are ours.
            unsafe { libc::close(fd) };
        }
        for region in self.memory.drain(..).filter(|region| region.len > 0) {
            // SAFETY: the mapping is the controller's own, which never looks at it.
            unsafe { libc::munmap(region.base as *mut libc::c_void, region.len) };
        }
    }
}

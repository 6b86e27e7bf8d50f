//! Looking at objects when everything is quiet, with nothing that changes them.
//!
//! It takes a descriptor, and the controller has none: a worker that waits for a command looks through its own.

use super::{
    memory,
    shared::{ProbeCell, Shared, command, state},
    sys,
};
use crate::{
    kernel::SHOWN,
    program::{Compiled, FIRST_FD, ObjectField, ObjectInfo, syntax::ObjectKind},
    target::Observation,
};
use std::{ffi::CString, fs, os::unix::ffi::OsStrExt, sync::atomic::Ordering};

/// A worker stops looking after so many unused descriptors in a row.
const LONGEST_GAP: i32 = 16;

/// In a worker: looks at each object of which this process has a descriptor.
pub fn look(shared: &Shared, program: &Compiled) {
    let objects = program.objects.len();
    look_at_cells(shared, program);
    let inodes = &shared.inodes[shared.instance.load(Ordering::Acquire) as usize];
    let (mut fd, mut gap) = (FIRST_FD, 0);
    while gap < LONGEST_GAP {
        match inode(fd) {
            None => gap += 1,
            Some(inode) => {
                gap = 0;
                let object = inodes[..objects].iter().position(|i| i.load(Ordering::Relaxed) == inode);
                if let Some(object) = object
                    && shared.probes[object].seen.load(Ordering::Relaxed) == 0
                {
                    look_at(shared, object, fd);
                }
            }
        }
        fd += 1;
    }
}

/// Copies the first cells of every segment that this process has attached.
fn look_at_cells(shared: &Shared, program: &Compiled) {
    let keys = &shared.inodes[shared.instance.load(Ordering::Acquire) as usize];
    for (i, object) in program.objects.iter().enumerate().filter(|(_, object)| object.kind == ObjectKind::Shm) {
        let Some(base) = memory::attached(keys[i].load(Ordering::Relaxed)) else { continue };
        for (cell, to) in shared.cells[i].iter().take(object.cells as usize).enumerate() {
            to.store(memory::read(base, cell), Ordering::Relaxed);
        }
        shared.probes[i].seen.store(1, Ordering::Release);
    }
}

fn look_at(shared: &Shared, object: usize, fd: i32) {
    let cell = &shared.probes[object];
    let mut readable = 0i32;
    // SAFETY: the request stores one `int`.
    let failed = unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut readable) } != 0;
    // SAFETY: no pointers.
    let size = unsafe { libc::fcntl(fd, libc::F_GETPIPE_SZ) };
    if failed || size < 0 {
        return;
    }
    cell.readable.store(readable.into(), Ordering::Relaxed);
    cell.size.store(size.into(), Ordering::Relaxed);
    cell.seen.store(1, Ordering::Release);
}

/// The inode number of a descriptor's file, mixed with its device.
pub fn inode(fd: i32) -> Option<u64> {
    // SAFETY: all zero is a valid `stat`.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `stat` lives through the call.
    (unsafe { libc::fstat(fd, &raw mut stat) } == 0).then(|| mixed(&stat))
}

/// Device and inode in one number.
pub fn mixed(stat: &libc::stat) -> u64 {
    stat.st_ino ^ stat.st_dev.rotate_left(40)
}

/// In the controller: what the files hold, read by name. Nobody can notice it but by their time of access.
pub fn read_files(shared: &Shared, program: &Compiled, paths: &[CString]) {
    let named = program.objects.iter().enumerate().filter(|(_, object)| object.kind.has_path());
    for ((object, info), path) in named.zip(paths) {
        let path = std::ffi::OsStr::from_bytes(path.to_bytes());
        if !info.kind.has_bytes() {
            continue;
        }
        let Ok(size) = fs::metadata(path).map(|metadata| metadata.len()) else { continue };
        let data = if size <= SHOWN { fs::read(path).ok().map(|bytes| bytes[..].into()) } else { None };
        shared.see(Observation::Contents { object: object as u16, size, data });
    }
}

/// Whether a worker has to look at the object: through a descriptor, or through a mapping.
fn workers_look(object: &ObjectInfo) -> bool {
    matches!(object.kind, ObjectKind::Pipe | ObjectKind::Fifo | ObjectKind::Shm)
}

/// In the controller: what objects show, and how many showed nothing. `wait` returns when the worker has answered.
pub fn ask(shared: &Shared, program: &Compiled, wait: &mut dyn FnMut(usize)) -> (Vec<(u16, ObjectField, i64)>, usize) {
    let cells = &shared.probes[..program.objects.len()];
    cells.iter().for_each(|cell| cell.seen.store(0, Ordering::Relaxed));
    for process in &program.processes {
        let seen =
            |(cell, object): (&ProbeCell, &ObjectInfo)| !workers_look(object) || cell.seen.load(Ordering::Acquire) != 0;
        if cells.iter().zip(&program.objects).all(seen) {
            break;
        }
        let resting = |&&task: &&u16| {
            let slot = shared.slot(task as usize);
            matches!(slot.state.load(Ordering::Acquire), state::IDLE | state::PARKED)
                && slot.stopped.load(Ordering::Relaxed) == 0
        };
        if let Some(&task) = process.threads.iter().find(resting) {
            sys::futex_post(&shared.slot(task as usize).command, command::PROBE);
            wait(task as usize);
        }
    }
    let mut seen = Vec::new();
    let mut shown = 0;
    for (object, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.seen.load(Ordering::Acquire) != 0) {
        shown += 1;
        let info = &program.objects[object];
        if info.kind == ObjectKind::Shm {
            let values = shared.cells[object].iter().take(info.cells as usize).enumerate();
            seen.extend(
                values.map(|(cell, value)| {
                    (object as u16, ObjectField::Cell(cell as u32), value.load(Ordering::Relaxed))
                }),
            );
            continue;
        }
        seen.push((object as u16, ObjectField::Readable, cell.readable.load(Ordering::Relaxed)));
        seen.push((object as u16, ObjectField::Size, cell.size.load(Ordering::Relaxed)));
    }
    let wanted = program.objects.iter().filter(|object| workers_look(object)).count();
    let skipped = wanted.saturating_sub(shown);
    (seen, skipped)
}

//! Calls on descriptors of pipes and FIFOs.

use super::{
    Chooser, Descriptor, FileKind, Sketch, Sleep, Until,
    build::{binary, call, flags, int, name, repeated, statement, with},
    size, splice,
};
use crate::program::syntax::{BinOp, Expr, Stmt};

/// A call of the task on a descriptor of a file of this kind.
pub fn call_on(sketch: &mut Sketch, task: usize, kind: FileKind, chooser: &mut dyn Chooser) -> Option<Stmt> {
    let open = sketch.known(task, |d, file| d.open && file.kind == kind);
    let closed = sketch.known(task, |d, file| !d.open && file.kind == kind);
    // What a closed descriptor says is soon known.
    let d = if !closed.is_empty() && (open.is_empty() || chooser.percent(2)) {
        chooser.pick(&closed)
    } else if open.is_empty() {
        return None;
    } else {
        chooser.pick(&open)
    };
    let what = chooser.weighted(&[
        (40, What::Transfer),
        (10, What::Splice),
        (7, What::Close),
        (5, What::Poll),
        (5, What::Resize),
        (5, What::Status),
        (4, What::Duplicate),
        (2, What::Reopen),
        (4, What::Ask),
    ]);
    Some(match what {
        What::Transfer => transfer(sketch, task, d, chooser),
        What::Splice => return splice::call(sketch, task, d, chooser),
        What::Close => close(sketch, d),
        What::Poll => poll(sketch, task, d, chooser),
        What::Resize => resize(sketch, d, chooser),
        What::Status => set_flags(sketch, d, chooser),
        What::Duplicate => duplicate(sketch, task, d, chooser),
        What::Reopen => reopen(sketch, task, d, chooser),
        What::Ask => ask(sketch, d, chooser),
    })
}

#[derive(Clone, Copy)]
enum What {
    Transfer,
    Splice,
    Close,
    Poll,
    Resize,
    Status,
    Duplicate,
    Reopen,
    Ask,
}

/// How it is written.
pub fn text(sketch: &Sketch, d: usize) -> Expr {
    sketch.descriptors[d].text.clone()
}

/// `read` or `write`, whichever the descriptor is for; now and then the other one.
fn transfer(sketch: &mut Sketch, task: usize, d: usize, chooser: &mut dyn Chooser) -> Stmt {
    let Descriptor { read, write, .. } = sketch.descriptors[d];
    let wrong = chooser.percent(1);
    let reads = match (read, write) {
        (true, true) => chooser.percent(50),
        (read, _) => read != wrong,
    };
    if reads { do_read(sketch, task, d, chooser) } else { do_write(sketch, task, d, chooser) }
}

fn do_read(sketch: &mut Sketch, task: usize, d: usize, chooser: &mut dyn Chooser) -> Stmt {
    let Descriptor { file, nonblock, .. } = sketch.descriptors[d];
    let n = size::size(&sketch.files[file], chooser);
    let mut made = call("read", [text(sketch, d), int(n)]);
    if chooser.percent(2) {
        let good = chooser.choose(n as usize + 1) as i64;
        made = with(made, "fault", int(good));
    }
    let nowait = chooser.percent(3);
    if nowait {
        made = with(made, "flags", name("RWF_NOWAIT"));
    }
    expect_read(sketch, task, file, n, nonblock || nowait);
    statement(keep(sketch, task, chooser), made)
}

/// What a read does, by the guess.
pub fn expect_read(sketch: &mut Sketch, task: usize, file: usize, n: u32, nonblock: bool) {
    if sketch.files[file].bytes > 0 {
        sketch.drain(file, n);
    } else if n > 0 && !nonblock && sketch.has(file, Until::Writable) {
        sketch.tasks[task].asleep = Some(Sleep { file, until: Until::Readable });
    }
}

/// What a write does, by the guess.
pub fn expect_write(sketch: &mut Sketch, task: usize, file: usize, n: u32, nonblock: bool) {
    let room = sketch.files[file].capacity.saturating_sub(sketch.files[file].bytes);
    sketch.fill(file, n.min(room));
    if n > room && !nonblock && sketch.has(file, Until::Readable) {
        sketch.tasks[task].asleep = Some(Sleep { file, until: Until::Writable });
    }
}

fn do_write(sketch: &mut Sketch, task: usize, d: usize, chooser: &mut dyn Chooser) -> Stmt {
    let Descriptor { file, nonblock, .. } = sketch.descriptors[d];
    let n = size::size(&sketch.files[file], chooser);
    let mut data = sketch.data(n, chooser);
    if chooser.percent(3) {
        data = binary(BinOp::Add, data, name("FAULT"));
    }
    let mut made = call("write", [text(sketch, d), data]);
    let flag = chooser.weighted(&[(95, None), (3, Some("RWF_NOWAIT")), (2, Some("RWF_NOSIGNAL"))]);
    if let Some(flag) = flag {
        made = with(made, "flags", name(flag));
    }
    expect_write(sketch, task, file, n, nonblock || flag == Some("RWF_NOWAIT"));
    statement(keep(sketch, task, chooser), made)
}

/// A variable for the result: outcomes of free runs show those.
pub fn keep(sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Option<crate::program::syntax::Ident> {
    let forgotten = chooser.percent(10);
    (!forgotten).then(|| sketch.variable(task))
}

pub fn close(sketch: &mut Sketch, d: usize) -> Stmt {
    let made = call("close", [text(sketch, d)]);
    if sketch.descriptors[d].open {
        sketch.closed(d);
    }
    statement(None, made)
}

/// `poll` of one or two descriptors.
fn poll(sketch: &mut Sketch, task: usize, d: usize, chooser: &mut dyn Chooser) -> Stmt {
    let events = |chooser: &mut dyn Chooser, read: bool| {
        let usual = if read { "POLLIN" } else { "POLLOUT" };
        match chooser.choose(8) {
            0..5 => name(usual),
            5 => flags(&["POLLIN", "POLLOUT"]),
            6 => int(0),
            _ => flags(&["POLLRDNORM", "POLLWRNORM", "POLLPRI"]),
        }
    };
    let read = sketch.descriptors[d].read;
    let mut args = vec![text(sketch, d), events(chooser, read)];
    let others = sketch.known(task, |other, _| other.open);
    if chooser.percent(25) && !others.is_empty() {
        let other = chooser.pick(&others);
        let read = sketch.descriptors[other].read;
        args.extend([text(sketch, other), events(chooser, read)]);
    }
    let mut made = call("poll", args);
    if chooser.percent(60) {
        made = with(made, "timeout", int(0));
    } else {
        if sketch.timed && chooser.percent(50) {
            made = with(made, "timeout", Sketch::time(chooser));
        }
        let file = sketch.descriptors[d].file;
        let f = &sketch.files[file];
        if read && f.bytes == 0 && sketch.has(file, Until::Writable) {
            sketch.tasks[task].asleep = Some(Sleep { file, until: Until::Readable });
        } else if !read && f.bytes >= f.capacity {
            sketch.tasks[task].asleep = Some(Sleep { file, until: Until::Writable });
        }
    }
    statement(Some(sketch.variable(task)), made)
}

fn resize(sketch: &mut Sketch, d: usize, chooser: &mut dyn Chooser) -> Stmt {
    let file = sketch.descriptors[d].file;
    let wanted = size::capacity(&sketch.files[file], chooser);
    let f = &mut sketch.files[file];
    if let Ok(wanted) = u32::try_from(wanted)
        && (1 << 12..=1 << 20).contains(&wanted)
        && wanted >= f.bytes
    {
        let grows = wanted > f.capacity;
        f.capacity = wanted.next_power_of_two();
        if grows {
            sketch.wake(file, Until::Writable);
        }
    }
    let made = call("fcntl", [text(sketch, d), name("F_SETPIPE_SZ"), int(wanted)]);
    statement(None, made)
}

pub fn set_flags(sketch: &mut Sketch, d: usize, chooser: &mut dyn Chooser) -> Stmt {
    let chosen: &[&str] =
        [&["O_NONBLOCK"][..], &[], &["O_DIRECT"], &["O_NONBLOCK", "O_DIRECT"], &["O_APPEND"]][chooser.choose(5)];
    sketch.descriptors[d].nonblock = chosen.contains(&"O_NONBLOCK");
    let made = call("fcntl", [text(sketch, d), name("F_SETFL"), flags(chosen)]);
    statement(None, made)
}

/// `dup`, `dup2` onto another descriptor, `F_DUPFD`.
pub fn duplicate(sketch: &mut Sketch, task: usize, d: usize, chooser: &mut dyn Chooser) -> Stmt {
    let others = sketch.known(task, |_, _| true);
    if chooser.percent(25)
        && let Some(&over) = others.get(chooser.choose(others.len()))
    {
        let made = call("dup2", [text(sketch, d), text(sketch, over)]);
        if over != d && sketch.descriptors[d].open {
            if sketch.descriptors[over].open {
                sketch.closed(over);
            }
            let Descriptor { file, read, write, nonblock, .. } = sketch.descriptors[d];
            let over = &mut sketch.descriptors[over];
            (over.file, over.read, over.write, over.nonblock, over.open) = (file, read, write, nonblock, true);
        }
        return statement(None, made);
    }
    let variable = sketch.variable(task);
    let made = if chooser.percent(20) {
        call("fcntl", [text(sketch, d), name("F_DUPFD"), int(10)])
    } else {
        call("dup", [text(sketch, d)])
    };
    if sketch.descriptors[d].open {
        let copy = Descriptor { text: name(&variable.name), task: Some(task), ..sketch.descriptors[d].clone() };
        sketch.descriptors.push(copy);
    }
    statement(Some(variable), made)
}

/// The same pipe again, through `/proc/self/fd`.
fn reopen(sketch: &mut Sketch, task: usize, d: usize, chooser: &mut dyn Chooser) -> Stmt {
    let mode = chooser.weighted(&[(3, "O_RDONLY"), (3, "O_WRONLY"), (1, "O_RDWR")]);
    let nonblock = chooser.percent(30);
    let chosen: Vec<&str> = std::iter::once(mode).chain(nonblock.then_some("O_NONBLOCK")).collect();
    let variable = sketch.variable(task);
    let made = call("reopen", [text(sketch, d), flags(&chosen)]);
    if sketch.descriptors[d].open {
        let file = sketch.descriptors[d].file;
        sketch.wake(file, Until::Opened);
        sketch.opened(task, &variable.name, file, mode, nonblock);
    }
    statement(Some(variable), made)
}

/// Calls that only look, or that no pipe knows.
pub fn ask(sketch: &mut Sketch, d: usize, chooser: &mut dyn Chooser) -> Stmt {
    let fd = text(sketch, d);
    let made = match chooser.choose(9) {
        0 => call("ioctl", [fd, name("FIONREAD")]),
        1 => call("fcntl", [fd, name("F_GETFL")]),
        2 => call("fcntl", [fd, name("F_GETPIPE_SZ")]),
        3 => call("fstat", [fd]),
        4 => call("lseek", [fd, int(0)]),
        5 => call("pread", [fd, int(10)]),
        6 => call("pwrite", [fd, repeated(b'x', 1)]),
        7 => call("ftruncate", [fd, int(0)]),
        _ => call("fsync", [fd]),
    };
    statement(None, made)
}

//! System V shared memory.

use super::{Chooser, Mechanism, Sketch, build};
use crate::{
    kernel::{CELL_SIZE, PAGE_SIZE},
    program::syntax::{BinOp, Expr, ExprKind, Ident, ObjectKind, Path, PathStep, Stmt},
};

/// Segments, one or two of them, the first perhaps with a key. Nobody sleeps for one.
#[derive(Debug, Default)]
pub struct Shms {
    segments: Vec<Segment>,
    /// Variables that hold addresses, as far as one can tell.
    attaches: Vec<Attach>,
    /// Variables that hold ids, with their task.
    ids: Vec<(usize, Ident)>,
}

/// A declared segment.
#[derive(Clone, Copy, Debug)]
struct Segment {
    name: &'static str,
    /// Cells that the text may name.
    cells: u32,
    pages: u32,
}

/// The result of a `shmat`.
#[derive(Clone, Debug)]
struct Attach {
    task: usize,
    variable: Ident,
    pages: u32,
    /// Whether stores fault.
    read_only: bool,
}

const NAMES: &[&str] = &["sm", "sn"];
/// The key that the first segment has, and one that no declared segment has.
const KEYS: &[&str] = &["sk", "sl"];
/// Pages where nothing else is mapped.
const FREE: i64 = 0x2000_0000;

impl Mechanism for Shms {
    fn declare(&mut self, sketch: &mut Sketch, chooser: &mut dyn Chooser) {
        for key in KEYS {
            sketch.objects.push(build::object(ObjectKind::Key, key, Vec::new()));
        }
        let count = chooser.weighted(&[(3, 1), (2, 2)]);
        for (i, name) in NAMES[..count].iter().enumerate() {
            let (how, number) =
                chooser.weighted(&[(5, ("cells", 2)), (1, ("size", 4097)), (1, ("size", 8192)), (1, ("size", 12_288))]);
            let mut options = vec![build::option(how, build::int(number))];
            if i == 0 && chooser.percent(30) {
                options.push(build::option("key", build::name(KEYS[0])));
            }
            if chooser.percent(15) {
                options.push(build::option("mode", build::int(chooser.weighted(&[(1, 0o666), (1, 0o644)]))));
            }
            sketch.objects.push(build::object(ObjectKind::Shm, name, options));
            let (cells, pages) = match how {
                "cells" => (number as u32, 1),
                _ => ((number as u32).div_ceil(PAGE_SIZE) * PAGE_SIZE / CELL_SIZE, (number as u32).div_ceil(PAGE_SIZE)),
            };
            self.segments.push(Segment { name, cells, pages });
        }
    }

    fn call(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Option<Stmt> {
        Some(match chooser.weighted(&[(16, 0), (5, 1), (3, 2), (2, 3), (1, 4), (2, 5), (1, 6)]) {
            0 => self.access(sketch, task, chooser),
            1 => self.attach(sketch, task, chooser),
            2 => self.detach(sketch, task, chooser),
            3 => self.ctl(sketch, task, &[(4, "IPC_STAT"), (1, "SHM_LOCK"), (1, "SHM_UNLOCK")], chooser),
            4 => self.get(sketch, task, chooser),
            5 => self.ctl(sketch, task, &[(1, "IPC_RMID")], chooser),
            _ => self.set(sketch, task, chooser),
        })
    }
}

impl Shms {
    fn segment(&self, chooser: &mut dyn Chooser) -> Segment {
        chooser.pick(&self.segments)
    }

    /// An attach of the task.
    fn attached(&self, task: usize, chooser: &mut dyn Chooser) -> Option<Attach> {
        let mine: Vec<usize> = (0..self.attaches.len()).filter(|&i| self.attaches[i].task == task).collect();
        if mine.is_empty() { None } else { Some(self.attaches[chooser.pick(&mine)].clone()) }
    }

    /// A segment by its name, or by a variable that may hold its id.
    fn id(&self, task: usize, chooser: &mut dyn Chooser) -> Expr {
        let mine: Vec<usize> = (0..self.ids.len()).filter(|&i| self.ids[i].0 == task).collect();
        if !mine.is_empty() && chooser.percent(25) {
            return build::name(&self.ids[chooser.pick(&mine)].1.name);
        }
        build::name(self.segment(chooser).name)
    }

    /// A load, a store or a locked operation, through an attach that the process begins with, or one that it has made.
    fn access(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let made = if chooser.percent(40) { self.attached(task, chooser) } else { None };
        let read_only = made.as_ref().is_some_and(|attach| attach.read_only);
        let (root, cells) = match made {
            Some(attach) => (attach.variable.name, attach.pages * (PAGE_SIZE / CELL_SIZE)),
            None => {
                let segment = self.segment(chooser);
                (segment.name.into(), segment.cells)
            }
        };
        let page = PAGE_SIZE / CELL_SIZE;
        let index = chooser.weighted(&[(8, 0), (4, 1), (1, page - 1), (1, page), (1, cells.saturating_sub(1))]);
        // What is beyond the last page ends the process, which is soon known.
        let index = if index >= cells && !(cells >= page && chooser.percent(5)) { 0 } else { index };
        let cell =
            build::expr(ExprKind::Path(Path { root: root.as_str().into(), steps: vec![PathStep::Index(index)] }));
        let value = build::int(1 + chooser.choose(3) as i64);
        let what = if read_only && !chooser.percent(5) {
            0
        } else {
            chooser.weighted(&[(5, 0), (5, 1), (2, 2), (2, 3), (2, 4)])
        };
        let call = match what {
            0 => build::call("load", [cell]),
            1 => build::call("set", [cell, value]),
            2 => build::call("add", [cell, value]),
            3 => build::call("xchg", [cell, value]),
            _ => build::call("cas", [cell, build::int(chooser.choose(3) as i64), value]),
        };
        build::statement((what != 1).then(|| sketch.variable(task)), call)
    }

    fn attach(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let segment = self.segment(chooser);
        let id = if chooser.percent(80) { build::name(segment.name) } else { self.id(task, chooser) };
        // The tool's own memory may lie behind a mapping whose place the kernel chose: it is replaced by one of its size only.
        let same_size = |attach: &Attach| self.segments.iter().all(|s| s.pages == attach.pages);
        let again = self.attached(task, chooser).filter(same_size).map(|attach| build::name(&attach.variable.name));
        let place = build::int(FREE + i64::from(PAGE_SIZE) * chooser.choose(3) as i64);
        let none = || build::name("none");
        let addr = match chooser.weighted(&[(6, 0), (4, 1), (2, 2), (1, 3), (1, 4)]) {
            1 => place,
            2 => build::binary(BinOp::Add, place, build::int(8)),
            3 => build::int(8),
            4 => again.unwrap_or_else(none),
            _ => none(),
        };
        let flags: &[&str] = chooser.weighted(&[
            (6, &[][..]),
            (3, &["SHM_RDONLY"][..]),
            (2, &["SHM_RND"][..]),
            (3, &["SHM_REMAP"][..]),
            (1, &["SHM_RND", "SHM_REMAP"][..]),
            (1, &["SHM_EXEC"][..]),
        ]);
        let variable = sketch.variable(task);
        let read_only = flags.contains(&"SHM_RDONLY");
        self.attaches.push(Attach { task, variable: variable.clone(), pages: segment.pages, read_only });
        build::statement(Some(variable), build::call("shmat", [id, addr, build::flags(flags)]))
    }

    fn detach(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let made = if chooser.percent(75) { self.attached(task, chooser) } else { None };
        let addr = match made {
            Some(attach) => build::name(&attach.variable.name),
            None => match chooser.weighted(&[(6, 0), (1, 1), (1, 2), (1, 3)]) {
                0 => build::name(self.segment(chooser).name),
                1 => build::int(FREE),
                2 => build::int(FREE + i64::from(PAGE_SIZE)),
                _ => build::int(FREE + 8),
            },
        };
        build::statement(Some(sketch.variable(task)), build::call("shmdt", [addr]))
    }

    fn get(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let key = chooser.weighted(&[(3, KEYS[0]), (2, KEYS[1]), (1, "IPC_PRIVATE")]);
        let size = build::int(chooser.weighted(&[(4, 16), (1, 0), (1, 4096), (1, 4097)]));
        let flags = chooser.weighted(&[(3, &["IPC_CREAT"][..]), (2, &[][..]), (1, &["IPC_CREAT", "IPC_EXCL"][..])]);
        let mode = build::int(chooser.weighted(&[(4, 0o600), (1, 0o400), (1, 0)]));
        let flags = build::binary(BinOp::BitOr, build::flags(flags), mode);
        let variable = sketch.variable(task);
        self.ids.push((task, variable.clone()));
        build::statement(Some(variable), build::call("shmget", [build::name(key), size, flags]))
    }

    fn ctl(&mut self, sketch: &mut Sketch, task: usize, commands: &[(usize, &str)], chooser: &mut dyn Chooser) -> Stmt {
        let command = chooser.weighted(commands);
        let id = self.id(task, chooser);
        build::statement(Some(sketch.variable(task)), build::call("shmctl", [id, build::name(command)]))
    }

    fn set(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let id = self.id(task, chooser);
        let mut call = build::call("shmctl", [id, build::name("IPC_SET")]);
        let mode = chooser.weighted(&[(2, 0o600), (1, 0o400), (1, 0o200), (1, 0o777)]);
        call = build::with(call, "mode", build::int(mode));
        if chooser.percent(10) {
            call = build::with(call, "uid", build::int(-1));
        }
        build::statement(Some(sketch.variable(task)), call)
    }
}

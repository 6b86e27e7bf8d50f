//! Anonymous pipes.

use super::{Chooser, Descriptor, FileKind, FileSketch, Mechanism, Sketch, build, descriptor, size, splice};
use crate::{
    kernel::PAGE_SIZE,
    program::syntax::{ObjectKind, Stmt},
};

/// Anonymous pipes, one to three of them.
#[derive(Debug)]
pub struct Pipes;

impl Mechanism for Pipes {
    fn declare(&mut self, sketch: &mut Sketch, chooser: &mut dyn Chooser) {
        let names = ["p", "q", "s"];
        let count = chooser.weighted(&[(5, 1), (3, 2), (1, 3)]);
        for name in &names[..count] {
            declare_pipe(sketch, name, chooser);
        }
        splice::declare(sketch, chooser);
    }

    fn call(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Option<Stmt> {
        if chooser.percent(1) {
            return Some(make_pipe(sketch, task, chooser));
        }
        descriptor::call_on(sketch, task, FileKind::Pipe, chooser)
    }
}

fn declare_pipe(sketch: &mut Sketch, name: &str, chooser: &mut dyn Chooser) {
    let bytes = chooser.weighted(&[(5, PAGE_SIZE), (3, 2 * PAGE_SIZE), (2, 16 * PAGE_SIZE), (1, 4 * PAGE_SIZE)]);
    let flag = chooser.weighted(&[(12, None), (2, Some("O_NONBLOCK")), (2, Some("O_DIRECT"))]);
    let mut options = Vec::new();
    if bytes != 16 * PAGE_SIZE {
        options.push(build::option("size", build::int(bytes)));
    }
    options.extend(flag.map(|flag| build::option("flags", build::name(flag))));
    sketch.objects.push(build::object(ObjectKind::Pipe, name, options));
    let file = sketch.files.len();
    sketch.files.push(FileSketch { name: name.into(), kind: FileKind::Pipe, capacity: bytes, bytes: 0 });
    give_ends(sketch, file, flag == Some("O_NONBLOCK"), chooser);
    if chooser.percent(35) {
        // Something to begin with; `init` must not sleep.
        let n = size::size(&sketch.files[file], chooser).clamp(1, bytes);
        let data = sketch.data(n, chooser);
        let end = build::expr(crate::program::syntax::ExprKind::Path(build::path(name, Some("w"))));
        sketch.init.push(build::statement(None, build::call("write", [end, data])));
        sketch.fill(file, n);
    }
}

/// Every process that is there from the start knows one of the ends, or both; a child knows what its parent does.
fn give_ends(sketch: &mut Sketch, file: usize, nonblock: bool, chooser: &mut dyn Chooser) {
    let founders: Vec<usize> = (0..sketch.processes.len()).filter(|&p| sketch.processes[p].parent.is_none()).collect();
    for (i, &process) in founders.iter().enumerate() {
        // The first two are on different sides, so that there is somebody to talk to.
        let (read, write) = match chooser.weighted(&[(6, 0), (2, 1), (1, 2)]) {
            0 => (i % 2 == 1, i % 2 == 0),
            1 => (true, true),
            _ => (i % 2 == 0, i % 2 == 1),
        };
        for (wanted, field) in [(read, "r"), (write, "w")] {
            if wanted {
                let text = build::path(&sketch.files[file].name, Some(field));
                sketch.descriptors.push(Descriptor {
                    text: build::expr(crate::program::syntax::ExprKind::Path(text)),
                    process,
                    task: None,
                    file,
                    read: field == "r",
                    write: field == "w",
                    nonblock,
                    open: true,
                });
            }
        }
    }
}

/// A pipe of the task's own.
fn make_pipe(sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
    let flag = chooser.weighted(&[(3, None), (1, Some("O_NONBLOCK")), (1, Some("O_DIRECT")), (1, Some("O_CLOEXEC"))]);
    let variable = sketch.variable(task);
    let file = sketch.files.len();
    let capacity = 16 * PAGE_SIZE;
    sketch.files.push(FileSketch { name: String::new(), kind: FileKind::Pipe, capacity, bytes: 0 });
    for field in ["r", "w"] {
        sketch.descriptors.push(Descriptor {
            text: build::expr(crate::program::syntax::ExprKind::Path(build::path(&variable.name, Some(field)))),
            process: sketch.tasks[task].process,
            task: Some(task),
            file,
            read: field == "r",
            write: field == "w",
            nonblock: flag == Some("O_NONBLOCK"),
            open: true,
        });
    }
    build::statement(Some(variable), build::call("pipe", flag.map(build::name)))
}

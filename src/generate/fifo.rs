//! Named pipes.

use super::{Chooser, FileKind, FileSketch, Mechanism, Sketch, Sleep, Until, build, descriptor};
use crate::{
    kernel::PAGE_SIZE,
    program::syntax::{ObjectKind, Stmt},
};

/// Named pipes, one or two of them.
#[derive(Debug)]
pub struct Fifos;

impl Mechanism for Fifos {
    fn declare(&mut self, sketch: &mut Sketch, chooser: &mut dyn Chooser) {
        let count = chooser.weighted(&[(4, 1), (1, 2)]);
        for name in &["f", "g"][..count] {
            sketch.objects.push(build::object(ObjectKind::Fifo, name, Vec::new()));
            let capacity = 16 * PAGE_SIZE;
            sketch.files.push(FileSketch { name: (*name).into(), kind: FileKind::Fifo, capacity, bytes: 0 });
        }
    }

    fn call(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Option<Stmt> {
        let opened = sketch.known(task, |d, file| d.open && file.kind == FileKind::Fifo);
        if opened.is_empty() || chooser.percent(15) {
            return open(sketch, task, chooser);
        }
        descriptor::call_on(sketch, task, FileKind::Fifo, chooser)
    }
}

/// An open of one of the FIFOs, and whether it sleeps.
fn open(sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Option<Stmt> {
    let fifos: Vec<usize> = (0..sketch.files.len()).filter(|&f| sketch.files[f].kind == FileKind::Fifo).collect();
    let file = chooser.pick(&fifos);
    let mode = chooser.weighted(&[(5, "O_RDONLY"), (5, "O_WRONLY"), (2, "O_RDWR")]);
    let flag = chooser.weighted(&[(10, None), (5, Some("O_NONBLOCK")), (1, Some("O_DIRECT"))]);
    let (read, write) = (mode != "O_WRONLY", mode != "O_RDONLY");
    let nonblock = flag == Some("O_NONBLOCK");
    let variable = sketch.variable(task);
    let flags: Vec<&str> = std::iter::once(mode).chain(flag).collect();
    let call = build::call("open", [build::name(&sketch.files[file].name), build::flags(&flags)]);
    let stmt = build::statement(Some(variable.clone()), call);

    let opening = |until| sketch.tasks.iter().any(|t| t.asleep == Some(Sleep { file, until }));
    let partner = read && write
        || sketch.has(file, if read { Until::Writable } else { Until::Readable })
        || opening(Until::Opened);
    if !partner && nonblock && write {
        // ENXIO.
        return Some(stmt);
    }
    sketch.wake(file, Until::Opened);
    if !partner && !nonblock {
        sketch.tasks[task].asleep = Some(Sleep { file, until: Until::Opened });
    }
    sketch.opened(task, &variable.name, file, mode, nonblock);
    Some(stmt)
}

//! `signalfd`: made for signals that are blocked as a rule, and then read and polled, duplicated and closed.

use super::super::{
    Chooser, Descriptor, FileKind, FileSketch, Sketch, Sleep, Until,
    build::{argument, call, flags, int, name, statement, with},
    descriptor,
};
use super::{Signals, set::Signals as Set};
use crate::program::syntax::{Expr, Stmt};

impl Signals {
    /// Whether a process has a signalfd, known to a task or not.
    pub(super) fn has_signalfd(&self, sketch: &Sketch, process: usize) -> bool {
        !signalfds(sketch, process).is_empty()
    }

    pub(super) fn signalfd(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let known = sketch.known(task, |d, file| d.open && file.kind == FileKind::Signalfd);
        let others = signalfds(sketch, sketch.tasks[task].process);
        let (d, fd) = if !known.is_empty() {
            let d = chooser.pick(&known);
            (d, descriptor::text(sketch, d))
        } else if !others.is_empty() && chooser.percent(70) {
            // Another thread made it, or the parent: its number is one of the first that are free.
            (chooser.pick(&others), int(chooser.weighted(&[(6, 3i64), (2, 4), (1, 5)])))
        } else {
            return self.make_signalfd(sketch, task, chooser);
        };
        match chooser.weighted(&[(24, 0), (8, 1), (6, 2), (5, 3), (2, 4), (2, 5), (2, 6), (2, 7)]) {
            0 => self.read(sketch, task, d, fd, chooser),
            1 => self.poll(sketch, task, d, fd, chooser),
            2 => self.change(sketch, task, d, fd, chooser),
            3 if !known.is_empty() => descriptor::duplicate(sketch, task, d, chooser),
            4 if !known.is_empty() => descriptor::close(sketch, d),
            5 if !known.is_empty() => descriptor::set_flags(sketch, d, chooser),
            6 if !known.is_empty() => descriptor::ask(sketch, d, chooser),
            _ => self.make_signalfd(sketch, task, chooser),
        }
    }

    /// A new one. Its signals are blocked before, as a rule.
    pub(super) fn make_signalfd(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let planned = self.guess.planned(task);
        let set = planned.unwrap_or_else(|| Set::some(chooser));
        let blocked = set.blockable();
        if planned.is_none() && !self.guess.blocks(task, blocked) && chooser.percent(85) {
            self.guess.plan(task, set);
            self.guess.mask(task, "SIG_BLOCK", blocked);
            return statement(None, call("sigprocmask", [name("SIG_BLOCK"), blocked.expr()]));
        }
        let mut made = call("signalfd", [set.expr()]);
        let chosen = chooser.weighted(&[(5, &[][..]), (4, &["SFD_NONBLOCK"]), (1, &["SFD_CLOEXEC"])]);
        if !chosen.is_empty() {
            made.args.push(argument(flags(chosen)));
        }
        let file = sketch.files.len();
        sketch.files.push(FileSketch { name: String::new(), kind: FileKind::Signalfd, capacity: 0, bytes: 0 });
        self.guess.make_signalfd(task, file, set);
        let variable = sketch.variable(task);
        sketch.opened(task, &variable.name, file, "O_RDONLY", chosen == ["SFD_NONBLOCK"]);
        statement(Some(variable), made)
    }

    fn read(&mut self, sketch: &mut Sketch, task: usize, d: usize, fd: Expr, chooser: &mut dyn Chooser) -> Stmt {
        let size = chooser.weighted(&[(12, 128), (5, 256), (1, 0), (1, 127), (1, 400)]);
        let mut made = call("read", [fd, int(size)]);
        let nowait = chooser.percent(6);
        if nowait {
            made = with(made, "flags", name("RWF_NOWAIT"));
        } else if chooser.percent(4) {
            made = with(made, "fault", int(chooser.pick(&[0, 127, 128, 200i64])));
        }
        let Descriptor { file, nonblock, .. } = sketch.descriptors[d];
        if size >= 128 && !self.guess.read_signalfd(sketch, task, file) && !nonblock && !nowait {
            sketch.tasks[task].asleep = Some(Sleep { file, until: Until::Readable });
        }
        statement(Some(sketch.variable(task)), made)
    }

    fn poll(&mut self, sketch: &mut Sketch, task: usize, d: usize, fd: Expr, chooser: &mut dyn Chooser) -> Stmt {
        let mut args = vec![fd, name(chooser.weighted(&[(8, "POLLIN"), (1, "POLLOUT"), (1, "POLLRDNORM")]))];
        let others = sketch.known(task, |other, _| other.open);
        if chooser.percent(30) && !others.is_empty() {
            let other = chooser.pick(&others);
            args.extend([descriptor::text(sketch, other), name("POLLIN")]);
        }
        let mut made = call("poll", args);
        let file = sketch.descriptors[d].file;
        if chooser.percent(50) {
            made = with(made, "timeout", int(0));
        } else if self.guess.readable(task, file).is_none() {
            if sketch.timed && chooser.percent(50) {
                made = with(made, "timeout", Sketch::time(chooser));
            }
            sketch.tasks[task].asleep = Some(Sleep { file, until: Until::Readable });
        }
        statement(Some(sketch.variable(task)), made)
    }

    /// Another mask.
    fn change(&mut self, sketch: &mut Sketch, task: usize, d: usize, fd: Expr, chooser: &mut dyn Chooser) -> Stmt {
        let set = Set::some(chooser);
        let mut made = call("signalfd", [set.expr()]);
        if chooser.percent(15) {
            made.args.push(argument(name("SFD_NONBLOCK")));
        }
        made = with(made, "fd", fd);
        self.guess.make_signalfd(task, sketch.descriptors[d].file, set);
        statement(Some(sketch.variable(task)), made)
    }
}

/// Descriptors of a process that are for a signalfd.
fn signalfds(sketch: &Sketch, process: usize) -> Vec<usize> {
    let is = |d: &Descriptor| d.open && d.process == process && sketch.files[d.file].kind == FileKind::Signalfd;
    (0..sketch.descriptors.len()).filter(|&d| is(&sketch.descriptors[d])).collect()
}

//! System V semaphore sets.

use super::{Chooser, FileKind, FileSketch, Mechanism, Sketch, Sleep, Until, build};
use crate::program::syntax::{Expr, ExprKind, ObjectKind, Stmt};

/// One set of a few semaphores. As with a pipe, `bytes` is what there is to take: the values, all together.
#[derive(Debug, Default)]
pub struct Sems {
    nsems: i64,
}

/// The name of the set.
const NAME: &str = "sems";

impl Mechanism for Sems {
    fn declare(&mut self, sketch: &mut Sketch, chooser: &mut dyn Chooser) {
        self.nsems = chooser.weighted(&[(3, 1), (4, 2), (2, 3)]);
        let values: Vec<i64> =
            (0..self.nsems).map(|_| chooser.weighted(&[(4, 0), (4, 1), (2, 2), (1, 32_766)])).collect();
        let bytes = values.iter().map(|&value| value.min(3) as u32).sum();
        let list = build::expr(ExprKind::List(values.into_iter().map(build::int).collect()));
        let options = vec![build::option("values", list)];
        sketch.objects.push(build::object(ObjectKind::Sem, NAME, options));
        sketch.files.push(FileSketch { name: NAME.into(), kind: FileKind::Sem, capacity: 1000, bytes });
    }

    fn call(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Option<Stmt> {
        let file = sketch.files.iter().position(|file| file.kind == FileKind::Sem)?;
        match chooser.weighted(&[(16, 0), (4, 1), (1, 2), (1, 3), (1, 4)]) {
            0 => Some(self.op(sketch, task, file, chooser)),
            1 => Some(self.look(sketch, task, chooser)),
            2 => Some(self.set_value(sketch, task, file, chooser)),
            3 => Some(self.set_all(sketch, task, file, chooser)),
            _ if chooser.percent(20) => {
                sketch.wake(file, Until::Readable);
                Some(self.ctl(sketch, task, 0, "IPC_RMID", None))
            }
            _ => Some(self.op(sketch, task, file, chooser)),
        }
    }

    /// The first semaphore as a lock.
    fn guard(&mut self, sketch: &mut Sketch, task: usize) -> Option<[Stmt; 2]> {
        let change = |op: i64| {
            let (semnum, op) = (Box::new(build::int(0)), Box::new(build::int(op)));
            let sop = build::expr(ExprKind::SemOp { semnum, op, undo: false, nowait: false });
            build::call("semop", [build::name(NAME), build::expr(ExprKind::List(vec![sop]))])
        };
        Some([-1, 1].map(|op| build::statement(Some(sketch.variable(task)), change(op))))
    }
}

impl Sems {
    fn op(&mut self, sketch: &mut Sketch, task: usize, file: usize, chooser: &mut dyn Chooser) -> Stmt {
        let count = chooser.weighted(&[(6, 1), (4, 2), (1, 3)]);
        let (mut total, mut nowait_any) = (0, false);
        let sops: Vec<Expr> = (0..count)
            .map(|_| {
                let semnum = if chooser.percent(2) { self.nsems } else { chooser.choose(self.nsems as usize) as i64 };
                let op = chooser.weighted(&[(5, -1), (5, 1), (3, 0), (2, -2), (2, 2), (1, 20_000), (1, -20_000)]);
                let (undo, nowait) = (chooser.percent(20), chooser.percent(15));
                total += op;
                nowait_any |= nowait;
                let (semnum, op) = (Box::new(build::int(semnum)), Box::new(build::int(op)));
                build::expr(ExprKind::SemOp { semnum, op, undo, nowait })
            })
            .collect();
        let args = [build::name(NAME), build::expr(ExprKind::List(sops))];
        let call = if sketch.timed && chooser.percent(50) {
            build::with(build::call("semtimedop", args), "timeout", Sketch::time(chooser))
        } else {
            build::call("semop", args)
        };
        if total >= 0 {
            sketch.fill(file, total.min(3) as u32);
        } else if i64::from(sketch.files[file].bytes) + total >= 0 {
            sketch.drain(file, -total as u32);
        } else if !nowait_any {
            sketch.tasks[task].asleep = Some(Sleep { file, until: Until::Readable });
        }
        build::statement(Some(sketch.variable(task)), call)
    }

    fn look(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let command = chooser.weighted(&[
            (2, "GETVAL"),
            (2, "GETPID"),
            (2, "GETNCNT"),
            (2, "GETZCNT"),
            (1, "GETALL"),
            (1, "IPC_STAT"),
        ]);
        let semnum = chooser.choose(self.nsems as usize) as i64;
        self.ctl(sketch, task, semnum, command, None)
    }

    fn set_value(&mut self, sketch: &mut Sketch, task: usize, file: usize, chooser: &mut dyn Chooser) -> Stmt {
        let value = chooser.weighted(&[(3, 0), (3, 1), (1, 3), (1, 32_768)]);
        let semnum = chooser.choose(self.nsems as usize) as i64;
        sketch.wake(file, Until::Readable);
        self.ctl(sketch, task, semnum, "SETVAL", Some(build::int(value)))
    }

    fn set_all(&mut self, sketch: &mut Sketch, task: usize, file: usize, chooser: &mut dyn Chooser) -> Stmt {
        let values = (0..self.nsems).map(|_| build::int(chooser.weighted(&[(3, 0), (3, 1), (1, 2)]))).collect();
        sketch.wake(file, Until::Readable);
        self.ctl(sketch, task, 0, "SETALL", Some(build::expr(ExprKind::List(values))))
    }

    fn ctl(&mut self, sketch: &mut Sketch, task: usize, semnum: i64, command: &str, arg: Option<Expr>) -> Stmt {
        let args = [build::name(NAME), build::int(semnum), build::name(command)];
        let mut call = build::call("semctl", args);
        call.args.extend(arg.map(build::argument));
        build::statement(Some(sketch.variable(task)), call)
    }
}

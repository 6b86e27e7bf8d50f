//! System V message queues.

use super::{Chooser, FileKind, FileSketch, Mechanism, Sketch, Sleep, Until, build};
use crate::program::syntax::{BinOp, CallExpr, Expr, Ident, ObjectKind, Stmt};

/// Message queues, one or two of them, the first with a key.
#[derive(Debug, Default)]
pub struct Msgqs {
    /// Variables that hold ids, with their task.
    ids: Vec<(usize, Ident)>,
    /// Whether `init` sends the token.
    token: bool,
}

/// Names of queues.
const NAMES: &[&str] = &["mq", "mr"];
/// The key that the first queue has, and one that no declared queue has.
const KEYS: &[&str] = &["k", "l"];
/// Types of messages; few, so that receivers and messages meet.
const TYPES: &[(usize, i64)] = &[(4, 1), (3, 2), (2, 3)];
/// The type of the message that stands for a right.
const TOKEN: i64 = 7;

impl Mechanism for Msgqs {
    fn declare(&mut self, sketch: &mut Sketch, chooser: &mut dyn Chooser) {
        for key in KEYS {
            sketch.objects.push(build::object(ObjectKind::Key, key, Vec::new()));
        }
        let count = chooser.weighted(&[(4, 1), (1, 2)]);
        for (i, queue) in NAMES[..count].iter().enumerate() {
            let mut options = Vec::new();
            if i == 0 && chooser.percent(30) {
                options.push(build::option("key", build::name(KEYS[0])));
            }
            // Small ones are full soon.
            let capacity = chooser.weighted(&[(4, 4), (3, 10), (1, 1), (2, 16_384)]);
            if capacity < 16_384 {
                options.push(build::option("qbytes", build::int(capacity)));
            }
            sketch.objects.push(build::object(ObjectKind::Msgq, queue, options));
            sketch.files.push(FileSketch { name: (*queue).into(), kind: FileKind::Msgq, capacity, bytes: 0 });
        }
    }

    fn call(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Option<Stmt> {
        let queues: Vec<usize> = (0..sketch.files.len()).filter(|&f| sketch.files[f].kind == FileKind::Msgq).collect();
        let file = chooser.pick(&queues);
        match chooser.weighted(&[(10, 0), (10, 1), (2, 2), (1, 3), (1, 4), (1, 5)]) {
            0 => Some(self.send(sketch, task, file, chooser)),
            1 => Some(self.receive(sketch, task, file, chooser)),
            2 => Some(self.set(sketch, task, file, chooser)),
            3 => Some(self.look(sketch, task, file, chooser)),
            4 => Some(self.get(sketch, task, chooser)),
            _ => Some(self.remove(sketch, task, file, chooser)),
        }
    }

    /// A message as a token, which is there from the start.
    fn guard(&mut self, sketch: &mut Sketch, task: usize) -> Option<[Stmt; 2]> {
        let token = |flags: &[&str]| {
            let args = [build::name(NAMES[0]), build::int(TOKEN), build::repeated(b'!', 1), build::flags(flags)];
            build::call("msgsnd", args)
        };
        if !self.token {
            self.token = true;
            sketch.init.push(build::statement(None, token(&["IPC_NOWAIT"])));
        }
        let take = build::call("msgrcv", [build::name(NAMES[0]), build::int(1), build::int(TOKEN)]);
        Some([take, token(&[])].map(|call| build::statement(Some(sketch.variable(task)), call)))
    }
}

impl Msgqs {
    /// A queue by its name, or by a variable that may hold its id.
    fn id(&self, sketch: &Sketch, task: usize, file: usize, chooser: &mut dyn Chooser) -> Expr {
        let mine: Vec<usize> = (0..self.ids.len()).filter(|&i| self.ids[i].0 == task).collect();
        if !mine.is_empty() && chooser.percent(25) {
            return build::name(&self.ids[chooser.pick(&mine)].1.name);
        }
        build::name(&sketch.files[file].name)
    }

    fn send(&mut self, sketch: &mut Sketch, task: usize, file: usize, chooser: &mut dyn Chooser) -> Stmt {
        let capacity = sketch.files[file].capacity.min(20);
        let len = chooser.weighted(&[(4, 1), (2, 0), (2, capacity / 2), (2, capacity), (1, capacity + 1), (1, 8193)]);
        let mtype = chooser.weighted(&[TYPES[0], TYPES[1], TYPES[2], (1, 0), (1, i64::MAX)]);
        let flags = chooser.weighted(&[(6, &[][..]), (2, &["IPC_NOWAIT"][..])]);
        let mtype = if mtype == i64::MAX { build::name("LONG_MAX") } else { build::int(mtype) };
        let id = self.id(sketch, task, file, chooser);
        let call = build::call("msgsnd", [id, mtype, sketch.data(len, chooser), build::flags(flags)]);
        let room = sketch.files[file].bytes + len <= sketch.files[file].capacity;
        if room {
            // A message without bytes can be received as well.
            sketch.fill(file, len.max(1));
        } else if flags.is_empty() && len <= 8192 {
            sketch.tasks[task].asleep = Some(Sleep { file, until: Until::Writable });
        }
        build::statement(Some(sketch.variable(task)), call)
    }

    fn receive(&mut self, sketch: &mut Sketch, task: usize, file: usize, chooser: &mut dyn Chooser) -> Stmt {
        let size = chooser.weighted(&[(6, 20), (2, 1), (1, 0), (1, 4), (1, 9000), (1, -1)]);
        let mtype = chooser.weighted(&[(6, 0), (2, 1), (2, 2), (1, 3), (2, -1), (2, -2), (1, -3), (1, i64::MIN)]);
        let flags: &[&str] = chooser.weighted(&[
            (8, &[][..]),
            (3, &["IPC_NOWAIT"][..]),
            (2, &["MSG_NOERROR"][..]),
            (2, &["MSG_EXCEPT"][..]),
            (2, &["MSG_COPY", "IPC_NOWAIT"][..]),
            (1, &["MSG_COPY"][..]),
            (1, &["MSG_COPY", "IPC_NOWAIT", "MSG_NOERROR"][..]),
        ]);
        let mtype_expr = if mtype == i64::MIN { build::name("LONG_MIN") } else { build::int(mtype) };
        let id = self.id(sketch, task, file, chooser);
        let mut call = build::call("msgrcv", [id, build::int(size), mtype_expr, build::flags(flags)]);
        if chooser.percent(5) {
            call = build::with(call, "fault", build::int(chooser.choose(4) as i64));
        }
        let copies = flags.contains(&"MSG_COPY");
        if sketch.files[file].bytes > 0 && !copies {
            sketch.drain(file, 1 + chooser.choose(4) as u32);
        } else if size >= 0 && !copies && !flags.contains(&"IPC_NOWAIT") {
            sketch.tasks[task].asleep = Some(Sleep { file, until: Until::Readable });
        }
        build::statement(Some(sketch.variable(task)), call)
    }

    fn set(&mut self, sketch: &mut Sketch, task: usize, file: usize, chooser: &mut dyn Chooser) -> Stmt {
        let capacity = chooser.weighted(&[(3, 4), (3, 20), (1, 0), (1, 16_384), (1, 16_385)]);
        let id = self.id(sketch, task, file, chooser);
        let mut call = build::call("msgctl", [id, build::name("IPC_SET")]);
        if chooser.percent(25) {
            call =
                build::with(call, "mode", build::int(chooser.weighted(&[(2, 0o600), (1, 0o400), (1, 0o200), (1, 0)])));
        }
        if chooser.percent(5) {
            call = build::with(call, "uid", build::int(-1));
        }
        if capacity <= 16_384 {
            sketch.files[file].capacity = capacity;
            sketch.wake(file, Until::Writable);
        }
        build::statement(Some(sketch.variable(task)), build::with(call, "qbytes", build::int(capacity)))
    }

    fn look(&mut self, sketch: &mut Sketch, task: usize, file: usize, chooser: &mut dyn Chooser) -> Stmt {
        let command = chooser.weighted(&[(4, "IPC_STAT"), (1, "MSG_STAT"), (1, "MSG_STAT_ANY"), (1, "MSG_INFO")]);
        let id = match command {
            "IPC_STAT" => self.id(sketch, task, file, chooser),
            _ => build::int(chooser.choose(3) as i64),
        };
        let mut call: CallExpr = build::call("msgctl", [id, build::name(command)]);
        if chooser.percent(10) {
            call.args.push(build::argument(build::name("none")));
        }
        build::statement(Some(sketch.variable(task)), call)
    }

    fn get(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let key = chooser.weighted(&[(3, "k"), (2, "l"), (1, "IPC_PRIVATE")]);
        let flags = chooser.weighted(&[(3, &["IPC_CREAT"][..]), (2, &[][..]), (1, &["IPC_CREAT", "IPC_EXCL"][..])]);
        let mode = build::int(chooser.weighted(&[(4, 0o600), (1, 0o400), (1, 0)]));
        let flags = build::binary(BinOp::BitOr, build::flags(flags), mode);
        let variable = sketch.variable(task);
        self.ids.push((task, variable.clone()));
        build::statement(Some(variable), build::call("msgget", [build::name(key), flags]))
    }

    fn remove(&mut self, sketch: &mut Sketch, task: usize, file: usize, chooser: &mut dyn Chooser) -> Stmt {
        let id = self.id(sketch, task, file, chooser);
        sketch.files[file].bytes = 0;
        sketch.wake(file, Until::Readable);
        sketch.wake(file, Until::Writable);
        build::statement(Some(sketch.variable(task)), build::call("msgctl", [id, build::name("IPC_RMID")]))
    }
}

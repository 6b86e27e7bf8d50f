//! A script as a litmus test, so that the model can be asked the same.

use super::script::{Done, FILLER, Op, Outcome, Script, TaskNo, letter};
use crate::{
    kernel::{Errno, PAGE_SIZE},
    program::{self, Value},
};
use std::fmt::Write;

/// The litmus test that does what a script does, under the name `name`.
pub fn litmus(name: &str, script: &Script) -> String {
    let mut text = format!("litmus \"{name}\"\n\n");
    if script.tasks.iter().flat_map(|ops| *ops).any(|op| matches!(op, Op::Splice(_))) {
        text.push_str("file f\n");
    }
    let _ = writeln!(text, "pipe p(size: {})\n", script.slots * PAGE_SIZE);
    if script.filled > 0 {
        let filler = char::from(FILLER);
        let _ = writeln!(text, "init {{ write(p.w, \"{filler}\" * {}) }}\n", script.filled * PAGE_SIZE);
    }
    for (task, ops) in script.tasks.iter().enumerate() {
        let name = char::from(letter(task));
        let _ = write!(text, "task {name} {{");
        if ops.iter().any(|op| matches!(op, Op::Splice(_))) {
            text.push_str(" d = open(f, O_WRONLY);");
        }
        for (i, op) in ops.iter().enumerate() {
            let _ = write!(text, " r{i} = {};", call(*op, name));
        }
        text.push_str(" }\n");
    }
    let variables = script.tasks.iter().enumerate().flat_map(|(task, ops)| {
        let name = char::from(letter(task));
        (0..ops.len()).map(move |i| format!("{name}.r{i}"))
    });
    let _ = writeln!(text, "\nshow {}", variables.collect::<Vec<_>>().join(", "));
    for task in script.may_sleep {
        let _ = writeln!(text, "allow asleep {}", char::from(letter(*task)));
    }
    text
}

fn call(op: Op, name: char) -> String {
    match op {
        Op::Write(pages) => format!("write(p.w, \"{name}\" * {})", pages * PAGE_SIZE),
        Op::Read(pages) => format!("read(p.r, {})", pages * PAGE_SIZE),
        Op::Splice(pages) => format!("splice(p.r, none, d.ret, none, {})", pages * PAGE_SIZE),
        Op::CloseWrite => "close(p.w)".into(),
        Op::CloseRead => "close(p.r)".into(),
        Op::Resize(slots) => format!("fcntl(p.r, F_SETPIPE_SZ, {})", slots * PAGE_SIZE),
    }
}

/// An outcome of [`litmus`]'s test as one of the script.
pub fn outcome(script: &Script, of: &program::Outcome) -> Outcome {
    let mut shown = of.shown.iter();
    let task = |(task, ops): (TaskNo, &&[Op])| {
        let mut results: Vec<Done> = ops
            .iter()
            .zip(&mut shown)
            .filter(|(_, value)| **value != Value::None)
            .map(|(op, v)| done(*op, v))
            .collect();
        if of.asleep.iter().any(|&(sleeper, _)| usize::from(sleeper) == task) {
            results.push(Done::Asleep);
        }
        results
    };
    script.tasks.iter().enumerate().map(task).collect()
}

fn done(op: Op, value: &Value) -> Done {
    match (op, value) {
        (Op::Write(_) | Op::Splice(_), Value::Int(bytes)) => Done::Pages((bytes / i64::from(PAGE_SIZE)) as u32),
        (Op::Read(_), Value::Bytes(data)) => {
            let pages = data.len() / PAGE_SIZE;
            Done::Read((0..pages).flat_map(|i| data.slice(i * PAGE_SIZE, 1).bytes()).collect())
        }
        (Op::Read(_), Value::Eof) => Done::Read(Vec::new()),
        (_, Value::Errno(Errno::EPIPE)) => Done::BrokenPipe,
        (_, Value::Errno(Errno::EBUSY)) => Done::Busy,
        _ => Done::Done,
    }
}

//! `splice`, `tee` and `vmsplice`, and regular files as their other side.

use super::{
    Chooser, Descriptor, FileKind, FileSketch, Sketch,
    build::{call as made, expr, flags, int, name, object, option, path, statement},
    descriptor::{expect_read, expect_write, keep},
    size,
};
use crate::program::syntax::{Expr, ExprKind, ObjectKind, Stmt};

/// The name of the regular file.
const FILE: &str = "file1";

/// A regular file, in some programs.
pub fn declare(sketch: &mut Sketch, chooser: &mut dyn Chooser) {
    if !chooser.percent(12) {
        return;
    }
    let length = chooser.pick(&[0, 10, 4096, 5000, 12288]);
    let mut options = Vec::new();
    if length > 0 {
        let data = expr(ExprKind::Call(made("pattern", [int(length as i64)])));
        options.push(option("data", data));
    }
    sketch.objects.push(object(ObjectKind::File, FILE, options));
    sketch.files.push(FileSketch { name: FILE.into(), kind: FileKind::Regular, capacity: 1 << 20, bytes: length });
}

/// One of these calls on a descriptor of a pipe, and another descriptor where one is needed.
pub fn call(sketch: &mut Sketch, task: usize, d: usize, chooser: &mut dyn Chooser) -> Option<Stmt> {
    let regular = (0..sketch.files.len()).find(|&f| sketch.files[f].kind == FileKind::Regular);
    let opened = sketch.known(task, |d, file| d.open && file.kind == FileKind::Regular);
    if let Some(file) = regular
        && (opened.is_empty() || chooser.percent(5))
    {
        return Some(open(sketch, task, file, chooser));
    }
    let Descriptor { read, write, .. } = sketch.descriptors[d];
    match chooser.choose(6) {
        0 | 1 if write && !chooser.percent(30) => Some(vmsplice(sketch, task, d, chooser)),
        1 if read => Some(vmsplice_read(sketch, task, d, chooser)),
        2 | 3 => between(sketch, task, d, "tee", chooser),
        _ => between(sketch, task, d, "splice", chooser),
    }
}

fn open(sketch: &mut Sketch, task: usize, file: usize, chooser: &mut dyn Chooser) -> Stmt {
    let mode = chooser.pick(&["O_RDWR", "O_RDONLY", "O_WRONLY"]);
    let append = chooser.percent(10);
    let chosen: Vec<&str> = std::iter::once(mode).chain(append.then_some("O_APPEND")).collect();
    let variable = sketch.variable(task);
    sketch.opened(task, &variable.name, file, mode, false);
    statement(Some(variable), made("open", [expr(ExprKind::Path(path(FILE, None))), flags(&chosen)]))
}

/// Flags of these calls, and whether they forbid to sleep.
fn splice_flags(chooser: &mut dyn Chooser) -> (Option<Expr>, bool) {
    match chooser.choose(10) {
        0..6 => (None, false),
        6..9 => (Some(name("SPLICE_F_NONBLOCK")), true),
        _ => (Some(flags(&["SPLICE_F_MOVE", "SPLICE_F_MORE"])), false),
    }
}

fn vmsplice(sketch: &mut Sketch, task: usize, d: usize, chooser: &mut dyn Chooser) -> Stmt {
    let Descriptor { file, nonblock, .. } = sketch.descriptors[d];
    let n = size::size(&sketch.files[file], chooser);
    let data = sketch.data(n, chooser);
    let (chosen, now) = splice_flags(chooser);
    expect_write(sketch, task, file, n, nonblock || now);
    let args = [sketch.descriptors[d].text.clone(), data].into_iter().chain(chosen);
    statement(keep(sketch, task, chooser), made("vmsplice", args))
}

fn vmsplice_read(sketch: &mut Sketch, task: usize, d: usize, chooser: &mut dyn Chooser) -> Stmt {
    let Descriptor { file, nonblock, .. } = sketch.descriptors[d];
    let n = size::size(&sketch.files[file], chooser);
    let (chosen, now) = splice_flags(chooser);
    expect_read(sketch, task, file, n, nonblock || now);
    let args = [sketch.descriptors[d].text.clone(), int(n)].into_iter().chain(chosen);
    statement(keep(sketch, task, chooser), made("vmsplice_read", args))
}

/// `splice` or `tee` between this descriptor and another one, in the direction that makes sense, as a rule.
fn between(sketch: &mut Sketch, task: usize, d: usize, which: &str, chooser: &mut dyn Chooser) -> Option<Stmt> {
    let reads = sketch.descriptors[d].read;
    let fits = |other: &Descriptor| other.open && if reads { other.write } else { other.read };
    let mut others =
        sketch.known(task, |other, file| fits(other) && (which == "splice" || file.kind != FileKind::Regular));
    if others.is_empty() || chooser.percent(3) {
        others = sketch.known(task, |_, _| true);
    }
    let other = *others.get(chooser.choose(others.len().max(1)))?;
    let (from, to) = if reads { (d, other) } else { (other, d) };
    let n = size::size(&sketch.files[sketch.descriptors[d].file], chooser);
    let (chosen, now) = splice_flags(chooser);
    let (input, output) = (sketch.descriptors[from].clone(), sketch.descriptors[to].clone());
    let moved = n.min(sketch.files[input.file].bytes);
    if which == "splice" {
        expect_read(sketch, task, input.file, n, input.nonblock || now);
    }
    if moved > 0 {
        expect_write(sketch, task, output.file, moved, output.nonblock || now);
    }
    let args = if which == "tee" {
        vec![input.text, output.text, int(n)]
    } else {
        let [at, to] = [&input, &output].map(|d| offset(sketch, d, chooser));
        vec![input.text, at, output.text, to, int(n)]
    };
    Some(statement(keep(sketch, task, chooser), made(which, args.into_iter().chain(chosen))))
}

/// An offset, in some calls on regular files; a pipe has none.
fn offset(sketch: &Sketch, d: &Descriptor, chooser: &mut dyn Chooser) -> Expr {
    if sketch.files[d.file].kind == FileKind::Regular && chooser.percent(30) {
        int(i64::from(chooser.pick(&[0, 1, 4096, 5000])))
    } else {
        name("none")
    }
}

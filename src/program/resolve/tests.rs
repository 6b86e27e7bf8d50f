//! What names become.

use crate::kernel::{Call, CallKind};
use crate::litmus::load;
use crate::program::{CallCode, Compiled, End, ExprCode, Field, Instr, LineCodeKind, Value};

fn compiled(text: &str) -> Compiled {
    match load(&format!("litmus \"t\"\n{text}")) {
        Ok((_, compiled)) => compiled,
        Err(problems) => panic!("{problems:#?}"),
    }
}

fn messages(text: &str) -> Vec<String> {
    let problems = load(&format!("litmus \"t\"\n{text}")).map(|_| ()).unwrap_err();
    problems.into_iter().map(|problem| problem.message).collect()
}

fn known(compiled: &Compiled, task: usize, pc: usize) -> &Call {
    match &compiled.tasks[task].code.instrs[pc] {
        Instr::Call { call: CallCode::Known(call), .. } => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_process_holds_the_ends_that_its_text_names() {
    let c = compiled("pipe p; pipe q\ntask A holds p.w { write(q.w, \"a\"); read(p.r, 1) }\ninit { }");
    let a = &c.processes[0];
    assert_eq!(a.ends, [(0, End::Read), (0, End::Write), (1, End::Write)]);
    assert!(matches!(known(&c, 0, 0), Call::Write { fd: 5, .. }));
    assert!(matches!(known(&c, 0, 1), Call::Read { fd: 3, count: 1, .. }));
    assert_eq!(c.init, Some(1));
    assert_eq!(c.processes[1].ends.len(), 4);
}

#[test]
fn children_inherit_from_the_first_of_the_family() {
    let c = compiled(
        "pipe p; pipe q\nprocess P { read(q.r, 1); fork(C) }\nprocess C child of P { fork(D) }\n\
         process D child of C { write(p.w, \"x\") }",
    );
    assert_eq!(c.processes[0].ends, [(0, End::Write), (1, End::Read)]);
    assert_eq!((c.processes[2].parent, c.processes[2].ends.len()), (Some(1), 0));
    assert!(matches!(known(&c, 2, 0), Call::Write { fd: 3, .. }));
    assert!(matches!(known(&c, 0, 1), Call::Fork { child: 1 }));
}

#[test]
fn arrays_become_tasks() {
    let c = compiled("pipe p\ntask w[2] { x = read(p.r, 1) }\ntask L { y = 1 }\nfinal all v in w: v.x == \"a\"");
    let names: Vec<&str> = c.tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names, ["w[0]", "w[1]", "L"]);
    let shown: Vec<&str> = c.shown.iter().map(|shown| shown.name.as_str()).collect();
    assert_eq!(shown, ["w[0].x", "w[1].x"]);
    assert_eq!(c.properties[0].text, "final all v in w: v.x == \"a\"");
}

#[test]
fn threads_share_a_process() {
    let c = compiled("pipe p\nprocess P { thread A { write(p.w, \"a\") }\nthread B { read(p.r, 1) } }\nallow asleep P");
    assert_eq!(c.processes[0].threads, [0, 1]);
    assert_eq!((c.tasks[1].name.as_str(), c.tasks[1].process), ("B", 0));
    assert_eq!(c.may_sleep.iter().map(|a| a.task).collect::<Vec<_>>(), [Some(0), Some(1)]);
}

#[test]
fn constants_are_folded_into_calls() {
    let c = compiled(
        "pipe p(2 * 4K)\nfifo f; fifo g\ntask A { write(p.w, \"ab\" * 2 + pattern(1)); open(g, O_RDWR | O_NONBLOCK) }",
    );
    assert_eq!(c.objects[0].size, Some(8192));
    assert!(matches!(known(&c, 0, 0), Call::Write { data, .. } if data.equals_bytes(b"abab\0")));
    assert!(matches!(known(&c, 0, 1), Call::Open { path: 1, flags } if flags.bits() == 0o4002));
}

#[test]
fn poll_takes_pairs() {
    let c = compiled("pipe p; pipe q\ntask A { poll(p.r, POLLIN, q.w, POLLOUT, timeout: 10 ms) }");
    let Call::Poll { fds, timeout } = known(&c, 0, 0) else { panic!() };
    assert_eq!(fds.iter().map(|(fd, _)| *fd).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(*timeout, crate::kernel::Timeout::After(10_000));
}

#[test]
fn results_nobody_looks_at_are_not_stored() {
    let dest = |c: &Compiled, pc: usize| match &c.tasks[0].code.instrs[pc] {
        Instr::Call { dest, .. } => *dest,
        other => panic!("{other:?}"),
    };
    let body = "pipe p\ntask A { x = read(p.r, 1); y = read(p.r, 1); z = write(p.w, y.data) }\n";
    let all = compiled(body);
    assert_eq!((dest(&all, 0), dest(&all, 1), dest(&all, 2)), (Some(0), Some(1), Some(2)));
    let some = compiled(&format!("{body}exists A.z == 1"));
    assert_eq!((dest(&some, 0), dest(&some, 1), dest(&some, 2)), (None, Some(1), Some(2)));
    assert!(!some.locals_visible);
    let probed = compiled(&format!("{body}exists A.z == 1\nschedule {{ A asleep in read; probe A.x == none }}"));
    assert_eq!(dest(&probed, 0), Some(0));
    assert!(probed.locals_visible);
}

#[test]
fn fields_of_results_are_places_in_the_record() {
    let c = compiled("task A { p = pipe(); m = poll(p.r, POLLIN, p.w, POLLOUT) }\nexists A.m.revents[1] == POLLOUT");
    let Instr::Call { call: CallCode::Computed { args, .. }, .. } = &c.tasks[0].code.instrs[1] else { panic!() };
    assert_eq!(args.len(), 5);
    assert_eq!(args[3], Some(ExprCode::Local { slot: 0, field: Field::Extra(1) }));
    let ExprCode::Binary(_, left, _) = &c.properties[0].cond else { panic!() };
    assert_eq!(**left, ExprCode::Var { task: 0, slot: 1, field: Field::Extra(1) });
    assert_eq!(c.shown[0].name, "A.m");
}

#[test]
fn loops_are_jumps() {
    let c = compiled(
        "task A { repeat 3 { yield() }; while n < 2 { n = n + 1 }; if n == 2 { yield() } else { pause() }; n = 0 }",
    );
    let mut cursor = crate::program::Cursor::new(c.tasks[0].vars.len());
    let mut calls = Vec::new();
    while let crate::program::Next::Call(kind) = cursor.advance(&c.tasks[0].code, false) {
        calls.push(kind);
        cursor.complete(&c.tasks[0].code, &crate::kernel::Return::value(0));
    }
    // `n` was never assigned when the loop begins, so no comparison with it holds.
    assert_eq!(calls, [CallKind::Yield, CallKind::Yield, CallKind::Yield, CallKind::Pause]);
    assert_eq!(cursor.locals[0], Value::Int(0));
}

#[test]
fn a_line_without_claims_has_no_events() {
    let c = compiled("pipe p\ntask A { write(p.w, \"a\") }\ntask B { read(p.r, 1) }\nschedule { A+; B, A -> 1 }");
    let LineCodeKind::Release { release, events } = &c.schedules[0].lines[0].kind else { panic!() };
    assert!(release.hold && events.is_empty());
    let LineCodeKind::Release { events, .. } = &c.schedules[0].lines[1].kind else { panic!() };
    assert_eq!(events.len(), 2);
}

#[test]
fn several_problems_are_told_at_once() {
    let found = messages("pipe p\ntask A { x = read(p.x, 1); writ(p.w, 1); y = z }\nexists A.q == 1\nexists B.x == 1");
    assert_eq!(
        found,
        [
            "a pipe has no end `x`",
            "unknown call `writ`",
            "unknown name `z`",
            "`A` has no variable `q`",
            "unknown name `B`",
        ]
    );
}

#[test]
fn strings_cannot_eat_the_memory() {
    assert_eq!(messages("task A { x = \"ab\" * 100000000 }"), ["this string is too long"]);
    assert_eq!(messages("task A { x = \"a\" * 1000000000 }"), ["this has no value"]);
}

//! What people see when a litmus test is wrong: rendered diagnostics, kept as snapshots.
//!
//! After a wanted change: `INSTA_UPDATE=always cargo test --test diagnostics`, and read the difference.

use lockstep::litmus::{load, render};

/// Everything that is said about `text`, with the title already there.
fn diagnose(text: &str) -> String {
    diagnose_file(&format!("litmus \"t\"\n{}\n", text.trim()))
}

fn diagnose_file(text: &str) -> String {
    match load(text) {
        Ok(_) => "no problem".into(),
        Err(problems) => render(&problems, "t.litmus", text, false),
    }
}

/// One test per kind of mistake: name, text.
macro_rules! mistakes {
    ($($name:ident: $text:expr;)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(diagnose($text));
            }
        )*
    };
}

mistakes! {
    missing_brace: "pipe p\ntask A {\n    write(p.w, \"a\")\ntask B {\n    read(p.r, 1)\n}";
    brace_at_the_end: "task A {\n    yield()";
    brace_of_if: "pipe p\ntask A {\n    x = read(p.r, 1)\n    if x == 1\n        yield()\n    }\n}";
    brace_too_many: "task A {\n    yield()\n}\n}";
    assignment_in_condition: "pipe p\ntask A {\n    x = read(p.r, 1)\n    if x = 1 {\n        yield()\n    }\n}\nexists A.x = 1";
    unclosed_parenthesis: "pipe p\ntask A {\n    x = read(p.r, 1\n    y = read(p.r, 1)\n}";
    unknown_item: "pipes p\ntask A { yield() }\nforbidden A.x == 1";
    unknown_statement: "task A {\n    wihle 1 { yield() }\n}";
    unknown_call: "pipe p\ntask A {\n    raed(p.r, 1)\n}";
    planned_objects: "mq q\nsem s(values: [1])\npipe p";
    planned_properties: "pipe p\neventually p.readable == 0\np.readable == 1 leads to p.readable == 0";
    planned_calls: "task A {\n    eventfd(1)\n}";
    planned_statements: "task B {\n    execve(1)\n    eventfd(1)\n}";
    unclosed_string: "pipe p\ntask A {\n    write(p.w, \"abc)\n}";
    bad_escape: "pipe p\ntask A {\n    write(p.w, \"a\\q\\x4\")\n}";
    number_too_large: "pipe p(size: 99999999999999999999)\ntask A {\n    read(p.r, 089)\n    read(p.r, 5kB)\n}";
    chained_comparison: "pipe p\nalways 0 <= p.readable <= 10";
    bare_not: "pipe p\nalways !p.readable == 10";
    single_ampersand: "pipe p\nalways p.readable == 1 & p.size == 1";
    strange_character: "pipe p # a pipe\ntask A {\n    write(p.w, 'a')\n}";
    version_without_v: "pipe p\non 6.12..: always p.readable == 0\non v6.12..v5.1: always p.readable == 0";
    statement_outside: "pipe p\nx = read(p.r, 1)";
    statement_among_threads: "process P {\n    thread A { yield() }\n    yield()\n}";
    named_with_equals: "pipe p\ntask A {\n    poll(p.r, POLLIN, timeout = 10 ms)\n}";
    declared_twice: "pipe p\ntask A { yield() }\nfifo A\ntask B {\n    p = pipe()\n    EOF = 1\n}";
    unknown_end: "pipe p\nfifo f\ntask A {\n    read(p.read, 1)\n    read(p, 1)\n    read(f, 1)\n    x = p.readable\n}";
    wrong_arguments: "pipe p\ntask A {\n    read(p.r)\n    read(p.r, 1, 5)\n    write(p.w, 5)\n    write(p.w, \"a\", flag: 1)\n    read(\"p\", 1)\n    poll(p.r, POLLIN, p.w)\n    exit(300)\n}";
    wrong_open: "pipe p\nfifo f\ntask A {\n    open(p, O_RDONLY)\n    open(\"/tmp/f\", O_RDONLY)\n    open(g, O_RDONLY)\n    open(f, O_RDONY)\n}";
    wrong_fork: "process P { fork(Q) }\nprocess Q { yield() }\nprocess C child of R { yield() }\nprocess D child of D { yield() }";
    wrong_field: "pipe p\ntask A {\n    x = read(p.r, 1)\n    n = 1\n}\nexists A.x.size == 1 || A.n.ret == 1 || p.readible == 1 || A.y == 1 || A == 1";
    other_tasks_variable: "task A { x = 1 }\ntask B { y = x }\nexists x == 1 && z == 1";
    ambiguous_task: "pipe p\ntask w[2] { x = read(p.r, 1) }\nexists w.x == 1 || w[2].x == 1 || x == 1\nschedule {\n    w -> 1\n}";
    never_equal: "pipe p\nexists p.readable == \"a\" || \"a\" < 1 || EAGAIN\ntask A {\n    x = \"a\" + 1\n    write(p.w, \"a\") -> \"a\"\n}";
    call_in_expression: "pipe p\ntask A {\n    x = 1 + read(p.r, 1)\n}";
    result_of_no_call: "pipe p\ntask A {\n    x = 1\n    y = x -> 1\n}";
    unknown_setting: "with fs.pipe-max-sice = 1, cap CAP_SYS_RESOURSE, nofile = \"x\"\npipe p(capacity: 1)\nfifo f(size: 1)";
    bad_schedule: "pipe p\ntask A { read(p.r, 1) }\nschedule {\n    A asleep in raed\n    B -> 1\n    A exits 256\n}";
    unknown_event: "pipe p\ntask A { read(p.r, 1) }\nschedule {\n    A sleeps\n    A -> \n    probe A.x = 1\n}";
    no_array: "task A { yield() }\nexists all a in A: asleep(a)\nexists asleep(B, read)";
    one_thread_among_statements: "task A {\n    yield()\n    thread B { yield() }\n    else { }\n}";
}

#[test]
fn title_missing() {
    insta::assert_snapshot!(diagnose_file("pipe p\ntask A { yield() }\n"));
}

#[test]
fn title_without_quotes() {
    insta::assert_snapshot!(diagnose_file("litmus my test\npipe p\n"));
}

#[test]
fn empty_file() {
    insta::assert_snapshot!(diagnose_file(""));
}

#[test]
fn colours_are_for_terminals() {
    let text = "litmus \"t\"\npipes p\n";
    let problems = load(text).map(|_| ()).unwrap_err();
    assert!(render(&problems, "t", text, true).contains('\u{1b}'));
    assert!(!render(&problems, "t", text, false).contains('\u{1b}'));
}

//! The command line as users see it: output, exit codes, bad input, Ctrl-C.

mod common;

use common::cli::{code, command, run, run_on, stderr, stdout};
use std::{
    io::Write,
    process::Stdio,
    time::{Duration, Instant},
};

#[test]
fn check_tells_every_outcome_and_verdict() {
    let output = run(&["check", "models/pipe/write-interleaved.litmus", "--no-timing"]);
    assert_eq!(code(&output), 0);
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn show_tells_a_run_step_by_step() {
    let output = run(&["show", "models/classic/two-pipes-deadlock.litmus"]);
    assert_eq!(code(&output), 0);
    insta::assert_snapshot!(stdout(&output));
}

/// A signalfd has no pipe behind it, and a timer goes off in no task.
#[test]
fn show_tells_of_signalfds_and_timers() {
    let output = run(&["show", "models/signal/signalfd-wakes.litmus", "--block", "1", "--no-rules"]);
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).contains("read(4<signalfd [SIGUSR2]>,"), "{}", stdout(&output));
    assert!(stdout(&output).contains("signalfd_wqh: B, A"), "{}", stdout(&output));
    let output = run(&["show", "models/signal/alarm.litmus", "--schedule", "A A A A! A"]);
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).contains("(the timer of its process goes off)"), "{}", stdout(&output));
}

#[test]
fn show_takes_a_schedule_and_says_which_step_is_impossible() {
    let file = "models/classic/ping-pong.litmus";
    let names = stdout(&run(&["show", file, "--schedule", "Nobody"]));
    assert!(names.is_empty());
    let output = run(&["show", file, "--schedule", "Nobody"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("there is no task `Nobody`; the tasks are"), "{}", stderr(&output));
    let output = run_on(
        "litmus \"a\"\npipe p\ntask R { read(p.r, 1) }\ntask W holds p.w { yield() }",
        &["show", "-", "--schedule", "R R"],
    );
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("step 2 of the schedule: R cannot be released: it is asleep"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_violated_claim_exits_with_1_and_a_schedule_that_show_accepts() {
    let text = "litmus \"a\"\npipe p\ntask A { a = write(p.w, \"a\") }\ntask B { b = write(p.w, \"b\") }\ntask R { x = read(p.r, 2) }\nforbid R.x == \"ba\"";
    let output = run_on(text, &["check", "-", "--no-timing"]);
    assert_eq!(code(&output), 1);
    let log = stdout(&output);
    assert!(log.contains("VIOLATED  forbid R.x == \"ba\""), "{log}");
    let schedule = log.lines().find_map(|l| l.trim().strip_prefix("schedule: ")).unwrap();
    let shown = run_on(text, &["show", "-", "--schedule", schedule]);
    assert_eq!(code(&shown), 0);
    assert!(stdout(&shown).contains("\"ba\""), "{}", stdout(&shown));
}

#[test]
fn bad_usage_and_bad_input_exit_with_2() {
    for (args, says) in [
        (&["chek"][..], "a similar subcommand exists: 'check'"),
        (&["check", "models", "--kernel", "six"], "is not a kernel version"),
        (&["check", "no/such.litmus"], "no such file or directory"),
        (&["test", "src"], "no .litmus file"),
        (&["rules", "no such rule"], "no rule contains this text"),
    ] {
        let output = run(args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(stderr(&output).contains(says), "{args:?}: {}", stderr(&output));
    }
    let output = run_on("litmus \"a\"\npipe p\ntask A { wirte(p.w, \"a\") }\nexists A.x == 1", &["check", "-"]);
    assert_eq!(code(&output), 2);
    insta::assert_snapshot!(stderr(&output));
}

#[test]
fn a_bound_that_was_hit_exits_with_3() {
    let endless = "litmus \"endless\"\ntask B { n = 0; while true { yield(); n = n + 1 } }";
    let output = run_on(endless, &["check", "-", "--max-states", "1000"]);
    assert_eq!(code(&output), 3);
    assert!(stdout(&output).contains("the bound of 1000 states was hit"), "{}", stdout(&output));
}

#[test]
fn a_loop_without_a_call_is_a_timeout_within_two_seconds() {
    let spins = "litmus \"spins\"\npipe p\ntask A { x = 1; while x == 1 { x = x * 1 } }\ntask B { write(p.w, \"x\") }";
    let begun = Instant::now();
    let output = run_on(spins, &["test", "-", "--free", "5"]);
    assert_eq!(code(&output), 3);
    assert!(stdout(&output).contains("timeout: A loops for ever"), "{}", stdout(&output));
    // Twice the promise: other tests run beside this one.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn json_and_junit_can_be_read() {
    let json = run(&["test", "models/classic", "--model-only", "--format", "json"]);
    assert_eq!(code(&json), 0);
    let tests: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(tests.as_array().unwrap().iter().all(|test| test["status"] == "holds"));
    let junit = run(&["test", "models/classic", "--model-only", "--format", "junit"]);
    assert!(stdout(&junit).starts_with("<?xml") && stdout(&junit).contains("failures=\"0\""), "{}", stdout(&junit));
}

#[test]
fn print_is_its_own_fixed_point() {
    let text = stdout(&run(&["print", "models/classic/job-server.litmus"]));
    assert_eq!(stdout(&run_on(&text, &["print", "-"])), text);
    let json = run(&["print", "--json", "models/classic/job-server.litmus"]);
    assert!(serde_json::from_slice::<serde_json::Value>(&json.stdout).is_ok());
}

#[test]
fn ctrl_c_ends_with_the_result_so_far_and_the_status_of_the_signal() {
    use std::os::unix::process::ExitStatusExt;
    let endless = "litmus \"endless\"\ntask B { n = 0; while true { yield(); n = n + 1 } }";
    let mut child = command(&["check", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(endless.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(700));
    // SAFETY: the child is ours and not reaped yet.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGINT), "{output:?}");
    assert!(stdout(&output).contains("incomplete: interrupted"), "{}", stdout(&output));
}

#[test]
fn behaviours_are_listed_and_switched_by_name() {
    let listed = run(&["quirks", "--kernel", "v3.2"]);
    assert_eq!(code(&listed), 0);
    assert!(stdout(&listed).contains("pipe-one-queue") && !stdout(&listed).contains("pipe-poll-usage"));
    let file = "models/bugs/pipe-04-eof-wakes-one.litmus";
    assert_eq!(code(&run(&["check", file])), 0);
    assert_eq!(code(&run(&["check", file, "--quirk", "pipe-eof-wakes-one"])), 1);
    assert_eq!(code(&run(&["check", file, "--quirk", "pipe-eof-wakes-one", "--no-quirk", "pipe-eof-wakes-one"])), 0);
    let wrong = run(&["check", file, "--quirk", "pipe-eof-wakes-on"]);
    assert_eq!(code(&wrong), 2);
    assert!(stderr(&wrong).contains("pipe-eof-wakes-one"), "{}", stderr(&wrong));
    assert_eq!(code(&run(&["quirks", "nothing has this in it"])), 2);
}

#[test]
fn the_kernel_of_this_machine_has_the_behaviours_of_its_version() {
    let found = run(&["quirks", "--detect", "--format", "json"]);
    if code(&found) == 3 {
        return;
    }
    assert_eq!(code(&found), 0, "{}", stdout(&found));
    let list: serde_json::Value = serde_json::from_str(&stdout(&found)).unwrap();
    let told = list["quirks"].as_array().unwrap().iter().filter(|q| q["here"] != "unknown").count();
    assert!(told >= 10, "{told}");
}

#[test]
fn rules_say_what_tests_exercise() {
    let covered = run(&["rules", "--coverage", "models/pipe/read-empty.litmus", "--model-only", "--format", "json"]);
    assert_eq!(code(&covered), 0);
    let list: serde_json::Value = serde_json::from_str(&stdout(&covered)).unwrap();
    let rule = |id| list.as_array().unwrap().iter().find(|rule| rule["id"] == id).unwrap();
    assert_eq!(rule("PIPE-R-03")["model"], true);
    assert_eq!(rule("PIPE-R-03")["class"], "run");
    assert_eq!(rule("PIPE-X-02")["model"], false);
    assert_eq!(rule("STEP-PIPE-04")["class"], "invisible");
}

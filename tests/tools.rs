//! The tools around the search, through the command line: graphs, golden logs, comparing logs, walking by hand.

mod common;

use common::cli::{code, run, run_in, run_on, stderr, stdout};
use lockstep::{
    explore::{Options, Steps, explore, graph},
    kernel::Env,
    machine::{Machine, environment},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Output,
};

/// An empty directory.
fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

const BRANCHES: &str = r#"litmus "branches"

pipe p

task W {
    write(p.w, "a")
}

task R {
    n = 0
    x = read(p.r, 1)
    if x == "a" {
        n = 1
    } else {
        n = 2
        write(p.w, "b")
    }
    repeat 2 {
        n = n + 1
    }
    while n > 5 {
        n = 0
    }
    y = read(p.r, 1)
    n = 7
}

allow asleep R
"#;

#[test]
fn statements_that_nothing_reaches_are_told() {
    let log = run_on(BRANCHES, &["check", "-", "--no-timing"]);
    assert_eq!(code(&log), 0);
    insta::assert_snapshot!(stdout(&log));
    let json = run_on(BRANCHES, &["check", "-", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let lines: Vec<_> = json[0]["unreached"].as_array().unwrap().iter().map(|u| u["line"].clone()).collect();
    assert_eq!(lines, [15, 16, 22, 25]);
    // A search that ends too early has not seen what there is.
    let bounded = run_on(BRANCHES, &["check", "-", "--max-states", "0"]);
    assert!(!stdout(&bounded).contains("Unreached"));
}

#[test]
fn a_graph_is_drawn() {
    let file = "models/classic/threads-share-descriptors.litmus";
    let dot = run(&["graph", file]);
    assert_eq!(code(&dot), 0);
    insta::assert_snapshot!(format!("{}{}", stdout(&dot), stderr(&dot)));
    let svg = scratch("graph").join("x.svg");
    assert_eq!(code(&run(&["graph", file, "--svg", svg.to_str().unwrap()])), 0);
    let svg = fs::read_to_string(svg).unwrap();
    assert!(svg.starts_with("<?xml") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("outcome 3") && svg.contains("Reader: read(p.r, 1) … asleep"));
    let full = run(&["graph", file, "--full", "--dot", "-", "--svg", "-"]);
    assert!(stderr(&full).contains("14 states, 17 moves, 3 outcomes; drawn with 14 boxes and 17 arrows"));
}

#[test]
fn a_graph_that_nobody_could_read_is_refused() {
    let large = run(&["graph", "models/classic/barrier.litmus"]);
    assert_eq!(code(&large), 3);
    insta::assert_snapshot!(stderr(&large));
    let part = run(&["graph", "models/classic/barrier.litmus", "--max-states", "20"]);
    assert_eq!(code(&part), 3);
    assert!(stdout(&part).contains("dashed") && stderr(&part).contains("not the whole graph"), "{}", stderr(&part));
}

#[test]
fn the_graph_has_the_states_and_outcomes_of_the_search() {
    for path in common::library() {
        let program = common::load_path(&path);
        let Ok(env) = environment(&program, Env::default()) else { continue };
        let machine = Machine::new(&program, env);
        for steps in [Steps::Calls, Steps::Sections(Some(1))] {
            let options = Options { steps, max_states: 3000, exact: true, ..Options::default() };
            let found = explore(&machine, &options).unwrap();
            let graph = graph(&machine, &options).unwrap();
            if found.incomplete.is_some() || graph.incomplete.is_some() {
                continue;
            }
            let name = path.display();
            assert_eq!(graph.graph.node_count() as u64, found.stats.states, "{name} {steps:?}");
            // The search prefers witnesses that can be steered, and has the outcomes in another order then.
            let outcomes: BTreeSet<_> = found.outcomes.iter().map(|(outcome, _)| outcome).collect();
            assert_eq!(graph.outcomes.iter().collect::<BTreeSet<_>>(), outcomes, "{name} {steps:?}");
        }
    }
}

#[test]
fn golden_logs_are_written_and_compared() {
    let dir = scratch("golden");
    let here = |args: &[&str]| run_in(&dir, args, "");
    fs::write(dir.join("x.litmus"), BRANCHES).unwrap();
    assert_eq!(code(&here(&["test", "x.litmus", "--promote"])), 2);
    let promoted = here(&["test", "x.litmus", "--model-only", "--promote"]);
    assert_eq!(code(&promoted), 0);
    assert!(stdout(&promoted).contains("wrote x.litmus.expected"));
    let golden = fs::read_to_string(dir.join("x.litmus.expected")).unwrap();
    assert_eq!(golden, stdout(&here(&["check", "x.litmus", "--no-timing"])));
    assert_eq!(code(&here(&["test", "x.litmus", "--model-only"])), 0);

    fs::write(dir.join("x.litmus.expected"), golden.replace("R.y=none", "R.y=\"z\"")).unwrap();
    let other = here(&["test", "x.litmus", "--model-only"]);
    assert_eq!(code(&other), 1);
    let told: Vec<&str> = stdout_lines(&other).into_iter().take_while(|line| !line.is_empty()).collect();
    insta::assert_snapshot!(told.join("\n"));
    let junit = here(&["test", "x.litmus", "--model-only", "--format", "junit"]);
    assert!(stdout(&junit).contains("failures=\"1\""));
    let again = here(&["test", "x.litmus", "--model-only", "--promote"]);
    assert!(stdout(&again).contains("rewrote x.litmus.expected"));
    assert_eq!(fs::read_to_string(dir.join("x.litmus.expected")).unwrap(), golden);
}

fn stdout_lines(output: &Output) -> Vec<&str> {
    std::str::from_utf8(&output.stdout).unwrap().lines().collect()
}

#[test]
fn the_classic_tests_have_their_golden_logs() {
    let classic = common::library().into_iter().filter(|path| path.parent().unwrap().ends_with("classic"));
    for path in classic {
        assert!(path.with_extension("litmus.expected").exists(), "lockstep test --model-only --promote {path:?}");
    }
    let output = run(&["test", "--model-only", "models/classic"]);
    assert_eq!(code(&output), 0, "lockstep test --model-only --promote models/classic\n{}", stdout(&output));
}

#[test]
fn logs_are_compared() {
    let dir = scratch("compare");
    let write = |name: &str, args: &[&str]| {
        let output = run(args);
        fs::write(dir.join(name), &output.stdout).unwrap();
    };
    write("text", &["check", "models/pipe", "models/classic/ping-pong.litmus"]);
    write("json", &["check", "models/pipe", "models/classic/ping-pong.litmus", "--format", "json"]);
    write("old", &["check", "models/pipe/nowait.litmus", "--kernel", "v6.1"]);
    write("new", &["check", "models/pipe/nowait.litmus", "models/pipe/packet.litmus"]);
    let compare = |old: &str, new: &str| run_in(&dir, &["compare", old, new], "");
    let same = compare("text", "json");
    assert_eq!(code(&same), 0, "{}", stdout(&same));
    let other = compare("old", "new");
    assert_eq!(code(&other), 1);
    insta::assert_snapshot!(stdout(&other));
    fs::write(dir.join("no-log"), "hello\n").unwrap();
    assert_eq!(code(&compare("old", "no-log")), 2);
    assert_eq!(code(&compare("old", "missing")), 2);
}

#[test]
fn a_walk_by_hand() {
    let answers = "9\nNobody\nA\nB\nu\no\n2\nA\nC\nq\n";
    let walk = run_on(answers, &["step", "models/classic/philosophers.litmus"]);
    assert_eq!(code(&walk), 0);
    insta::assert_snapshot!(stdout(&walk));
}

#[test]
fn a_walk_ends_with_its_outcome_or_with_its_input() {
    let file = "models/classic/two-pipes-deadlock.litmus";
    let end = run_on("A\nB\nthis is not read", &["step", file, "--no-rules"]);
    assert_eq!(code(&end), 0);
    insta::assert_snapshot!(stdout(&end));
    let cut = run_on("A\n", &["step", file]);
    assert_eq!(code(&cut), 0);
    assert!(stdout(&cut).ends_with("2> \n"));
    let sections = run_on("A\n", &["step", file, "--steps", "section"]);
    assert!(stdout(&sections).contains("A: read(p.r, 1) … interrupted:"));
    assert_eq!(code(&run_on("A\n", &["step", "-"])), 2);
}

#[test]
fn shells_and_man_know_every_subcommand() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]);
        assert_eq!(code(&script), 0);
        assert!(["compare", "graph", "--promote"].iter().all(|word| stdout(&script).contains(word.trim_matches('-'))));
    }
    assert!(stdout(&run(&["man"])).contains(".TH lockstep"));
    let dir = scratch("man");
    assert_eq!(code(&run(&["man", dir.to_str().unwrap()])), 0);
    for page in ["lockstep.1", "lockstep-check.1", "lockstep-step.1", "lockstep-graph.1"] {
        assert!(dir.join(page).exists(), "{page}");
    }
}

#[test]
fn loom_checks_a_protocol_and_tells_how_a_defect_shows() {
    let clean = run(&["loom", "pipe-resize", "--bound", "2"]);
    assert_eq!(code(&clean), 0);
    assert!(stdout(&clean).contains("78") && stdout(&clean).contains("holds"), "{}", stdout(&clean));
    let broken = run(&["loom", "--defect", "pipe-05"]);
    assert_eq!(code(&broken), 1);
    for part in
        ["pipe-resize", "lost wake-up: A sleeps", "wakes A from wr_wait", "the limit is 2 now", "end  A: asleep"]
    {
        assert!(stdout(&broken).contains(part), "{part}: {}", stdout(&broken));
    }
    let json = run(&["loom", "--defect", "PIPE-05", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(json[0]["failure"]["outcome"], "A: asleep; B: ok");
    assert_eq!(code(&run(&["loom", "pipe-look", "--max-time", "0"])), 3);
    assert_eq!(code(&run(&["loom", "pipe-eof", "--native", "20"])), 0);
    assert!(stdout(&run(&["loom", "--list"])).contains("PIPE-07"));
    let unknown = run(&["loom", "pipe-eoff"]);
    assert_eq!(code(&unknown), 2);
    assert!(stderr(&unknown).contains("did you mean `pipe-eof`?"), "{}", stderr(&unknown));
}

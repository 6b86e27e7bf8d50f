//! Steered runs.

use crate::build::*;
use lockstep::{kernel::*, program::*, target::*};

/// All that happened, as words: `W -> 3`, `R -> "abc"`, `R asleep`, `W exits 0`.
pub fn story(b: &Build, observations: &[Observation]) -> String {
    let name = |task: TaskId| b.0.tasks[task as usize].name.clone();
    let mut out = Vec::new();
    for o in observations {
        match o {
            Observation::Released { task, .. } => out.push(format!("{}:", name(*task))),
            Observation::Completed { task, ret } => out.push(match ret.ret {
                Ok(_) if !ret.data.is_empty() => format!("{} -> {}", name(*task), ret.data),
                Ok(n) if ret.extra.is_empty() => format!("{} -> {n}", name(*task)),
                Ok(n) => format!("{} -> {n} {:?}", name(*task), ret.extra),
                Err(e) => format!("{} -> {e}", name(*task)),
            }),
            Observation::Halted { task, halt } => out.push(format!("{} {halt:?}", name(*task))),
            Observation::Exited { task, status } => out.push(format!("{} exits {status}", name(*task))),
            Observation::Quiet { asleep, held, probes, .. } => {
                out.extend(asleep.iter().map(|(task, call)| format!("{} in {call}", name(*task))));
                out.extend(held.iter().map(|task| format!("{} held", name(*task))));
                out.extend(probes.iter().map(|(o, f, v)| format!("{}.{f:?}={v}", b.0.objects[*o as usize].name)));
                out.push(";".into());
            }
            Observation::Started { .. } => {}
        }
    }
    out.join(" ")
}

fn run(b: &Build, schedule: &str, options: &SteerOptions) -> (String, SteerReport) {
    let mut host = Host::new().unwrap();
    let mut seen = Vec::new();
    let report = host.steer(&b.0, &b.schedule(schedule), options, &mut |o| seen.push(o.clone())).unwrap();
    assert_eq!(report.check_failures, 0);
    (story(b, &seen), report)
}

/// Runs under every method that is available, expects the same from each, and that it finishes.
fn both(b: &Build, schedule: &str) -> String {
    let mut host = Host::new().unwrap();
    let mut stories = Vec::new();
    let realtime = host.facts().unwrap().realtime;
    for method in [Method::Fifo, Method::Proof].into_iter().filter(|m| realtime || *m == Method::Proof) {
        let options = SteerOptions { method: Some(method), check_every: 1, ..SteerOptions::default() };
        let (story, report) = run(b, schedule, &options);
        assert_eq!((report.end, report.method), (Ending::Finished, method), "{story}");
        stories.push(story);
    }
    assert!(stories.windows(2).all(|w| w[0] == w[1]), "{stories:#?}");
    stories.remove(0)
}

#[test]
fn facts_are_of_this_machine() {
    let facts = Host::new().unwrap().facts().unwrap();
    assert!(facts.release.starts_with(&format!("{}.{}", facts.version.major, facts.version.minor)));
    assert!(facts.page_size >= 4096 && facts.pipe_max_size >= 4096 && facts.nofile > 0 && facts.cpus > 0, "{facts:?}");
    assert!(!facts.cap_sys_admin);
    assert!(!Host::unprivileged().unwrap().facts().unwrap().realtime);
}

#[test]
fn a_reader_sleeps_until_somebody_writes() {
    let b = Build::default().pipe("p", None).task("R", &[(0, R)], vec![read(3, 10), read(3, 10)]).task(
        "W",
        &[(0, W)],
        vec![write(3, "abc")],
    );
    assert_eq!(both(&b, "R W R"), r#"R: R in read ; W: W -> 3 R -> "abc" ; R: R in read ;"#);
}

#[test]
fn the_end_of_file_comes_when_the_writer_exits() {
    // Nobody else must hold the write end: this is the test that the executor itself does not.
    let b = Build::default().pipe("p", None).task("R", &[(0, R)], vec![read(3, 10)]).task(
        "W",
        &[(0, W)],
        vec![Call::Exit { status: 7 }],
    );
    assert_eq!(both(&b, "R W"), "R: R in read ; W: W exits 7 R -> 0 ;");
}

#[test]
fn a_broken_pipe_is_epipe() {
    let b = Build::default().pipe("p", None).task("R", &[(0, R)], vec![Call::Close { fd: 3 }]).task(
        "W",
        &[(0, W)],
        vec![write(3, "a"), write(3, "b")],
    );
    assert_eq!(both(&b, "W R W"), "W: W -> 1 ; R: R -> 0 ; W: W -> EPIPE ;");
}

#[test]
fn a_close_wakes_readers_in_the_order_in_which_they_slept() {
    let b = Build::default()
        .pipe("p", None)
        .task("A", &[(0, R)], vec![read(3, 1)])
        .task("B", &[(0, R)], vec![read(3, 1)])
        .task("C", &[(0, R)], vec![read(3, 1)])
        .task("W", &[(0, W)], vec![Call::Close { fd: 3 }]);
    let (story, report) = run(&b, "C A B W", &SteerOptions::default());
    assert_eq!(report.end, Ending::Finished);
    if report.method == Method::Fifo {
        assert_eq!(story.split("W:").nth(1).unwrap(), " W -> 0 C -> 0 A -> 0 B -> 0 ;");
    }
}

//! Free runs.

use crate::{build::*, steered::story};
use lockstep::{kernel::*, program::*, target::*};
use std::collections::BTreeMap;

/// Runs freely and counts what came out: who read what, who sleeps.
fn outcomes(b: &Build, options: &FreeOptions) -> (BTreeMap<String, usize>, FreeReport) {
    let mut counts = BTreeMap::new();
    let mut next = 0;
    let report = Host::new()
        .unwrap()
        .free(&b.0, options, &mut |iteration| {
            assert_eq!(iteration.index, next);
            next += 1;
            check_intervals(&iteration.observations);
            let observed = Observed::after(&b.0, &iteration.observations);
            let mut words = Vec::new();
            for (task, info) in b.0.tasks.iter().enumerate() {
                let values = observed.cursors[task].locals.iter().map(Value::to_string);
                words.push(format!("{} {}", info.name, values.collect::<Vec<_>>().join(" ")));
            }
            words.extend(
                observed.sleepers().iter().map(|(t, call)| format!("{} in {call}", b.0.tasks[*t as usize].name)),
            );
            if iteration.end != Ending::Finished {
                words.push(format!("{:?}", iteration.end));
            }
            *counts.entry(words.join(", ")).or_default() += 1;
        })
        .unwrap();
    assert_eq!(report.iterations, next);
    (counts, report)
}

/// Calls of one task do not overlap, and what returns has been started.
fn check_intervals(observations: &[Observation]) {
    let mut inside = BTreeMap::new();
    for o in observations {
        match o {
            Observation::Started { task } => assert!(!std::mem::replace(inside.entry(*task).or_default(), true)),
            Observation::Completed { task, .. } => {
                assert!(std::mem::take(inside.entry(*task).or_default()), "{observations:?}");
            }
            _ => {}
        }
    }
}

fn times(iterations: usize) -> FreeOptions {
    FreeOptions { iterations, ..FreeOptions::default() }
}

#[test]
fn two_writers_come_in_either_order() {
    let b = Build::default()
        .pipe("p", None)
        .task("A", &[(0, W)], vec![write(3, "a")])
        .task("B", &[(0, W)], vec![write(3, "b")])
        .task("R", &[(0, R)], vec![read(3, 1), read(3, 1)]);
    let (counts, report) = outcomes(&b, &times(2000));
    assert_eq!(report.iterations, 2000);
    let expected = [r#"A 1, B 1, R "a" "b""#, r#"A 1, B 1, R "b" "a""#];
    assert_eq!(counts.keys().collect::<Vec<_>>(), expected, "{counts:?}");
    assert!(report.batches < 100, "{report:?}");
}

#[test]
fn whoever_sleeps_at_the_end_is_found() {
    let b = Build::default()
        .pipe("p", None)
        .task("A", &[(0, R)], vec![read(3, 1)])
        .task("B", &[(0, R)], vec![read(3, 1)])
        .task("W", &[(0, W)], vec![write(3, "w")]);
    let (counts, report) = outcomes(&b, &times(100));
    let expected = [r#"A "w", B none, W 1, B in read"#, r#"A none, B "w", W 1, A in read"#];
    assert!(counts.keys().all(|k| expected.contains(&&**k)), "{counts:?}");
    assert_eq!((report.timed_out, report.iterations), (0, 100));
}

#[test]
fn ends_are_closed_by_exits_and_kept_by_the_parked() {
    let b = Build::default().pipe("p", None).task("R", &[(0, R)], vec![read(3, 9), read(3, 9)]).task(
        "W",
        &[(0, W)],
        vec![write(3, "w"), Call::Exit { status: 0 }],
    );
    let (counts, _) = outcomes(&b, &times(100));
    assert_eq!(counts.into_keys().collect::<Vec<_>>(), [r#"R "w" EOF, W 1 none"#]);
}

#[test]
fn children_are_forked_once_per_iteration() {
    let b = Build::default()
        .pipe("p", None)
        .task("P", &[(0, R), (0, W)], vec![Call::Fork { child: 1 }, Call::Close { fd: 4 }, read(3, 9), read(3, 9)])
        .child("C", 0, vec![write(4, "c"), Call::Exit { status: 0 }]);
    let (counts, _) = outcomes(&b, &times(50));
    assert_eq!(counts.into_keys().collect::<Vec<_>>(), [r#"P 101 0 "c" EOF, C 1 none"#]);
}

#[test]
fn init_has_ended_before_the_start() {
    let b = Build::default()
        .pipe("p", None)
        .task("R", &[(0, R)], vec![read(3, 9), read(3, 9)])
        .task("I", &[(0, W)], vec![write(3, "i")])
        .init();
    let (counts, report) = outcomes(&b, &times(500));
    assert_eq!(counts.into_keys().collect::<Vec<_>>(), [r#"R "i" EOF, I 1"#]);
    assert!(report.batches < 50, "{report:?}");
}

#[test]
fn threads_and_fifos_and_leftovers_start_anew_each_time() {
    let open = |flags| Call::Open { path: 0, flags };
    let threads = vec![code(vec![open(OpenFlags::O_WRONLY), write(4, "f")]), code(vec![Call::Yield])];
    let b = Build::default().pipe("p", None).fifo("f").process("T", &[(0, W)], None, threads).task(
        "R",
        &[(0, R)],
        vec![open(OpenFlags::empty()), read(4, 1), Call::Dup { fd: 3 }],
    );
    let (counts, report) = outcomes(&b, &times(300));
    assert_eq!(counts.into_keys().collect::<Vec<_>>(), [r#"T fd 1, T[1] 0, R fd "f" fd"#]);
    assert_eq!((report.timed_out, report.skipped_probes), (0, 0));
}

#[test]
fn what_never_ends_is_ended() {
    let mut b = Build::default().task("T", &[], vec![Call::Yield]);
    b.0.tasks[0].code.instrs.push(Instr::Jump(0));
    let mut ends = Vec::new();
    let options = FreeOptions { limit: std::time::Duration::from_millis(100), ..times(2) };
    let report = Host::new().unwrap().free(&b.0, &options, &mut |i| ends.push(i.end.clone())).unwrap();
    let ended = |e: &Ending| matches!(e, Ending::TimedOut { task: Some(0) } | Ending::TooMuchSeen);
    assert!(ends.len() == 2 && ends.iter().all(ended), "{ends:?}");
    assert!(report.elapsed.as_secs_f64() < 5.0);
}

#[test]
fn an_iteration_tells_the_whole_story() {
    let b = Build::default().pipe("p", Some(4096)).task("T", &[(0, R), (0, W)], vec![write(4, "abc"), read(3, 1)]);
    for pinned in [Some(true), Some(false), None] {
        let mut stories = Vec::new();
        let options = FreeOptions { pinned, ..times(20) };
        let each = &mut |i: &Iteration| stories.push((i.pinned, story(&b, &i.observations)));
        Host::new().unwrap().free(&b.0, &options, each).unwrap();
        let expected = r#"T -> 3 T -> "a" p.Readable=2 p.Size=4096 ;"#;
        assert!(stories.iter().all(|(pin, s)| s == expected && pinned.is_none_or(|p| p == *pin)), "{stories:?}");
        assert_eq!(pinned.is_none(), stories.iter().any(|s| s.0) && stories.iter().any(|s| !s.0));
    }
}

fn adders(tasks: usize) -> Compiled {
    let text =
        format!("litmus \"adders\"\nshm m(cells: 1)\ntask T[{tasks}] {{ x = add(m[0], 1) }}\nfinal m[0] == {tasks}");
    lockstep::litmus::load(&text).unwrap().1
}

/// Whoever waits at a barrier keeps nobody from coming there.
#[test]
fn more_tasks_than_processors_meet_thousands_of_times() {
    let cpus = std::thread::available_parallelism().unwrap().get();
    let program = adders((cpus + 1).min(32));
    let mut ends = Vec::new();
    let options = times(3000);
    let mut made = 0;
    let report = Host::new().unwrap().free(&program, &options, &mut |i| {
        made += i.times;
        ends.push(i.end.clone());
    });
    assert!(ends.iter().all(|end| *end == Ending::Finished), "{ends:?} {report:?}");
    assert_eq!((made, report.unwrap().timed_out), (3000, 0));
}

#[test]
fn free_runs_end_when_the_user_wants_an_end() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static STOP: AtomicBool = AtomicBool::new(false);
    let pipes = Build::default().pipe("p", None).task("T", &[(0, R), (0, W)], vec![write(4, "a"), read(3, 1)]);
    for program in [adders(2), pipes.0] {
        STOP.store(false, Ordering::Relaxed);
        let stopper = std::thread::spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            STOP.store(true, Ordering::Relaxed);
        });
        let report = Host::new().unwrap().until(&STOP).free(&program, &times(1 << 40), &mut |_| {}).unwrap();
        stopper.join().unwrap();
        assert!(report.iterations < 1 << 40 && report.elapsed.as_secs_f64() < 10.0, "{report:?}");
    }
}

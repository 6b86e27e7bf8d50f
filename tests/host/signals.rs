//! Signals in steered runs: what handlers are told, what is seen of a task from outside, and what a worker does not let the program see.

use crate::{
    build::Build,
    steered::{methods, story},
};
use lockstep::{kernel::signal::*, litmus, target::*};

/// A program from its text.
fn load(text: &str) -> Build {
    let text = format!("litmus \"signals\"\n{text}");
    Build(litmus::load(&text).unwrap_or_else(|why| panic!("{}", litmus::render(&why, "signals", &text, false))).1)
}

fn steer(b: &Build, schedule: &str, method: Method) -> (Vec<Observation>, SteerReport) {
    let options = SteerOptions { method: Some(method), probe: true, check_every: 1, ..SteerOptions::default() };
    let mut seen = Vec::new();
    let mut host = Host::new().unwrap();
    let report = host.steer(&b.0, &b.schedule(schedule), &options, &mut |o| seen.push(o.clone())).unwrap();
    assert_eq!(report.check_failures, 0);
    (seen, report)
}

/// Runs under every method that is available, and expects the same story from each.
fn each(b: &Build, schedule: &str, expected: &str) -> Vec<Observation> {
    let mut last = Vec::new();
    for method in methods() {
        let (seen, report) = steer(b, schedule, method);
        assert_eq!((&*story(b, &seen), &report.end), (expected, &Ending::Finished), "{method:?}");
        last = seen;
    }
    last
}

/// The sets of a task after the last step.
fn sets(seen: &[Observation], of: u16) -> SignalSets {
    let last = seen.iter().rev().find_map(|o| match o {
        Observation::Quiet { signals, .. } => signals.iter().find(|(task, _)| *task == of),
        _ => None,
    });
    last.expect("the task lives").1
}

fn stopped(seen: &[Observation]) -> Vec<Vec<u16>> {
    let steps = seen.iter().filter_map(|o| match o {
        Observation::Quiet { stopped, .. } => Some(stopped.clone()),
        _ => None,
    });
    steps.collect()
}

fn set(signals: &[Signal]) -> SigSet {
    signals.iter().fold(0, |set, signal| set | 1 << (signal - 1))
}

/// Frames are made in the order in which signals are taken, so that the last one runs first.
#[test]
fn handlers_run_in_the_order_of_their_frames_with_the_mask_of_each() {
    let b = load(
        "process A {
             handler h(i) { }
             handler g(j) { }
             sigprocmask(SIG_BLOCK, [SIGHUP, SIGUSR1, SIGUSR2])
             sigaction(SIGUSR1, h, mask: [SIGTERM])
             sigaction(SIGUSR2, g, SA_NODEFER)
             sigprocmask(SIG_SETMASK, [SIGHUP])
             yield()
         }
         task K { kill(A, SIGUSR1); sigqueue(A, SIGUSR2, 7) }",
    );
    let seen = each(
        &b,
        "A A A K K A A A A",
        "A: A -> 0 [0] ; A: A -> 0 ; A: A -> 0 ; K: K -> 0 ; K: K -> 0 ; A: A runs 1 ; A: A runs 0 ; A: A -> 0 [2561] ; A: A -> 0 ;",
    );
    let told = seen.iter().filter_map(|o| match o {
        Observation::Handler { handler, info, mask, .. } => Some((*handler, *info, *mask)),
        _ => None,
    });
    let info = |signo, code, value| SigInfo { signo, code, pid: tid_of(1), uid: 0, value };
    let expected = [
        (1, info(SIGUSR2, code::SI_QUEUE, 7), set(&[SIGHUP, SIGUSR1, SIGTERM])),
        (0, info(SIGUSR1, code::SI_USER, 0), set(&[SIGHUP, SIGUSR1, SIGTERM])),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn the_sets_of_a_task_are_seen_after_each_step() {
    let b = load(
        "process A {
             handler h { }
             sigprocmask(SIG_BLOCK, [SIGUSR1, SIGUSR2])
             sigaction(SIGTERM, h)
             sigaction(SIGHUP, SIG_IGN)
             tgkill(A, A, SIGUSR1)
             kill(A, SIGUSR2)
         }",
    );
    let seen = each(&b, "A A A A A", "A: A -> 0 [0] ; A: A -> 0 ; A: A -> 0 ; A: A -> 0 ; A: A -> 0 ;");
    let expected = SignalSets {
        pending: set(&[SIGUSR1]),
        shared: set(&[SIGUSR2]),
        blocked: set(&[SIGUSR1, SIGUSR2]),
        // Tasks begin with it.
        ignored: set(&[SIGHUP, SIGPIPE]),
        caught: set(&[SIGTERM]),
    };
    assert_eq!(sets(&seen, 0), expected);
}

#[test]
fn a_parent_is_told_how_its_child_ended() {
    let b = load(
        "process P { fork(C); fork(D); waitpid(C); waitpid(D) }
         process C child of P { exit(3) }
         process D child of P { pause() }
         task K { kill(D, SIGKILL) }",
    );
    each(
        &b,
        "P P D C P K P",
        "P: P -> 101 ; P: P -> 102 ; D: D in pause ; C: C exits 3 D in pause ; P: P -> 101 [1, 3] D in pause ; K: K -> 0 process 2 killed by 9 ; P: P -> 102 [2, 9] ;",
    );
}

/// A worker sleeps in a call of its own while it waits for a command. The program is to see nothing of that.
#[test]
fn a_signal_between_two_calls_interrupts_none() {
    let b = load(
        "pipe p(size: 4096)
         process A {
             handler h { write(p.w, \"h\") }
             sigaction(SIGUSR1, h)
             write(p.w, \"a\")
             read(p.r, 10)
         }
         task K { kill(A, SIGURG); kill(A, SIGUSR1); kill(A, SIGCONT) }",
    );
    let probes = |n| format!("p.Readable={n} p.Size=4096 ;");
    let expected = [
        ("A: A -> 0", 0),
        (" K: K -> 0", 0),
        (" K: K -> 0 A runs 0", 0),
        (" A: A -> 1", 1),
        (" A:", 1),
        (" K: K -> 0", 1),
        (" A: A -> 1", 2),
        (" A: A -> \"ha\"", 0),
    ];
    let expected: Vec<String> = expected.iter().map(|(step, n)| format!("{step} {}", probes(n))).collect();
    each(&b, "A K K A A K A A", &expected.concat());
}

#[test]
fn a_stopped_task_is_deaf_until_it_is_continued() {
    let b = load(
        "process A { handler h { }; sigaction(SIGUSR1, h); pause() }
         task K { kill(A, SIGSTOP); kill(A, SIGUSR1); kill(A, SIGCONT) }",
    );
    let schedule = "A A K K K";
    let seen = each(&b, schedule, "A: A -> 0 ; A: A in pause ; K: K -> 0 ; K: K -> 0 ; K: K -> 0 A runs 0 ;");
    assert_eq!(stopped(&seen), [vec![], vec![], vec![0], vec![0], vec![]]);
    for method in methods() {
        let (_, report) = steer(&b, "A K A", method);
        assert_eq!(report.end, Ending::ScheduleImpossible { step: 2, task: 0, why: Impossible::Stopped });
    }
}

/// It is in no call then, and not on its way to one either.
#[test]
fn a_task_may_stop_on_its_way_back_from_a_handler() {
    let b = load(
        "process A {
             handler h { tgkill(A, A, SIGTSTP) }
             sigaction(SIGUSR1, h, mask: [SIGTSTP])
             pause()
         }
         task K { kill(A, SIGUSR1); kill(A, SIGCONT) }",
    );
    let seen = each(
        &b,
        "A A K A A K",
        "A: A -> 0 ; A: A in pause ; K: K -> 0 A runs 0 ; A: A -> 0 ; A: ; K: K -> 0 A -> EINTR ;",
    );
    assert_eq!(stopped(&seen), [vec![], vec![], vec![], vec![], vec![0], vec![]]);
}

#[test]
fn a_timer_goes_off_when_it_is_told_to() {
    let b = load(
        "process P {
             handler h { }
             thread A { sigaction(SIGALRM, h); setitimer(ITIMER_REAL, 20 ms); pause() }
             thread B { sigwaitinfo([SIGUSR1], timeout: 40 ms) }
         }",
    );
    for method in methods() {
        let begun = std::time::Instant::now();
        let (seen, report) = steer(&b, "B A A A A! A B!", method);
        assert_eq!(report.end, Ending::Finished, "{}", story(&b, &seen));
        let expected = "B: B in sigwaitinfo ; A: A -> 0 B in sigwaitinfo ; A: A -> 0 [0, 0] B in sigwaitinfo ; A: A in pause B in sigwaitinfo ; A: A runs 0 B in sigwaitinfo ; A: A -> EINTR B in sigwaitinfo ; B: B -> EAGAIN ;";
        assert_eq!(story(&b, &seen), expected);
        assert!(begun.elapsed().as_millis() >= 40);
    }
    // In the other order it would go off in a step that is not for it, however often the run is made.
    let (_, report) = steer(&b, "A A A B B!", methods()[0]);
    assert_eq!(report.end, Ending::OutOfTurn);
}

/// While a timer is waited for nobody may use the processor, least of all a task that was woken and is held.
#[test]
fn who_is_held_stays_held_while_a_timer_is_waited_for() {
    if methods()[0] != Method::Fifo {
        return;
    }
    let b = load(
        "process P {
             handler h { }
             thread A { pause() }
             thread B { sigaction(SIGUSR1, h); sigaction(SIGALRM, SIG_IGN); setitimer(ITIMER_REAL, 15 ms); tgkill(P, A, SIGUSR1) }
         }",
    );
    let (seen, report) = steer(&b, "A B B B B+ B! A", Method::Fifo);
    assert_eq!(report.end, Ending::Finished);
    let story = story(&b, &seen);
    assert!(story.ends_with("B: B -> 0 A held ; B: A held ; A: A runs 0 ;"), "{story}");
}

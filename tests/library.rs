//! The library against the model, and against the kernel of this machine.

mod common;

use lockstep::{
    explore::{Exploration, Options, Steps, explore},
    kernel::{Env, Version},
    machine::{Machine, environment},
    program::{Compiled, Outcome},
    target::{FreeOptions, Host, SteerOptions},
    verdict::{Confirmation, Effort, Status, judge},
};
use std::{collections::BTreeSet, path::Path, time::Duration};

fn name(path: &Path) -> &str {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap()
}

fn explored(program: &Compiled, options: &Options) -> Exploration {
    let env = environment(program, Env::default()).unwrap();
    explore(&Machine::new(program, env), options).unwrap()
}

fn outcomes(exploration: &Exploration) -> BTreeSet<&Outcome> {
    assert_eq!(exploration.incomplete, None);
    exploration.outcomes.iter().map(|(outcome, _)| outcome).collect()
}

#[test]
fn every_file_holds_in_the_model_of_each_version() {
    let mut wrong = Vec::new();
    for path in common::library() {
        let program = common::load_path(&path);
        for version in ["v3.2", "v4.19", "v5.10", "v6.1", "v6.12", "v6.18"] {
            let effort = Effort { kernel: Some(version.parse::<Version>().unwrap()), ..Effort::default() };
            let status = judge(&program, &effort, None).unwrap().status();
            if !matches!(status, Status::Holds | Status::NotApplicable) {
                wrong.push(format!("{} on {version}: {status:?}", name(&path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The judge is the kernel: every outcome that whole calls can reach is shown by steering, and free runs show no other.
#[test]
fn every_file_holds_on_the_kernel_of_this_machine() {
    let mut host = Host::new().unwrap();
    let effort = Effort {
        steer: Some(SteerOptions { probe: true, ..SteerOptions::default() }),
        max_steered: 1000,
        free: Some(FreeOptions {
            iterations: 50,
            time_limit: Some(Duration::from_millis(500)),
            ..FreeOptions::default()
        }),
        ..Effort::default()
    };
    let (mut wrong, mut confirmed) = (Vec::new(), 0);
    for path in common::library() {
        let program = common::load_path(&path);
        let judgement = judge(&program, &effort, Some(&mut host)).unwrap();
        if !matches!(judgement.status(), Status::Holds | Status::NotApplicable) {
            let real = judgement.real.as_ref();
            let divergences = real.map(|real| (&real.divergences, &real.not_allowed, &real.reordered));
            wrong.push(format!("{}: {:?} {:?} {divergences:?}", name(&path), judgement.status(), judgement.doubts()));
        }
        let sightings = judgement.real.iter().flat_map(|real| &real.sightings);
        confirmed += sightings.filter(|s| s.steered == Some(Confirmation::Confirmed)).count();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(confirmed >= 150, "only {confirmed} outcomes were confirmed: was anything run?");
}

#[test]
fn interrupting_calls_keeps_the_outcomes_of_whole_calls() {
    for path in common::library() {
        let program = common::load_path(&path);
        let calls = explored(&program, &Options::default());
        for bound in [0, 1, 2] {
            let steps = Steps::Sections(Some(bound));
            let sections = explored(&program, &Options { steps, ..Options::default() });
            assert!(outcomes(&calls).is_subset(&outcomes(&sections)), "{} with {bound}", name(&path));
            if bound == 0 {
                assert_eq!(calls.stats.states, sections.stats.states, "{}", name(&path));
            }
            for (outcome, found) in &calls.outcomes {
                let same = sections.outcomes.iter().find(|(o, _)| o == outcome).unwrap();
                assert_eq!((found.preemptions, same.1.preemptions), (0, 0), "{}", name(&path));
            }
        }
    }
}

#[test]
fn fingerprints_lose_no_state_of_the_library() {
    for path in common::library() {
        let program = common::load_path(&path);
        let (prints, exact) = (
            explored(&program, &Options::default()),
            explored(&program, &Options { exact: true, ..Options::default() }),
        );
        assert_eq!(
            (prints.stats.states, prints.stats.transitions, outcomes(&prints)),
            (exact.stats.states, exact.stats.transitions, outcomes(&exact)),
            "{}",
            name(&path)
        );
    }
}

/// A search that changes cannot hide: states, transitions, depth, outcomes.
#[test]
fn exact_counts() {
    let calls = Steps::Calls;
    let sections = |n| Steps::Sections(Some(n));
    let all = Steps::Sections(None);
    let expected: &[(&str, Steps, [u64; 4])] = &[
        ("models/classic/ping-pong.litmus", calls, [35, 50, 12, 1]),
        ("models/classic/philosophers.litmus", calls, [160, 306, 11, 2]),
        ("models/classic/job-server.litmus", calls, [469, 1_002, 11, 1]),
        ("models/classic/job-server.litmus", sections(1), [3_139, 8_490, 13, 1]),
        ("models/pipe/wake-only-if-empty.litmus", calls, [227, 405, 6, 15]),
        ("models/pipe/wake-only-if-empty.litmus", sections(1), [1_833, 4_778, 8, 15]),
        ("models/pipe/write-interleaved.litmus", sections(2), [1_085, 3_647, 8, 3]),
        ("models/pipe/write-interleaved.litmus", all, [2_049, 12_785, 10, 3]),
        ("benches/pipe_3x3.litmus", calls, [441_885, 1_474_281, 18, 1]),
    ];
    for &(file, steps, expected) in expected {
        let program = common::load(file);
        let e = explored(&program, &Options { steps, ..Options::default() });
        let counts = [e.stats.states, e.stats.transitions, e.stats.depth.into(), outcomes(&e).len() as u64];
        assert_eq!(counts, expected, "{file} at {steps:?}");
    }
}

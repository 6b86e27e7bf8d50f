//! The kernel's locks and wake-ups as concurrent code: under loom, on real threads, and compared with the model.

mod common;

use lockstep::{
    concurrent::{
        Checked, DEFECTS, PROTOCOLS, Protocol, check, litmus, outcome, run_natively,
        script::{
            Defect, Done,
            Op::{CloseRead, CloseWrite, Read, Resize, Write},
            Outcome, Script,
        },
        tell,
    },
    explore::{Options, Steps, explore},
    kernel::{Env, Quirk},
    machine::{Machine, environment},
};
use std::{collections::BTreeSet, time::Duration};

fn under_loom(script: &'static Script, defect: Option<Defect>, bound: usize) -> Checked {
    let checked = check(script, defect, bound, Duration::from_secs(550), None);
    assert!(checked.complete || checked.failure.is_some(), "out of time");
    checked
}

/// Every outcome that the model has, with interruptions between all sections.
fn in_the_model(name: &str, script: &Script, quirk: Option<Quirk>) -> BTreeSet<Outcome> {
    let program = common::program(&litmus(name, script));
    let mut env = environment(&program, Env::default()).unwrap();
    if let Some(quirk) = quirk {
        env.quirks = env.quirks.with(quirk, true);
    }
    let options = Options { steps: Steps::Sections(None), ..Options::default() };
    let found = explore(&Machine::new(&program, env), &options).unwrap();
    assert_eq!(found.incomplete, None);
    found.outcomes.iter().map(|(of, _)| outcome(script, of)).collect()
}

/// Executions of each protocol by bound: another number means that the code, or what loom tries of it, has changed.
#[rustfmt::skip]
const EXECUTIONS: &[(&str, &[u64])] = &[
    ("pipe-hand-over", &[1, 17, 137, 751]),
    ("pipe-next-reader", &[1, 18, 256, 3399]),
    ("pipe-next-writer", &[1, 43, 709, 7228]),
    ("pipe-eof", &[1, 43, 620, 5175]),
    ("pipe-broken", &[1, 43, 620, 5175]),
    ("pipe-resize", &[1, 16, 78, 289]),
    ("pipe-two-writers", &[1, 138, 4555]),
    ("pipe-look", &[4, 367, 9708]),
    ("pipe-splice", &[1, 18, 149, 814]),
];

#[test]
fn every_protocol_holds_in_exactly_so_many_executions() {
    assert_eq!(EXECUTIONS.len(), PROTOCOLS.len());
    for (protocol, (name, counts)) in PROTOCOLS.iter().zip(EXECUTIONS) {
        assert_eq!(protocol.name, *name);
        assert_eq!(protocol.bound + 1, counts.len(), "{name}");
        for (bound, &executions) in counts.iter().enumerate() {
            let checked = under_loom(&protocol.script, None, bound);
            assert!(checked.failure.is_none(), "{name}: {:?}", checked.failure);
            println!("{name:<18} bound {bound}: {:>6} executions in {:?}", checked.executions, checked.time);
            assert_eq!(checked.executions, executions, "{name}, bound {bound}");
            assert_eq!(checked.outcomes.values().sum::<u64>(), executions, "{name}, bound {bound}");
        }
    }
}

/// Executions up to the one that shows the defect.
#[rustfmt::skip]
const FOUND_AFTER: &[(&str, u64)] = &[("PIPE-03", 88), ("PIPE-04", 1), ("PIPE-05", 1), ("PIPE-06", 1), ("PIPE-07", 179)];

#[test]
fn every_defect_is_caught_at_its_bound_and_not_below() {
    assert_eq!(FOUND_AFTER.len(), DEFECTS.len());
    for (info, &(id, executions)) in DEFECTS.iter().zip(FOUND_AFTER) {
        assert_eq!(info.id, id);
        let script = &Protocol::by_name(info.protocol).unwrap().script;
        if let Some(below) = info.bound.checked_sub(1) {
            assert!(under_loom(script, Some(info.defect), below).failure.is_none(), "{id}");
        }
        let caught = under_loom(script, Some(info.defect), info.bound);
        let failure = caught.failure.unwrap();
        assert!(failure.what.contains("lost wake-up"), "{id}: {}", failure.what);
        println!("{id} bound {}: execution {} in {:?}: {}", info.bound, caught.executions, caught.time, failure.what);
        assert_eq!(caught.executions, executions, "{id}");
        let clean = under_loom(script, None, info.bound + 1);
        assert!(clean.failure.is_none(), "{id}: {:?}", clean.failure);
    }
}

/// What a defect makes of the protocol, the model has too, with the same defect and only with it.
#[test]
fn the_model_knows_how_a_defect_ends() {
    let mut known = 0;
    for info in DEFECTS.iter().filter(|info| info.quirk.is_some()) {
        let script = &Protocol::by_name(info.protocol).unwrap().script;
        let failure = under_loom(script, Some(info.defect), info.bound).failure.unwrap();
        let end = failure.ending.unwrap().outcome;
        assert!(in_the_model(info.id, script, info.quirk).contains(&end), "{}: {end:?}", info.id);
        assert!(!in_the_model(info.id, script, None).contains(&end), "{}: {end:?}", info.id);
        known += 1;
    }
    assert_eq!(known, 3);
}

/// Scripts with several outcomes, some of which leave somebody asleep.
static RACES: &[Script] = &[
    Script { slots: 2, filled: 0, tasks: &[&[Write(2)], &[Read(2)], &[Read(1)]], may_sleep: &[1, 2] },
    Script { slots: 1, filled: 0, tasks: &[&[Write(2)], &[Read(1), CloseRead]], may_sleep: &[] },
    Script { slots: 2, filled: 1, tasks: &[&[Write(1), CloseWrite], &[Read(2)], &[Read(2)]], may_sleep: &[] },
    Script { slots: 1, filled: 0, tasks: &[&[Write(2)], &[Resize(2)], &[Read(2)]], may_sleep: &[0] },
    Script { slots: 2, filled: 2, tasks: &[&[Resize(1)], &[Read(2)]], may_sleep: &[] },
    Script { slots: 1, filled: 1, tasks: &[&[Write(1)], &[Write(1)], &[Read(1), CloseRead]], may_sleep: &[] },
];

/// The model takes the stretches under a lock as single steps, and sees every store at once. Loom does neither, and ends in
/// what the model ends in: in nothing else, and (with two preemptions) in nothing less.
#[test]
fn loom_and_the_model_have_the_same_outcomes() {
    let scripts = PROTOCOLS.iter().map(|protocol| (protocol.name, &protocol.script));
    let races = RACES.iter().map(|script| ("race", script));
    let mut several = 0;
    for (name, script) in scripts.chain(races) {
        let model = in_the_model(name, script, None);
        let checked = under_loom(script, None, 2);
        assert!(checked.failure.is_none(), "{name} {script:?}: {:?}", checked.failure);
        let loom: BTreeSet<Outcome> = checked.outcomes.into_keys().collect();
        assert_eq!(loom, model, "{name} {script:?}");
        println!("{name}: {} outcomes in {} executions", loom.len(), checked.executions);
        several += usize::from(loom.len() > 1);
    }
    assert!(several >= 6, "{several}");
}

/// The same code on real threads: no hang, and the same verdicts.
#[test]
fn real_threads_do_no_worse() {
    for protocol in PROTOCOLS {
        let checked = run_natively(&protocol.script, None, 300);
        assert!(checked.failure.is_none(), "{}: {:?}", protocol.name, checked.failure);
        assert_eq!(checked.executions, 300);
    }
    for script in RACES {
        let model = in_the_model("race", script, None);
        let checked = run_natively(script, None, 300);
        assert!(checked.failure.is_none(), "{:?}", checked.failure);
        assert!(checked.outcomes.keys().all(|end| model.contains(end)), "{script:?}: {:?}", checked.outcomes);
    }
}

/// A check that is stopped says so, and the next one is not disturbed by it.
#[test]
fn time_that_is_over_is_no_verdict() {
    let script = &Protocol::by_name("pipe-look").unwrap().script;
    let checked = check(script, None, 3, Duration::ZERO, None);
    assert!(!checked.complete && checked.failure.is_none());
    assert!(check(script, None, 0, Duration::from_secs(100), None).complete);
}

#[test]
fn a_story_tells_what_everybody_did_in_order() {
    let info = DEFECTS.iter().find(|info| info.id == "PIPE-04").unwrap();
    let script = &Protocol::by_name(info.protocol).unwrap().script;
    let ending = under_loom(script, Some(info.defect), info.bound).failure.unwrap().ending.unwrap();
    assert_eq!(ending.outcome, [vec![Done::Read(vec![])], vec![Done::Asleep], vec![Done::Done]]);
    insta::assert_snapshot!(tell(&ending.story));
}

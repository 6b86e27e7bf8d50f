//! Campaigns against the kernel of this machine: they find what differs, and nothing else.

use lockstep::{
    campaign::{self, Finding, Options, Recipe, Summary, Walking},
    generate::{MECHANISMS, MechanismKind, Shape},
    kernel::{Env, Quirk},
    litmus,
    program::syntax::{Body, Item},
    target::{Host, SteerOptions, Target},
    verdict::base_env,
};

/// A campaign in which the model has the opposite of some behaviours. `None` where tasks cannot be steered in the order of their
/// waking, which differences in that order need.
fn fuzz(flipped: &[Quirk], programs: u64, first: u64) -> Option<(Summary, Vec<Finding>)> {
    fuzz_with(MECHANISMS, flipped, programs, first)
}

fn fuzz_with(
    mechanisms: &[MechanismKind],
    flipped: &[Quirk],
    programs: u64,
    first: u64,
) -> Option<(Summary, Vec<Finding>)> {
    let mut host = Host::new().unwrap();
    let facts = host.facts().ok().filter(|facts| facts.realtime)?;
    let mut env = base_env(&facts);
    for &quirk in flipped {
        env.quirks = env.quirks.with(quirk, !env.quirks.has(quirk));
    }
    let recipe = Recipe {
        seed: 1,
        mechanisms: mechanisms.to_vec(),
        shape: Shape::default(),
        walking: Walking { most: 60, hold: 12, expire: 2 },
        schedules: 3,
        env,
    };
    let options = Options {
        recipe,
        switched: Vec::new(),
        first,
        programs: Some(programs),
        time: None,
        steer: SteerOptions { probe: true, ..SteerOptions::default() },
        free: None,
        confirm: 5,
        max_findings: 1,
        stop: None,
    };
    Some(campaign::run(&mut host, &options, &mut |_| {}).unwrap())
}

fn calls(finding: &Finding) -> usize {
    finding
        .tree
        .items
        .iter()
        .map(|item| match item {
            Item::Init(block) => block.len(),
            Item::Process(process) => match &process.body {
                Body::Single(block) => block.len(),
                Body::Threads(threads) => threads.iter().map(|t| t.block.len()).sum(),
            },
            _ => 0,
        })
        .sum()
}

/// The finding is a program of at most so many calls, differs each time, and is a litmus file.
fn is_good(finding: &Finding, most: usize) {
    assert_eq!(finding.confirmed, (5, 5), "{}", finding.text);
    assert!(calls(finding) <= most, "{}", finding.text);
    let (tree, program) = litmus::load(&finding.text).unwrap();
    assert_eq!(tree, finding.tree);
    assert_eq!(program.schedules.len(), 1, "{}", finding.text);
}

#[test]
fn fuzz_finds_a_call_with_another_answer() {
    let Some((_, findings)) = fuzz(&[Quirk::SetFlPackets], 2000, 0) else { return };
    is_good(findings.first().expect("found within 2000 programs"), 2);
}

#[test]
fn fuzz_finds_another_order_of_service() {
    let Some((_, findings)) = fuzz(&[Quirk::WakeWriterIfWasFull], 4000, 0) else { return };
    is_good(findings.first().expect("found within 4000 programs"), 8);
}

#[test]
fn fuzz_finds_nothing_where_model_and_kernel_agree() {
    let Some((summary, findings)) = fuzz(&[], 300, 100_000) else { return };
    assert!(findings.is_empty(), "{}", findings[0].text);
    // Some objects are more than this machine lets a test have.
    let skipped: u64 = summary.skipped.values().sum();
    assert_eq!((summary.programs + skipped, summary.differences), (300, 0), "{summary:?}");
    assert!(summary.programs >= 250, "{summary:?}");
    assert!(summary.steps > 3000 && summary.rules.len() > 40, "{summary:?}");
}

fn signal() -> MechanismKind {
    MechanismKind::by_name("signal").unwrap()
}

#[test]
fn fuzz_finds_nothing_in_what_signals_do() {
    let Some((summary, findings)) = fuzz_with(&[signal()], &[], 300, 0) else { return };
    assert!(findings.is_empty(), "{}", findings[0].text);
    assert_eq!((summary.programs, summary.differences), (300, 0), "{summary:?}");
    let of_signals = summary.rules.iter().filter(|rule| rule.info().id.starts_with("SIG-")).count();
    assert!(summary.steps > 3000 && of_signals > 30, "{of_signals}: {summary:?}");
}

#[test]
fn fuzz_finds_what_a_signalfd_did_not_know() {
    let found = fuzz_with(&[signal()], &[Quirk::SignalfdReadIter], 4000, 0);
    let Some((_, findings)) = found else { return };
    is_good(findings.first().expect("found within 4000 programs"), 2);
}

#[test]
fn fuzz_finds_who_takes_a_signal_that_another_was_told_of() {
    let found = fuzz_with(&[signal()], &[Quirk::SigSameMaskLooks], 8000, 0);
    let Some((_, findings)) = found else { return };
    is_good(findings.first().expect("found within 8000 programs"), 5);
}

#[test]
fn programs_with_signals_come_to_an_end() {
    let recipe = Recipe {
        seed: 11,
        mechanisms: vec![signal(), MechanismKind::by_name("pipe").unwrap()],
        shape: Shape::default(),
        walking: Walking { most: 1000, hold: 0, expire: 2 },
        schedules: 1,
        env: Env::default(),
    };
    let (mut handled, mut longest) = (0, 0);
    for trial in (0..1000).filter_map(|index| recipe.trial(index)) {
        for walk in &trial.walks {
            longest = longest.max(walk.steps.len());
            handled += usize::from(walk.makes.iter().flatten().any(|made| made.handler.is_some()));
        }
    }
    assert!(longest < 1000, "handlers send signals for ever");
    assert!(handled > 50, "only {handled} of 1000 programs come to a statement of a handler");
}

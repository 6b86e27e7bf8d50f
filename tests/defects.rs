//! Historical defects: each is found when it is switched on, and nothing is found when it is not.

mod common;

use lockstep::{
    explore::{Claim, Exploration, Options, Steps, explore},
    kernel::{Env, Quirk, Version},
    machine::{Machine, environment},
};

struct Defect {
    file: &'static str,
    quirk: Quirk,
    /// Whether it takes an interruption within a call to show it.
    sections: bool,
    /// Whether somebody sleeps on who should not; else the pipe is only too small.
    lost: bool,
    /// A version that has it and one that has not, if a release had it.
    versions: Option<(Version, Version)>,
}

const fn between(with: (u16, u16), without: (u16, u16)) -> Option<(Version, Version)> {
    Some((Version::new(with.0, with.1), Version::new(without.0, without.1)))
}

#[rustfmt::skip]
const DEFECTS: &[Defect] = &[
    Defect { file: "pipe-04-eof-wakes-one", quirk: Quirk::EofWakesOne, sections: false, lost: true, versions: None },
    Defect { file: "pipe-05-resize-wakes-early", quirk: Quirk::ResizeWakesEarly, sections: true, lost: true, versions: between((6, 1), (6, 8)) },
    Defect { file: "pipe-06-stale-was-empty", quirk: Quirk::StaleWasEmpty, sections: false, lost: true, versions: None },
    Defect { file: "pipe-08-one-slot", quirk: Quirk::OneSlotPipes, sections: false, lost: false, versions: between((5, 10), (5, 14)) },
    Defect { file: "pipe-22-poll-looks-first", quirk: Quirk::PollLooksFirst, sections: true, lost: true, versions: None },
    Defect { file: "msg-02-copy-sleeps", quirk: Quirk::MsgCopyLoose, sections: false, lost: false, versions: between((3, 10), (3, 14)) },
    Defect { file: "msg-03-long-min", quirk: Quirk::MsgLongMin, sections: false, lost: false, versions: between((4, 4), (4, 10)) },
];

fn search(defect: &Defect, version: Version, switched: Option<bool>, steps: Steps) -> Exploration {
    let program = common::load(&format!("models/bugs/{}.litmus", defect.file));
    let mut env = environment(&program, Env::new(version)).unwrap();
    if let Some(on) = switched {
        env.quirks = env.quirks.with(defect.quirk, on);
    }
    let found = explore(&Machine::new(&program, env), &Options { steps, ..Options::default() }).unwrap();
    assert_eq!(found.incomplete, None);
    found
}

fn violated(found: &Exploration, claim: &Claim) -> bool {
    found.violations.iter().any(|violation| violation.claim == *claim)
}

#[test]
fn each_is_found_by_its_detector_when_it_is_switched_on() {
    for defect in DEFECTS {
        let found = search(defect, Version::NEWEST, Some(true), Steps::Sections(Some(1)));
        assert!(violated(&found, &Claim::NoDeadlock), "{}", defect.file);
        assert_eq!(violated(&found, &Claim::NoLostWakeup), defect.lost, "{}", defect.file);
        assert!(found.outcomes.len() > usize::from(defect.lost), "{}", defect.file);
    }
}

#[test]
fn whole_calls_show_those_that_need_no_interruption() {
    for defect in DEFECTS {
        let found = search(defect, Version::NEWEST, Some(true), Steps::Calls);
        assert_eq!(found.violations.is_empty(), defect.sections, "{}", defect.file);
    }
}

#[test]
fn nothing_is_found_without_it_however_calls_are_interrupted() {
    for defect in DEFECTS {
        let found = search(defect, Version::NEWEST, None, Steps::Sections(None));
        assert!(found.violations.is_empty(), "{}: {:?}", defect.file, found.violations);
    }
}

/// A version that has the defect allows what it does, and says so; without the defect the same version does less.
#[test]
fn a_version_that_has_it_allows_what_it_does() {
    for defect in DEFECTS {
        let Some((with, without)) = defect.versions else { continue };
        let has = search(defect, with, None, Steps::Sections(None));
        assert!(has.violations.is_empty(), "{} on {with}: {:?}", defect.file, has.violations);
        let asleep = |found: &Exploration| found.outcomes.iter().any(|(outcome, _)| !outcome.asleep.is_empty());
        assert!(asleep(&has), "{} on {with}", defect.file);
        assert!(!asleep(&search(defect, without, None, Steps::Sections(None))), "{} on {without}", defect.file);
        assert!(!asleep(&search(defect, with, Some(false), Steps::Sections(None))), "{} on {with}", defect.file);
    }
}

/// SIG-01 loses no byte and blocks nobody who may not sleep: it is a signal that nobody takes.
#[test]
fn a_signal_that_the_chosen_thread_begins_to_block_is_lost_with_the_defect_only() {
    let defect =
        Defect { file: "sig-01-no-retarget", quirk: Quirk::SigNoRetarget, sections: true, lost: true, versions: None };
    for (on, steps, lost) in
        [(true, Steps::Sections(Some(1)), true), (true, Steps::Calls, false), (false, Steps::Sections(None), false)]
    {
        let found = search(&defect, Version::NEWEST, Some(on), steps);
        assert_eq!(violated(&found, &Claim::NoLostWakeup), lost, "{on} {steps:?}");
        assert_eq!(found.violations.is_empty(), !lost, "{on} {steps:?}: {:?}", found.violations);
    }
}

/// Those of signals that are a wrong answer: the claims of the file fail with the defect, and hold without, however calls are interrupted.
#[test]
fn wrong_answers_about_signals_come_from_the_defect_only() {
    for (file, quirk) in
        [("sig-04-forced-limited", Quirk::SigForcedLimited), ("sig-05-forged-tkill", Quirk::SigForgeTkill)]
    {
        let defect = Defect { file, quirk, sections: false, lost: false, versions: None };
        let with = search(&defect, Version::NEWEST, Some(true), Steps::Calls);
        assert!(with.violations.iter().any(|violation| matches!(violation.claim, Claim::Property(_))), "{file}");
        let without = search(&defect, Version::NEWEST, Some(false), Steps::Sections(None));
        assert!(without.violations.is_empty(), "{file}: {:?}", without.violations);
    }
}

/// The whole library of the one-queue pipe, with interruptions: what it claims holds there too.
#[test]
fn the_pipe_with_one_queue_holds_when_calls_are_interrupted() {
    let version = Version::new(3, 2);
    let (mut tried, mut wrong) = (0, Vec::new());
    for path in common::library() {
        let program = common::load_path(&path);
        if !program.settings.kernel.contains(version) {
            continue;
        }
        let env = environment(&program, Env::new(version)).unwrap();
        let options = Options { steps: Steps::Sections(Some(1)), max_states: 30_000, ..Options::default() };
        let found = explore(&Machine::new(&program, env), &options).unwrap();
        tried += 1;
        for violation in &found.violations {
            wrong.push(format!("{}: {}", path.display(), violation.claim.text(&program)));
        }
    }
    assert!(tried > 90, "{tried}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

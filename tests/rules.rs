//! Every rule is in one class, and the classes are true of the library.

mod common;

use lockstep::{
    explore::{Options, explore},
    kernel::{
        Env, QUIRKS, Quirk, Version,
        rules::{RULES, Rule, RuleSet, classes, classes::Class},
    },
    machine::{Machine, environment},
    report::{RULES_PAGES, rules_page},
};
use std::{collections::HashSet, fs};

/// The rules that the library exercises on one kernel; what it claims there holds.
fn exercised(version: Version, switched: Option<Quirk>) -> RuleSet {
    let mut rules = RuleSet::default();
    for path in common::library() {
        let program = common::load_path(&path);
        if !program.settings.kernel.contains(version) {
            continue;
        }
        let mut env = environment(&program, Env::new(version)).unwrap();
        if let Some(quirk) = switched {
            env.quirks = env.quirks.with(quirk, true);
        }
        let found = explore(&Machine::new(&program, env), &Options::default()).unwrap();
        if switched.is_none() {
            assert!(found.violations.is_empty(), "{} on {version}: {:?}", path.display(), found.violations);
        }
        rules.extend(&found.rules);
    }
    rules
}

fn ids(rules: &RuleSet) -> HashSet<&'static str> {
    rules.iter().map(|rule| rule.info().id).collect()
}

#[test]
fn every_rule_is_in_exactly_one_class() {
    for rule in RULES {
        assert_eq!(classes::places(rule.id), 1, "{} must be in one class (kernel/rules/classes.rs)", rule.id);
    }
    for id in classes::RUN.iter().chain(classes::EXCEPTIONS.iter().map(|(id, _)| id)) {
        assert!(Rule::by_id(id).is_some(), "{id} is in a class and is no rule");
    }
    for unnamed in classes::UNNAMED {
        assert_eq!(classes::places(unnamed.id), 1, "{}", unnamed.id);
        assert!(Rule::by_id(unnamed.id).is_none(), "{} is a rule of the model", unnamed.id);
        assert_ne!(unnamed.class, Class::Run, "no trace contains {}", unnamed.id);
    }
}

#[test]
fn the_library_exercises_every_rule_of_the_newest_kernel() {
    let here = ids(&exercised(Version::NEWEST, None));
    let missing: Vec<_> = classes::RUN.iter().filter(|id| !here.contains(*id)).collect();
    assert!(missing.is_empty(), "no file of the library exercises {missing:?}");
}

#[test]
fn the_library_exercises_what_is_model_only_on_other_kernels() {
    let mut rules = RuleSet::default();
    for version in [
        Version::new(3, 2),
        Version::new(3, 10),
        Version::new(4, 19),
        Version::new(5, 10),
        Version::new(6, 1),
        Version::NEWEST,
    ] {
        rules.extend(&exercised(version, None));
    }
    for info in QUIRKS {
        rules.extend(&exercised(Version::NEWEST, Some(info.quirk)));
    }
    let all = ids(&rules);
    for (id, class) in classes::EXCEPTIONS {
        match class {
            Class::ModelOnly(_) => assert!(all.contains(id), "no file of the library exercises {id}"),
            Class::Later(_) => assert!(!all.contains(id), "{id} is exercised: it is not for later"),
            _ => {}
        }
    }
}

/// `LOCKSTEP_UPDATE=1 cargo test --test rules` writes the pages.
#[test]
fn the_reference_pages_are_up_to_date() {
    for page in RULES_PAGES {
        let file = format!("docs/semantics/{}.md", page.name);
        let path = common::root().join(&file);
        let text = rules_page(page);
        if std::env::var_os("LOCKSTEP_UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(written, text, "{file} is old: LOCKSTEP_UPDATE=1 cargo test --test rules writes it");
    }
}

#[test]
fn every_rule_stands_on_one_page() {
    let pages: Vec<String> = RULES_PAGES.iter().map(rules_page).collect();
    for id in RULES.iter().map(|rule| rule.id).chain(classes::UNNAMED.iter().map(|rule| rule.id)) {
        let row = format!("| {id} |");
        assert_eq!(pages.iter().filter(|page| page.contains(&row)).count(), 1, "{id}");
    }
}

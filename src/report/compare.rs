//! Two logs side by side: what one allows or claims and the other does not.

use super::{logged::LoggedTest, style::plural};
use std::collections::{BTreeMap, BTreeSet};

/// How two logs compare.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    /// The tests that are not the same, in the order of the first log.
    pub tests: Vec<TestComparison>,
    /// Tests that both logs have.
    pub common: usize,
    /// Where the logs speak of different versions: both, and of how many tests.
    pub kernels: BTreeMap<(String, String), usize>,
}

/// How the logs of one test compare.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TestComparison {
    /// Title.
    pub test: String,
    /// Its file in the first log that has it.
    pub file: String,
    /// Differences in what is allowed, and in verdicts.
    pub differences: Vec<String>,
    /// Other differences: what was seen, how often.
    pub remarks: Vec<String>,
}

impl Comparison {
    /// Whether the logs differ in allowed outcomes or verdicts.
    pub fn differs(&self) -> bool {
        self.tests.iter().any(|test| !test.differences.is_empty())
    }

    /// For people; `-` is what only the first log has, `+` what only the second one has.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for ((old, new), tests) in &self.kernels {
            text.push_str(&format!("kernel: {old} -> {new} ({})\n", plural(*tests as u64, "test")));
        }
        for test in &self.tests {
            text.push_str(&format!("{:?} {}\n", test.test, test.file));
            for line in test.differences.iter().chain(&test.remarks) {
                text.push_str(&format!("  {line}\n"));
            }
        }
        let different = self.tests.iter().filter(|test| !test.differences.is_empty()).count();
        let verb = if different == 1 { "differs" } else { "differ" };
        text.push_str(&format!(
            "{} in both logs; {different} {verb} in outcomes or verdicts\n",
            plural(self.common as u64, "test")
        ));
        text
    }
}

/// Compares two logs test by test: by hash, and by title what is left.
pub fn compare(old: &[LoggedTest], new: &[LoggedTest]) -> Comparison {
    let mut comparison = Comparison::default();
    let mut taken = BTreeSet::new();
    let mut partners = vec![None; old.len()];
    let same: [fn(&LoggedTest, &LoggedTest) -> bool; 2] = [|a, b| a.hash == b.hash, |a, b| a.test == b.test];
    for same in same {
        for (test, partner) in old.iter().zip(&mut partners).filter(|(_, partner)| partner.is_none()) {
            *partner = (0..new.len()).find(|i| !taken.contains(i) && same(test, &new[*i]));
            taken.extend(*partner);
        }
    }
    let mut kernels = BTreeMap::new();
    let mut keep = |test: TestComparison| {
        if !(test.differences.is_empty() && test.remarks.is_empty()) {
            comparison.tests.push(test);
        }
    };
    for (test, partner) in old.iter().zip(&partners) {
        match partner {
            Some(i) => {
                let other = &new[*i];
                if test.kernel != other.kernel {
                    *kernels.entry((test.kernel.clone(), other.kernel.clone())).or_default() += 1;
                }
                keep(pair(test, other));
            }
            None => keep(alone(test, "- only in the first log")),
        }
    }
    let rest = new.iter().enumerate().filter(|(i, _)| !taken.contains(i));
    rest.for_each(|(_, test)| keep(alone(test, "+ only in the second log")));
    comparison.common = taken.len();
    comparison.kernels = kernels;
    comparison
}

fn alone(test: &LoggedTest, what: &str) -> TestComparison {
    let (title, file) = (test.test.clone(), test.file.clone());
    TestComparison { test: title, file, differences: vec![what.into()], remarks: Vec::new() }
}

fn pair(old: &LoggedTest, new: &LoggedTest) -> TestComparison {
    let mut result = TestComparison { test: old.test.clone(), file: old.file.clone(), ..TestComparison::default() };
    let (differences, remarks) = (&mut result.differences, &mut result.remarks);
    if old.status != new.status {
        differences.push(format!("result: {} -> {}", old.status, new.status));
    }
    if old.hash != new.hash {
        remarks.push("the test itself was changed: another hash".into());
    }
    if [old, new].iter().any(|test| test.status == "not-applicable") {
        // Such a log says nothing else.
        return result;
    }
    sets("outcome", &texts(old, false), &texts(new, false), differences);
    sets("not allowed", &texts(old, true), &texts(new, true), differences);
    let verdicts = |test: &LoggedTest| -> BTreeMap<String, String> {
        let claims = test.claims.iter().map(|claim| (claim.claim.clone(), claim.verdict.clone()));
        let schedules = test.schedules.iter().map(|s| (format!("schedule {:?}", s.title), s.verdict.clone()));
        claims.chain(schedules).collect()
    };
    let (before, after) = (verdicts(old), verdicts(new));
    for (claim, verdict) in &before {
        match after.get(claim) {
            Some(other) if other != verdict => differences.push(format!("{verdict} -> {other}: {claim}")),
            Some(_) => {}
            None => differences.push(format!("- {verdict}: {claim}")),
        }
    }
    let added = after.iter().filter(|(claim, _)| !before.contains_key(*claim));
    differences.extend(added.map(|(claim, verdict)| format!("+ {verdict}: {claim}")));
    seen(old, new, remarks);
    counts(old, new, remarks);
    result
}

fn texts(test: &LoggedTest, not_allowed: bool) -> BTreeSet<&str> {
    let outcomes = if not_allowed { &test.not_allowed } else { &test.outcomes };
    outcomes.iter().map(|outcome| outcome.text.as_str()).collect()
}

fn sets(what: &str, old: &BTreeSet<&str>, new: &BTreeSet<&str>, differences: &mut Vec<String>) {
    differences.extend(old.difference(new).map(|text| format!("- {what}: {text}")));
    differences.extend(new.difference(old).map(|text| format!("+ {what}: {text}")));
}

/// Outcomes that only one of two real kernels showed.
fn seen(old: &LoggedTest, new: &LoggedTest, remarks: &mut Vec<String>) {
    for outcome in &old.outcomes {
        let other = new.outcomes.iter().find(|other| other.text == outcome.text);
        match (outcome.seen, other.and_then(|other| other.seen)) {
            (Some(true), Some(false)) => remarks.push(format!("seen -> not seen: {}", outcome.text)),
            (Some(false), Some(true)) => remarks.push(format!("not seen -> seen: {}", outcome.text)),
            _ => {}
        }
    }
}

/// How often the condition of a claim was true and was not, in free runs.
fn counts(old: &LoggedTest, new: &LoggedTest, remarks: &mut Vec<String>) {
    for claim in &old.claims {
        let Some(other) = new.claims.iter().find(|other| other.claim == claim.claim) else { continue };
        let told = |positive: Option<u64>, negative: Option<u64>| match (positive, negative) {
            (Some(positive), Some(negative)) => format!("positive {positive}, negative {negative}"),
            _ => "not run".into(),
        };
        let (before, after) = (told(claim.positive, claim.negative), told(other.positive, other.negative));
        if before != after {
            remarks.push(format!("{before} -> {after}: {}", claim.claim));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{LoggedClaim, LoggedOutcome};

    fn test(outcome: &str, verdict: &str) -> LoggedTest {
        LoggedTest {
            test: "t".into(),
            hash: "1".into(),
            status: "holds".into(),
            outcomes: vec![LoggedOutcome { text: outcome.into(), seen: None }],
            claims: vec![LoggedClaim { claim: "no deadlock".into(), verdict: verdict.into(), ..Default::default() }],
            ..LoggedTest::default()
        }
    }

    #[test]
    fn outcomes_and_verdicts_are_compared() {
        let same = compare(&[test("x", "holds")], &[test("x", "holds")]);
        assert!(!same.differs() && same.tests.is_empty());
        let other = compare(&[test("x", "holds")], &[test("y", "violated")]);
        assert_eq!(other.tests[0].differences, ["- outcome: x", "+ outcome: y", "holds -> violated: no deadlock"]);
    }

    #[test]
    fn a_changed_test_is_found_by_its_title() {
        let changed = LoggedTest { hash: "2".into(), ..test("x", "holds") };
        let comparison = compare(&[test("x", "holds")], &[changed]);
        assert!(!comparison.differs());
        assert_eq!(comparison.tests[0].remarks, ["the test itself was changed: another hash"]);
        assert!(compare(&[test("x", "holds")], &[]).differs());
    }
}

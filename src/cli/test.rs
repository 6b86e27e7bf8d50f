//! `lockstep test`: the main job.

use super::{
    Exit, ExploreArgs, Format, HostArgs, effort,
    golden::{Golden, tend},
    input, judging, signals,
};
use crate::{
    kernel::rules::{RULES, RuleSet},
    oracle::Order,
    report::plural,
    target::Method,
    verdict::{Confirmation, Judgement, Real, Status},
};
use clap::Args;
use std::{path::PathBuf, time::Duration, time::Instant};

/// The arguments of `test`.
#[derive(Args, Debug)]
pub struct Test {
    /// Tests: files, directories, or `-` for standard input
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Do not run anything on the kernel of this machine
    #[arg(long)]
    model_only: bool,
    /// Write the log of each test beside it, as x.litmus.expected: from then on another log is a violation
    #[arg(long, requires = "model_only")]
    promote: bool,
    /// How to report
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    explore: ExploreArgs,
    #[command(flatten)]
    host: HostArgs,
}

impl Test {
    pub fn run(&self) -> Exit {
        let effort = effort(&self.explore, (!self.model_only).then_some(&self.host));
        let mut summary = Summary::default();
        let begun = Instant::now();
        let mut reports = Vec::new();
        let mut logs = Exit::Holds;
        let mut other_logs = Vec::new();
        let mut session = judging::each(&self.paths, &effort, !self.model_only, |input, judgement| {
            let golden = tend(input, self.promote, &effort.explore);
            let (exit, message) = match &golden {
                Golden::Same => (Exit::Holds, None),
                Golden::Written(message) => (Exit::Holds, Some(message)),
                Golden::Differs(message) => (Exit::Violated, Some(message)),
                Golden::Unknown(message) => (Exit::Inconclusive, Some(message)),
                Golden::Failed(message) => (Exit::BadInput, Some(message)),
            };
            let status = match (&golden, judgement.status()) {
                (Golden::Differs(_), Status::Holds | Status::Inconclusive | Status::NotApplicable) => Status::Violated,
                (_, status) => status,
            };
            logs = logs.worse(exit);
            if self.format == Format::Text {
                println!("{}", line(input, judgement, status));
                let log = message.map(|message| message.lines().map(String::from)).into_iter().flatten();
                for more in explanations(input, judgement).into_iter().chain(log) {
                    println!("         {more}");
                }
            } else {
                reports.extend(judging::report(input, judgement));
                message.inspect(|message| eprintln!("{}: {message}", input.file));
            }
            if let Golden::Differs(diff) = golden {
                other_logs.push((input.file.clone(), diff));
            }
            summary.add(judgement, status);
        });
        session.exit = session.exit.worse(logs);
        session.other_logs = other_logs;
        match self.format {
            // Nothing was found to be tested.
            Format::Text if session.exit == Exit::BadInput && summary.tests + session.broken.len() == 0 => {}
            Format::Text => summary.tell(session.broken.len(), begun.elapsed()),
            other => judging::print(reports, &session, other),
        }
        session.exit
    }
}

/// `holds    models/pipe/x.litmus   3 outcomes, 3 steered, 400 free`
fn line(input: &input::Input, judgement: &Judgement, status: Status) -> String {
    let word = match status {
        Status::Holds => "holds",
        Status::NotApplicable => "skipped",
        Status::Inconclusive => "UNKNOWN",
        Status::Violated => "VIOLATED",
        Status::Diverged => "DIVERGED",
    };
    let outcomes = judgement.exploration.outcomes.len();
    let mut details = vec![format!("{} {}", outcomes, if outcomes == 1 { "outcome" } else { "outcomes" })];
    if let Some(real) = &judgement.real {
        let confirmed = confirmed(real);
        if real.method.is_some() {
            details.push(format!("{confirmed} steered"));
        }
        let ran = judgement.schedules.iter().filter(|s| s.ran).count();
        if ran > 0 {
            details.push(format!("{ran} schedule{}", if ran == 1 { "" } else { "s" }));
        }
        if real.iterations > 0 {
            let seen = real.sightings.iter().filter(|s| s.free > 0).count();
            let torn = if real.torn > 0 { format!(" ({} torn)", real.torn) } else { String::new() };
            details.push(format!("{seen} in {} free runs{torn}", real.iterations));
        }
        if real.method.is_none() && real.iterations == 0 {
            details.push("model only: asks for another environment".into());
        }
    }
    format!("{word:<8} {}  {}", input.file, details.join(", "))
}

fn confirmed(real: &Real) -> usize {
    real.sightings.iter().filter(|s| s.steered == Some(Confirmation::Confirmed)).count()
}

/// What is wrong, and why a verdict is not the last word.
fn explanations(input: &input::Input, judgement: &Judgement) -> Vec<String> {
    let program = &input.program;
    if judgement.status() == Status::NotApplicable {
        return Vec::new();
    }
    let names: Vec<String> = program.tasks.iter().map(|t| t.name.clone()).collect();
    let mut lines = Vec::new();
    for violation in &judgement.exploration.violations {
        lines.push(format!("violated: {}", violation.claim.text(program)));
    }
    for schedule in &judgement.schedules {
        let code = &program.schedules[schedule.index];
        let sides = [("the model", &schedule.model), ("the kernel", &schedule.kernel)];
        for (side, mismatch) in sides.into_iter().filter_map(|(side, m)| Some((side, m.as_ref()?))) {
            let line = 1 + input.text[..mismatch.span.start as usize].matches('\n').count();
            let title = code.title.as_deref().map_or(String::new(), |title| format!(" \"{title}\""));
            lines.push(format!("schedule{title}, line {line}, on {side}: {}", mismatch.message));
        }
    }
    if let Some(real) = &judgement.real {
        for seen in &real.not_allowed {
            lines.push(format!("seen {} times and not allowed: {}", seen.free, seen.outcome.display(program)));
        }
        for (schedule, divergence) in &real.divergences {
            let seen = divergence.seen.tell_all(program, divergence.release.task);
            let at = format!("diverged in step {} of \"{}\"", divergence.step + 1, schedule.display(&names));
            lines.push(format!("{at}: {seen}"));
            if let Some(expected) = &divergence.expected {
                lines.push(format!("the model has: {}", expected.tell_all(program, divergence.release.task)));
                lines.extend(divergence.seen.tell_difference(expected, program));
            }
        }
        for (schedule, order) in &real.reordered {
            let order = match order {
                Order::Sections => "if calls interrupt each other",
                _ => "if woken tasks go on in another order",
            };
            lines.push(format!("explained only {order}: \"{}\"", schedule.display(&names)));
        }
    }
    if judgement.exploration.violations.iter().any(|violation| violation.witness.is_some()) {
        lines.push(format!("see: lockstep show {} --counterexample", input.file));
    }
    // Why the kernel of this machine cannot be used is said once, in the summary.
    if judgement.refusal.is_none() {
        lines.extend(judgement.doubts());
    }
    lines
}

/// Totals over all tests.
#[derive(Default)]
struct Summary {
    tests: usize,
    statuses: [usize; 5],
    outcomes: usize,
    confirmed: usize,
    unsteerable: usize,
    schedules: usize,
    steps: usize,
    steered_time: Duration,
    free: usize,
    methods: Vec<Method>,
    kernel: Option<String>,
    states: u64,
    explored: f64,
    checks: (usize, usize),
    skipped_probes: usize,
    refusal: Option<String>,
    model_rules: RuleSet,
    kernel_rules: RuleSet,
}

impl Summary {
    fn add(&mut self, judgement: &Judgement, status: Status) {
        self.tests += 1;
        self.statuses[status as usize] += 1;
        self.outcomes += judgement.exploration.outcomes.len();
        self.states += judgement.exploration.stats.states;
        self.explored += judgement.exploration.stats.seconds;
        self.model_rules.extend(&judgement.exploration.rules);
        if let Some(why) = &judgement.refusal {
            self.refusal.get_or_insert(why.to_string());
        }
        let Some(real) = &judgement.real else { return };
        self.kernel.get_or_insert_with(|| real.facts.release.clone());
        self.confirmed += confirmed(real);
        let unsteerable = |s: &&crate::verdict::Sighting| matches!(s.steered, Some(Confirmation::NotSteerable(_)));
        self.unsteerable += real.sightings.iter().filter(unsteerable).count();
        self.schedules += judgement.schedules.iter().filter(|s| s.ran).count();
        self.steps += real.steps;
        self.steered_time += real.steered_time;
        self.free += real.iterations;
        self.checks = (self.checks.0 + real.checks.0, self.checks.1 + real.checks.1);
        self.skipped_probes += real.skipped_probes;
        self.kernel_rules.extend(&real.rules);
        if let Some(method) = real.method.filter(|m| !self.methods.contains(m)) {
            self.methods.push(method);
        }
    }

    fn tell(&self, broken: usize, elapsed: Duration) {
        let [holds, skipped, unknown, violated, diverged] = self.statuses;
        let mut words = vec![format!("{holds} hold")];
        let others = [
            (violated, "violated"),
            (diverged, "diverged"),
            (unknown, "unknown"),
            (skipped, "skipped"),
            (broken, "with errors"),
        ];
        words.extend(others.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")));
        let tests = plural((self.tests + broken) as u64, "test");
        println!("\n{tests} in {:.1} s: {}", elapsed.as_secs_f64(), words.join(", "));
        println!(
            "model:   {}, {} in {:.2} s, {} of {} rules",
            plural(self.outcomes as u64, "outcome"),
            plural(self.states, "state"),
            self.explored,
            self.model_rules.len(),
            RULES.len()
        );
        if let Some(kernel) = &self.kernel {
            let method = match self.methods[..] {
                [] => "nothing steered".to_string(),
                [Method::Fifo] => "SCHED_FIFO".into(),
                [Method::Proof] => "proof from /proc (no privilege for SCHED_FIFO)".into(),
                _ => "SCHED_FIFO and proof from /proc".into(),
            };
            let rate = self.steps as f64 / self.steered_time.as_secs_f64().max(1e-9);
            println!(
                "kernel:  {kernel}, {method}: {} confirmed by steering, {} cannot be steered, {}, {}",
                plural(self.confirmed as u64, "outcome"),
                self.unsteerable,
                plural(self.schedules as u64, "schedule"),
                plural(self.free as u64, "free run")
            );
            println!(
                "         {} steps ({rate:.0}/s), {} self-checks ({} failed), {} probes without a task to make them, {} rules followed step by step",
                self.steps,
                self.checks.0,
                self.checks.1,
                self.skipped_probes,
                self.kernel_rules.len()
            );
        }
        if let Some(why) = &self.refusal {
            println!("not run on this machine's kernel: {why}");
        }
        if signals::stopped() {
            println!("interrupted: the rest was not tried");
        }
    }
}

//! The log of one test, after the manner of herd: the same run prints the same bytes, but for times.

use super::{
    style::{Tone, plural, width},
    view::{ClaimReport, OutcomeReport, RealReport, ScheduleReport, TestReport},
};
use crate::{explore::Verdict, verdict::Status};
use std::fmt::Write;

/// What a log shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextOptions {
    /// Times and speeds, on lines of their own.
    pub timing: bool,
    /// Numbers of states and of runs.
    pub counts: bool,
    /// Colours.
    pub color: bool,
}

impl TextOptions {
    /// Whether numbers of free runs are shown: they are others in every run, as times are.
    fn free_counts(&self) -> bool {
        self.counts && self.timing
    }
}

impl Default for TextOptions {
    fn default() -> Self {
        TextOptions { timing: true, counts: true, color: false }
    }
}

/// The log of a test.
pub fn text(report: &TestReport, options: &TextOptions) -> String {
    let mut log = Log { report, options, out: String::new() };
    log.all();
    log.out
}

struct Log<'a> {
    report: &'a TestReport,
    options: &'a TextOptions,
    out: String,
}

impl Log<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.out.push_str(line.as_ref().trim_end());
        self.out.push('\n');
    }

    fn head(&self, word: &str) -> String {
        Tone::Strong.paint(word, self.options.color)
    }

    fn all(&mut self) {
        let report = self.report;
        let line = format!("{} {:?} {}", self.head("Test"), report.test, report.file);
        self.line(line);
        self.kernel();
        if report.status == Status::NotApplicable {
            let line = format!("{} the test does not speak of {}", self.head("Skipped"), report.kernel);
            self.line(line);
        } else {
            self.outcomes();
            self.claims();
            self.schedules();
            self.unreached();
            self.divergences();
            self.observations();
            self.states();
        }
        if report.claims.iter().any(|c| c.verdict == Verdict::Violated && c.path.is_some()) {
            let line = format!("{} lockstep show {} --counterexample", self.head("See"), report.file);
            self.line(line);
        }
        for doubt in &report.doubts {
            let line = format!("{} {}", self.head("Doubt"), Tone::Sleep.paint(doubt, self.options.color));
            self.line(line);
        }
        let line = format!("{} {}", self.head("Hash"), report.hash);
        self.line(line);
        let (word, tone) = status(report.status);
        let line = format!("{} {}", self.head("Result"), tone.paint(word, self.options.color));
        self.line(line);
    }

    fn kernel(&mut self) {
        let mut line = format!("{} {}", self.head("Kernel"), self.report.kernel);
        match &self.report.real {
            None => line.push_str(", model only"),
            Some(real) => line.push_str(&format!(" ({}){}", real.release, self.how(real))),
        }
        self.line(line);
        let Some(real) = &self.report.real else { return };
        if self.options.timing && real.steps > 0 {
            let line = format!(
                "{} steered {} steps/s, free {:.3} s",
                self.head("Time"),
                rate(real.steps as f64, real.steered_seconds),
                real.free_seconds
            );
            self.line(line);
        }
    }

    fn how(&self, real: &RealReport) -> String {
        let mut how = String::new();
        let by = match real.method {
            Some("fifo") => "steered by SCHED_FIFO",
            Some(_) => "steered without privilege",
            None => "not steered",
        };
        let _ = write!(how, ", {by}");
        if self.options.counts && real.steps > 0 {
            let _ = write!(how, ", {}", plural(real.steps as u64, "step"));
        }
        if real.iterations > 0 && self.options.free_counts() {
            let _ = write!(how, "; {}", plural(real.iterations as u64, "free run"));
        }
        how
    }

    fn outcomes(&mut self) {
        let report = self.report;
        let line = format!("{} {}", self.head("Outcomes"), report.outcomes.len());
        self.line(line);
        let mut rows: Vec<(Tone, Vec<String>)> = report.outcomes.iter().map(|outcome| self.outcome(outcome)).collect();
        for seen in &report.not_allowed {
            let mut row = vec!["NOT ALLOWED".to_string()];
            if self.options.counts {
                row.push(String::new());
            }
            row.push(String::new());
            if self.options.free_counts() {
                row.push(format!("free {}", seen.free));
            }
            row.push(seen.text.clone());
            rows.push((Tone::Bad, row));
        }
        let columns = rows.iter().map(|(_, row)| row.len()).max().unwrap_or(0);
        let wide: Vec<usize> = (0..columns.saturating_sub(1))
            .map(|i| rows.iter().map(|(_, row)| row.get(i).map_or(0, |cell| width(cell))).max().unwrap_or(0))
            .collect();
        let digits = report.outcomes.len().to_string().len();
        for (i, (tone, row)) in rows.into_iter().enumerate() {
            let number = if i < report.outcomes.len() { (i + 1).to_string() } else { String::new() };
            let mut line = format!("  {number:>digits$} ");
            for (i, cell) in row.iter().enumerate() {
                let pad = wide.get(i).map_or(0, |&wide| wide - width(cell));
                match wide.get(i) {
                    Some(0) => continue,
                    _ if i == 0 => _ = write!(line, " {}{}", tone.paint(cell, self.options.color), " ".repeat(pad)),
                    // Numbers stand below each other.
                    _ if cell.starts_with("free ") => _ = write!(line, "  free {}{}", " ".repeat(pad), &cell[5..]),
                    _ if cell.ends_with(" states") || cell.ends_with(" state ") => {
                        let _ = write!(line, "  {}{cell}", " ".repeat(pad));
                    }
                    _ => _ = write!(line, "  {cell}{}", " ".repeat(pad)),
                }
            }
            self.line(line);
        }
    }

    /// The cells of an outcome: whether it was seen, states, steering, free runs, the outcome itself.
    fn outcome(&self, outcome: &OutcomeReport) -> (Tone, Vec<String>) {
        let (word, tone) = match outcome.seen {
            None => ("allowed", Tone::Plain),
            Some(true) => ("seen", Tone::Good),
            Some(false) => ("not seen", Tone::Sleep),
        };
        let mut row = vec![word.to_string()];
        if self.options.counts {
            row.push(if outcome.states == 1 { "1 state ".into() } else { format!("{} states", outcome.states) });
        }
        row.push(match outcome.steered {
            Some("confirmed") => "steered".into(),
            Some("diverged") => "DIVERGED".into(),
            _ => String::new(),
        });
        if self.options.free_counts() {
            row.push(outcome.free.map_or(String::new(), |free| format!("free {free}")));
        }
        let why = match (&outcome.why, outcome.preemptions) {
            (Some(why), _) => format!("  ({why})"),
            (None, 0) => String::new(),
            (None, 1) => "  (only by interrupting a call)".into(),
            (None, n) => format!("  (only by interrupting calls {n} times)"),
        };
        row.push(format!("{}{why}", outcome.text));
        (tone, row)
    }

    /// `  holds     text`, `  VIOLATED  text`.
    fn verdict(&mut self, verdict: Verdict, what: &str) {
        let (word, tone) = match verdict {
            Verdict::Holds => ("holds   ", Tone::Good),
            Verdict::Violated => ("VIOLATED", Tone::Bad),
            Verdict::Unknown => ("unknown ", Tone::Sleep),
        };
        let word = tone.paint(word, self.options.color);
        self.line(format!("  {word}  {what}"));
    }

    fn claims(&mut self) {
        let report = self.report;
        let line = self.head("Claims");
        self.line(line);
        for claim in &report.claims {
            self.verdict(claim.verdict, &claim.claim);
            if claim.verdict == Verdict::Violated {
                self.counterexample(claim);
            }
        }
    }

    fn counterexample(&mut self, claim: &ClaimReport) {
        if let Some(detail) = &claim.detail {
            self.line(format!("            {detail}"));
        }
        match claim.path.as_ref().map(|path| &path.schedule) {
            Some(Some(schedule)) if schedule.is_empty() => self.line("            already at the start"),
            Some(Some(schedule)) => self.line(format!("            schedule: {schedule}")),
            Some(None) => self.line(
                "            no schedule of whole calls leads there: a call is interrupted, or a store is seen late",
            ),
            None => {}
        }
    }

    fn schedules(&mut self) {
        let report = self.report;
        if report.schedules.is_empty() {
            return;
        }
        let line = self.head("Schedules");
        self.line(line);
        for schedule in &report.schedules {
            self.schedule(schedule);
        }
    }

    fn schedule(&mut self, schedule: &ScheduleReport) {
        let ScheduleReport { title, model, kernel, ran, .. } = schedule;
        let wrong = model.is_some() || kernel.is_some();
        let where_ = if *ran {
            ""
        } else if self.report.real.is_some() {
            "  (in the model only)"
        } else {
            ""
        };
        let verdict = if wrong { Verdict::Violated } else { Verdict::Holds };
        self.verdict(verdict, &format!("{title:?}{where_}"));
        if let Some(model) = model {
            self.line(format!("            in the model: {model}"));
        }
        if let Some(kernel) = kernel {
            self.line(format!("            on the kernel: {kernel}"));
        }
    }

    fn unreached(&mut self) {
        for statement in &self.report.unreached {
            let line = format!("{} line {}: {}", self.head("Unreached"), statement.line, statement.text);
            self.line(line);
        }
    }

    fn divergences(&mut self) {
        let report = self.report;
        if !report.divergences.is_empty() {
            let line = format!("{} {}", self.head("Divergences"), report.divergences.len());
            self.line(line);
        }
        for divergence in &report.divergences {
            self.line(format!(
                "  schedule {}, step {}: {} is released",
                divergence.schedule, divergence.step, divergence.task
            ));
            self.line(format!("    seen:  {}", divergence.seen));
            self.line(match &divergence.expected {
                Some(expected) => format!("    model: {expected}"),
                None => "    model: nothing that it has explains this".to_string(),
            });
            if !divergence.certain {
                self.line("    too many states were possible to be sure");
            }
        }
        if !report.reordered.is_empty() {
            let line = format!("{} {}", self.head("Reordered"), report.reordered.len());
            self.line(line);
        }
        for reordered in &report.reordered {
            let what = match reordered.order {
                crate::oracle::Order::Sections => "explained only if tasks interrupt each other within calls",
                _ => "explained only if woken tasks go on in another order",
            };
            self.line(format!("  schedule {}: {what}", reordered.schedule));
        }
    }

    fn observations(&mut self) {
        if !self.options.free_counts() {
            return;
        }
        for claim in &self.report.claims {
            let (Some(positive), Some(negative)) = (claim.positive, claim.negative) else { continue };
            let word = match (positive, negative) {
                (0, _) => "Never",
                (_, 0) => "Always",
                _ => "Sometimes",
            };
            let line = format!("{} {word} {positive} {negative}  {}", self.head("Observation"), claim.claim);
            self.line(line);
        }
    }

    fn states(&mut self) {
        let stats = &self.report.stats;
        if self.options.counts {
            let line = format!(
                "{} {}, transitions {}, depth {}, ends {}",
                self.head("States"),
                stats.states,
                stats.transitions,
                stats.depth,
                stats.ends
            );
            self.line(line);
        }
        if self.options.counts && stats.omission > 1e-9 {
            let one_in = rate(1. / stats.omission, 1.);
            let line = format!(
                "{} at most 1 in {one_in} that a state was left out; --exact leaves out none",
                self.head("Odds")
            );
            self.line(line);
        }
        if self.options.timing {
            // Below this the empty tables are all there is.
            let many = stats.states >= 1000;
            let per_state = many.then(|| format!(", {} B/state", stats.bytes / stats.states));
            let line = format!(
                "{} {:.3} s, {} states/s{}",
                self.head("Search"),
                stats.seconds,
                rate(stats.states as f64, stats.seconds),
                per_state.unwrap_or_default()
            );
            self.line(line);
        }
    }
}

/// The word for a status, and its tone.
pub fn status(status: Status) -> (&'static str, Tone) {
    match status {
        Status::Holds => ("holds", Tone::Good),
        Status::NotApplicable => ("not applicable", Tone::Dim),
        Status::Inconclusive => ("inconclusive", Tone::Sleep),
        Status::Violated => ("violated", Tone::Bad),
        Status::Diverged => ("diverged", Tone::Bad),
    }
}

/// `812 k`, `1.2 M`.
fn rate(n: f64, seconds: f64) -> String {
    let rate = if seconds > 0.0 { n / seconds } else { 0.0 };
    match rate {
        r if r >= 1e6 => format!("{:.1} M", r / 1e6),
        r if r >= 1e3 => format!("{:.0} k", r / 1e3),
        r => format!("{r:.0}"),
    }
}

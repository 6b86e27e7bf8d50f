//! A campaign in words: a line while it goes on, each finding, and the summary.

use super::style::plural;
use crate::{
    campaign::{Finding, Summary},
    kernel::rules::RULES,
};
use std::{collections::BTreeMap, fmt::Write};

/// How things stand, in one line.
pub fn progress(summary: &Summary) -> String {
    let mut line = format!(
        "{:.0} s: {} ({:.0}/s)",
        summary.elapsed.as_secs_f64(),
        plural(summary.programs, "program"),
        summary.programs_per_second()
    );
    if summary.iterations > 0 {
        let _ = write!(line, ", {}", plural(summary.iterations, "free run"));
    } else {
        let _ = write!(line, ", {} ({:.0}/s)", plural(summary.steps, "step"), summary.steps_per_second());
        let _ = write!(line, ", {} of {} rules", summary.rules.len(), RULES.len());
    }
    let _ = write!(line, ", {} found", summary.findings);
    line
}

/// One finding, with its test; `file` is where that was written.
pub fn finding(finding: &Finding, file: Option<&str>) -> String {
    let (count, of) = finding.confirmed;
    let mut out = format!("Found {}\n", finding.kind);
    let _ = writeln!(out, "  program {}; differed in {count} of {of} runs", finding.program);
    if !finding.rules.is_empty() {
        let _ = writeln!(out, "  rules of the step: {}", finding.rules.join(", "));
    }
    match file {
        Some(file) => _ = writeln!(out, "  written to {file}"),
        None => finding.text.lines().for_each(|line| _ = writeln!(out, "{}", format!("    {line}").trim_end())),
    }
    out
}

/// What was done and found.
pub fn campaign(summary: &Summary, findings: &[Finding]) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "Seed {}, kernel {}, model {}", summary.seed, summary.release, summary.model);
    let time = summary.elapsed.as_secs_f64();
    let _ = writeln!(
        out,
        "Programs {} in {time:.1} s ({:.0}/s), {:.1} s of it on the kernel; the next is number {}",
        summary.programs,
        summary.programs_per_second(),
        summary.on_target.as_secs_f64(),
        summary.next
    );
    if summary.iterations > 0 {
        let (seen, allowed) = summary.outcomes;
        let _ =
            writeln!(out, "Free runs {}: {seen} of {} seen", summary.iterations, plural(allowed, "allowed outcome"));
    } else {
        let _ = writeln!(
            out,
            "Steered {}: {} compared ({:.0}/s), {} without a task to make them",
            plural(summary.runs, "run"),
            plural(summary.steps, "step"),
            summary.steps_per_second(),
            plural(summary.skipped_probes, "probe")
        );
        let _ = writeln!(out, "Rules {} of {} followed step by step", summary.rules.len(), RULES.len());
    }
    for (what, why) in [("Not run", &summary.skipped), ("Showed nothing", &summary.nothing)] {
        if !why.is_empty() {
            let _ = writeln!(out, "{what} {}", reasons(why));
        }
    }
    if !summary.unconfirmed.is_empty() {
        let _ = writeln!(out, "Seen once, and never again {}", plural(summary.unconfirmed.len() as u64, "run"));
        for once in &summary.unconfirmed {
            let _ = writeln!(out, "  program {}: {}", once.program, once.kind);
            let _ = writeln!(out, "    kernel: {}\n    model:  {}", once.kernel, once.model);
            if let Some(objects) = &once.objects {
                let _ = writeln!(out, "    on the kernel {objects}");
            }
        }
    }
    let _ = writeln!(out, "Differences {}, of {}", summary.differences, plural(findings.len() as u64, "kind"));
    for finding in findings {
        let _ = writeln!(out, "  {:>6}  {}", finding.met, finding.kind);
    }
    out
}

fn reasons(why: &BTreeMap<String, u64>) -> String {
    why.iter().map(|(why, count)| format!("{count} ({why})")).collect::<Vec<_>>().join(", ")
}

/// The same for programs.
pub fn campaign_json(summary: &Summary, findings: &[Finding]) -> String {
    serde_json::json!({ "summary": summary, "findings": findings }).to_string()
}

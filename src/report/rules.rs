//! The reference page of a mechanism, written from the tables of rules and behaviours.

use crate::kernel::{
    QUIRKS,
    rules::{RULES, classes},
};
use std::fmt::Write;

/// The parts of the page: how ids begin, and what the rules are about.
const PARTS: &[(&str, &str)] = &[
    ("PIPE-C-", "Creation"),
    ("PIPE-W-", "Write"),
    ("PIPE-R-", "Read"),
    ("PIPE-K-", "Wake-ups"),
    ("PIPE-X-", "Close"),
    ("PIPE-P-", "poll"),
    ("PIPE-S-", "Size, and FIONREAD"),
    ("PIPE-F-", "Other file operations"),
    ("FIFO-O-", "Opening a FIFO"),
    ("SPL-", "splice, tee, vmsplice"),
    ("FILE-", "Regular files, as far as splice needs them"),
    ("STEP-", "Where others can run inside a call"),
    ("PIPE-", "Defects"),
];

const HEAD: &str = "# Pipes and FIFOs

What the model says of them, rule by rule. This page is written by `lockstep rules --format markdown` from the tables that the
model's own branches name; a test fails when it is not up to date.

*run*: a file of the library exercises the rule, in the model and, where it is there, on the kernel of the machine. *model only*:
other kernels have it, or kernels with other limits. *invisible*: nobody can see it. *later*: it needs something that is not there
yet.
";

/// The page about pipes and FIFOs, in Markdown.
pub fn rules_page() -> String {
    let mut page = HEAD.to_string();
    for &(prefix, title) in PARTS {
        let belongs = |id: &str| PARTS.iter().find(|(prefix, _)| id.starts_with(prefix)).is_some_and(|p| p.0 == prefix);
        let mut rows = Vec::new();
        for rule in RULES.iter().filter(|r| belongs(r.id)) {
            rows.push((rule.id, rule.range.kernels(), rule.text, rule.source));
        }
        for rule in classes::UNNAMED.iter().filter(|u| belongs(u.id)) {
            rows.push((rule.id, String::new(), rule.text, ""));
        }
        if rows.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {title}\n\n| rule | kernels | says | read from | class |\n|---|---|---|---|---|\n");
        for (id, kernels, text, source) in rows {
            let source = if source.is_empty() { String::new() } else { format!("`{source}`") };
            let kernels = if kernels == ".." { "all" } else { &kernels };
            let _ = writeln!(page, "| {id} | {kernels} | {} | {source} | {} |", cell(text), class(id));
        }
    }
    page += "\n## Behaviours that kernels differ in\n\n| name | kernels | behaviour | commit |\n|---|---|---|---|\n";
    for q in QUIRKS {
        let _ = writeln!(page, "| `{}` | {} | {} | {} |", q.name, q.range.kernels(), cell(q.text), cell(q.commit));
    }
    page
}

fn class(id: &str) -> String {
    match classes::class(id) {
        Some(class) => class.reason().map_or(class.name().into(), |why| format!("{}: {}", class.name(), cell(why))),
        None => "none".into(),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

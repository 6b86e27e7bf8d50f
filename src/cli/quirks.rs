//! `lockstep quirks`.

use super::{Exit, HostArgs};
use crate::{
    kernel::{QUIRKS, QuirkInfo, QuirkSet, Version},
    target::Host,
    verdict::{Detection, Finding, detect},
};
use clap::{Args, ValueEnum};
use serde_json::json;

/// The arguments of `quirks`.
#[derive(Args, Debug)]
pub struct Quirks {
    /// Only behaviours whose name or sentence contains this
    filter: Option<String>,
    /// Only those that this version has
    #[arg(long, value_name = "VERSION")]
    kernel: Option<Version>,
    /// Find out which of them the kernel of this machine has, each by one steered run
    #[arg(long, conflicts_with = "kernel")]
    detect: bool,
    /// How to list them
    #[arg(long, value_enum, default_value = "text")]
    format: TableFormat,
    #[command(flatten)]
    host: HostArgs,
}

/// How to write a table.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For documents
    Markdown,
}

impl Quirks {
    pub fn run(&self) -> Exit {
        let chosen: Vec<&QuirkInfo> = QUIRKS.iter().filter(|q| self.wants(q)).collect();
        if chosen.is_empty() {
            return super::input::bad_input("no behaviour contains this text");
        }
        if self.detect {
            return self.detect();
        }
        match self.format {
            TableFormat::Text => chosen.iter().for_each(|q| {
                println!("{:<28} {:<12} {}\n{:41}\"{}\"", q.name, q.range.kernels(), q.text, "", q.commit);
            }),
            TableFormat::Json => {
                let list: Vec<_> = chosen
                    .iter()
                    .map(
                        |q| json!({ "name": q.name, "kernels": q.range.kernels(), "commit": q.commit, "text": q.text }),
                    )
                    .collect();
                println!("{}", serde_json::Value::from(list));
            }
            TableFormat::Markdown => {
                println!("| quirk | kernels | behaviour | commit |\n|---|---|---|---|");
                chosen
                    .iter()
                    .for_each(|q| println!("| `{}` | {} | {} | {} |", q.name, q.range.kernels(), q.text, q.commit));
            }
        }
        Exit::Holds
    }

    fn wants(&self, q: &QuirkInfo) -> bool {
        let has = |text: &str| self.filter.as_ref().is_none_or(|f| text.to_lowercase().contains(&f.to_lowercase()));
        (has(q.name) || has(q.text)) && self.kernel.is_none_or(|version| QuirkSet::of(version).has(q.quirk))
    }

    fn detect(&self) -> Exit {
        let found = Host::new().and_then(|mut host| detect(&mut host, &self.host.steer()));
        let (facts, mut found) = match found {
            Ok(found) => found,
            Err(why) => {
                eprintln!("error: {why}");
                return Exit::Inconclusive;
            }
        };
        found.retain(|d| self.wants(d.info));
        let surprises = found.iter().filter(|d| d.surprises()).count();
        match self.format {
            TableFormat::Text => {
                println!("Kernel {} (as its version says: {})", facts.release, facts.version);
                println!("{:<28} {:<12} {:<10} here", "behaviour", "kernels", "by version");
                found.iter().for_each(|d| {
                    let mark = if d.surprises() { "   <- not as the version says" } else { "" };
                    let (kernels, by_version) = (d.info.range.kernels(), presence(d.by_version));
                    println!("{:<28} {kernels:<12} {by_version:<10} {}{mark}", d.info.name, words(&d.finding));
                });
                let told = found.iter().filter(|d| matches!(d.finding, Finding::Present | Finding::Absent)).count();
                println!("{told} of {} told apart, {surprises} not as the version says", found.len());
            }
            TableFormat::Json => {
                let list: Vec<_> = found.iter().map(json).collect();
                println!("{}", json!({ "release": facts.release, "version": facts.version, "quirks": list }));
            }
            TableFormat::Markdown => {
                println!("| quirk | kernels | by version | {} |\n|---|---|---|---|", facts.release);
                found.iter().for_each(|d| {
                    let (kernels, by_version) = (d.info.range.kernels(), presence(d.by_version));
                    println!("| `{}` | {kernels} | {by_version} | {} |", d.info.name, words(&d.finding));
                });
            }
        }
        if surprises > 0 { Exit::Violated } else { Exit::Holds }
    }
}

fn presence(present: bool) -> &'static str {
    if present { "present" } else { "absent" }
}

fn words(finding: &Finding) -> String {
    match finding {
        Finding::Present => "present".into(),
        Finding::Absent => "absent".into(),
        Finding::Unknown(why) => format!("- ({why})"),
        Finding::Unexplained(seen) => format!("neither: {seen}"),
    }
}

fn json(d: &Detection) -> serde_json::Value {
    let (finding, detail) = match &d.finding {
        Finding::Present => ("present", None),
        Finding::Absent => ("absent", None),
        Finding::Unknown(why) => ("unknown", Some(why)),
        Finding::Unexplained(seen) => ("unexplained", Some(seen)),
    };
    json!({ "name": d.info.name, "by_version": d.by_version, "here": finding, "detail": detail, "surprise": d.surprises() })
}

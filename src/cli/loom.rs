//! `lockstep loom`.

use super::{Exit, input::bad_input, seconds, signals};
use crate::{
    concurrent::{Checked, DEFECTS, DefectInfo, PROTOCOLS, Protocol, check, run_natively, script::describe, tell},
    program::did_you_mean,
};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The arguments of `loom`.
#[derive(Args, Debug)]
pub struct Loom {
    /// Only this protocol [default: all, or the one that shows the defect]
    protocol: Option<String>,
    /// At most so many preemptions in an execution [default: what the list says]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=100))]
    bound: Option<u8>,
    /// Switch a historical defect on, such as PIPE-03
    #[arg(long, value_name = "ID", value_parser = defect)]
    defect: Option<&'static DefectInfo>,
    /// Run on real threads instead, so many times
    #[arg(long, value_name = "TIMES", conflicts_with = "bound")]
    native: Option<u64>,
    /// Give up after so many seconds, per protocol
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    max_time: f64,
    /// List the protocols and the defects, and run nothing
    #[arg(long, conflicts_with_all = ["protocol", "bound", "defect", "native"])]
    list: bool,
    /// How to report
    #[arg(long, value_enum, default_value = "text")]
    format: LoomFormat,
}

/// How to report.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum LoomFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// `--defect`.
fn defect(id: &str) -> Result<&'static DefectInfo, String> {
    DefectInfo::by_id(id).ok_or_else(|| {
        let ids = DEFECTS.iter().map(|defect| defect.id);
        format!("the defects are {}", ids.collect::<Vec<_>>().join(", "))
    })
}

impl Loom {
    pub fn run(&self) -> Exit {
        if self.list {
            return self.list();
        }
        let name = self.protocol.as_deref().or(self.defect.map(|defect| defect.protocol));
        let chosen: &[Protocol] = match name.map(|name| (name, Protocol::by_name(name))) {
            None => PROTOCOLS,
            Some((_, Some(protocol))) => std::slice::from_ref(protocol),
            Some((name, None)) => {
                let hint = did_you_mean(name, PROTOCOLS.iter().map(|protocol| protocol.name));
                let hint = hint.unwrap_or_else(|| "`lockstep loom --list` lists them".into());
                return bad_input(&format!("there is no protocol `{name}`: {hint}"));
            }
        };
        if self.format == LoomFormat::Text {
            println!(
                "{:<18} {:>7} {:>11} {:>9} {:>10}  verdict",
                "protocol", "bound", "executions", "outcomes", "time"
            );
        }
        let mut exit = Exit::Holds;
        let mut list = Vec::new();
        for protocol in chosen {
            let bound = self.bound(protocol);
            let checked = self.check(protocol, bound);
            exit = exit.worse(verdict(&checked).0);
            match self.format {
                LoomFormat::Text => print(protocol, bound, &checked),
                LoomFormat::Json => list.push(as_json(protocol, bound, &checked)),
            }
            if signals::stopped() {
                break;
            }
        }
        if self.format == LoomFormat::Json {
            println!("{}", Value::from(list));
        }
        exit
    }

    /// None for real threads.
    fn bound(&self, protocol: &Protocol) -> Option<usize> {
        let of_table = self.defect.filter(|defect| defect.protocol == protocol.name).map(|defect| defect.bound);
        let bound = self.bound.map(usize::from).or(of_table).unwrap_or(protocol.bound);
        self.native.is_none().then_some(bound)
    }

    fn check(&self, protocol: &'static Protocol, bound: Option<usize>) -> Checked {
        let defect = self.defect.map(|info| info.defect);
        let (script, times) = (&protocol.script, self.native.unwrap_or(0));
        match bound {
            Some(bound) => check(script, defect, bound, seconds(self.max_time), Some(signals::stop())),
            None => run_natively(script, defect, times),
        }
    }

    fn list(&self) -> Exit {
        if self.format == LoomFormat::Json {
            let protocols: Vec<_> = PROTOCOLS
                .iter()
                .map(|p| json!({ "name": p.name, "text": p.text, "source": p.source, "bound": p.bound }))
                .collect();
            let defects: Vec<_> = DEFECTS
                .iter()
                .map(|d| {
                    json!({ "id": d.id, "text": d.text, "history": d.history, "protocol": d.protocol, "bound": d.bound,
                            "quirk": d.quirk.map(|quirk| quirk.info().name) })
                })
                .collect();
            println!("{}", json!({ "protocols": protocols, "defects": defects }));
            return Exit::Holds;
        }
        for p in PROTOCOLS {
            println!("{:<18} {}\n{:18} ({}) bound {}", p.name, p.text, "", p.source, p.bound);
        }
        for d in DEFECTS {
            let model = d.quirk.map_or(String::new(), |quirk| format!("; in the model: --quirk {}", quirk.info().name));
            println!("{:<18} {}\n{:18} ({})", d.id, d.text, "", d.history);
            println!("{:18} shows in {}, bound {}{model}", "", d.protocol, d.bound);
        }
        Exit::Holds
    }
}

fn verdict(checked: &Checked) -> (Exit, Cow<'_, str>) {
    match (&checked.failure, &checked.gave_up) {
        (Some(failure), _) => (Exit::Violated, (&failure.what).into()),
        (None, Some(why)) => (Exit::Inconclusive, format!("unknown: loom gave up: {why}").into()),
        (None, None) if checked.complete => (Exit::Holds, "holds".into()),
        (None, None) => (Exit::Inconclusive, "unknown: stopped before the end".into()),
    }
}

fn print(protocol: &Protocol, bound: Option<usize>, checked: &Checked) {
    let bound = bound.map_or("threads".into(), |bound| bound.to_string());
    println!(
        "{:<18} {bound:>7} {:>11} {:>9} {:>8.2} s  {}",
        protocol.name,
        checked.executions,
        checked.outcomes.len(),
        checked.time.as_secs_f64(),
        verdict(checked).1
    );
    if let Some(ending) = checked.failure.as_ref().and_then(|failure| failure.ending.as_ref()) {
        print!("\n{}\nend  {}\n", tell(&ending.story), describe(&ending.outcome));
    }
}

fn as_json(protocol: &Protocol, bound: Option<usize>, checked: &Checked) -> Value {
    let outcomes: Vec<_> = checked
        .outcomes
        .iter()
        .map(|(outcome, executions)| json!({ "outcome": describe(outcome), "executions": executions }))
        .collect();
    let failure = checked.failure.as_ref().map(|failure| {
        let ending = failure.ending.as_ref();
        json!({
            "what": failure.what,
            "outcome": ending.map(|ending| describe(&ending.outcome)),
            "story": ending.map(|ending| tell(&ending.story)),
        })
    });
    json!({
        "protocol": protocol.name, "bound": bound, "executions": checked.executions, "complete": checked.complete,
        "seconds": checked.time.as_secs_f64(), "outcomes": outcomes, "failure": failure,
    })
}

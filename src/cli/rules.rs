//! `lockstep rules`.

use super::{Exit, ExploreArgs, HostArgs, effort, judging, quirks::TableFormat};
use crate::{
    kernel::rules::{RULES, Rule, RuleInfo, RuleSet, classes},
    report::{RULES_PAGES, rules_page},
};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The arguments of `rules`.
#[derive(Args, Debug)]
pub struct Rules {
    /// Only rules whose id or sentence contains this
    filter: Option<String>,
    /// Say which rules these tests exercise, in the model and on the kernel of this machine
    #[arg(long, value_name = "PATH", num_args = 1..)]
    coverage: Vec<PathBuf>,
    /// With --coverage: do not run anything on the kernel of this machine
    #[arg(long)]
    model_only: bool,
    /// How to list them; as Markdown it is the reference page
    #[arg(long, value_enum, default_value = "text")]
    format: TableFormat,
    #[command(flatten)]
    explore: ExploreArgs,
    #[command(flatten)]
    host: HostArgs,
}

/// Which rules were exercised.
#[derive(Default)]
struct Coverage {
    model: RuleSet,
    kernel: RuleSet,
    /// Whether the kernel was used at all.
    ran: bool,
}

impl Rules {
    pub fn run(&self) -> Exit {
        let (coverage, exit) = if self.coverage.is_empty() { (None, Exit::Holds) } else { self.cover() };
        if self.format == TableFormat::Markdown && coverage.is_none() && self.filter.is_none() {
            let pages: Vec<String> = RULES_PAGES.iter().map(rules_page).collect();
            print!("{}", pages.join("\n"));
            return exit;
        }
        let wanted = |text: &str| self.filter.as_ref().is_none_or(|f| text.to_lowercase().contains(&f.to_lowercase()));
        let rules: Vec<_> = RULES.iter().enumerate().filter(|(_, r)| wanted(r.id) || wanted(r.text)).collect();
        let others: Vec<_> = classes::UNNAMED.iter().filter(|u| wanted(u.id) || wanted(u.text)).collect();
        if rules.is_empty() && others.is_empty() {
            return super::input::bad_input("no rule contains this text");
        }
        match self.format {
            TableFormat::Text => {
                for &(i, rule) in &rules {
                    let marks = coverage.as_ref().map_or(String::new(), |c| c.marks(i));
                    println!("{:<18} {:<12} {marks}{}", rule.id, rule.range.kernels(), rule.text);
                    println!("{:31}({}) {}", "", rule.source, class(rule.id));
                }
                for rule in &others {
                    println!("{:<18} {:<12} {}\n{:31}{}", rule.id, "", rule.text, "", class(rule.id));
                }
                if let Some(coverage) = &coverage {
                    coverage.tell();
                }
            }
            TableFormat::Json => {
                let named = rules.iter().map(|&(i, rule)| describe(i, rule, coverage.as_ref()));
                let unnamed = others.iter().map(|u| {
                    let class = u.class;
                    json!({ "id": u.id, "text": u.text, "class": class.name(), "reason": class.reason() })
                });
                println!("{}", Value::from(named.chain(unnamed).collect::<Vec<_>>()));
            }
            TableFormat::Markdown => {
                println!("| rule | kernels | says | class | exercised |\n|---|---|---|---|---|");
                for &(i, rule) in &rules {
                    let marks = coverage.as_ref().map_or(String::new(), |c| c.marks(i));
                    let (kernels, class) = (rule.range.kernels(), class(rule.id));
                    println!("| {} | {kernels} | {} | {class} | {} |", rule.id, rule.text, marks.trim());
                }
                for rule in &others {
                    println!("| {} | | {} | {} | |", rule.id, rule.text, class(rule.id));
                }
            }
        }
        exit
    }

    fn cover(&self) -> (Option<Coverage>, Exit) {
        let effort = effort(&self.explore, (!self.model_only).then_some(&self.host));
        let mut coverage = Coverage::default();
        let session = judging::each(&self.coverage, &effort, !self.model_only, |_, judgement| {
            coverage.model.extend(&judgement.exploration.rules);
            if let Some(real) = &judgement.real {
                coverage.kernel.extend(&real.rules);
                coverage.ran |= real.steps > 0;
            }
        });
        (Some(coverage), session.exit)
    }
}

impl Coverage {
    /// `model kernel`, as far as it was exercised there.
    fn marks(&self, index: usize) -> String {
        let rule = Rule(index as u16);
        let mark = |set: &RuleSet, name: &'static str| if set.contains(rule) { name } else { "" };
        format!("{:<6}{:<7}", mark(&self.model, "model"), mark(&self.kernel, "kernel"))
    }

    fn tell(&self) {
        let missing: Vec<_> = (0..RULES.len() as u16).map(Rule).filter(|&r| !self.model.contains(r)).collect();
        println!("\n{} of {} rules exercised in the model", self.model.len(), RULES.len());
        if self.ran {
            println!("{} followed step by step on the kernel of this machine", self.kernel.len());
        }
        let run = missing.iter().filter(|r| classes::class(r.info().id) == Some(classes::Class::Run));
        for rule in run {
            println!("not exercised, and should be: {}", rule.info().id);
        }
    }
}

fn describe(index: usize, rule: &RuleInfo, coverage: Option<&Coverage>) -> Value {
    let class = classes::class(rule.id);
    let mut value = json!({
        "id": rule.id, "kernels": rule.range.kernels(), "source": rule.source, "text": rule.text,
        "class": class.map(classes::Class::name), "reason": class.and_then(classes::Class::reason),
    });
    if let Some(coverage) = coverage {
        let rule = Rule(index as u16);
        value["model"] = coverage.model.contains(rule).into();
        value["kernel"] = if coverage.ran { coverage.kernel.contains(rule).into() } else { Value::Null };
    }
    value
}

fn class(id: &str) -> String {
    match classes::class(id) {
        Some(class) => class.reason().map_or(class.name().into(), |why| format!("{}: {why}", class.name())),
        None => "in no class".into(),
    }
}

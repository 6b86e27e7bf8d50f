//! `lockstep rules`.

use super::Exit;
use crate::kernel::rules::RULES;
use clap::Args;

/// The arguments of `rules`.
#[derive(Args, Debug)]
pub struct Rules {
    /// Only rules whose id or sentence contains this
    filter: Option<String>,
}

impl Rules {
    pub fn run(&self) -> Exit {
        let wanted = |text: &str| self.filter.as_ref().is_none_or(|f| text.to_lowercase().contains(&f.to_lowercase()));
        let rules: Vec<_> = RULES.iter().filter(|r| wanted(r.id) || wanted(r.text)).collect();
        for rule in &rules {
            println!("{:<18} {:<12} {}\n{:31}({})", rule.id, rule.range.to_string(), rule.text, "", rule.source);
        }
        if rules.is_empty() {
            return super::input::bad_input("no rule contains this text");
        }
        Exit::Holds
    }
}

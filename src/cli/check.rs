//! `lockstep check` and `lockstep run`.

use super::{Exit, ExploreArgs, Format, HostArgs, effort, judging};
use crate::{
    report::{TextOptions, text},
    verdict::Effort,
};
use clap::Args;
use std::{io::IsTerminal, path::PathBuf};

/// The arguments of `check`.
#[derive(Args, Debug)]
pub struct Check {
    /// Tests: files, directories, or `-` for standard input
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    explore: ExploreArgs,
}

/// The arguments of `run`.
#[derive(Args, Debug)]
pub struct Run {
    /// Tests: files, directories, or `-` for standard input
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    explore: ExploreArgs,
    #[command(flatten)]
    host: HostArgs,
}

/// What a log shows.
#[derive(Args, Debug)]
struct LogArgs {
    /// How to report
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Leave out times and speeds, so that equal results print equal logs
    #[arg(long)]
    no_timing: bool,
}

impl Check {
    pub fn run(&self) -> Exit {
        self.log.judge(&self.paths, &effort(&self.explore, None), false)
    }
}

impl Run {
    pub fn run(&self) -> Exit {
        self.log.judge(&self.paths, &effort(&self.explore, Some(&self.host)), true)
    }
}

impl LogArgs {
    fn judge(&self, paths: &[PathBuf], effort: &Effort, use_host: bool) -> Exit {
        let options = TextOptions { timing: !self.no_timing, counts: true, color: std::io::stdout().is_terminal() };
        let mut reports = Vec::new();
        let mut first = true;
        let session = judging::each(paths, effort, use_host, |input, judgement| {
            let Some(report) = judging::report(input, judgement) else { return };
            if self.format != Format::Text {
                reports.push(report);
                return;
            }
            if !std::mem::take(&mut first) {
                println!();
            }
            print!("{}", text(&report, &options));
        });
        if self.format != Format::Text {
            judging::print(reports, &session, self.format);
        }
        session.exit
    }
}

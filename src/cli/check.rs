//! `lockstep check` and `lockstep run`.

use super::{Exit, ExploreArgs, HostArgs, effort, input, judging};
use crate::verdict::Judgement;
use clap::Args;
use std::path::PathBuf;

/// The arguments of `check`.
#[derive(Args, Debug)]
pub struct Check {
    /// Tests: files, directories, or `-` for standard input
    #[arg(required = true)]
    paths: Vec<PathBuf>,
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
    explore: ExploreArgs,
    #[command(flatten)]
    host: HostArgs,
}

impl Check {
    pub fn run(&self) -> Exit {
        judging::each(&self.paths, &effort(&self.explore, None), false, tell).0
    }
}

impl Run {
    pub fn run(&self) -> Exit {
        judging::each(&self.paths, &effort(&self.explore, Some(&self.host)), true, tell).0
    }
}

fn tell(input: &input::Input, j: &Judgement) {
    println!("{} {:?}", input.file, j.status());
    for (i, (o, f)) in j.exploration.outcomes.iter().enumerate().take(20) {
        println!("   {} x{} pre {} {:?}", o.display(&input.program), f.states, f.preemptions, j.real.as_ref().map(|r| &r.sightings[i]));
    }
    for v in &j.exploration.violations {
        println!("  VIOLATED {} {:?}", v.claim.text(&input.program), v.detail);
    }
    for s in &j.schedules {
        println!("  schedule {:?}", s);
    }
    if let Some(real) = &j.real {
        for n in &real.not_allowed {
            println!("  NOT ALLOWED {} x{}", n.outcome.display(&input.program), n.free);
        }
        let names: Vec<String> = input.program.tasks.iter().map(|t| t.name.clone()).collect();
        for (s, d) in &real.divergences {
            println!("  DIVERGED {} at {}: seen {}; expected {:?}", s.display(&names), d.step, d.seen.tell_all(&input.program, d.release.task), d.expected.as_ref().map(|e| e.tell_all(&input.program, d.release.task).to_string()));
        }
        println!("  {:?} steps {} in {:?}, checks {:?}, free {} in {:?} skipped {} reordered {:?}", real.method, real.steps, real.steered_time, real.checks, real.iterations, real.free_time, real.skipped_probes, real.reordered);
    }
    println!("  {:?}", j.doubts());
}

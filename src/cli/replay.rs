//! `lockstep replay`: whether what a campaign found is still so.

use super::{Exit, MethodArg, ModelArgs, input, signals};
use crate::{
    campaign::{Difference, How, Seen, Trial, Walk, begin, compare},
    kernel::Env,
    program::Release,
    target::{Host, Job, Refusal, SteerOptions, Target},
};
use clap::Args;
use std::path::PathBuf;

/// The arguments of `replay`.
#[derive(Args, Debug)]
pub struct Replay {
    /// Litmus files with schedules, such as `lockstep fuzz --out` writes
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Run each schedule so often
    #[arg(long, value_name = "N", default_value_t = 10)]
    times: usize,
    #[command(flatten)]
    model: ModelArgs,
    /// How to steer [default: fifo where it is possible]
    #[arg(long, value_enum)]
    method: Option<MethodArg>,
}

impl Replay {
    pub fn run(&self) -> Exit {
        let files = match input::find(&self.files) {
            Ok(files) => files,
            Err(message) => return input::bad_input(&message),
        };
        let host = Host::new().and_then(|mut host| host.facts().map(|facts| (host, facts)));
        let (mut host, facts) = match host {
            Ok(host) => host,
            Err(why) => {
                eprintln!("error: {why}");
                return Exit::Inconclusive;
            }
        };
        let env = self.model.env(&facts);
        let mut exit = Exit::Holds;
        for path in files {
            if signals::stopped() {
                return exit.worse(Exit::Inconclusive);
            }
            let replayed = input::read(&path).and_then(|input| self.replay(&mut host, &input, &env));
            exit = exit.worse(replayed.unwrap_or_else(|message| {
                eprintln!("{message}");
                Exit::BadInput
            }));
        }
        exit
    }

    fn replay(&self, host: &mut Host, file: &input::Input, env: &Env) -> Result<Exit, String> {
        let name = &file.file;
        if file.program.schedules.is_empty() {
            return Err(format!("{name}: there is no schedule to replay; `lockstep run` runs it freely"));
        }
        let mut exit = Exit::Holds;
        for (i, code) in file.program.schedules.iter().enumerate() {
            let title = code.title.clone().unwrap_or_else(|| format!("schedule {}", i + 1));
            if !code.on.contains(env.version) {
                println!("{name}: \"{title}\" does not speak of {}", env.version);
                continue;
            }
            let wanted = code.schedule().steps;
            let trial = self.trial(file, &wanted, env).map_err(|message| format!("{name}: {message}"))?;
            let (made, all) = (trial.walks[0].steps.len(), wanted.len());
            if made < all {
                println!("{name}: \"{title}\": the model makes {made} of {all} steps; the others are left out");
            }
            exit = exit.worse(match self.compare(host, &trial, env) {
                Ok(seen) => tell(name, &title, &trial, &seen),
                Err(why) => {
                    println!("{name}: \"{title}\" could not be run: {why}");
                    Exit::Inconclusive
                }
            });
        }
        Ok(exit)
    }

    fn trial(&self, file: &input::Input, wanted: &[Release], env: &Env) -> Result<Trial, String> {
        let (machine, initial) = begin(&file.program, env)?;
        let walk = Walk::as_far_as_legal(&machine, &initial, wanted);
        Ok(Trial { index: 0, tree: file.tree.clone(), program: file.program.clone(), walks: vec![walk] })
    }

    fn compare(&self, host: &mut Host, trial: &Trial, env: &Env) -> Result<Vec<Seen>, Refusal> {
        let walk = &trial.walks[0];
        let job = Job { program: &trial.program, schedule: &walk.schedule };
        let jobs = vec![job; self.times.max(1)];
        let options =
            SteerOptions { method: self.method.map(MethodArg::method), probe: true, ..SteerOptions::default() };
        let mut seen = Vec::new();
        host.steer_batch(&jobs, &options, &mut |_, observations, report| {
            seen.push(compare(trial, env, walk, observations, report));
        })?;
        Ok(seen)
    }
}

/// Says how the runs of a schedule compare with the model.
fn tell(file: &str, title: &str, trial: &Trial, seen: &[Seen]) -> Exit {
    let different: Vec<&Difference> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Different(difference) => Some(&**difference),
            _ => None,
        })
        .collect();
    let nothing = seen.iter().filter(|seen| matches!(seen, Seen::Nothing(_))).count();
    let all = seen.len();
    if let Some(first) = different.first() {
        println!("{file}: \"{title}\" differs in {} of {all} runs, in step {}", different.len(), first.step + 1);
        println!("    kernel: {}", first.seen.tell_all(&trial.program, first.release.task));
        println!("    model:  {}", first.model.tell_all(&trial.program, first.release.task));
        if let How::Reordered(_) = first.how {
            println!("    (the model has it under another order of scheduling)");
        }
        return Exit::Violated;
    }
    if nothing > 0 {
        println!("{file}: \"{title}\": {nothing} of {all} runs showed nothing that could be compared");
        return Exit::Inconclusive;
    }
    println!("{file}: \"{title}\": model and kernel agree in {all} of {all} runs");
    Exit::Holds
}

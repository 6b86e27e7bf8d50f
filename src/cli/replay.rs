//! `lockstep replay`: whether what a campaign found is still so.

use super::{Exit, MethodArg, ModelArgs, input, signals};
use crate::{
    campaign::{Difference, How, Seen, Trial, Walk, begin, compare},
    kernel::Env,
    program::Release,
    target::{Host, Job, Refusal, SteerOptions, Target},
};
use clap::{Args, ValueEnum};
use serde::Serialize;
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
    /// How to report
    #[arg(long, value_enum, default_value = "text")]
    format: ReplayFormat,
}

/// How to report what was replayed.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum ReplayFormat {
    /// For people
    Text,
    /// For programs: see docs/json.md
    Json,
}

/// What became of one schedule.
#[derive(Debug, Default, Serialize)]
struct Replayed {
    file: String,
    schedule: String,
    status: Status,
    /// Steps that the model makes, and those that were wanted.
    steps: (usize, usize),
    /// Runs, those that differed, and those that showed nothing.
    runs: usize,
    different: usize,
    nothing: usize,
    /// The first difference.
    difference: Option<Parting>,
    /// Why it was not run.
    why: Option<String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Agrees,
    Differs,
    /// Some runs showed nothing that could be compared.
    Inconclusive,
    #[default]
    NotRun,
    NotApplicable,
}

/// Where kernel and model part, in words.
#[derive(Debug, Serialize)]
struct Parting {
    step: usize,
    kernel: String,
    model: String,
    /// Whether the model has it under another order of scheduling.
    reordered: bool,
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
        let mut all = Vec::new();
        for path in files {
            if signals::stopped() {
                exit = exit.worse(Exit::Inconclusive);
                break;
            }
            let replayed = input::read(&path).and_then(|input| self.replay(&mut host, &input, &env));
            match replayed {
                Ok(replayed) => {
                    exit = replayed.iter().fold(exit, |exit, one| exit.worse(one.exit()));
                    all.extend(replayed);
                }
                Err(message) => {
                    eprintln!("{message}");
                    exit = exit.worse(Exit::BadInput);
                }
            }
        }
        if self.format == ReplayFormat::Json {
            println!("{}", serde_json::json!({ "replayed": all }));
        }
        exit
    }

    fn replay(&self, host: &mut Host, file: &input::Input, env: &Env) -> Result<Vec<Replayed>, String> {
        let name = &file.file;
        if file.program.schedules.is_empty() {
            return Err(format!("{name}: there is no schedule to replay; `lockstep run` runs it freely"));
        }
        let mut all = Vec::new();
        for (i, code) in file.program.schedules.iter().enumerate() {
            let schedule = code.title.clone().unwrap_or_else(|| format!("schedule {}", i + 1));
            let mut replayed = Replayed { file: name.clone(), schedule, ..Replayed::default() };
            if code.on.contains(env.version) {
                let wanted = code.schedule().steps;
                let trial = self.trial(file, &wanted, env).map_err(|message| format!("{name}: {message}"))?;
                replayed.steps = (trial.walks[0].steps.len(), wanted.len());
                match self.compare(host, &trial, env) {
                    Ok(seen) => replayed.sum_up(&trial, &seen),
                    Err(why) => replayed.why = Some(why.to_string()),
                }
            } else {
                replayed.status = Status::NotApplicable;
            }
            if self.format == ReplayFormat::Text {
                replayed.print(env);
            }
            all.push(replayed);
        }
        Ok(all)
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

impl Replayed {
    /// How the runs of the schedule compare with the model.
    fn sum_up(&mut self, trial: &Trial, seen: &[Seen]) {
        let different = seen.iter().filter_map(|seen| match seen {
            Seen::Different(difference) => Some(&**difference),
            _ => None,
        });
        let different: Vec<&Difference> = different.collect();
        self.runs = seen.len();
        self.different = different.len();
        self.nothing = seen.iter().filter(|seen| matches!(seen, Seen::Nothing(_))).count();
        self.difference = different.first().map(|first| Parting {
            step: first.step + 1,
            kernel: first.seen.tell_all(&trial.program, first.release.task).to_string(),
            model: first.model.tell_all(&trial.program, first.release.task).to_string(),
            reordered: matches!(first.how, How::Reordered(_)),
        });
        self.status = match (self.different, self.nothing) {
            (0, 0) => Status::Agrees,
            (0, _) => Status::Inconclusive,
            _ => Status::Differs,
        };
    }

    fn exit(&self) -> Exit {
        match self.status {
            Status::Agrees | Status::NotApplicable => Exit::Holds,
            Status::Differs => Exit::Violated,
            Status::Inconclusive | Status::NotRun => Exit::Inconclusive,
        }
    }

    fn print(&self, env: &Env) {
        let Replayed { file, schedule, runs, different, nothing, .. } = self;
        let (made, wanted) = self.steps;
        if made < wanted {
            println!("{file}: \"{schedule}\": the model makes {made} of {wanted} steps; the others are left out");
        }
        match self.status {
            Status::NotApplicable => println!("{file}: \"{schedule}\" does not speak of {}", env.version),
            Status::NotRun => {
                let why = self.why.as_deref().unwrap_or_default();
                println!("{file}: \"{schedule}\" could not be run: {why}");
            }
            Status::Agrees => println!("{file}: \"{schedule}\": model and kernel agree in {runs} of {runs} runs"),
            Status::Inconclusive => {
                println!("{file}: \"{schedule}\": {nothing} of {runs} runs showed nothing that could be compared");
            }
            Status::Differs => {
                let Some(Parting { step, kernel, model, reordered }) = &self.difference else { return };
                println!("{file}: \"{schedule}\" differs in {different} of {runs} runs, in step {step}");
                println!("    kernel: {kernel}");
                println!("    model:  {model}");
                if *reordered {
                    println!("    (the model has it under another order of scheduling)");
                }
            }
        }
    }
}

//! `lockstep show`.

use super::{Exit, ExploreArgs, input, style};
use crate::{
    explore::{Exploration, Incomplete, explore},
    machine::{Machine, State},
    oracle::Fifo,
    program::Schedule,
    report::{Path, timeline},
};
use clap::Args;
use std::path::PathBuf;

/// The arguments of `show`.
#[derive(Args, Debug)]
pub struct Show {
    /// A test (`-` for standard input)
    file: PathBuf,
    /// The shortest way to an outcome, by its number in the list of `lockstep check`
    #[arg(long, value_name = "N", group = "what")]
    outcome: Option<usize>,
    /// The way to the first violated claim
    #[arg(long, group = "what")]
    counterexample: bool,
    /// A steered run: the names of the tasks to release, such as "W A+ B R"; "A!" lets the timer of A go off
    #[arg(long, value_name = "TASKS", group = "what")]
    schedule: Option<String>,
    /// A schedule of the test, by its number
    #[arg(long, value_name = "N", group = "what")]
    block: Option<usize>,
    /// Leave the rules out
    #[arg(long)]
    no_rules: bool,
    #[command(flatten)]
    explore: ExploreArgs,
}

impl Show {
    pub fn run(&self) -> Exit {
        self.try_run().unwrap_or_else(|exit| exit)
    }

    fn try_run(&self) -> Result<Exit, Exit> {
        let input = input::open(&self.file)?;
        let program = &input.program;
        let (machine, initial) = input.machine(&self.explore)?;
        if let Some(schedule) = self.schedule(program, &machine, &initial)? {
            self.tell(&machine, &initial, &Path::Schedule(&schedule));
            return Ok(Exit::Holds);
        }
        let exploration = explore(&machine, &self.explore.options()).map_err(|error| input.bad(error))?;
        let (title, witness) = self.choose(program, &exploration).map_err(|message| input.bad(message))?;
        println!("{title}\n");
        self.tell(&machine, &initial, &Path::Witness(&witness));
        Ok(Exit::Holds)
    }

    fn tell(&self, machine: &Machine, initial: &State, path: &Path) {
        print!("{}", timeline(machine, initial, path, &style(!self.no_rules)));
    }

    /// The schedule that was asked for, if one was.
    fn schedule(
        &self,
        program: &crate::program::Compiled,
        machine: &Machine,
        initial: &State,
    ) -> Result<Option<Schedule>, Exit> {
        let schedule = match (&self.schedule, self.block) {
            (Some(text), _) => Schedule::parse(text, |name| program.task_by_name(name)).map_err(|name| {
                let names: Vec<_> = program.tasks.iter().map(|t| t.name.as_str()).collect();
                input::bad_input(&format!("--schedule: there is no task `{name}`; the tasks are {}", names.join(", ")))
            })?,
            (None, Some(number)) => match number.checked_sub(1).and_then(|i| program.schedules.get(i)) {
                Some(code) if !code.on.contains(machine.env.version) => {
                    let message = format!("--block: this schedule is for {}, not for {}", code.on, machine.env.version);
                    return Err(input::bad_input(&message));
                }
                Some(code) => code.schedule(),
                None => {
                    return Err(input::bad_input(&format!(
                        "--block: the test has {} schedules",
                        program.schedules.len()
                    )));
                }
            },
            (None, None) => return Ok(None),
        };
        let mut fifo = Fifo::new(machine, initial);
        for (i, &release) in schedule.steps.iter().enumerate() {
            if let Err(why) = fifo.release(release, &mut Default::default()) {
                let why = crate::verdict::cannot(&program.tasks[release.task as usize].name, why);
                return Err(input::bad_input(&format!("step {} of the schedule: {why}", i + 1)));
            }
        }
        Ok(Some(schedule))
    }

    fn choose(
        &self,
        program: &crate::program::Compiled,
        exploration: &Exploration,
    ) -> Result<(String, crate::explore::Witness), String> {
        if let Some(number) = self.outcome {
            let found = number.checked_sub(1).and_then(|i| exploration.outcomes.get(i));
            let (outcome, found) =
                found.ok_or_else(|| format!("--outcome: there are {} outcomes", exploration.outcomes.len()))?;
            return Ok((format!("Outcome {number}: {}", outcome.display(program)), found.witness.clone()));
        }
        let violation = exploration.violations.iter().find_map(|v| Some((v, v.witness.clone()?)));
        match violation {
            Some((violation, witness)) => Ok((format!("Violated: {}", violation.claim.text(program)), witness)),
            None if self.counterexample => Err(match &exploration.incomplete {
                None | Some(Incomplete::Spinning(_)) if exploration.violations.is_empty() => {
                    "no claim is violated, so there is no counterexample".into()
                }
                None => "nothing satisfies the `exists`: there is no run to show".into(),
                Some(why) => format!("no counterexample was found, but {why}"),
            }),
            None => {
                let (outcome, found) = exploration.outcomes.first().ok_or("no run comes to an end")?;
                Ok((
                    format!("Outcome 1 of {}: {}", exploration.outcomes.len(), outcome.display(program)),
                    found.witness.clone(),
                ))
            }
        }
    }
}

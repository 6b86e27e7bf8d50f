//! `lockstep step`: a program by hand.

use super::{Exit, ExploreArgs, StepsArg, input, signals, style};
use crate::{machine::Move, program::Compiled, report::Walk};
use clap::Args;
use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::PathBuf,
};

/// The arguments of `step`.
#[derive(Args, Debug)]
pub struct Step {
    /// A test
    file: PathBuf,
    /// Leave the rules out
    #[arg(long)]
    no_rules: bool,
    #[command(flatten)]
    explore: ExploreArgs,
}

const HELP: &str = "a task or its number: it goes next; u: undo; o: outcomes from here on; q: quit; ?: this help";

/// `o` gives up after so many states.
const BOUND: usize = 200_000;

/// What was answered.
enum Answer {
    Go(Move),
    Undo,
    Outcomes,
    Quit,
    Help,
    Nothing,
    /// A sentence about what is wrong with it.
    Unclear(String),
}

impl Step {
    pub fn run(&self) -> Exit {
        self.try_run().unwrap_or_else(|exit| exit)
    }

    fn try_run(&self) -> Result<Exit, Exit> {
        if self.file.as_os_str() == "-" {
            return Err(input::bad_input("standard input is for the answers: name a file"));
        }
        let input = input::open(&self.file)?;
        let program = &input.program;
        let (machine, initial) = input.machine(&self.explore)?;
        let in_sections = self.explore.steps == StepsArg::Section;
        let mut walk = Walk::new(&machine, &input.text, initial, in_sections, style(!self.no_rules));
        println!("{}  on Linux {}\n{HELP}\n", program.name, machine.env.version);
        self.walk(program, &mut walk);
        Ok(Exit::Holds)
    }

    fn walk(&self, program: &Compiled, walk: &mut Walk) {
        signals::end_at_once();
        let terminal = io::stdin().is_terminal();
        let mut answers = io::stdin().lock().lines();
        print!("{}", walk.position());
        loop {
            if let Some(end) = walk.end() {
                print!("{end}");
                return;
            }
            print!("{}> ", walk.len() + 1);
            // What cannot be written to will not be read from either.
            let _ = io::stdout().flush();
            let Some(Ok(line)) = answers.next() else {
                println!();
                return;
            };
            if !terminal {
                println!("{line}");
            }
            match answer(program, walk, line.trim()) {
                Answer::Go(mv) => print!("{}\n{}", walk.go(mv), walk.position()),
                Answer::Undo if walk.undo() => print!("{}", walk.position()),
                Answer::Undo => println!("this is the start"),
                Answer::Outcomes => {
                    let mut options = self.explore.options();
                    options.max_states = options.max_states.min(BOUND);
                    print!("{}", walk.outcomes(&options));
                }
                Answer::Quit => return,
                Answer::Help => println!("{HELP}"),
                Answer::Nothing => print!("{}", walk.position()),
                Answer::Unclear(why) => println!("{why}"),
            }
        }
    }
}

/// A name of a task counts before a command of one letter.
fn answer(program: &Compiled, walk: &Walk, line: &str) -> Answer {
    let choices = walk.choices();
    if let Some(task) = program.task_by_name(line) {
        let mv = choices.iter().find(|mv| mv.task == task);
        return mv.map_or_else(|| Answer::Unclear(walk.refusal(task)), |&mv| Answer::Go(mv));
    }
    match line {
        "" => Answer::Nothing,
        "u" | "undo" => Answer::Undo,
        "o" | "outcomes" => Answer::Outcomes,
        "q" | "quit" | "exit" => Answer::Quit,
        "?" | "h" | "help" => Answer::Help,
        _ => match line.parse::<usize>() {
            Ok(n) => match n.checked_sub(1).and_then(|i| choices.get(i)) {
                Some(&mv) => Answer::Go(mv),
                None => Answer::Unclear(format!("a number from 1 to {}", choices.len())),
            },
            Err(_) => Answer::Unclear(format!("there is no task `{line}`; {HELP}")),
        },
    }
}

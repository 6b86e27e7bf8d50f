//! The command line: one file per subcommand, each a thin layer over the library.

mod check;
mod compare;
mod completions;
mod fuzz;
mod golden;
mod graph;
mod input;
mod judging;
mod loom;
mod print;
mod quirks;
mod replay;
mod rules;
mod show;
mod signals;
mod step;
mod test;

use crate::{
    explore::{Options, Steps},
    kernel::{BadVersion, Env, Memory, QUIRKS, Quirk, Version},
    program::did_you_mean,
    report::Style,
    target::{Facts, FreeOptions, Method, SteerOptions},
    verdict::{Effort, Status, model_env},
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{io::IsTerminal, process::ExitCode, time::Duration};

/// Litmus tests for system calls that block: every interleaving in a model of Linux IPC, and the same on a real kernel.
#[derive(Parser, Debug)]
#[command(name = "lockstep", version, about, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 everything holds, 1 something is violated or the kernel diverged, \
                          2 bad usage or input, 3 inconclusive (a bound was hit, or the kernel could not be used).";

#[derive(Subcommand, Debug)]
enum Command {
    /// Explore tests in the model: every outcome, and a verdict on every property
    Check(check::Check),
    /// Run tests on the kernel of this machine and compare what it does with what the model allows
    Run(check::Run),
    /// Check and run all tests of files and directories: a line for each, and a summary
    Test(test::Test),
    /// Compare random programs by random schedules with the kernel of this machine, and shrink what differs
    Fuzz(fuzz::Fuzz),
    /// Run the schedules of files again, such as those that `fuzz` wrote: does the kernel still differ?
    Replay(replay::Replay),
    /// Tell one run step by step: calls, results, kernel structures, and the rule behind each step
    Show(show::Show),
    /// Go through a test by hand: choose who goes next, see what it does
    Step(step::Step),
    /// Draw the states of a small test and the moves between them, as DOT or SVG
    Graph(graph::Graph),
    /// Compare two logs of `check` or `run`: outcomes that only one allows, changed verdicts, counts
    Compare(compare::Compare),
    /// Print a test in its canonical form, or as JSON
    Print(print::Print),
    /// List the rules of the model
    Rules(rules::Rules),
    /// List the behaviours that kernels differ in, or find out which of them this machine's kernel has
    Quirks(quirks::Quirks),
    /// Check the kernel's locking and waking, as concurrent code, under loom
    Loom(loom::Loom),
    /// Print what a shell needs to complete the command line
    Completions(completions::Completions),
    /// Print the manual page, or write the pages of all subcommands
    Man(completions::Man),
}

/// How to report.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// For people
    Text,
    /// For programs: see docs/json.md
    Json,
    /// For continuous integration
    Junit,
}

/// How to explore.
#[derive(Args, Debug, Clone)]
struct ExploreArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Where tasks can be interrupted
    #[arg(long, value_enum, default_value = "calls")]
    steps: StepsArg,
    /// With --steps section: how often a run may interrupt a call (a number, or `all`)
    #[arg(long, value_name = "N", default_value = "1")]
    preemptions: Preemptions,
    /// Give up after so many states
    #[arg(long, value_name = "N", default_value_t = 20_000_000)]
    max_states: usize,
    /// Give up after so many seconds, per test
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    max_time: f64,
    /// In which order stores to shared memory become visible [default: what the test says, else sc]
    #[arg(long, value_enum)]
    memory: Option<MemoryArg>,
    /// Compare whole states instead of 64-bit fingerprints
    #[arg(long)]
    exact: bool,
}

/// Which kernel to model.
#[derive(Args, Debug, Clone)]
struct ModelArgs {
    /// The kernel version to model [default: this machine's where it is used, else v6.18]
    #[arg(long, value_name = "VERSION", value_parser = modelled)]
    kernel: Option<Version>,
    /// Switch a behaviour of the model on, whatever the version (see `lockstep quirks`)
    #[arg(long, value_name = "NAME", value_parser = quirk)]
    quirk: Vec<Quirk>,
    /// Switch a behaviour of the model off
    #[arg(long, value_name = "NAME", value_parser = quirk)]
    no_quirk: Vec<Quirk>,
}

impl ModelArgs {
    /// The behaviours that are switched on and off.
    fn switched(&self) -> Vec<(Quirk, bool)> {
        let on = self.quirk.iter().map(|&quirk| (quirk, true));
        on.chain(self.no_quirk.iter().map(|&quirk| (quirk, false))).collect()
    }

    /// The machine to model, apart from what a test asks for; `facts` are those of the kernel that is used.
    fn env(&self, facts: &Facts) -> Env {
        let mut env = model_env(Some(facts), self.kernel);
        env.switch(&self.switched());
        env
    }
}

/// `--kernel`: a version that is not modelled is taken, with a warning that says which one stands for it.
fn modelled(text: &str) -> Result<Version, BadVersion> {
    let version: Version = text.parse()?;
    if let Some((other, why)) = version.stand_in() {
        eprintln!("warning: {version} is taken to behave as {other} does: {why}");
    }
    Ok(version)
}

/// `--quirk`, `--no-quirk`.
fn quirk(name: &str) -> Result<Quirk, String> {
    Quirk::by_name(name).ok_or_else(|| {
        let names = QUIRKS.iter().map(|q| q.name);
        did_you_mean(name, names).unwrap_or_else(|| "`lockstep quirks` lists the names".into())
    })
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum MemoryArg {
    /// Sequentially consistent
    Sc,
    /// Total store order, as on x86: stores pass through a buffer of their task
    Tso,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum StepsArg {
    /// Between calls, and where they sleep
    Calls,
    /// Between all sections of kernel code
    Section,
}

/// `--preemptions`.
#[derive(Debug, Clone, Copy)]
struct Preemptions(Option<u32>);

impl std::str::FromStr for Preemptions {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Preemptions(None)),
            n => n.parse().map(|n| Preemptions(Some(n))).map_err(|_| "expected a number or `all`".into()),
        }
    }
}

impl ExploreArgs {
    /// The order of stores that is asked for.
    fn memory(&self) -> Option<Memory> {
        self.memory.map(|memory| match memory {
            MemoryArg::Sc => Memory::Sc,
            MemoryArg::Tso => Memory::Tso,
        })
    }

    fn options(&self) -> Options<'static> {
        Options {
            steps: match self.steps {
                StepsArg::Calls => Steps::Calls,
                StepsArg::Section => Steps::Sections(self.preemptions.0),
            },
            max_states: self.max_states,
            max_time: seconds(self.max_time),
            exact: self.exact,
            stop: Some(signals::stop()),
        }
    }
}

fn seconds(s: f64) -> Duration {
    Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX)
}

/// How to use the kernel of this machine.
#[derive(Args, Debug, Clone)]
struct HostArgs {
    /// How to steer [default: fifo where it is possible]
    #[arg(long, value_enum)]
    method: Option<MethodArg>,
    /// Free runs per test
    #[arg(long, value_name = "N", default_value_t = 400)]
    free: usize,
    /// At most so many seconds of free runs per test
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    free_time: f64,
    /// Steer at most so many witnesses per test
    #[arg(long, value_name = "N", default_value_t = 1000)]
    max_steered: usize,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum MethodArg {
    /// Tasks under SCHED_FIFO above the controller: fast, exact order, needs privilege
    Fifo,
    /// Without privilege: every quiet moment is proven from /proc
    Proof,
}

impl MethodArg {
    fn method(self) -> Method {
        match self {
            MethodArg::Fifo => Method::Fifo,
            MethodArg::Proof => Method::Proof,
        }
    }
}

impl HostArgs {
    fn steer(&self) -> SteerOptions {
        let method = self.method.map(MethodArg::method);
        SteerOptions { method, probe: true, ..SteerOptions::default() }
    }

    fn free(&self) -> Option<FreeOptions> {
        let time_limit = Some(seconds(self.free_time));
        (self.free > 0).then(|| FreeOptions { iterations: self.free, time_limit, ..FreeOptions::default() })
    }
}

/// What to do with each test.
fn effort(explore: &ExploreArgs, host: Option<&HostArgs>) -> Effort<'static> {
    Effort {
        explore: explore.options(),
        steer: host.map(HostArgs::steer),
        max_steered: host.map_or(0, |h| h.max_steered),
        free: host.and_then(HostArgs::free),
        kernel: explore.model.kernel,
        switched: explore.model.switched(),
        memory: explore.memory(),
    }
}

/// How to write for the terminal that standard output is, if it is one.
fn style(rules: bool) -> Style {
    let width = terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0).clamp(60, 200));
    Style { width, color: std::io::stdout().is_terminal(), rules }
}

/// How a subcommand ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Holds,
    Violated,
    BadInput,
    Inconclusive,
}

impl From<Status> for Exit {
    fn from(status: Status) -> Self {
        match status {
            Status::Holds | Status::NotApplicable => Exit::Holds,
            Status::Inconclusive => Exit::Inconclusive,
            Status::Violated | Status::Diverged => Exit::Violated,
        }
    }
}

impl Exit {
    /// The worse of two: bad input, then a violation, then doubt.
    fn worse(self, other: Exit) -> Exit {
        let rank = |exit| match exit {
            Exit::Holds => 0,
            Exit::Inconclusive => 1,
            Exit::Violated => 2,
            Exit::BadInput => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }

    fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Exit::Holds => 0,
            Exit::Violated => 1,
            Exit::BadInput => 2,
            Exit::Inconclusive => 3,
        })
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    signals::quiet_pipe();
    let cli = Cli::parse();
    signals::watch();
    let exit = match cli.command {
        Command::Check(args) => args.run(),
        Command::Run(args) => args.run(),
        Command::Test(args) => args.run(),
        Command::Fuzz(args) => args.run(),
        Command::Replay(args) => args.run(),
        Command::Show(args) => args.run(),
        Command::Step(args) => args.run(),
        Command::Graph(args) => args.run(),
        Command::Compare(args) => args.run(),
        Command::Print(args) => args.run(),
        Command::Rules(args) => args.run(),
        Command::Quirks(args) => args.run(),
        Command::Loom(args) => args.run(),
        Command::Completions(args) => args.run(),
        Command::Man(args) => args.run(),
    };
    signals::die_if_interrupted();
    exit.code()
}

//! `lockstep fuzz`: random programs against the kernel of this machine.

use super::{Exit, MethodArg, ModelArgs, input, seconds, signals};
use crate::{
    campaign::{self, Finding, FreeRuns, Options, Recipe, Summary, Tell, Walking},
    generate::{MECHANISMS, MechanismKind, Shape},
    kernel::Env,
    program::did_you_mean,
    report,
    target::{Host, SteerOptions, Target},
};
use clap::{Args, ValueEnum};
use std::{
    fs,
    io::IsTerminal,
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// The arguments of `fuzz`.
#[derive(Args, Debug)]
pub struct Fuzz {
    /// For how long, such as `60s`, `10m`, `2h` [default: 60s, or until --programs are done]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// Stop after so many programs
    #[arg(long, value_name = "N")]
    programs: Option<u64>,
    /// Decides all programs and schedules [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Begin with program number N of the seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// What programs are made of; several are separated by commas [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = mechanism)]
    mechanism: Vec<MechanismKind>,
    /// Run programs without a schedule, on all CPUs: every outcome must be one of the model's
    #[arg(long)]
    free: bool,
    /// Free runs of each program
    #[arg(long, value_name = "N", default_value_t = 200)]
    iterations: usize,
    /// Schedules for each program
    #[arg(long, value_name = "N", default_value_t = 3)]
    schedules: usize,
    /// Statements of a program, at most [default: 20, with --free 7]
    #[arg(long, value_name = "N")]
    statements: Option<usize>,
    /// Tasks of a program, at most [default: 4, with --free 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    tasks: Option<u8>,
    /// Of 100 programs so many have timers, which have to be waited for [default: 4, with --free 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    timers: Option<u8>,
    /// Write every kind of difference as a litmus file into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Stop after so many kinds of difference
    #[arg(long, value_name = "N", default_value_t = 20)]
    max_findings: usize,
    /// Only print the programs
    #[arg(long, requires = "programs")]
    print: bool,
    /// How to report
    #[arg(long, value_enum, default_value = "text")]
    format: FuzzFormat,
    #[command(flatten)]
    model: ModelArgs,
    /// How to steer [default: fifo where it is possible]
    #[arg(long, value_enum)]
    method: Option<MethodArg>,
}

/// How to report a campaign.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum FuzzFormat {
    /// For people
    Text,
    /// For programs: see docs/json.md
    Json,
}

/// `--mechanism`.
fn mechanism(name: &str) -> Result<MechanismKind, String> {
    MechanismKind::by_name(name).ok_or_else(|| {
        let names = MECHANISMS.iter().map(|kind| kind.name);
        let list: Vec<&str> = names.clone().collect();
        did_you_mean(name, names).unwrap_or_else(|| format!("there are {}", list.join(", ")))
    })
}

/// `90`, `90s`, `10m`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "ms" => 0.001,
        _ => return Err("expected a time such as `60s`, `10m` or `2h`".into()),
    };
    let number: f64 = digits.parse().map_err(|_| "expected a time such as `60s`, `10m` or `2h`".to_string())?;
    if !number.is_finite() || number < 0.0 {
        return Err("expected a time that is not negative".into());
    }
    Ok(seconds(number * unit))
}

impl Fuzz {
    pub fn run(&self) -> Exit {
        let seed = self.seed.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            now.as_nanos() as u64 % 1_000_000_000
        });
        if self.print {
            return self.print_programs(seed);
        }
        if let Some(out) = &self.out
            && let Err(error) = fs::create_dir_all(out)
        {
            return input::bad_input(&format!("{}: {error}", out.display()));
        }
        let mut host = match Host::new().map(|host| host.until(signals::stop())) {
            Ok(host) => host,
            Err(why) => return unusable(&why.to_string()),
        };
        let facts = match host.facts() {
            Ok(facts) => facts,
            Err(why) => return unusable(&why.to_string()),
        };
        let method = self.method.map(MethodArg::method);
        let can_hold = facts.realtime && method != Some(crate::target::Method::Proof);
        let options = Options {
            recipe: self.recipe(seed, self.model.env(&facts), can_hold),
            switched: self.model.switched(),
            first: self.first,
            programs: self.programs,
            time: self.time.or(self.programs.is_none().then(|| Duration::from_secs(60))),
            steer: SteerOptions { method, probe: true, ..SteerOptions::default() },
            free: self.free.then(|| FreeRuns { iterations: self.iterations, ..FreeRuns::default() }),
            confirm: 10,
            max_findings: self.max_findings.max(1),
            stop: Some(signals::stop()),
        };
        self.campaign(&mut host, &options)
    }

    fn campaign(&self, host: &mut Host, options: &Options) -> Exit {
        let text = self.format == FuzzFormat::Text;
        let mut line = ProgressLine::new();
        let mut broken = None;
        let result = campaign::run(host, options, &mut |event| match event {
            Tell::Progress(summary) => line.show(summary),
            Tell::Shrinking(kind) => line.say(&format!("shrinking: {kind}")),
            Tell::Found(finding) => {
                line.clear();
                match self.write(finding) {
                    Ok(file) if text => print!("{}", report::finding(finding, file.as_deref())),
                    Ok(_) => {}
                    Err(message) => broken = Some(message),
                }
            }
        });
        line.clear();
        let (summary, findings) = match result {
            Ok(done) => done,
            Err(why) => return unusable(&why.to_string()),
        };
        match self.format {
            FuzzFormat::Text => print!("{}", report::campaign(&summary, &findings)),
            FuzzFormat::Json => println!("{}", report::campaign_json(&summary, &findings)),
        }
        match broken {
            Some(message) => input::bad_input(&message),
            None if !findings.is_empty() => Exit::Violated,
            None if summary.programs == 0 => Exit::Inconclusive,
            None => Exit::Holds,
        }
    }

    fn recipe(&self, seed: u64, env: Env, can_hold: bool) -> Recipe {
        let mut shape = if self.free { Shape::small() } else { Shape::default() };
        shape.statements = self.statements.unwrap_or(shape.statements).max(1);
        shape.timed = self.timers.map_or(shape.timed, usize::from);
        shape.tasks = self.tasks.map_or(shape.tasks, usize::from);
        Recipe {
            seed,
            mechanisms: if self.mechanism.is_empty() { MECHANISMS.to_vec() } else { self.mechanism.clone() },
            shape,
            walking: Walking { most: 60, hold: if can_hold { 12 } else { 0 }, expire: 2 },
            schedules: self.schedules.max(1),
            env,
        }
    }

    fn print_programs(&self, seed: u64) -> Exit {
        let recipe = self.recipe(seed, Env::default(), false);
        for index in self.first..self.first.saturating_add(self.programs.unwrap_or(0)) {
            if signals::stopped() {
                break;
            }
            println!("{}", recipe.program(index).0);
        }
        Exit::Holds
    }

    /// Writes a finding where it is wanted.
    fn write(&self, finding: &Finding) -> Result<Option<String>, String> {
        let Some(out) = &self.out else { return Ok(None) };
        let words: String =
            finding.kind.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let mut name: String = words.split('-').filter(|w| !w.is_empty()).collect::<Vec<_>>().join("-").to_lowercase();
        name.truncate(80);
        let path = out.join(format!("{name}.litmus"));
        fs::write(&path, &finding.text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Some(path.display().to_string()))
    }
}

fn unusable(why: &str) -> Exit {
    eprintln!("error: {why}");
    Exit::Inconclusive
}

/// How things stand, on standard error: one line that changes on a terminal, else a line now and then.
struct ProgressLine {
    terminal: bool,
    last: Instant,
    shown: bool,
}

impl ProgressLine {
    fn new() -> Self {
        ProgressLine { terminal: std::io::stderr().is_terminal(), last: Instant::now(), shown: false }
    }

    fn show(&mut self, summary: &Summary) {
        let pause = if self.terminal { Duration::from_millis(200) } else { Duration::from_secs(30) };
        if self.last.elapsed() < pause {
            return;
        }
        self.last = Instant::now();
        self.say(&report::progress(summary));
    }

    fn say(&mut self, line: &str) {
        if self.terminal {
            eprint!("\r\x1b[2K{line}");
            self.shown = true;
        } else {
            eprintln!("{line}");
        }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            eprint!("\r\x1b[2K");
        }
    }
}

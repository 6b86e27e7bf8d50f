//! What reports look like, by snapshots: `INSTA_UPDATE=always cargo test --test report` writes them anew.

mod cases;

use cases::*;
use lockstep::{
    explore::{Exploration, Options, Steps, explore},
    kernel::Env,
    litmus,
    machine::{Machine, State, environment},
    program::{Compiled, Schedule},
    report::{Path, Style, timeline},
};

fn load(text: &str) -> Compiled {
    match litmus::load(text) {
        Ok((_, compiled)) => compiled,
        Err(problems) => panic!("{}", litmus::render(&problems, "test", text, false)),
    }
}

struct Bench<'p> {
    machine: Machine<'p>,
    initial: State,
    exploration: Exploration,
}

fn bench<'p>(program: &'p Compiled, options: &Options) -> Bench<'p> {
    let machine = Machine::new(program, environment(program, Env::default()).unwrap());
    let initial = machine.initial().unwrap();
    let exploration = explore(&machine, options).unwrap();
    Bench { machine, initial, exploration }
}

impl Bench<'_> {
    /// The way to the outcome that reads like this.
    fn outcome(&self, outcome: &str, style: &Style) -> String {
        let program = self.machine.program;
        let found = self.exploration.outcomes.iter().find(|(o, _)| o.display(program).to_string() == outcome);
        let Some((_, found)) = found else {
            let all: Vec<_> = self.exploration.outcomes.iter().map(|(o, _)| o.display(program).to_string()).collect();
            panic!("no outcome `{outcome}` among {all:#?}");
        };
        timeline(&self.machine, &self.initial, &Path::Witness(&found.witness), style)
    }

    fn schedule(&self, line: &str) -> String {
        let schedule = Schedule::parse(line, |name| self.machine.program.task_by_name(name)).unwrap();
        timeline(&self.machine, &self.initial, &Path::Schedule(&schedule), &Style::default())
    }
}

#[test]
fn sleeping_and_waking() {
    let program = load(SLEEP);
    let bench = bench(&program, &Options::default());
    insta::assert_snapshot!(bench.schedule("R W"));
}

#[test]
fn a_steal_needs_a_hold() {
    let program = load(STEAL);
    let bench = bench(&program, &Options::default());
    insta::assert_snapshot!(bench.schedule("A W+ B A"));
}

#[test]
fn a_circle() {
    let program = load(CIRCLE);
    let bench = bench(&program, &Options::default());
    insta::assert_snapshot!(bench.schedule("A B A"));
}

#[test]
fn a_forgotten_close() {
    let program = load(FORGOTTEN);
    let bench = bench(&program, &Options::default());
    insta::assert_snapshot!(bench.schedule("W W R R"));
}

#[test]
fn packets() {
    let program = load(PACKETS);
    let bench = bench(&program, &Options::default());
    insta::assert_snapshot!(bench.schedule("W W R R"));
}

#[test]
fn fifos() {
    let program = load(FIFO);
    let bench = bench(&program, &Options::default());
    insta::assert_snapshot!(bench.schedule("R W W R W"));
}

#[test]
fn crosswise_fifos() {
    let program = load(FIFO_CIRCLE);
    let bench = bench(&program, &Options::default());
    insta::assert_snapshot!(bench.schedule("A B"));
}

#[test]
fn order_of_service() {
    let program = load(DRAIN);
    let bench = bench(&program, &Options::default());
    insta::assert_snapshot!(bench.schedule("W A B R R"));
}

#[test]
fn interrupted_calls() {
    let program = load(INTERRUPTED);
    let options = Options { steps: Steps::Sections(Some(1)), ..Options::default() };
    let bench = bench(&program, &options);
    let (_, found) = bench.exploration.outcomes.iter().find(|(_, found)| found.preemptions > 0).unwrap();
    let path = Path::Witness(&found.witness);
    insta::assert_snapshot!(timeline(&bench.machine, &bench.initial, &path, &Style::default()));
}

#[test]
fn narrow_terminals() {
    let program = load(STEAL);
    let bench = bench(&program, &Options::default());
    let style = Style { width: 44, ..Style::default() };
    insta::assert_snapshot!(bench.outcome("B.b=\"x\"; A asleep in read", &style));
}

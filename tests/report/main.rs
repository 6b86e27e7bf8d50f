//! What reports look like, by snapshots: `INSTA_UPDATE=always cargo test --test report` writes them anew.

mod cases;

use cases::*;
use lockstep::{
    explore::{Exploration, Options, Steps, explore},
    kernel::{
        Env, Trace,
        pipe::{BufFlags, PipeBuffer},
    },
    litmus,
    machine::{Machine, Move, MoveKind, State, environment},
    oracle::{Divergence, Event, Order, StepSeen, What},
    program::{Compiled, Schedule},
    report::{Case, Path, Style, TestReport, Tested, TextOptions, deadlock, junit, text, timeline},
    target::{Facts, Method},
    verdict::{Confirmation, Effort, Judgement, NotAllowed, Real, judge},
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

/// A state that the model never comes to: bytes are there, and the reader sleeps on.
#[test]
fn a_lost_wake_up() {
    let program = load(SLEEP);
    let bench = bench(&program, &Options::default());
    let mut state = bench.initial.clone();
    state.set_journal(false);
    let read = Move { task: 1, kind: MoveKind::Call };
    bench.machine.apply(&mut state, read, u32::MAX, &mut Trace::default());
    let bytes = PipeBuffer { page: "abc".into(), len: 3, flags: BufFlags::CAN_MERGE, ..PipeBuffer::default() };
    state.kernel.ring_mut(0).push(bytes);
    insta::assert_snapshot!(deadlock(&bench.machine, &state, &Style::default()));
}

#[test]
fn colours_do_not_move_anything() {
    let program = load(CIRCLE);
    let bench = bench(&program, &Options::default());
    let tell = |color| {
        let (_, found) = &bench.exploration.outcomes[0];
        let style = Style { color, ..Style::default() };
        timeline(&bench.machine, &bench.initial, &Path::Witness(&found.witness), &style)
    };
    let colored = tell(true);
    assert!(colored.contains('\u{1b}'));
    let mut bare = String::new();
    let mut inside = false;
    for c in colored.chars() {
        match c {
            '\u{1b}' => inside = true,
            'm' if inside => inside = false,
            _ if !inside => bare.push(c),
            _ => {}
        }
    }
    let lines = |text: &str| text.lines().map(|line| line.trim_end().to_string()).collect::<Vec<_>>();
    assert_eq!(lines(&bare), lines(&tell(false)));
}

#[test]
fn narrow_terminals() {
    let program = load(STEAL);
    let bench = bench(&program, &Options::default());
    let style = Style { width: 44, ..Style::default() };
    insta::assert_snapshot!(bench.outcome("B.b=\"x\"; A asleep in read", &style));
}

#[test]
fn many_tasks() {
    let program = load(MANY);
    let bench = bench(&program, &Options::default());
    insta::assert_snapshot!(bench.schedule("worker[0] worker[1] worker[2] W worker[4] W"));
}

fn report(source: &str, program: &Compiled, judgement: &Judgement) -> TestReport {
    let hash = litmus::hash(&litmus::parse(source).unwrap());
    let mut report =
        TestReport::of(&Case { file: "models/it.litmus", text: source, hash: &hash, program, judgement }).unwrap();
    (report.stats.seconds, report.stats.bytes) = (0.001, 1000);
    report
}

/// A kernel that was not there, and what it did.
fn real(outcomes: usize) -> Real {
    let facts = Facts {
        version: "6.18.44".parse().unwrap(),
        release: "6.18.44-test".into(),
        page_size: 4096,
        pipe_max_size: 1 << 20,
        pipe_user_pages_soft: 16_384,
        pipe_user_pages_hard: 0,
        cap_sys_resource: false,
        cap_sys_admin: false,
        nofile: 1024,
        msgmax: 8192,
        msgmnb: 16_384,
        msgmni: 32_000,
        cpus: 2,
        realtime: true,
    };
    let mut real = Real::new(facts, outcomes);
    (real.method, real.steps, real.iterations) = (Some(Method::Fifo), 12, 1000);
    (real.steered_time, real.free_time) = (std::time::Duration::from_micros(100), std::time::Duration::from_millis(20));
    real
}

#[test]
fn a_log_of_the_model_alone() {
    let program = load(SLEEP);
    let judgement = judge(&program, &Effort::default(), None).unwrap();
    insta::assert_snapshot!(text(&report(SLEEP, &program, &judgement), &TextOptions::default()));
}

#[test]
fn a_log_of_what_is_wrong() {
    let program = load(WRONG);
    let judgement = judge(&program, &Effort::default(), None).unwrap();
    let report = report(WRONG, &program, &judgement);
    insta::assert_snapshot!("wrong_text", text(&report, &TextOptions { timing: false, ..TextOptions::default() }));
    insta::assert_snapshot!("wrong_json", report.json());
}

#[test]
fn a_log_of_a_real_kernel() {
    let program = load(STEAL);
    let mut judgement = judge(&program, &Effort::default(), None).unwrap();
    let mut real = real(judgement.exploration.outcomes.len());
    for (i, sighting) in real.sightings.iter_mut().enumerate() {
        sighting.free = 97 * i as u64;
        sighting.steered = Some(match i {
            0 => Confirmation::Confirmed,
            1 => Confirmation::Diverged,
            _ => Confirmation::NotSteerable("only reached by interrupting a call"),
        });
    }
    let mut outcome = judgement.exploration.outcomes[0].0.clone();
    outcome.shown[0] = lockstep::program::Value::Bytes("zz".into());
    real.not_allowed.push(NotAllowed { outcome, free: 3 });
    let schedule = Schedule::parse("A W", |name| program.task_by_name(name)).unwrap();
    let returned = |task, call, ret| Event { task, what: What::Returned(call, ret) };
    use lockstep::kernel::{CallKind, Return};
    let seen = StepSeen { events: vec![returned(2, CallKind::Write, Return::value(1))], ..StepSeen::default() };
    let expected = StepSeen { asleep: vec![(0, CallKind::Read)], ..seen.clone() };
    let divergence = Divergence { step: 1, release: schedule.steps[1], seen, expected: Some(expected), capped: false };
    real.divergences.push((schedule.clone(), divergence));
    real.reordered.push((schedule, Order::Calls));
    judgement.real = Some(real);
    let report = report(STEAL, &program, &judgement);
    insta::assert_snapshot!("real_text", text(&report, &TextOptions::default()));
    let bare = TextOptions { timing: false, counts: false, color: false };
    insta::assert_snapshot!("real_text_bare", text(&report, &bare));
    let broken = Tested::Broken { file: "models/bad.litmus".into(), message: "expected `}`".into() };
    insta::assert_snapshot!("real_junit", junit(&[Tested::Judged(Box::new(report)), broken]));
}

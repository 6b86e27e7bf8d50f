//! Semaphore sets against the textbook, and the numbers of states of well-known programs.

mod common;

use lockstep::{
    explore::{Options, Steps, explore},
    kernel::{Action, Call, Env, IpcId, Kernel, Quirk, SemBuf, SemCall, SemFlags, SemTimeout, Step, Trace, Version},
    litmus,
    machine::{Machine, environment},
};
use proptest::prelude::*;

/// What a book says of `semop`: all operations in turn on a copy, or nothing.
fn textbook(
    values: &mut Vec<i32>,
    adjustments: &mut Vec<i32>,
    sops: &[(u16, i16, bool, bool)],
) -> Result<(), &'static str> {
    let (mut v, mut a) = (values.clone(), adjustments.clone());
    for &(num, op, undo, nowait) in sops {
        let num = usize::from(num);
        let next = v[num] + i32::from(op);
        if next < 0 || op == 0 && v[num] != 0 {
            return Err(if nowait { "EAGAIN" } else { "sleeps" });
        }
        if next > 32_767 {
            return Err("ERANGE");
        }
        if undo {
            a[num] -= i32::from(op);
            if !(-32_768..=32_767).contains(&a[num]) {
                return Err("ERANGE");
            }
        }
        v[num] = next;
    }
    (*values, *adjustments) = (v, a);
    Ok(())
}

fn kernel(source: &str, version: Version) -> (Kernel, Env) {
    let (_, program) = litmus::load(source).unwrap();
    let env = environment(&program, Env::new(version)).unwrap();
    (Machine::new(&program, env.clone()).initial().unwrap().kernel, env)
}

fn values(k: &Kernel) -> Vec<i32> {
    k.sem_array(0).sems.iter().map(|sem| sem.semval.into()).collect()
}

fn sop() -> impl Strategy<Value = (u16, i16, bool, bool)> {
    let op = prop_oneof![4 => -2i16..3, 1 => Just(32_767i16), 1 => Just(-20_000i16), 1 => Just(20_000i16)];
    (0u16..3, op, any::<bool>(), any::<bool>())
}

fn versions() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::new(3, 18)), Just(Version::NEWEST)]
}

proptest! {
    /// A call alone does what the book says; one that fails or sleeps leaves everything as it was; and at exit all
    /// that was done with SEM_UNDO is taken back.
    #[test]
    fn semop_is_all_or_nothing(
        version in versions(),
        calls in prop::collection::vec(prop::collection::vec(sop(), 1..4), 1..12),
    ) {
        let source = "litmus \"x\"\nsem s(values: [0, 1, 2])\ntask A { exit(0) }\nallow deadlock";
        let (mut k, env) = kernel(source, version);
        let (mut wanted, mut adjustments) = (vec![0, 1, 2], vec![0; 3]);
        for sops in calls {
            let expected = textbook(&mut wanted, &mut adjustments, &sops);
            let sembuf = |&(sem_num, sem_op, undo, nowait): &(u16, i16, bool, bool)| {
                let mut sem_flg = SemFlags::empty();
                sem_flg.set(SemFlags::SEM_UNDO, undo);
                sem_flg.set(SemFlags::IPC_NOWAIT, nowait);
                SemBuf { sem_num, sem_op, sem_flg }
            };
            // A time of nothing: who would sleep gives up at once.
            let call = SemCall::Op {
                id: IpcId::Number(0),
                sops: sops.iter().map(sembuf).collect(),
                nsops: sops.len() as u32,
                timeout: SemTimeout::After(0),
            };
            let step = k.run(&env, 0, Action::Enter(Call::Sem(call)), &mut Trace::default(), u32::MAX);
            let Step::Returned(ret) = step else { panic!("{step:?}") };
            let got = ret.ret.map(|_| ()).map_err(|errno| errno.to_string());
            let expected = expected.map_err(|what| if what == "sleeps" { "EAGAIN" } else { what }.to_string());
            prop_assert_eq!(got, expected, "{:?}", sops);
            prop_assert_eq!(values(&k), wanted.clone());
        }
        let step = k.run(&env, 0, Action::Enter(Call::Exit { status: 0 }), &mut Trace::default(), u32::MAX);
        prop_assert_eq!(step, Step::Exited);
        let back: Vec<i32> = wanted.iter().zip(&adjustments).map(|(v, a)| (v + a).clamp(0, 32_767)).collect();
        prop_assert_eq!(values(&k), back);
    }

    /// Whoever does what with SEM_UNDO, in any order: when all are gone, every value is what it was. There is enough of everything
    /// that nobody sleeps and no adjustment is cut off at zero.
    #[test]
    fn adjustments_of_all_sum_to_zero(
        version in versions(),
        calls in prop::collection::vec((0usize..3, prop::collection::vec((0u16..2, prop::sample::select(&[-3, -1, 1, 2][..])), 1..4)), 1..12),
        choices in prop::collection::vec(any::<u8>(), 40),
    ) {
        let mut blocks = vec![String::new(); 3];
        for (task, sops) in &calls {
            let sops: Vec<String> = sops.iter().map(|(num, op)| format!("{num}:{op:+} undo")).collect();
            blocks[*task] += &format!("semop(s, [{}])
", sops.join(", "));
        }
        let tasks = blocks.iter().zip('A'..).map(|(block, name)| format!("task {name} {{
{block}exit(0)
}}
"));
        let source = format!("litmus \"x\"\nsem s(values: [200, 200])\n{}allow deadlock", tasks.collect::<String>());
        let (_, program) = litmus::load(&source).unwrap();
        let machine = Machine::new(&program, environment(&program, Env::new(version)).unwrap());
        let mut state = machine.initial().unwrap();
        for choice in choices.into_iter().cycle() {
            let moves: Vec<_> = machine.moves(&state).collect();
            if moves.is_empty() {
                break;
            }
            machine.apply(&mut state, moves[usize::from(choice) % moves.len()], 1, &mut Trace::default());
        }
        prop_assert!(!state.kernel.tasks().any(|(_, task)| task.asleep));
        prop_assert_eq!(values(&state.kernel), vec![200, 200]);
    }

    /// Simple waiters are served first-fit in the order in which they came, however much there is for them.
    #[test]
    fn waiters_are_served_first_fit(wants in prop::collection::vec(1i64..4, 1..5), up in 1i64..12) {
        let mut source = String::from("litmus \"x\"\nsem s[1]\n");
        for (i, want) in wants.iter().enumerate() {
            source += &format!("task W{i} {{ semop(s, [0:-{want}]) }}\n");
        }
        source += &format!("task U {{ semop(s, [0:+{up}]) }}\nallow deadlock");
        let (_, program) = litmus::load(&source).unwrap();
        let env = environment(&program, Env::default()).unwrap();
        let machine = Machine::new(&program, env);
        let mut fifo = lockstep::oracle::Fifo::new(&machine, &machine.initial().unwrap());
        for task in 0..wants.len() as u16 {
            fifo.release(lockstep::program::Release::of(task), &mut Trace::default()).unwrap();
        }
        let task = wants.len() as u16;
        let seen = fifo.release(lockstep::program::Release::of(task), &mut Trace::default()).unwrap();
        let (mut left, mut served) = (up, vec![task]);
        for (i, want) in wants.iter().enumerate() {
            if *want <= left {
                left -= want;
                served.push(i as u16);
            }
        }
        prop_assert_eq!(seen.events.iter().map(|event| event.task).collect::<Vec<_>>(), served);
    }
}

fn philosophers(n: usize) -> String {
    let mut source = format!("litmus \"x\"\nsem fork(values: [{}])\n", vec!["1"; n].join(", "));
    for i in 0..n {
        let (left, right) = (i, (i + 1) % n);
        source += &format!(
            "task P{i} {{ semop(fork, [{left}:-1]); semop(fork, [{right}:-1]); semop(fork, [{right}:+1]); semop(fork, [{left}:+1]) }}\n"
        );
    }
    source + "allow deadlock\nexists asleep(P0, semop)\n"
}

fn states(source: &str) -> (u64, usize) {
    let (_, program) = litmus::load(source).unwrap();
    let env = environment(&program, Env::default()).unwrap();
    let found = explore(&Machine::new(&program, env), &Options::default()).unwrap();
    assert!(found.violations.is_empty(), "{:?}", found.violations);
    (found.stats.states, found.outcomes.len())
}

/// A change of the search or of the model that changes a number is seen.
#[test]
fn philosophers_have_as_many_states_as_ever() {
    let counts: Vec<_> = (3..=6).map(|n| states(&philosophers(n))).collect();
    assert_eq!(counts, PHILOSOPHERS);
}

const PHILOSOPHERS: [(u64, usize); 4] = [(187, 2), (1076, 2), (6169, 2), (35_345, 2)];

/// Whatever version, and wherever calls are interrupted: what the library claims of semaphores holds.
#[test]
fn the_library_holds_on_old_kernels_and_when_calls_are_interrupted() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for path in common::files("models/sysv-sem") {
        let program = common::load_path(&path);
        for version in [(3, 2), (3, 10), (3, 12), (4, 19), (6, 18)].map(|(major, minor)| Version::new(major, minor)) {
            let env = environment(&program, Env::new(version)).unwrap();
            let options = Options { steps: Steps::Sections(Some(1)), max_states: 20_000, ..Options::default() };
            let found = explore(&Machine::new(&program, env), &options).unwrap();
            tried += 1;
            for violation in &found.violations {
                wrong.push(format!("{} on {version}: {}", path.display(), violation.claim.text(&program)));
            }
        }
    }
    assert!(tried > 150, "{tried}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Defects show when they are switched on, and do not when they are not.
#[test]
fn defects_are_found_when_they_are_switched_on() {
    for (file, quirk) in [
        ("sem-07-otime-alter-only", Quirk::SemOtimeAlterOnly),
        ("sem-09-counts-all", Quirk::SemCountsAll),
        ("sem-10-setall-keeps-pid", Quirk::SemSetallKeepsPid),
        ("sem-10-blocked-pid", Quirk::SemBlockedPid),
    ] {
        let path = format!("{}/models/bugs/{file}.litmus", env!("CARGO_MANIFEST_DIR"));
        let (_, program) = litmus::load(&std::fs::read_to_string(path).unwrap()).unwrap();
        for on in [false, true] {
            let mut env = environment(&program, Env::default()).unwrap();
            env.quirks = env.quirks.with(quirk, on);
            let found = explore(&Machine::new(&program, env), &Options::default()).unwrap();
            assert_eq!(found.violations.is_empty(), !on, "{file}");
        }
    }
}

use super::*;
use crate::{
    litmus,
    program::{Compiled, resolve},
};

fn generated(chooser: &mut dyn Chooser) -> (Program, Compiled) {
    let tree = program("generated".into(), MECHANISMS, &Shape::default(), chooser);
    match resolve(&tree) {
        Ok(compiled) => (tree, compiled),
        Err(problems) => panic!("{tree}\n{problems:?}"),
    }
}

#[test]
fn every_program_resolves_and_is_printed_as_it_is() {
    for index in 0..3000 {
        let (tree, _) = generated(&mut Random::new(7, index));
        let printed = tree.to_string();
        let (again, _) = litmus::load(&printed).unwrap_or_else(|p| panic!("{printed}\n{p:?}"));
        assert_eq!(again, tree, "{printed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_programs() {
    let text = |seed, index| generated(&mut Random::new(seed, index)).0.to_string();
    for index in 0..50 {
        assert_eq!(text(1, index), text(1, index));
    }
    assert_ne!(text(1, 0), text(2, 0));
    assert_ne!(text(1, 0), text(1, 1));
}

#[test]
fn any_bytes_are_a_program() {
    let bytes: Vec<u8> = (0..=255).cycle().take(4096).collect();
    for start in 0..256 {
        for len in [0, 1, 10, 100, 1000] {
            generated(&mut Bytes::new(&bytes[start..start + len]));
        }
    }
}

#[test]
fn every_mechanism_makes_calls_that_meet_a_sleeper() {
    // Nobody sleeps for shared memory.
    for &kind in MECHANISMS.iter().filter(|kind| kind.name != "sysv-shm") {
        let sleeps = |index| {
            let mut sketch = Sketch::default();
            let mut random = Random::new(3, index);
            process::declare(&mut sketch, &Shape::default(), kind.name == SIGNAL, &mut random);
            let mut mechanism = (kind.begin)();
            mechanism.declare(&mut sketch, &mut random);
            (0..20).any(|_| {
                let Some(task) = process::next_task(&sketch, &mut random) else { return false };
                mechanism.call(&mut sketch, task, &mut random);
                sketch.tasks.iter().any(|t| t.asleep.is_some())
            })
        };
        let count = (0..200).filter(|&index| sleeps(index)).count();
        assert!(count > 100, "{}: {count} of 200", kind.name);
    }
}

#[test]
fn every_task_does_something_or_is_named() {
    for index in 0..1000 {
        let (tree, compiled) = generated(&mut Random::new(9, index));
        let printed = tree.to_string();
        for (task, info) in compiled.tasks.iter().enumerate() {
            let own = &compiled.processes[usize::from(info.process)];
            let words = printed.split(|c: char| !c.is_ascii_alphanumeric());
            let times = words.filter(|word| *word == info.name || *word == own.name).count();
            // A thread may be there to take signals; and there is always somebody.
            let idle = info.code.instrs.is_empty() && times < 2;
            assert!(!idle || compiled.tasks.len() == 1, "{task}\n{printed}");
        }
    }
}

#[test]
fn handlers_have_statements_and_send_signals() {
    let (mut handlers, mut senders) = (0, 0);
    for index in 0..500 {
        let (tree, _) = generated(&mut Random::new(13, index));
        for item in &tree.items {
            let crate::program::syntax::Item::Process(process) = item else { continue };
            for handler in &process.handlers {
                handlers += 1;
                let sends = |stmt: &crate::program::syntax::Stmt| {
                    matches!(&stmt.kind, crate::program::syntax::StmtKind::Call { call, .. }
                        if ["kill", "tgkill", "sigqueue"].contains(&call.name.name.as_str()))
                };
                senders += usize::from(handler.block.iter().any(sends));
            }
        }
    }
    assert!(handlers > 200 && senders > 30, "{handlers} handlers, of which {senders} send");
}

//! What is held when a run ends.

use lockstep::{litmus, target::*};

/// A thread that is held is the last of its process to die. While it takes its entries out of `/proc`, the kernel lets whoever
/// reaps the process loop until they are gone: the reaper must not be in its way.
#[test]
fn held_threads_die_before_their_process_is_reaped() {
    let text = r#"
        litmus "a held thread"
        pipe p
        process P {
            thread A { read(p.r, 1) }
            thread B { read(p.r, 1) }
            thread C { read(p.r, 1) }
        }
        task W { write(p.w, "xyz") }
        schedule "B is held" { B asleep in read; C asleep in read; A asleep in read; W+ -> 3 }
    "#;
    let (_, program) = litmus::load(text).unwrap_or_else(|why| panic!("{}", litmus::render(&why, "held", text, false)));
    let mut host = Host::new().unwrap();
    if !host.facts().unwrap().realtime {
        return;
    }
    let schedule = {
        use lockstep::program::{Release, Schedule};
        let release = |name: &str, hold| Release { hold, ..Release::of(program.task_by_name(name).unwrap()) };
        Schedule { steps: vec![release("B", false), release("C", false), release("A", false), release("W", true)] }
    };
    let jobs: Vec<Job> = (0..500).map(|_| Job { program: &program, schedule: &schedule }).collect();
    let options = SteerOptions { check_every: 1, ..SteerOptions::default() };
    let mut held = 0;
    host.steer_batch(&jobs, &options, &mut |_, seen, report| {
        assert_eq!(report.end, Ending::Finished);
        let b = program.task_by_name("B").unwrap();
        held += usize::from(seen.iter().any(|o| matches!(o, Observation::Quiet { held, .. } if held.contains(&b))));
    })
    .unwrap();
    assert_eq!(held, jobs.len());
}

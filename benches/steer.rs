//! How fast runs are on this machine, beside a plain loop of the same system calls.
//!
//! `cargo bench --bench steer -- [steps | runs | free]` measures one thing only.

use lockstep::{
    kernel::*,
    machine::{Machine, environment},
    oracle::{Order, follow, steps as steps_seen},
    program::syntax::ObjectKind,
    program::*,
    target::*,
    verdict::base_env,
};
use std::time::Instant;

/// Steps per run: each task's code is a loop, so it does not end before.
const STEPS: usize = 100_000;

fn endless(call: Call) -> Code {
    let call = Instr::Call { call: CallCode::Known(call), dest: None, expect: None };
    Code { instrs: vec![call, Instr::Jump(0)], ..Code::default() }
}

fn task(program: &mut Compiled, name: &str, ends: &[(u16, End)], call: Call) {
    let id = program.tasks.len() as u16;
    let (name, ends) = (name.to_string(), ends.to_vec());
    program.tasks.push(TaskInfo {
        name: name.clone(),
        process: id,
        code: endless(call),
        vars: Vec::new(),
        split: false,
    });
    program.processes.push(ProcessInfo { name, ends, attached: Vec::new(), parent: None, threads: vec![id], user: 0 });
}

fn read() -> Call {
    Call::Read { fd: FIRST_FD, count: 1, fault: None, flags: RwFlags::empty() }
}

fn write() -> Call {
    Call::Write { fd: FIRST_FD, data: "x".into(), flags: RwFlags::empty() }
}

fn main() -> Result<(), Refusal> {
    let mut program = Compiled::default();
    let (name, flags) = ("p".to_string(), OpenFlags::empty());
    program.objects.push(ObjectInfo {
        name,
        kind: ObjectKind::Pipe,
        size: None,
        flags,
        file: None,
        cells: 0,
        ipc: Default::default(),
    });
    task(&mut program, "W", &[(0, End::Write)], write());
    task(&mut program, "R", &[(0, End::Read)], read());

    let mut host = Host::new()?;
    println!("{:#?}", host.facts()?);
    let only = std::env::args().skip(1).find(|arg| arg != "--bench");
    let wanted = |what: &str| only.as_deref().is_none_or(|only| only == what);
    if wanted("steps") {
        steps(&mut host, &program)?;
    }
    if wanted("runs") {
        short_runs(&mut host, &program)?;
    }
    if wanted("free") {
        (2..=4).try_for_each(|tasks| free_runs(&mut host, tasks))?;
    }
    Ok(())
}

/// Steps of a long run.
fn steps(host: &mut Host, program: &Compiled) -> Result<(), Refusal> {
    plain_loop();
    for (what, order) in [("write, then read", [0, 1]), ("read sleeps, write wakes it", [1, 0])] {
        let release = |i: usize| Release::of(order[i % 2]);
        let schedule = Schedule { steps: (0..STEPS).map(release).collect() };
        for method in [Method::Fifo, Method::Proof] {
            let options = SteerOptions { method: Some(method), ..SteerOptions::default() };
            let mut observations = Vec::new();
            match host.steer(program, &schedule, &options, &mut |o| observations.push(o.clone())) {
                Ok(report) => {
                    let explaining = explain(host, program, &schedule, &observations, method)?;
                    let with_oracle = report.steps as f64 / (report.elapsed.as_secs_f64() + explaining);
                    let rate = report.steps as f64 / report.elapsed.as_secs_f64();
                    println!(
                        "{method:?}, {what}: {rate:.0} steps/s ({:.2} us), {with_oracle:.0} with the oracle, {} of {} checks failed, {:?}",
                        1e6 / rate,
                        report.check_failures,
                        report.checks,
                        report.end
                    );
                }
                Err(refusal) => println!("{method:?}: {refusal}"),
            }
        }
    }
    Ok(())
}

/// Seconds that the oracle takes to explain a run; it must.
fn explain(
    host: &mut Host,
    program: &Compiled,
    schedule: &Schedule,
    observations: &[Observation],
    method: Method,
) -> Result<f64, Refusal> {
    let env = environment(program, base_env(&host.facts()?)).expect("the program has no settings");
    let machine = Machine::new(program, env);
    let initial = machine.initial().expect("the program has no init");
    let order = if method == Method::Fifo { Order::Fifo } else { Order::Calls };
    let begun = Instant::now();
    let explained = follow(&machine, &initial, schedule, &steps_seen(program, observations), order);
    assert_eq!(explained.map(|e| e.order).map_err(|d| d.step), Ok(order));
    Ok(begun.elapsed().as_secs_f64())
}

/// Iterations of free runs: writers of one byte, and a reader.
fn free_runs(host: &mut Host, tasks: u16) -> Result<(), Refusal> {
    let mut program = Compiled::default();
    let (name, flags) = ("p".to_string(), OpenFlags::empty());
    program.objects.push(ObjectInfo {
        name,
        kind: ObjectKind::Pipe,
        size: None,
        flags,
        file: None,
        cells: 0,
        ipc: Default::default(),
    });
    task(&mut program, "R", &[(0, End::Read)], read());
    (1..tasks).for_each(|_| task(&mut program, "W", &[(0, End::Write)], write()));
    for task in &mut program.tasks {
        task.code.instrs.pop();
    }
    for pinned in [true, false] {
        let options = FreeOptions { iterations: 20_000, pinned: Some(pinned), ..FreeOptions::default() };
        let report = host.free(&program, &options, &mut |_| {})?;
        let rate = report.iterations as f64 / report.elapsed.as_secs_f64();
        println!("free, {tasks} tasks, pinned {pinned}: {rate:.0} iterations/s, {report:?}");
    }
    Ok(())
}

/// What a run costs besides its steps.
fn short_runs(host: &mut Host, program: &Compiled) -> Result<(), Refusal> {
    let release = |i: usize| Release::of((i % 2) as u16);
    let schedules = vec![Schedule { steps: (0..20).map(release).collect() }; 2000];
    for method in [Method::Fifo, Method::Proof] {
        let options = SteerOptions { method: Some(method), ..SteerOptions::default() };
        let begun = Instant::now();
        match host.steer_many(program, &schedules, &options, &mut |_, _, _| {}) {
            Ok(()) => {
                let each = begun.elapsed().as_secs_f64() * 1e6 / schedules.len() as f64;
                println!("{method:?}, runs of 2 tasks and 20 steps: {each:.0} us each");
                let begun = Instant::now();
                for schedule in &schedules[..500] {
                    host.steer(program, schedule, &options, &mut |_| {})?;
                }
                println!("  in sandboxes of their own: {:.0} us each", begun.elapsed().as_secs_f64() * 1e6 / 500.0);
            }
            Err(refusal) => println!("{method:?}: {refusal}"),
        }
    }
    Ok(())
}

fn plain_loop() {
    let mut ends = [0i32; 2];
    // SAFETY: the array takes two descriptors.
    assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), 0) }, 0);
    let mut byte = [0u8; 1];
    let begun = Instant::now();
    for _ in 0..STEPS / 2 {
        // SAFETY: the buffer has one byte.
        unsafe {
            libc::write(ends[1], byte.as_ptr().cast(), 1);
            libc::read(ends[0], byte.as_mut_ptr().cast(), 1);
        }
    }
    println!("plain loop: {:.2} us per call", begun.elapsed().as_secs_f64() * 1e6 / STEPS as f64);
}

//! Programs to try laws on: those of the library, and random ones with many calls on few objects.

use super::{VERSIONS, common};
use lockstep::{
    kernel::{Env, Version},
    litmus,
    machine::{Machine, environment},
    program::Compiled,
};
use proptest::prelude::*;
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

/// A program on a version.
#[derive(Clone)]
pub struct Subject {
    /// Its name, or its text.
    what: Arc<str>,
    pub program: Arc<Compiled>,
    pub version: Version,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.what, self.version)
    }
}

/// Programs of the library, each with every version that it runs on.
fn library() -> &'static [Subject] {
    static PROGRAMS: OnceLock<Vec<Subject>> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let mut programs = Vec::new();
        for path in common::library() {
            let program = Arc::new(common::load_path(&path));
            for (major, minor) in VERSIONS {
                let version = Version::new(major, minor);
                if program.settings.kernel.contains(version) && begins(&program, version) {
                    let what = path.display().to_string().into();
                    programs.push(Subject { what, program: Arc::clone(&program), version });
                }
            }
        }
        programs
    })
}

fn begins(program: &Compiled, version: Version) -> bool {
    let env = environment(program, Env::new(version));
    env.is_ok_and(|env| Machine::new(program, env).initial().is_ok())
}

/// One of the library.
fn of_library() -> impl Strategy<Value = Subject> {
    (0..library().len()).prop_map(|i| library()[i].clone())
}

/// A random one.
fn random() -> impl Strategy<Value = Subject> {
    let task = || prop::collection::vec(any::<[u8; 4]>(), 1..5);
    let tasks = prop::collection::vec(task(), 2..4);
    (tasks, any::<[bool; 3]>(), prop::sample::select(&VERSIONS[..])).prop_map(|(tasks, shape, (major, minor))| {
        let text = text(&tasks, shape);
        match litmus::load(&text) {
            Ok((_, program)) => {
                Subject { what: text.into(), program: Arc::new(program), version: Version::new(major, minor) }
            }
            Err(problems) => panic!("{}", litmus::render(&problems, "random", &text, false)),
        }
    })
}

/// One of the library, or (twice as often) a random one.
pub fn subjects() -> impl Strategy<Value = Subject> {
    prop_oneof![of_library(), random(), random()]
}

/// The text of a random program: two pipes, a FIFO, a file, and tasks of which two may be threads of one process, or one the
/// child of another.
fn text(tasks: &[Vec<[u8; 4]>], [threads, child, full]: [bool; 3]) -> String {
    let mut text = String::from(
        "litmus \"random\"\nfile g(data: \"0123456789\")\nfifo f\npipe p(size: 4096)\npipe q(size: 8192)\n",
    );
    if full {
        text.push_str("init { write(p.w, \"i\" * 4096) }\n");
    }
    let bodies: Vec<String> = tasks.iter().map(|calls| body(calls)).collect();
    match (threads, child, &bodies[..]) {
        (true, _, [a, b, rest @ ..]) => {
            text.push_str(&format!("process P {{ thread A {{ {a} }} thread B {{ {b} }} }}\n"));
            rest.iter().for_each(|body| text.push_str(&format!("task C {{ {body} }}\n")));
        }
        (_, true, [a, b, rest @ ..]) => {
            text.push_str(&format!("process P {{ fork(C); {a} }}\nprocess C child of P {{ {b} }}\n"));
            rest.iter().for_each(|body| text.push_str(&format!("task D {{ {body} }}\n")));
        }
        _ => bodies
            .iter()
            .zip(["A", "B", "C"])
            .for_each(|(body, name)| text.push_str(&format!("task {name} {{ {body} }}\n"))),
    }
    text.push_str("allow deadlock\n");
    text
}

/// The calls of a task; descriptors are ends of the pipes and what it has opened itself.
fn body(calls: &[[u8; 4]]) -> String {
    let mut opened = Vec::new();
    let mut text = String::new();
    for (i, &[call, fd, fd2, number]) in calls.iter().enumerate() {
        let pick = |choice: u8, from: &[&str]| from[usize::from(choice) % from.len()].to_owned();
        let any = |choice: u8, ends: &[&str]| {
            let ends = ends.iter().copied().chain(opened.iter().map(String::as_str)).collect::<Vec<_>>();
            pick(choice, &ends)
        };
        let (from, to) = (any(fd, &["p.r", "q.r"]), any(fd2, &["p.w", "q.w"]));
        let both = any(fd, &["p.r", "p.w", "q.r", "q.w"]);
        let bytes = pick(number, &["1", "100", "4096", "5000", "9000"]);
        let flags = pick(number, &["O_RDONLY | O_NONBLOCK", "O_RDWR", "O_RDONLY", "O_WRONLY", "O_RDWR | O_NONBLOCK"]);
        let (made, opens) = match call % 18 {
            0..=2 => (format!("write({to}, \"x\" * {bytes})"), false),
            3..=5 => (format!("read({from}, {bytes})"), false),
            6 | 7 => (format!("close({both})"), false),
            8 => (format!("dup({both})"), true),
            9 => (format!("open(f, {flags})"), true),
            10 => (format!("fcntl({both}, F_SETPIPE_SZ, {})", pick(number, &["4096", "8192", "16384"])), false),
            11 => (format!("splice({from}, none, {to}, none, {bytes})"), false),
            12 => (format!("tee({from}, {to}, {bytes})"), false),
            13 => (format!("poll({both}, POLLIN | POLLOUT)"), false),
            14 => ("open(g, O_RDWR)".into(), true),
            15 => (format!("vmsplice({to}, \"v\" * {bytes})"), false),
            16 => (format!("reopen({both}, {flags})"), true),
            _ => ("exit(0)".into(), false),
        };
        text.push_str(&format!("v{i} = {made}; "));
        if opens {
            opened.push(format!("v{i}"));
        }
    }
    text
}

//! The command line, run as users run it.

use super::root;
use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

/// The tool with these arguments, in the repository and without input.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.current_dir(root()).args(args).stdin(Stdio::null());
    command
}

/// Runs it.
pub fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// Runs it with something on standard input.
pub fn run_on(input: &str, args: &[&str]) -> Output {
    run_in(root(), args, input)
}

/// Runs it in a directory, with something on standard input.
pub fn run_in(dir: &Path, args: &[&str], input: &str) -> Output {
    let mut command = command(args);
    command.current_dir(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// How it ended.
pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

/// What it printed.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What it said besides.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

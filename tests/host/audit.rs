//! Whatever is killed, and whenever: nothing is left.

use crate::build::*;
use lockstep::{kernel::*, target::*};
use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const MARKER: &str = "LOCKSTEP_VICTIM";

fn program() -> Build {
    Build::default()
        .pipe("p", None)
        .fifo("f")
        .task("R", &[(0, R)], vec![read(3, 9), read(3, 9), Call::Open { path: 0, flags: OpenFlags::empty() }])
        .task("W", &[(0, W)], vec![write(3, "ab"), Call::Fork { child: 2 }, Call::Pause])
        .child("C", 1, vec![Call::Open { path: 0, flags: OpenFlags::empty() }])
}

/// Not a test by itself: the process that is killed runs this.
#[test]
fn victim() {
    if std::env::var_os(MARKER).is_none() {
        return;
    }
    let b = program();
    let schedules = ["R W R W C W", "W R R W C W"].map(|s| b.schedule(s));
    let mut hosts = [Host::new().unwrap(), Host::unprivileged().unwrap()];
    for i in 0.. {
        let host = &mut hosts[i % 2];
        let schedules: Vec<_> = schedules.iter().cycle().take(i % 7 + 1).cloned().collect();
        host.steer_many(&b.0, &schedules, &SteerOptions::default(), &mut |_, _, _| {}).unwrap();
        let options = FreeOptions { iterations: i % 5, ..FreeOptions::default() };
        host.free(&b.0, &options, &mut |_| {}).unwrap();
    }
}

/// Processes that are, or descend from, the victim with this mark.
fn marked(mark: &str) -> Vec<String> {
    let wanted = format!("{MARKER}={mark}\0");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let has = |entry: &fs::DirEntry| {
        let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
        environ.windows(wanted.len()).any(|w| w == wanted.as_bytes())
    };
    processes.filter(has).map(|e| fs::read_to_string(e.path().join("comm")).unwrap_or_default()).collect()
}

#[test]
fn nothing_survives_a_kill() {
    let mounts = || fs::read_to_string("/proc/self/mounts").unwrap();
    let before = mounts();
    let mut most = 0;
    for round in 0..100u64 {
        let mark = format!("{}-{round}", std::process::id());
        let mut victim = Command::new(std::env::current_exe().unwrap());
        victim.args(["--exact", "audit::victim", "--nocapture"]).env(MARKER, &mark);
        let mut victim = victim.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // A different moment each time: from the start of the process to deep in its work.
        thread::sleep(Duration::from_micros(round * 7919 % 60_000));
        most = most.max(marked(&mark).len());
        victim.kill().unwrap();
        victim.wait().unwrap();
        let killed = Instant::now();
        while !marked(&mark).is_empty() {
            assert!(killed.elapsed() < Duration::from_secs(1), "round {round}: {:?} are left", marked(&mark));
            thread::sleep(Duration::from_millis(1));
        }
    }
    assert!(most > 1, "no victim was ever seen at work");
    assert_eq!(mounts(), before);
    let names = ["0.0", "0.1"].map(|name| std::path::Path::new("/tmp").join(name));
    assert!(names.iter().all(|path| !path.exists()), "a FIFO is left in /tmp");
}

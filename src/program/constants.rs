//! The constants of the notation, by name.

use super::Value;
use crate::kernel::{
    Errno, IpcFlags, MsgFlags, OpenFlags, Payload, PollEvents, RwFlags, ShmFlags, SpliceFlags, signal, signal::SaFlags,
};

/// `fcntl` commands.
pub const F_DUPFD: i64 = 0;
/// `fcntl` commands.
pub const F_GETFL: i64 = 3;
/// `fcntl` commands.
pub const F_SETFL: i64 = 4;
/// `fcntl` commands.
pub const F_SETPIPE_SZ: i64 = 1031;
/// `fcntl` commands.
pub const F_GETPIPE_SZ: i64 = 1032;
/// `ioctl` request.
pub const FIONREAD: i64 = 0x541b;

/// `msgctl` commands and those that all System V objects have.
pub const IPC_RMID: i64 = 0;
/// `msgctl` commands.
pub const IPC_SET: i64 = 1;
/// `msgctl` commands.
pub const IPC_STAT: i64 = 2;
/// `msgctl` commands.
pub const IPC_INFO: i64 = 3;
/// `semctl` commands.
pub const GETPID: i64 = 11;
/// `semctl` commands.
pub const GETVAL: i64 = 12;
/// `semctl` commands.
pub const GETALL: i64 = 13;
/// `semctl` commands.
pub const GETNCNT: i64 = 14;
/// `semctl` commands.
pub const GETZCNT: i64 = 15;
/// `semctl` commands.
pub const SETVAL: i64 = 16;
/// `semctl` commands.
pub const SETALL: i64 = 17;
/// `semctl` commands.
pub const SEM_STAT: i64 = 18;
/// `semctl` commands.
pub const SEM_INFO: i64 = 19;
/// `semctl` commands.
pub const SEM_STAT_ANY: i64 = 20;
/// `msgctl` commands.
pub const MSG_STAT: i64 = 11;
/// `msgctl` commands.
pub const MSG_INFO: i64 = 12;
/// `msgctl` commands.
pub const MSG_STAT_ANY: i64 = 13;
/// `shmctl` command.
pub const SHM_LOCK: i64 = 11;
/// `shmctl` command.
pub const SHM_UNLOCK: i64 = 12;
/// `shmctl` command.
pub const SHM_STAT: i64 = 13;
/// `shmctl` command.
pub const SHM_INFO: i64 = 14;
/// `shmctl` command.
pub const SHM_STAT_ANY: i64 = 15;
/// `SIG_DFL`, as `sigaction` of the notation takes it.
pub const SIG_DFL: i64 = 0;
/// `SIG_IGN`, as `sigaction` of the notation takes it; handlers have the numbers after it.
pub const SIG_IGN: i64 = 1;

const NUMBERS: &[(&str, i64)] = &[
    ("O_RDONLY", 0),
    ("PAGE_SIZE", 4096),
    ("PIPE_BUF", 4096),
    ("F_DUPFD", F_DUPFD),
    ("F_GETFL", F_GETFL),
    ("F_SETFL", F_SETFL),
    ("F_SETPIPE_SZ", F_SETPIPE_SZ),
    ("F_GETPIPE_SZ", F_GETPIPE_SZ),
    ("FIONREAD", FIONREAD),
    ("IPC_PRIVATE", 0),
    ("IPC_RMID", IPC_RMID),
    ("IPC_SET", IPC_SET),
    ("IPC_STAT", IPC_STAT),
    ("IPC_INFO", IPC_INFO),
    ("MSG_STAT", MSG_STAT),
    ("MSG_INFO", MSG_INFO),
    ("MSG_STAT_ANY", MSG_STAT_ANY),
    ("GETPID", GETPID),
    ("GETVAL", GETVAL),
    ("GETALL", GETALL),
    ("GETNCNT", GETNCNT),
    ("GETZCNT", GETZCNT),
    ("SETVAL", SETVAL),
    ("SETALL", SETALL),
    ("SEM_STAT", SEM_STAT),
    ("SEM_INFO", SEM_INFO),
    ("SEM_STAT_ANY", SEM_STAT_ANY),
    ("SHM_LOCK", SHM_LOCK),
    ("SHM_UNLOCK", SHM_UNLOCK),
    ("SHM_STAT", SHM_STAT),
    ("SHM_INFO", SHM_INFO),
    ("SHM_STAT_ANY", SHM_STAT_ANY),
    ("SHM_DEST", 0o1000),
    ("SHM_LOCKED", 0o2000),
    ("LONG_MAX", i64::MAX),
    ("LONG_MIN", i64::MIN),
    ("SIG_DFL", SIG_DFL),
    ("SIG_IGN", SIG_IGN),
    ("ITIMER_REAL", 0),
    ("SFD_CLOEXEC", 0o2_000_000),
    ("SFD_NONBLOCK", 0o4000),
    ("SIG_BLOCK", 0),
    ("SIG_UNBLOCK", 1),
    ("SIG_SETMASK", 2),
    ("SI_USER", 0),
    ("SEGV_MAPERR", 1),
    ("SEGV_ACCERR", 2),
    ("SI_QUEUE", -1),
    ("SI_TIMER", -2),
    ("SI_TKILL", -6),
    ("SI_KERNEL", 0x80),
    ("CLD_EXITED", 1),
    ("CLD_KILLED", 2),
    ("CLD_STOPPED", 5),
    ("CLD_CONTINUED", 6),
    ("WNOHANG", 1),
    ("WUNTRACED", 2),
    ("WCONTINUED", 8),
    ("INT_MIN", i32::MIN as i64),
    ("true", 1),
    ("false", 0),
];

/// Every constant with its value.
pub fn all() -> impl Iterator<Item = (&'static str, Value)> {
    use bitflags::Flags;
    let int = |&(name, n): &(&'static str, i64)| (name, Value::Int(n));
    let open =
        OpenFlags::FLAGS.iter().filter(|f| f.is_named()).map(|f| (f.name(), Value::Int(f.value().bits().into())));
    let rw = RwFlags::FLAGS.iter().filter(|f| f.is_named()).map(|f| (f.name(), Value::Int(f.value().bits().into())));
    let poll =
        PollEvents::FLAGS.iter().filter(|f| f.is_named()).map(|f| (f.name(), Value::Int(f.value().bits().into())));
    let splice =
        SpliceFlags::FLAGS.iter().filter(|f| f.is_named()).map(|f| (f.name(), Value::Int(f.value().bits().into())));
    let ipc = IpcFlags::FLAGS.iter().filter(|f| f.is_named()).map(|f| (f.name(), Value::Int(f.value().bits().into())));
    let msg = MsgFlags::FLAGS.iter().filter(|f| f.is_named()).map(|f| (f.name(), Value::Int(f.value().bits().into())));
    let shm = ShmFlags::FLAGS.iter().filter(|f| f.is_named()).map(|f| (f.name(), Value::Int(f.value().bits().into())));
    let sa = SaFlags::FLAGS.iter().filter(|f| f.is_named()).map(|f| (f.name(), Value::Int(f.value().bits().into())));
    let signals = signal::NAMES.iter().map(|&(name, number)| (name, Value::Int(number.into())));
    let errnos = Errno::ALL.iter().filter(|(_, e)| e.0 < 512).map(|&(name, e)| (name, Value::Errno(e)));
    let others = [
        ("EOF", Value::Eof),
        ("fd", Value::AnyFd),
        ("ipcid", Value::AnyId),
        ("shmaddr", Value::AnyAddr),
        ("none", Value::None),
        ("FAULT", Value::Bytes(Payload::fault())),
    ];
    let flags = open.chain(rw).chain(poll).chain(splice).chain(ipc).chain(msg).chain(shm).chain(sa);
    NUMBERS.iter().map(int).chain(flags).chain(signals).chain(errnos).chain(others)
}

/// The constant called `name`.
pub fn by_name(name: &str) -> Option<Value> {
    all().find(|(n, _)| *n == name).map(|(_, value)| value)
}

/// An event mask in words: `POLLIN|POLLHUP`, or `0`.
pub fn poll_events(mask: i64) -> String {
    flags(PollEvents::from_bits_retain(mask as u16))
}

/// Access mode and flags in words: `O_RDONLY|O_NONBLOCK`.
pub fn open_flags(bits: OpenFlags) -> String {
    if bits.intersects(OpenFlags::O_WRONLY | OpenFlags::O_RDWR) {
        flags(bits)
    } else if bits.is_empty() {
        "O_RDONLY".into()
    } else {
        format!("O_RDONLY|{}", flags(bits))
    }
}

/// A set of flags in words, unknown bits in hexadecimal; `0` if there is none.
pub fn flags<F: bitflags::Flags<Bits: std::fmt::LowerHex + PartialEq + Default> + Copy>(bits: F) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut rest = bits.bits();
    for flag in F::FLAGS.iter().filter(|f| f.is_named()) {
        if bits.contains(*flag.value()) {
            names.push(flag.name().to_string());
            let mut left = F::from_bits_retain(rest);
            left.remove(*flag.value());
            rest = left.bits();
        }
    }
    if rest != F::Bits::default() {
        names.push(format!("{rest:#x}"));
    }
    if names.is_empty() { "0".into() } else { names.join("|") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_twice() {
        let mut names: Vec<_> = all().map(|(name, _)| name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn masks_in_words() {
        assert_eq!(poll_events(0x11), "POLLIN|POLLHUP");
        assert_eq!(poll_events(0), "0");
        assert_eq!(poll_events(0x8004), "POLLOUT|0x8000");
    }
}

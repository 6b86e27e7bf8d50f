//! Why a program cannot be run on a target, in words that help.

use std::fmt;

/// Why a program cannot be run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// A step of building the sandbox failed.
    Sandbox {
        /// Which step.
        stage: Stage,
        /// The error, as in `errno.h`.
        errno: i32,
    },
    /// A declared object could not be made.
    Object {
        /// Its name.
        name: String,
        /// The error, as in `errno.h`.
        errno: i32,
    },
    /// The program asks for a capability that cannot be given.
    Capability(String),
    /// The program has a process of another user, which this sandbox cannot give.
    Users,
    /// [`super::Method::Fifo`] was asked for and is not available.
    NoRealtime,
    /// A schedule holds tasks, which needs [`super::Method::Fifo`].
    CannotHold,
    /// The program has more of something than fits.
    TooBig {
        /// Of what.
        what: &'static str,
        /// How many fit.
        most: usize,
    },
    /// A schedule names a task that the program does not have.
    NoSuchTask(u16),
    /// The controller died.
    Crashed(String),
}

macro_rules! stages {
    ($($name:ident: $doc:literal, $hint:literal;)*) => {
        /// A step of building the sandbox.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u32)]
        pub enum Stage {
            $(#[doc = $doc] $name,)*
        }

        impl Stage {
            /// Every stage.
            pub(crate) const ALL: &'static [Stage] = &[$(Stage::$name,)*];

            fn text(self) -> (&'static str, &'static str) {
                match self {
                    $(Stage::$name => ($doc, $hint),)*
                }
            }
        }
    };
}

stages! {
    Memory: "mapping the shared memory", "the address space or the memory cgroup may be limited";
    Fork: "starting a process", "the limit of processes (ulimit -u, or the pids cgroup) may be reached";
    UserNamespace: "making a user namespace",
        "user namespaces may be forbidden: see kernel.unprivileged_userns_clone, user.max_user_namespaces, \
         kernel.apparmor_restrict_unprivileged_userns, or the container's seccomp profile; or run as root";
    IdMap: "writing the user namespace's id map", "the container may forbid it; run as root";
    Namespaces: "making pid, ipc and mount namespaces",
        "the container's seccomp profile may forbid unshare (docker: --security-opt seccomp=unconfined --cap-add SYS_ADMIN)";
    PrivateMounts: "making mounts private", "the container may forbid mount (docker: --security-opt apparmor=unconfined)";
    Tmpfs: "mounting a tmpfs for FIFOs", "the container may forbid mount (docker: --security-opt apparmor=unconfined)";
    Proc: "finding /proc", "no /proc is mounted here";
    Capabilities: "dropping capabilities", "";
    Cpu: "binding to one CPU", "the CPU may be offline or outside of the cpuset";
    Lifeline: "tying the sandbox to this process", "";
    Descriptors: "arranging descriptors", "the limit of open files (ulimit -n) may be too low";
    Threads: "starting a thread", "the limit of processes (ulimit -u, or the pids cgroup) may be reached";
    User: "changing the user", "";
    Limits: "setting resource limits", "";
    Watchdog: "starting the controller", "the machine may be overloaded";
}

/// The system's words for an error number.
fn message(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Sandbox { stage, errno } => {
                let (what, hint) = stage.text();
                write!(f, "{what} failed: {}", message(*errno))?;
                if hint.is_empty() { Ok(()) } else { write!(f, "; {hint}") }
            }
            Refusal::Object { name, errno } => {
                write!(f, "`{name}` could not be made: {}", message(*errno))?;
                match *errno {
                    libc::EPERM => {
                        f.write_str("; its size may be above a limit (fs.pipe-max-size, kernel.msgmnb), which needs CAP_SYS_RESOURCE")
                    }
                    libc::EMFILE | libc::ENFILE => f.write_str("; the limit of open files may be reached"),
                    _ => Ok(()),
                }
            }
            Refusal::Capability(name) => {
                write!(
                    f,
                    "the program wants {name}, which is not available; run as a user who has it, outside of containers"
                )
            }
            Refusal::Users => f.write_str("the program has processes of several users, which only root can run"),
            Refusal::NoRealtime => {
                f.write_str("SCHED_FIFO is not available: it needs root, or CAP_SYS_NICE with CAP_SYS_ADMIN, or a hard RLIMIT_RTPRIO of 20")?;
                f.write_str(" or more, and a cpu cgroup whose cpu.rt_runtime_us is not 0")
            }
            Refusal::CannotHold => f.write_str("a schedule holds tasks (`W+`), which needs SCHED_FIFO; run as root"),
            Refusal::TooBig { what, most } => write!(f, "the program has more than {most} {what}"),
            Refusal::NoSuchTask(task) => {
                write!(f, "a schedule names task number {task}, which the program does not have")
            }
            Refusal::Crashed(message) => write!(f, "the controller died: {message}"),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_likely_cause() {
        let refusal = Refusal::Sandbox { stage: Stage::UserNamespace, errno: libc::EPERM };
        let text = refusal.to_string();
        assert!(text.contains("Operation not permitted") && text.contains("seccomp"), "{text}");
    }

    #[test]
    fn stages_stand_at_their_number() {
        for (i, &stage) in Stage::ALL.iter().enumerate() {
            assert_eq!(stage as usize, i);
        }
    }
}

//! Ctrl-C: what is running comes to a clean end, and the exit status is that of the signal.

use signal_hook::{consts::SIGINT, consts::SIGTERM, flag, low_level};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();
static TERMINATED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Set once the user wants an end.
pub fn stop() -> &'static AtomicBool {
    STOP.get_or_init(Default::default)
}

/// Whether the user wants an end.
pub fn stopped() -> bool {
    stop().load(Ordering::Relaxed)
}

/// Ends quietly when the reader of standard output goes away, as other tools do.
pub fn quiet_pipe() {
    // SAFETY: no other thread runs yet, and the default action needs no handler.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// From now on the first signal asks for an end, and the second one ends at once.
pub fn watch() {
    let stop = STOP.get_or_init(Default::default);
    let terminated = TERMINATED.get_or_init(Default::default);
    for signal in [SIGINT, SIGTERM] {
        // Registering fails only for signals that cannot be caught.
        let _ = flag::register_conditional_default(signal, Arc::clone(stop));
        let _ = flag::register(signal, Arc::clone(stop));
    }
    let _ = flag::register(SIGTERM, Arc::clone(terminated));
}

/// From now on a first Ctrl-C ends the process at once: it waits for its user.
pub fn end_at_once() {
    // SAFETY: the default action needs no handler.
    unsafe { libc::signal(SIGINT, libc::SIG_DFL) };
}

/// Ends the process as the signal would have, if there was one.
pub fn die_if_interrupted() {
    if stopped() {
        let terminated = TERMINATED.get().is_some_and(|t| t.load(Ordering::Relaxed));
        let _ = low_level::emulate_default_handler(if terminated { SIGTERM } else { SIGINT });
    }
}

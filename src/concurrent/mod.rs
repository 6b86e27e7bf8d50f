//! The kernel's locks and wake-ups as concurrent code: the places where threads can really interrupt each other, each lock, and
//! the loads that take none. [loom](https://docs.rs/loom) runs it under every interleaving and every value that the memory model
//! lets such a load return, up to a bound of preemptions.
//!
//! The model in [`kernel`](crate::kernel) says what calls do, and takes a stretch under a lock as one step. This says that the
//! stretches may be taken so: what a protocol here can end with, the model has too (`tests/protocols.rs`).
//!
//! Each file of `protocol/` is compiled twice, with loom's locks and threads and with those of the standard library. A
//! [`Protocol`] is a script for such code; [`PROTOCOLS`] lists them, [`check`] runs one under loom, [`run_natively`] on real
//! threads.
//!
//! Reference counts are `std::sync::Arc`s in both: with loom's own a deadlock would abort the process. Loom therefore does not
//! check lifetimes here.

mod check;
mod litmus;
mod protocols;
pub mod script;
mod story;

pub use check::{Checked, Failure, check, run_natively};
pub use litmus::{litmus, outcome};
pub use protocols::{DEFECTS, DefectInfo, PROTOCOLS, Protocol};
pub use story::tell;

#[path = "protocol"]
#[allow(clippy::duplicate_mod)] // on purpose, see above
mod loomed {
    mod rt {
        pub use loom::thread;
        pub mod sync {
            pub use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
        }
    }
    mod pipe;
    pub mod run;
    mod task;
    mod wait;
}

#[path = "protocol"]
#[allow(clippy::duplicate_mod)] // on purpose, see above
mod native {
    mod rt {
        pub use std::{sync, thread};
    }
    mod pipe;
    pub mod run;
    mod task;
    mod wait;
}

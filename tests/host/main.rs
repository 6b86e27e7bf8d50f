//! The host executor, on the kernel of this machine.

mod audit;
mod build;
mod free;
mod held;
mod signals;
mod steered;

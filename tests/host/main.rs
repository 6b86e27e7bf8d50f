//! The host executor, on the kernel of this machine.

mod build;
mod free;
mod steered;

//! Sizes at which kernels change their minds.

use super::{Chooser, FileSketch};
use crate::kernel::PAGE_SIZE;

/// Nothing larger is passed: more bytes show nothing new, and take time.
const MOST: u32 = 128 << 10;

/// A number of bytes for a call on `file`: nothing, single bytes, pages and the capacity, what is there and what there is room
/// for, and one more and one less of all of them.
pub fn size(file: &FileSketch, chooser: &mut dyn Chooser) -> u32 {
    let room = file.capacity.saturating_sub(file.bytes);
    let pages = PAGE_SIZE * (1 + chooser.choose(3) as u32);
    let base = chooser.weighted(&[
        (4, 1),
        (3, 10),
        (3, 100),
        (1, 2000),
        (4, PAGE_SIZE),
        (2, pages),
        (3, file.capacity),
        (4, file.bytes),
        (4, room),
        (1, 0),
    ]);
    let exact = chooser.weighted(&[(6, 0i32), (2, -1), (2, 1), (1, 100)]);
    base.saturating_add_signed(exact).min(MOST)
}

/// An argument of `F_SETPIPE_SZ`.
pub fn capacity(file: &FileSketch, chooser: &mut dyn Chooser) -> i64 {
    chooser.weighted(&[
        (4, PAGE_SIZE.into()),
        (4, i64::from(2 * PAGE_SIZE)),
        (2, i64::from(4 * PAGE_SIZE)),
        (1, i64::from(16 * PAGE_SIZE)),
        (2, i64::from(PAGE_SIZE) + 1),
        (2, i64::from(file.bytes)),
        (1, i64::from(file.capacity) * 2),
        (1, 0),
        (1, 1 << 20),
        (1, (1 << 20) + 1),
        (1, 1 << 31),
        (1, 1 << 32),
        (1, 0xffff_ffff),
    ])
}

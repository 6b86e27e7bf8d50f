//! A pipe drawn slot by slot, and what a step changed of it.

use super::style::plural;
use crate::{
    kernel::{
        Kernel, Payload, PipeId, Quirk, Run, TaskId, WaitQueue,
        pipe::{BufFlags, PipeBuffer, PipeInodeInfo, Ring},
    },
    machine::{Machine, State},
};

/// What the marks in a drawing mean.
pub const LEGEND: &str = "slots are drawn oldest first; w×4096: 4096 times w; @10: the first 10 bytes are read; +: more may be appended; P: packet";

/// What the mark of a shared page means.
pub const PAGES: &str = "⧉0: page number 0, which a file or another slot may show as well";

/// So many slots are drawn one by one at the most.
const DRAWN: usize = 6;

/// `[ @10 w×4086+ | a×30+ | … 14 free ]  2 of 16 slots, 4116 bytes`; `[ empty ]  0 of 16 slots`.
pub fn ring(k: &Kernel, ring: &Ring) -> String {
    if ring.is_empty() {
        return format!("[ empty ]  0 of {}", plural(ring.max_usage, "slot"));
    }
    let slots: Vec<String> = ring.occupied().map(|buf| slot(k, buf)).collect();
    let mut parts = Vec::new();
    if slots.len() <= DRAWN {
        parts.extend(slots.iter().cloned());
    } else {
        let (head, tail) = (DRAWN - 3, 2);
        parts.extend(slots[..head].iter().cloned());
        parts.push(format!("… {} more …", slots.len() - head - tail));
        parts.extend(slots[slots.len() - tail..].iter().cloned());
    }
    let free = ring.max_usage.saturating_sub(ring.occupancy());
    match free {
        0 => {}
        1..=2 => parts.extend((0..free).map(|_| "    ".to_string())),
        _ => parts.push(format!("… {free} free")),
    }
    let drawing = parts.join(" | ");
    format!(
        "[ {drawing} ]  {} of {}, {}",
        ring.occupancy(),
        plural(ring.max_usage, "slot"),
        plural(ring.bytes(), "byte")
    )
}

/// `@10 w×4086+`.
pub fn slot(k: &Kernel, buf: &PipeBuffer) -> String {
    let mut text = String::new();
    if buf.offset > 0 {
        text.push_str(&format!("@{} ", buf.offset));
    }
    match buf.shared {
        None => text.push_str(&bytes(&buf.page)),
        Some(page) => text.push_str(&format!("⧉{} {}", page.index(), bytes(&k.slot_bytes(buf, buf.len.into())))),
    }
    if buf.flags.contains(BufFlags::CAN_MERGE) {
        text.push('+');
    }
    if buf.flags.contains(BufFlags::PACKET) {
        text.push_str(" P");
    }
    text
}

/// The bytes of a slot: spelled out if they are few, else as runs.
pub(super) fn bytes(page: &Payload) -> String {
    /// As many bytes are spelled out.
    const SPELLED: u32 = 6;
    /// As many runs are drawn.
    const RUNS: usize = 4;
    if page.is_empty() {
        return "no bytes".into();
    }
    let plain = |run: &Run| u8::try_from(run.what).ok();
    if page.len() <= SPELLED && page.runs().iter().all(|run| plain(run).is_some()) {
        return page.bytes().iter().map(|&b| character(b)).collect();
    }
    let runs = page.runs().iter().map(|run| match plain(run) {
        Some(byte) if run.len == 1 => character(byte),
        Some(byte) => format!("{}×{}", character(byte), run.len),
        None => format!("pattern×{}", run.len),
    });
    let runs: Vec<String> = runs.collect();
    if runs.len() <= RUNS {
        runs.join(" ")
    } else {
        format!("{} … ({})", runs[..RUNS - 1].join(" "), plural(page.len(), "byte"))
    }
}

fn character(byte: u8) -> String {
    if byte == b' ' { "␠".into() } else { byte.escape_ascii().to_string() }
}

/// `R1, R2`, or `empty`.
fn queue(machine: &Machine, queue: &WaitQueue) -> String {
    let mut names: Vec<String> = Vec::new();
    for entry in &queue.entries {
        let name = &machine.program.tasks[entry.task as usize].name;
        names.push(if entry.key == 0 { name.clone() } else { format!("{name} (poll)") });
    }
    if names.is_empty() { "empty".into() } else { names.join(", ") }
}

fn ends(pipe: &PipeInodeInfo) -> String {
    format!("{}, {}", plural(pipe.ends.readers, "reader"), plural(pipe.ends.writers, "writer"))
}

/// `waiting_writers: 2`, where a reader would wait for them.
fn waiting(pipe: &PipeInodeInfo) -> Option<String> {
    let n = pipe.ends.waiting_writers;
    (n > 0).then(|| format!("waiting_writers: {n}"))
}

/// What is to be told of one pipe: its name, and the parts that fit beside each other on a line or stand on their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drawing {
    /// The name of the pipe.
    pub name: String,
    /// Ring, queues and ends, each a part.
    pub parts: Vec<String>,
}

/// `curbuf 3, nrbufs 2`: the fields of a ring before head and tail.
fn cursor(machine: &Machine, ring: &Ring) -> Option<String> {
    let one = machine.env.quirks.has(Quirk::PipeOneQueue);
    one.then(|| format!("curbuf {}, nrbufs {}", ring.tail & (ring.ring_size - 1), ring.occupancy()))
}

/// The queues of a pipe with their names: two, or the one of old kernels.
fn queues<'p>(machine: &Machine, pipe: &'p PipeInodeInfo) -> impl Iterator<Item = (&'static str, &'p WaitQueue)> {
    let one = machine.env.quirks.has(Quirk::PipeOneQueue);
    let first = (if one { "wait" } else { "rd_wait" }, &pipe.rd_wait);
    std::iter::once(first).chain((!one).then_some(("wr_wait", &pipe.wr_wait)))
}

/// Everything about a pipe.
pub fn whole(machine: &Machine, state: &State, id: PipeId) -> Drawing {
    let pipe = state.kernel.pipe(id);
    let mut parts = vec![ring(&state.kernel, &pipe.ring)];
    parts.extend(cursor(machine, &pipe.ring));
    parts.push(ends(pipe));
    parts.extend(waiting(pipe));
    for (name, entries) in queues(machine, pipe) {
        if !entries.entries.is_empty() {
            parts.push(format!("{name}: {}", queue(machine, entries)));
        }
    }
    Drawing { name: machine.pipe_name(state, id), parts }
}

/// What a step changed of the pipes.
pub fn changes(machine: &Machine, before: &State, after: &State) -> Vec<Drawing> {
    let mut drawings = Vec::new();
    let find = |kernel: &Kernel, id: PipeId| kernel.pipes().find(|(i, _)| *i == id).map(|(_, pipe)| pipe.clone());
    for (id, pipe) in after.kernel.pipes() {
        let Some(old) = find(&before.kernel, id) else {
            drawings.push(whole(machine, after, id));
            continue;
        };
        let mut parts = Vec::new();
        if !same_ring(&before.kernel, &old.ring, &after.kernel, &pipe.ring) {
            parts.push(ring(&after.kernel, &pipe.ring));
            parts.extend(cursor(machine, &pipe.ring));
        }
        if (old.ends.readers, old.ends.writers) != (pipe.ends.readers, pipe.ends.writers) {
            parts.push(ends(pipe));
        }
        if old.ends.waiting_writers != pipe.ends.waiting_writers {
            parts.push(format!("waiting_writers: {}", pipe.ends.waiting_writers));
        }
        for ((name, new), (_, old)) in queues(machine, pipe).zip(queues(machine, &old)) {
            if old != new {
                parts.push(format!("{name}: {}", queue(machine, new)));
            }
        }
        if !parts.is_empty() {
            drawings.push(Drawing { name: machine.pipe_name(after, id), parts });
        }
    }
    for (id, old) in before.kernel.pipes() {
        if find(&after.kernel, id).is_none() {
            let lost = old.ring.bytes();
            let what = if lost == 0 { "freed".to_string() } else { format!("freed, with {}", plural(lost, "byte")) };
            drawings.push(Drawing { name: machine.pipe_name(before, id), parts: vec![what] });
        }
    }
    drawings
}

/// Whether two rings look the same, bytes of shared pages included.
fn same_ring(before: &Kernel, a: &Ring, after: &Kernel, b: &Ring) -> bool {
    let bytes = |k: &Kernel, buf: &PipeBuffer| k.slot_bytes(buf, buf.len.into());
    let same =
        |(x, y): (&PipeBuffer, &PipeBuffer)| x == y && (x.shared.is_none() || bytes(before, x) == bytes(after, y));
    a.max_usage == b.max_usage && a.occupancy() == b.occupancy() && a.occupied().zip(b.occupied()).all(same)
}

/// Who has which end of a pipe open: `p.r: R   p.w: W, A`.
pub fn holders(machine: &Machine, state: &State, id: PipeId) -> String {
    let name = |task: TaskId| machine.program.tasks[task as usize].name.as_str();
    let side = |writer: bool| {
        let tasks: Vec<&str> = state.kernel.holders(id, writer).into_iter().map(name).collect();
        if tasks.is_empty() { "nobody".to_string() } else { tasks.join(", ") }
    };
    let pipe = machine.pipe_name(state, id);
    format!("{pipe}.r held by {}; {pipe}.w held by {}", side(false), side(true))
}

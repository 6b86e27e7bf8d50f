//! The pipe of Linux v6.18: what is done under its lock, what is looked at without it, and who is woken when.

use super::{
    rt::sync::{
        Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::{Ended, Tasks, lock},
    wait::{WaitQueue, WakeUp},
};
use crate::concurrent::script::{Defect, Done, Event, FILLER, Op, Queue, Script, TaskNo, letter};
use std::collections::VecDeque;

/// `pipe_inode_info`. What is read without the lock is atomic, and only written with it.
#[derive(Debug)]
pub struct Pipe {
    /// `mutex`, and the pages in the occupied slots.
    mutex: Mutex<VecDeque<u8>>,
    index: Index,
    max_usage: AtomicU32,
    readers: AtomicU32,
    writers: AtomicU32,
    rd_wait: WaitQueue,
    wr_wait: WaitQueue,
    /// References to the open files of the read end and of the write end.
    read_file: AtomicU32,
    write_file: AtomicU32,
    defect: Option<Defect>,
}

/// `union pipe_index`
#[derive(Debug)]
enum Index {
    /// Head above tail in one word.
    Word(AtomicU64),
    /// Before v6.14: two words.
    Two { head: AtomicU32, tail: AtomicU32 },
}

impl Index {
    fn new(head: u32, two: bool) -> Self {
        if two {
            Index::Two { head: AtomicU32::new(head), tail: AtomicU32::new(0) }
        } else {
            Index::Word(AtomicU64::new(u64::from(head) << 32))
        }
    }

    /// `READ_ONCE`: head and tail.
    fn load(&self) -> (u32, u32) {
        match self {
            Index::Word(word) => {
                let both = word.load(Relaxed);
                ((both >> 32) as u32, both as u32)
            }
            Index::Two { head, tail } => {
                let head = head.load(Relaxed);
                (head, tail.load(Relaxed))
            }
        }
    }

    /// With the lock. Only one of the two changes, except in a resize.
    fn store(&self, old: (u32, u32), new: (u32, u32)) {
        match self {
            Index::Word(word) => word.store(u64::from(new.0) << 32 | u64::from(new.1), Relaxed),
            Index::Two { head, tail } => {
                if old.1 != new.1 {
                    tail.store(new.1, Relaxed);
                }
                if old.0 != new.0 {
                    head.store(new.0, Relaxed);
                }
            }
        }
    }
}

fn occupancy((head, tail): (u32, u32)) -> u32 {
    head.wrapping_sub(tail)
}

impl Pipe {
    /// The pipe of a script.
    pub fn new(script: &Script, defect: Option<Defect>) -> Self {
        let holders = |write| AtomicU32::new(script.holders(write) as u32);
        let open = |write| AtomicU32::new(u32::from(script.holders(write) > 0));
        Pipe {
            mutex: Mutex::new(vec![FILLER; script.filled as usize].into()),
            index: Index::new(script.filled, defect == Some(Defect::TwoLoads)),
            max_usage: AtomicU32::new(script.slots),
            readers: open(false),
            writers: open(true),
            rd_wait: WaitQueue::new(Queue::Rd),
            wr_wait: WaitQueue::new(Queue::Wr),
            read_file: holders(false),
            write_file: holders(true),
            defect,
        }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn is_empty(&self) -> bool {
        occupancy(self.index.load()) == 0
    }

    fn is_full(&self) -> bool {
        occupancy(self.index.load()) >= self.max_usage.load(Relaxed)
    }

    /// `pipe_readable`: without the lock.
    fn readable(&self, tasks: &Tasks, me: TaskNo) -> bool {
        let (head, tail) = self.index.load();
        let ready = occupancy((head, tail)) > 0 || self.writers.load(Relaxed) == 0;
        tasks.tell(me, Event::Looks { bytes: true, head, tail, ready });
        ready
    }

    /// `pipe_writable`: without the lock.
    fn writable(&self, tasks: &Tasks, me: TaskNo) -> bool {
        let (head, tail) = self.index.load();
        let full = occupancy((head, tail)) >= self.max_usage.load(Relaxed);
        let ready = !full || self.readers.load(Relaxed) == 0;
        tasks.tell(me, Event::Looks { bytes: false, head, tail, ready });
        ready
    }

    /// With the lock: the oldest slot is freed.
    fn take(&self, tasks: &Tasks, me: TaskNo, bufs: &mut VecDeque<u8>) -> Option<u8> {
        let page = bufs.pop_front()?;
        let (head, tail) = self.index.load();
        self.index.store((head, tail), (head, tail.wrapping_add(1)));
        tasks.tell(me, Event::Frees { occupied: bufs.len() as u32 });
        Some(page)
    }

    /// With the lock: the slot at `head` is filled.
    fn put(&self, tasks: &Tasks, me: TaskNo, bufs: &mut VecDeque<u8>) {
        bufs.push_back(letter(me));
        let (head, tail) = self.index.load();
        self.index.store((head, tail), (head.wrapping_add(1), tail));
        tasks.tell(me, Event::Fills { occupied: bufs.len() as u32 });
    }

    /// One call.
    pub fn call(&self, tasks: &Tasks, me: TaskNo, op: Op) -> Done {
        tasks.tell(me, Event::Calls(op));
        let done = match op {
            Op::Write(pages) => self.write(tasks, me, pages),
            Op::Read(pages) => self.read(tasks, me, pages),
            Op::Splice(pages) => self.splice(tasks, me, pages),
            Op::CloseRead => Ok(self.close(tasks, me, Queue::Rd)),
            Op::CloseWrite => Ok(self.close(tasks, me, Queue::Wr)),
            Op::Resize(slots) => Ok(self.resize(tasks, me, slots)),
        };
        done.inspect(|_| tasks.tell(me, Event::Returns)).unwrap_or(Done::Asleep)
    }

    /// `anon_pipe_read`
    fn read(&self, tasks: &Tasks, me: TaskNo, pages: u32) -> Result<Done, Ended> {
        let mut data = Vec::new();
        let (mut wake_writer, mut wake_next_reader) = (false, false);
        let mut bufs = lock(&self.mutex);
        tasks.tell(me, Event::Locks);
        loop {
            while data.len() < pages as usize && !bufs.is_empty() {
                wake_writer |= self.is_full();
                data.extend(self.take(tasks, me, &mut bufs));
            }
            if !data.is_empty() || self.writers.load(Relaxed) == 0 {
                break;
            }
            drop(bufs);
            tasks.tell(me, Event::Unlocks);
            self.rd_wait.wait_event(tasks, me, true, || self.readable(tasks, me))?;
            wake_next_reader = true;
            bufs = lock(&self.mutex);
            tasks.tell(me, Event::Locks);
        }
        wake_next_reader &= !bufs.is_empty();
        drop(bufs);
        tasks.tell(me, Event::Unlocks);
        if wake_writer {
            self.wr_wait.wake_up(tasks, me, WakeUp::One);
        }
        if wake_next_reader {
            self.rd_wait.wake_up(tasks, me, WakeUp::One);
        }
        Ok(Done::Read(data))
    }

    /// `anon_pipe_write`
    fn write(&self, tasks: &Tasks, me: TaskNo, pages: u32) -> Result<Done, Ended> {
        let mut done = 0;
        let mut wake_next_writer = false;
        let mut bufs = lock(&self.mutex);
        tasks.tell(me, Event::Locks);
        let mut was_empty = self.is_empty();
        loop {
            if self.readers.load(Relaxed) == 0 {
                break;
            }
            let (head, _) = self.index.load();
            if !self.is_full() {
                self.put(tasks, me, &mut bufs);
                done += 1;
                if done == pages {
                    break;
                }
                continue;
            }
            drop(bufs);
            tasks.tell(me, Event::Unlocks);
            if was_empty {
                self.rd_wait.wake_up(tasks, me, WakeUp::One);
            }
            self.wr_wait.wait_event(tasks, me, true, || self.writable(tasks, me))?;
            bufs = lock(&self.mutex);
            tasks.tell(me, Event::Locks);
            let (now, tail) = self.index.load();
            was_empty = occupancy((if self.has(Defect::StaleWasEmpty) { head } else { now }, tail)) == 0;
            wake_next_writer = true;
        }
        wake_next_writer &= !self.is_full();
        drop(bufs);
        tasks.tell(me, Event::Unlocks);
        if was_empty {
            self.rd_wait.wake_up(tasks, me, WakeUp::One);
        }
        if wake_next_writer {
            self.wr_wait.wake_up(tasks, me, WakeUp::One);
        }
        Ok(if done == 0 { Done::BrokenPipe } else { Done::Pages(done) })
    }

    /// `splice_from_pipe` into a file: waits beside the readers, and wakes writers under the lock.
    fn splice(&self, tasks: &Tasks, me: TaskNo, pages: u32) -> Result<Done, Ended> {
        let (mut done, mut need_wakeup) = (0, false);
        let mut bufs = lock(&self.mutex);
        tasks.tell(me, Event::Locks);
        while done < pages {
            if self.take(tasks, me, &mut bufs).is_some() {
                (done, need_wakeup) = (done + 1, true);
                continue;
            }
            if self.writers.load(Relaxed) == 0 || done > 0 {
                break;
            }
            if self.has(Defect::TwoPrepares) {
                self.rd_wait.prepare_to_wait(tasks, me, false);
                self.wr_wait.prepare_to_wait(tasks, me, false);
                drop(bufs);
                tasks.tell(me, Event::Unlocks);
                tasks.schedule(me)?;
                self.rd_wait.finish_wait(tasks, me);
                self.wr_wait.finish_wait(tasks, me);
            } else {
                drop(bufs);
                tasks.tell(me, Event::Unlocks);
                self.rd_wait.wait_event(tasks, me, false, || self.readable(tasks, me))?;
            }
            bufs = lock(&self.mutex);
            tasks.tell(me, Event::Locks);
        }
        if need_wakeup {
            self.wr_wait.wake_up(tasks, me, WakeUp::One);
        }
        drop(bufs);
        tasks.tell(me, Event::Unlocks);
        Ok(Done::Pages(done))
    }

    /// `close`: the last reference to the open file releases it.
    fn close(&self, tasks: &Tasks, me: TaskNo, end: Queue) -> Done {
        let (file, count) = match end {
            Queue::Rd => (&self.read_file, &self.readers),
            Queue::Wr => (&self.write_file, &self.writers),
        };
        if file.fetch_sub(1, super::rt::sync::atomic::Ordering::AcqRel) > 1 {
            return Done::Done;
        }
        let bufs = lock(&self.mutex);
        tasks.tell(me, Event::Locks);
        count.store(count.load(Relaxed) - 1, Relaxed);
        tasks.tell(me, Event::LastOf(end));
        if (self.readers.load(Relaxed) == 0) != (self.writers.load(Relaxed) == 0) {
            let how = if self.has(Defect::EofWakesOne) { WakeUp::One } else { WakeUp::All };
            self.rd_wait.wake_up(tasks, me, how);
            self.wr_wait.wake_up(tasks, me, how);
        }
        drop(bufs);
        tasks.tell(me, Event::Unlocks);
        Done::Done
    }

    /// `pipe_set_size` and `pipe_resize_ring`: a writer is woken under the lock.
    fn resize(&self, tasks: &Tasks, me: TaskNo, slots: u32) -> Done {
        let bufs = lock(&self.mutex);
        tasks.tell(me, Event::Locks);
        let old = self.index.load();
        let occupied = occupancy(old);
        if occupied > slots {
            drop(bufs);
            tasks.tell(me, Event::Unlocks);
            return Done::Busy;
        }
        let early = self.has(Defect::ResizeWakesEarly);
        let limit = |slots| {
            self.max_usage.store(slots, Relaxed);
            tasks.tell(me, Event::Limits(slots));
        };
        self.rd_wait.locked(|| {
            self.index.store(old, (occupied, 0));
            if !early || self.max_usage.load(Relaxed) > slots {
                limit(slots);
            }
        });
        self.wr_wait.wake_up(tasks, me, WakeUp::One);
        if early {
            limit(slots);
        }
        drop(bufs);
        tasks.tell(me, Event::Unlocks);
        Done::Done
    }

    /// When all is over: whether a sleeper in this call would go on if it were woken.
    pub fn would_go_on(&self, op: Op) -> bool {
        match op {
            Op::Write(_) => !self.is_full() || self.readers.load(Relaxed) == 0,
            Op::Read(_) | Op::Splice(_) => !self.is_empty() || self.writers.load(Relaxed) == 0,
            _ => false,
        }
    }

    /// When all is over: an invariant that does not hold.
    pub fn broken(&self) -> Option<String> {
        let pages = lock(&self.mutex).len();
        let (head, tail) = self.index.load();
        let limit = self.max_usage.load(Relaxed);
        let occupied = occupancy((head, tail));
        if occupied as usize != pages {
            return Some(format!("head {head} and tail {tail} do not agree with {pages} occupied slots"));
        }
        (occupied > limit).then(|| format!("{occupied} slots are occupied and {limit} may be"))
    }

    /// When all is over: the pages that are left.
    pub fn left(&self) -> Vec<u8> {
        lock(&self.mutex).iter().copied().collect()
    }
}

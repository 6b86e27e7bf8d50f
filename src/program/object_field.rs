//! What can be looked at from outside of the tasks.

use super::syntax::ObjectKind;

/// Readable fields of objects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum ObjectField {
    /// Bytes that can be read (`FIONREAD`).
    Readable,
    /// Capacity in bytes (`F_GETPIPE_SZ`); of a file, its length.
    Size,
    /// Occupied slots.
    Occupancy,
    /// Open file descriptions for reading.
    Readers,
    /// Open file descriptions for writing.
    Writers,
    /// The bytes of a file or of memory.
    Data,
    /// The id of a System V object.
    Id,
    /// Its owner.
    Uid,
    /// Its group.
    Gid,
    /// Who made it.
    Cuid,
    /// The group of who made it.
    Cgid,
    /// Its permission bits.
    Mode,
    /// Messages in a queue.
    Qnum,
    /// Bytes in a queue.
    Cbytes,
    /// Bytes that a queue may hold.
    Qbytes,
    /// Who sent last: 0, or the id of its process.
    Lspid,
    /// Who received last.
    Lrpid,
    /// Whether something was ever sent.
    Stime,
    /// Whether something was ever received.
    Rtime,
    /// Semaphores of a set.
    Nsems,
    /// Whether there ever was an operation on a set.
    Otime,
    /// The value of a semaphore.
    Val,
    /// Who changed it last: 0, or the id of its process.
    Pid,
    /// How many wait for it to become larger.
    Ncnt,
    /// How many wait for it to become zero.
    Zcnt,
    /// Bytes of a segment.
    Segsz,
    /// Mappings of a segment.
    Nattch,
    /// Who made a segment: the id of its process, or 0.
    Cpid,
    /// Who attached or detached last.
    Lpid,
    /// Whether it was ever attached.
    Atime,
    /// Whether it was ever detached.
    Dtime,
    /// A cell of shared memory, by index.
    Cell(u32),
}

impl ObjectField {
    /// Every field by name, and whether a real kernel shows it.
    pub const ALL: &'static [(&'static str, ObjectField, bool)] = &[
        ("readable", ObjectField::Readable, true),
        ("size", ObjectField::Size, true),
        ("occupancy", ObjectField::Occupancy, false),
        ("readers", ObjectField::Readers, false),
        ("writers", ObjectField::Writers, false),
        ("data", ObjectField::Data, true),
        ("id", ObjectField::Id, true),
        ("uid", ObjectField::Uid, true),
        ("gid", ObjectField::Gid, true),
        ("cuid", ObjectField::Cuid, true),
        ("cgid", ObjectField::Cgid, true),
        ("mode", ObjectField::Mode, true),
        ("qnum", ObjectField::Qnum, true),
        ("cbytes", ObjectField::Cbytes, true),
        ("qbytes", ObjectField::Qbytes, true),
        ("lspid", ObjectField::Lspid, true),
        ("lrpid", ObjectField::Lrpid, true),
        ("stime", ObjectField::Stime, true),
        ("rtime", ObjectField::Rtime, true),
        ("nsems", ObjectField::Nsems, true),
        ("otime", ObjectField::Otime, true),
        ("val", ObjectField::Val, true),
        ("pid", ObjectField::Pid, true),
        ("ncnt", ObjectField::Ncnt, true),
        ("zcnt", ObjectField::Zcnt, true),
        ("segsz", ObjectField::Segsz, true),
        ("nattch", ObjectField::Nattch, true),
        ("cpid", ObjectField::Cpid, true),
        ("lpid", ObjectField::Lpid, true),
        ("atime", ObjectField::Atime, true),
        ("dtime", ObjectField::Dtime, true),
    ];

    /// The name in the notation.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, field, _)| *field == self).map_or("cell", |(name, ..)| name)
    }

    /// What follows the name of the object: `.readable`, `[3]`.
    pub fn suffix(self) -> String {
        match self {
            ObjectField::Cell(index) => format!("[{index}]"),
            _ => format!(".{}", self.name()),
        }
    }

    /// A number for it.
    pub fn number(self) -> u64 {
        match self {
            ObjectField::Cell(index) => 0x80 | u64::from(index) << 8,
            _ => Self::ALL.iter().position(|(_, field, _)| *field == self).unwrap_or(0) as u64,
        }
    }

    /// The field with this number.
    pub fn by_number(number: u64) -> Option<ObjectField> {
        match number & 0xff {
            0x80 => Some(ObjectField::Cell((number >> 8) as u32)),
            small => Self::ALL.get(small as usize).map(|&(_, field, _)| field),
        }
    }

    /// Whether its value stands for a task, or for nobody.
    pub fn is_pid(self) -> bool {
        matches!(
            self,
            ObjectField::Lspid | ObjectField::Lrpid | ObjectField::Pid | ObjectField::Cpid | ObjectField::Lpid
        )
    }

    /// The fields that each semaphore of a set has, in the order in which probes tell them.
    pub const OF_SEMAPHORE: [ObjectField; 4] =
        [ObjectField::Val, ObjectField::Pid, ObjectField::Ncnt, ObjectField::Zcnt];

    /// Whether it is one of a semaphore, and needs to be told of which.
    pub fn of_semaphore(self) -> bool {
        Self::OF_SEMAPHORE.contains(&self)
    }

    /// Whether objects of a kind have this field.
    pub fn belongs_to(self, kind: ObjectKind) -> bool {
        use ObjectField::*;
        match self {
            Size => !matches!(kind, ObjectKind::Key) && kind.ipc().is_none(),
            Data => kind.has_bytes(),
            Readable | Occupancy | Readers | Writers => matches!(kind, ObjectKind::Pipe | ObjectKind::Fifo),
            Id | Uid | Gid | Cuid | Cgid | Mode => kind.ipc().is_some(),
            Qnum | Cbytes | Qbytes | Lspid | Lrpid | Stime | Rtime => kind == ObjectKind::Msgq,
            Nsems | Otime | Val | Pid | Ncnt | Zcnt => kind == ObjectKind::Sem,
            Segsz | Nattch | Cpid | Lpid | Atime | Dtime => kind == ObjectKind::Shm,
            Cell(_) => kind == ObjectKind::Shm,
        }
    }
}

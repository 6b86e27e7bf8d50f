//! Signals that programs have to do with, and sets of them.

use super::super::{Chooser, build};
use crate::program::syntax::{BinOp, Expr, ExprKind};

/// What is known of a signal.
#[derive(Debug)]
pub struct Info {
    name: &'static str,
    /// Added to the name: real-time signals.
    offset: i64,
    /// What it does by default.
    pub default: Default,
    /// How often it is sent.
    pub sent: usize,
    /// How often it gets a handler, is masked, and so on.
    used: usize,
}

/// What a signal does to a process that has nothing to say about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Default {
    Ends,
    Ignored,
    Stops,
    Continues,
}

const fn info(name: &'static str, default: Default, sent: usize, used: usize) -> Info {
    Info { name, offset: 0, default, sent, used }
}

/// In an order: a handler sends only signals behind those that it is for, so that programs come to an end.
pub const SIGNALS: &[Info] = &[
    info("SIGUSR1", Default::Ends, 10, 12),
    info("SIGUSR2", Default::Ends, 6, 7),
    info("SIGRTMIN", Default::Ends, 5, 5),
    Info { offset: 1, ..info("SIGRTMIN", Default::Ends, 3, 3) },
    info("SIGTERM", Default::Ends, 2, 2),
    info("SIGALRM", Default::Ends, 1, 1),
    // Whoever handles it does not write.
    info("SIGPIPE", Default::Ends, 1, 2),
    info("SIGURG", Default::Ignored, 1, 1),
    info("SIGTSTP", Default::Stops, 2, 2),
    info("SIGSTOP", Default::Stops, 2, 0),
    info("SIGCONT", Default::Continues, 4, 2),
    // Comes when one of the two above stops a child, or lets it go on.
    info("SIGCHLD", Default::Ignored, 1, 4),
    info("SIGKILL", Default::Ends, 1, 0),
];

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Signal(pub usize);

pub const SIGALRM: Signal = Signal(5);
pub const SIGPIPE: Signal = Signal(6);
pub const SIGCONT: Signal = Signal(10);
pub const SIGCHLD: Signal = Signal(11);

impl Signal {
    pub(super) fn info(self) -> &'static Info {
        &SIGNALS[self.0]
    }

    /// As it is written.
    pub fn expr(self) -> Expr {
        let Info { name, offset, .. } = self.info();
        let name = build::name(name);
        if *offset == 0 { name } else { build::binary(BinOp::Add, name, build::int(*offset)) }
    }

    /// Whether nobody can catch or block it.
    pub fn is_forced(self) -> bool {
        self.info().used == 0
    }
}

/// A signal as somebody may block it, or ask what it does.
pub fn any(chooser: &mut dyn Chooser) -> Signal {
    let rare = chooser.percent(3);
    let weight = |info: &Info| if info.used == 0 { usize::from(rare) } else { info.used };
    let weighted: Vec<(usize, Signal)> =
        SIGNALS.iter().enumerate().map(|(i, info)| (weight(info), Signal(i))).collect();
    chooser.weighted(&weighted)
}

/// A signal as somebody may catch it.
pub fn caught(chooser: &mut dyn Chooser) -> Signal {
    let weighted: Vec<(usize, Signal)> = SIGNALS.iter().enumerate().map(|(i, info)| (info.used, Signal(i))).collect();
    chooser.weighted(&weighted)
}

/// A set of signals: bit n stands for number n of [`SIGNALS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, std::default::Default)]
pub struct Signals(u16);

impl Signals {
    pub fn one(signal: Signal) -> Self {
        Signals(1 << signal.0)
    }

    /// None to two, as arguments of calls.
    pub fn some(chooser: &mut dyn Chooser) -> Self {
        let mut set = Signals(0);
        for _ in 0..chooser.weighted(&[(6, 1), (4, 2), (1, 0), (1, 3)]) {
            set.insert(any(chooser));
        }
        set
    }

    pub fn all() -> Self {
        Signals(u16::MAX)
    }

    /// Without those that nobody can block.
    pub fn blockable(self) -> Self {
        self.members().filter(|signal| !signal.is_forced()).fold(Signals(0), |set, signal| set.with(Self::one(signal)))
    }

    pub fn insert(&mut self, signal: Signal) {
        self.0 |= 1 << signal.0;
    }

    pub fn has(self, signal: Signal) -> bool {
        self.0 >> signal.0 & 1 != 0
    }

    pub fn with(self, other: Self) -> Self {
        Signals(self.0 | other.0)
    }

    pub fn without(self, other: Self) -> Self {
        Signals(self.0 & !other.0)
    }

    fn members(self) -> impl Iterator<Item = Signal> {
        (0..SIGNALS.len()).map(Signal).filter(move |&signal| self.has(signal))
    }

    /// The last in the order; there must be one.
    pub fn last(self) -> Signal {
        self.members().last().unwrap_or(Signal(0))
    }

    /// One of them; there must be one.
    pub fn pick(self, chooser: &mut dyn Chooser) -> Signal {
        let members: Vec<Signal> = self.members().collect();
        chooser.pick(&members)
    }

    /// `[SIGUSR1, SIGTERM]`.
    pub fn expr(self) -> Expr {
        build::expr(ExprKind::List(self.members().map(Signal::expr).collect()))
    }
}

//! The one loop: level-synchronous breadth-first search, in layers of in-call preemptions.
//!
//! A frontier state is decoded once; each move is applied, fingerprinted and undone; then the batch of fingerprints is inserted;
//! then only the new states are made again. Parents are chosen by order, so a witness is always the same shortest one.

use super::{
    Claim, Exploration, Found, Incomplete, Options, Stats, Steps, Taken, Verdict, Violation, Witness,
    frontier::Frontier,
    questions::{Detail, Questions},
    visited::{Fingerprints, Visited},
};
use crate::{
    kernel::{Step, Trace},
    machine::{Machine, Marks, Move, MoveKind, SetupError, State},
    program::{Cursor, Halt, Instr, Outcome},
};
use smallvec::SmallVec;
use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::Ordering,
    time::Instant,
};

/// A state's way back: 8 bytes.
#[derive(Clone, Copy, Debug)]
struct Node {
    parent: u32,
    task: u16,
    /// Kind of move in the lower bits; above it the sections, 0 for all.
    how: u16,
}

const ROOT: u32 = u32::MAX;
/// Witnesses of outcomes have no more moves together than this: half a gigabyte.
const MAX_WITNESSED: usize = 32 << 20;
/// A call that has more sections than this is not interrupted later than here.
const MAX_SECTIONS: u32 = (u16::MAX >> MoveKind::BITS) as u32;

impl Node {
    fn new(parent: u32, taken: Taken) -> Self {
        let sections = if taken.sections == u32::MAX { 0 } else { taken.sections as u16 };
        Node { parent, task: taken.mv.task, how: sections << MoveKind::BITS | taken.mv.kind.number() }
    }

    fn taken(self) -> Taken {
        let sections = self.how >> MoveKind::BITS;
        let kind = MoveKind::of_number(self.how & ((1 << MoveKind::BITS) - 1));
        Taken { mv: Move { task: self.task, kind }, sections: if sections == 0 { u32::MAX } else { sections.into() } }
    }
}

/// A successor that was looked at and not decided on yet.
struct Candidate {
    taken: Taken,
    fingerprint: u128,
    /// One more in-call preemption than its parent.
    preempted: bool,
}

/// Explores every interleaving.
///
/// # Errors
///
/// When the program cannot begin.
pub fn explore(machine: &Machine, options: &Options) -> Result<Exploration, SetupError> {
    Ok(explore_from(machine, options, &machine.initial()?))
}

/// Explores every interleaving from a state on; witnesses lead from there.
pub fn explore_from(machine: &Machine, options: &Options, state: &State) -> Exploration {
    Search::new(machine, options, state).run(state)
}

/// The instructions that are done before the initial state, by task; `init` has done all that it does.
fn begun(machine: &Machine) -> Marks {
    let init = machine.program.init;
    let tasks = machine.program.tasks.iter().enumerate();
    let marks = tasks.map(|(id, task)| {
        let end = |instr: &Instr| init == Some(id as u16) || matches!(instr, Instr::End);
        let mut marks: Vec<bool> = task.code.instrs.iter().map(end).collect();
        if !machine.program.locals_visible {
            Cursor::new(task.vars.len()).advance_marking(&task.code, false, Some(&mut marks));
        }
        marks
    });
    marks.collect()
}

struct Search<'a> {
    machine: &'a Machine<'a>,
    options: &'a Options<'a>,
    questions: Questions<'a>,
    start: Instant,
    visited: Visited,
    nodes: Vec<Node>,
    /// Per layer of preemptions, per depth: what is to be looked into.
    layers: BTreeMap<(u32, u32), Frontier>,
    /// States that an interruption of this layer leads to. They count as seen only when their layer begins: one that is
    /// reached without the interruption after all must be looked into with all of its budget.
    deferred: Fingerprints,
    outcomes: Vec<(Outcome, u32, u32, u64)>,
    outcome_index: HashMap<Outcome, usize>,
    /// Moves of all their witnesses together.
    witnessed: usize,
    violations: Vec<(Claim, Detail, u32)>,
    reached: Vec<(usize, u32)>,
    executed: Vec<Vec<bool>>,
    trace: Trace,
    stats: Stats,
    peak_frontier: usize,
    incomplete: Option<Incomplete>,
    scratch: Vec<u8>,
    candidates: Vec<Candidate>,
}

impl<'a> Search<'a> {
    fn new(machine: &'a Machine<'a>, options: &'a Options<'a>, initial: &State) -> Self {
        let visited = if options.exact {
            Visited::Exact(Default::default())
        } else {
            Visited::Fingerprints(Fingerprints::default())
        };
        let executed = begun(machine);
        let mut search = Search {
            machine,
            options,
            questions: Questions::new(machine),
            start: Instant::now(),
            visited,
            nodes: Vec::new(),
            layers: BTreeMap::new(),
            deferred: Fingerprints::default(),
            outcomes: Vec::new(),
            witnessed: 0,
            outcome_index: HashMap::new(),
            violations: Vec::new(),
            reached: Vec::new(),
            executed,
            trace: Trace::default(),
            stats: Stats { states: 1, ..Stats::default() },
            peak_frontier: 0,
            incomplete: None,
            scratch: Vec::new(),
            candidates: Vec::new(),
        };
        let fingerprint = initial.digest(&mut search.scratch);
        search.is_new(fingerprint, initial);
        search.nodes.push(Node { parent: ROOT, task: 0, how: 0 });
        search.found(initial, 0, 0);
        if machine.moves(initial).next().is_some() {
            search.layers.entry((0, 0)).or_default().push(fingerprint, 0, false, |out| initial.encode(out));
        }
        search
    }

    /// Whether the state was not seen before.
    fn is_new(&mut self, fingerprint: u128, state: &State) -> bool {
        match &mut self.visited {
            Visited::Fingerprints(table) => table.insert(fingerprint),
            Visited::Exact(set) => {
                self.scratch.clear();
                state.encode(&mut self.scratch);
                set.insert(self.scratch.as_slice().into())
            }
        }
    }

    fn run(mut self, initial: &State) -> Exploration {
        let mut state = initial.clone();
        state.set_journal(true);
        state.set_marks(std::mem::take(&mut self.executed));
        let mut layer = 0;
        while let Some(((cost, depth), frontier)) = self.layers.pop_first() {
            if cost > layer {
                self.deferred = Fingerprints::default();
                layer = cost;
            }
            self.stats.depth = self.stats.depth.max(depth);
            let waiting: usize = self.layers.values().map(Frontier::size).sum();
            self.peak_frontier = self.peak_frontier.max(waiting + frontier.size());
            for i in 0..frontier.len() {
                if i % 256 == 0 && self.must_stop() {
                    return self.finish(state);
                }
                let (entry, bytes) = frontier.get(i);
                state.decode(bytes);
                if entry.deferred {
                    if !self.is_new(entry.fingerprint, &state) {
                        continue;
                    }
                    self.stats.states += 1;
                    self.found(&state, entry.node, cost);
                }
                self.expand(&mut state, entry.fingerprint, entry.node, cost, depth);
            }
        }
        self.finish(state)
    }

    fn must_stop(&mut self) -> bool {
        let options = self.options;
        let why = if options.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            Incomplete::Stopped
        } else if self.nodes.len() > options.max_states {
            Incomplete::States(options.max_states)
        } else if self.start.elapsed() > options.max_time {
            Incomplete::Time(options.max_time)
        } else if self.witnessed > MAX_WITNESSED {
            Incomplete::Outcomes(self.outcomes.len())
        } else {
            return false;
        };
        self.incomplete = Some(why);
        true
    }

    /// All successors of a state.
    #[inline]
    fn expand(&mut self, state: &mut State, fingerprint: u128, node: u32, cost: u32, depth: u32) {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        for task in 0..self.machine.program.tasks.len() as u16 {
            if let Some(kind) = self.machine.flush(state, task) {
                self.try_move(state, Move { task, kind }, fingerprint, cost, &mut candidates);
            }
            if let Some(kind) = self.machine.alarm(state, task) {
                self.try_move(state, Move { task, kind }, fingerprint, cost, &mut candidates);
            }
            if self.machine.is_timed() {
                let timers: SmallVec<[MoveKind; 2]> = self.machine.timers(state, task).collect();
                for kind in timers {
                    self.try_move(state, Move { task, kind }, fingerprint, cost, &mut candidates);
                }
            }
            let Some(kind) = self.machine.next_move(state, task) else { continue };
            if matches!(kind, MoveKind::Call | MoveKind::Local) {
                state.mark(task);
            }
            self.try_move(state, Move { task, kind }, fingerprint, cost, &mut candidates);
        }
        for candidate in &candidates {
            self.decide(state, candidate, node, cost, depth);
        }
        self.candidates = candidates;
    }

    /// One move and, where calls can be interrupted, each of its beginnings.
    #[inline]
    fn try_move(&mut self, state: &mut State, mv: Move, base: u128, cost: u32, candidates: &mut Vec<Candidate>) {
        let one_by_one = match self.options.steps {
            Steps::Calls => false,
            Steps::Sections(None) => true,
            Steps::Sections(Some(bound)) => cost < bound,
        };
        let mut push = |search: &mut Self, state: &mut State, sections: u32, preempted: bool| {
            let fingerprint = base.wrapping_add(state.digest_delta(&mut search.scratch));
            if let Visited::Fingerprints(table) = &search.visited {
                table.prefetch(fingerprint);
            }
            search.stats.transitions += 1;
            candidates.push(Candidate { taken: Taken { mv, sections }, fingerprint, preempted });
        };
        let in_sections = one_by_one && matches!(mv.kind, MoveKind::Call | MoveKind::Continue | MoveKind::Deliver);
        if !in_sections {
            self.machine.apply(state, mv, u32::MAX, &mut self.trace);
            push(self, state, u32::MAX, false);
        } else {
            let mut sections = 1;
            let mut step = self.machine.apply(state, mv, 1, &mut self.trace);
            while matches!(step, Step::Preempted)
                && state.kernel.task(mv.task).in_call().is_some()
                && sections < MAX_SECTIONS
            {
                push(self, state, sections, true);
                let rest = Move { task: mv.task, kind: MoveKind::Continue };
                step = self.machine.apply(state, rest, 1, &mut self.trace);
                sections += 1;
            }
            push(self, state, u32::MAX, false);
        }
        self.trace.woken.clear();
        state.undo();
    }

    /// Keeps a successor if it is new.
    #[inline]
    fn decide(&mut self, state: &mut State, candidate: &Candidate, parent: u32, cost: u32, depth: u32) {
        let Candidate { taken, fingerprint, preempted } = *candidate;
        let seen = match &mut self.visited {
            Visited::Fingerprints(table) if preempted => {
                table.contains(fingerprint) || !self.deferred.insert(fingerprint)
            }
            Visited::Fingerprints(table) => !table.insert(fingerprint),
            Visited::Exact(_) => preempted && !self.deferred.insert(fingerprint),
        };
        if seen {
            return;
        }
        self.machine.apply(state, taken.mv, taken.sections, &mut self.trace);
        self.trace.woken.clear();
        if preempted {
            let node = self.new_node(parent, taken);
            let place = self.layers.entry((cost + 1, depth + 1)).or_default();
            place.push(fingerprint, node, true, |out| state.encode(out));
        } else if !matches!(self.visited, Visited::Exact(_)) || self.is_new(fingerprint, state) {
            let node = self.new_node(parent, taken);
            self.stats.states += 1;
            if self.found(state, node, cost) {
                let place = self.layers.entry((cost, depth + 1)).or_default();
                place.push(fingerprint, node, false, |out| state.encode(out));
            }
        }
        state.undo();
    }

    fn new_node(&mut self, parent: u32, taken: Taken) -> u32 {
        self.nodes.push(Node::new(parent, taken));
        self.nodes.len() as u32 - 1
    }

    /// Looks at a new state; whether it has successors.
    #[inline]
    fn found(&mut self, state: &State, node: u32, cost: u32) -> bool {
        let mut broken = Vec::new();
        self.questions.state(state, &mut broken);
        let goes_on = self.machine.moves(state).next().is_some();
        if !goes_on {
            let mut reached = Vec::new();
            self.questions.end(state, &mut broken, &mut reached);
            self.stats.ends += 1;
            for i in reached {
                if !self.reached.iter().any(|&(j, _)| j == i) {
                    self.reached.push((i, node));
                }
            }
            let outcome = Outcome::of(self.machine.program, &self.machine.world(state));
            for &(task, halt) in &outcome.halted {
                if let Halt::Spinning(_) = halt {
                    let name = self.machine.program.tasks[task as usize].name.clone();
                    self.incomplete = Some(Incomplete::Spinning(name));
                }
            }
            match self.outcome_index.get(&outcome) {
                Some(&i) => self.outcomes[i].3 += 1,
                None => {
                    self.outcome_index.insert(outcome.clone(), self.outcomes.len());
                    self.outcomes.push((outcome, node, cost, 1));
                    self.witnessed += self.stats.depth as usize + 1;
                }
            }
        }
        for (claim, detail) in broken {
            if !self.violations.iter().any(|(c, ..)| *c == claim) {
                self.violations.push((claim, detail, node));
            }
        }
        goes_on
    }

    fn witness(&self, mut node: u32) -> Witness {
        let mut moves = Vec::new();
        while self.nodes[node as usize].parent != ROOT {
            moves.push(self.nodes[node as usize].taken());
            node = self.nodes[node as usize].parent;
        }
        moves.reverse();
        Witness { moves }
    }

    fn finish(mut self, mut state: State) -> Exploration {
        self.executed = state.take_marks().unwrap_or_default();
        self.stats.seconds = self.start.elapsed().as_secs_f64();
        let nodes = self.nodes.len() * size_of::<Node>();
        self.stats.bytes = (self.visited.bytes() + nodes + self.peak_frontier) as u64;
        // Any two of n fingerprints of 64 bits are equal.
        self.stats.omission = if self.options.exact { 0. } else { (self.stats.states as f64).powi(2) / 2f64.powi(65) };
        let mut violations: Vec<Violation> = self
            .violations
            .iter()
            .map(|(claim, detail, node)| Violation {
                claim: claim.clone(),
                witness: Some(self.witness(*node)),
                detail: detail.clone(),
            })
            .collect();
        let complete = self.incomplete.is_none();
        for i in self.questions.exists() {
            if complete && !self.reached.iter().any(|&(j, _)| j == i) {
                violations.push(Violation { claim: Claim::Property(i), witness: None, detail: Detail::Plain });
            }
        }
        let verdict = |claim: &Claim| {
            let exists = matches!(claim, Claim::Property(i) if self.reached.iter().any(|(j, _)| j == i));
            if violations.iter().any(|v| v.claim == *claim) {
                Verdict::Violated
            } else if complete || exists {
                Verdict::Holds
            } else {
                Verdict::Unknown
            }
        };
        let verdicts = self.questions.claims().into_iter().map(|claim| (claim.clone(), verdict(&claim))).collect();
        let found = |(outcome, node, preemptions, states): &(Outcome, u32, u32, u64)| {
            (outcome.clone(), Found { witness: self.witness(*node), preemptions: *preemptions, states: *states })
        };
        Exploration {
            outcomes: self.outcomes.iter().map(found).collect(),
            verdicts,
            reached: self.reached.iter().map(|&(i, node)| (i, self.witness(node))).collect(),
            rules: self.trace.rules,
            executed: std::mem::take(&mut self.executed),
            incomplete: self.incomplete.clone(),
            stats: self.stats,
            violations,
        }
    }
}

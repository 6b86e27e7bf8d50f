//! The state graph of a small program, whole: for pictures and for whoever wants to look at every state.

use super::{Claim, Incomplete, Options, Steps, Taken, questions::Questions};
use crate::{
    kernel::{Step, Trace},
    machine::{Machine, Move, MoveKind, SetupError, State},
    program::Outcome,
};
use petgraph::graph::{DiGraph, NodeIndex};
use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::Ordering,
    time::Instant,
};

/// Every state and every move between them.
#[derive(Clone, Debug)]
pub struct StateGraph {
    /// In the order in which the states were found; an edge is the move that leads from one to the other.
    pub graph: DiGraph<StateNode, Taken>,
    /// Every outcome, in the order of [`Exploration::outcomes`](super::Exploration::outcomes).
    pub outcomes: Vec<Outcome>,
    /// Why it is not the whole graph, if it isn't.
    pub incomplete: Option<Incomplete>,
}

/// A state of the graph.
#[derive(Clone, Debug)]
pub struct StateNode {
    /// Its canonical form, see [`State::decode`].
    pub state: Box<[u8]>,
    /// For an end state, the index of its outcome.
    pub outcome: Option<usize>,
    /// What it contradicts.
    pub broken: Vec<Claim>,
    /// Whether its moves are in the graph.
    pub expanded: bool,
}

impl StateGraph {
    /// Where the tasks begin.
    pub fn initial(&self) -> NodeIndex {
        NodeIndex::new(0)
    }
}

/// The state graph: states are compared exactly, and kept.
///
/// # Errors
///
/// When the program cannot begin.
pub fn graph(machine: &Machine, options: &Options) -> Result<StateGraph, SetupError> {
    let initial = machine.initial()?;
    let mut builder = Builder {
        machine,
        questions: Questions::new(machine),
        found: StateGraph { graph: DiGraph::new(), outcomes: Vec::new(), incomplete: None },
        index: HashMap::new(),
        open: BTreeMap::new(),
    };
    builder.node(&initial, 0, 0);
    builder.run(initial, options);
    Ok(builder.found)
}

struct Builder<'a> {
    machine: &'a Machine<'a>,
    questions: Questions<'a>,
    found: StateGraph,
    /// By canonical form, with the fewest in-call preemptions that lead there.
    index: HashMap<Box<[u8]>, (NodeIndex, u32)>,
    /// Per number of in-call preemptions, per depth: states to be looked into.
    open: BTreeMap<(u32, u32), Vec<NodeIndex>>,
}

impl Builder<'_> {
    fn run(&mut self, mut state: State, options: &Options) {
        let start = Instant::now();
        while let Some(((cost, depth), nodes)) = self.open.pop_first() {
            for node in nodes {
                let why = if options.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                    Some(Incomplete::Stopped)
                } else if self.found.graph.node_count() >= options.max_states {
                    Some(Incomplete::States(options.max_states))
                } else if start.elapsed() > options.max_time {
                    Some(Incomplete::Time(options.max_time))
                } else {
                    None
                };
                if why.is_some() {
                    self.found.incomplete = why;
                    return;
                }
                if !self.found.graph[node].expanded {
                    self.expand(&mut state, node, cost, depth, options.steps);
                }
            }
        }
    }

    fn expand(&mut self, state: &mut State, node: NodeIndex, cost: u32, depth: u32, steps: Steps) {
        self.found.graph[node].expanded = true;
        let form = self.found.graph[node].state.clone();
        let one_by_one = match steps {
            Steps::Calls => false,
            Steps::Sections(bound) => bound.is_none_or(|bound| cost < bound),
        };
        state.set_journal(false);
        state.decode(&form);
        let moves: Vec<Move> = self.machine.moves(state).collect();
        for mv in moves {
            let in_sections = one_by_one && matches!(mv.kind, MoveKind::Call | MoveKind::Continue | MoveKind::Deliver);
            let mut sections = if in_sections { 1 } else { u32::MAX };
            loop {
                state.decode(&form);
                let step = self.machine.apply(state, mv, sections, &mut Trace::default());
                let inside = matches!(step, Step::Preempted) && state.kernel.task(mv.task).in_call().is_some();
                let preempted = in_sections && inside;
                let taken = Taken { mv, sections: if preempted { sections } else { u32::MAX } };
                let to = self.node(state, cost + u32::from(preempted), depth + 1);
                self.found.graph.add_edge(node, to, taken);
                if !preempted {
                    break;
                }
                sections += 1;
            }
        }
    }

    /// The node of a state, made if it isn't there.
    fn node(&mut self, state: &State, cost: u32, depth: u32) -> NodeIndex {
        let mut form = Vec::new();
        state.encode(&mut form);
        if let Some((node, least)) = self.index.get_mut(form.as_slice()) {
            if cost < *least {
                // It is reached with fewer interruptions after all, and more of them are left to it.
                *least = cost;
                self.open.entry((cost, depth)).or_default().push(*node);
            }
            return *node;
        }
        let form: Box<[u8]> = form.into();
        let mut broken = Vec::new();
        self.questions.state(state, &mut broken);
        let goes_on = self.machine.moves(state).next().is_some();
        let outcome = (!goes_on).then(|| {
            self.questions.end(state, &mut broken, &mut Vec::new());
            let outcome = Outcome::of(self.machine.program, &self.machine.world(state));
            let outcomes = &mut self.found.outcomes;
            outcomes.iter().position(|known| *known == outcome).unwrap_or_else(|| {
                outcomes.push(outcome);
                outcomes.len() - 1
            })
        });
        let broken = broken.into_iter().map(|(claim, _)| claim).collect();
        let node = self.found.graph.add_node(StateNode { state: form.clone(), outcome, broken, expanded: !goes_on });
        self.index.insert(form, (node, cost));
        if goes_on {
            self.open.entry((cost, depth)).or_default().push(node);
        }
        node
    }
}

//! The state graph as a picture that a person can read: what happens without a choice is one arrow, outcomes are boxes.

use super::{
    ring,
    style::{plural, shorten, wrap},
    timeline::{self, Memory},
};
use crate::{
    explore::{StateGraph, StateNode, Taken},
    machine::{Machine, State},
};
use petgraph::{
    Direction,
    dot::{Config, Dot},
    graph::{DiGraph, NodeIndex},
    visit::EdgeRef,
};
use std::collections::HashMap;

/// A picture of a state graph.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Title of the test.
    pub title: String,
    /// Boxes, and arrows with the moves that they stand for.
    pub graph: DiGraph<Shape, String>,
}

/// A box of a picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shape {
    /// What it stands for.
    pub kind: ShapeKind,
    /// What is written into it.
    pub text: String,
    /// Whether a claim does not hold there.
    pub bad: bool,
}

/// What a box stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShapeKind {
    /// The initial state.
    Start,
    /// A state with a choice, or one that several ways lead to.
    State,
    /// An outcome; an end state.
    Outcome,
    /// A state that was not looked into.
    Unexplored,
}

/// A line of text is not longer than this.
const LINE: usize = 44;
/// An arrow tells of at most so many moves.
const MOVES: usize = 12;

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Picture {
    /// The picture of a graph; every state on its own if `full`.
    pub fn of(machine: &Machine, initial: &State, states: &StateGraph, full: bool) -> Picture {
        let mut painter = Painter { machine, scratch: initial.clone(), states, full, shown: HashMap::new() };
        painter.scratch.set_journal(false);
        let graph = painter.paint(initial);
        Picture { title: machine.program.name.clone(), graph }
    }

    /// As DOT, for Graphviz and others.
    pub fn dot(&self) -> String {
        let config = [Config::NodeNoLabel, Config::EdgeNoLabel, Config::GraphContentOnly];
        let edge = |_, edge: petgraph::graph::EdgeReference<String>| format!("label={}", quoted(edge.weight(), "\\l"));
        let node = |_, (_, shape): (NodeIndex, &Shape)| {
            let (look, color) = match (shape.kind, shape.bad) {
                (ShapeKind::Start, false) => ("rounded,filled,bold", "lightblue"),
                (ShapeKind::Start, true) => ("rounded,filled,bold", "mistyrose"),
                (ShapeKind::State, false) => ("rounded,filled", "white"),
                (ShapeKind::Outcome, false) => ("filled", "honeydew"),
                (_, true) => ("filled", "mistyrose"),
                (ShapeKind::Unexplored, false) => ("rounded,filled,dashed", "gray90"),
            };
            format!("label={} style=\"{look}\" fillcolor=\"{color}\"", quoted(&shape.text, "\\n"))
        };
        let content = Dot::with_attr_getters(&self.graph, &config, &edge, &node).to_string();
        let title = quoted(&self.title, "\\n");
        format!(
            "digraph {title} {{\n    label={title} labelloc=t\n    node [shape=box fontname=\"monospace\"]\n    \
             edge [fontname=\"monospace\" fontsize=10]\n{content}}}\n"
        )
    }
}

/// A string of DOT; each of its lines ends with `newline`.
fn quoted(text: &str, newline: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    let last = if newline == "\\l" { newline } else { "" };
    format!("\"{}{last}\"", escaped.replace('\n', newline))
}

struct Painter<'a> {
    machine: &'a Machine<'a>,
    scratch: State,
    states: &'a StateGraph,
    full: bool,
    shown: HashMap<NodeIndex, NodeIndex>,
}

impl Painter<'_> {
    fn paint(&mut self, initial: &State) -> DiGraph<Shape, String> {
        let states = &self.states.graph;
        let staying: Vec<NodeIndex> = states.node_indices().filter(|&node| self.stays(node)).collect();
        let mut graph = DiGraph::new();
        let mut outcomes: HashMap<usize, NodeIndex> = HashMap::new();
        for &node in &staying {
            let known = states[node].outcome.filter(|_| !self.full).and_then(|outcome| outcomes.get(&outcome));
            let shape = match known {
                Some(&shape) => shape,
                None => graph.add_node(self.shape(node, initial)),
            };
            outcomes.extend(states[node].outcome.map(|outcome| (outcome, shape)));
            self.shown.insert(node, shape);
        }
        for from in staying {
            // petgraph has the latest edge first.
            let mut edges: Vec<_> = states.edges(from).map(|edge| (edge.target(), *edge.weight())).collect();
            edges.reverse();
            for (to, taken) in edges {
                let (to, label) = self.follow(from, to, taken);
                graph.add_edge(self.shown[&from], self.shown[&to], label);
            }
        }
        graph
    }

    /// Whether a state has a box of its own.
    fn stays(&self, node: NodeIndex) -> bool {
        let states = &self.states.graph;
        let StateNode { outcome, broken, expanded, .. } = &states[node];
        let degree = |direction| states.edges_directed(node, direction).count();
        self.full
            || node == self.states.initial()
            || outcome.is_some()
            || !broken.is_empty()
            || !expanded
            || degree(Direction::Incoming) != 1
            || degree(Direction::Outgoing) != 1
    }

    /// The next state with a box of its own, and the moves up to it.
    fn follow(&mut self, from: NodeIndex, to: NodeIndex, taken: Taken) -> (NodeIndex, String) {
        let mut lines = vec![self.label(from, taken)];
        let mut here = to;
        while !self.stays(here) {
            let Some(edge) = self.states.graph.edges(here).next() else { break };
            let (next, taken) = (edge.target(), *edge.weight());
            lines.push(self.label(here, taken));
            here = next;
        }
        if lines.len() > MOVES {
            let left_out = lines.len() - (MOVES - 1);
            lines.splice(MOVES - 4..MOVES - 4 + left_out, [format!("… {left_out} more moves …")]);
        }
        (here, lines.join("\n"))
    }

    fn at(&mut self, node: NodeIndex) -> &State {
        self.scratch.decode(&self.states.graph[node].state);
        &self.scratch
    }

    /// `W: write(p.w, "a") = 1, wakes R`.
    fn label(&mut self, from: NodeIndex, taken: Taken) -> String {
        let machine = self.machine;
        let (row, _) = timeline::one(machine, self.at(from), taken, &mut Memory::default());
        let name = |task: u16| machine.program.tasks[task as usize].name.as_str();
        let Some((acting, others)) = row.cells.split_first() else {
            return format!("{}: (local)", name(taken.mv.task));
        };
        let mut label = format!("{}: {}", name(acting.task), acting.what);
        if !acting.result.is_empty() {
            label.push_str(&format!(" {}", acting.result));
        }
        for other in others {
            match other.result.as_str() {
                "woken" => label.push_str(&format!(", wakes {}", name(other.task))),
                what => label.push_str(&format!(", {} {what}", name(other.task))),
            }
        }
        wrap(&label, LINE, 2).join("\n")
    }

    fn shape(&mut self, node: NodeIndex, initial: &State) -> Shape {
        let StateNode { outcome, broken, expanded, .. } = &self.states.graph[node];
        let program = self.machine.program;
        let start = node == self.states.initial();
        let mut lines = Vec::new();
        let kind = match outcome {
            _ if start => ShapeKind::Start,
            Some(_) => ShapeKind::Outcome,
            None if !expanded => ShapeKind::Unexplored,
            None => ShapeKind::State,
        };
        if start {
            lines.push("start".to_string());
        }
        match outcome {
            Some(i) => {
                lines.push(format!("outcome {}", i + 1));
                lines.extend(wrap(&self.states.outcomes[*i].display(program).to_string(), LINE, 0));
            }
            None if start => lines.extend(self.contents(initial)),
            None => {
                lines.push(format!("{}{}", node.index() + 1, if *expanded { "" } else { " …" }));
                let state = self.at(node).clone();
                lines.extend(self.contents(&state));
            }
        }
        lines.extend(broken.iter().map(|claim| shorten(&format!("✗ {}", claim.text(program)), LINE)));
        Shape { kind, text: lines.join("\n"), bad: !broken.is_empty() }
    }

    /// What is in the pipes, and who sleeps.
    fn contents(&self, state: &State) -> Vec<String> {
        let machine = self.machine;
        let filled = state.kernel.pipes().filter(|(_, pipe)| !pipe.ring.is_empty());
        let pipes = filled.map(|(id, pipe)| {
            let name = machine.pipe_name(state, id);
            let short: Vec<String> = pipe.ring.occupied().take(3).map(|buf| ring::slot(&state.kernel, buf)).collect();
            let drawn = short.join(" | ");
            if pipe.ring.occupancy() <= 3 && drawn.chars().count() <= 24 {
                format!("{name} [{drawn}]")
            } else {
                format!("{name}: {}", plural(pipe.ring.bytes(), "byte"))
            }
        });
        let asleep: Vec<&str> = state
            .kernel
            .tasks()
            .filter(|(_, t)| t.asleep)
            .map(|(id, _)| machine.program.tasks[id as usize].name.as_str())
            .collect();
        let asleep = (!asleep.is_empty()).then(|| shorten(&format!("asleep: {}", asleep.join(", ")), LINE));
        pipes.chain(asleep).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn strings_of_dot() {
        assert_eq!(quoted("W: write(p.w, \"a\\n\") = 1", "\\l"), r#""W: write(p.w, \"a\\n\") = 1\l""#);
        assert_eq!(quoted("a\nb", "\\n"), r#""a\nb""#);
    }
}

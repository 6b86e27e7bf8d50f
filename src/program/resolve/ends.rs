//! Which process holds which ends of pipes, and has which segments attached.

use super::names::{Entity, Names, visit_block};
use crate::program::{
    End, Problem,
    syntax::{ExprKind, Object, ObjectKind, Path, PathStep},
};
use std::collections::BTreeSet;

/// Gives every process the ends that its text, its `holds` and its children name, and `init` all ends.
///
/// A child inherits its descriptors, so it knows an end by the number that the first of its family holds it at.
pub(super) fn distribute(names: &mut Names, problems: &mut Vec<Problem>) {
    let mut held: Vec<BTreeSet<(u16, End)>> = vec![BTreeSet::new(); names.processes.len()];
    let mut attached: Vec<BTreeSet<u16>> = vec![BTreeSet::new(); names.processes.len()];
    for source in &names.sources {
        let handlers = names.processes[source.process].handlers.iter().map(|handler| &handler.block);
        std::iter::once(source.block).chain(handlers).for_each(|block| {
            names.cells(block, &mut |object| _ = attached[founder(names, source.process)].insert(object));
            visit_block(block, &mut |e| {
                if let ExprKind::Path(path) = &e.kind {
                    held[founder(names, source.process)].extend(end(names, path));
                }
            })
        });
    }
    for (i, process) in names.processes.iter().enumerate() {
        match process.syntax {
            Some(syntax) => {
                for path in &syntax.holds {
                    match end(names, path) {
                        _ if names.segment(path).is_some_and(|_| path.steps.is_empty()) => {
                            attached[founder(names, i)].extend(names.segment(path));
                        }
                        Some(end) => _ = held[founder(names, i)].insert(end),
                        None => problems.push(no_end(names, path)),
                    }
                }
            }
            None => {
                let pipes = names.objects.iter().enumerate().filter(|(_, object)| object.kind == ObjectKind::Pipe);
                held[i].extend(pipes.flat_map(|(i, _)| [(i as u16, End::Read), (i as u16, End::Write)]));
            }
        }
    }
    for i in 0..names.processes.len() {
        names.processes[i].ends = held[founder(names, i)].iter().copied().collect();
        names.processes[i].attached = attached[founder(names, i)].iter().copied().collect();
    }
}

/// The process that a family of processes begins with.
fn founder(names: &Names, mut process: usize) -> usize {
    while let Some(parent) = names.processes[process].parent {
        process = parent;
    }
    process
}

/// `p.r`, `p.w`.
fn end(names: &Names, path: &Path) -> Option<(u16, End)> {
    let Some(Entity::Object(object)) = names.entity(&path.root.name) else { return None };
    let [PathStep::Field(field)] = &path.steps[..] else { return None };
    end_of(names.objects[object as usize], &field.name).map(|end| (object, end))
}

/// The end of an object that a field names.
pub(super) fn end_of(object: &Object, field: &str) -> Option<End> {
    match (object.kind, field) {
        (ObjectKind::Pipe, "r") => Some(End::Read),
        (ObjectKind::Pipe, "w") => Some(End::Write),
        _ => None,
    }
}

fn no_end(names: &Names, path: &Path) -> Problem {
    let name = &path.root.name;
    match names.entity(name).map(|entity| (entity, path.steps.is_empty())) {
        Some((Entity::Object(object), _)) if names.objects[object as usize].kind == ObjectKind::Pipe => {
            let problem =
                Problem::new(format!("`{path}` is no end of a pipe"), path.root.span, "only ends can be held");
            problem.help(format!("write `{name}.r` or `{name}.w`"))
        }
        _ => names.unknown("pipe", &path.root, |entity| matches!(entity, Entity::Object(_))),
    }
}

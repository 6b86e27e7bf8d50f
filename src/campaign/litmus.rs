//! A finding as a litmus test.
//!
//! The schedule states what the kernel did: once the model is right, the file holds, and can be kept in the library as it is. What
//! the model says instead stands in the comments.

use super::{Case, Difference, Finding, How, Recipe};
use crate::{
    kernel::signal,
    litmus::parse,
    oracle::{StepSeen, What},
    program::{CallResult, Compiled, Outcome, Value, resolve, syntax::Program},
};
use std::fmt::Write;

/// The test for a finding of steered runs.
pub fn of_finding(finding: &Finding, recipe: &Recipe) -> Program {
    let (Some(case), Some(difference)) = (&finding.case, &finding.difference) else { return finding.tree.clone() };
    let mut tree = case.tree.clone();
    tree.name = finding.kind.to_string();
    let lines = case.trial(&recipe.env).map(|trial| lines(&trial.program, &trial.walks[0].steps, difference, case));
    if let Some(lines) = lines {
        let text = format!("{tree}\nschedule \"what the kernel did\" {{\n{lines}}}\n");
        // Whatever cannot be written is left out, not the program.
        tree = parse(&text).unwrap_or(tree);
    }
    tree.comments = comments(finding, difference, recipe);
    tree
}

fn comments(finding: &Finding, difference: &Difference, recipe: &Recipe) -> Vec<String> {
    let mut comments =
        vec![format!("Seed {}, program {}. `lockstep replay` runs it again.", recipe.seed, finding.program)];
    if let Ok(program) = resolve(&finding.tree) {
        let number = difference.step + 1;
        let [kernel, model] = difference.in_words(&program);
        comments.push(format!("Step {number} on the kernel: {kernel}."));
        comments.push(format!("In the model of {}: {model}.", recipe.env.version));
        let fields = |step: &StepSeen| {
            let field = |&(object, field, value): &(u16, crate::program::ObjectField, i64)| {
                let name = crate::program::ObjectField::ALL.iter().find(|(_, f, _)| *f == field).map_or("", |f| f.0);
                format!("{}.{name} = {value}", program.objects[object as usize].name)
            };
            step.probes.iter().map(field).collect::<Vec<_>>().join(", ")
        };
        let seen_in_both = |step: &StepSeen, other: &StepSeen| StepSeen {
            probes: step
                .probes
                .iter()
                .filter(|p| other.probes.iter().any(|o| (o.0, o.1) == (p.0, p.1)))
                .copied()
                .collect(),
            ..StepSeen::default()
        };
        let kernel = seen_in_both(&difference.seen, &difference.model);
        let model = seen_in_both(&difference.model, &difference.seen);
        if let Some(told) = difference.seen.tell_difference(&difference.model, &program) {
            comments.push(format!("Objects on the kernel: {told}."));
        } else if kernel.probes != model.probes {
            comments.push(format!("Objects on the kernel: {}; in the model: {}.", fields(&kernel), fields(&model)));
        }
    }
    if let How::Reordered(_) = difference.how {
        comments.push("The model explains it if woken tasks go on in another order than that of their waking.".into());
    }
    if !finding.rules.is_empty() {
        comments.push(format!("Rules of the model in this step: {}.", finding.rules.join(", ")));
    }
    let (count, of) = finding.confirmed;
    comments.push(format!("Differed in {count} of {of} runs."));
    comments
}

/// The lines of the schedule; in the last step the kernel's word counts.
fn lines(program: &Compiled, walked: &[StepSeen], difference: &Difference, case: &Case) -> String {
    let mut text = String::new();
    for (i, (walked, release)) in walked.iter().zip(&case.steps).enumerate() {
        let step = if i == difference.step { &difference.seen } else { walked };
        let _ = match release.expire {
            None => writeln!(text, "{}", line(program, step, &release.task, release.hold)),
            // What it brings about cannot be stated; it is compared all the same.
            Some(None) => writeln!(text, "expire {}", release.task),
            Some(Some(timer)) => writeln!(text, "expire {} timer {timer}", release.task),
        };
    }
    text
}

/// `A+ -> 1, B -> "x"`.
fn line(program: &Compiled, step: &StepSeen, released: &str, hold: bool) -> String {
    let name = |task: u16| program.tasks[task as usize].name.as_str();
    let mut events: Vec<(&str, String)> = Vec::new();
    for event in &step.events {
        let said = match &event.what {
            What::Returned(crate::kernel::CallKind::Fork, _) | What::Halted(_) => String::new(),
            What::Returned(call, ret) => format!(" -> {}", CallResult::new(*call, ret).as_constant()),
            What::Exited(status) => format!(" exits {status}"),
            What::Handler(handled) => {
                let handlers = &program.tasks[usize::from(event.task)].code.handlers;
                format!(" runs {}", handlers[usize::from(handled.handler)].name)
            }
        };
        if !events.iter().any(|(who, _)| *who == name(event.task)) {
            events.push((name(event.task), said));
        }
    }
    if !events.iter().any(|(who, _)| *who == released) {
        let asleep = step.asleep.iter().find(|(task, _)| name(*task) == released);
        let stopped = step.stopped.iter().any(|&task| name(task) == released);
        let said = if stopped { " stopped".into() } else { String::new() };
        events.insert(0, (released, asleep.map_or(said, |(_, call)| format!(" asleep in {call}"))));
    }
    for &(process, by) in &step.killed {
        let signal = if by == 0 { String::new() } else { format!(" {}", signal::name(by)) };
        events.push((name(program.processes[usize::from(process)].threads[0]), format!(" killed{signal}")));
    }
    events.sort_by_key(|(who, _)| *who != released);
    let words: Vec<String> = events
        .iter()
        .enumerate()
        .map(|(i, (who, said))| format!("{who}{}{said}", if hold && i == 0 { "+" } else { "" }))
        .collect();
    words.join(", ")
}

/// The test for an outcome of free runs: the program, and that this outcome exists.
pub fn of_outcome(tree: &Program, outcome: &Outcome, comments: Vec<String>, title: String) -> Program {
    let mut titled = Program { name: title, ..tree.clone() };
    if let Ok(program) = resolve(tree) {
        let mut parts: Vec<String> = program
            .shown
            .iter()
            .zip(&outcome.shown)
            .map(|(shown, value)| match value {
                Value::Result(r) => format!("{} == {}", shown.name, r.as_constant()),
                value => format!("{} == {value}", shown.name),
            })
            .collect();
        let sleepers = outcome.asleep.iter();
        parts.extend(sleepers.map(|(task, call)| format!("asleep({}, {call})", program.tasks[*task as usize].name)));
        if !parts.is_empty() {
            titled = parse(&format!("{titled}\nexists {}\n", parts.join(" && "))).unwrap_or(titled);
        }
    }
    titled.comments = comments;
    titled
}

//! Smaller programs: what may be left out of one, and what may be written more plainly.
//!
//! Nothing here knows what a program does. Each proposal is tried; most are useless.

use super::{
    shrink::{Case, Step},
    walk::Made,
};
use crate::program::syntax::{Arg, BinOp, Block, Body, Expr, ExprKind, Item, Path, Process, Program, StmtKind};

/// A way to make a case smaller: proposals, the most daring ones first.
///
/// `makes` says for each step of the case which statement it makes.
pub type Pass = fn(&Case, &[Option<Made>]) -> Vec<Case>;

/// Every way, coarse ones first.
pub const PASSES: &[Pass] = &[unmade, tasks, steps, handlers, objects, holds, plainer];

/// Where statements stand.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    /// The tasks that make them; none if it is `init`.
    tasks: Vec<String>,
    /// The handler, if it is one.
    handler: Option<String>,
}

/// Every place of the program, in the order of [`blocks`].
fn places(tree: &Program) -> Vec<Place> {
    let mut places = Vec::new();
    for item in &tree.items {
        match item {
            Item::Init(_) => places.push(Place { tasks: Vec::new(), handler: None }),
            Item::Process(process) => {
                places.extend(task_names(process).into_iter().map(|name| Place { tasks: vec![name], handler: None }));
                places.extend(process.handlers.iter().map(|handler| {
                    let handler = Some(handler.name.name.clone());
                    Place { tasks: task_names(process), handler }
                }));
            }
            _ => {}
        }
    }
    places
}

fn task_names(process: &Process) -> Vec<String> {
    match &process.body {
        Body::Single(_) => vec![process.name.name.clone()],
        Body::Threads(threads) => threads.iter().map(|thread| thread.name.name.clone()).collect(),
    }
}

/// The statements at each place.
fn blocks(tree: &mut Program) -> Vec<&mut Block> {
    let mut blocks = Vec::new();
    for item in &mut tree.items {
        match item {
            Item::Init(block) => blocks.push(block),
            Item::Process(process) => {
                match &mut process.body {
                    Body::Single(block) => blocks.push(block),
                    Body::Threads(threads) => blocks.extend(threads.iter_mut().map(|thread| &mut thread.block)),
                }
                blocks.extend(process.handlers.iter_mut().map(|handler| &mut handler.block));
            }
            _ => {}
        }
    }
    blocks
}

/// For each step the statement that it makes: its place, and its number there.
fn made(case: &Case, makes: &[Option<Made>]) -> Vec<Option<(usize, usize)>> {
    let places = places(&case.tree);
    let at = |(step, made): (&Step, &Option<Made>)| {
        let made = made.as_ref()?;
        let place = places.iter().position(|p| p.handler == made.handler && p.tasks.contains(&step.task))?;
        Some((place, made.statement as usize))
    };
    case.steps.iter().zip(makes).map(at).collect()
}

/// Without the statements for which `goes` is true, and without the steps that made them.
fn without(case: &Case, makes: &[Option<Made>], goes: &dyn Fn(usize, usize) -> bool) -> Case {
    let mut smaller = case.clone();
    for (place, block) in blocks(&mut smaller.tree).into_iter().enumerate() {
        let mut index = 0;
        block.retain(|_| {
            index += 1;
            !goes(place, index - 1)
        });
    }
    smaller.tree.items.retain(|item| !matches!(item, Item::Init(block) if block.is_empty()));
    let made = made(case, makes);
    let stays = |at: &Option<(usize, usize)>| !at.is_some_and(|(place, index)| goes(place, index));
    smaller.steps = case.steps.iter().zip(&made).filter(|(_, at)| stays(at)).map(|(step, _)| step.clone()).collect();
    smaller
}

/// Without the statements that the schedule does not come to. Whoever loses an end by that may have to hold it.
fn unmade(case: &Case, makes: &[Option<Made>]) -> Vec<Case> {
    let (made, places) = (made(case, makes), places(&case.tree));
    let goes = |place: usize, index: usize| !places[place].tasks.is_empty() && !made.contains(&Some((place, index)));
    let plain = without(case, makes, &goes);
    let mut holding = plain.clone();
    hold_what_was_named(&case.tree, &mut holding.tree);
    vec![plain, holding]
}

/// Processes keep the ends that they named before.
fn hold_what_was_named(before: &Program, after: &mut Program) {
    for item in &mut after.items {
        let Item::Process(process) = item else { continue };
        let old = before.items.iter().find_map(|item| match item {
            Item::Process(old) if old.name == process.name => Some(old),
            _ => None,
        });
        let mut ends = Vec::new();
        if let (Some(old), None) = (old, &process.child_of) {
            match &old.body {
                Body::Single(block) => named(block, &mut ends),
                Body::Threads(threads) => threads.iter().for_each(|t| named(&t.block, &mut ends)),
            }
            old.handlers.iter().for_each(|handler| named(&handler.block, &mut ends));
        }
        let declared = |end: &Path| {
            before.items.iter().any(|item| matches!(item, Item::Object(object) if object.name == end.root))
        };
        for end in ends {
            if declared(&end) && !process.holds.contains(&end) {
                process.holds.push(end);
            }
        }
    }
}

/// Ends that are arguments of calls.
fn named(block: &Block, ends: &mut Vec<Path>) {
    for stmt in block {
        let StmtKind::Call { call, .. } = &stmt.kind else { continue };
        for arg in &call.args {
            if let ExprKind::Path(path) = &arg.value.kind
                && path.steps.len() == 1
                && !ends.contains(path)
            {
                ends.push(path.clone());
            }
        }
    }
}

/// Without one of the tasks; a process without threads, a child without its parent, and calls that name any of them, go too.
fn tasks(case: &Case, makes: &[Option<Made>]) -> Vec<Case> {
    let names = places(&case.tree).into_iter().filter(|place| place.handler.is_none()).flat_map(|place| place.tasks);
    names.map(|name| without_task(case, makes, &name)).collect()
}

fn without_task(case: &Case, makes: &[Option<Made>], name: &str) -> Case {
    let mut gone = vec![name.to_string()];
    for item in &case.tree.items {
        let Item::Process(process) = item else { continue };
        let parent = process.child_of.as_ref().is_some_and(|parent| gone.contains(&parent.name));
        if parent || task_names(process).iter().all(|task| gone.contains(task)) {
            gone.extend(task_names(process));
            gone.push(process.name.name.clone());
        }
    }
    let mut smaller = without_naming(case, makes, &gone);
    for item in &mut smaller.tree.items {
        if let Item::Process(process) = item
            && let Body::Threads(threads) = &mut process.body
        {
            threads.retain(|thread| !gone.contains(&thread.name.name));
        }
    }
    smaller.tree.items.retain(|item| !matches!(item, Item::Process(process) if gone.contains(&process.name.name)));
    smaller.steps.retain(|step| !gone.contains(&step.task));
    smaller
}

/// Without the calls that name any of these.
fn without_naming(case: &Case, makes: &[Option<Made>], gone: &[String]) -> Case {
    let mut tree = case.tree.clone();
    let names = |block: &mut Block| -> Vec<bool> {
        let named = |call: &crate::program::syntax::CallExpr| call.args.iter().any(|arg| names_any(&arg.value, gone));
        block.iter().map(|stmt| matches!(&stmt.kind, StmtKind::Call { call, .. } if named(call))).collect()
    };
    let naming: Vec<Vec<bool>> = blocks(&mut tree).into_iter().map(names).collect();
    without(case, makes, &|place, index| naming[place][index])
}

fn names_any(e: &Expr, names: &[String]) -> bool {
    match &e.kind {
        ExprKind::Path(path) => path.steps.is_empty() && names.contains(&path.root.name),
        ExprKind::Neg(e) => names_any(e, names),
        _ => false,
    }
}

/// Without stretches of the schedule and the statements that they make: halves, quarters, … single ones. And without the
/// statements of `init`.
fn steps(case: &Case, makes: &[Option<Made>]) -> Vec<Case> {
    let mut proposals = Vec::new();
    let made = made(case, makes);
    let count = case.steps.len();
    let mut long = count / 2;
    while long > 0 {
        for start in (0..count).step_by(long) {
            let range = start..(start + long).min(count);
            let goes = |place: usize, index: usize| made[range.clone()].contains(&Some((place, index)));
            proposals.push(without(case, makes, &goes));
        }
        long /= 2;
    }
    // A statement may stay for its ends although nobody makes it.
    proposals.extend((0..count).map(|i| {
        let mut smaller = case.clone();
        smaller.steps.remove(i);
        smaller
    }));
    let init = places(&case.tree).iter().position(|place| place.tasks.is_empty());
    if let Some(init) = init {
        let count = blocks(&mut case.tree.clone())[init].len();
        proposals.extend((0..count).map(|i| without(case, makes, &|place, index| place == init && index == i)));
    }
    proposals
}

/// Without one of the handlers and the calls that install it, or without its `info`.
fn handlers(case: &Case, makes: &[Option<Made>]) -> Vec<Case> {
    let mut proposals = Vec::new();
    for (i, item) in case.tree.items.iter().enumerate() {
        let Item::Process(process) = item else { continue };
        for (h, handler) in process.handlers.iter().enumerate() {
            let mut unused = case.clone();
            let mut bare = case.clone();
            let mut uninstalled = without_naming(case, makes, std::slice::from_ref(&handler.name.name));
            let edit = |case: &mut Case, edit: &dyn Fn(&mut Process)| {
                if let Item::Process(process) = &mut case.tree.items[i] {
                    edit(process);
                }
            };
            edit(&mut unused, &|process| _ = process.handlers.remove(h));
            edit(&mut uninstalled, &|process| _ = process.handlers.remove(h));
            edit(&mut bare, &|process| process.handlers[h].info = None);
            proposals.extend([unused, uninstalled, bare]);
        }
    }
    proposals
}

/// Without one of the declared objects, or of its options; without what a process holds.
fn objects(case: &Case, _: &[Option<Made>]) -> Vec<Case> {
    let mut proposals = Vec::new();
    let mut propose = |edit: &dyn Fn(&mut Program)| {
        let mut smaller = case.clone();
        edit(&mut smaller.tree);
        proposals.push(smaller);
    };
    for (i, item) in case.tree.items.iter().enumerate() {
        match item {
            Item::Object(object) => {
                propose(&|tree| _ = tree.items.remove(i));
                for option in 0..object.options.len() {
                    propose(&|tree| {
                        if let Item::Object(object) = &mut tree.items[i] {
                            object.options.remove(option);
                        }
                    });
                }
            }
            Item::Process(process) => {
                for held in 0..process.holds.len() {
                    propose(&|tree| {
                        if let Item::Process(process) = &mut tree.items[i] {
                            process.holds.remove(held);
                        }
                    });
                }
            }
            _ => {}
        }
    }
    proposals
}

/// Without holding the sleepers.
fn holds(case: &Case, _: &[Option<Made>]) -> Vec<Case> {
    let held = |i: usize| {
        let mut smaller = case.clone();
        smaller.steps[i].hold = false;
        smaller
    };
    (0..case.steps.len()).filter(|&i| case.steps[i].hold).map(held).collect()
}

/// With plainer arguments.
fn plainer(case: &Case, _: &[Option<Made>]) -> Vec<Case> {
    let mut proposals = Vec::new();
    let mut tree = case.tree.clone();
    for (b, block) in blocks(&mut tree).into_iter().enumerate() {
        for (s, stmt) in block.iter().enumerate() {
            let StmtKind::Call { dest, call, .. } = &stmt.kind else { continue };
            let mut propose = |edit: &dyn Fn(&mut StmtKind)| {
                let mut smaller = case.clone();
                edit(&mut blocks(&mut smaller.tree)[b][s].kind);
                proposals.push(smaller);
            };
            if dest.is_some() {
                propose(&|kind| {
                    if let StmtKind::Call { dest, .. } = kind {
                        *dest = None;
                    }
                });
            }
            for (a, Arg { value, .. }) in call.args.iter().enumerate() {
                propose(&|kind| {
                    if let StmtKind::Call { call, .. } = kind {
                        call.args.remove(a);
                    }
                });
                for plain in plainer_than(value) {
                    propose(&|kind| {
                        if let StmtKind::Call { call, .. } = kind {
                            call.args[a].value = plain.clone();
                        }
                    });
                }
            }
        }
    }
    proposals
}

/// Plainer expressions that may do as well.
fn plainer_than(e: &Expr) -> Vec<Expr> {
    let with = |kind| Expr { kind, span: e.span };
    match &e.kind {
        ExprKind::Int(n) => plainer_numbers(*n).into_iter().map(|n| with(ExprKind::Int(n))).collect(),
        ExprKind::List(list) => {
            let shorter = |i: usize| {
                let mut list = list.clone();
                list.remove(i);
                with(ExprKind::List(list))
            };
            (0..list.len()).map(shorter).collect()
        }
        ExprKind::Binary { op: BinOp::Add | BinOp::BitOr, left, right } => vec![(**left).clone(), (**right).clone()],
        ExprKind::Binary { op: BinOp::Mul, left, right } => {
            let less = plainer_than(right)
                .into_iter()
                .map(|right| with(ExprKind::Binary { op: BinOp::Mul, left: left.clone(), right: Box::new(right) }));
            std::iter::once((**left).clone()).chain(less).collect()
        }
        ExprKind::Call(call) if call.name.name == "pattern" => match call.args.first() {
            Some(n) => {
                let letter = Box::new(with(ExprKind::Str(b"a".to_vec())));
                vec![with(ExprKind::Binary { op: BinOp::Mul, left: letter, right: Box::new(n.value.clone()) })]
            }
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn plainer_numbers(n: i64) -> Vec<i64> {
    let page = i64::from(crate::kernel::PAGE_SIZE);
    let mut plain = vec![0, 1, 2, 10, page, n / 2, n - n % page, n - 1];
    plain.retain(|&m| m >= 0 && m < n);
    plain.dedup();
    plain
}

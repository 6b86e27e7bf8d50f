//! Smaller programs: what may be left out of one, and what may be written more plainly.
//!
//! Nothing here knows what a program does. Each proposal is tried; most are useless.

use super::shrink::{Case, Step};
use crate::program::syntax::{Arg, BinOp, Block, Body, Expr, ExprKind, Item, Path, Program, StmtKind};

/// A way to make a case smaller: proposals, the most daring ones first.
///
/// `makes` says for each step of the case which statement of its task it makes.
pub type Pass = fn(&Case, &[Option<u32>]) -> Vec<Case>;

/// Every way, coarse ones first.
pub const PASSES: &[Pass] = &[unmade, tasks, steps, objects, holds, plainer];

/// The statements of each task, by its name; those of `init` have none.
fn blocks(tree: &mut Program) -> Vec<(String, &mut Block)> {
    let mut blocks = Vec::new();
    for item in &mut tree.items {
        match item {
            Item::Init(block) => blocks.push((String::new(), block)),
            Item::Process(process) => match &mut process.body {
                Body::Single(block) => blocks.push((process.name.name.clone(), block)),
                Body::Threads(threads) => {
                    blocks.extend(threads.iter_mut().map(|t| (t.name.name.clone(), &mut t.block)));
                }
            },
            _ => {}
        }
    }
    blocks
}

/// Without the statements for which `goes` is true, and without the steps that made them.
fn without(case: &Case, makes: &[Option<u32>], goes: &dyn Fn(&str, usize) -> bool) -> Case {
    let mut smaller = case.clone();
    for (task, block) in blocks(&mut smaller.tree) {
        let mut index = 0;
        block.retain(|_| {
            index += 1;
            !goes(&task, index - 1)
        });
    }
    smaller.tree.items.retain(|item| !matches!(item, Item::Init(block) if block.is_empty()));
    let stays = |(step, made): (&Step, &Option<u32>)| !made.is_some_and(|pc| goes(&step.task, pc as usize));
    smaller.steps = case.steps.iter().zip(makes).filter(|pair| stays(*pair)).map(|(step, _)| step.clone()).collect();
    smaller
}

/// Without the statements that the schedule does not come to. Whoever loses an end by that may have to hold it.
fn unmade(case: &Case, makes: &[Option<u32>]) -> Vec<Case> {
    let made = |task: &str, index: usize| {
        let mut steps = case.steps.iter().zip(makes);
        task.is_empty() || steps.any(|(step, pc)| step.task == task && *pc == Some(index as u32))
    };
    let plain = without(case, makes, &|task, index| !made(task, index));
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

/// Without one of the tasks; a process without threads, and a child without its parent, go too.
fn tasks(case: &Case, makes: &[Option<u32>]) -> Vec<Case> {
    let mut tree = case.tree.clone();
    let names: Vec<String> =
        blocks(&mut tree).into_iter().map(|(name, _)| name).filter(|name| !name.is_empty()).collect();
    names.iter().map(|name| without_task(case, makes, name)).collect()
}

fn without_task(case: &Case, makes: &[Option<u32>], name: &str) -> Case {
    let forks = |tree: &mut Program, task: &str, index: usize| {
        let block = blocks(tree).into_iter().find(|(name, _)| name == task).map(|(_, block)| block);
        matches!(block.and_then(|b| b.get(index)).map(|s| &s.kind), Some(StmtKind::Call { call, .. })
            if call.name.name == "fork" && call.args.iter().any(|arg| is_name(&arg.value, name)))
    };
    let tree = std::cell::RefCell::new(case.tree.clone());
    let mut smaller = without(case, makes, &|task, index| task == name || forks(&mut tree.borrow_mut(), task, index));
    for item in &mut smaller.tree.items {
        if let Item::Process(process) = item
            && let Body::Threads(threads) = &mut process.body
        {
            threads.retain(|thread| thread.name.name != name);
        }
    }
    let gone = |item: &Item| match item {
        Item::Process(process) => match &process.body {
            Body::Single(_) => process.name.name == name || process.child_of.as_ref().is_some_and(|p| p.name == name),
            Body::Threads(threads) => threads.is_empty(),
        },
        _ => false,
    };
    smaller.tree.items.retain(|item| !gone(item));
    smaller.steps.retain(|step| step.task != name);
    smaller
}

fn is_name(e: &Expr, name: &str) -> bool {
    matches!(&e.kind, ExprKind::Path(path) if path.root.name == name && path.steps.is_empty())
}

/// Without stretches of the schedule and the statements that they make: halves, quarters, … single ones. And without the
/// statements of `init`.
fn steps(case: &Case, makes: &[Option<u32>]) -> Vec<Case> {
    let mut proposals = Vec::new();
    let count = case.steps.len();
    let mut long = count / 2;
    while long > 0 {
        for start in (0..count).step_by(long) {
            let range = start..(start + long).min(count);
            let goes = |task: &str, index: usize| {
                range.clone().any(|i| case.steps[i].task == task && makes[i] == Some(index as u32))
            };
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
    let mut tree = case.tree.clone();
    let init = blocks(&mut tree).into_iter().find(|(task, _)| task.is_empty()).map_or(0, |(_, block)| block.len());
    proposals.extend((0..init).map(|i| without(case, makes, &|task, index| task.is_empty() && index == i)));
    proposals
}

/// Without one of the declared objects, or of its options; without what a process holds.
fn objects(case: &Case, _: &[Option<u32>]) -> Vec<Case> {
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
fn holds(case: &Case, _: &[Option<u32>]) -> Vec<Case> {
    let held = |i: usize| {
        let mut smaller = case.clone();
        smaller.steps[i].hold = false;
        smaller
    };
    (0..case.steps.len()).filter(|&i| case.steps[i].hold).map(held).collect()
}

/// With plainer arguments.
fn plainer(case: &Case, _: &[Option<u32>]) -> Vec<Case> {
    let mut proposals = Vec::new();
    let mut tree = case.tree.clone();
    for (b, (_, block)) in blocks(&mut tree).into_iter().enumerate() {
        for (s, stmt) in block.iter().enumerate() {
            let StmtKind::Call { dest, call, .. } = &stmt.kind else { continue };
            let mut propose = |edit: &dyn Fn(&mut StmtKind)| {
                let mut smaller = case.clone();
                edit(&mut blocks(&mut smaller.tree)[b].1[s].kind);
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

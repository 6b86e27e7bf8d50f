//! What store buffers have to do with verdicts.

use super::Real;
use crate::{
    explore::{Exploration, Found, Options, Taken, Witness, explore},
    kernel::{CallKind, Env, Memory},
    machine::{Machine, Move, MoveKind},
};

/// Steered runs are sequentially consistent, whatever the processor. So an outcome that needs no store buffer gets the witness that a
/// search without buffers finds: that one can be steered.
pub(super) fn prefer_steerable(machine: &Machine, options: &Options, exploration: &mut Exploration) {
    if machine.env.memory == Memory::Sc || exploration.outcomes.iter().all(|(_, found)| !found.witness.reorders()) {
        return;
    }
    let plain = Machine::new(machine.program, Env { memory: Memory::Sc, ..machine.env.clone() });
    let Ok(without) = explore(&plain, options) else { return };
    let Ok(initial) = plain.initial() else { return };
    for (outcome, found) in without.outcomes {
        if let Some((_, known)) = exploration.outcomes.iter_mut().find(|(known, _)| *known == outcome) {
            *known = Found { witness: with_flushes(&plain, &initial, &found.witness), states: known.states, ..found };
        }
    }
}

/// The same path on a processor with buffers, every store visible at once.
fn with_flushes(plain: &Machine, initial: &crate::machine::State, witness: &Witness) -> Witness {
    let mut moves = Vec::with_capacity(witness.moves.len());
    let mut before = initial.clone();
    witness.replay(plain, initial, false, |taken, _, after, _| {
        let Move { task, kind } = taken.mv;
        moves.push(*taken);
        let call = plain.program.call_at(task, before.cursor(task).pc).map(|call| call.kind());
        if kind == MoveKind::Call && call == Some(CallKind::Set) && after.cursor(task).pc != before.cursor(task).pc {
            moves.push(Taken { mv: Move { task, kind: MoveKind::Flush }, sections: u32::MAX });
        }
        before.clone_from(after);
    });
    Witness { moves }
}

/// Which of the outcomes that were seen and are not allowed a processor with store buffers would explain.
pub(super) fn explain_by_buffers(machine: &Machine, options: &Options, real: &mut Real) {
    let cells = machine.program.objects.iter().any(|object| object.cells > 0);
    if machine.env.memory == Memory::Tso || !cells || real.not_allowed.is_empty() {
        return;
    }
    let buffered = Machine::new(machine.program, Env { memory: Memory::Tso, ..machine.env.clone() });
    let Ok(wider) = explore(&buffered, options) else { return };
    for seen in &mut real.not_allowed {
        seen.buffered =
            wider.outcomes.iter().any(|(outcome, _)| super::real::admits(machine.program, outcome, &seen.outcome));
    }
}

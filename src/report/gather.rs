//! A judgement becomes a [`TestReport`]: indices become names, witnesses become schedules and steps.

use super::{
    timeline::{Path, Row, rows},
    unreached::unreached,
    view::*,
};
use crate::{
    explore::{Claim, Detail, Found, Verdict, Witness},
    kernel::TaskId,
    machine::{Machine, State},
    oracle::{Divergence, StepSeen},
    program::{Quantifier, Schedule},
    target::Method,
    verdict::{Confirmation, Mismatch, Real, forcing, trouble},
};
use serde::Serialize;

impl TestReport {
    /// The report on a test; `None` if its program cannot begin, which no judgement comes from.
    pub fn of(case: &Case) -> Option<TestReport> {
        let Case { program, judgement, .. } = *case;
        let machine = Machine::new(program, judgement.env.clone());
        let initial = machine.initial().ok()?;
        let names = program.tasks.iter().map(|t| t.name.clone()).collect();
        Some(Maker { case, machine: &machine, initial: &initial, names }.report())
    }

    /// The same as pretty JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_else(|e| unreachable!("a report is plain data: {e}"))
    }
}

struct Maker<'a> {
    case: &'a Case<'a>,
    machine: &'a Machine<'a>,
    initial: &'a State,
    names: Vec<String>,
}

impl Maker<'_> {
    fn report(&self) -> TestReport {
        let Case { file, hash, program, judgement, .. } = *self.case;
        let (exploration, real) = (&judgement.exploration, judgement.real.as_ref());
        let not_allowed = real.map_or(&[][..], |real| &real.not_allowed).iter();
        let divergences = real.map_or(&[][..], |real| &real.divergences).iter();
        let reordered = real.map_or(&[][..], |real| &real.reordered).iter();
        TestReport {
            test: program.name.clone(),
            file: file.into(),
            hash: hash.into(),
            kernel: judgement.env.version,
            status: judgement.status(),
            outcomes: exploration.outcomes.iter().enumerate().map(|(i, (_, found))| self.outcome(i, found)).collect(),
            not_allowed: not_allowed
                .map(|seen| NotAllowedReport {
                    text: seen.outcome.display(program).to_string(),
                    values: values(&seen.outcome.json(program)),
                    free: seen.free,
                    buffered: seen.buffered,
                })
                .collect(),
            claims: exploration.verdicts.iter().map(|(claim, verdict)| self.claim(claim, *verdict)).collect(),
            schedules: self.schedules(),
            unreached: unreached(program, self.case.text, exploration),
            divergences: divergences.map(|(schedule, divergence)| self.divergence(schedule, divergence)).collect(),
            reordered: reordered
                .map(|(schedule, order)| ReorderedReport { schedule: self.line(schedule), order: *order })
                .collect(),
            real: real.map(real_report),
            incomplete: exploration.incomplete.as_ref().map(ToString::to_string),
            doubts: judgement.doubts(),
            stats: exploration.stats,
        }
    }

    fn line(&self, schedule: &Schedule) -> String {
        schedule.display(&self.names).to_string()
    }

    fn name(&self, task: TaskId) -> &str {
        &self.names[task as usize]
    }

    fn outcome(&self, i: usize, found: &Found) -> OutcomeReport {
        let Case { program, judgement, .. } = *self.case;
        let outcome = &judgement.exploration.outcomes[i].0;
        let real = judgement.real.as_ref();
        let sighting = real.and_then(|real| real.sightings.get(i));
        let steered = sighting.and_then(|s| s.steered.as_ref());
        let (word, why) = match steered {
            None => (None, None),
            Some(Confirmation::Confirmed) => (Some("confirmed"), None),
            Some(Confirmation::NotSteerable(why)) => (Some("not-steerable"), Some((*why).to_string())),
            Some(Confirmation::Diverged) => (Some("diverged"), None),
            Some(Confirmation::Ended(end)) => (Some("ended"), trouble(program, end)),
        };
        OutcomeReport {
            text: outcome.display(program).to_string(),
            values: values(&outcome.json(program)),
            states: found.states,
            preemptions: found.preemptions,
            schedule: forcing(self.machine, self.initial, &found.witness).map(|s| self.line(&s)),
            seen: sighting
                .filter(|s| s.steered.is_some() || real.is_some_and(|real| real.iterations > 0))
                .map(|s| s.free > 0 || s.steered == Some(Confirmation::Confirmed)),
            steered: word,
            why,
            free: real.filter(|real| real.iterations > 0).and(sighting).map(|s| s.free),
        }
    }

    fn claim(&self, claim: &Claim, verdict: Verdict) -> ClaimReport {
        let Case { program, judgement, .. } = *self.case;
        let exploration = &judgement.exploration;
        let violation = exploration.violations.iter().find(|v| v.claim == *claim);
        let quantifier = match claim {
            Claim::Property(i) => Some(program.properties[*i].quantifier),
            _ => None,
        };
        let detail = violation.and_then(|violation| match &violation.detail {
            Detail::Plain if violation.witness.is_none() => Some("no outcome satisfies it".to_string()),
            Detail::Plain => None,
            Detail::Asleep(tasks) => {
                let each = tasks.iter().map(|&(task, call)| format!("{} asleep in {call}", self.name(task)));
                Some(each.collect::<Vec<_>>().join(", "))
            }
            Detail::Halted(task, halt) => Some(format!("{} {halt}", self.name(*task))),
        });
        let reached = match claim {
            Claim::Property(i) => exploration.reached.iter().find(|(j, _)| j == i).map(|(_, witness)| witness),
            _ => None,
        };
        let witness = violation.map_or(reached, |violation| violation.witness.as_ref());
        let counted = match claim {
            Claim::Property(i) => self.observed(*i),
            _ => None,
        };
        ClaimReport {
            claim: claim.text(program),
            kind: match (claim, quantifier) {
                (_, Some(Quantifier::Exists)) => "exists",
                (_, Some(Quantifier::Forbid)) => "forbid",
                (_, Some(Quantifier::Final)) => "final",
                (_, Some(Quantifier::Always)) => "always",
                (Claim::NoFailure, _) => "no-failure",
                (Claim::NoLostWakeup, _) => "no-lost-wakeup",
                _ => "no-deadlock",
            },
            verdict,
            detail,
            path: witness.map(|witness| self.path(witness)),
            positive: counted.map(|(positive, _)| positive),
            negative: counted.map(|(_, negative)| negative),
        }
    }

    /// In how many free runs the condition of an `exists` or `forbid` was true, and in how many not.
    fn observed(&self, property: usize) -> Option<(u64, u64)> {
        let Case { program, judgement, .. } = *self.case;
        let real = judgement.real.as_ref().filter(|real| real.iterations > 0)?;
        let property = &program.properties[property];
        if !matches!(property.quantifier, Quantifier::Exists | Quantifier::Forbid) {
            return None;
        }
        let (mut positive, mut negative) = (0, 0);
        for ((_, found), sighting) in judgement.exploration.outcomes.iter().zip(&real.sightings) {
            let end = found.witness.end(self.machine, self.initial);
            let counter = if property.cond.holds(&self.machine.world(&end)) { &mut positive } else { &mut negative };
            *counter += sighting.free;
        }
        Some((positive, negative))
    }

    fn path(&self, witness: &Witness) -> PathReport {
        let steps = rows(self.machine, self.initial, &Path::Witness(witness));
        PathReport {
            schedule: forcing(self.machine, self.initial, witness).map(|s| self.line(&s)),
            steps: steps.iter().filter_map(|row| self.step(row)).collect(),
        }
    }

    fn step(&self, row: &Row) -> Option<StepReport> {
        let (acting, others) = row.cells.split_first()?;
        Some(StepReport {
            task: self.name(acting.task).into(),
            what: acting.what.clone(),
            result: acting.result.clone(),
            woken: others.iter().map(|cell| self.name(cell.task).to_string()).collect(),
            rules: row.rules.iter().map(|(id, _)| *id).collect(),
        })
    }

    fn schedules(&self) -> Vec<ScheduleReport> {
        let wrong = |mismatch: &Mismatch| {
            let before = self.case.text.get(..mismatch.span.start as usize).unwrap_or("");
            format!("line {}: {}", before.matches('\n').count() + 1, mismatch.message)
        };
        let verdicts = self.case.judgement.schedules.iter();
        verdicts
            .map(|verdict| {
                let code = &self.case.program.schedules[verdict.index];
                let schedule = self.line(&code.schedule());
                ScheduleReport {
                    title: code.title.clone().unwrap_or_else(|| schedule.clone()),
                    schedule,
                    model: verdict.model.as_ref().map(wrong),
                    kernel: verdict.kernel.as_ref().map(wrong),
                    ran: verdict.ran,
                }
            })
            .collect()
    }

    fn divergence(&self, schedule: &Schedule, divergence: &Divergence) -> DivergenceReport {
        let (program, task) = (self.case.program, divergence.release.task);
        let told = |this: &StepSeen, other: &StepSeen| {
            let all = this.tell_all(program, task).to_string();
            this.tell_difference(other, program).map_or(all.clone(), |difference| format!("{all}; {difference}"))
        };
        let (seen, expected) = (&divergence.seen, divergence.expected.as_ref());
        DivergenceReport {
            schedule: self.line(schedule),
            step: divergence.step + 1,
            task: self.name(task).into(),
            seen: told(seen, expected.unwrap_or(seen)),
            expected: expected.map(|expected| told(expected, seen)),
            certain: !divergence.capped,
        }
    }
}

fn real_report(real: &Real) -> RealReport {
    RealReport {
        release: real.facts.release.clone(),
        version: real.facts.version,
        method: real.method.map(|method| match method {
            Method::Fifo => "fifo",
            Method::Proof => "proof",
        }),
        steps: real.steps,
        steered_seconds: real.steered_time.as_secs_f64(),
        iterations: real.iterations,
        unfinished: real.unfinished,
        torn: real.torn,
        free_seconds: real.free_time.as_secs_f64(),
        checks: real.checks.0,
        check_failures: real.checks.1,
        skipped_probes: real.skipped_probes,
    }
}

fn values(outcome: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(outcome).unwrap_or_default()
}

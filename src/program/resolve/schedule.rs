//! Schedules.

use super::{
    cells::Loaded,
    expr::{Scope, Translator, call_kind},
    names::Names,
};
use crate::kernel::VersionRange;
use crate::program::{
    EventCode, EventWhat, ExprCode, LineCode, LineCodeKind, Problem, Release, ScheduleCode, Value, did_you_mean,
    syntax::{Event, EventKind, Expr, Item, Line, LineKind, Program, Schedule},
};

pub(super) fn schedules(program: &Program, names: &Names, problems: &mut Vec<Problem>) -> Vec<ScheduleCode> {
    let schedules = program.items.iter().filter_map(|item| match item {
        Item::Schedule(schedule) => Some(schedule),
        _ => None,
    });
    schedules.map(|schedule| translate(schedule, names, problems)).collect()
}

fn translate(schedule: &Schedule, names: &Names, problems: &mut Vec<Problem>) -> ScheduleCode {
    let mut t = Translator { names, scope: Scope::World(Vec::new()), problems, loaded: &Loaded::new() };
    let lines = schedule.lines.iter().filter_map(|written| line(&mut t, written)).collect();
    let on = schedule.on.unwrap_or(VersionRange::ALL);
    ScheduleCode { on, title: schedule.title.clone(), lines, span: schedule.span }
}

fn line<'a>(t: &mut Translator<'a>, line: &'a Line) -> Option<LineCode> {
    let kind = match &line.kind {
        LineKind::Release { hold, events } => {
            let translated: Vec<Option<EventCode>> = events.iter().map(|written| event(t, written)).collect();
            let mut events = translated.into_iter().collect::<Option<Vec<EventCode>>>()?;
            let task = events.first()?.task;
            if let [EventCode { what: EventWhat::Any, .. }] = events[..] {
                events.clear();
            }
            LineCodeKind::Release { release: Release { hold: *hold, ..Release::of(task) }, events }
        }
        LineKind::Expire { who, timer } => {
            let task = t.names.task(who);
            LineCodeKind::Expire { task: t.accept(task)?, timer: *timer }
        }
        LineKind::Probe(cond) => LineCodeKind::Probe(t.condition(cond)?),
    };
    Some(LineCode { kind, span: line.span })
}

fn event<'a>(t: &mut Translator<'a>, event: &'a Event) -> Option<EventCode> {
    let task = t.names.task(&event.who);
    let task = t.accept(task);
    let what = match &event.what {
        EventKind::Any => EventWhat::Any,
        EventKind::Returns(value) => EventWhat::Returns(t.expr(value)?.code),
        EventKind::Asleep(None) => EventWhat::Asleep(None),
        EventKind::Asleep(Some(call)) => EventWhat::Asleep(Some(t.accept(call_kind(call))?)),
        EventKind::Exits(None) => EventWhat::Exits(None),
        EventKind::Exits(Some(status)) => EventWhat::Exits(Some(exit_status(t, status)?)),
        EventKind::Killed(None) => EventWhat::Killed(None),
        EventKind::Killed(Some(signal)) => EventWhat::Killed(Some(exit_status(t, signal)?)),
        EventKind::Stopped => EventWhat::Stopped,
        EventKind::Runs(handler) => {
            let of = &t.names.processes[t.names.source_of(task?).process];
            match of.handler(&handler.name) {
                Some(number) => EventWhat::Runs(number),
                None => {
                    let known = of.handlers.iter().map(|handler| handler.name.name.as_str());
                    let problem = Problem::new(
                        format!("`{}` has no handler `{}`", of.name, handler.name),
                        handler.span,
                        "declared nowhere",
                    );
                    return t.report(problem.maybe_help(did_you_mean(&handler.name, known)));
                }
            }
        }
    };
    Some(EventCode { task: task?, what })
}

fn exit_status<'a>(t: &mut Translator<'a>, status: &'a Expr) -> Option<u8> {
    match t.number(status)? {
        ExprCode::Const(Value::Int(status @ 0..=255)) => Some(status as u8),
        _ => t.report(Problem::new("this is no exit status", status.span, "must be a constant from 0 to 255")),
    }
}

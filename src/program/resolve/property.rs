//! Properties, and what an outcome shows because of them.

use super::{
    cells::Loaded,
    expr::{Scope, Translator},
    names::Names,
};
use crate::kernel::VersionRange;
use crate::program::{
    Allowance, ExprCode, Field, Problem, PropertyCode, Quantifier, Shown,
    syntax::{Item, Program, Property, PropertyKind},
};

/// Everything that properties say.
#[derive(Default)]
pub(super) struct Claims {
    pub properties: Vec<PropertyCode>,
    pub may_sleep: Vec<Allowance>,
    pub may_lose: Vec<VersionRange>,
    pub shown: Vec<Shown>,
}

pub(super) fn claims(program: &Program, names: &Names, problems: &mut Vec<Problem>) -> Claims {
    let mut claims = Claims::default();
    for item in &program.items {
        if let Item::Property(property) = item {
            // A property with a problem is left out: nothing of the program will run.
            let _ = claims.add(property, names, problems);
        }
    }
    claims
}

impl Claims {
    fn add(&mut self, property: &Property, names: &Names, problems: &mut Vec<Problem>) -> Option<()> {
        let on = property.on.unwrap_or(VersionRange::ALL);
        let mut t = Translator { names, scope: Scope::World(Vec::new()), problems, loaded: &Loaded::new() };
        let (quantifier, cond) = match &property.kind {
            PropertyKind::Exists(cond) => (Quantifier::Exists, cond),
            PropertyKind::Forbid(cond) => (Quantifier::Forbid, cond),
            PropertyKind::Final(cond) => (Quantifier::Final, cond),
            PropertyKind::Always(cond) => (Quantifier::Always, cond),
            PropertyKind::Show(exprs) => {
                if property.on.is_some() {
                    let problem = Problem::new("`show` is for every version", property.span, "`on` does nothing here");
                    return t.report(problem.help("leave `on` away"));
                }
                for e in exprs {
                    let value = t.expr(e)?.code;
                    self.show(Shown { name: e.to_string(), value });
                }
                return Some(());
            }
            PropertyKind::AllowDeadlock => {
                self.may_sleep.push(Allowance { on, task: None });
                return Some(());
            }
            PropertyKind::AllowLostWakeup => {
                self.may_lose.push(on);
                return Some(());
            }
            PropertyKind::AllowAsleep(who) => {
                let tasks = names.tasks(who);
                let tasks = t.accept(tasks)?;
                self.may_sleep.extend(tasks.into_iter().map(|task| Allowance { on, task: Some(task) }));
                return Some(());
            }
        };
        let cond = t.condition(cond)?;
        cond.visit(&mut |e| self.mention(e, names));
        let text = property.kind.to_string();
        self.properties.push(PropertyCode { on, quantifier, cond, text, span: property.span });
        Some(())
    }

    /// An outcome shows whole variables, whatever part a property looks at.
    fn mention(&mut self, e: &ExprCode, names: &Names) {
        match e {
            ExprCode::Var { task, slot, .. } => {
                let var = names.source_of(*task).vars[*slot as usize].name;
                let value = ExprCode::Var { task: *task, slot: *slot, field: Field::Whole };
                self.show(Shown { name: format!("{}.{var}", names.task_name(*task)), value });
            }
            ExprCode::Object { object, field } => {
                let object = &names.objects[*object as usize].name.name;
                self.show(Shown { name: format!("{object}{}", field.suffix()), value: e.clone() });
            }
            ExprCode::Sem { object, semnum, field } => {
                let object = &names.objects[*object as usize].name.name;
                self.show(Shown { name: format!("{object}.{}[{semnum}]", field.name()), value: e.clone() });
            }
            _ => {}
        }
    }

    fn show(&mut self, shown: Shown) {
        if self.shown.iter().all(|other| other.value != shown.value) {
            self.shown.push(shown);
        }
    }
}

//! Looking at System V objects when everything is quiet. Nobody can notice it: `*_STAT_ANY` and `MSG_COPY` change nothing.

use super::{ipc::task_of, msg, sem, shared::Shared, shm, sys};
use crate::{
    program::{Compiled, IpcNumbers, ObjectField, syntax::ObjectKind},
    target::Observation,
};

/// The namespace of a run, as its program knows it.
#[derive(Debug)]
pub struct Namespace<'a> {
    shared: &'a Shared,
    program: &'a Compiled,
    numbers: &'a IpcNumbers,
    /// Whether objects that are not declared are looked at too.
    all: bool,
}

/// In the controller: every object of the namespace; of free runs only those of one instance.
pub fn look(shared: &Shared, program: &Compiled, numbers: &IpcNumbers, all: bool) {
    let namespace = Namespace { shared, program, numbers, all };
    let looked = sys::with_capability(sys::CAP_IPC_OWNER, || {
        let mut objects = msg::look(&namespace)?;
        objects.extend(sem::look(&namespace).unwrap_or_default());
        objects.extend(shm::look(&namespace)?);
        Ok(objects)
    });
    // Without System V IPC in the kernel nothing of it can be seen.
    if let Ok(objects) = looked {
        shared.see(Observation::Ipc(objects));
    }
}

impl Namespace<'_> {
    /// If an object is to be looked at: which of the declared ones it is.
    pub fn shows(&self, kind: ObjectKind, id: i32) -> Option<Option<u16>> {
        let mut objects = self.program.objects.iter().zip(&self.numbers.0);
        let declared = objects.position(|(info, &number)| info.kind == kind && number == id).map(|i| i as u16);
        (declared.is_some() || self.all).then_some(declared)
    }

    /// The task with this thread id, as the program counts: 0 for nobody, -1 for somebody else.
    pub fn task_of(&self, tid: i32) -> i64 {
        task_of(self.shared, self.program.tasks.len(), tid)
    }

    /// The id and the fields with these names, but for those that no condition can look at.
    pub fn fields(&self, id: i32, names: &[&str], values: &[i64]) -> Vec<(ObjectField, i64)> {
        let field = |name: &str| ObjectField::ALL.iter().find(|(other, ..)| *other == name).map(|&(_, field, _)| field);
        let named = names.iter().zip(values).filter_map(|(name, &value)| Some((field(name)?, value)));
        [(ObjectField::Id, id.into())].into_iter().chain(named).collect()
    }
}

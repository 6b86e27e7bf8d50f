//! What a probe sees of a System V object.

use crate::{
    kernel::{IpcKind, Payload},
    program::{Compiled, ObjectField},
};
use std::fmt;

/// A System V object as it was when all was quiet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IpcSeen {
    /// Its kind.
    pub kind: IpcKind,
    /// Which declared object it is, if it is one.
    pub object: Option<u16>,
    /// Its fields. Times only tell whether there was one, pids which task it was.
    pub fields: Vec<(ObjectField, i64)>,
    /// Messages in a queue, oldest first: type and text.
    pub messages: Vec<(i64, Payload)>,
}

impl IpcSeen {
    /// A field, if it was seen.
    pub fn field(&self, field: ObjectField) -> Option<i64> {
        self.fields.iter().find(|(f, _)| *f == field).map(|&(_, value)| value)
    }

    /// Its name, or its id if it has none.
    fn name(&self, program: &Compiled) -> String {
        match self.object {
            Some(object) => program.objects[object as usize].name.clone(),
            None => format!("{:?}#{}", self.kind, self.field(ObjectField::Id).unwrap_or(-1)).to_lowercase(),
        }
    }

    /// The first thing in which two lists of objects differ: what it is, and how it is in each.
    pub fn difference(program: &Compiled, ours: &[IpcSeen], theirs: &[IpcSeen]) -> Option<[String; 3]> {
        let same = |a: &IpcSeen, b: &IpcSeen| a.kind == b.kind && a.field(ObjectField::Id) == b.field(ObjectField::Id);
        let missing = |of: &[IpcSeen], one: &IpcSeen| !of.iter().any(|other| same(other, one));
        if let Some(one) = ours.iter().find(|one| missing(theirs, one)) {
            return Some([one.name(program), "is there".into(), "is not there".into()]);
        }
        if let Some(one) = theirs.iter().find(|one| missing(ours, one)) {
            return Some([one.name(program), "is not there".into(), "is there".into()]);
        }
        for one in ours {
            let Some(other) = theirs.iter().find(|other| same(one, other)) else { continue };
            for &(field, value) in &one.fields {
                let theirs = other.field(field);
                if theirs != Some(value) {
                    let theirs = theirs.map_or("none".into(), |theirs| theirs.to_string());
                    return Some([format!("{}.{}", one.name(program), field.name()), value.to_string(), theirs]);
                }
            }
            if one.messages != other.messages {
                let list = |seen: &IpcSeen| Messages(&seen.messages).to_string();
                return Some([format!("the messages of {}", one.name(program)), list(one), list(other)]);
            }
        }
        None
    }
}

/// `[1:"a" 3:"c"]`
struct Messages<'a>(&'a [(i64, Payload)]);

impl fmt::Display for Messages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, (mtype, text)) in self.0.iter().enumerate() {
            write!(f, "{}{mtype}:{text}", if i > 0 { " " } else { "" })?;
        }
        f.write_str("]")
    }
}

//! Programs by hand: every call's result goes into a variable of its own, numbered from 0.

use lockstep::{kernel::*, program::syntax::ObjectKind, program::*};

#[derive(Default)]
pub struct Build(pub Compiled);

pub const R: End = End::Read;
pub const W: End = End::Write;

impl Build {
    pub fn pipe(mut self, name: &str, size: Option<u64>) -> Self {
        self.object(name, ObjectKind::Pipe, size);
        self
    }

    pub fn fifo(mut self, name: &str) -> Self {
        self.object(name, ObjectKind::Fifo, None);
        self
    }

    fn object(&mut self, name: &str, kind: ObjectKind, size: Option<u64>) {
        self.0.objects.push(ObjectInfo {
            name: name.into(),
            kind,
            size,
            flags: OpenFlags::empty(),
            file: None,
            cells: 0,
            ipc: Default::default(),
        });
    }

    /// A process with one task.
    pub fn task(self, name: &str, ends: &[(u16, End)], calls: Vec<Call>) -> Self {
        self.process(name, ends, None, vec![code(calls)])
    }

    pub fn child(self, name: &str, parent: u16, calls: Vec<Call>) -> Self {
        self.process(name, &[], Some(parent), vec![code(calls)])
    }

    pub fn process(mut self, name: &str, ends: &[(u16, End)], parent: Option<u16>, threads: Vec<Code>) -> Self {
        let process = self.0.processes.len() as u16;
        let mut tasks = Vec::new();
        for (i, code) in threads.into_iter().enumerate() {
            tasks.push(self.0.tasks.len() as u16);
            let vars = (0..code.instrs.len()).map(|i| format!("v{i}")).collect();
            let name = if i == 0 { name.into() } else { format!("{name}[{i}]") };
            self.0.tasks.push(TaskInfo { name, process, code, vars, split: false });
        }
        let ends = ends.to_vec();
        self.0.processes.push(ProcessInfo {
            name: name.into(),
            ends,
            attached: Vec::new(),
            parent,
            threads: tasks,
            user: 0,
        });
        self
    }

    /// Makes the last task that of `init`.
    pub fn init(mut self) -> Self {
        self.0.init = Some(self.0.tasks.len() as u16 - 1);
        self
    }

    pub fn schedule(&self, text: &str) -> Schedule {
        Schedule::parse(text, |name| self.0.task_by_name(name)).unwrap()
    }
}

pub fn code(calls: Vec<Call>) -> Code {
    let instrs = calls.into_iter().enumerate().map(|(i, call)| Instr::Call {
        call: CallCode::Known(call),
        dest: Some(i as u16),
        expect: None,
    });
    Code { instrs: instrs.collect(), ..Code::default() }
}

pub fn read(fd: Fd, count: u32) -> Call {
    Call::Read { fd, count, fault: None, flags: RwFlags::empty() }
}

pub fn write(fd: Fd, data: impl Into<Payload>) -> Call {
    Call::Write { fd, data: data.into(), flags: RwFlags::empty() }
}

pub fn fill(fd: Fd, len: u32) -> Call {
    write(fd, Payload::fill(b'x', len))
}

//! `kill`, `tgkill`, `rt_sigqueueinfo`.

use super::{SigInfo, code, ids::INIT_PID, send::For};
use crate::kernel::{Cx, Errno, ProcessId, Quirk, Return, rules::*};

type Sent = Result<(), Errno>;

fn answer(sent: Sent) -> Return {
    match sent {
        Ok(()) => Return::value(0),
        Err(errno) => errno.into(),
    }
}

impl Cx<'_> {
    /// What a call of this task says of its sender.
    pub(super) fn sender(&self, code: i32) -> SigInfo {
        let process = self.k.task(self.me).process;
        let uid = self.k.process(process).uid.into();
        SigInfo { code, pid: self.k.pid_of_process(process), uid, ..SigInfo::default() }
    }

    /// `kill_something_info`
    pub(in crate::kernel) fn kill(&mut self, pid: i32, signal: i32) -> Return {
        let info = self.sender(code::SI_USER);
        answer(match pid {
            1.. => self.kill_pid_info(pid, signal, info),
            i32::MIN => Err(Errno::ESRCH),
            -1 => self.kill_everybody(signal, info),
            _ => self.kill_pgrp(pid, signal, info),
        })
    }

    /// `kill_pid_info`
    fn kill_pid_info(&mut self, pid: i32, signal: i32, info: SigInfo) -> Sent {
        let Some(task) = self.k.task_by_tid(pid) else {
            self.trace.rule(SIG_P_04);
            return Err(Errno::ESRCH);
        };
        if self.k.leader(self.k.task(task).process) != task {
            self.trace.rule(SIG_P_04_TID);
        }
        self.trace.rule(SIG_P_09);
        self.check_kill_permission(signal, self.k.task(task).process)?;
        self.do_send_sig_info(signal, info, For::Process(task))
    }

    /// The processes that a group or everybody consists of, those before them in the kernel's lists first.
    fn existing(&self) -> Vec<ProcessId> {
        (0..self.k.process_count() as ProcessId).filter(|&p| self.k.exists(p)).collect()
    }

    /// `kill(-1)`: every process but the caller's and the first one of the namespace.
    fn kill_everybody(&mut self, signal: i32, info: SigInfo) -> Sent {
        self.trace.rule(SIG_P_06);
        let mine = self.k.task(self.me).process;
        let (mut count, mut result) = (0, Ok(()));
        for process in self.existing().into_iter().filter(|&process| process != mine) {
            let sent = self.send_to_group(process, signal, info);
            count += 1;
            if sent != Err(Errno::EPERM) {
                result = sent;
            }
        }
        if count == 0 { Err(Errno::ESRCH) } else { result }
    }

    /// `__kill_pgrp_info`. All processes of a program are one group, led by the first of them; the newest member comes first.
    fn kill_pgrp(&mut self, pid: i32, signal: i32, info: SigInfo) -> Sent {
        self.trace.rule(SIG_P_05);
        if pid != 0 && -pid != self.k.pid_of_process(0) {
            return Err(Errno::ESRCH);
        }
        let (mut success, mut result) = (false, Err(Errno::ESRCH));
        for process in self.existing().into_iter().rev() {
            result = self.send_to_group(process, signal, info);
            success |= result.is_ok();
        }
        if success { Ok(()) } else { result }
    }

    /// `group_send_sig_info`
    fn send_to_group(&mut self, process: ProcessId, signal: i32, info: SigInfo) -> Sent {
        self.check_kill_permission(signal, process)?;
        self.do_send_sig_info(signal, info, For::Process(self.k.leader(process)))
    }

    /// `do_tkill`
    pub(in crate::kernel) fn tgkill(&mut self, pid: i32, tid: i32, signal: i32) -> Return {
        if pid <= 0 || tid <= 0 {
            self.trace.rule(SIG_P_07);
            return Errno::EINVAL.into();
        }
        let found = self.k.task_by_tid(tid).filter(|&task| self.k.pid_of_process(self.k.task(task).process) == pid);
        let Some(task) = found else {
            self.trace.rule(SIG_P_07_ESRCH);
            return Errno::ESRCH.into();
        };
        let info = self.sender(code::SI_TKILL);
        let sent = self.check_kill_permission(signal, self.k.task(task).process);
        answer(sent.and_then(|()| self.do_send_sig_info(signal, info, For::Thread(task))))
    }

    /// `do_rt_sigqueueinfo`, with what `sigqueue` of a C library fills in.
    pub(in crate::kernel) fn sigqueue(&mut self, pid: i32, signal: i32, value: i64, si_code: i32) -> Return {
        let own = self.k.pid_of_process(self.k.task(self.me).process) == pid;
        let tkill = si_code == code::SI_TKILL && !self.env.quirks.has(Quirk::SigForgeTkill);
        if si_code >= 0 || tkill {
            self.trace.rule(SIG_P_08);
            if !(own && self.env.quirks.has(Quirk::SigForgeToSelf)) {
                return Errno::EPERM.into();
            }
        }
        let info = SigInfo { value, ..self.sender(si_code) };
        if pid < INIT_PID {
            return Errno::ESRCH.into();
        }
        answer(self.kill_pid_info(pid, signal, info))
    }
}

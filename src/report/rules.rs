//! The reference page of a mechanism, written from the tables of rules and behaviours.

use crate::kernel::{
    QUIRKS,
    rules::{RULES, classes},
};
use std::fmt::Write;

/// A reference page.
#[derive(Debug)]
pub struct RulesPage {
    /// Its file below `docs/semantics`, without the ending.
    pub name: &'static str,
    /// Its title, and what stands before the tables.
    head: &'static str,
    /// The parts: how ids begin, and what the rules are about. An id belongs to the first part that fits.
    parts: &'static [(&'static str, &'static str)],
    /// How the names of behaviours begin; those that fit no page are told on the first.
    quirks: &'static [&'static str],
}

/// Every page.
pub const RULES_PAGES: &[RulesPage] = &[
    RulesPage {
        name: "pipe",
        head: "# Pipes and FIFOs\n\nWhat the model says of them, rule by rule.",
        parts: &[
            ("PIPE-C-", "Creation"),
            ("PIPE-W-", "Write"),
            ("PIPE-R-", "Read"),
            ("PIPE-K-", "Wake-ups"),
            ("PIPE-X-", "Close"),
            ("PIPE-P-", "poll"),
            ("PIPE-S-", "Size, and FIONREAD"),
            ("PIPE-F-", "Other file operations"),
            ("FIFO-O-", "Opening a FIFO"),
            ("SPL-", "splice, tee, vmsplice"),
            ("FILE-", "Regular files, as far as splice needs them"),
            ("STEP-PIPE-", "Where others can run inside a call"),
            ("PIPE-", "Defects"),
        ],
        quirks: &[],
    },
    RulesPage {
        name: "signal",
        head: "# Signals\n\nWhat the model says of them, rule by rule.",
        parts: &[
            ("SIG-P-", "Sending: permission and arguments"),
            ("SIG-G-", "What becomes pending"),
            ("SIG-Q-", "Queue entries"),
            ("SIG-C-", "Choosing a thread"),
            ("SIG-D-", "The order of taking"),
            ("SIG-A-", "Actions"),
            ("SIG-M-", "Actions and masks are set"),
            ("SIG-W-", "Waiting for signals"),
            ("SIG-T-", "Timers"),
            ("SIG-R-", "Interrupted calls"),
            ("SIG-X-", "Children"),
            ("STEP-SIG-", "Where others can run inside a call"),
        ],
        quirks: &["sig-"],
    },
    RulesPage {
        name: "sysv-msg",
        head: "# System V message queues\n\nWhat the model says of them, rule by rule; first what all System V IPC has in common.",
        parts: &[
            ("IPC-ID-", "Ids"),
            ("IPC-KEY-", "Keys"),
            ("IPC-PERM-", "Permissions"),
            ("IPC-", "Limits, and lists of objects"),
            ("MSG-G-", "Creation"),
            ("MSG-S-", "Send"),
            ("MSG-R-", "Receive"),
            ("MSG-C-", "MSG_COPY"),
            ("MSG-W-", "Waking senders"),
            ("MSG-CTL-", "msgctl"),
            ("STEP-MSG-", "Where others can run inside a call"),
            ("MSG-", "Defects"),
        ],
        quirks: &["ipc-", "msg-"],
    },
    RulesPage {
        name: "sysv-sem",
        head: "# System V semaphores\n\nWhat the model says of them, rule by rule. What all System V IPC has in common is told with message queues.",
        parts: &[
            ("SEM-G-", "Creation"),
            ("SEM-E-", "Errors of semop"),
            ("SEM-T-", "Trying the operations of a call"),
            ("SEM-Q-", "Queues"),
            ("SEM-U-", "Who goes on after a change"),
            ("SEM-W-", "Sleeping"),
            ("SEM-CTL-", "semctl"),
            ("SEM-X-", "Exit"),
            ("STEP-SEM-", "Where others can run inside a call"),
            ("SEM-", "Defects"),
        ],
        quirks: &["sem-", "semop-"],
    },
    RulesPage {
        name: "sysv-shm",
        head: "# System V shared memory\n\nWhat the model says of it, rule by rule; ids, keys and permissions are told with the message queues.",
        parts: &[
            ("SHM-G-", "Creation"),
            ("SHM-A-", "Attach"),
            ("SHM-V-", "Mappings"),
            ("SHM-D-", "Detach"),
            ("SHM-C-", "shmctl"),
            ("SHM-F-", "shm_rmid_forced"),
            ("STEP-SHM-", "Where others can run inside a call"),
            ("SHM-", "Defects"),
        ],
        quirks: &["shm-"],
    },
];

const HEAD: &str = " This page is written by `lockstep rules --format markdown` from the tables that the
model's own branches name; a test fails when it is not up to date.

*run*: a file of the library exercises the rule, in the model and, where it is there, on the kernel of the machine. *model only*:
other kernels have it, or kernels with other limits. *invisible*: nobody can see it. *later*: it needs something that is not there
yet.
";

/// A page in Markdown.
pub fn rules_page(page: &RulesPage) -> String {
    let parts = page.parts;
    let all = || RULES_PAGES.iter().flat_map(|page| page.quirks);
    let told = |name: &str| match page.quirks {
        [] => !all().any(|prefix| name.starts_with(prefix)),
        prefixes => prefixes.iter().any(|prefix| name.starts_with(prefix)),
    };
    let mut page = format!("{}{HEAD}", page.head);
    for &(prefix, title) in parts {
        let belongs = |id: &str| parts.iter().find(|(prefix, _)| id.starts_with(prefix)).is_some_and(|p| p.0 == prefix);
        let mut rows = Vec::new();
        for rule in RULES.iter().filter(|r| belongs(r.id)) {
            rows.push((rule.id, rule.range.kernels(), rule.text, rule.source));
        }
        for rule in classes::UNNAMED.iter().filter(|u| belongs(u.id)) {
            rows.push((rule.id, String::new(), rule.text, ""));
        }
        if rows.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {title}\n\n| rule | kernels | says | read from | class |\n|---|---|---|---|---|\n");
        for (id, kernels, text, source) in rows {
            let source = if source.is_empty() { String::new() } else { format!("`{source}`") };
            let kernels = if kernels == ".." { "all" } else { &kernels };
            let _ = writeln!(page, "| {id} | {kernels} | {} | {source} | {} |", cell(text), class(id));
        }
    }
    page += "\n## Behaviours that kernels differ in\n\n| name | kernels | behaviour | commit |\n|---|---|---|---|\n";
    for q in QUIRKS.iter().filter(|q| told(q.name)) {
        let _ = writeln!(page, "| `{}` | {} | {} | {} |", q.name, q.range.kernels(), cell(q.text), cell(q.commit));
    }
    page
}

fn class(id: &str) -> String {
    match classes::class(id) {
        Some(class) => class.reason().map_or(class.name().into(), |why| format!("{}: {}", class.name(), cell(why))),
        None => "none".into(),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

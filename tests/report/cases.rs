//! Small tests, each with something of its own to tell.

/// A reader that sleeps, is woken, and gets the bytes.
pub const SLEEP: &str = r#"
litmus "a reader sleeps until bytes come"

pipe p

task W { write(p.w, "ab") }
task R { x = read(p.r, 10) }

forbid R.x == "a"
exists R.x == "ab"
"#;

/// A woken reader finds the pipe empty again: only a schedule that holds it can show that.
pub const STEAL: &str = r#"
litmus "a thief between wake-up and read"

pipe p

task A { a = read(p.r, 1) }
task B { b = read(p.r, 1) }
task W { write(p.w, "x") }

allow asleep A
allow asleep B
forbid B.b == "x"
schedule "the woken one gets it" { A asleep in read; W -> 1, A -> "x" }
"#;

/// Two tasks, two pipes, and each reads first.
pub const CIRCLE: &str = r#"
litmus "each waits for the other"

pipe p
pipe q

task A { a = read(p.r, 1)
         write(q.w, "a") }
task B { b = read(q.r, 1)
         write(p.w, "b") }
"#;

/// The reader keeps the write end open, so that it never sees the end of file.
pub const FORGOTTEN: &str = r#"
litmus "a forgotten close"

pipe p

task W { write(p.w, "ab")
         close(p.w) }
task R holds p.w { x = read(p.r, 10)
                   y = read(p.r, 10) }
"#;

/// Packets: what a read does not take of one is lost.
pub const PACKETS: &str = r#"
litmus "packets keep their borders"

pipe p(flags: O_DIRECT)

task W { write(p.w, "a" * 30)
         write(p.w, "bb") }
task R { x = read(p.r, 10)
         y = read(p.r, 10) }

exists R.x == "a" * 10 && R.y == "bb"
"#;

/// Opens of a FIFO wait for each other.
pub const FIFO: &str = r#"
litmus "a FIFO is opened from both sides"

fifo f

task W { d = open(f, O_WRONLY)
         write(d, "hello")
         close(d) }
task R { d = open(f, O_RDONLY)
         x = read(d, 100)
         y = read(d, 100) }

exists R.x == "hello" && R.y == EOF
"#;

/// Two FIFOs, opened in opposite orders.
pub const FIFO_CIRCLE: &str = r#"
litmus "two FIFOs opened crosswise"

fifo f
fifo g

task A { open(f, O_RDONLY)
         open(g, O_WRONLY) }
task B { open(g, O_RDONLY)
         open(f, O_WRONLY) }
"#;

/// A full pipe, a partial drain, several sleepers.
pub const DRAIN: &str = r#"
litmus "order of service after a partial drain"

pipe p(size: 4096)

task W { write(p.w, "w" * 4096) }
task A { a = write(p.w, "a" * 30) }
task B { b = write(p.w, "b" * 20) }
task R { read(p.r, 10)
         x = read(p.r, 4086) }

allow asleep A
allow asleep B
"#;

/// `poll` looks at one entry after the other: between two looks others can run.
pub const INTERRUPTED: &str = r#"
litmus "poll sees the later of two writes alone"

pipe p
pipe q

task W { write(p.w, "x")
         write(q.w, "y") }
task R { n = poll(p.r, POLLIN, q.r, POLLIN, timeout: 0) }

exists R.n.revents[0] == 0 && R.n.revents[1] == POLLIN
"#;

/// Everything that a log can say is wrong.
pub const WRONG: &str = r#"
litmus "claims that are not true"

pipe p

task A { a = read(p.r, 1) }
task B { b = read(p.r, 1)
         assert b == "y" }
task W { write(p.w, "x") }

allow asleep B
forbid A.a == "x"
exists A.a == "z"
schedule "the first one waits" { A asleep in read; B asleep in read; W -> 1, B -> "x" }
schedule { A asleep in read; W -> 1, A -> "x" }
"#;

/// More tasks than columns, and a task that ends its process.
pub const MANY: &str = r#"
litmus "everybody leaves"

pipe p

task W { write(p.w, "x")
         exit(3) }
task worker[5] { x = read(p.r, 1) }

forbid false
"#;

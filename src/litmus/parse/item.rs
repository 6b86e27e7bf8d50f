//! The file and its items: settings, objects, tasks.

use super::{Parsed, Parser, Reported, Token, slice};
use crate::kernel::CallKind;
use crate::program::{
    Problem,
    syntax::{Body, Handler, Ident, Item, Object, ObjectKind, Process, Program, Setting, Span, Thread},
};

/// Words that begin an item, objects excepted.
const ITEMS: &[&str] =
    &["with", "init", "task", "process", "exists", "forbid", "final", "always", "show", "allow", "on", "schedule"];
/// Those of them that have a block, or may have one.
const BLOCK_ITEMS: &[&str] = &["init", "task", "process", "on", "schedule", "thread"];
/// Objects that will come.
const PLANNED_OBJECTS: &[&str] = &["mq", "socketpair", "socket"];
/// What may stand between the name of a task and its statements.
const CLAUSES: &[&str] = &["holds", "child", "user"];

fn object_kind(word: &str) -> Option<ObjectKind> {
    ObjectKind::ALL.iter().find(|(name, _)| *name == word).map(|&(_, kind)| kind)
}

impl Parser<'_> {
    /// `litmus "title"`, then items.
    pub(super) fn file(&mut self) -> Program {
        let mut program = Program { comments: std::mem::take(&mut self.comments), ..Program::default() };
        self.separators();
        match self.title() {
            Ok(name) => program.name = name,
            Err(Reported) if self.begins_item() => {}
            Err(Reported) => self.skip_line(),
        }
        loop {
            self.separators();
            if self.token() == Token::End || self.overflowing() {
                return program;
            }
            let (start, before) = (self.at, self.problems.len());
            self.operators = 0;
            match self.item().and_then(|item| self.end_of_stmt().map(|()| item)) {
                Ok(item) => program.items.push(item),
                Err(Reported) => self.skip_item(start),
            }
            self.separators();
            // A brace that was missed leaves its partner behind.
            if self.problems.len() > before && self.token() == Token::RightBrace {
                self.bump();
            }
        }
    }

    fn title(&mut self) -> Parsed<String> {
        let example = "begin with `litmus \"what this test shows\"`";
        if !self.at_word("litmus") {
            let problem = Problem::new("a litmus test begins with its title", self.span(), "before the title");
            return Err(self.report(problem.help(example)));
        }
        self.bump();
        self.text_string("a title in double quotes")
    }

    /// A string that must be text.
    pub(super) fn text_string(&mut self, what: &str) -> Parsed<String> {
        let span = self.span();
        if self.token() != Token::Str {
            return Err(self.unexpected(what));
        }
        let bytes = self.string()?;
        String::from_utf8(bytes).map_err(|_| self.report(Problem::new("a title is text", span, "not UTF-8")))
    }

    /// Whether an item begins here, also if we seem to be in a block.
    pub(super) fn begins_item(&self) -> bool {
        let (word, next) = (self.word(), self.second());
        if ITEMS.contains(&word) || word == "eventually" {
            use Token::*;
            return matches!(next, Name | LeftBrace | LeftParen | Str | Version | Dots | Not);
        }
        next == Token::Name && (object_kind(word).is_some() || PLANNED_OBJECTS.contains(&word))
    }

    /// Past a bad item that began at `start`: to the next line if it has no braces, else to one that begins an item.
    fn skip_item(&mut self, start: usize) {
        let line = self.tokens[start..].iter().take_while(|(token, _)| *token != Token::Newline);
        let braces = line.clone().any(|(token, _)| *token == Token::LeftBrace);
        if self.at == start {
            self.bump();
        }
        let first = slice(self.text, self.tokens[start].1);
        if !braces && !BLOCK_ITEMS.contains(&first) {
            return self.skip_line();
        }
        while self.token() != Token::End {
            let line_begins = matches!(self.tokens[self.at - 1].0, Token::Newline | Token::Semicolon);
            if line_begins && self.begins_item() {
                return;
            }
            self.bump();
        }
    }

    fn skip_line(&mut self) {
        while !matches!(self.token(), Token::Newline | Token::End) {
            self.bump();
        }
    }

    fn item(&mut self) -> Parsed<Item> {
        let start = self.span();
        let word = self.word();
        if let Some(kind) = object_kind(word) {
            return self.object(kind).map(Item::Object);
        }
        match word {
            "with" => self.settings().map(Item::With),
            "init" => {
                self.bump();
                self.block().map(Item::Init)
            }
            "task" | "process" => self.process().map(Item::Process),
            "on" => {
                let on = Some(self.on()?);
                match self.word() {
                    "schedule" => self.schedule(on, start).map(Item::Schedule),
                    _ => self.property(on, start).map(Item::Property),
                }
            }
            "schedule" => self.schedule(None, start).map(Item::Schedule),
            "thread" => {
                let problem = Problem::new("a thread outside a process", start, "stands alone");
                Err(self.report(problem.help("write `process P { thread A { … } thread B { … } }`, or `task A { … }`")))
            }
            "litmus" => {
                let problem = Problem::new("a second title", start, "a file is one test");
                Err(self.report(problem))
            }
            "handler" => {
                let problem = Problem::new("a handler outside a task", start, "belongs to nobody");
                Err(self.report(problem.help("write it first in the task or process that it interrupts")))
            }
            _ if PLANNED_OBJECTS.contains(&word) && self.second() == Token::Name => {
                Err(self.not_there_yet(&format!("objects of kind `{word}` are"), start))
            }
            _ => self.property(None, start).map(Item::Property),
        }
    }

    /// None of the words that begin an item.
    pub(super) fn no_item(&mut self) -> Reported {
        let start = self.span();
        let line = self.tokens[self.at..].iter().take_while(|(token, _)| *token != Token::Newline);
        let words: Vec<&str> = line.map(|(_, span)| slice(self.text, *span)).collect();
        if words.windows(2).any(|pair| pair == ["leads", "to"]) {
            return self.not_there_yet("`leads to` is", start);
        }
        if self.token() == Token::RightBrace {
            return self.report(Problem::new("a `}` too many", start, "closes nothing"));
        }
        let word = self.word();
        let is_call = CallKind::by_name(word).is_some() && self.second() == Token::LeftParen;
        if is_call || (!word.is_empty() && self.second() == Token::Assign) {
            let problem = Problem::new("a statement outside a task", start, "belongs in a task");
            return self.report(problem.help("write `task T { … }` around it"));
        }
        if word.is_empty() {
            return self.unexpected("an item");
        }
        let candidates: Vec<&str> =
            ITEMS.iter().copied().chain(ObjectKind::ALL.iter().map(|(name, _)| *name)).collect();
        self.unknown_word("item", &candidates)
    }

    fn settings(&mut self) -> Parsed<Vec<Setting>> {
        self.bump();
        self.comma_list(Self::setting)
    }

    fn setting(&mut self) -> Parsed<Setting> {
        let start = self.span();
        let named = matches!(self.second(), Token::Assign | Token::Dot);
        let word = if named { "" } else { self.word() };
        match word {
            "cap" => {
                self.bump();
                Ok(Setting::Cap(self.name("the name of a capability")?))
            }
            // `kernel.sem…` is a setting.
            "kernel" if self.second() != Token::Dot => {
                self.bump();
                Ok(Setting::Kernel { range: self.range()?, span: self.since(start) })
            }
            "memory" => {
                self.bump();
                Ok(Setting::Memory(self.name("`sc` or `tso`")?))
            }
            "quirk" => {
                self.bump();
                Ok(Setting::Quirk(self.dashed_name("the name of a quirk")?))
            }
            _ => {
                let name = self.dashed_name("the name of a setting")?;
                self.expect(Token::Assign, "`=` and a value")?;
                Ok(Setting::Set { name, value: self.expr()? })
            }
        }
    }

    /// A name with dots and dashes inside, such as `fs.pipe-max-size`.
    fn dashed_name(&mut self, what: &str) -> Parsed<Ident> {
        if self.token() != Token::Name {
            return Err(self.unexpected(what));
        }
        let start = self.bump();
        while matches!(self.token(), Token::Dot | Token::Minus | Token::Name | Token::Number) && self.adjacent() {
            self.bump();
        }
        let span = self.since(start);
        Ok(Ident { name: slice(self.text, span).to_string(), span })
    }

    fn object(&mut self, kind: ObjectKind) -> Parsed<Object> {
        self.bump();
        let name = self.name("a name")?;
        let count = match kind {
            ObjectKind::Sem => self.index()?,
            _ if self.token() == Token::LeftBracket => {
                let span = self.span();
                return Err(self.not_there_yet("arrays of objects are", span));
            }
            _ => None,
        };
        let options = if self.token() == Token::LeftParen { self.args()? } else { Vec::new() };
        Ok(Object { kind, name, count, options })
    }

    fn process(&mut self) -> Parsed<Process> {
        self.bump();
        let name = self.name("a name")?;
        let count = self.index()?;
        let mut process = Process {
            name,
            count,
            holds: Vec::new(),
            child_of: None,
            user: None,
            handlers: Vec::new(),
            body: Body::Single(Vec::new()),
        };
        while self.token() == Token::Name {
            self.clause(&mut process)?;
        }
        process.body = self.body(&mut process.handlers)?;
        Ok(process)
    }

    fn clause(&mut self, process: &mut Process) -> Parsed<()> {
        match self.word() {
            "holds" => {
                self.bump();
                process.holds.extend(self.comma_list(Self::path)?);
            }
            "child" => {
                self.bump();
                self.expect_word("of")?;
                process.child_of = Some(self.name("the name of a process")?);
            }
            "user" => {
                self.bump();
                process.user = Some(self.small_number("a user number")?);
            }
            _ => return Err(self.unknown_word("clause", CLAUSES)),
        }
        Ok(())
    }

    fn body(&mut self, handlers: &mut Vec<Handler>) -> Parsed<Body> {
        let open = self.expect(Token::LeftBrace, "`{`")?;
        self.separators();
        while self.at_word("handler") && self.second() == Token::Name {
            handlers.push(self.handler()?);
            self.end_of_stmt()?;
            self.separators();
        }
        if !(self.at_word("thread") && self.second() == Token::Name) {
            return self.statements(open).map(Body::Single);
        }
        let mut threads = Vec::new();
        while !self.closes(open)? {
            threads.push(self.thread(open)?);
        }
        Ok(Body::Threads(threads))
    }

    /// `handler h(info) { … }`.
    fn handler(&mut self) -> Parsed<Handler> {
        self.bump();
        let name = self.name("a name")?;
        let mut info = None;
        if self.eat(Token::LeftParen) {
            info = Some(self.name("the name of a variable")?);
            self.expect(Token::RightParen, "`)`")?;
        }
        Ok(Handler { name, info, block: self.block()? })
    }

    fn thread(&mut self, open: Span) -> Parsed<Thread> {
        if !self.at_word("thread") {
            let problem = Problem::new("a statement among threads", self.span(), "in no thread");
            let problem = problem.also(open, "this process has threads");
            return Err(self.report(problem.help("a process has either statements or threads")));
        }
        self.bump();
        let name = self.name("a name")?;
        if self.token() == Token::LeftBracket {
            let span = self.span();
            return Err(self.not_there_yet("arrays of threads are", span));
        }
        let block = self.block()?;
        self.end_of_stmt()?;
        Ok(Thread { name, block })
    }
}

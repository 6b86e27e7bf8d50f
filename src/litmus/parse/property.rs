//! Properties and schedules.

use super::{Parsed, Parser, Reported, Token, slice};
use crate::kernel::{Version, VersionRange, signal::MAX_POSIX_TIMERS};
use crate::program::{
    Problem,
    syntax::{Event, EventKind, Line, LineKind, Property, PropertyKind, Schedule, Span},
};

impl Parser<'_> {
    /// `on v5.8..v5.17:`.
    pub(super) fn on(&mut self) -> Parsed<VersionRange> {
        self.bump();
        let range = self.range()?;
        self.expect(Token::Colon, "`:`")?;
        self.newlines();
        Ok(range)
    }

    /// `v5.8..v5.17`, `..v6.15`, `v6.15..`, or one version.
    pub(super) fn range(&mut self) -> Parsed<VersionRange> {
        let start = self.span();
        let (from, until) = match self.token() {
            Token::Version => {
                let (from, next) = self.version()?;
                match self.eat(Token::Dots) {
                    true => (Some(from), self.upper_bound()?),
                    false => (Some(from), Some(next)),
                }
            }
            Token::Dots => {
                self.bump();
                (None, self.upper_bound()?)
            }
            _ => {
                let reported = self.unexpected("a range of versions");
                if let Some(problem) = self.problems.last_mut() {
                    problem.help = Some("such as `v5.8..v5.17`, `..v6.15`, `v6.15..` or `v6.12`".into());
                }
                return Err(reported);
            }
        };
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            let problem = Problem::new("this range is empty", self.since(start), "no version lies in it");
            return Err(self.report(problem.help("the second version is the first that is no longer in the range")));
        }
        Ok(VersionRange { from, until })
    }

    fn upper_bound(&mut self) -> Parsed<Option<Version>> {
        if self.token() == Token::Version { Ok(Some(self.version()?.0)) } else { Ok(None) }
    }

    /// A version, and the first that is no longer it: `v6.12` goes up to `v6.13`.
    fn version(&mut self) -> Parsed<(Version, Version)> {
        let span = self.bump();
        let text = slice(self.text, span);
        let read = |text: &str| {
            let version: Version = text.parse().ok()?;
            let next = match text.matches('.').count() {
                1 => Version { minor: version.minor.checked_add(1)?, ..version },
                _ => Version { patch: version.patch.checked_add(1)?, ..version },
            };
            Some((version, next))
        };
        read(text).ok_or_else(|| self.report(Problem::new("no kernel has this version", span, "a number is too large")))
    }

    pub(super) fn property(&mut self, on: Option<VersionRange>, start: Span) -> Parsed<Property> {
        let cond = |p: &mut Self| {
            p.bump();
            p.condition()
        };
        let kind = match self.word() {
            "exists" => PropertyKind::Exists(cond(self)?),
            "forbid" => PropertyKind::Forbid(cond(self)?),
            "final" => PropertyKind::Final(cond(self)?),
            "always" => PropertyKind::Always(cond(self)?),
            "show" => {
                self.bump();
                PropertyKind::Show(self.comma_list(Self::expr)?)
            }
            "allow" => {
                self.bump();
                if self.eat_word("deadlock") {
                    PropertyKind::AllowDeadlock
                } else if self.eat_word("asleep") {
                    PropertyKind::AllowAsleep(self.task_ref()?)
                } else if self.eat_word("lost") {
                    self.expect(Token::Minus, "`lost-wakeup`")?;
                    if !self.eat_word("wakeup") {
                        return Err(self.unexpected("`lost-wakeup`"));
                    }
                    PropertyKind::AllowLostWakeup
                } else {
                    return Err(self.unexpected("`deadlock`, `lost-wakeup`, or `asleep` and a task"));
                }
            }
            "eventually" => return Err(self.not_there_yet("`eventually` is", start)),
            _ => return Err(self.no_item()),
        };
        Ok(Property { on, kind, span: self.since(start) })
    }

    pub(super) fn schedule(&mut self, on: Option<VersionRange>, start: Span) -> Parsed<Schedule> {
        self.bump();
        let title = if self.token() == Token::LeftBrace { None } else { Some(self.text_string("a title or `{`")?) };
        let open = self.expect(Token::LeftBrace, "`{`")?;
        let mut lines = Vec::new();
        while !self.closes(open)? {
            if self.overflowing() {
                return Err(Reported);
            }
            match self.line().and_then(|line| self.end_of_stmt().map(|()| line)) {
                Ok(line) => lines.push(line),
                Err(Reported) => self.skip_stmt(),
            }
        }
        Ok(Schedule { on, title, lines, span: self.since(start) })
    }

    fn line(&mut self) -> Parsed<Line> {
        self.operators = 0;
        let start = self.span();
        let kind = match self.word() {
            "expire" => {
                self.bump();
                let who = self.task_ref()?;
                let timer = if self.word() == "timer" {
                    self.bump();
                    Some(self.timer_id()?)
                } else {
                    None
                };
                LineKind::Expire { who, timer }
            }
            "probe" => {
                self.bump();
                LineKind::Probe(self.condition()?)
            }
            _ => self.release()?,
        };
        Ok(Line { kind, span: self.since(start) })
    }

    fn timer_id(&mut self) -> Parsed<u8> {
        let span = self.span();
        let id = self.small_number("the id of a timer")?;
        let known = |id: &u8| usize::from(*id) < MAX_POSIX_TIMERS;
        u8::try_from(id).ok().filter(known).ok_or_else(|| {
            let most = format!("ids of a process count from 0 to {}", MAX_POSIX_TIMERS - 1);
            self.report(Problem::new("no timer has this id", span, most))
        })
    }

    fn release(&mut self) -> Parsed<LineKind> {
        let who = self.task_ref()?;
        let hold = self.token() == Token::Plus && self.adjacent();
        if hold {
            self.bump();
        }
        let mut events = vec![Event { who, what: self.what()? }];
        while self.eat(Token::Comma) {
            self.newlines();
            events.push(Event { who: self.task_ref()?, what: self.what()? });
        }
        Ok(LineKind::Release { hold, events })
    }

    /// What happened to the task that was just named.
    fn what(&mut self) -> Parsed<EventKind> {
        if self.eat(Token::Arrow) {
            return Ok(EventKind::Returns(self.expr()?));
        }
        match self.word() {
            "asleep" => {
                self.bump();
                let call = if self.eat_word("in") { Some(self.name("the name of a call")?) } else { None };
                Ok(EventKind::Asleep(call))
            }
            "exits" => {
                self.bump();
                let status = if self.at_end() || self.token() == Token::Comma { None } else { Some(self.expr()?) };
                Ok(EventKind::Exits(status))
            }
            "killed" => {
                self.bump();
                let signal = if self.at_end() || self.token() == Token::Comma { None } else { Some(self.expr()?) };
                Ok(EventKind::Killed(signal))
            }
            "stopped" => {
                self.bump();
                Ok(EventKind::Stopped)
            }
            "runs" => {
                self.bump();
                Ok(EventKind::Runs(self.name("the name of a handler")?))
            }
            "" => Ok(EventKind::Any),
            _ => Err(self.unknown_word("event", &["asleep", "exits", "killed", "stopped", "runs", "->"])),
        }
    }
}

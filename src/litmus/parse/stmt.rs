//! Statements and blocks.

use super::{Parsed, Parser, Reported, Token};
use crate::kernel::CallKind;
use crate::program::{
    FUNCTIONS, Problem,
    syntax::{Block, Expr, ExprKind, Ident, Span, Stmt, StmtKind},
};

/// Words that begin a statement.
const STATEMENTS: &[&str] = &["if", "while", "repeat", "assert"];

impl Parser<'_> {
    /// `{ statement … }`.
    pub(super) fn block(&mut self) -> Parsed<Block> {
        let open = self.expect(Token::LeftBrace, "`{`")?;
        self.statements(open)
    }

    /// Statements up to the brace that closes `open`.
    pub(super) fn statements(&mut self, open: Span) -> Parsed<Block> {
        let mut block = Vec::new();
        while !self.closes(open)? {
            if self.overflowing() {
                return Err(Reported);
            }
            match self.nested(Self::stmt).and_then(|stmt| self.end_of_stmt().map(|()| stmt)) {
                Ok(stmt) => block.push(stmt),
                Err(Reported) => self.skip_stmt(),
            }
        }
        Ok(block)
    }

    /// Eats separators and then `}`, if it is there. A block that cannot go on is reported.
    pub(super) fn closes(&mut self, open: Span) -> Parsed<bool> {
        self.separators();
        if self.eat(Token::RightBrace) {
            return Ok(true);
        }
        if self.token() != Token::End && !self.begins_item() {
            return Ok(false);
        }
        let here = if self.token() == Token::End { "the text ends here" } else { "a new item begins here" };
        let problem = Problem::new("`}` is missing", open, "never closed").also(self.span(), here);
        Err(self.report(problem))
    }

    /// What must follow a statement or a line; after a closing brace nothing must.
    pub(super) fn end_of_stmt(&mut self) -> Parsed<()> {
        let after_brace = self.text.as_bytes().get(self.last.end as usize - 1) == Some(&b'}');
        if self.at_end() || after_brace {
            return Ok(());
        }
        Err(self.unexpected("the end of the line or `;`"))
    }

    /// To the end of a bad statement, whatever blocks it has.
    pub(super) fn skip_stmt(&mut self) {
        let mut open = 0u32;
        loop {
            match self.token() {
                Token::End => return,
                Token::Newline | Token::Semicolon if open == 0 => return,
                Token::RightBrace if open == 0 => return,
                Token::LeftBrace => open += 1,
                Token::RightBrace => open -= 1,
                Token::Newline if self.second() == Token::Name => {
                    self.bump();
                    if self.begins_item() {
                        return;
                    }
                    continue;
                }
                _ => {}
            }
            self.bump();
        }
    }

    fn stmt(&mut self) -> Parsed<Stmt> {
        self.operators = 0;
        let start = self.span();
        let kind = match self.word() {
            "if" => self.if_stmt()?,
            "while" => {
                self.bump();
                StmtKind::While { cond: self.condition()?, body: self.block()? }
            }
            "repeat" => {
                self.bump();
                StmtKind::Repeat { count: self.expr()?, body: self.block()? }
            }
            "assert" => {
                self.bump();
                StmtKind::Assert(self.condition()?)
            }
            "handler" if self.second() == Token::Name => {
                let problem = Problem::new("a handler among statements", start, "too late");
                return Err(self.report(problem.help("handlers come first, before statements and threads")));
            }
            "thread" if self.second() == Token::Name => {
                let problem = Problem::new("a thread among statements", start, "cannot stand here");
                return Err(self.report(problem.help("a process has either statements or threads")));
            }
            "else" => {
                let problem = Problem::new("`else` without `if`", start, "no `if` before it");
                return Err(self.report(problem));
            }
            "" => return Err(self.unexpected("a statement")),
            _ => self.simple_stmt()?,
        };
        Ok(Stmt { kind, span: self.since(start) })
    }

    fn if_stmt(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let (cond, then) = (self.condition()?, self.block()?);
        let after = self.at;
        self.newlines();
        if !self.at_word("else") {
            self.at = after;
            return Ok(StmtKind::If { cond, then, otherwise: None });
        }
        self.bump();
        let otherwise = if self.at_word("if") { vec![self.nested(Self::stmt)?] } else { self.block()? };
        Ok(StmtKind::If { cond, then, otherwise: Some(otherwise) })
    }

    /// `x = call(…) -> v`, `call(…)`, `x = expression`, `m[0] = expression`.
    fn simple_stmt(&mut self) -> Parsed<StmtKind> {
        match self.second() {
            Token::LeftParen => {
                let call = self.call()?;
                let expect = self.expectation()?;
                Ok(StmtKind::Call { dest: None, call, expect })
            }
            Token::Assign => {
                let dest = self.name("the name of a variable")?;
                self.bump();
                let value = self.expr()?;
                self.assignment(dest, value)
            }
            Token::Equal => {
                let problem = Problem::new("a comparison does nothing here", self.span(), "begins a statement");
                Err(self.report(problem.help("`=` gives a variable its value; `assert` checks a condition")))
            }
            Token::LeftBracket => {
                let memory = self.name("the name of memory")?;
                self.bump();
                let at = self.expr()?;
                self.expect(Token::RightBracket, "`]`")?;
                self.expect(Token::Assign, "`=`")?;
                let data = self.expr()?;
                if matches!(&data.kind, ExprKind::Call(call) if !FUNCTIONS.contains(&call.name.name.as_str())) {
                    let problem = Problem::new("a call stored to memory", data.span, "gives its result to a variable");
                    return Err(self.report(problem.help("write `x = …` on a line of its own, and then store `x`")));
                }
                Ok(StmtKind::Store { memory, at, data })
            }
            _ => {
                let calls = CallKind::ALL.iter().map(|(name, _)| *name);
                let words: Vec<&str> = STATEMENTS.iter().copied().chain(calls).collect();
                Err(self.unknown_word("statement", &words))
            }
        }
    }

    fn assignment(&mut self, dest: Ident, value: Expr) -> Parsed<StmtKind> {
        match value.kind {
            // Whatever is no function of expressions is taken for a call, known or not.
            ExprKind::Call(call) if !FUNCTIONS.contains(&call.name.name.as_str()) => {
                let expect = self.expectation()?;
                Ok(StmtKind::Call { dest: Some(dest), call, expect })
            }
            _ if self.token() == Token::Arrow => {
                let problem = Problem::new("`->` without a call", self.span(), "says what a call returns");
                Err(self.report(problem.also(value.span, "this is no call")))
            }
            _ => Ok(StmtKind::Assign { dest, value }),
        }
    }

    fn expectation(&mut self) -> Parsed<Option<Expr>> {
        if self.eat(Token::Arrow) { self.expr().map(Some) } else { Ok(None) }
    }
}

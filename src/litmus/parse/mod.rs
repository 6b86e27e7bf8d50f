//! Tokens into the tree: recursive descent, one function per line of the grammar.
//!
//! A function that fails has already reported why, and says so with [`Reported`]. Statements and items are the places
//! of recovery: the rest of a bad one is skipped and the next is read, so that one run tells several errors.

mod expr;
mod item;
mod property;
mod stmt;

use super::lexer::{Token, tokens};
use crate::program::{
    Problem, did_you_mean,
    syntax::{Ident, Program, Span, TaskRef},
};

/// Brackets, blocks and signs nest at most so deep: the tree is walked recursively.
const MAX_NESTING: u32 = 64;
/// A statement has at most so many operators, for the same reason.
const MAX_OPERATORS: u32 = 500;
/// After so many problems the rest is not worth telling.
const MAX_PROBLEMS: usize = 20;

/// What went wrong is among the problems already.
struct Reported;

type Parsed<T> = Result<T, Reported>;

/// Reads a whole litmus test.
///
/// # Errors
///
/// Every problem found, in the order of the text.
pub fn parse(text: &str) -> Result<Program, Vec<Problem>> {
    let mut parser = Parser::new(text);
    let program = parser.file();
    let mut problems = parser.problems;
    if problems.is_empty() {
        return Ok(program);
    }
    problems.sort_by_key(|problem| problem.span.start);
    problems.truncate(MAX_PROBLEMS);
    Err(problems)
}

struct Parser<'a> {
    text: &'a str,
    /// Without comments.
    tokens: Vec<(Token, Span)>,
    /// Comment lines before the title.
    comments: Vec<String>,
    /// The next token that matters.
    at: usize,
    /// Where the last consumed token stands.
    last: Span,
    /// Open `(` and `[`: inside, the end of a line means nothing.
    brackets: u32,
    nesting: u32,
    /// Operators of this statement so far.
    operators: u32,
    problems: Vec<Problem>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        let (mut tokens, problems) = tokens(text);
        let header = tokens.iter().take_while(|(token, _)| matches!(token, Token::Comment | Token::Newline));
        let comments = header.filter(|(token, _)| *token == Token::Comment).map(|(_, span)| {
            let comment = slice(text, *span).trim_start_matches("//").trim_end();
            comment.strip_prefix(' ').unwrap_or(comment).to_string()
        });
        let comments = comments.collect();
        tokens.retain(|(token, _)| *token != Token::Comment);
        let last = Span::default();
        Parser { text, tokens, comments, at: 0, last, brackets: 0, nesting: 0, operators: 0, problems }
    }

    // Looking.

    fn token(&self) -> Token {
        self.tokens[self.at].0
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    /// The token after the next one.
    fn second(&self) -> Token {
        self.tokens.get(self.at + 1).map_or(Token::End, |(token, _)| *token)
    }

    /// The next word, or nothing if something else comes next.
    fn word(&self) -> &'a str {
        if self.token() == Token::Name { slice(self.text, self.span()) } else { "" }
    }

    fn at_word(&self, word: &str) -> bool {
        self.word() == word
    }

    /// Whether a newline, a semicolon or the end of a block or of the text comes next.
    fn at_end(&self) -> bool {
        matches!(self.token(), Token::Newline | Token::Semicolon | Token::RightBrace | Token::End)
    }

    /// Whether nothing stands between the last token and the next.
    fn adjacent(&self) -> bool {
        self.last.end == self.span().start
    }

    // Moving.

    fn bump(&mut self) -> Span {
        self.last = self.span();
        if self.token() != Token::End {
            self.at += 1;
        }
        self.settle();
        self.last
    }

    /// Inside brackets, goes past the ends of lines.
    fn settle(&mut self) {
        if self.brackets > 0 {
            self.newlines();
        }
    }

    fn newlines(&mut self) {
        while self.token() == Token::Newline {
            self.at += 1;
        }
    }

    fn separators(&mut self) {
        while matches!(self.token(), Token::Newline | Token::Semicolon) {
            self.bump();
        }
    }

    fn eat(&mut self, token: Token) -> bool {
        let found = self.token() == token;
        if found {
            self.bump();
        }
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, token: Token, what: &str) -> Parsed<Span> {
        if self.token() == token { Ok(self.bump()) } else { Err(self.unexpected(what)) }
    }

    fn expect_word(&mut self, word: &str) -> Parsed<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"))) }
    }

    /// `open … close`; inside, lines may be broken anywhere.
    fn bracketed<T>(&mut self, close: Token, inside: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let open = self.span();
        self.brackets += 1;
        self.bump();
        let result = inside(self).and_then(|value| {
            if self.token() == close {
                return Ok(value);
            }
            let symbol = if close == Token::RightParen { ")" } else { "]" };
            let reported = self.unexpected(&format!("`{symbol}`"));
            if let Some(problem) = self.problems.last_mut() {
                problem.also = Some((open, "opened here".into()));
            }
            Err(reported)
        });
        self.brackets -= 1;
        if result.is_ok() {
            self.bump();
        }
        result
    }

    /// `element, element, …`, possibly over several lines.
    fn comma_list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut list = vec![element(self)?];
        while self.eat(Token::Comma) {
            self.newlines();
            list.push(element(self)?);
        }
        Ok(list)
    }

    fn nested<T>(&mut self, inside: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting == MAX_NESTING {
            let problem = Problem::new("nested too deeply", self.span(), format!("more than {MAX_NESTING} levels"));
            return Err(self.report(problem.help("split this into several statements")));
        }
        self.nesting += 1;
        let result = inside(self);
        self.nesting -= 1;
        result
    }

    // Common pieces.

    fn name(&mut self, what: &str) -> Parsed<Ident> {
        if self.token() != Token::Name {
            return Err(self.unexpected(what));
        }
        let name = self.word();
        if KEYWORDS.contains(&name) {
            let problem = Problem::new(format!("expected {what}"), self.span(), format!("`{name}` is a keyword"));
            return Err(self.report(problem));
        }
        Ok(self.any_name())
    }

    /// The name that is known to come next, keyword or not.
    fn any_name(&mut self) -> Ident {
        let name = self.word().to_string();
        Ident { name, span: self.bump() }
    }

    /// `[3]`, if it comes next.
    fn index(&mut self) -> Parsed<Option<u32>> {
        if self.token() != Token::LeftBracket {
            return Ok(None);
        }
        self.bracketed(Token::RightBracket, |p| {
            let span = p.span();
            if p.token() != Token::Number {
                return Err(p.unexpected("a number"));
            }
            let number = p.number(false)?;
            match u32::try_from(number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(p.report(Problem::new("this index is too large", span, "more than 4294967295"))),
            }
        })
    }

    fn task_ref(&mut self) -> Parsed<TaskRef> {
        Ok(TaskRef { name: self.name("the name of a task")?, index: self.index()? })
    }

    fn small_number(&mut self, what: &str) -> Parsed<u32> {
        let span = self.span();
        if self.token() != Token::Number {
            return Err(self.unexpected(what));
        }
        let number = self.number(false)?;
        u32::try_from(number).map_err(|_| self.report(Problem::new("this number is too large", span, "too large")))
    }

    /// From the start of `start` to the end of the last token.
    fn since(&self, start: Span) -> Span {
        start.to(self.last)
    }

    // Problems.

    fn report(&mut self, problem: Problem) -> Reported {
        self.problems.push(problem);
        Reported
    }

    fn overflowing(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    /// Something else than `wanted` comes next. An end of line inside brackets is told, and gone back to, so that the
    /// next line is read as a statement of its own.
    fn unexpected(&mut self, wanted: &str) -> Reported {
        let line_ends = self.tokens[..self.at].iter().rposition(|(token, _)| *token != Token::Newline);
        let line_ends = line_ends.map_or(0, |i| i + 1);
        let broken = self.brackets > 0 && line_ends < self.at;
        if broken {
            self.at = line_ends;
        }
        let (span, found) = if broken || matches!(self.token(), Token::Newline | Token::End) {
            let end = self.last.end as usize;
            let found = if self.token() == Token::End { "the text ends here" } else { "the line ends here" };
            (Span::new(end, end), found.to_string())
        } else {
            (self.span(), format!("found `{}`", slice(self.text, self.span())))
        };
        let help = match self.token() {
            Token::Ampersand => Some("`&&` joins two conditions"),
            Token::OpenStr => Some("a string ends with `\"` on the same line"),
            Token::Assign => Some("`==` compares; `=` gives a variable its value"),
            _ => None,
        };
        let problem = Problem::new(format!("expected {wanted}"), span, found);
        self.report(problem.maybe_help(help.map(Into::into)))
    }

    fn not_there_yet(&mut self, what: &str, span: Span) -> Reported {
        let problem = Problem::new(format!("{what} not there yet"), span, "planned, but not understood so far");
        self.report(problem)
    }

    fn unknown_word(&mut self, what: &str, candidates: &[&str]) -> Reported {
        let word = self.word();
        let known = || format!("known are {}", candidates.join(", "));
        let help = did_you_mean(word, candidates.iter().copied()).or_else(|| (candidates.len() <= 12).then(known));
        let problem = Problem::new(format!("unknown {what} `{word}`"), self.span(), format!("no {what}"));
        self.report(problem.maybe_help(help))
    }
}

fn slice(text: &str, span: Span) -> &str {
    &text[span.start as usize..span.end as usize]
}

/// Words that are no names.
pub(super) const KEYWORDS: &[&str] = &[
    "all", "allow", "always", "asleep", "assert", "else", "exists", "exits", "expire", "final", "forbid", "if", "in",
    "init", "litmus", "on", "probe", "process", "repeat", "schedule", "show", "some", "task", "thread", "while",
    "with",
];

//! Expressions and conditions: one grammar, by precedence.

use super::{MAX_OPERATORS, Parsed, Parser, Token, slice};
use crate::program::{
    Problem,
    syntax::{Arg, BinOp, CallExpr, Expr, ExprKind, Path, PathStep, Span},
};

/// Units: times are counted in microseconds.
const UNITS: &[(&str, i128)] = &[("us", 1), ("ms", 1_000), ("s", 1_000_000), ("K", 1024)];

impl Parser<'_> {
    /// An expression that is meant as a condition.
    pub(super) fn condition(&mut self) -> Parsed<Expr> {
        let cond = self.expr()?;
        if self.token() == Token::Assign {
            let problem = Problem::new("`=` does not compare", self.span(), "this gives a variable its value");
            return Err(self.report(problem.help("write `==`")));
        }
        Ok(cond)
    }

    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.binary(1)
    }

    /// Operators that bind at least as strongly as `weakest`.
    fn binary(&mut self, weakest: u8) -> Parsed<Expr> {
        let mut left = self.unary()?;
        while let Some(op) = self.operator().filter(|op| op.precedence() >= weakest) {
            self.check_not(&left, op)?;
            let place = self.bump();
            self.newlines();
            self.operators += 1;
            if self.operators > MAX_OPERATORS {
                let label = format!("more than {MAX_OPERATORS} operators in one statement");
                return Err(self.report(Problem::new("this expression is too long", place, label)));
            }
            let right = self.binary(op.precedence() + 1)?;
            let span = left.span.to(right.span);
            left = Expr { kind: ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, span };
            let compares = |op: BinOp| op.precedence() == BinOp::Eq.precedence();
            if compares(op) && self.operator().is_some_and(compares) {
                let problem = Problem::new("comparisons do not chain", self.span(), "a second comparison");
                return Err(self.report(problem.help("join two comparisons with `&&`, or use parentheses")));
            }
        }
        Ok(left)
    }

    /// The operator that comes next. A line that begins with `&&` or `||` goes on with the one before.
    fn operator(&mut self) -> Option<BinOp> {
        if self.token() == Token::Newline {
            let next = self.tokens[self.at..].iter().position(|(token, _)| *token != Token::Newline)?;
            if matches!(self.tokens[self.at + next].0, Token::And | Token::Or) {
                self.at += next;
            }
        }
        Some(match self.token() {
            Token::Or => BinOp::Or,
            Token::And => BinOp::And,
            Token::Equal => BinOp::Eq,
            Token::NotEqual => BinOp::Ne,
            Token::Less => BinOp::Lt,
            Token::LessEqual => BinOp::Le,
            Token::Greater => BinOp::Gt,
            Token::GreaterEqual => BinOp::Ge,
            Token::Bar => BinOp::BitOr,
            Token::Plus => BinOp::Add,
            Token::Minus => BinOp::Sub,
            Token::Star => BinOp::Mul,
            _ => return None,
        })
    }

    /// `!a == b` reads as one thing and means another.
    fn check_not(&mut self, left: &Expr, op: BinOp) -> Parsed<()> {
        let bare = matches!(left.kind, ExprKind::Not(_)) && self.text.as_bytes()[left.span.start as usize] == b'!';
        if !bare || op.precedence() < BinOp::Eq.precedence() {
            return Ok(());
        }
        let symbol = op.symbol();
        let problem = Problem::new("`!` needs parentheses here", left.span, format!("negated before `{symbol}`"));
        Err(self.report(problem.help(format!("write `!(… {symbol} …)`"))))
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let kind = match self.token() {
            Token::Not => {
                self.bump();
                ExprKind::Not(Box::new(self.nested(Self::unary)?))
            }
            Token::Minus => {
                self.bump();
                if self.token() == Token::Number {
                    ExprKind::Int(self.number(true)?)
                } else {
                    ExprKind::Neg(Box::new(self.nested(Self::unary)?))
                }
            }
            _ => return self.primary(),
        };
        Ok(Expr { kind, span: self.since(start) })
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let kind = match self.token() {
            Token::Number => ExprKind::Int(self.number(false)?),
            Token::Str => ExprKind::Str(self.string()?),
            Token::OpenStr => {
                let problem = Problem::new("this string has no end", start, "no `\"` before the end of the line");
                return Err(self.report(problem.help("a line break inside a string is written `\\n`")));
            }
            Token::LeftParen => self.nested(|p| p.bracketed(Token::RightParen, Self::condition))?.kind,
            Token::LeftBracket => ExprKind::List(self.nested(|p| {
                p.bracketed(Token::RightBracket, |p| match p.token() {
                    Token::RightBracket => Ok(Vec::new()),
                    _ => p.comma_list(Self::list_element),
                })
            })?),
            Token::Name => match self.word() {
                "all" | "some" if self.second() == Token::Name => self.nested(Self::quantified)?,
                "asleep" if self.second() == Token::LeftParen => self.asleep()?,
                _ if self.second() == Token::LeftParen => ExprKind::Call(self.call()?),
                _ => ExprKind::Path(self.path()?),
            },
            _ => return Err(self.unexpected("an expression")),
        };
        Ok(Expr { kind, span: self.since(start) })
    }

    fn list_element(&mut self) -> Parsed<Expr> {
        let element = self.expr()?;
        if self.token() != Token::Colon {
            return Ok(element);
        }
        self.bump();
        if self.token() == Token::Plus {
            self.bump();
        }
        let op = self.binary(BinOp::Add.precedence())?;
        let (mut undo, mut nowait) = (false, false);
        while self.token() == Token::Name {
            match self.word() {
                "undo" => undo = true,
                "nowait" => nowait = true,
                _ => return Err(self.unknown_word("flag of an operation", &["undo", "nowait"])),
            }
            self.bump();
        }
        let span = self.since(element.span);
        Ok(Expr { kind: ExprKind::SemOp { semnum: Box::new(element), op: Box::new(op), undo, nowait }, span })
    }

    fn quantified(&mut self) -> Parsed<ExprKind> {
        let all = self.at_word("all");
        self.bump();
        let var = self.name("a name")?;
        self.expect_word("in")?;
        let over = self.name("the name of an array of tasks")?;
        self.expect(Token::Colon, "`:`")?;
        self.newlines();
        let body = Box::new(self.binary(BinOp::Eq.precedence())?);
        Ok(ExprKind::Quantified { all, var, over, body })
    }

    fn asleep(&mut self) -> Parsed<ExprKind> {
        self.bump();
        self.bracketed(Token::RightParen, |p| {
            let who = p.task_ref()?;
            let call = if p.eat(Token::Comma) { Some(p.name("the name of a call")?) } else { None };
            Ok(ExprKind::Asleep { who, call })
        })
    }

    /// `name(argument, …)`.
    pub(super) fn call(&mut self) -> Parsed<CallExpr> {
        let name = self.name("the name of a call")?;
        let args = self.nested(Self::args)?;
        let span = self.since(name.span);
        Ok(CallExpr { name, args, span })
    }

    /// `(argument, …)`, each perhaps with a name.
    pub(super) fn args(&mut self) -> Parsed<Vec<Arg>> {
        self.bracketed(Token::RightParen, |p| match p.token() {
            Token::RightParen => Ok(Vec::new()),
            _ => p.comma_list(Self::arg),
        })
    }

    fn arg(&mut self) -> Parsed<Arg> {
        let name = match (self.token(), self.second()) {
            (Token::Name, Token::Colon) => {
                let name = self.any_name();
                self.bump();
                Some(name)
            }
            (Token::Name, Token::Assign) => {
                let problem = Problem::new("a named argument is written with `:`", self.span(), "named here");
                let help = format!("write `{}: …`", self.word());
                return Err(self.report(problem.help(help)));
            }
            _ => None,
        };
        Ok(Arg { name, value: self.expr()? })
    }

    pub(super) fn path(&mut self) -> Parsed<Path> {
        let root = self.name("a name")?;
        let mut steps = Vec::new();
        loop {
            match self.token() {
                Token::Dot => {
                    self.bump();
                    if self.token() != Token::Name {
                        return Err(self.unexpected("the name of a field"));
                    }
                    steps.push(PathStep::Field(self.any_name()));
                }
                Token::LeftBracket => steps.extend(self.index()?.map(PathStep::Index)),
                _ => break,
            }
        }
        Ok(Path { root, steps })
    }

    /// The number that comes next, with its unit.
    pub(super) fn number(&mut self, negative: bool) -> Parsed<i64> {
        let span = self.bump();
        let text = slice(self.text, span);
        let (radix, digits) = match text.as_bytes() {
            [b'0', b'x' | b'X', ..] => (16, &text[2..]),
            [b'0', b'o', ..] => (8, &text[2..]),
            [b'0', b'0'..=b'9', ..] => (8, &text[1..]),
            _ => (10, text),
        };
        let end = digits.find(|c: char| !(c == '_' || c.is_digit(radix))).unwrap_or(digits.len());
        let (digits, rest) = digits.split_at(end);
        let bad = |message: &str, label: &str| Problem::new(message, span, label);
        let unit = if rest.is_empty() && !self.text[span.end as usize..self.span().start as usize].contains('\n') {
            let unit = UNITS.iter().find(|(name, _)| self.at_word(name));
            unit.inspect(|_| {
                self.bump();
            })
        } else {
            UNITS.iter().find(|(name, _)| *name == rest)
        };
        let factor = match unit {
            Some((_, factor)) => *factor,
            None if rest.is_empty() => 1,
            None if radix == 8 && text.bytes().all(|b| b.is_ascii_digit()) => {
                let problem = bad("this is no octal number", "a number that begins with 0 is octal, as in C");
                return Err(self.report(problem));
            }
            None => {
                let problem = bad("this is no number", "neither digits nor a unit");
                return Err(self.report(problem.help("units are us, ms, s and K (1024)")));
            }
        };
        let magnitude = i128::from_str_radix(&digits.replace('_', ""), radix).ok().and_then(|n| n.checked_mul(factor));
        let value = magnitude.map(|n| if negative { -n } else { n });
        match value.and_then(|n| i64::try_from(n).ok()) {
            Some(value) => Ok(value),
            None if digits.is_empty() => Err(self.report(bad("this is no number", "digits are missing"))),
            None => Err(self.report(bad("this number is too large", "does not fit into 64 bits"))),
        }
    }

    /// The bytes of the string that comes next.
    pub(super) fn string(&mut self) -> Parsed<Vec<u8>> {
        let span = self.bump();
        let inside = &self.text[span.start as usize + 1..span.end as usize - 1];
        let (mut bytes, mut rest) = (Vec::with_capacity(inside.len()), inside);
        while let Some(at) = rest.find('\\') {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            let escape = &rest[at..];
            let hex = || u8::from_str_radix(escape.get(2..4)?, 16).ok();
            let (byte, len) = match escape.as_bytes()[1] {
                b'n' => (Some(b'\n'), 2),
                b't' => (Some(b'\t'), 2),
                b'r' => (Some(b'\r'), 2),
                b'0' => (Some(0), 2),
                quoted @ (b'\\' | b'"' | b'\'') => (Some(quoted), 2),
                b'x' => (hex(), 4),
                _ => (None, 2),
            };
            let Some(byte) = byte else {
                let start = span.end as usize - 1 - escape.len();
                let len = escape.chars().take(2).map(char::len_utf8).sum::<usize>();
                let problem = Problem::new("unknown escape", Span::new(start, start + len), "means nothing");
                return Err(self.report(problem.help(r#"escapes are \n \t \r \0 \\ \" \' and \xNN"#)));
            };
            bytes.push(byte);
            rest = &escape[len..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        Ok(bytes)
    }
}

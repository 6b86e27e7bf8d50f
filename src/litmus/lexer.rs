//! Text into tokens.

use crate::program::{Problem, syntax::Span};
use logos::Logos;

/// The kinds of tokens; what a name, number or string says is read from the text at its span.
#[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
#[logos(skip r"[ \t\r]+")]
pub enum Token {
    /// A name or keyword.
    #[regex("[A-Za-z_][A-Za-z0-9_]*")]
    Name,
    /// A number, its digits not yet checked.
    #[regex("[0-9][0-9A-Za-z_]*")]
    Number,
    /// A kernel version.
    #[regex(r"v[0-9]+\.[0-9]+(\.[0-9]+)?", priority = 20)]
    Version,
    /// A string with its quotes.
    #[regex(r#""([^"\\\n]|\\[^\n])*""#)]
    Str,
    /// A string without its closing quote.
    #[regex(r#""([^"\\\n]|\\[^\n])*\\?"#)]
    OpenStr,
    /// A comment up to the end of its line.
    #[regex("//[^\n]*", allow_greedy = true)]
    Comment,
    /// What would be a comment elsewhere.
    #[regex("#[^\n]*", allow_greedy = true)]
    WrongComment,
    /// What would be a string elsewhere.
    #[regex("'[^'\n]*'")]
    WrongQuotes,
    /// The end of a line.
    #[token("\n")]
    Newline,
    /// `;`
    #[token(";")]
    Semicolon,
    /// `(`
    #[token("(")]
    LeftParen,
    /// `)`
    #[token(")")]
    RightParen,
    /// `[`
    #[token("[")]
    LeftBracket,
    /// `]`
    #[token("]")]
    RightBracket,
    /// `{`
    #[token("{")]
    LeftBrace,
    /// `}`
    #[token("}")]
    RightBrace,
    /// `,`
    #[token(",")]
    Comma,
    /// `:`
    #[token(":")]
    Colon,
    /// `.`
    #[token(".")]
    Dot,
    /// `..`
    #[token("..")]
    Dots,
    /// `->`
    #[token("->")]
    Arrow,
    /// `=`
    #[token("=")]
    Assign,
    /// `==`
    #[token("==")]
    Equal,
    /// `!=`
    #[token("!=")]
    NotEqual,
    /// `<`
    #[token("<")]
    Less,
    /// `<=`
    #[token("<=")]
    LessEqual,
    /// `>`
    #[token(">")]
    Greater,
    /// `>=`
    #[token(">=")]
    GreaterEqual,
    /// `&&`
    #[token("&&")]
    And,
    /// `||`
    #[token("||")]
    Or,
    /// `&`
    #[token("&")]
    Ampersand,
    /// `|`
    #[token("|")]
    Bar,
    /// `!`
    #[token("!")]
    Not,
    /// `+`
    #[token("+")]
    Plus,
    /// `-`
    #[token("-")]
    Minus,
    /// `*`
    #[token("*")]
    Star,
    /// The end of the text.
    End,
}

/// The tokens of `text`, the last one being [`Token::End`]; characters that begin no token are reported and skipped.
pub fn tokens(text: &str) -> (Vec<(Token, Span)>, Vec<Problem>) {
    let (mut tokens, mut problems) = (Vec::new(), Vec::<Problem>::new());
    for (token, range) in Token::lexer(text).spanned() {
        let span = Span::new(range.start, range.end);
        match token {
            Ok(Token::WrongComment) => problems.push(unknown_character("#", Span::new(range.start, range.start + 1))),
            Ok(Token::WrongQuotes) => {
                problems.push(unknown_character("'", span));
                tokens.push((Token::Str, span));
            }
            Ok(token) => tokens.push((token, span)),
            Err(()) => match problems.last_mut() {
                Some(last) if last.span.end == span.start => last.span.end = span.end,
                _ => problems.push(unknown_character(&text[range], span)),
            },
        }
    }
    // The end is told where the last token ends, since an empty last line shows nothing.
    let end = tokens.iter().rev().find(|(token, _)| !matches!(token, Token::Newline | Token::Comment));
    let end = end.map_or(0, |(_, span)| span.end as usize);
    tokens.push((Token::End, Span::new(end, end)));
    (tokens, problems)
}

fn unknown_character(text: &str, span: Span) -> Problem {
    let help = match text.chars().next() {
        Some('#') => Some("comments begin with `//`"),
        Some('\'' | '‘' | '’' | '“' | '”') => Some("strings stand in double quotes: \"…\""),
        Some('→') => Some("write `->`"),
        Some('≠') => Some("write `!=`"),
        Some('/') => Some("comments begin with `//`"),
        _ => None,
    };
    Problem::new("a character that means nothing here", span, "not part of the notation")
        .maybe_help(help.map(Into::into))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Token> {
        tokens(text).0.into_iter().map(|(token, _)| token).collect()
    }

    #[test]
    fn versions_and_ranges() {
        use Token::*;
        assert_eq!(kinds("v5.8..v5.16.11"), [Version, Dots, Version, End]);
        assert_eq!(kinds("v6.15.. v1.x"), [Version, Dots, Name, Dot, Name, End]);
    }

    #[test]
    fn strings_end_at_the_line() {
        use Token::*;
        assert_eq!(kinds(r#""a\"b" "c"#), [Str, OpenStr, End]);
        assert_eq!(kinds("\"a\\\nb"), [OpenStr, Newline, Name, End]);
    }

    #[test]
    fn strange_characters_are_one_problem() {
        let (tokens, problems) = tokens("a §§ b #");
        assert_eq!(tokens.len(), 3);
        assert_eq!(problems.len(), 2);
    }
}

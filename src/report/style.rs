//! How reports are written: their width, and colours that mean something.

use anstyle::{AnsiColor, Style as Ansi};
use unicode_width::UnicodeWidthStr;

/// How a report is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// Columns of the terminal; texts are wrapped to it where they can be.
    pub width: usize,
    /// Whether to use colours.
    pub color: bool,
    /// Whether the rules behind each step are told.
    pub rules: bool,
}

impl Default for Style {
    fn default() -> Self {
        Style { width: 100, color: false, rules: true }
    }
}

/// What a stretch of text is; its colour follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// Names and headings.
    Strong,
    /// A call succeeded, a claim holds.
    Good,
    /// A call failed, a claim does not hold.
    Bad,
    /// Somebody sleeps, something is not known.
    Sleep,
    /// Somebody was woken.
    Wake,
    /// Structures and explanations.
    Dim,
}

impl Tone {
    /// `text` in the colour of the tone, if colours are wanted.
    pub fn paint(self, text: &str, color: bool) -> String {
        let ansi = match self {
            _ if !color || text.is_empty() => return text.to_string(),
            Tone::Plain => return text.to_string(),
            Tone::Strong => Ansi::new().bold(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Sleep => AnsiColor::Yellow.on_default(),
            Tone::Wake => AnsiColor::Cyan.on_default(),
            Tone::Dim => Ansi::new().dimmed(),
        };
        format!("{ansi}{text}{ansi:#}")
    }
}

/// How many columns a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Breaks a text at spaces into lines of at most `most` columns; lines after the first begin with `indent` spaces.
/// A word that is too long for a line is broken as well.
pub fn wrap(text: &str, most: usize, indent: usize) -> Vec<String> {
    let most = most.max(indent + 4);
    let mut lines = vec![String::new()];
    let mut begun = false;
    for mut word in text.split(' ') {
        let last = lines.last_mut().unwrap_or_else(|| unreachable!("never empty"));
        let space = usize::from(begun);
        if width(last) + space + width(word) <= most {
            last.extend(std::iter::repeat_n(' ', space));
            last.push_str(word);
            begun = true;
            continue;
        }
        if begun {
            lines.push(" ".repeat(indent));
        }
        loop {
            let last = lines.last_mut().unwrap_or_else(|| unreachable!("never empty"));
            let room = most - width(last);
            if width(word) <= room {
                last.push_str(word);
                break;
            }
            let cut = cut_at(word, room);
            last.push_str(&word[..cut]);
            word = &word[cut..];
            lines.push(" ".repeat(indent));
        }
        begun = true;
    }
    lines
}

/// The byte index up to which at most `columns` columns lie, at least one character.
fn cut_at(word: &str, columns: usize) -> usize {
    let mut used = 0;
    for (i, c) in word.char_indices() {
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > columns && i > 0 {
            return i;
        }
    }
    word.len()
}

/// A text of which the middle is left out if it is longer than `most` columns.
pub fn shorten(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_string();
    }
    let keep = most.saturating_sub(1);
    let (head, tail) = (keep - keep / 3, keep / 3);
    let head: String = text.chars().take(head).collect();
    let tail: String = text.chars().skip(count - tail).collect();
    format!("{head}…{tail}")
}

/// `1 byte`, `2 bytes`.
pub fn plural(n: impl Into<u64>, one: &str) -> String {
    let n = n.into();
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("write(p.w, \"ab\") = 2", 12, 2), ["write(p.w,", "  \"ab\") = 2"]);
        assert_eq!(wrap("abcdefghijkl", 5, 0), ["abcde", "fghij", "kl"]);
        assert_eq!(wrap("", 5, 0), [""]);
    }

    #[test]
    fn the_middle_is_left_out() {
        assert_eq!(shorten("abcdefghijkl", 12), "abcdefghijkl");
        assert_eq!(shorten("abcdefghijklm", 7), "abcd…lm");
    }
}

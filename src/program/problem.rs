//! What can be wrong with a program, told at a place of its text.

use super::syntax::Span;

/// Something wrong with a program, at a place in its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// One sentence.
    pub message: String,
    /// The place.
    pub span: Span,
    /// What is said at the place.
    pub label: String,
    /// A second place, with what is said there (an earlier declaration, say).
    pub also: Option<(Span, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// `message`, with `label` at the place.
    pub fn new(message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Problem { message: message.into(), span, label: label.into(), also: None, help: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what to do about it, if something is known.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Points at a second place.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also = Some((span, label.into()));
        self
    }
}

/// "did you mean `x`?", with the candidate that is nearest to `name`, if one is near enough.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// The candidate that is nearest to `name`, if one is near enough; the first of several.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = name.chars().count();
    let allowed = 1 + letters / 4;
    let lower = name.to_lowercase();
    let distance = |candidate: &str| {
        let folded = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
        // A name that differs only in case is nearer than any other.
        (folded, usize::from(folded == 0 && name != candidate))
    };
    let mut best: Option<(&str, (usize, usize))> = None;
    for candidate in candidates {
        let length = candidate.chars().count();
        if candidate == name || letters.abs_diff(length) > allowed {
            continue;
        }
        let d = distance(candidate);
        if d.0 <= allowed && d.0 < length && best.is_none_or(|(_, b)| d < b) {
            best = Some((candidate, d));
        }
    }
    best.map(|(candidate, _)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let names = ["read", "write", "readable", "R"];
        assert_eq!(nearest("wirte", names), Some("write"));
        assert_eq!(nearest("READ", names), Some("read"));
        assert_eq!(nearest("readble", names), Some("readable"));
        assert_eq!(nearest("r", names), Some("R"));
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("splice", names), None);
    }
}

//! Reading what `check` and `run` wrote, as text or as JSON.

use serde::Deserialize;

/// What a log says of one test.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct LoggedTest {
    /// Title.
    pub test: String,
    /// Its file.
    pub file: String,
    /// Its hash.
    pub hash: String,
    /// The version that was modelled.
    pub kernel: String,
    /// The verdict in one word, as JSON writes it.
    pub status: String,
    /// What the model allows.
    pub outcomes: Vec<LoggedOutcome>,
    /// What was seen and is not allowed.
    pub not_allowed: Vec<LoggedOutcome>,
    /// What the test claims.
    pub claims: Vec<LoggedClaim>,
    /// Its schedules.
    pub schedules: Vec<LoggedSchedule>,
}

/// An outcome.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct LoggedOutcome {
    /// In words.
    pub text: String,
    /// Whether a real kernel showed it, if one was asked.
    #[serde(default)]
    pub seen: Option<bool>,
}

/// A claim.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct LoggedClaim {
    /// As it is written.
    pub claim: String,
    /// `holds`, `violated`, `unknown`.
    pub verdict: String,
    /// Free runs in which the condition was true.
    pub positive: Option<u64>,
    /// Free runs in which it was not.
    pub negative: Option<u64>,
}

/// A schedule.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(from = "JsonSchedule")]
pub struct LoggedSchedule {
    /// Its title.
    pub title: String,
    /// `holds` or `violated`.
    pub verdict: String,
}

#[derive(Deserialize)]
struct JsonSchedule {
    title: String,
    model: Option<String>,
    kernel: Option<String>,
}

impl From<JsonSchedule> for LoggedSchedule {
    fn from(json: JsonSchedule) -> Self {
        let wrong = json.model.is_some() || json.kernel.is_some();
        LoggedSchedule { title: json.title, verdict: if wrong { "violated" } else { "holds" }.into() }
    }
}

/// Reads a log; JSON is told from text by its first character.
///
/// # Errors
///
/// In words, when it is neither.
pub fn read_log(log: &str) -> Result<Vec<LoggedTest>, String> {
    match log.trim_start().chars().next() {
        None => Err("the log is empty".into()),
        Some('[') => serde_json::from_str(log).map_err(|error| error.to_string()),
        Some('{') => serde_json::from_str(log).map(|test| vec![test]).map_err(|error| error.to_string()),
        Some(_) => Reader::default().read(log),
    }
}

/// The list that indented lines belong to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Section {
    #[default]
    None,
    Outcomes,
    Claims,
    Schedules,
}

#[derive(Default)]
struct Reader {
    tests: Vec<LoggedTest>,
    section: Section,
}

impl Reader {
    fn read(mut self, log: &str) -> Result<Vec<LoggedTest>, String> {
        for (i, line) in log.lines().enumerate() {
            self.line(line).ok_or_else(|| format!("line {}: this is not a line of a log: {line:?}", i + 1))?;
        }
        match self.tests.iter().find(|test| test.status.is_empty()) {
            Some(test) => Err(format!("the log of {:?} ends before its `Result` line", test.test)),
            None => Ok(self.tests),
        }
    }

    /// One line; `None` if it makes no sense here.
    fn line(&mut self, line: &str) -> Option<()> {
        if line.is_empty() {
            return Some(());
        }
        if let Some(rest) = line.strip_prefix("Test ") {
            let (test, file) = title(rest)?;
            self.tests.push(LoggedTest { test, file: file.trim_start().into(), ..LoggedTest::default() });
            self.section = Section::None;
            return Some(());
        }
        let test = self.tests.last_mut()?;
        if line.starts_with(' ') {
            match self.section {
                Section::Outcomes => outcome(line.trim_start(), test)?,
                // What is indented further explains a verdict.
                _ if line.starts_with("            ") => {}
                Section::Claims => {
                    let (verdict, claim) = verdict(line)?;
                    test.claims.push(LoggedClaim { claim: claim.into(), verdict, ..LoggedClaim::default() });
                }
                Section::Schedules => {
                    let (verdict, rest) = verdict(line)?;
                    test.schedules.push(LoggedSchedule { title: title(rest)?.0, verdict });
                }
                Section::None => {}
            }
            return Some(());
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        self.section = match word {
            "Outcomes" => Section::Outcomes,
            "Claims" => Section::Claims,
            "Schedules" => Section::Schedules,
            _ => Section::None,
        };
        match word {
            "Kernel" => test.kernel = rest.split([',', ' ']).next()?.into(),
            "Hash" => test.hash = rest.into(),
            "Result" => test.status = rest.replace(' ', "-"),
            "Observation" => observation(rest, test)?,
            _ => {}
        }
        Some(())
    }
}

/// A quoted title, and what follows it.
fn title(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut title = String::new();
    let mut chars = inner.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Some((title, &inner[i + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => title.push('\n'),
                't' => title.push('\t'),
                'r' => title.push('\r'),
                '0' => title.push('\0'),
                'u' => {
                    let code: String = chars.by_ref().map(|(_, c)| c).skip(1).take_while(|&c| c != '}').collect();
                    title.push(char::from_u32(u32::from_str_radix(&code, 16).ok()?)?);
                }
                other => title.push(other),
            },
            c => title.push(c),
        }
    }
    None
}

/// `  holds     text`.
fn verdict(line: &str) -> Option<(String, &str)> {
    let (word, rest) = line.trim_start().split_once(' ')?;
    let verdict = match word {
        "holds" => "holds",
        "VIOLATED" => "violated",
        "unknown" => "unknown",
        _ => return None,
    };
    Some((verdict.into(), rest.trim_start()))
}

/// `1  seen  2 states  steered  free 12  R.x="a"`, every cell but the first and the last may be missing.
fn outcome(line: &str, test: &mut LoggedTest) -> Option<()> {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let words = [("allowed", None), ("not seen", Some(false)), ("seen", Some(true)), ("NOT ALLOWED", Some(true))];
    let &(word, seen) = words.iter().find(|(word, _)| rest.starts_with(&format!("{word} ")))?;
    let mut rest = rest[word.len()..].trim_start();
    if let Some((count, after)) = rest.split_once(' ')
        && count.parse::<u64>().is_ok()
    {
        rest = after.strip_prefix("states").or(after.strip_prefix("state"))?.trim_start();
    }
    for word in ["steered  ", "DIVERGED  "] {
        rest = rest.strip_prefix(word).unwrap_or(rest).trim_start();
    }
    if let Some((count, after)) = rest.strip_prefix("free ").and_then(|rest| rest.trim_start().split_once(' '))
        && count.parse::<u64>().is_ok()
    {
        rest = after.trim_start();
    }
    // What is said of how it is reached.
    let text = match rest.rfind("  (") {
        Some(at) if rest.ends_with(')') => &rest[..at],
        _ => rest,
    };
    let outcome = LoggedOutcome { text: text.into(), seen };
    if word == "NOT ALLOWED" {
        test.not_allowed.push(outcome)
    } else {
        test.outcomes.push(outcome)
    }
    Some(())
}

/// `Sometimes 3 97  exists R.x == "a"`.
fn observation(rest: &str, test: &mut LoggedTest) -> Option<()> {
    let (counts, claim) = rest.split_once("  ")?;
    let mut counts = counts.split(' ').skip(1).map(|n| n.parse().ok());
    let (positive, negative) = (counts.next()?, counts.next()?);
    if let Some(claim) = test.claims.iter_mut().find(|c| c.claim == claim && c.positive.is_none()) {
        (claim.positive, claim.negative) = (positive, negative);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> LoggedOutcome {
        let mut test = LoggedTest::default();
        outcome(line, &mut test).unwrap();
        test.outcomes.pop().or(test.not_allowed.pop()).unwrap()
    }

    #[test]
    fn outcomes_in_all_their_columns() {
        assert_eq!(read("1  allowed  1 state   R.x=\"a  b\"").text, "R.x=\"a  b\"");
        assert_eq!(read("12  not seen  10 states  (nothing to show)").text, "(nothing to show)");
        let seen =
            read("1  seen      1 state   steered   free   7  steered asleep in read  (only by interrupting a call)");
        assert_eq!((seen.text.as_str(), seen.seen), ("steered asleep in read", Some(true)));
        assert_eq!(
            read("NOT ALLOWED            free 3  B.b=\"zz\"; B asleep in read").text,
            "B.b=\"zz\"; B asleep in read"
        );
    }

    #[test]
    fn titles_are_read_as_they_are_written() {
        let (read, rest) = title("\"a \\\"b\\\" \\u{7f}\" x.litmus").unwrap();
        assert_eq!((read.as_str(), rest), ("a \"b\" \u{7f}", " x.litmus"));
    }

    #[test]
    fn what_is_no_log_is_refused() {
        assert!(read_log("").is_err());
        assert!(read_log("hello\n").is_err());
        assert!(read_log("Test \"x\" x.litmus\nKernel v6.18\n").unwrap_err().contains("Result"));
    }
}

//! Problems as people see them: the lines of the text, with the place underlined.

use crate::program::{Problem, syntax::Span};
use ariadne::{Cache, Color, Config, IndexType, Label, Report, ReportKind};
use std::ops::Range;

/// Writes `problems` with the lines of `text` that they point at, in colour for a terminal if `color`.
pub fn render(problems: &[Problem], file_name: &str, text: &str, color: bool) -> String {
    let mut out = Vec::new();
    let mut cache = ariadne::sources([(file_name.to_string(), text)]);
    for problem in problems {
        write_one(problem, file_name, text, color, &mut cache, &mut out);
    }
    String::from_utf8_lossy(&out).lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn write_one(
    problem: &Problem,
    file_name: &str,
    text: &str,
    color: bool,
    cache: &mut impl Cache<String>,
    out: &mut Vec<u8>,
) {
    let place = |span: Span| (file_name.to_string(), range(text, span));
    let config = Config::default().with_color(color).with_index_type(IndexType::Byte).with_compact(false);
    let mut report =
        Report::build(ReportKind::Error, place(problem.span)).with_config(config).with_message(&problem.message);
    let mut labels = vec![(problem.span, &problem.label, Color::Red)];
    labels.extend(problem.also.iter().map(|(span, label)| (*span, label, Color::Blue)));
    // In the order of the text, whichever is the second place.
    labels.sort_by_key(|(span, ..)| span.start);
    for (span, label, color) in labels {
        report = report.with_label(Label::new(place(span)).with_message(label).with_color(color));
    }
    if let Some(help) = &problem.help {
        report = report.with_help(help);
    }
    // Writing into memory does not fail.
    let _ = report.finish().write(cache, out);
}

/// The bytes of `span`, at least one if there is one, and never past the text.
fn range(text: &str, span: Span) -> Range<usize> {
    let start = (span.start as usize).min(text.len());
    let end = (span.end as usize).clamp(start, text.len());
    start..end
}

//! The layout of a timeline: a column for each task where they fit beside each other, else a list.

use super::{
    style::{Style, Tone, width, wrap},
    timeline::{Cell, Row},
};
use crate::{kernel::TaskId, program::Compiled};

/// The column of step numbers.
const LABEL: usize = 4;
/// Between columns.
const GAP: usize = 2;
/// Columns are not made narrower than this: then the tasks are told one below the other.
const NARROWEST: usize = 18;

/// In front of what stands below a step.
const MARGIN: &str = "┊ ";

/// A line of a cell: stretches of text with their tones.
type Line = Vec<(String, Tone)>;

/// The rows as a text.
pub fn render(program: &Compiled, rows: &[Row], style: &Style) -> String {
    let tasks: Vec<TaskId> = (0..program.tasks.len() as TaskId).filter(|&t| Some(t) != program.init).collect();
    let name = |task: TaskId| program.tasks[task as usize].name.as_str();
    let natural = |&task: &TaskId| {
        let cells = rows.iter().flat_map(|row| &row.cells).filter(|cell| cell.task == task);
        cells.map(|cell| width(&whole(cell))).max().unwrap_or(0).max(width(name(task)))
    };
    let mut widths: Vec<usize> = tasks.iter().map(natural).collect();
    let available = style.width.saturating_sub(LABEL + 2);
    let columns = fit(&mut widths, available);
    let mut text = String::new();
    if columns {
        let names =
            tasks.iter().zip(&widths).map(|(&task, &wide)| pad(&[(name(task).into(), Tone::Strong)], wide, style));
        let names: Vec<String> = names.collect();
        text.push_str(format!("{:LABEL$}  {}", "", names.join("  ")).trim_end());
        text.push('\n');
        let rules: Vec<String> = widths.iter().map(|&wide| "─".repeat(wide)).collect();
        text.push_str(&Tone::Dim.paint(&format!("{:LABEL$}  {}", "", rules.join("──")), style.color));
        text.push('\n');
    }
    for (i, row) in rows.iter().enumerate() {
        if i > 0 && (has_notes(&rows[i - 1], style) || has_notes(row, style)) {
            text.push('\n');
        }
        if columns {
            grid(row, &tasks, &widths, style, &mut text)
        } else {
            list(row, name, style, &mut text)
        }
        notes(row, style, &mut text);
    }
    text
}

fn whole(cell: &Cell) -> String {
    match (cell.what.is_empty(), cell.result.is_empty()) {
        (true, _) => cell.result.clone(),
        (false, true) => cell.what.clone(),
        (false, false) => format!("{} {}", cell.what, cell.result),
    }
}

/// Makes the widest columns narrower until all fit; whether they do.
fn fit(widths: &mut [usize], available: usize) -> bool {
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > available {
        let Some(widest) = widths.iter_mut().max_by_key(|wide| **wide).filter(|wide| **wide > NARROWEST) else {
            return false;
        };
        *widest -= 1;
    }
    true
}

/// A cell in lines of at most so many columns: the result beside the call if it fits, else below it.
fn lines(cell: &Cell, wide: usize) -> Vec<Line> {
    let single = |text: Vec<String>, tone: Tone| text.into_iter().map(move |line| vec![(line, tone)]);
    if cell.what.is_empty() {
        return single(wrap(&cell.result, wide, 2), cell.tone).collect();
    }
    let mut lines: Vec<Line> = single(wrap(&cell.what, wide, 2), Tone::Plain).collect();
    if cell.result.is_empty() {
        return lines;
    }
    if let Some(last) = lines.last_mut()
        && last.iter().map(|(text, _)| width(text)).sum::<usize>() + 1 + width(&cell.result) <= wide
    {
        last.push((" ".into(), Tone::Plain));
        last.push((cell.result.clone(), cell.tone));
        return lines;
    }
    lines.extend(single(wrap(&format!("  {}", cell.result), wide, 4), cell.tone));
    lines
}

fn pad(line: &[(String, Tone)], wide: usize, style: &Style) -> String {
    let used: usize = line.iter().map(|(text, _)| width(text)).sum();
    let painted: String = line.iter().map(|(text, tone)| tone.paint(text, style.color)).collect();
    format!("{painted}{}", " ".repeat(wide.saturating_sub(used)))
}

fn grid(row: &Row, tasks: &[TaskId], widths: &[usize], style: &Style, text: &mut String) {
    let cells: Vec<Vec<Line>> = tasks
        .iter()
        .zip(widths)
        .map(|(&task, &wide)| row.cells.iter().filter(|c| c.task == task).flat_map(|c| lines(c, wide)).collect())
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    for i in 0..height {
        let label = if i == 0 { row.label.as_str() } else { "" };
        let columns =
            cells.iter().zip(widths).map(|(cell, &wide)| pad(cell.get(i).map_or(&[][..], |l| l), wide, style));
        let columns: Vec<String> = columns.collect();
        text.push_str(format!("{}  {}", number(label), columns.join("  ")).trim_end());
        text.push('\n');
    }
}

fn list<'a>(row: &Row, name: impl Fn(TaskId) -> &'a str, style: &Style, text: &mut String) {
    for (i, cell) in row.cells.iter().enumerate() {
        let label = if i == 0 { row.label.as_str() } else { "" };
        let name = name(cell.task);
        let indent = LABEL + 2 + width(name) + 2;
        for (j, line) in lines(cell, style.width.saturating_sub(indent)).iter().enumerate() {
            let before = if j == 0 {
                format!("{}  {}  ", number(label), Tone::Strong.paint(name, style.color))
            } else {
                " ".repeat(indent)
            };
            text.push_str(format!("{before}{}", pad(line, 0, style)).trim_end());
            text.push('\n');
        }
    }
}

/// A label in its column: numbers below each other, the `+` of a hold behind.
fn number(label: &str) -> String {
    if label.ends_with('+') { format!("{label:>LABEL$}") } else { format!("{label:>w$} ", w = LABEL - 1) }
}

/// Structures and rules below a row.
fn notes(row: &Row, style: &Style, text: &mut String) {
    let indent = LABEL + 2;
    let room = style.width.saturating_sub(indent + width(MARGIN));
    for drawing in &row.drawings {
        let hanging = width(&drawing.name) + 2;
        let mut line = format!("{}  ", drawing.name);
        let mut begun = false;
        for part in &drawing.parts {
            let space = if begun { 3 } else { 0 };
            if begun && width(&line) + space + width(part) > room {
                note(text, indent, &line, style);
                (line, begun) = (" ".repeat(hanging), false);
            }
            if begun {
                line.push_str("   ");
            }
            line.push_str(part);
            begun = true;
        }
        for line in wrap_keeping_indent(&line, room, hanging) {
            note(text, indent, &line, style);
        }
    }
    if style.rules {
        for (id, sentence) in row.rules.iter().filter_map(|(id, text)| Some((id, (*text)?))) {
            for line in wrap(&format!("{id}  {sentence}"), room, 2) {
                note(text, indent, &line, style);
            }
        }
        let known: Vec<&str> = row.rules.iter().filter(|(_, text)| text.is_none()).map(|(id, _)| *id).collect();
        if !known.is_empty() {
            for line in wrap(&known.join(", "), room, 2) {
                note(text, indent, &line, style);
            }
        }
    }
}

fn has_notes(row: &Row, style: &Style) -> bool {
    !row.drawings.is_empty() || (style.rules && !row.rules.is_empty())
}

fn note(text: &mut String, indent: usize, line: &str, style: &Style) {
    let line = format!("{}{MARGIN}{}", " ".repeat(indent), line.trim_end());
    text.push_str(&Tone::Dim.paint(&line, style.color));
    text.push('\n');
}

/// Wraps only what is too long: a drawing has runs of spaces that mean something.
fn wrap_keeping_indent(line: &str, room: usize, hanging: usize) -> Vec<String> {
    if width(line) <= room { vec![line.to_string()] } else { wrap(line, room, hanging) }
}

//! A picture as SVG: boxes, arrows and texts where [`layered`](super::layered) puts them.

use super::{
    layered::{Arrow, Point, Size, place},
    picture::{Picture, Shape, ShapeKind},
};
use petgraph::visit::EdgeRef;
use std::fmt::Write;

/// The width of a character and the height of a line.
const CELL: Size = (8., 16.);
/// The size of the font, of which a character is about as wide as a cell.
const FONT: usize = 13;

impl Picture {
    /// As SVG.
    pub fn svg(&self) -> String {
        let padded = |text: &str, by: Size| (extent(text).0 + by.0, extent(text).1 + by.1);
        let boxes: Vec<Size> = self.graph.node_weights().map(|shape| padded(&shape.text, (16., 12.))).collect();
        let edges = self.graph.edge_references();
        let arrows: Vec<Arrow> = edges
            .map(|edge| Arrow {
                from: edge.source().index(),
                to: edge.target().index(),
                text: padded(edge.weight(), (8., 2.)),
            })
            .collect();
        let placed = place(&boxes, &arrows);
        let mut svg = header(&self.title, placed.size);
        for points in &placed.arrows {
            let _ = writeln!(svg, "<path d=\"{}\" marker-end=\"url(#head)\"/>", curve(points));
        }
        svg.push_str("</g>\n<g fill=\"white\">\n");
        for (&at, arrow) in placed.texts.iter().zip(&arrows) {
            let _ = writeln!(svg, "{}/>", rect(at, arrow.text, 0));
        }
        svg.push_str("</g>\n<g stroke=\"#333333\">\n");
        for ((shape, &at), &size) in self.graph.node_weights().zip(&placed.boxes).zip(&boxes) {
            let (fill, width, rounded) = look(shape);
            let _ = writeln!(svg, "{} fill=\"{fill}\" stroke-width=\"{width}\"/>", rect(at, size, rounded));
        }
        let _ = writeln!(
            svg,
            "</g>\n<g font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"{FONT}\" \
             text-anchor=\"middle\" dominant-baseline=\"middle\">"
        );
        for (shape, &at) in self.graph.node_weights().zip(&placed.boxes) {
            lines(&mut svg, &shape.text, at);
        }
        for (text, &at) in self.graph.edge_weights().zip(&placed.texts) {
            lines(&mut svg, text, at);
        }
        svg.push_str("</g>\n</svg>\n");
        svg
    }
}

/// Fill, width of the line, and radius of the corners.
fn look(shape: &Shape) -> (&'static str, u32, u32) {
    match (shape.kind, shape.bad) {
        (ShapeKind::Start, _) => ("#cfe8fc", 3, 10),
        (_, true) => ("#fde0dd", 2, 0),
        (ShapeKind::Outcome, false) => ("#e3f4e1", 2, 0),
        (ShapeKind::State, false) => ("#ffffff", 1, 10),
        (ShapeKind::Unexplored, false) => ("#e0e0e0", 1, 10),
    }
}

/// The size of a text.
fn extent(text: &str) -> Size {
    let wide = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    (wide as f64 * CELL.0, text.lines().count() as f64 * CELL.1)
}

fn header(title: &str, (width, height): Size) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" \
         height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n<title>{}</title>\n<defs><marker id=\"head\" \
         markerWidth=\"9\" markerHeight=\"8\" refX=\"8\" refY=\"4\" orient=\"auto\"><path d=\"M 0 0 L 9 4 L 0 8 z\" \
         fill=\"#555555\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <g fill=\"none\" stroke=\"#555555\">\n",
        escaped(title)
    )
}

/// A rectangle around a point, without its last signs.
fn rect((x, y): Point, (width, height): Size, rounded: u32) -> String {
    let (left, top) = (x - width / 2., y - height / 2.);
    format!("<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{rounded}\"")
}

/// Through the points, upright at each.
fn curve(points: &[Point]) -> String {
    let mut path = String::new();
    let mut last: Option<Point> = None;
    for &(x, y) in points {
        let _ = match last {
            None => write!(path, "M {x:.1} {y:.1}"),
            Some((before, _)) if before == x => write!(path, " L {x:.1} {y:.1}"),
            Some((before, above)) => {
                let middle = (above + y) / 2.;
                write!(path, " C {before:.1} {middle:.1}, {x:.1} {middle:.1}, {x:.1} {y:.1}")
            }
        };
        last = Some((x, y));
    }
    path
}

fn lines(svg: &mut String, text: &str, (x, y): Point) {
    let top = y - CELL.1 * (text.lines().count() as f64 - 1.) / 2.;
    for (i, line) in text.lines().enumerate() {
        let y = top + CELL.1 * i as f64;
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" xml:space=\"preserve\">{}</text>", escaped(line));
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

//! A picture as SVG: `layout` places boxes and arrows, and this draws them.

use super::picture::{Picture, ShapeKind};
use layout::{
    core::{
        base::Orientation,
        color::Color,
        format::{ClipHandle, RenderBackend},
        geometry::{Point, Position},
        style::StyleAttr,
    },
    std_shapes::shapes::{Arrow, Element, LineEndKind, ShapeKind as Form},
    topo::layout::VisualGraph,
};
use petgraph::visit::EdgeRef;
use std::{fmt::Write, panic};

/// What `layout` takes a character's width and a line's height for; lines are told to it twice.
const CELL: usize = 8;
/// The size of the font, of which a character is about as wide as a cell.
const FONT: usize = 13;

impl Picture {
    /// As SVG.
    ///
    /// # Errors
    ///
    /// When there is no layout: `layout` gives up where two bends of an arrow come to lie on each other. That depends on the
    /// room around boxes, so several are tried.
    pub fn svg(&self) -> Result<String, String> {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let mut tries = [(24., false), (29., false), (37., false), (51., false), (24., true), (37., true)].into_iter();
        let svg = tries.find_map(|(halo, plain)| panic::catch_unwind(|| self.placed(halo, plain)).ok());
        panic::set_hook(hook);
        svg.ok_or_else(|| "no layout was found: take the DOT to Graphviz".into())
    }

    /// With so much room around boxes; `plain` if nothing is to be optimized.
    fn placed(&self, halo: f64, plain: bool) -> String {
        let mut graph = VisualGraph::new(Orientation::TopToBottom);
        let mut handles = Vec::new();
        for shape in self.graph.node_weights() {
            let (fill, width, rounded) = match (shape.kind, shape.bad) {
                (ShapeKind::Start, _) => ("#cfe8fc", 3, 10),
                (_, true) => ("#fde0dd", 2, 0),
                (ShapeKind::Outcome, false) => ("#e3f4e1", 2, 0),
                (ShapeKind::State, false) => ("#ffffff", 1, 10),
                (ShapeKind::Unexplored, false) => ("#e0e0e0", 1, 10),
            };
            let look = StyleAttr::new(Color::fast("#333333"), width, Some(Color::fast(fill)), rounded, CELL);
            let text = doubled(&shape.text);
            let lines = shape.text.lines();
            let (wide, high) = (lines.clone().map(|line| line.chars().count()).max().unwrap_or(0), lines.count());
            let size = Point::new((wide * CELL + 16) as f64, (high * 2 * CELL + 12) as f64);
            let mut element = Element::create(Form::new_box(&text), look, Orientation::TopToBottom, size);
            element.pos = Position::new(Point::zero(), size, Point::zero(), Point::splat(halo));
            handles.push(graph.add_node(element));
        }
        for edge in self.graph.edge_references() {
            let look = StyleAttr::new(Color::fast("#555555"), 1, None, 0, CELL);
            let arrow = Arrow {
                start: LineEndKind::None,
                end: LineEndKind::Arrow,
                text: doubled(edge.weight()),
                look,
                ..Arrow::default()
            };
            graph.add_edge(arrow, handles[edge.source().index()], handles[edge.target().index()]);
        }
        let mut canvas = Canvas::default();
        graph.do_it(false, plain, false, &mut canvas);
        canvas.finish(&self.title)
    }
}

/// `#rrggbb`: not every viewer knows colours with an alpha channel.
fn web(color: Color) -> String {
    color.to_web_color()[..7].to_string()
}

/// Each line twice as high: a blank one after each.
fn doubled(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("\n\n") + "\n "
}

/// Where `layout` draws.
#[derive(Default)]
struct Canvas {
    shapes: String,
    texts: String,
    width: f64,
    height: f64,
}

impl Canvas {
    fn grow(&mut self, x: f64, y: f64) {
        self.width = self.width.max(x + 10.);
        self.height = self.height.max(y + 10.);
    }

    fn finish(self, title: &str) -> String {
        let Canvas { shapes, texts, width, height } = self;
        let mut svg = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\">\n<title>{}</title>\n<defs><marker id=\"head\" markerWidth=\"9\" \
             markerHeight=\"8\" refX=\"8\" refY=\"4\" orient=\"auto-start-reverse\"><path d=\"M 0 0 L 9 4 L 0 8 z\" \
             fill=\"#555555\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
            escaped(title)
        );
        let _ = writeln!(
            svg,
            "{shapes}<g font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"{FONT}\" \
             text-anchor=\"middle\" dominant-baseline=\"middle\">\n{texts}</g>\n</svg>"
        );
        svg
    }
}

impl RenderBackend for Canvas {
    fn draw_rect(&mut self, xy: Point, size: Point, look: &StyleAttr, _: Option<String>, _: Option<ClipHandle>) {
        self.grow(xy.x + size.x, xy.y + size.y);
        let fill = look.fill_color.map_or_else(|| "none".into(), web);
        let _ = writeln!(
            self.shapes,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{}\" fill=\"{fill}\" stroke=\"{}\" \
             stroke-width=\"{}\"/>",
            xy.x,
            xy.y,
            size.x,
            size.y,
            look.rounded,
            web(look.line_color),
            look.line_width
        );
    }

    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_text(&mut self, xy: Point, text: &str, _: &StyleAttr) {
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let high = (2 * CELL) as f64;
        let top = xy.y - high * (lines.len() as f64 - 1.) / 2.;
        for (i, line) in lines.into_iter().enumerate() {
            let y = top + high * i as f64;
            self.grow(xy.x + (line.chars().count() * CELL) as f64 / 2., y + high / 2.);
            // Text lies on top of the arrows, and is read through a margin of white.
            let _ = writeln!(
                self.texts,
                "<text x=\"{:.1}\" y=\"{y:.1}\" xml:space=\"preserve\" paint-order=\"stroke\" stroke=\"white\" \
                 stroke-width=\"4\">{}</text>",
                xy.x,
                escaped(line)
            );
        }
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        dashed: bool,
        head: (bool, bool),
        look: &StyleAttr,
        _: Option<String>,
        _: &str,
    ) {
        let [first, second, rest @ ..] = path else { return };
        for (a, b) in path {
            self.grow(a.x.max(b.x), a.y.max(b.y));
        }
        let mut curve = format!("M {:.1} {:.1} C {:.1} {:.1}", first.0.x, first.0.y, first.1.x, first.1.y);
        let _ = write!(curve, ", {:.1} {:.1}, {:.1} {:.1}", second.0.x, second.0.y, second.1.x, second.1.y);
        for (control, end) in rest {
            let _ = write!(curve, " S {:.1} {:.1}, {:.1} {:.1}", control.x, control.y, end.x, end.y);
        }
        let mut more = String::new();
        for (wanted, attribute) in [
            (head.0, " marker-start=\"url(#head)\""),
            (head.1, " marker-end=\"url(#head)\""),
            (dashed, " stroke-dasharray=\"5,5\""),
        ] {
            more.push_str(if wanted { attribute } else { "" });
        }
        let _ = writeln!(
            self.shapes,
            "<path d=\"{curve}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{more}/>",
            web(look.line_color),
            look.line_width
        );
    }

    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

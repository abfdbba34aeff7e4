//! A profile as a flame graph, and as folded stacks.
//!
//! The picture has no script: its text is the guest's, and browsers run the scripts of a picture that they open.

use std::fmt::Write as _;

use quick_xml::escape::escape;
use tollgate::profile::{Frame, Node};

use crate::output::text;

/// Hundredths of a pixel: the width of the picture, the margin beside it, and the box that is too narrow to be drawn.
const WIDTH: u64 = 120_000;
const MARGIN: u64 = 1_000;
const NARROWEST: u64 = 10;
/// Hundredths of a pixel that a character takes.
const CHARACTER: u64 = 700;
/// Pixels of a row, and of the head.
const ROW: u64 = 17;
const HEAD: u64 = 44;

/// Bytes after which folded stacks end: 8,192 stacks of 127 functions whose names are escaped would take a gigabyte.
const MOST_FOLDED: usize = 64 << 20;

/// A tree of calls with the fuel of each, and of all calls below it.
pub(super) struct Flame {
    nodes: Vec<Drawn>,
    outermost: Vec<usize>,
    fuel: u64,
}

struct Drawn {
    label: String,
    is_guest: bool,
    own: u64,
    total: u64,
    calls: Vec<usize>,
}

impl Flame {
    /// `nodes` with each after its caller.
    pub(super) fn new(nodes: Vec<Node>) -> Flame {
        let callers: Vec<Option<usize>> = nodes.iter().map(|node| node.caller).collect();
        let mut flame = Flame {
            outermost: Vec::new(),
            fuel: 0,
            nodes: nodes.into_iter().map(drawn).collect(),
        };
        // From the innermost to the outermost, so that the sum of a call is whole before its caller takes it.
        for (index, caller) in callers.into_iter().enumerate().rev() {
            let total = flame.nodes.get(index).map_or(0, |node| node.total);
            match caller.and_then(|caller| flame.nodes.get_mut(caller)) {
                Some(caller) => {
                    caller.total = caller.total.saturating_add(total);
                    caller.calls.push(index);
                }
                None => {
                    flame.fuel = flame.fuel.saturating_add(total);
                    flame.outermost.push(index);
                }
            }
        }
        let labels: Vec<String> = flame.nodes.iter().map(|node| node.label.clone()).collect();
        let by_label =
            |calls: &mut Vec<usize>| calls.sort_by_key(|call| (labels.get(*call), *call));
        by_label(&mut flame.outermost);
        for node in &mut flame.nodes {
            by_label(&mut node.calls);
        }
        flame
    }

    /// All of the fuel.
    pub(super) fn fuel(&self) -> u64 {
        self.fuel
    }

    /// A line for each stack: its functions from the outermost on, joined by `;`, and the fuel of the last. Each line has
    /// its whole stack, so they end at a bound; whether they are all.
    pub(super) fn folded(&self) -> (String, bool) {
        let mut lines = String::new();
        let mut is_whole = true;
        let mut stack: Vec<&str> = Vec::new();
        self.walk(|depth, _, node| {
            stack.truncate(depth);
            stack.push(&node.label);
            is_whole &= lines.len() < MOST_FOLDED;
            if node.own > 0 && is_whole {
                for (at, label) in stack.iter().enumerate() {
                    let joint = if at > 0 { ";" } else { "" };
                    // A `;` in the name of a type is not one between functions.
                    let _ = write!(lines, "{joint}{}", label.replace(';', ":"));
                }
                let _ = writeln!(lines, " {}", node.own);
            }
        });
        (lines, is_whole)
    }

    /// The picture: a box for each call, as wide as its fuel, above that of its caller.
    pub(super) fn svg(&self, name: &str) -> String {
        let mut depth = 0;
        self.walk(|at, _, _| depth = depth.max(at as u64 + 1));
        let height = HEAD + depth * ROW + ROW;
        let width = (WIDTH + 2 * MARGIN) / 100;
        let title = format!("{name}: {} fuel", text::count(self.fuel));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" font-size=\"11\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fffdf8\"/>\n\
             <text x=\"{}\" y=\"26\" font-size=\"16\">{}</text>\n",
            MARGIN / 100,
            escape(&title)
        );
        self.walk(|at, start, node| {
            let y = height - ROW - (at as u64 + 1) * ROW;
            self.draw(&mut svg, node, start, y);
        });
        svg.push_str("</svg>\n");
        svg
    }

    fn draw(&self, svg: &mut String, node: &Drawn, start: u64, y: u64) {
        let (x, end) = (
            self.place(start),
            self.place(start.saturating_add(node.total)),
        );
        let width = end.saturating_sub(x);
        if width < NARROWEST {
            return;
        }
        let of_all = text::share(node.total, self.fuel);
        let label = escape(&node.label);
        let _ = write!(
            svg,
            "<g><title>{label}: {} fuel, {of_all}; itself {}</title>\
             <rect x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>",
            text::count(node.total),
            text::count(node.own),
            pixels(MARGIN + x),
            pixels(width),
            ROW - 1,
            color(node)
        );
        let fits = usize::try_from(width / CHARACTER).unwrap_or(0);
        if fits >= 3 {
            let is_cut = node.label.chars().count() > fits;
            let shown: String = match is_cut {
                true => node.label.chars().take(fits - 1).chain(['…']).collect(),
                false => node.label.clone(),
            };
            let (x, y) = (pixels(MARGIN + x + 300), y + 12);
            let _ = write!(svg, "<text x=\"{x}\" y=\"{y}\">{}</text>", escape(&shown));
        }
        svg.push_str("</g>\n");
    }

    /// The place of this much fuel, in hundredths of a pixel.
    fn place(&self, fuel: u64) -> u64 {
        let place = u128::from(fuel) * u128::from(WIDTH) / u128::from(self.fuel.max(1));
        u64::try_from(place).unwrap_or(WIDTH)
    }

    /// Visits each call with its depth and the fuel to its left, after its caller.
    fn walk<'a>(&'a self, mut visit: impl FnMut(usize, u64, &'a Drawn)) {
        let mut open: Vec<(usize, u64, &[usize])> = vec![(0, 0, &self.outermost)];
        while let Some((depth, start, calls)) = open.pop() {
            let Some((first, others)) = calls.split_first() else {
                continue;
            };
            let Some(node) = self.nodes.get(*first) else {
                continue;
            };
            visit(depth, start, node);
            open.push((depth, start.saturating_add(node.total), others));
            open.push((depth + 1, start, &node.calls));
        }
    }
}

fn drawn(node: Node) -> Drawn {
    Drawn {
        label: node.frame.to_string(),
        is_guest: matches!(node.frame, Frame::Guest(_)),
        own: node.fuel,
        total: node.fuel,
        calls: Vec::new(),
    }
}

/// Warm colours for functions of the guest, by their names; blue for the host.
fn color(node: &Drawn) -> String {
    // FNV-1a.
    let hash = node
        .label
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    match node.is_guest {
        true => format!("hsl({},85%,66%)", 12 + hash % 42),
        false => format!("hsl({},55%,74%)", 200 + hash % 20),
    }
}

fn pixels(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

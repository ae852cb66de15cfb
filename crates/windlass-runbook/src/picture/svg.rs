//! A plan as an SVG picture: boxes in waves from top to bottom, the point of no return as
//! a line across. It stands alone: no script, no font, nothing that is loaded. Colours
//! follow the reader's light or dark setting; classes are told in words as well.

use std::fmt::Write as _;

use super::layout::{Layout, Place};
use super::place::middles;
use super::text::{wrap, xml};
use super::{Card, Class, Drawing};
use crate::outline::Outline;
use crate::text::{cut, width as columns};

/// The width of one column of the fixed-width font, with some room for other fonts.
const COLUMN: f64 = 7.4;
/// Between a box's border and its text.
const PAD: f64 = 12.0;
const LINE: f64 = 16.0;
/// The longest line of a box, in columns.
const COLUMNS_MAX: usize = 28;
/// Titles are told in pictures of at most so many boxes, in so many lines.
const TITLED_BOXES_MAX: usize = 60;
const TITLE_LINES_MAX: usize = 2;
const CARD_WIDTH_MIN: f64 = 110.0;
/// Left of the boxes, where waves have their numbers.
const MARGIN: f64 = 64.0;
/// Right of the boxes and below them.
const EDGE: f64 = 24.0;
/// Above the first row.
const HEAD: f64 = 40.0;
/// The heading's font is larger.
const NAME_COLUMN: f64 = 9.9;
const NAME_LINE: f64 = 22.0;
const HEAD_COLUMNS_MAX: usize = 60;
/// The least width of a picture, for the lines that go across.
const WIDTH_MIN: f64 = 480.0;
/// Between two rows; edges that go far to the side get more.
const ROW_GAP_MIN: f64 = 34.0;
const ROW_GAP_MAX: f64 = 90.0;
/// Room for the line above a row that says what begins there.
const RULE: f64 = 30.0;
const LEGEND: f64 = 44.0;

/// The plan as an SVG document.
pub fn svg(outline: &Outline) -> String {
    let drawing = Drawing::of(outline);
    let scene = Scene::new(&drawing).unwrap_or_else(|| {
        let drawing = Drawing::by_waves(outline);
        Scene::new(&drawing).expect("a chain of at most GROUPS_MAX boxes has few places")
    });
    scene.document()
}

/// A box where it stands.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    card: Card,
    title: Vec<String>,
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A link between two rows: from the lower edge of what it leaves to the upper edge of
/// what it reaches, straight through the rest of both rows and curved only between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) from: (f64, f64),
    /// Where the upper row ends.
    pub(super) bend: f64,
    /// Where the lower row begins.
    pub(super) unbend: f64,
    pub(super) to: (f64, f64),
    arrow: bool,
}

/// A line across the picture.
#[derive(Clone, Debug)]
struct Rule {
    y: f64,
    text: String,
    class: &'static str,
}

/// Everything with its place.
#[derive(Debug)]
pub(super) struct Scene {
    /// The name in one or two lines.
    name: Vec<String>,
    /// Under the name.
    said: Vec<String>,
    pub(super) cards: Vec<Shown>,
    pub(super) links: Vec<Link>,
    rules: Vec<Rule>,
    /// The number of a wave, beside its first row.
    labels: Vec<(f64, String)>,
    width: f64,
    height: f64,
}

impl Scene {
    pub(super) fn new(drawing: &Drawing) -> Option<Self> {
        let waves: Vec<usize> = drawing.cards.iter().map(|card| card.wave).collect();
        let layout = Layout::new(&waves, &drawing.edges)?;
        let titled = drawing.cards.len() <= TITLED_BOXES_MAX;
        let mut cards: Vec<Shown> = drawing
            .cards
            .iter()
            .map(|card| shown(card, titled))
            .collect();
        if !titled {
            // Equal boxes stand in columns, which many need to be followed.
            let widest = cards.iter().map(|card| card.width).fold(0.0, f64::max);
            cards.iter_mut().for_each(|card| card.width = widest);
        }
        let widths: Vec<f64> = cards.iter().map(|card| card.width).collect();
        let middles = middles(&layout, &widths);
        let name = wrap(&drawing.name, HEAD_COLUMNS_MAX, TITLE_LINES_MAX);
        let mut said = vec![drawing.summary.clone()];
        said.extend(drawing.note.clone());
        let mut y = HEAD + NAME_LINE * name.len() as f64 + LINE * said.len() as f64;
        let head_width = name
            .iter()
            .map(|line| columns(line) as f64 * NAME_COLUMN)
            .chain(said.iter().map(|line| columns(line) as f64 * COLUMN))
            .fold(0.0, f64::max);
        let (mut tops, mut bottoms) = (Vec::new(), Vec::new());
        let (mut rules, mut labels) = (Vec::new(), Vec::new());
        let mut across = Across::default();
        let gaps = row_gaps(&layout, &middles);
        for (row, places) in layout.rows.iter().enumerate() {
            let wave = layout.waves[row];
            let begins = row == 0 || layout.waves[row - 1] != wave;
            let irreversible = places.iter().any(|place| match layout.places[*place] {
                Place::Box(at) => drawing.cards[at].class == Class::Irreversible,
                Place::Stop | Place::Left | Place::Right => false,
            });
            if let Some((text, class)) = across.next(drawing, wave, irreversible) {
                y += RULE;
                let y = y - RULE / 2.0 - 4.0;
                rules.push(Rule { y, text, class });
            }
            if begins {
                labels.push((y, drawing.bands[wave].label.clone()));
            }
            let height = places
                .iter()
                .filter_map(|place| match layout.places[*place] {
                    Place::Box(at) => Some(cards[at].height),
                    Place::Stop | Place::Left | Place::Right => None,
                })
                .fold(0.0, f64::max);
            for place in places {
                if let Place::Box(at) = layout.places[*place] {
                    let card = &mut cards[at];
                    card.left = MARGIN + middles[*place] - (card.width / 2.0).floor();
                    card.top = y;
                }
            }
            tops.push(y);
            bottoms.push(y + height);
            // Below the last row is the legend.
            y += height + gaps[row];
        }
        let mut row_of = vec![0; layout.places.len()];
        for (row, places) in layout.rows.iter().enumerate() {
            places.iter().for_each(|place| row_of[*place] = row);
        }
        let links = layout.links.iter().map(|(from, to)| {
            let leaves = match layout.places[*from] {
                Place::Box(at) => cards[at].top + cards[at].height,
                Place::Stop | Place::Left | Place::Right => bottoms[row_of[*from]],
            };
            Link {
                from: (MARGIN + middles[*from], leaves),
                bend: bottoms[row_of[*from]],
                unbend: tops[row_of[*to]],
                to: (MARGIN + middles[*to], tops[row_of[*to]]),
                arrow: matches!(layout.places[*to], Place::Box(_)),
            }
        });
        let mut links: Vec<Link> = links.collect();
        // Through its row a stop is one line, however many edges share it.
        for (place, kind) in layout.places.iter().enumerate() {
            if let Place::Stop | Place::Left | Place::Right = kind {
                let (x, row) = (MARGIN + middles[place], row_of[place]);
                links.push(Link {
                    from: (x, tops[row]),
                    bend: tops[row],
                    unbend: bottoms[row],
                    to: (x, bottoms[row]),
                    arrow: false,
                });
            }
        }
        let right = cards
            .iter()
            .map(|card| card.left + card.width)
            .fold(MARGIN, f64::max);
        let width = right.max(20.0 + head_width).max(WIDTH_MIN);
        // What is narrower than its heading stands in the middle under it.
        let aside = ((width - right) / 2.0).floor();
        cards.iter_mut().for_each(|card| card.left += aside);
        for link in &mut links {
            link.from.0 += aside;
            link.to.0 += aside;
        }
        Some(Self {
            name,
            said,
            cards,
            links,
            rules,
            labels,
            width: (width + EDGE).ceil(),
            height: (y + LEGEND).ceil(),
        })
    }

    fn document(&self) -> String {
        let mut out = String::new();
        let (width, height) = (self.width, self.height);
        // `writeln!` into a text does not fail.
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"wl-title wl-desc\">"
        );
        let _ = writeln!(
            out,
            "<title id=\"wl-title\">{}</title>",
            xml(&self.name.join(" "))
        );
        let _ = writeln!(
            out,
            "<desc id=\"wl-desc\">{}</desc>",
            xml(&self.description())
        );
        let _ = writeln!(out, "<style>{STYLE}</style>");
        let _ = writeln!(
            out,
            "<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>"
        );
        self.heading(&mut out);
        for (y, label) in &self.labels {
            let y = y + 20.0;
            let _ = writeln!(
                out,
                "<text class=\"wave\" x=\"20\" y=\"{y}\">{}</text>",
                xml(label)
            );
        }
        for rule in &self.rules {
            let Rule { y, class, .. } = rule;
            let right = width - EDGE;
            let _ = writeln!(out, "<path class=\"rule {class}\" d=\"M20 {y}H{right}\"/>");
        }
        for link in &self.links {
            let arrow = if link.arrow { " arrow" } else { "" };
            let _ = writeln!(out, "<path class=\"edge{arrow}\" d=\"{}\"/>", link.path());
            if link.arrow {
                let (x, y) = link.to;
                let _ = writeln!(out, "<path class=\"head\" d=\"M{x} {y}l-4 -7h8z\"/>");
            }
        }
        for Rule { y, text, class } in &self.rules {
            let (y, text) = (y - 5.0, xml(text));
            let _ = writeln!(
                out,
                "<text class=\"ruled {class}\" x=\"20\" y=\"{y}\">{text}</text>"
            );
        }
        for card in &self.cards {
            card.draw(&mut out);
        }
        self.legend(&mut out);
        out.push_str("</svg>\n");
        out
    }

    fn description(&self) -> String {
        let rules = self.rules.iter().map(|rule| rule.text.clone());
        let parts: Vec<String> = self.said.iter().cloned().chain(rules).collect();
        parts.join(". ")
    }

    fn heading(&self, out: &mut String) {
        let mut y = 12.0;
        for line in &self.name {
            y += NAME_LINE;
            let _ = writeln!(
                out,
                "<text class=\"name\" x=\"20\" y=\"{y}\">{}</text>",
                xml(line)
            );
        }
        y += 4.0;
        for line in &self.said {
            y += LINE;
            let _ = writeln!(
                out,
                "<text class=\"faint\" x=\"20\" y=\"{y}\">{}</text>",
                xml(line)
            );
        }
    }

    fn legend(&self, out: &mut String) {
        let y = self.height - 30.0;
        let mut x = 20.0;
        for class in Class::ALL {
            if class == Class::Group || self.cards.iter().all(|card| card.card.class != class) {
                continue;
            }
            let word = class.word();
            let _ = writeln!(
                out,
                "<g class=\"{word}\"><rect class=\"card\" x=\"{x}\" y=\"{y}\" width=\"14\" \
                 height=\"12\" rx=\"2\"/><text class=\"faint\" x=\"{}\" y=\"{}\">{word}</text></g>",
                x + 20.0,
                y + 11.0
            );
            x += 20.0 + columns(word) as f64 * COLUMN + 18.0;
        }
    }
}

/// Which lines across the picture have been drawn.
#[derive(Default)]
struct Across {
    no_return: bool,
    finally: bool,
}

impl Across {
    /// What the line above a row says, when something begins there.
    fn next(
        &mut self,
        drawing: &Drawing,
        wave: usize,
        irreversible: bool,
    ) -> Option<(String, &'static str)> {
        if drawing.bands[wave].finally {
            let first = !std::mem::replace(&mut self.finally, true);
            return first.then(|| ("finally: however the run ends".to_owned(), "finally"));
        }
        if !irreversible || std::mem::replace(&mut self.no_return, true) {
            return None;
        }
        let steps = drawing.no_return.as_ref()?;
        Some((format!("point of no return: {steps}"), "noreturn"))
    }
}

/// The room below each row: more where edges go far to the side.
fn row_gaps(layout: &Layout, middles: &[f64]) -> Vec<f64> {
    let mut row_of = vec![0; layout.places.len()];
    for (row, places) in layout.rows.iter().enumerate() {
        places.iter().for_each(|place| row_of[*place] = row);
    }
    let mut gaps = vec![ROW_GAP_MIN; layout.rows.len()];
    for (from, to) in &layout.links {
        let aside = (middles[*from] - middles[*to]).abs();
        let gap = &mut gaps[row_of[*from]];
        *gap = gap.max((ROW_GAP_MIN + aside / 10.0).min(ROW_GAP_MAX).round());
    }
    gaps
}

fn shown(card: &Card, titled: bool) -> Shown {
    let mut card = card.clone();
    card.head = cut(&card.head, COLUMNS_MAX);
    for line in &mut card.lines {
        *line = cut(line, COLUMNS_MAX);
    }
    let title = match &card.title {
        Some(title) if titled => wrap(title, COLUMNS_MAX, TITLE_LINES_MAX),
        Some(_) | None => Vec::new(),
    };
    let lines = [&card.head].into_iter().chain(&title).chain(&card.lines);
    let widest = lines.clone().map(|line| columns(line)).max().unwrap_or(0) as f64;
    let height = lines.count() as f64 * LINE + 2.0 * PAD - 6.0;
    // Even, so that its middle is a whole number.
    let width = ((widest * COLUMN + 2.0 * PAD).max(CARD_WIDTH_MIN) / 2.0).ceil() * 2.0;
    Shown {
        card,
        title,
        left: 0.0,
        top: 0.0,
        width,
        height,
    }
}

impl Shown {
    fn draw(&self, out: &mut String) {
        let Shown {
            left,
            top,
            width,
            height,
            ..
        } = self;
        let class = self.card.class;
        let _ = writeln!(
            out,
            "<g class=\"{}\"><title>{}</title>",
            class.word(),
            xml(&self.card.tip.join("\n"))
        );
        let _ = match class {
            // A gate has slanted sides, also for who cannot tell the colours.
            Class::Gate => {
                let (slant, half) = (10.0, height / 2.0);
                let inner = width - 2.0 * slant;
                writeln!(
                    out,
                    "<path class=\"card\" d=\"M{} {top}h{inner}l{slant} {half}l-{slant} {half}h-{inner}l-{slant} -{half}z\"/>",
                    left + slant
                )
            }
            Class::Read
            | Class::Idempotent
            | Class::Reversible
            | Class::Irreversible
            | Class::Wait
            | Class::Group => {
                let round = if class == Class::Wait { 18 } else { 4 };
                writeln!(
                    out,
                    "<rect class=\"card\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>"
                )
            }
        };
        let middle = left + width / 2.0;
        let mut y = top + PAD + 8.0;
        let texts = [("id", &self.card.head)]
            .into_iter()
            .chain(self.title.iter().map(|line| ("what", line)))
            .chain(self.card.lines.iter().map(|line| ("fact", line)));
        for (class, text) in texts {
            let _ = writeln!(
                out,
                "<text class=\"{class}\" x=\"{middle}\" y=\"{y}\">{}</text>",
                xml(text)
            );
            y += LINE;
        }
        out.push_str("</g>\n");
    }
}

impl Link {
    fn path(&self) -> String {
        let ((x, y), (to_x, to_y)) = (self.from, self.to);
        let (bend, unbend) = (self.bend, self.unbend);
        if x == to_x {
            return format!("M{x} {y}V{to_y}");
        }
        let half = f64::midpoint(bend, unbend);
        format!("M{x} {y}V{bend}C{x} {half} {to_x} {half} {to_x} {unbend}")
    }
}

/// Rules without variables: not every viewer knows those.
const STYLE: &str = "
text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace;font-size:12px;fill:#1d2630}
.page{fill:#ffffff}
.name{font-size:16px;font-weight:600}
.faint,.wave,.fact{fill:#5a6572}
.id,.what,.fact{text-anchor:middle}
.id{font-weight:700}
.what{font-style:italic}
.fact{font-size:11px}
.edge{fill:none;stroke:#8b97a5;stroke-width:1.3}
.head{fill:#8b97a5}
.card{stroke-width:1.4;fill:#f4f6f8;stroke:#7b8794}
.read .card{fill:#eef4fb;stroke:#5b7fa6}
.idempotent .card{fill:#e6f5f0;stroke:#2f8f76}
.reversible .card{fill:#fff4da;stroke:#b98300}
.irreversible .card{fill:#fde6e6;stroke:#c62828;stroke-width:3}
.gate .card{fill:#efe7fb;stroke:#6a3fb5;stroke-width:2}
.wait .card{fill:#f1f1f1;stroke:#8a8a8a}
.group .card{stroke-dasharray:5 3}
.rule{fill:none;stroke-width:1.5;stroke-dasharray:7 4;stroke:#7b8794}
.ruled{font-weight:700;font-size:11px;fill:#5a6572;stroke:#ffffff;stroke-width:5;paint-order:stroke}
.rule.noreturn{stroke:#c62828}
.ruled.noreturn{fill:#c62828}
@media (prefers-color-scheme:dark){
text{fill:#e4e8ec}
.page{fill:#14181d}
.faint,.wave,.fact{fill:#a3adb8}
.edge{stroke:#6d7986}
.head{fill:#6d7986}
.card{fill:#20262d;stroke:#7b8794}
.read .card{fill:#182534;stroke:#6f9bcb}
.idempotent .card{fill:#122b25;stroke:#45b597}
.reversible .card{fill:#33290f;stroke:#d9a520}
.irreversible .card{fill:#3a1616;stroke:#f06a6a}
.gate .card{fill:#271b3d;stroke:#a98aea}
.wait .card{fill:#23272b;stroke:#8a8a8a}
.ruled{fill:#a3adb8;stroke:#14181d}
.rule.noreturn{stroke:#f06a6a}
.ruled.noreturn{fill:#f06a6a}
}
";

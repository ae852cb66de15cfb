//! Mutated texts against the checker, the parser of expressions and the formatter, with
//! nothing but std: no panic, every place lies in the text, and what is formatted keeps
//! its meaning. A fixed seed guards what is known, and a new one explores: it is printed,
//! and `WINDLASS_SEED` replays it. The fuzz targets in `fuzz/` promise the same with
//! coverage to guide them.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use windlass_core::catalog::Catalog;
use windlass_runbook::check;
use windlass_runbook::expr::parse;
use windlass_runbook::format::{Refusal, format};
use windlass_runbook::render::Style;

/// The same mutations on every machine.
const FIXED_SEED: u64 = 0x0005_eed0_f5ee_d001;
/// How many texts a seed makes.
const BOOKS: u32 = 800;
const LAYOUTS: u32 = 4_000;
const EXPRESSIONS: u32 = 60_000;

/// What means something to YAML or to expressions.
const PARTS: [&str; 36] = [
    "\n", "\n\n", " ", "  ", "    ", "\t", "- ", "-", ": ", ":", "? ", "# x\n", "#", "'", "\"",
    "\\", "{", "}", "[", "]", ", ", "|\n", "|+\n", ">-\n", "|2", "---\n", "...\n", "%", "&a", "*",
    "!", "~", "\r\n", "\r", "é", "${{ x }}",
];

/// xorshift64: enough to choose mutations, the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// A place where the text may be cut.
fn place(text: &str, random: &mut Random) -> usize {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn mutate(text: &mut String, other: &str, random: &mut Random) {
    let at = place(text, random);
    let line = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let next = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
    match random.below(9) {
        0 | 1 => text.insert_str(at, PARTS[random.below(PARTS.len())]),
        2 => drop(text[at..].chars().next().map(|_| text.remove(at))),
        3 => text.insert_str(line, &" ".repeat(1 + random.below(4))),
        4 if text[line..].starts_with(' ') => drop(text.remove(line)),
        5 => text.replace_range(line..next, ""),
        6 => {
            let again = text[line..next].to_owned();
            text.insert_str(line, &again);
        }
        7 => {
            let from = place(other, random);
            let line = other[from..].split_inclusive('\n').next();
            text.insert_str(line.map_or(at, |_| at), line.unwrap_or_default());
        }
        _ => text.truncate(at),
    }
}

fn new_seed() -> u64 {
    match std::env::var("WINDLASS_SEED") {
        Ok(text) => text.parse().expect("WINDLASS_SEED is a number"),
        Err(_) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.expect("the clock is past 1970").as_nanos() as u64
        }
    }
}

/// Calls `judge` with mutated texts; it answers whether it accepted one.
fn explore(what: &str, seeds: &[String], count: u32, judge: impl Fn(&str) -> bool) {
    for seed in [FIXED_SEED, new_seed()] {
        // Printed first: a panic must not hide how to meet it again.
        println!("mutated {what}: WINDLASS_SEED={seed}");
        let mut random = Random(seed.max(1));
        let (mut accepted, mut refused) = (0_u32, 0_u32);
        for _ in 0..count {
            let mut text = seeds[random.below(seeds.len())].clone();
            let other = &seeds[random.below(seeds.len())];
            for _ in 0..=random.below(4) {
                mutate(&mut text, other, &mut random);
            }
            if judge(&text) {
                accepted += 1;
            } else {
                refused += 1;
            }
        }
        println!("mutated {what}: {accepted} accepted, {refused} refused");
        // Both sides were reached, or the mutations prove nothing.
        let least = count / 50;
        assert!(
            accepted > least && refused > least,
            "{what}: {accepted} accepted, {refused} refused"
        );
    }
}

/// The documents of the tests that are not too long to mutate well.
fn books(folders: &[&str]) -> Vec<String> {
    let mut texts = Vec::new();
    for folder in folders {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests")
            .join(folder);
        let entries = std::fs::read_dir(folder).expect("the folder exists");
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("readable").path())
            .collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        });
        // The file system's order must not change what a seed means.
        paths.sort();
        texts.extend(
            paths
                .iter()
                .map(|path| std::fs::read_to_string(path).expect("a text")),
        );
    }
    texts.retain(|text| text.len() < 10_000);
    texts
}

#[test]
fn mutated_runbooks_are_checked() {
    let catalog: Catalog =
        serde_json::from_str(include_str!("catalog.json")).expect("the catalog is valid");
    explore("runbooks", &books(&["right", "wrong"]), BOOKS, |text| {
        let checked = check("book.yaml", text, None, &catalog);
        checked.render(Style::Plain);
        for (span, _) in checked
            .diagnostics
            .iter()
            .flat_map(|diagnostic| &diagnostic.labels)
        {
            let inside = text.get(span.start..span.end).is_some();
            assert!(inside, "{span:?} is no place in:\n{text}");
        }
        // Few mutations leave a runbook right; what matters is how far the check came.
        !checked
            .diagnostics
            .iter()
            .any(|found| found.code.id().starts_with("WL01"))
    });
}

#[test]
fn mutated_expressions_are_parsed() {
    let seeds = [
        "a && b || !c",
        "rows.size() >= steps.a.outputs.b && rows.all(r, r.s == 'x' && r.lag <= inputs.m)",
        "x == null ? [1, -2, 0x1f][0] : {'k': 1.5e3}.k",
        "name.startsWith(\"a\\n\\u00e9\") && 'b' in [\"b\", r'c\\']",
        "has(a.b) && a.b.map(i, i * 2 + 1 - 3 / 4 % 5).exists(i, i > 7)",
        "size(item) != 9223372036854775807 && -1 < +1",
    ]
    .map(str::to_owned);
    explore("expressions", &seeds, EXPRESSIONS, |source| {
        match parse(source) {
            Ok(_) => true,
            Err(error) => {
                let inside = source.get(error.span.range()).is_some();
                assert!(inside, "{:?} is no place in {source}", error.span);
                false
            }
        }
    });
}

#[test]
fn mutated_layouts_keep_their_meaning() {
    let seeds = books(&["format", "right", "wrong"]);
    explore("layouts", &seeds, LAYOUTS, |text| match format(text) {
        Ok(once) => {
            assert_eq!(format(&once).as_ref(), Ok(&once), "of:\n{text}");
            true
        }
        Err(Refusal::Unreadable(found)) => {
            assert!(!found.is_empty(), "no reason for:\n{text}");
            false
        }
        Err(refusal) => panic!("{refusal} of:\n{text}"),
    });
}

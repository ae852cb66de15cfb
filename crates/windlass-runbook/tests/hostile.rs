//! Texts made to hurt: all are refused, quickly and without a panic.

use std::time::{Duration, Instant};

use windlass_core::catalog::Catalog;
use windlass_runbook::check;
use windlass_runbook::render::Style;

/// The codes of what is found. Generous: the machine may be busy.
fn codes(text: &str) -> Vec<&'static str> {
    let start = Instant::now();
    let checked = check("book.yaml", text, None, &Catalog::default());
    checked.render(Style::Plain);
    let took = start.elapsed();
    assert!(
        took < Duration::from_secs(10),
        "{took:?} for {}",
        &text[..text.len().min(60)]
    );
    assert!(checked.plan.is_none());
    checked
        .diagnostics
        .iter()
        .map(|found| found.code.id())
        .collect()
}

#[test]
fn adversarial_yaml_is_refused() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..9 {
        let previous = format!("*a{},", level - 1).repeat(9);
        bomb += &format!("a{level}: &a{level} [{previous}]\n");
    }
    let deep_block: String = (0..500)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    for (text, wanted) in [
        (bomb, "WL0103"),
        ("a: &a [*a]\n".to_owned(), "WL0103"),
        ("<<: {a: b}\n".to_owned(), "WL0103"),
        ("a: b\n---\nc: d\n".to_owned(), "WL0105"),
        ("a: !!python/object:os.system ls\n".to_owned(), "WL0104"),
        ("[".repeat(20_000), "WL0101"),
        ("{a: ".repeat(20_000), "WL0101"),
        (deep_block, "WL0102"),
        (format!("a: [{}]\n", "x,".repeat(60_000)), "WL0102"),
        ("a".repeat((1 << 20) + 1), "WL0102"),
        ("\u{0}".to_owned(), "WL0101"),
        ("a: \u{1}\n".to_owned(), "WL0101"),
        ("a: 'b\n".to_owned(), "WL0101"),
        ("%YAML 9.9\n---\na: b\n".to_owned(), "WL0101"),
    ] {
        let found = codes(&text);
        assert!(
            found.contains(&wanted),
            "{found:?} for {}",
            &text[..text.len().min(60)]
        );
    }
}

#[test]
fn random_changes_never_panic() {
    let seeds = [
        include_str!("right/flagship.yaml"),
        include_str!("right/shell_reconcile_undo.yaml"),
    ];
    let catalog: Catalog = serde_json::from_str(include_str!("catalog.json")).unwrap();
    let pieces = [
        "${{", "}}", "\n", "  ", ":", "- ", "'", "\"", "|", "é", "😀", "\u{feff}", "[", "{", "!",
        "&a ", "*a", "#", "null", "5",
    ];
    let mut seed = 0x1234_5678_9abc_def0_u64;
    let mut below = |bound: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % bound as u64) as usize
    };
    let mut plans = 0;
    for round in 0..1_500 {
        let mut chars: Vec<char> = seeds[round % seeds.len()].chars().collect();
        for _ in 0..=below(3) {
            let at = below(chars.len());
            let end = (at + below(20)).min(chars.len());
            if below(2) == 0 {
                chars.drain(at..end);
            } else {
                chars.splice(at..at, pieces[below(pieces.len())].chars());
            }
        }
        let text: String = chars.into_iter().collect();
        let checked = check("book.yaml", &text, Some(&Default::default()), &catalog);
        assert_eq!(checked.plan.is_some(), !checked.has_errors(), "{text}");
        checked.render(Style::Plain);
        plans += usize::from(checked.plan.is_some());
    }
    assert!(
        plans > 10,
        "{plans} of the changed runbooks are still right"
    );
}

//! Texts made to hurt: all are refused, quickly and without a panic.

use std::time::Duration;

use windlass_core::catalog::Catalog;
use windlass_runbook::check;
use windlass_runbook::render::Style;

/// How long this thread has computed: a busy machine takes none of it away.
fn computed() -> Duration {
    let nanoseconds = std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// The codes of what is found. The bound is generous: this is a debug build.
fn codes(text: &str) -> Vec<&'static str> {
    let start = computed();
    let checked = check("book.yaml", text, None, &Catalog::default());
    checked.render(Style::Plain);
    let took = computed() - start;
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
        ("[".repeat(20_000), "WL0102"),
        ("{a: ".repeat(20_000), "WL0102"),
        (deep_block, "WL0102"),
        (format!("a: [{}]\n", "x,".repeat(450_000)), "WL0102"),
        ("a".repeat(windlass_runbook::TEXT_BYTES_MAX + 1), "WL0102"),
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

/// Right in form and wrong thousands of times over, or merely very large.
#[test]
fn mistakes_by_the_thousand_cost_no_more_than_the_first_hundred() {
    let head = "windlass: 1\nname: book\nsteps:\n";
    let list = |count: usize, item: &dyn Fn(usize) -> String| -> String {
        (0..count).map(item).collect::<Vec<_>>().join(",")
    };
    let name = "a".repeat(50);
    let steps = |count: usize| -> String {
        (0..count)
            .map(|index| format!("  {name}{index}: {{uses: wait, with: {{for: 1s}}}}\n"))
            .collect()
    };
    let chain = |count: usize, last: &str| -> String {
        let needs = |index: usize| {
            if index == 0 {
                last.to_owned()
            } else {
                format!("s{}", index - 1)
            }
        };
        let step = |index| {
            format!(
                "  s{index}: {{uses: wait, with: {{for: 1s}}, needs: {}}}\n",
                needs(index)
            )
        };
        (0..count).map(step).collect()
    };
    for text in [
        // Unknown needs among many steps.
        format!(
            "{head}{}  b: {{uses: wait, needs: [{}]}}\n",
            steps(3_000),
            list(10_000, &|i| format!("{name}x{i}"))
        ),
        // Thousands of wrong names in one text, and in as many values.
        format!(
            "{head}  a: {{uses: wait, with: {{for: \"{}\"}}}}\n",
            "${{ inputs.xxxxxx }}".repeat(30_000)
        ),
        format!(
            "{head}  a: {{uses: wait, with: {{for: [{}]}}}}\n",
            list(30_000, &|_| "\"${{ x }}\"".to_owned())
        ),
        // Openings whose ends are looked for in vain.
        format!(
            "{head}  a:\n    uses: wait\n    with:\n      for: |\n        {}\n",
            r"${{ \'".repeat(100_000)
        ),
        format!(
            "{head}  a: {{uses: wait, with: {{for: \"{}\"}}}}\n",
            "${{ 1 }}".repeat(100_000)
        ),
        // Unknown keys, unknown defaults, wrong inputs.
        format!("{head}  a: {{{}}}\n", list(20_000, &|i| format!("k{i}: 1"))),
        format!(
            "windlass: 1\nname: b\ndefaults: {{{}}}\nsteps: {{}}\n",
            list(20_000, &|i| format!("k{i}: 1"))
        ),
        format!(
            "windlass: 1\nname: b\ninputs: {{{}}}\nsteps: {{}}\n",
            list(10_000, &|i| format!("k{i}: {{type: x}}"))
        ),
        // Long chains and circles.
        format!("{head}{}", chain(5_000, "s4999")),
        format!("{head}{}", chain(5_000, "[]")).replace("windlass: 1", "windlass: 2"),
        // Everybody needs everybody before him.
        format!(
            "{head}{}",
            (0..200)
                .map(|index| format!(
                    "  s{index}: {{uses: wait, needs: [{}]}}\n",
                    list(index, &|i| format!("s{i}"))
                ))
                .collect::<String>()
        ),
    ] {
        assert!(!codes(&text).is_empty());
    }
}

#[test]
fn a_terminal_is_not_steered_by_names() {
    let text = "windlass: 1\nname: \"a\\e[2J\"\n\"k\\u202e\": 1\nsteps: {\"\\e]0;x\": {}, a: {uses: \"\\e\",                 when: \"steps['\\e'].outputs\"}}\n";
    let checked = check("book.yaml", text, None, &Catalog::default());
    let rendered = checked.render(Style::Plain);
    assert!(!rendered.contains(['\u{1b}', '\u{202e}']), "{rendered}");
    assert!(checked.diagnostics.len() > 3);
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
    for round in 0..800 {
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

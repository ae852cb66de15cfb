//! `windlass test`: what people and machines are told about cases.

use windlass_tests::golden::Test;

use crate::runbooks::GATED;

/// Cases of the gated runbook: as expected, not as expected, and one that does not fit.
const CASES: &str = "\
windlass_test: 1
mocks: {look: {outputs: {stdout: '42'}}}
cases:
  it is approved:
    mocks: {change: ok}
    gates: {go: {approve: fine, by: ada, after: 10m}}
    expect: {end: succeeded, shown: {go: {lag: '42'}}, order: [look, go, change]}
  'it <is> \"rejected\" & # SKIP ]]>':
    gates: {go: {reject: not today}}
    expect: {end: succeeded, attempts: {change: 1}, events: [gate_rejected go, gate_opened go]}
  nobody said how the change ends:
    gates: {go: approve}
    expect: {end: succeeded}
";

/// A case that leaves a step and a side of its `when` out.
const PARTLY: &str = "\
windlass: 1
name: partly
steps:
  look: {uses: shell, effect: read, with: {argv: [date]}}
  more:
    needs: look
    when: steps.look.outputs.exit_code == 1
    uses: shell
    effect: read
    with: {argv: [date]}
";

const PARTLY_TESTED: &str = "\
windlass_test: 1
cases:
  one side:
    mocks: {look: ok}
    expect: {end: succeeded, states: {more: skipped}}
";

const WRONG: &str = "\
windlass_test: 1
cases:
  mistakes:
    mocks: {lok: ok, change: {fails: no}}
    gates: {go: aprove}
    expect: {end: succeded}
";

fn written(name: &'static str) -> Test {
    let test = Test::new(name);
    test.file("gated.yaml", GATED);
    test.file("gated.test.yaml", CASES);
    test
}

#[test]
fn for_people() {
    let mut test = written("test_human");
    test.call(&["test", "--help"]);
    test.call(&["test", "gated.test.yaml"]);
    test.set("LANG", "C");
    test.call(&["test", "gated.test.yaml", "--coverage"]);
    test.check();
}

#[test]
fn coverage_that_is_too_little() {
    let mut test = Test::new("test_coverage");
    test.file("partly.yaml", PARTLY);
    test.file("partly.test.yaml", PARTLY_TESTED);
    test.call(&["test"]);
    test.call(&["test", "--coverage"]);
    test.call(&["test", "--min-coverage", "50"]);
    test.call(&["test", "--min-coverage", "51"]);
    test.call(&[
        "test",
        "--coverage",
        "--min-coverage",
        "51",
        "--format",
        "tap",
    ]);
    test.call(&["test", "--min-coverage", "51", "--format", "junit"]);
    test.check();
}

#[test]
fn steps_of_inlined_runbooks() {
    let mut test = Test::new("test_inlined");
    let book = "windlass: 1\nname: book\nsteps:\n  part: {uses: ./part.yaml}\n";
    test.file("book.yaml", book);
    let part = "\
windlass: 1
name: part
steps:
  each:
    uses: shell
    effect: read
    for_each: \"['a', 'b']\"
    with: {argv: [echo, \"${{ item }}\"]}
";
    test.file("part.yaml", part);
    let cases = "\
windlass_test: 1
cases:
  both are echoed:
    mocks: {part/each: ok}
    expect: {end: succeeded, calls: {\"part/each[1]\": {argv: [echo, b]}}}
";
    test.file("book.test.yaml", cases);
    test.call(&["test", "--coverage"]);
    test.check();
}

#[test]
fn files_that_cannot_be_used() {
    let mut test = written("test_wrong_file");
    test.file(
        "bad.test.yaml",
        "windlass_test: 1\nrunbook: bad.yaml\ncases: {}\n",
    );
    test.file("bad.yaml", crate::runbooks::WRONG);
    test.file("lost.test.yaml", "windlass_test: 1\ncases: {}\n");
    test.file(
        "mistakes.test.yaml",
        &WRONG.replace("cases:", "runbook: gated.yaml\ncases:"),
    );
    test.call(&["test", "mistakes.test.yaml", "lost.test.yaml"]);
    test.call(&["test", "bad.test.yaml"]);
    test.call(&["test", "bad.test.yaml", "--format", "tap"]);
    test.call(&["test", "lost.test.yaml", "--format", "junit"]);
    test.call(&["test", "gated.yaml"]);
    test.call(&["test", "nowhere"]);
    std::fs::create_dir(test.dir().join("empty")).expect("a folder can be made");
    test.call(&["test", "empty"]);
    test.check();
}

#[test]
fn for_machines() {
    let mut test = written("test_machines");
    let tap = test.call(&["test", "--format", "tap"]);
    assert_eq!(tap_fault(&tap), None, "{tap}");
    let junit = test.call(&["test", "--format", "junit", "--coverage"]);
    assert_eq!(xml_fault(&junit), None, "{junit}");
    test.check();
}

/// What is wrong with a TAP 14 document: its version, its plan, the numbers of its points,
/// or a line that belongs to nothing.
fn tap_fault(text: &str) -> Option<String> {
    let mut lines = text.lines();
    if lines.next() != Some("TAP version 14") {
        return Some("no version".to_owned());
    }
    let planned: usize = match lines.next().and_then(|plan| plan.strip_prefix("1..")) {
        Some(count) => count.parse().ok()?,
        None => return Some("no plan".to_owned()),
    };
    let (mut points, mut in_block) = (0, false);
    for line in lines {
        match line {
            "  ---" if !in_block => in_block = true,
            "  ..." if in_block => in_block = false,
            line if in_block && line.starts_with("  ") => {}
            line if line.starts_with("# ") && !in_block => {}
            line if !in_block => {
                points += 1;
                let point = line.strip_prefix("not ").unwrap_or(line);
                let Some(name) = point.strip_prefix(&format!("ok {points} - ")) else {
                    return Some(format!("no point: {line}"));
                };
                if name.replace("\\#", "").contains('#') {
                    return Some(format!("a directive: {line}"));
                }
            }
            line => return Some(format!("no line of a block: {line}")),
        }
    }
    (points != planned || in_block).then(|| format!("{points} points of {planned}"))
}

/// What is wrong with an XML document of elements, attributes and text: a tag that does
/// not match, an attribute without quotes, a bare `&` or `<`.
fn xml_fault(text: &str) -> Option<String> {
    let mut rest = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
    let mut open: Vec<&str> = Vec::new();
    while let Some(at) = rest.find('<') {
        if let Some(fault) = text_fault(&rest[..at]) {
            return Some(fault);
        }
        let end = at + rest[at..].find('>')?;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Some(format!("</{name}> closes another"));
            }
            continue;
        }
        let whole = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        // name="value" and a space between: every other part is a value.
        let parts: Vec<&str> = attributes.split('"').collect();
        if parts.len().is_multiple_of(2) {
            return Some(format!("an open quote in {tag}"));
        }
        for (place, part) in parts.iter().enumerate() {
            let is_last = place + 1 == parts.len();
            let fits = match place % 2 {
                0 if is_last => part.trim().is_empty(),
                0 => part.ends_with('='),
                _ => text_fault(part).is_none(),
            };
            if !fits {
                return Some(format!("an attribute in {tag}"));
            }
        }
        if !whole {
            open.push(name);
        }
    }
    (!open.is_empty() || !rest.trim().is_empty()).then(|| format!("left open: {open:?}"))
}

fn text_fault(text: &str) -> Option<String> {
    const ENTITIES: [&str; 6] = ["amp;", "lt;", "gt;", "quot;", "apos;", "#10;"];
    let control = |char: char| char.is_control() && !matches!(char, '\n' | '\t');
    if text.contains(control) {
        return Some(format!("a control character in {text:?}"));
    }
    text.split('&')
        .skip(1)
        .find(|after| !ENTITIES.iter().any(|entity| after.starts_with(entity)))
        .map(|after| format!("a bare & before {after:?}"))
}

/// The two judges above do find faults.
#[test]
fn the_judges_of_documents_see() {
    let good = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a b=\"c\"><d/>&lt;</a>\n";
    assert_eq!(xml_fault(good), None);
    for (from, to) in [
        ("&lt;", "&"),
        ("</a>", "</d>"),
        ("\"c\"", "c"),
        ("</a>", ""),
        ("&lt;", "\u{1b}"),
    ] {
        assert!(
            xml_fault(&good.replace(from, to)).is_some(),
            "{from} -> {to}"
        );
    }
    let good = "TAP version 14\n1..1\nok 1 - a \\# b\n  ---\n  a: 1\n  ...\n";
    assert_eq!(tap_fault(good), None);
    for (from, to) in [
        ("1..1", "1..2"),
        ("\\#", "#"),
        ("ok 1", "ok 2"),
        ("  ...\n", ""),
        ("14", "13"),
    ] {
        assert!(
            tap_fault(&good.replace(from, to)).is_some(),
            "{from} -> {to}"
        );
    }
}

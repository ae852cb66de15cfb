//! Diagnostics on terminals that are narrow, and of lines that are hard to show.

use windlass_core::catalog::Catalog;
use windlass_runbook::check;
use windlass_runbook::render::Style;

/// What is said about one wrong name at the end of a line, in so many columns.
fn rendered(line: &str, columns: usize) -> String {
    let text = format!("windlass: 1\nname: book\nsteps:\n  {line}\n");
    let catalog: Catalog =
        serde_json::from_str(include_str!("catalog.json")).expect("the catalog is valid");
    check("book.yaml", &text, None, &catalog).render_within(Style::Plain, columns)
}

/// What stands above the carets, which is what they point at.
fn pointed_at(rendered: &str) -> String {
    let lines: Vec<&str> = rendered.lines().collect();
    let carets = lines
        .iter()
        .position(|line| line.contains('^'))
        .expect("there are carets");
    // Columns of the terminal, not characters: the text above may be wide.
    let start = lines[carets].find('^').expect("they begin");
    let count = lines[carets].matches('^').count();
    let mut column = 0;
    let mut found = String::new();
    for char in lines[carets - 1].chars() {
        if (start..start + count).contains(&column) {
            found.push(char);
        }
        column += if char.is_ascii() || ('\u{a0}'..'\u{300}').contains(&char) {
            1
        } else {
            2
        };
    }
    found
}

#[test]
fn carets_stand_below_what_they_mean() {
    let long = "x".repeat(1_000);
    for line in [
        "look: {uses: rds/verfy}".to_owned(),
        "look: {title: grün 数数, uses: rds/verfy}".to_owned(),
        "look: {title: a,\tuses: \trds/verfy}".to_owned(),
        format!("look: {{title: {long}, uses: rds/verfy}}"),
        format!("look: {{uses: rds/verfy, title: {long}}}"),
        format!("look: {{title: 数{}, uses: rds/verfy}}", "数".repeat(300)),
    ] {
        for columns in [40, 60, 80, 140] {
            let rendered = rendered(&line, columns);
            assert_eq!(pointed_at(&rendered), "rds/verfy", "{columns}:\n{rendered}");
            let widest = rendered.lines().map(|line| line.chars().count()).max();
            // The line's number and its margin stand beside what is cut.
            assert!(widest <= Some(columns + 20), "{columns}:\n{rendered}");
        }
    }
}

#[test]
fn of_an_endless_line_only_the_place_is_told() {
    let line = format!("look: {{title: {}, uses: rds/verfy}}", "x".repeat(100_000));
    let rendered = rendered(&line, 80);
    assert!(rendered.contains("book.yaml:4:100025"), "{rendered}");
    // What would have stood below the line is said beside the place.
    assert!(rendered.contains("unknown action"), "{rendered}");
    assert!(rendered.len() < 500, "{rendered}");
}

#[test]
fn a_line_with_a_secret_is_not_repeated() {
    let line = "a: {uses: shell, effect: read, with: {env: {PGPASSWORD: hunter2}, script: ls}}";
    let rendered = rendered(line, 80);
    assert!(rendered.contains("warning[WL0614]"), "{rendered}");
    assert!(rendered.contains("book.yaml:4:59"), "{rendered}");
    assert!(!rendered.contains("hunter2"), "{rendered}");
}

#[test]
fn help_fits_a_narrow_terminal() {
    let text = "windlass: 1\nname: b\nsteps:\n  b: {uses: shell, with: {argv: [b]}}\n";
    let catalog = serde_json::from_str(include_str!("catalog.json")).unwrap();
    let checked = windlass_runbook::check("b.yaml", text, None, &catalog);
    let help = |columns| {
        let rendered = checked.render_within(Style::Plain, columns);
        let (_, help) = rendered.split_once("= help:").unwrap();
        let help = help.split("\n\n").next().unwrap();
        help.lines().map(|line| line.trim().len()).max().unwrap()
    };
    assert!(
        help(40) <= 30,
        "{}",
        checked.render_within(Style::Plain, 40)
    );
    assert!(help(140) > 60);
}

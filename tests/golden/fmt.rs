//! The layout of files: written, listed, shown and filtered.

use std::os::unix::fs::PermissionsExt as _;

use windlass_tests::golden::Test;

use crate::runbooks::HELLO;

/// Right, and laid out as nobody should.
const MESSY: &str = "\
windlass:   1
name: messy # the name


steps:
    look:   {uses: shell, effect: read,
      with: {argv: [echo, 'it''s']}}
    # what follows
    wait:
        uses: wait
        with: { for : 1s }   \t
";

#[test]
fn files_are_formatted_in_place_or_only_listed() {
    let mut test = Test::new("fmt");
    let messy = test.file("messy.yaml", MESSY);
    std::fs::set_permissions(&messy, std::fs::Permissions::from_mode(0o640)).unwrap();
    test.call(&["fmt", "--check", "messy.yaml"]);
    test.call(&["fmt", "--diff", "messy.yaml"]);
    assert_eq!(std::fs::read_to_string(&messy).unwrap(), MESSY);
    test.call(&["fmt", "messy.yaml"]);
    test.call(&["fmt", "messy.yaml"]);
    test.call(&["fmt", "--check", "messy.yaml"]);
    test.call_with(&["fmt", "-"], MESSY);
    test.call_with(&["fmt", "--check", "-"], MESSY);
    let written = std::fs::metadata(&messy).unwrap().permissions().mode();
    assert_eq!(written & 0o7777, 0o640);
    test.check();
}

#[test]
fn a_folder_is_formatted_as_far_as_it_can_be_read() {
    let mut test = Test::new("fmt_folder");
    let inside = test.dir().join("books/more");
    std::fs::create_dir_all(&inside).unwrap();
    std::fs::create_dir_all(test.dir().join("books/.hidden")).unwrap();
    for (name, text) in [
        ("books/a.yaml", MESSY),
        ("books/b.test.yaml", "runbook: a.yaml\ncases:\n- x\n"),
        ("books/c.yaml", "windlass: 1\nname: a\nname: b\n"),
        ("books/d.txt", "a:   1"),
        ("books/.hidden/e.yaml", "a:   1"),
        ("books/more/f.yml", "a:   1"),
        ("books/more/good.yaml", HELLO),
    ] {
        test.file(name, text);
    }
    test.call(&["fmt", "--check", "books"]);
    test.call(&["fmt", "books"]);
    test.call(&["fmt", "books/more", "books/a.yaml", "--check"]);
    test.call(&["fmt", "missing.yaml"]);
    test.call(&["fmt", "-", "books/a.yaml"]);
    test.call(&["fmt"]);
    let hidden = test.dir().join("books/.hidden/e.yaml");
    assert_eq!(std::fs::read_to_string(hidden).unwrap(), "a:   1");
    test.check();
}

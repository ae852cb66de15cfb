//! Exports: what is written is what is verified, and nothing in it can be changed alone.

use windlass_journal::*;

use crate::support::{append, erase, record, run};

/// A run whose records lie between another's, with a body that is no UTF-8.
fn store() -> MemoryStore {
    let store = MemoryStore::new();
    let epoch = store.take_epoch().unwrap();
    let put = |it: Append| store.append(it).wait().unwrap();
    put(append("a", epoch, 0, 2));
    put(append("b", epoch, 0, 1));
    let mut odd = append("a", epoch, 2, 2);
    odd.records[0].body = vec![0xff, 0x00, b'"', b'\n'];
    odd.records[1] = record("{\"text\":\"quote \\\" and ü\"}");
    put(odd);
    put(append("b", epoch, 1, 1));
    store
}

fn exported(store: &dyn Store, name: &str) -> (Exported, String) {
    let mut bytes = Vec::new();
    let exported = export(store, &run(name), &mut bytes).unwrap();
    (exported, String::from_utf8(bytes).unwrap())
}

fn checked(text: &str) -> ExportReport {
    verify_export(text.as_bytes(), None).unwrap()
}

#[test]
fn an_export_holds_together_and_names_its_heads() {
    let store = store();
    let (told, text) = exported(&store, "a");
    assert_eq!((told.records, told.erased), (4, 0));
    assert_eq!(told.head, store.head().unwrap());
    let report = checked(&text);
    assert!(report.is_ok(), "{report}");
    assert_eq!((report.records, report.bodies), (4, 4));
    assert_eq!(report.run_head, told.run_head);
    assert_eq!(report.journal, Some(told.head));
    let records = store.read(&run("a"), 0, 9).unwrap();
    for (seq, record) in (0..).zip(&records) {
        let report = verify_export(text.as_bytes(), Some(record.hash)).unwrap();
        assert_eq!(report.head_check, RunHeadCheck::Found { seq });
    }
    let report = verify_export(text.as_bytes(), Some(Hash::of(b"x"))).unwrap();
    assert!(!report.is_ok());
    // The same journal gives the same bytes.
    assert_eq!(exported(&store, "a").1, text);
    let none = export(&store, &run("c"), &mut Vec::new()).unwrap_err();
    assert!(matches!(none, ExportError::NoRecords(_)), "{none}");
}

#[test]
fn erased_bodies_are_counted_and_the_chain_still_holds() {
    let store = store();
    let (before, _) = exported(&store, "a");
    let epoch = store.epoch().unwrap();
    store.append(erase(epoch, 0, &["a"])).wait().unwrap();
    let (after, text) = exported(&store, "a");
    assert_eq!((after.records, after.erased), (4, 4));
    assert_eq!(after.run_head, before.run_head);
    assert!(!text.contains("quote"));
    let report = checked(&text);
    assert!(report.is_ok() && report.erased == 4, "{report}");
}

/// Every single-character change of every line is noticed, but for what no hash covers:
/// the journal's head, which stands there to be compared elsewhere, and the link of a
/// record that follows another run's.
#[test]
fn every_changed_character_is_noticed() {
    let (_, text) = exported(&store(), "a");
    let uncovered = |at: usize| {
        let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line_end = at + text[at..].find('\n').unwrap_or(0);
        let line = &text[line_start..line_end];
        let within = |key: &str| {
            let found = line.find(key).map(|from| line_start + from + key.len());
            // The value and the quote or number after it.
            found.is_some_and(|from| (from..from + 67).contains(&at))
        };
        let free_link = line.contains("\"seq\":0,") || line.contains("\"seq\":2,");
        within("\"journal_records\":")
            || within("\"journal_head\":")
            || (free_link && within("\"link\":"))
    };
    for (at, char) in text.char_indices().filter(|(_, char)| char.is_ascii()) {
        let other = match char {
            '0' => '1',
            _ => '0',
        };
        let mut changed = text.clone();
        changed.replace_range(at..=at, &other.to_string());
        let noticed = match verify_export(changed.as_bytes(), None) {
            Ok(report) => !report.is_ok(),
            Err(_) => true,
        };
        assert!(noticed || uncovered(at), "{at} ({char}) of\n{text}");
    }
}

#[test]
fn lines_cannot_be_cut_swapped_doubled_or_added() {
    let (_, text) = exported(&store(), "a");
    let lines: Vec<&str> = text.lines().collect();
    let bad = |lines: &[&str]| {
        let text = lines.join("\n");
        match verify_export(text.as_bytes(), None) {
            Ok(report) => !report.is_ok(),
            Err(_) => true,
        }
    };
    assert!(!bad(&lines));
    for at in 0..lines.len() {
        let mut cut = lines.clone();
        cut.remove(at);
        assert!(bad(&cut), "without line {}", at + 1);
        assert!(bad(&lines[..at]), "cut before line {}", at + 1);
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        assert!(bad(&doubled), "line {} twice", at + 1);
        if at > 0 {
            let mut swapped = lines.clone();
            swapped.swap(at, at - 1);
            assert!(bad(&swapped), "lines {at} and {}", at + 1);
        }
    }
    let (_, other) = exported(&store(), "b");
    let mut mixed = lines.clone();
    mixed.insert(lines.len() - 1, other.lines().nth(1).unwrap());
    assert!(bad(&mixed), "a record of another run");
}

#[test]
fn what_is_no_export_is_refused() {
    let refused = |text: &str| {
        verify_export(text.as_bytes(), None)
            .unwrap_err()
            .to_string()
    };
    assert!(refused("").contains("not that of a windlass export"));
    assert!(refused("{\"format\":\"x\",\"version\":1,\"run\":\"a\"}\n").contains("not that of"));
    let newer = format!("{{\"format\":\"{EXPORT_FORMAT}\",\"version\":2,\"run\":\"a\"}}\n");
    assert!(refused(&newer).contains("its version is 2"));
    let long = format!(
        "{{\"format\":\"{EXPORT_FORMAT}\",\"version\":1,\"run\":\"a\"}}\n{}",
        "x".repeat(EXPORT_LINE_BYTES_MAX + 1)
    );
    assert!(refused(&long).contains("line 2 is longer"));
}

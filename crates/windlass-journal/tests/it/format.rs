//! The worked example in `docs/journal-format.md` is what the code does.

use windlass_journal::*;

use crate::support::{Disk, run};

const DOC: &str = include_str!("../../../../docs/journal-format.md");

/// The values of the lines `NAME = VALUE` in the document's fenced blocks.
fn values(name: &str) -> Vec<&'static str> {
    let values: Vec<&str> = DOC
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))
        .collect();
    assert_eq!(
        values.len(),
        2,
        "{name} is given for both records of the example"
    );
    values
}

fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "{hex}");
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn the_worked_example_is_what_the_store_writes() {
    let disk = Disk::new();
    let store = disk.open();
    for _ in 0..3 {
        store.take_epoch().unwrap();
    }
    let new = |kind: &str, at_ms, body: &str| NewRecord {
        kind: kind.into(),
        version: 1,
        at_ms,
        body: body.into(),
    };
    let records = vec![
        new("run_started", 1_790_000_000_000, r#"{"by":"ann"}"#),
        new(
            "step_started",
            1_790_000_000_250,
            r#"{"step":"backup","attempt":1}"#,
        ),
    ];
    let fence = Fence {
        epoch: 3,
        expected_seq: 0,
    };
    store
        .append(Append::new(run("r-7f"), fence, records))
        .wait()
        .unwrap();
    for (n, record) in store.read(&run("r-7f"), 0, 9).unwrap().iter().enumerate() {
        let body = std::str::from_utf8(record.body.as_ref().unwrap()).unwrap();
        assert_eq!(values("body")[n], body);
        assert_eq!(values("body_hash")[n], record.header.body_hash.to_string());
        let encoded: String = record
            .header
            .encode()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(values("header")[n], encoded);
        assert_eq!(values("hash")[n], record.hash.to_string());
        assert_eq!(values("link")[n], record.link.to_string());
        let decoded = Header::decode(&bytes(values("header")[n])).unwrap();
        assert_eq!(decoded, record.header);
    }
}

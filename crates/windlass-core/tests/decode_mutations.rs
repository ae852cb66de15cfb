//! Mutated events against the decoder, with nothing but std: no panic, and whatever is
//! accepted encodes and decodes to the same event. A fixed seed guards what is known, and a
//! new one explores: it is printed, and `WINDLASS_SEED` replays it.

#![expect(
    clippy::disallowed_methods,
    reason = "a new seed and the end of exploring come from the clock; the core still reads none"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use windlass_core::event::{EVENT_VERSION, Event};

/// The same mutations on every machine.
const FIXED_SEED: u64 = 0x0005_eed0_f5ee_d000;
/// How many bodies the fixed seed makes.
const FIXED_INPUTS: u32 = 20_000;
/// How long a new seed explores.
const EXPLORE: Duration = Duration::from_secs(1);

/// Tokens in the place of which something else is worth a try.
const TOKENS: &[&[u8]] = &[
    b"null",
    b"true",
    b"0",
    b"-1",
    b"1e400",
    b"0.1",
    b"9223372036854775808",
    b"18446744073709551616",
    b"\"\"",
    b"\"\\ud800\"",
    b"\"\\u0000\"",
    b"{}",
    b"[]",
    b"[[[[[[[[",
    b",",
    b":",
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

/// The kinds and bodies of the kept journals.
fn kept() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/v1");
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the kept journals") {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            let lines = std::fs::read_to_string(path).expect("a readable journal");
            kept.extend(lines.lines().map(|line| {
                let record: Value = serde_json::from_str(line).expect("a record");
                let kind = record["type"].as_str().expect("a record has a type");
                (kind.to_owned(), record["body"].to_string().into_bytes())
            }));
        }
    }
    // The order of a folder is the machine's.
    kept.sort();
    kept
}

/// Where a JSON value begins and ends, by its nearest delimiters.
fn value_at(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let ends = |byte: &u8| b",:{}[]".contains(byte);
    let begin = bytes[..at].iter().rposition(ends).map_or(0, |at| at + 1);
    let end = bytes[at..].iter().position(ends);
    begin..end.map_or(bytes.len(), |end| at + end).max(begin)
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(10) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
        2 if !bytes.is_empty() => drop(bytes.remove(at)),
        3 => bytes.truncate(at),
        4 | 5 => {
            let range = value_at(bytes, at);
            let token = TOKENS[random.below(TOKENS.len())];
            bytes.splice(range, token.iter().copied());
        }
        // A value from somewhere else, which is often of the right type.
        6 | 7 => {
            let range = value_at(bytes, at);
            let from = value_at(other, random.below(other.len()));
            bytes.splice(range, other[from].iter().copied());
        }
        8 => {
            let digits: Vec<usize> = (0..bytes.len())
                .filter(|at| bytes[*at].is_ascii_digit())
                .collect();
            if !digits.is_empty() {
                bytes[digits[random.below(digits.len())]] = b'0' + random.below(10) as u8;
            }
        }
        _ => {
            bytes.truncate(at);
            bytes.extend_from_slice(&other[random.below(other.len())..]);
        }
    }
}

/// The decoder's promise for one body; whether it was accepted.
fn holds(kind: &str, body: &[u8]) -> bool {
    let Ok(event) = Event::decode(kind, EVENT_VERSION, body) else {
        return false;
    };
    let again = Event::decode(event.kind(), EVENT_VERSION, &event.encode());
    match again {
        Ok(again) => assert_eq!(again, event, "it decodes to another event"),
        Err(error) => panic!("it does not decode again ({error}): {event:?}"),
    }
    true
}

/// Mutates until `enough` says so; how many bodies were accepted, and how many refused.
fn explore(seed: u64, mut enough: impl FnMut(u32) -> bool) -> (u32, u32) {
    let kept = kept();
    assert!(kept.len() > 40, "the kept journals were not found");
    let mut random = Random(seed.max(1));
    let (mut accepted, mut refused) = (0, 0);
    while !enough(accepted + refused) {
        let (kind, body) = &kept[random.below(kept.len())];
        let (_, other) = &kept[random.below(kept.len())];
        let mut body = body.clone();
        for _ in 0..=random.below(3) {
            mutate(&mut body, other, &mut random);
        }
        match catch_unwind(AssertUnwindSafe(|| holds(kind, &body))) {
            Ok(true) => accepted += 1,
            Ok(false) => refused += 1,
            Err(panic) => {
                let shown = String::from_utf8_lossy(&body);
                println!("WINDLASS_SEED={seed}, a {kind}: {shown}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("mutated events, seed {seed}: {accepted} accepted, {refused} refused");
    (accepted, refused)
}

fn seed() -> u64 {
    match std::env::var("WINDLASS_SEED") {
        Ok(text) => text.parse().expect("WINDLASS_SEED is a number"),
        Err(_) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.expect("the clock is past 1970").as_nanos() as u64
        }
    }
}

#[test]
fn mutated_events_are_refused_or_come_back_equal() {
    let (accepted, refused) = explore(FIXED_SEED, |made| made >= FIXED_INPUTS);
    // Both sides of the decoder were reached, or the mutations prove nothing.
    assert!(
        accepted > FIXED_INPUTS / 20 && refused > FIXED_INPUTS / 20,
        "{accepted} {refused}"
    );
    let start = Instant::now();
    explore(seed(), |_| start.elapsed() > EXPLORE);
}

//! Mutated headers against the decoder, with nothing but std: no panic, and whatever
//! is accepted encodes to the same bytes again. A fixed seed guards what is known, and a
//! new one explores: it is printed, and `WINDLASS_SEED` replays it. The fuzz target in
//! `fuzz/` makes the same promise with coverage to guide it.

use std::time::{SystemTime, UNIX_EPOCH};

use windlass_journal::{Hash, Header, RunKey};

/// The same mutations on every machine.
const FIXED_SEED: u64 = 0x0005_eed0_f5ee_d000;
/// How many headers a seed makes.
const INPUTS: u32 = 200_000;

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

fn seeds() -> Vec<Vec<u8>> {
    let header = |run: &str, kind: &str, seq| Header {
        position: seq * 3,
        run: RunKey::new(run).expect("a run name"),
        seq,
        epoch: 2,
        at_ms: 1_790_000_000_000,
        kind: kind.to_owned(),
        version: 1,
        body_hash: Hash::of(b"body"),
        prev_in_run: if seq == 0 {
            Hash::ZERO
        } else {
            Hash::of(b"before")
        },
    };
    let headers = [
        header("r-7f", "run_started", 0),
        header("_store", "policy_loaded", 5),
        header(&"x".repeat(64), &"k".repeat(64), u64::MAX / 3),
        header("a", "b", 1),
    ];
    headers.iter().map(Header::encode).collect()
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(8) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
        2 => bytes.truncate(at),
        3 => bytes.insert(at, random.next() as u8),
        4 if !bytes.is_empty() => drop(bytes.remove(at)),
        5 => bytes.extend((0..random.below(9)).map(|n| n as u8)),
        // Lengths and first letters are where a decoder can be led astray.
        6 if bytes.len() > 17 => bytes[16 + at % 2] = random.next() as u8,
        _ => {
            bytes.truncate(at);
            bytes.extend_from_slice(&other[random.below(other.len())..]);
        }
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

#[test]
fn mutated_headers_are_refused_or_encode_to_the_same_bytes() {
    explore(FIXED_SEED);
    explore(new_seed());
}

fn explore(seed: u64) {
    // Printed first: a panic in the decoder must not hide how to meet it again.
    println!("mutated headers: WINDLASS_SEED={seed}");
    let seeds = seeds();
    let mut random = Random(seed.max(1));
    let (mut accepted, mut refused) = (0_u32, 0_u32);
    for _ in 0..INPUTS {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        let other = &seeds[random.below(seeds.len())];
        for _ in 0..=random.below(3) {
            mutate(&mut bytes, other, &mut random);
        }
        match Header::decode(&bytes) {
            Ok(header) => {
                assert_eq!(header.encode(), bytes, "{header:?}");
                accepted += 1;
            }
            Err(_) => refused += 1,
        }
    }
    println!("mutated headers: {accepted} accepted, {refused} refused");
    // Both sides of the decoder were reached, or the mutations prove nothing.
    assert!(
        accepted > INPUTS / 20 && refused > INPUTS / 20,
        "{accepted} {refused}"
    );
}

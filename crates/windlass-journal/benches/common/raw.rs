//! The least that durability can cost: append bytes to a file, `fdatasync`, again.
//! What is measured beside it is given as a ratio to it.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// A file that is appended to.
pub(crate) struct RawLog {
    file: File,
    /// Time of each append with its sync.
    pub(crate) latencies: Vec<Duration>,
}

impl RawLog {
    pub(crate) fn create(path: &Path) -> Self {
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(path)
            .expect("the raw file can be made");
        Self {
            file,
            latencies: Vec::new(),
        }
    }

    /// Appends and syncs `bytes` again and again; answers how often, and how long it took.
    pub(crate) fn append_for(&mut self, bytes: u64, limit: Duration) -> (u64, Duration) {
        let block = vec![b'e'; usize::try_from(bytes).expect("a block fits into memory")];
        let (begin, mut syncs) = (Instant::now(), 0_u64);
        while begin.elapsed() < limit {
            let sent = Instant::now();
            self.file
                .write_all(&block)
                .expect("the raw file can be written");
            self.file.sync_data().expect("the raw file can be synced");
            self.latencies.push(sent.elapsed());
            syncs += 1;
        }
        (syncs, begin.elapsed())
    }
}

/// The latency in milliseconds below which `percent` of all lie.
pub(crate) fn percentile_ms(latencies: &mut [Duration], percent: usize) -> f64 {
    latencies.sort_unstable();
    let at = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
    latencies.get(at).map_or(0.0, |it| it.as_secs_f64() * 1e3)
}

/// The median of some ratios.
pub(crate) fn median(ratios: &mut [f64]) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
}

//! How much memory this process has.

use std::fs;

/// The memory of this process that is resident, swapped out pages among them.
pub(crate) fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells its memory");
    let kib = |name: &str| -> u64 {
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|kib| kib.parse().ok()).unwrap_or_default()
    };
    (kib("VmRSS:") + kib("VmSwap:")) * 1024
}

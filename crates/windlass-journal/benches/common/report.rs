//! What every benchmark prints: one JSON line a fact, the machine first.
//! Numbers are printed and not judged; `cargo xtask bench` compares them with the aims.

use std::fs;
use std::path::Path;

/// A value of a printed line.
pub(crate) enum Field {
    Text(String),
    Count(u64),
    Number(f64),
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Field::Text(text.to_owned())
    }
}

impl From<u64> for Field {
    fn from(count: u64) -> Self {
        Field::Count(count)
    }
}

impl From<f64> for Field {
    fn from(number: f64) -> Self {
        Field::Number(number)
    }
}

/// Prints one line of JSON.
pub(crate) fn print(fields: Vec<(&str, Field)>) {
    let fields = fields.into_iter().map(|(name, field)| match field {
        Field::Text(text) => format!("{name:?}:{text:?}"),
        Field::Count(count) => format!("{name:?}:{count}"),
        Field::Number(number) if number.is_finite() => format!("{name:?}:{number:.4}"),
        Field::Number(_) => format!("{name:?}:null"),
    });
    println!("{{{}}}", fields.collect::<Vec<_>>().join(","));
}

/// Prints which machine the numbers are from, and on which file system `dir` lies.
/// Unknown facts are left empty.
pub(crate) fn print_machine(dir: &Path) {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = read("/proc/meminfo");
    let memory = memory.lines().next().and_then(|line| {
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib / 1024)
    });
    print(vec![
        ("line", "machine".into()),
        ("cpu", model.map_or("", |(_, model)| model.trim()).into()),
        ("cpus", (cpus as u64).into()),
        ("memory_mib", memory.unwrap_or_default().into()),
        ("kernel", read("/proc/sys/kernel/osrelease").trim().into()),
        ("filesystem", filesystem(dir).as_str().into()),
        ("debug_build", u64::from(cfg!(debug_assertions)).into()),
    ]);
}

/// The type of the file system of `dir` and the device behind it.
fn filesystem(dir: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
        dir.starts_with(point)
            .then(|| (point.len(), format!("{kind} on {device}")))
    });
    // The last of the deepest ones is what is seen at that point.
    mounted
        .max_by_key(|(depth, _)| *depth)
        .map_or_else(String::new, |(_, found)| found)
}

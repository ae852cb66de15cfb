//! The end of a machine, as far as a test may play it: with the engine every process of its
//! run's attempts ends.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// Kills every process of the run's attempts, as the end of the machine would; answers how
/// many there were. Servers are none of them: they have sessions of their own.
pub fn end_orphans(run: &str) -> usize {
    let marker = format!("WINDLASS_ATTEMPT={run}/");
    let is_marked = |pid: u32| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ
            .split(|byte| *byte == 0)
            .any(|variable| variable.starts_with(marker.as_bytes()))
    };
    // What a step starts with an empty environment is known by its session only.
    let sessions: BTreeSet<u32> = processes()
        .filter(|(pid, _)| is_marked(*pid))
        .map(|(_, session)| session)
        .collect();
    let mut ended = BTreeSet::new();
    loop {
        let found = processes().filter(|(_, session)| sessions.contains(session));
        let found: Vec<u32> = found.map(|(pid, _)| pid).collect();
        if found.is_empty() {
            return ended.len();
        }
        for pid in found {
            let mut kill = Command::new("kill");
            kill.args(["-KILL", &pid.to_string()])
                .output()
                .expect("kill can be started");
            ended.insert(pid);
        }
    }
}

/// The id and session of each process that has not ended.
fn processes() -> impl Iterator<Item = (u32, u32)> {
    let entries = fs::read_dir("/proc").expect("there are processes");
    entries.filter_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // `4711 (name) S PARENT GROUP SESSION ...`; the name may hold anything.
        let mut words = stat.rsplit_once(") ")?.1.split(' ');
        let state = words.next()?;
        let session = words.nth(2)?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some((pid, session))
    })
}

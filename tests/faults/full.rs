//! A file system that is full: really, with nothing forged.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use windlass_tests::life::Death;
use windlass_tests::skip::skip;

use crate::run::{Run, Took};
use crate::say;

/// Size of the file system.
const SIZE_KIB: usize = 2048;
/// What is left free in the first case, and how much more in each next one.
const STEP_KIB: usize = 8;

/// A small file system in memory, unmounted when dropped.
struct Mounted(TempDir);

impl Mounted {
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={SIZE_KIB}k"), "none"]);
        let output = mount.arg(dir.path()).output();
        output
            .is_ok_and(|output| output.status.success())
            .then(|| Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it but for so much.
    fn fill(&self, but_kib: usize) {
        let mut file = File::create(self.filler()).unwrap();
        while file.write_all(&[0; 1024]).is_ok() {}
        // What did not fit as a whole may still have been written in part.
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(but_kib as u64 * 1024))
            .unwrap();
    }

    fn filler(&self) -> std::path::PathBuf {
        self.path().join("filler")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("-l").arg(self.path()).status();
        if !done.is_ok_and(|status| status.success()) {
            say(&format!("faults: cannot unmount {}", self.path().display()));
        }
    }
}

#[test]
fn a_full_file_system_ends_the_process_and_loses_nothing() {
    let (mut fired, mut acknowledged, mut free_kib) = (0, 0, 0);
    let mut messages = Vec::new();
    loop {
        let Some(mounted) = Mounted::new() else {
            skip("faults: a tmpfs cannot be mounted here; no file system was full");
            return;
        };
        let mut run = Run::below(mounted.path());
        mounted.fill(free_kib);
        let command = run.place.command(run.words());
        // Nothing is forged: the program alone can tell that it met the end of the space.
        let met_it = |death: &Death| {
            let said = ["No space left on device", "is full", "may be full"];
            death.status.code() != Some(0) && said.iter().any(|said| death.err.contains(said))
        };
        let took = run.live(command, met_it);
        messages.push(run.said());
        fs::remove_file(mounted.filler()).unwrap();
        acknowledged += run.recover();
        if took == Took::Nothing {
            break;
        }
        fired += usize::from(took == Took::Said);
        free_kib += STEP_KIB;
        assert!(free_kib < SIZE_KIB / 2, "no run is clean");
    }
    messages.sort_unstable();
    messages.dedup();
    say(&format!(
        "faults: full file system: {fired} of {} runs met it and ended with code 74 and a message; \
         clean from {free_kib} KiB on; acknowledged records {acknowledged}, lost 0, doubled changes 0",
        free_kib / STEP_KIB
    ));
    messages
        .iter()
        .filter(|said| !said.is_empty())
        .for_each(|said| say(&format!("        {said}")));
    assert!(fired >= 5, "only {fired} runs met the full file system");
}

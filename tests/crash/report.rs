//! What the suite prints: its proof. It goes past the test harness's capture, so that a run
//! that passes shows what it has shown.

use std::io::Write as _;
use std::time::Instant;

use crate::audit::Counts;
use crate::small::Shown;

/// Prints a line, also when the test passes.
pub(crate) fn say(line: &str) {
    let _closed = writeln!(std::io::stderr(), "{line}");
}

/// What the cases of one part added up to.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) name: &'static str,
    began: Instant,
    pub(crate) cases: usize,
    /// Kills that were asked for, and those that hit.
    pub(crate) armed: usize,
    pub(crate) fired: usize,
    /// Records that a killed process had printed, and those that the journal lacks.
    pub(crate) acknowledged: usize,
    pub(crate) lost: usize,
    pub(crate) counts: Counts,
}

impl Tally {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            began: Instant::now(),
            cases: 0,
            armed: 0,
            fired: 0,
            acknowledged: 0,
            lost: 0,
            counts: Counts::default(),
        }
    }

    /// Adds a case in which so many kills were armed.
    pub(crate) fn add(&mut self, armed: usize, shown: &Shown) {
        self.cases += 1;
        self.armed += armed;
        self.fired += shown.fired;
        self.acknowledged += shown.acknowledged;
        self.lost += shown.lost;
        self.counts += shown.counts;
    }

    /// Prints how far a long part has come.
    pub(crate) fn say_progress(&self, all: usize) {
        /// So many cases between two such lines.
        const EVERY: usize = 10;
        if self.cases.is_multiple_of(EVERY) {
            let (name, cases, fired) = (self.name, self.cases, self.fired);
            let seconds = self.began.elapsed().as_secs_f64();
            say(&format!(
                "crash: {name}: {cases} of {all} runs, {fired} kills, {seconds:.0} s"
            ));
        }
    }

    /// Prints the part's line of the proof.
    pub(crate) fn say(&self) {
        let Self {
            name,
            began,
            cases,
            armed,
            fired,
            acknowledged,
            lost,
            counts,
        } = self;
        let Counts {
            changes,
            effects,
            doubled,
            doubts,
            happened,
            not_happened,
            asked,
            orphans,
        } = counts;
        let seconds = began.elapsed().as_secs_f64();
        say(&format!(
            "crash: {name}: {fired} kills of {armed} armed in {cases} runs, {seconds:.0} s\n\
             \x20      changes {changes}, effects at the witness {effects}, doubled {doubled}; \
             acknowledged records {acknowledged}, lost {lost}\n\
             \x20      doubts {doubts}: happened {happened}, not happened {not_happened}, \
             asked of a person {asked}; living orphans found {orphans}"
        ));
    }
}

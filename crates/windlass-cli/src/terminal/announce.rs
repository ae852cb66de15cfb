//! Gates, work by hand, needs and locks that are waited for are told once, in full, when they come up.

use std::collections::BTreeSet;

use windlass_core::time::Timestamp;
use windlass_server::wire::RunView;

use crate::render::{Loops, Paint, by_hand, commands, gate, lock_awaited, need, told_by_need};

/// What has been told of the run that is followed.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    told: BTreeSet<String>,
    pub(crate) loops: Loops,
}

impl Announced {
    /// Lines for what has come up since the last call. A gate and work by hand
    /// come with the commands to type `elsewhere`, unless a prompt asks for them.
    pub(crate) fn news(
        &mut self,
        run: &RunView,
        now: Timestamp,
        paint: &Paint,
        elsewhere: bool,
    ) -> Vec<String> {
        self.loops.know(run);
        let mut lines = Vec::new();
        let mut present = BTreeSet::new();
        for open in &run.gates {
            let key = format!("gate {} {}", open.step, open.attempt);
            if !self.told.contains(&key) {
                lines.extend(gate(open, now, paint));
                if elsewhere {
                    lines.extend(open.next.iter().map(|next| format!("    {next}")));
                }
            }
            present.insert(key);
        }
        for asked in &run.by_hand {
            let key = format!("by hand {} {}", asked.node, asked.attempt);
            if !self.told.contains(&key) {
                lines.extend(by_hand(asked, now, paint));
                if elsewhere {
                    lines.extend(commands(&asked.next));
                }
            }
            present.insert(key);
        }
        for wanted in run.needs.iter().filter(|wanted| told_by_need(wanted)) {
            let key = format!("{} {}", wanted.code, wanted.text);
            if !self.told.contains(&key) {
                lines.extend(need(wanted, paint));
            }
            present.insert(key);
        }
        if let Some(waits) = lock_awaited(run) {
            if !self.told.contains(&waits) {
                lines.extend(paint.hanging("", "    ", &waits));
            }
            present.insert(waits);
        }
        // What has gone and comes again is told again.
        self.told = present;
        lines
    }

    /// What was there before a command is not its news. A failure is: it may come again.
    pub(crate) fn know(&mut self, before: &RunView) {
        self.loops.know(before);
        let gates = before
            .gates
            .iter()
            .map(|open| format!("gate {} {}", open.step, open.attempt));
        self.told.extend(gates);
        let asked = before.by_hand.iter();
        self.told
            .extend(asked.map(|asked| format!("by hand {} {}", asked.node, asked.attempt)));
        let paused = before.needs.iter().filter(|need| need.code == "paused");
        self.told
            .extend(paused.map(|need| format!("{} {}", need.code, need.text)));
    }
}

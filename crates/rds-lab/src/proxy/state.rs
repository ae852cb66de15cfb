//! What all connections of a proxy share: the armed fault, the one that has fired, and what
//! was counted since. No socket is touched here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Fault, Moment, Way};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Network(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    armed: Option<(Moment, Fault)>,
    /// The fault that holds for all connections.
    lasting: Option<Fault>,
    fired: usize,
    connections: usize,
    to_server: u64,
    to_client: u64,
}

/// What becomes of bytes that were read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ruling {
    /// So many of them go on as before.
    pub(super) first: usize,
    /// What fires then, for this connection alone.
    pub(super) then: Option<Fault>,
}

impl Network {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn arm(&self, moment: Moment, fault: Fault) {
        let is_told = match fault {
            Fault::HalfClose | Fault::Twice => {
                !matches!(moment, Moment::Now | Moment::Connection(_))
            }
            Fault::Cut => moment != Moment::Now,
            Fault::HangUp
            | Fault::Hold
            | Fault::HoldOneWay(_)
            | Fault::BlackHole
            | Fault::Delay(_)
            | Fault::Trickle(_) => true,
        };
        assert!(is_told, "{fault:?} cannot befall at {moment:?}");
        let mut state = self.state();
        let fired = state.fired;
        *state = State {
            armed: Some((moment, fault)),
            fired,
            ..State::default()
        };
        if state.meets(|moment| *moment == Moment::Now) {
            state.fire();
        }
    }

    pub(super) fn disarm(&self) {
        let mut state = self.state();
        (state.armed, state.lasting) = (None, None);
    }

    pub(super) fn fired(&self) -> usize {
        self.state().fired
    }

    pub(super) fn connections(&self) -> usize {
        self.state().connections
    }

    pub(super) fn passed(&self, way: Way) -> u64 {
        *self.state().count(way)
    }

    /// The fault that holds for all connections now.
    pub(super) fn lasting(&self) -> Option<Fault> {
        self.state().lasting
    }

    /// A connection was made; answers whether it is cut at once.
    pub(super) fn connected(&self) -> bool {
        let mut state = self.state();
        state.connections += 1;
        let number = state.connections;
        let is_met = state.meets(|moment| *moment == Moment::Connection(number));
        let is_cut = is_met && state.fire() == Some(Fault::Cut);
        is_cut || state.lasting == Some(Fault::HangUp)
    }

    /// Bytes were read that are to go this way, under the fault that held until now.
    pub(super) fn read(&self, way: Way, bytes: &[u8]) -> Ruling {
        let mut state = self.state();
        let passed = *state.count(way);
        let until = match &state.armed {
            Some((Moment::Bytes(of, count), _)) if *of == way => {
                let left = count.saturating_sub(passed);
                usize::try_from(left)
                    .ok()
                    .filter(|left| *left <= bytes.len())
            }
            Some((Moment::Before(of, pattern), _)) if *of == way => find(bytes, pattern),
            Some((Moment::After(of, pattern), _)) if *of == way => {
                find(bytes, pattern).map(|at| at + pattern.len())
            }
            Some(_) | None => None,
        };
        let first = until.unwrap_or(bytes.len());
        *state.count(way) += first as u64;
        let then = until.and_then(|_| state.fire());
        Ruling { first, then }
    }
}

impl State {
    fn meets(&self, is_met: impl Fn(&Moment) -> bool) -> bool {
        self.armed
            .as_ref()
            .is_some_and(|(moment, _)| is_met(moment))
    }

    /// The armed fault fires. One that is for a single connection is answered.
    fn fire(&mut self) -> Option<Fault> {
        let (_, fault) = self.armed.take()?;
        self.fired += 1;
        match fault {
            Fault::Cut | Fault::HalfClose | Fault::Twice => Some(fault),
            Fault::HangUp
            | Fault::Hold
            | Fault::HoldOneWay(_)
            | Fault::BlackHole
            | Fault::Delay(_)
            | Fault::Trickle(_) => {
                self.lasting = Some(fault);
                None
            }
        }
    }

    fn count(&mut self, way: Way) -> &mut u64 {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::ToClient => &mut self.to_client,
        }
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|part| part == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_fires_once_at_its_byte() {
        let network = Network::default();
        network.arm(Moment::Bytes(Way::ToServer, 5), Fault::Cut);
        let ruling = |first, then| Ruling { first, then };
        assert_eq!(network.read(Way::ToClient, b"abcdefgh"), ruling(8, None));
        assert_eq!(network.read(Way::ToServer, b"abc"), ruling(3, None));
        let cut = ruling(2, Some(Fault::Cut));
        assert_eq!(network.read(Way::ToServer, b"def"), cut);
        assert_eq!(network.read(Way::ToServer, b"gh"), ruling(2, None));
        assert_eq!((network.fired(), network.passed(Way::ToServer)), (1, 7));
    }

    #[test]
    fn a_lasting_fault_holds_until_it_is_disarmed() {
        let network = Network::default();
        let commit = Moment::After(Way::ToServer, b"COMMIT".to_vec());
        network.arm(commit, Fault::Hold);
        let ruling = network.read(Way::ToServer, b"Q COMMIT\0");
        assert_eq!((ruling.first, ruling.then), (8, None));
        assert_eq!(network.lasting(), Some(Fault::Hold));
        network.disarm();
        assert_eq!(network.lasting(), None);
        network.arm(Moment::Connection(2), Fault::HangUp);
        network.connected();
        assert_eq!(network.lasting(), None);
        network.connected();
        assert_eq!(network.lasting(), Some(Fault::HangUp));
        assert_eq!(network.fired(), 2);
    }
}

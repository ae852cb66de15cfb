//! One connection through a proxy: two threads, one for each way, that move bytes as the
//! shared state rules.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::state::Network;
use super::{Fault, LOOK_EVERY, Way};

/// The most that is read at once.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// Whether bytes go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    On,
    /// This way has ended.
    End,
    /// The connection is cut.
    Cut,
}

/// Connects a client to the server, and moves bytes in threads of their own.
pub(super) fn connect(
    client: TcpStream,
    server: u16,
    network: &Arc<Network>,
    closed: &Arc<AtomicBool>,
) {
    if network.connected() {
        // Dropping it closes it.
        return;
    }
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else {
        return;
    };
    let cut = Arc::new(AtomicBool::new(false));
    for way in [Way::ToServer, Way::ToClient] {
        let (from, to) = match way {
            Way::ToServer => (&client, &server),
            Way::ToClient => (&server, &client),
        };
        let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
            return;
        };
        let wire = Wire {
            way,
            from,
            to,
            network: Arc::clone(network),
            cut: Arc::clone(&cut),
            closed: Arc::clone(closed),
            is_twice: false,
        };
        std::thread::spawn(move || wire.run());
    }
}

struct Wire {
    way: Way,
    from: TcpStream,
    to: TcpStream,
    network: Arc<Network>,
    /// Shared with the other way.
    cut: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
    /// The next bytes go twice.
    is_twice: bool,
}

impl Wire {
    fn run(mut self) {
        match self.pass_all() {
            Then::On | Then::Cut => {
                self.cut.store(true, Ordering::SeqCst);
                let _gone = self.from.shutdown(Shutdown::Both);
                let _gone = self.to.shutdown(Shutdown::Both);
            }
            Then::End => {
                let _gone = self.to.shutdown(Shutdown::Write);
            }
        }
    }

    fn pass_all(&mut self) -> Then {
        let _unsupported = self.to.set_nodelay(true);
        let _unsupported = self.from.set_read_timeout(Some(LOOK_EVERY));
        let mut buffer = vec![0; PIECE_BYTES_MAX];
        loop {
            if self.may_read() == Then::Cut {
                return Then::Cut;
            }
            let count = match self.from.read(&mut buffer) {
                Ok(0) if self.network.lasting() == Some(Fault::BlackHole) => return self.outlive(),
                Ok(0) => return Then::End,
                Ok(count) => count,
                Err(error) if is_nothing_yet(error.kind()) => continue,
                Err(_) => return Then::Cut,
            };
            match self.pass(&buffer[..count]) {
                Then::On => {}
                then @ (Then::End | Then::Cut) => return then,
            }
        }
    }

    fn pass(&mut self, bytes: &[u8]) -> Then {
        let held_before = self.network.lasting();
        let ruling = self.network.read(self.way, bytes);
        let (first, rest) = bytes.split_at(ruling.first);
        // What comes before the moment goes as it would have gone.
        if self.send(first, held_before) == Then::Cut {
            return Then::Cut;
        }
        match ruling.then {
            Some(Fault::Cut) => return Then::Cut,
            Some(Fault::HalfClose) => return Then::End,
            Some(Fault::Twice) => self.is_twice = true,
            Some(_) | None => {}
        }
        if rest.is_empty() {
            return Then::On;
        }
        // Under what has fired, which may be disarmed meanwhile.
        if self.may_read() == Then::Cut {
            return Then::Cut;
        }
        let twice = std::mem::take(&mut self.is_twice);
        for _ in 0..=usize::from(twice) {
            if self.send(rest, self.network.lasting()) == Then::Cut {
                return Then::Cut;
            }
        }
        Then::On
    }

    /// Waits while nothing gets through.
    fn may_read(&self) -> Then {
        loop {
            let is_over = self.closed.load(Ordering::SeqCst) || self.cut.load(Ordering::SeqCst);
            let lasting = self.network.lasting();
            if is_over || lasting == Some(Fault::HangUp) {
                return Then::Cut;
            }
            if !self.is_held(lasting) {
                return Then::On;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn is_held(&self, lasting: Option<Fault>) -> bool {
        match lasting {
            Some(Fault::Hold) => true,
            Some(Fault::HoldOneWay(way)) => way == self.way,
            Some(_) | None => false,
        }
    }

    fn send(&mut self, bytes: &[u8], under: Option<Fault>) -> Then {
        let sent = match under {
            Some(Fault::BlackHole) => Ok(()),
            Some(Fault::Delay(span)) => {
                std::thread::sleep(span);
                self.to.write_all(bytes)
            }
            Some(Fault::Trickle(pause)) => self.trickle(bytes, pause),
            Some(_) | None => self.to.write_all(bytes),
        };
        if sent.is_ok() { Then::On } else { Then::Cut }
    }

    fn trickle(&mut self, bytes: &[u8], pause: std::time::Duration) -> std::io::Result<()> {
        for (at, byte) in bytes.iter().enumerate() {
            self.to.write_all(&[*byte])?;
            match self.network.lasting() {
                Some(Fault::Trickle(_)) => std::thread::sleep(pause),
                Some(_) | None => return self.to.write_all(&bytes[at + 1..]),
            }
            if self.cut.load(Ordering::SeqCst) || self.closed.load(Ordering::SeqCst) {
                break;
            }
        }
        Ok(())
    }

    /// The end of one side does not get through a black hole either.
    fn outlive(&self) -> Then {
        while self.network.lasting() == Some(Fault::BlackHole) {
            if self.closed.load(Ordering::SeqCst) || self.cut.load(Ordering::SeqCst) {
                return Then::Cut;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Then::Cut
    }
}

fn is_nothing_yet(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

//! A network between a client and a server of this machine that fails when a test says so:
//! real sockets, any protocol over TCP. One fault is armed at a time; it fires at a moment
//! that is counted in connections or bytes, and [`Proxy::fired`] says whether it did.
//!
//! It is not a model of a network: packets are not its matter, and a connection to a port
//! where nobody listens needs no proxy.

mod state;
mod wire;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use state::Network;

/// How often a thread that waits looks whether something has changed.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    ToServer,
    ToClient,
}

/// When a fault fires. Counting begins when it is armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// At once, for connections that are open and for new ones.
    Now,
    /// When the so-manieth connection is made, from 1.
    Connection(usize),
    /// When so many bytes have gone this way, over all connections.
    Bytes(Way, u64),
    /// Before these bytes go this way; they are looked for in what is read at once.
    Before(Way, Vec<u8>),
    /// After these bytes have gone this way.
    After(Way, Vec<u8>),
}

/// What happens. The first three happen once, to the connection that meets them; the others
/// hold for all connections until [`Proxy::disarm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is cut in both ways.
    Cut,
    /// The way in which the moment was counted ends as if its sender had closed it; the
    /// other goes on.
    HalfClose,
    /// What is read next in the way in which the moment was counted arrives twice.
    Twice,
    /// Connections are closed as soon as they are made, and open ones are cut.
    HangUp,
    /// Nothing gets through and nothing is lost: it arrives once the fault is disarmed.
    Hold,
    /// The same this way only.
    HoldOneWay(Way),
    /// All is taken and nothing arrives, ever; connections stay open.
    BlackHole,
    /// Each piece of what is read comes this much later.
    Delay(Duration),
    /// One byte at a time, with a pause after each.
    Trickle(Duration),
}

/// A proxy on a port of its own; gone when dropped, with all its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    network: Arc<Network>,
    is_closed: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Passes connections on to a port of this machine.
    ///
    /// # Errors
    /// No port can be listened on.
    pub fn to(server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        listener.set_nonblocking(true)?;
        let network = Arc::new(Network::default());
        let is_closed = Arc::new(AtomicBool::new(false));
        let (over, closed) = (Arc::clone(&network), Arc::clone(&is_closed));
        let listening = std::thread::spawn(move || {
            while !closed.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((client, _)) => wire::connect(client, server, &over, &closed),
                    Err(_) => std::thread::sleep(LOOK_EVERY),
                }
            }
        });
        Ok(Self {
            port,
            network,
            is_closed,
            listening: Some(listening),
        })
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets a fault fire at a moment, in the place of what was armed or fired before.
    ///
    /// # Panics
    /// The fault befalls one way of a connection, or one connection, and the moment tells none.
    pub fn arm(&self, moment: Moment, fault: Fault) {
        self.network.arm(moment, fault);
    }

    /// The network is well from now on; what was held arrives.
    pub fn disarm(&self) {
        self.network.disarm();
    }

    /// How often an armed fault has fired.
    pub fn fired(&self) -> usize {
        self.network.fired()
    }

    /// How many connections were made since the last fault was armed.
    pub fn connections(&self) -> usize {
        self.network.connections()
    }

    /// How many bytes went this way since the last fault was armed.
    pub fn passed(&self, way: Way) -> u64 {
        self.network.passed(way)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::SeqCst);
        if let Some(listening) = self.listening.take() {
            let _panicked = listening.join();
        }
    }
}

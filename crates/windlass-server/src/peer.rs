//! Who is at the other end of a connection, by the kernel's word.

use tokio::net::UnixStream;
use windlass_core::operator::{Door, Identity, Operator};

use crate::accounts::user_name;

/// The process at the other end, as it was when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) uid: u32,
}

impl Peer {
    /// The peer of a connection, which cannot choose what the kernel says of it.
    pub(crate) fn of(stream: &UnixStream) -> std::io::Result<Self> {
        let credentials = stream.peer_cred()?;
        Ok(Self {
            uid: credentials.uid(),
        })
    }

    pub(crate) fn identity(self) -> Identity {
        Identity::OsUser { uid: self.uid }
    }

    /// The person, as records name him. Reads a small local file.
    pub(crate) fn operator(self) -> Operator {
        Operator {
            name: user_name(self.uid),
            identity: self.identity(),
            door: Door::Socket,
        }
    }
}

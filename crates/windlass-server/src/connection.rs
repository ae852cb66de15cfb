//! Accepting connections: who it is, whether there is room, and for how long
//! both ends may be silent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::admission::{Admission, Admitted};
use crate::limits::SILENCE_MAX;
use crate::peer::Peer;

/// How long accepting rests after an error, such as having no file descriptors left.
const ACCEPT_ERROR_PAUSE: Duration = Duration::from_millis(200);

/// Accepts those that the socket's permissions let in.
#[derive(Debug)]
pub(crate) struct Door {
    listener: UnixListener,
    admission: Admission,
}

impl Door {
    pub(crate) fn new(listener: UnixListener, owner_uid: u32) -> Self {
        Self {
            listener,
            admission: Admission::new(owner_uid),
        }
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = Peer;

    async fn accept(&mut self) -> (Connection, Peer) {
        loop {
            let accepted = match self.listener.accept().await {
                Ok((stream, _)) => Peer::of(&stream).map(|peer| (stream, peer)),
                Err(error) => Err(error),
            };
            match accepted {
                Ok((stream, peer)) => match self.admission.admit(peer.uid) {
                    Some(admitted) => {
                        return (Connection::new(stream, admitted, SILENCE_MAX), peer);
                    }
                    None => tracing::warn!(uid = peer.uid, "too many connections; one is refused"),
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_ERROR_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(Peer {
            uid: rustix::process::geteuid().as_raw(),
        })
    }
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        *stream.remote_addr()
    }
}

/// A connection that ends when nothing moves on it for too long: a half-sent request,
/// or a follower that does not read.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
    silence: Pin<Box<Sleep>>,
    silence_max: Duration,
    _admitted: Admitted,
}

impl Connection {
    fn new(stream: UnixStream, admitted: Admitted, silence_max: Duration) -> Self {
        Self {
            stream,
            silence: Box::pin(sleep_until(Instant::now() + silence_max)),
            silence_max,
            _admitted: admitted,
        }
    }

    /// Watches what came of reading or writing.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        moved: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match moved {
            Poll::Ready(moved) => {
                let until = Instant::now() + self.silence_max;
                self.silence.as_mut().reset(until);
                Poll::Ready(moved)
            }
            Poll::Pending => {
                ready!(self.silence.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let moved = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.watch(cx, moved)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, moved)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, moved)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_peer_that_says_nothing_or_reads_nothing_is_let_go() {
        let admission = Admission::new(1);
        let pair = || {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let admitted = admission.admit(1).unwrap();
            let silence = Duration::from_millis(30);
            (Connection::new(ours, admitted, silence), theirs)
        };
        let (mut ours, mut theirs) = pair();
        theirs.write_all(b"GET / HT").await.unwrap();
        let mut read = Vec::new();
        let error = ours.read_to_end(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(read, b"GET / HT");

        let (mut ours, theirs) = pair();
        let error = ours.write_all(&vec![0; 8 << 20]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(theirs);
    }
}

//! Connections that can be cut: a listener whose streams stop sending after a number of bytes
//! that the handler of a request sets.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::fault::Count;

/// The handler's hold on its connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Option<Cut>>>);

#[derive(Debug)]
struct Cut {
    bytes_left: usize,
    fired: Count,
}

impl Wire {
    /// Lets so many more bytes through and then closes the connection, which is counted.
    pub(crate) fn cut_after(&self, bytes: usize, fired: Count) {
        *self.cut() = Some(Cut {
            bytes_left: bytes,
            fired,
        });
    }

    /// How many of these bytes may go out.
    fn allowed(&self, wanted: usize) -> io::Result<usize> {
        match self.cut().as_mut() {
            None => Ok(wanted),
            Some(cut) if cut.bytes_left == 0 => {
                cut.fired.add_one();
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Some(cut) => Ok(wanted.min(cut.bytes_left)),
        }
    }

    fn sent(&self, bytes: usize) {
        if let Some(cut) = self.cut().as_mut() {
            cut.bytes_left -= bytes;
        }
    }

    fn cut(&self) -> std::sync::MutexGuard<'_, Option<Cut>> {
        self.0.lock().expect("nothing panics while it holds a cut")
    }
}

/// A stream with its wire.
pub(crate) struct Cuttable {
    stream: TcpStream,
    wire: Wire,
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let allowed = self.wire.allowed(bytes.len())?;
        let result = Pin::new(&mut self.stream).poll_write(context, &bytes[..allowed]);
        if let Poll::Ready(Ok(sent)) = result {
            self.wire.sent(sent);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A listener of such streams.
pub(crate) struct CuttableListener(pub(crate) TcpListener);

impl Listener for CuttableListener {
    type Io = Cuttable;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // axum's own listener tries again when accepting fails.
        let (stream, address) = Listener::accept(&mut self.0).await;
        let wire = Wire::default();
        (Cuttable { stream, wire }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Wire {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().wire.clone()
    }
}

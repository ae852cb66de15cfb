//! A network that fails on demand between a step and its server.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Fine,
    /// Nothing comes back, and nothing is lost.
    Held,
    /// Cut for good.
    Cut,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) weather: watch::Sender<Weather>,
}

impl Proxy {
    /// Passes connections on to a port of this machine.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let (weather, seen) = watch::channel(Weather::Fine);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                tokio::spawn(pass(client, server, seen.clone()));
            }
        });
        Self {
            port: own_port,
            weather,
        }
    }
}

async fn pass(client: TcpStream, server: TcpStream, mut weather: watch::Receiver<Weather>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut cut = weather.clone();
    let there = tokio::io::copy(&mut from_client, &mut to_server);
    let back = async {
        let mut buffer = [0; 4096];
        loop {
            let count = from_server.read(&mut buffer).await.unwrap_or(0);
            weather
                .wait_for(|weather| *weather != Weather::Held)
                .await
                .unwrap();
            if count == 0 || to_client.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        _ = there => {}
        () = back => {}
        _ = cut.wait_for(|weather| *weather == Weather::Cut) => {}
    }
}

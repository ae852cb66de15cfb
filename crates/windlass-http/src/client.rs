//! One request from its look-up to its answer. Every hop has a client and a connection of
//! its own; nothing is kept, retried, proxied or followed behind the caller's back.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::address::Reach;
use crate::answer::Answer;
use crate::error::{Error, Kind, describe, is_tls};
use crate::gate::{Gate, Hook, Refusal, Sent};
use crate::limits::{HEADERS_MAX, Limits, REDIRECTS_MAX};
use crate::redirect;
use crate::request::Request;
use crate::resolve::{Pinned, Resolver, System};
use crate::tls::{self, Trust};

/// How often an idle connection is probed: one that vanished is noticed within a minute.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Where a request may go without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plaintext {
    Nowhere,
    /// To addresses that are not public, all of which the caller has named.
    Private,
    Everywhere,
}

/// What may be reached, whom to trust, how far to follow. It holds no connection.
#[derive(Clone)]
pub struct Client {
    reach: Reach,
    trust: Trust,
    plaintext: Plaintext,
    redirects_max: u8,
    resolver: Arc<dyn Resolver>,
}

impl Client {
    /// A client that trusts the system's authorities, encrypts, and follows no redirect.
    pub fn new(reach: Reach) -> Self {
        Self {
            reach,
            trust: Trust::System,
            plaintext: Plaintext::Nowhere,
            redirects_max: 0,
            resolver: Arc::new(System),
        }
    }

    /// With other authorities.
    pub fn trusting(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Sending without TLS where the origin says `http`: somebody has a reason for it.
    pub fn allowing_plaintext(mut self) -> Self {
        self.plaintext = Plaintext::Everywhere;
        self
    }

    /// Sending without TLS to the private addresses that may be reached, and to no other.
    pub fn allowing_private_plaintext(mut self) -> Self {
        self.plaintext = Plaintext::Private;
        self
    }

    /// With other addresses that may be reached.
    pub fn reaching(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Following so many redirects of a read, at most [`REDIRECTS_MAX`]; those of another
    /// method are never followed.
    pub fn following(mut self, redirects: u8) -> Self {
        self.redirects_max = redirects.min(REDIRECTS_MAX);
        self
    }

    /// With another resolver.
    pub fn resolving(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Sends the request and reads the answer.
    ///
    /// `at_send` is asked once, when the connection stands and before the first byte of the
    /// request leaves; what it refuses is not sent. When this future is dropped before,
    /// nothing was sent and `at_send` will never be asked.
    ///
    /// # Errors
    /// No whole answer came; the error says whether the request may have been sent.
    pub async fn send(
        &self,
        request: Request,
        limits: Limits,
        at_send: impl FnOnce() -> Result<(), Refusal> + Send + 'static,
    ) -> Result<Answer, Error> {
        let mut request = request;
        let mut answer = self
            .hop(&request, limits, Gate::new(Box::new(at_send)))
            .await?;
        let followed_max = match request.method.is_safe() {
            true => self.redirects_max,
            false => 0,
        };
        for followed in 0..=followed_max {
            let next = match redirect::next(&request, &answer) {
                Ok(None) => break,
                Ok(Some(next)) => next,
                Err(why) => {
                    answer.stopped_at = Some(why);
                    break;
                }
            };
            if followed == followed_max {
                answer.stopped_at = Some(format!("{followed_max} redirects may be followed"));
                break;
            }
            request.url = next;
            let sent: Hook = Box::new(|| Ok(()));
            answer = self
                .hop(&request, limits, Gate::new(sent))
                .await
                .map_err(|error| Error {
                    sent: Sent::Maybe,
                    ..error
                })?;
        }
        Ok(answer)
    }

    /// One request on one connection.
    async fn hop(&self, request: &Request, limits: Limits, gate: Gate) -> Result<Answer, Error> {
        let exchange = self.exchange(request, limits, &gate);
        let ended = tokio::time::timeout_at(limits.deadline, exchange).await;
        // Nothing passes any more, whatever still runs.
        let (sent, refusal) = gate.close();
        match (ended, refusal) {
            (Ok(Ok(answer)), _) => Ok(answer),
            (_, Some(refusal)) => Err(Error::unsent(Kind::TooLate, refusal.to_string())),
            (Ok(Err(error)), None) => Err(Error { sent, ..error }),
            (Err(_), None) => Err(Error {
                sent,
                ..Error::sent(Kind::Timeout, "no whole answer came in time")
            }),
        }
    }

    async fn exchange(
        &self,
        request: &Request,
        limits: Limits,
        gate: &Gate,
    ) -> Result<Answer, Error> {
        let connect_until = limits.deadline.min(Instant::now() + limits.connect);
        let slow = |_| {
            let message = "cannot connect: no answer in time";
            Error::unsent(Kind::Connect, message)
        };
        let encrypted = request.url.origin().is_encrypted();
        let plaintext = || {
            let message = "plaintext is refused: everybody on the way could read and change it";
            Error::unsent(Kind::Refused, message)
        };
        if !encrypted && self.plaintext == Plaintext::Nowhere {
            return Err(plaintext());
        }
        let prepared = async {
            let pinned = Pinned::look_up(&request.url, &self.reach, self.resolver.as_ref()).await?;
            if !encrypted && self.plaintext == Plaintext::Private && !pinned.is_private() {
                return Err(plaintext());
            }
            self.connector(gate, pinned, connect_until, encrypted).await
        };
        let client = tokio::time::timeout_at(connect_until, prepared)
            .await
            .map_err(slow)??;
        let mut builder = client
            .request(request.method.wire(), request.url.as_str())
            .headers(request.headers.clone());
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let response = builder.send().await.map_err(failed)?;
        Answer::read(response, request.url.clone(), limits.body_bytes_max).await
    }

    /// A client for one connection.
    async fn connector(
        &self,
        gate: &Gate,
        pinned: Pinned,
        connect_until: Instant,
        encrypted: bool,
    ) -> Result<reqwest::Client, Error> {
        let setup = |why: String| Error::unsent(Kind::Setup, why);
        // Reading the authorities takes long beside a plaintext request.
        let tls = match encrypted {
            true => self.trust.config().await,
            false => Ok(tls::none_trusted()),
        };
        let tls = tls.map_err(|error| setup(error.to_string()))?;
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls::for_http(tls))
            .dns_resolver(Arc::new(pinned))
            .connector_layer(gate.clone())
            .connect_timeout(connect_until.saturating_duration_since(Instant::now()))
            .http1_only()
            .http1_max_headers(HEADERS_MAX)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            // Without a pool the connection is made for this request, and awaited by it.
            .pool_max_idle_per_host(0)
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(KEEPALIVE / 2)
            .tcp_keepalive_retries(4)
            .build()
            .map_err(|error| setup(describe(error)))
    }
}

/// What reqwest's error is; whether bytes left, the gate knows.
fn failed(error: reqwest::Error) -> Error {
    if error.is_builder() {
        return Error::unsent(Kind::Setup, describe(error));
    }
    if error.is_connect() {
        let kind = if is_tls(&error) {
            Kind::Tls
        } else {
            Kind::Connect
        };
        let message = format!("cannot connect: {}", describe(error));
        return Error::unsent(kind, message);
    }
    let message = format!("no answer: {}", describe(error));
    Error::sent(Kind::Cut, message)
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("reach", &self.reach)
            .field("trust", &self.trust)
            .field("plaintext", &self.plaintext)
            .field("redirects_max", &self.redirects_max)
            .finish_non_exhaustive()
    }
}

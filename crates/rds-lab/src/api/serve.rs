//! The listeners: each turns what comes over HTTP into a [`Request`], and a [`Reply`] into
//! what goes back.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Query};
use axum::http::{self, StatusCode};
use axum::response::Response;
use tokio::net::TcpListener;

use super::deliver::deliver;
use super::request::{Reply, Request};
use super::route::Service;
use super::site::Site;
use super::wire::{CuttableListener, Wire};

/// Far more than any call of RDS has.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Takes requests for one service until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, service: Service, site: Arc<Site>) {
    let router = Router::new().fallback(
        move |ConnectInfo(wire): ConnectInfo<Wire>, request: http::Request<Body>| {
            let site = Arc::clone(&site);
            async move { answer(site, service, request, wire).await }
        },
    );
    let service = router.into_make_service_with_connect_info::<Wire>();
    // It ends with the runtime only; a failed accept is tried again.
    let _ = axum::serve(CuttableListener(listener), service).await;
}

/// A free port of the loopback interface.
pub(crate) async fn bind() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn answer(
    site: Arc<Site>,
    service: Service,
    request: http::Request<Body>,
    wire: Wire,
) -> Response {
    let Some(request) = read(request).await else {
        return written(&Reply::empty(413));
    };
    // On a task of its own: what was sent arrives even when its sender has gone.
    let delivered =
        tokio::spawn(async move { deliver(&site, service, &request, &wire).await }).await;
    written(&delivered.unwrap_or_else(|_| Reply::broken(500)))
}

/// Nothing when its body is too long or breaks off.
async fn read(request: http::Request<Body>) -> Option<Request> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.ok()?.to_vec();
    let query = Query::<Vec<(String, String)>>::try_from_uri(&head.uri)
        .map(|query| query.0)
        .unwrap_or_default();
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    Some(Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query,
        raw_query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body,
    })
}

fn written(reply: &Reply) -> Response {
    let mut response = Response::builder()
        .status(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    let body = match &reply.body {
        None => Body::empty(),
        Some(body) => {
            response = response.header("content-type", "application/json");
            Body::from(body.to_string())
        }
    };
    response
        .body(body)
        .expect("the API's own headers are valid")
}

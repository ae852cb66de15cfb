//! The routes, as a table: without an entry for who may ask, a route does not compile.

use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use tokio::time::timeout;

use crate::access::Access;
use crate::context::Context;
use crate::handle::{command, events, logs, outbox, owner, prune, runs, secrets, start};
use crate::limits::REQUEST_TIME_MAX;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::wire::{
    Abandon, Acknowledge, Attest, Cancel, CloseReview, Decline, Override, Pause, Refresh, Reject,
    Resolve, Resume, Retry, Suspend, TakeOver,
};

/// One route.
pub(crate) struct Route {
    pub(crate) verb: Verb,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    handler: fn(MethodFilter) -> MethodRouter<Context>,
}

/// The methods that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
}

const fn get(
    path: &'static str,
    access: Access,
    handler: fn(MethodFilter) -> MethodRouter<Context>,
) -> Route {
    Route {
        verb: Verb::Get,
        path,
        access,
        handler,
    }
}

const fn post(
    path: &'static str,
    access: Access,
    handler: fn(MethodFilter) -> MethodRouter<Context>,
) -> Route {
    Route {
        verb: Verb::Post,
        path,
        access,
        handler,
    }
}

/// Every route.
#[rustfmt::skip] // A table is read by columns.
pub(crate) const ROUTES: &[Route] = &[
    get("/v1/owner", Access::Look, |m| on(m, owner::show)),
    get("/v1/runs", Access::Look, |m| on(m, runs::list)),
    get("/v1/runs/{run}", Access::Look, |m| on(m, runs::show)),
    get("/v1/runs/{run}/events", Access::Look, |m| on(m, events::follow)),
    get("/v1/runs/{run}/logs/{node}/{attempt}", Access::Look, |m| on(m, logs::show)),
    get("/v1/outbox", Access::Look, |m| on(m, outbox::list)),
    post("/v1/runs", Access::Start, |m| on(m, start::start)),
    post("/v1/runs/{run}/approve", Access::Judged, |m| on(m, command::approve)),
    post("/v1/runs/{run}/refresh", Access::Judged, |m| on(m, command::carry_out::<Refresh>)),
    post("/v1/runs/{run}/reject", Access::Judged, |m| on(m, command::carry_out::<Reject>)),
    post("/v1/runs/{run}/pause", Access::Direct, |m| on(m, command::carry_out::<Pause>)),
    post("/v1/runs/{run}/resume", Access::Direct, |m| on(m, command::carry_out::<Resume>)),
    post("/v1/runs/{run}/cancel", Access::Direct, |m| on(m, command::carry_out::<Cancel>)),
    post("/v1/runs/{run}/resolve", Access::Direct, |m| on(m, command::carry_out::<Resolve>)),
    post("/v1/runs/{run}/retry", Access::Direct, |m| on(m, command::carry_out::<Retry>)),
    post("/v1/runs/{run}/attest", Access::Judged, |m| on(m, command::carry_out::<Attest>)),
    post("/v1/runs/{run}/decline", Access::Judged, |m| on(m, command::carry_out::<Decline>)),
    post("/v1/runs/{run}/abandon", Access::Direct, |m| on(m, command::carry_out::<Abandon>)),
    post("/v1/runs/{run}/take-over", Access::Direct, |m| on(m, command::carry_out::<TakeOver>)),
    post("/v1/runs/{run}/override", Access::Judged, |m| on(m, command::carry_out::<Override>)),
    post("/v1/runs/{run}/suspend", Access::Judged, |m| on(m, command::carry_out::<Suspend>)),
    post("/v1/runs/{run}/close-review", Access::Judged, |m| on(m, command::carry_out::<CloseReview>)),
    post("/v1/runs/{run}/acknowledge", Access::Direct, |m| on(m, command::carry_out::<Acknowledge>)),
    post("/v1/runs/{run}/secrets", Access::Direct, |m| on(m, secrets::bring)),
    post("/v1/runs/{run}/ack", Access::Direct, |m| on(m, outbox::acknowledge)),
    post("/v1/outbox", Access::Own, |m| on(m, outbox::order)),
    post("/v1/prune", Access::Own, |m| on(m, prune::prune)),
    post("/v1/compact", Access::Own, |m| on(m, prune::compact)),
    post("/v1/shutdown", Access::Own, |m| on(m, owner::shutdown)),
];

/// The router of the table.
pub(crate) fn router(context: &Context) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let filter = match route.verb {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
        };
        let guarded = Guarded {
            context: context.clone(),
            route,
        };
        let handler = (route.handler)(filter).route_layer(from_fn_with_state(guarded, guard));
        router = router.route(route.path, handler);
    }
    router
        .fallback(async || {
            Refusal::new(
                StatusCode::NOT_FOUND,
                "no_such_path",
                "there is no such path",
            )
        })
        .method_not_allowed_fallback(async || {
            let message = "the path does not take this method";
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", message)
        })
        .with_state(context.clone())
}

#[derive(Clone)]
struct Guarded {
    context: Context,
    route: &'static Route,
}

/// Before and around every handler: who it is, whether he may, and how long it takes.
async fn guard(
    State(Guarded { context, route }): State<Guarded>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let by = peer.operator();
    let answer = match route.access.check(&by, &context) {
        Ok(()) => {
            let work = async {
                let _turn = context.turns.take(peer, context.owner_uid).await;
                next.run(request).await
            };
            timeout(REQUEST_TIME_MAX, work)
                .await
                .unwrap_or_else(|_| too_slow(route).into_response())
        }
        Err(refusal) => {
            context.engine.refused(None, &by, refusal.message()).await;
            refusal.into_response()
        }
    };
    let (status, ms) = (answer.status().as_u16(), began.elapsed().as_millis());
    // The table's path, not the request's: nothing that a client chose is logged here.
    match route.verb {
        Verb::Get => tracing::debug!(path = route.path, %by, status, ms, "answered"),
        Verb::Post => tracing::info!(path = route.path, %by, status, ms, "answered"),
    }
    unsniffable(answer)
}

fn too_slow(route: &Route) -> Refusal {
    let message = format!(
        "the request took longer than {}s",
        REQUEST_TIME_MAX.as_secs()
    );
    let refusal = Refusal::new(StatusCode::GATEWAY_TIMEOUT, "too_slow", message);
    match route.verb {
        Verb::Get => refusal,
        Verb::Post => refusal.help("it may have been carried out: look at the run first"),
    }
}

/// What a target wrote is text, whatever it looks like.
fn unsniffable(mut answer: Response) -> Response {
    let nosniff = HeaderValue::from_static("nosniff");
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Method {
        match verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who may ask, in words that a reviewer reads: a new route or a weaker demand is a
    /// difference in this list.
    #[test]
    fn every_route_says_who_may_ask() {
        let lines: Vec<String> = ROUTES
            .iter()
            .map(|route| {
                let method = Method::from(route.verb);
                format!("{method} {} {:?}", route.path, route.access)
            })
            .collect();
        let expected = [
            "GET /v1/owner Look",
            "GET /v1/runs Look",
            "GET /v1/runs/{run} Look",
            "GET /v1/runs/{run}/events Look",
            "GET /v1/runs/{run}/logs/{node}/{attempt} Look",
            "GET /v1/outbox Look",
            "POST /v1/runs Start",
            "POST /v1/runs/{run}/approve Judged",
            "POST /v1/runs/{run}/refresh Judged",
            "POST /v1/runs/{run}/reject Judged",
            "POST /v1/runs/{run}/pause Direct",
            "POST /v1/runs/{run}/resume Direct",
            "POST /v1/runs/{run}/cancel Direct",
            "POST /v1/runs/{run}/resolve Direct",
            "POST /v1/runs/{run}/retry Direct",
            "POST /v1/runs/{run}/attest Judged",
            "POST /v1/runs/{run}/decline Judged",
            "POST /v1/runs/{run}/abandon Direct",
            "POST /v1/runs/{run}/take-over Direct",
            "POST /v1/runs/{run}/override Judged",
            "POST /v1/runs/{run}/suspend Judged",
            "POST /v1/runs/{run}/close-review Judged",
            "POST /v1/runs/{run}/acknowledge Direct",
            "POST /v1/runs/{run}/secrets Direct",
            "POST /v1/runs/{run}/ack Direct",
            "POST /v1/outbox Own",
            "POST /v1/prune Own",
            "POST /v1/compact Own",
            "POST /v1/shutdown Own",
        ];
        assert_eq!(lines, expected);
        for route in ROUTES {
            let looks = route.access == Access::Look;
            assert_eq!(looks, route.verb == Verb::Get, "{}", route.path);
        }
    }
}

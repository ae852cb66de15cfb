//! Brings a request to the cloud and its reply back, or does to them what a fault says.

use std::sync::Arc;
use std::time::Duration;

use super::cloud::Refusal;
use super::fault::{Count, Fault};
use super::request::{Reply, Request};
use super::route::Service;
use super::site::Site;
use super::wire::Wire;

/// The reply, on a wire that may have been told to break.
pub(crate) async fn deliver(
    site: &Arc<Site>,
    service: Service,
    request: &Request,
    wire: &Wire,
) -> Reply {
    let Some((fault, fired)) = site.arrived(service, request) else {
        return site.answer(service, request);
    };
    let counted = |reply: Reply, fired: &Count| {
        fired.add_one();
        reply
    };
    match fault {
        Fault::LoseReplyBefore => {
            wire.cut_after(0, fired);
            Reply::empty(500)
        }
        Fault::LoseReplyAfter => {
            let reply = site.answer(service, request);
            wire.cut_after(0, fired);
            reply
        }
        Fault::CutAfter(bytes) => {
            let reply = site.answer(service, request);
            wire.cut_after(bytes, fired);
            reply
        }
        Fault::Slow(millis) => {
            let reply = site.answer(service, request);
            fired.add_one();
            tokio::time::sleep(Duration::from_millis(millis)).await;
            reply
        }
        Fault::Late(millis) => {
            fired.add_one();
            tokio::time::sleep(Duration::from_millis(millis)).await;
            site.answer(service, request)
        }
        Fault::Conflict => counted(Reply::refused(&Refusal::busy()), &fired),
        Fault::TooMany(seconds) => counted(Reply::throttled(seconds), &fired),
        Fault::ServerErrorBefore(status) => counted(Reply::broken(status), &fired),
        Fault::ServerErrorAfter(status) => {
            site.answer(service, request);
            counted(Reply::broken(status), &fired)
        }
        Fault::Twice => {
            let first = site.answer(service, request);
            site.answer(service, request);
            counted(first, &fired)
        }
        Fault::TwiceAnsweredLast => {
            site.answer(service, request);
            counted(site.answer(service, request), &fired)
        }
        // It was given to the cloud when it was armed.
        Fault::Trouble(_) => site.answer(service, request),
    }
}

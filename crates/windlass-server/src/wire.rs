//! What goes over the socket: requests, answers and lines of the event stream, as
//! JSON. Requests refuse unknown fields; answers may grow, so that an older client
//! still reads them. Not responsible for who may ask (`route`) nor for what it does.

mod command;
mod error;
mod node_name;
mod node_text;
mod outbox;
mod owner;
mod prune;
mod run;
mod secret;
mod start;
mod stream;

pub use command::{
    Abandon, Accepted, Acknowledge, Approve, Attest, Cancel, CloseReview, Decline, Override, Pause,
    Refresh, Reject, Resolve, Resume, Retry, Statement, Suspend, TakeOver, Verdict,
};
pub use error::ErrorBody;
pub use node_name::NodeName;
pub use outbox::{Ack, Acked, OutboxDone, OutboxFilter, OutboxList, OutboxOrder, OutboxVerb};
pub use owner::{OwnerView, Shutdown, ShutdownAnswer};
pub use prune::{Compact, Kept, Prune, Pruned, PrunedRun, SpaceGiven};
pub use run::{
    AskedValue, ByHand, Debt, Deferred, Doubt, Fact, Gate, Given, Item, Labels, Lock, Need, Person,
    Place, Review, ReviewClosed, RunFilter, RunList, RunState, RunSummary, RunView, Step, Stop,
    StopCode,
};
pub use secret::SecretText;
pub use start::{BringSecrets, StartRun, Started};
pub use stream::{EventLine, StreamEnd, StreamLine};

/// The version of this interface; an owner that speaks another one is not talked to.
pub const API_VERSION: u32 = 1;
/// The header by which a repeat is told from a second request.
pub const IDEMPOTENCY_KEY_HEADER: &str = "idempotency-key";

//! Refusals as HTTP answers: one table for the core's rejections, one for the engine's
//! errors, and constructors for what the server itself refuses.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use windlass_core::rejection::Rejection;
use windlass_engine::CommandError;

use crate::wire::ErrorBody;

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    body: ErrorBody,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            body: ErrorBody {
                code: code.to_owned(),
                message: message.into(),
                help: None,
            },
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.body.help = Some(help.into());
        self
    }

    /// The request itself is wrong.
    pub(crate) fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The request is well formed, and what it says cannot be.
    pub(crate) fn unprocessable(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    /// What is wrong, in words.
    pub(crate) fn message(&self) -> &str {
        &self.body.message
    }

    pub(crate) fn body(self) -> ErrorBody {
        self.body
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let (status, help) = answer_to(&rejection);
        let refusal = Refusal::new(status, rejection.code(), rejection.to_string());
        match help {
            Some(help) => refusal.help(help),
            None => refusal,
        }
    }
}

/// The table: what a rejection is in HTTP, and what its reader can do.
fn answer_to(rejection: &Rejection) -> (StatusCode, Option<&'static str>) {
    match rejection {
        Rejection::AlreadyStarted => (StatusCode::CONFLICT, None),
        Rejection::NotStarted => (StatusCode::CONFLICT, None),
        Rejection::RunEnded { .. } => (StatusCode::CONFLICT, None),
        Rejection::RunEnding { .. } => (StatusCode::CONFLICT, None),
        Rejection::UnknownStep { .. } => (
            StatusCode::NOT_FOUND,
            Some("`windlass show RUN` lists the steps"),
        ),
        Rejection::UnknownNode { .. } => (StatusCode::NOT_FOUND, None),
        Rejection::NotAGate { .. } => (
            StatusCode::UNPROCESSABLE_ENTITY,
            Some("`windlass show RUN` lists the gates that are open"),
        ),
        Rejection::GateNotOpen { .. } => (StatusCode::CONFLICT, None),
        Rejection::GateAlreadyApproved { .. } => (StatusCode::CONFLICT, None),
        Rejection::ApprovedTwice { .. } => (StatusCode::CONFLICT, None),
        Rejection::NoPlaceLeft { .. } => (StatusCode::CONFLICT, None),
        Rejection::FactStale { .. } => (
            StatusCode::CONFLICT,
            Some("`windlass approve` reads old facts anew before it approves"),
        ),
        Rejection::FactRefused { .. } => (
            StatusCode::CONFLICT,
            Some("mend what the fact shows, or reject the gate"),
        ),
        Rejection::FactNotAsked { .. } => (StatusCode::CONFLICT, None),
        Rejection::GateExpired { .. } => (StatusCode::CONFLICT, None),
        Rejection::StaleStatement { .. } => (
            StatusCode::CONFLICT,
            Some("`windlass show RUN` prints the gate as it stands now"),
        ),
        Rejection::NotSigned { .. } => (StatusCode::UNPROCESSABLE_ENTITY, None),
        Rejection::BadSignature { .. } => (
            StatusCode::FORBIDDEN,
            Some("`windlass approve RUN GATE --print-statement` prints what is to be signed"),
        ),
        Rejection::NotAuthorised { .. } => (StatusCode::FORBIDDEN, None),
        Rejection::UnderPolicy { .. } => (
            StatusCode::FORBIDDEN,
            Some("`windlass check --policy FILE` says more, with the owner's policy"),
        ),
        Rejection::WrongState { .. } => (StatusCode::CONFLICT, None),
        Rejection::StaleAttempt { .. } => (StatusCode::CONFLICT, None),
        Rejection::AlreadyPaused { .. } => (StatusCode::CONFLICT, None),
        Rejection::NotPaused => (StatusCode::CONFLICT, None),
        Rejection::AlreadyCancelled { .. } => (StatusCode::CONFLICT, None),
        Rejection::BadReason => (
            StatusCode::UNPROCESSABLE_ENTITY,
            Some("say why with --reason"),
        ),
        Rejection::MayRemain => (
            StatusCode::CONFLICT,
            Some("`windlass retry --nothing-remains`, or `windlass attest`"),
        ),
        Rejection::OrphanLives { .. } => (StatusCode::CONFLICT, None),
        Rejection::NothingToDecide => (StatusCode::CONFLICT, None),
        Rejection::NotDeferred { .. } | Rejection::CannotSuspend { .. } => {
            (StatusCode::CONFLICT, None)
        }
        Rejection::NoWindow { .. } => (
            StatusCode::UNPROCESSABLE_ENTITY,
            Some("name a window of the policy, or let the policy have one of this name"),
        ),
        Rejection::NoDebt { .. } => (StatusCode::CONFLICT, None),
        Rejection::UnknownReview { .. } => (
            StatusCode::NOT_FOUND,
            Some("`windlass reviews --all` lists them"),
        ),
        Rejection::ReviewIsClosed { .. } => (StatusCode::CONFLICT, None),
        Rejection::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, None),
        Rejection::WrongOutputs { .. } => (
            StatusCode::UNPROCESSABLE_ENTITY,
            Some("state each with --value NAME=VALUE, or --output NAME=JSON"),
        ),
        Rejection::ManualExpired { .. } => (StatusCode::CONFLICT, None),
        Rejection::NoEffectToState { .. } => (StatusCode::UNPROCESSABLE_ENTITY, None),
    }
}

/// What is left of a run whose bodies were erased.
pub const HELP_WHEN_ERASED: &str =
    "its headers stay: `windlass runs` lists how it ended, `windlass export RUN` writes them out";

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        let message = error.to_string();
        let with = |status, code| Refusal::new(status, code, message.clone());
        match error {
            CommandError::Rejected(rejection) => rejection.into(),
            CommandError::UnknownRun(_) => {
                with(StatusCode::NOT_FOUND, "unknown_run").help("`windlass runs` lists the runs")
            }
            CommandError::Erased { .. } => with(StatusCode::GONE, "erased").help(HELP_WHEN_ERASED),
            CommandError::NotRecorded(_) => with(StatusCode::CONFLICT, "not_recorded"),
            CommandError::Quarantined { .. } => with(StatusCode::CONFLICT, "quarantined")
                .help("`windlass journal verify` names the first bad record"),
            CommandError::Faulted { .. } => with(StatusCode::INTERNAL_SERVER_ERROR, "faulted"),
            CommandError::StillInFlight { .. } => with(StatusCode::CONFLICT, "still_in_flight"),
            CommandError::TooLarge(_) => with(StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            CommandError::Stopping => with(StatusCode::SERVICE_UNAVAILABLE, "stopping")
                .help("the owner is ending; repeat the command when it has gone"),
            CommandError::Busy => with(StatusCode::SERVICE_UNAVAILABLE, "busy"),
            CommandError::Fatal(_) => with(StatusCode::SERVICE_UNAVAILABLE, "fatal")
                .help("whether it was recorded is known after a restart: look at the run"),
            CommandError::NoRandomness(_) => {
                with(StatusCode::INTERNAL_SERVER_ERROR, "no_randomness")
            }
            CommandError::BadKey(_) => with(StatusCode::BAD_REQUEST, "bad_key"),
            CommandError::OtherRunbook => with(StatusCode::UNPROCESSABLE_ENTITY, "other_runbook"),
            CommandError::RunbookNotKept(_) => {
                with(StatusCode::INTERNAL_SERVER_ERROR, "runbook_not_kept")
            }
            CommandError::NotVerified(_) => with(StatusCode::INTERNAL_SERVER_ERROR, "not_verified"),
            CommandError::NotForCallers => with(StatusCode::FORBIDDEN, "not_for_callers"),
        }
    }
}

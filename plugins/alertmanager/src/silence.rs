//! Silences: created once, found again by their mark, ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windlass_plugin::{Answer, Attempt, Doubt, Failure, HttpError, Phase, Secret};

use crate::api::{Api, failure};
use crate::matchers::{Matcher, matcher};
use crate::time;

const MINUTE_MS: u64 = 60_000;
/// The longest silence: a day and a half of forgotten alerts is an outage nobody sees.
const MINUTES_MAX: u32 = 36 * 60;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Wanted {
    /// Where Alertmanager is, such as https://alerts.example.com.
    endpoint: String,
    /// A bearer token.
    token: Option<Secret>,
    /// The labels of the alerts, such as service="db" or instance=~"db.*"; all must match.
    matchers: Vec<String>,
    /// For how long, from now; it ends by itself then.
    minutes: u32,
    /// Why, for those who see the silence.
    comment: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Silence {
    silence_id: String,
    /// When it ends by itself.
    ends_at: String,
}

/// What is kept: the mark before it is sent, the id when it is known.
#[derive(Default, Deserialize, Serialize)]
struct Kept {
    mark: String,
    silence_id: Option<String>,
}

/// A silence as it is asked for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted<'a> {
    matchers: Vec<Matcher>,
    starts_at: String,
    ends_at: &'a str,
    created_by: &'static str,
    comment: String,
}

/// What the API says of a new one.
#[derive(Deserialize)]
struct Created {
    #[serde(rename = "silenceID")]
    id: String,
}

/// A silence of the API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    id: String,
    comment: String,
    ends_at: String,
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    state: String,
}

/// What tells this step's silence from all others, also those of its other runs.
fn mark(attempt: &Attempt) -> String {
    format!("[windlass {}]", attempt.idempotency_key())
}

pub(crate) fn create(attempt: &Attempt, input: Wanted) -> Result<Silence, Failure> {
    let refused = |why: String| Failure::none("bad_input", why);
    let matchers: Result<Vec<Matcher>, String> =
        input.matchers.iter().map(|text| matcher(text)).collect();
    let matchers = matchers.map_err(refused)?;
    if matchers.is_empty() {
        return Err(refused(
            "without a matcher it would silence everything".into(),
        ));
    }
    if !(1..=MINUTES_MAX).contains(&input.minutes) {
        return Err(refused(format!("`minutes` is from 1 to {MINUTES_MAX}")));
    }
    let api = Api::new(&input.endpoint, input.token.as_ref())?;
    let mark = mark(attempt);
    attempt.checkpoint(&Kept {
        mark: mark.clone(),
        silence_id: None,
    })?;
    let now = attempt.now_ms();
    let ends_at = time::text(now + u64::from(input.minutes) * MINUTE_MS);
    let posted = Posted {
        matchers,
        starts_at: time::text(now),
        ends_at: &ends_at,
        created_by: "windlass",
        comment: format!("{} {mark}", input.comment),
    };
    let answer = api.post("silences", &posted)?;
    if answer.status != 200 {
        return Err(failure(&answer));
    }
    let unreadable = |why| Failure::unknown("unreadable", format!("the new silence: {why}"));
    let created: Created = answer.json().map_err(unreadable)?;
    let silence_id = Some(created.id.clone());
    attempt.checkpoint(&Kept { mark, silence_id })?;
    attempt.log(&format!("silence {} ends at {ends_at}", created.id));
    Ok(Silence {
        silence_id: created.id,
        ends_at,
    })
}

/// The silence with this mark, whatever became of it.
fn marked(api: &Api, mark: &str) -> Result<Option<Found>, String> {
    let said = |error: HttpError| error.message;
    let answer = api.get("silences").map_err(said)?;
    if answer.status != 200 {
        return Err(format!("the list of silences: {}", answer.status));
    }
    let found: Vec<Found> = answer
        .json()
        .map_err(|why| format!("the list of silences: {why}"))?;
    Ok(found
        .into_iter()
        .find(|silence| silence.comment.ends_with(mark)))
}

pub(crate) fn look(
    attempt: &Attempt,
    input: Wanted,
    doubt: &Doubt,
) -> Result<Answer<Silence>, String> {
    let api = Api::new(&input.endpoint, input.token.as_ref()).map_err(|_| "no token")?;
    let kept: Kept = doubt.checkpoint().unwrap_or_default();
    let mark = match kept.mark.is_empty() {
        true => mark(attempt),
        false => kept.mark,
    };
    let found = marked(&api, &mark)?;
    let evidence = serde_json::json!({"mark": mark});
    Ok(match (doubt.phase, found) {
        // That it has ended since does not change that it was there.
        (Phase::Run, Some(silence)) => Answer::Happened(silence.into()),
        (Phase::Run, None) => Answer::NotHappened(evidence),
        (Phase::Undo, Some(silence)) if silence.status.state == "expired" => {
            Answer::Happened(silence.into())
        }
        (Phase::Undo, Some(_)) => Answer::NotHappened(evidence),
        // Alertmanager forgets what expired days ago.
        (Phase::Undo, None) => Answer::Unknown("it has no such silence any more".into()),
    })
}

impl From<Found> for Silence {
    fn from(found: Found) -> Self {
        Self {
            silence_id: found.id,
            ends_at: found.ends_at,
        }
    }
}

pub(crate) fn take_back(
    attempt: &Attempt,
    input: Wanted,
    kept: Option<&str>,
) -> Result<(), Failure> {
    let api = Api::new(&input.endpoint, input.token.as_ref())?;
    let kept: Kept = kept
        .and_then(|kept| serde_json::from_str(kept).ok())
        .unwrap_or_default();
    let id = match kept.silence_id {
        Some(id) => Some(id),
        None => {
            let mark = if kept.mark.is_empty() {
                mark(attempt)
            } else {
                kept.mark
            };
            let found = marked(&api, &mark).map_err(|why| Failure::none("no_look", why))?;
            found.map(|silence| silence.id)
        }
    };
    match id {
        Some(id) => end(&api, &id),
        None => Ok(()),
    }
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Expire {
    /// Where Alertmanager is.
    endpoint: String,
    /// A bearer token.
    token: Option<Secret>,
    /// As `silence` gave it.
    silence_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Expired {}

pub(crate) fn expire(_: &Attempt, input: Expire) -> Result<Expired, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if input.silence_id.is_empty() || !input.silence_id.chars().all(plain) {
        return Err(Failure::none(
            "bad_input",
            "`silence_id` is no id of a silence",
        ));
    }
    let api = Api::new(&input.endpoint, input.token.as_ref())?;
    end(&api, &input.silence_id).map(|()| Expired {})
}

/// Ends a silence; one that has ended, or is not there, is left alone.
fn end(api: &Api, id: &str) -> Result<(), Failure> {
    let path = format!("silence/{id}");
    let found = api
        .get(&path)
        .map_err(|error| Failure::none("no_look", error.message))?;
    match found.status {
        404 => return Ok(()),
        200 => {}
        status => return Err(Failure::none("no_look", format!("it answered {status}"))),
    }
    let unreadable = |why| Failure::none("unreadable", format!("the silence: {why}"));
    let found: Found = found.json().map_err(unreadable)?;
    if found.status.state == "expired" {
        return Ok(());
    }
    let answer = api.delete(&path)?;
    match answer.status {
        200 => Ok(()),
        _ => Err(failure(&answer)),
    }
}

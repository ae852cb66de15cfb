//! Who is told of a run beside those who follow it: a webhook and a pager on this machine,
//! and what really came to them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use crate::receiver::{KEY, Received, Receiver, SECRET, TAKEN};
use serde_json::{Value, json};

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(60);
const WEBHOOK: &str = "/changes";
const PAGER: &str = "/v2/enqueue";
const ROUTING_KEY: &str = "a-routing-key-of-these-tests";

/// The two receivers of one run.
#[derive(Debug)]
pub struct Mailbox(Receiver);

impl Mailbox {
    /// Two receivers that take everything.
    #[expect(clippy::new_without_default, reason = "it listens from here on")]
    pub fn new() -> Self {
        Self(Receiver::start(|_, _| TAKEN))
    }

    /// Gives a run the addresses.
    ///
    /// # Panics
    /// The inputs are no map.
    pub fn name_in(&self, inputs: &mut Value) {
        inputs["webhook"] = json!(self.0.url(WEBHOOK));
        inputs["pager"] = json!(self.0.url(PAGER));
        inputs["receivers_at"] = json!(["127.0.0.0/8"]);
    }

    /// Where the two secrets are, as a command line says it.
    ///
    /// # Panics
    /// They cannot be written there.
    pub fn secrets(&self, dir: &Path) -> Vec<String> {
        let secrets = [("webhook_secret", SECRET), ("pager_key", ROUTING_KEY)];
        let words = secrets.map(|(name, value)| {
            let file = dir.join(name);
            fs::write(&file, value).expect("a place for a secret");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode");
            [
                "--secret".to_owned(),
                format!("{name}=file:{}", file.display()),
            ]
        });
        words.concat()
    }

    /// Once the webhook was sent these messages of the run and no other, and a person was
    /// paged or not.
    ///
    /// # Panics
    /// It was told otherwise.
    #[track_caller]
    pub fn holds(&self, run: &str, sent: &[String], paged: bool) {
        let came = self.0.once(PATIENCE, |came| {
            told(came).len() >= sent.len() && (!paged || !calls(came).is_empty())
        });
        assert_eq!(told(&came), sent, "{came:#?}");
        assert_eq!(!calls(&came).is_empty(), paged, "{came:#?}");
        for message in &came {
            assert!(message.body.contains(run), "{message:#?}");
        }
    }

    /// Once the webhook was sent these messages, others after them, and `end` at last; who
    /// was paged is told that nobody is needed any more.
    ///
    /// # Panics
    /// It was told otherwise.
    #[track_caller]
    pub fn ends(&self, sent: &[String], paged: bool, end: &str) {
        let came = self.0.once(PATIENCE, |came| {
            told(came).last().is_some_and(|last| last == end)
                && (!paged || calls(came).last().is_some_and(|last| last == "resolve"))
        });
        assert!(told(&came).starts_with(sent), "{came:#?}");
    }
}

/// What the webhook was told, in order: each message by its topic and what it is about.
/// A person may be needed for one thing after the other: that is told here once.
#[track_caller]
fn told(came: &[Received]) -> Vec<String> {
    let mut ids = Vec::new();
    let mut told = Vec::new();
    for message in came.iter().filter(|message| message.path == WEBHOOK) {
        assert!(message.is_signed_by(&KEY), "{message:#?}");
        // At least once: what comes again has the same id.
        if ids.contains(&message.id()) {
            continue;
        }
        ids.push(message.id());
        let body = message.json();
        let fact = |name: &str| body["data"][name].as_str().map(str::to_owned);
        let words = ["kind", "step", "what", "end"].map(fact);
        told.push(words.into_iter().flatten().collect::<Vec<_>>().join(" "));
    }
    told.dedup();
    told
}

/// What the pager was told, in order.
#[track_caller]
fn calls(came: &[Received]) -> Vec<String> {
    let calls = came.iter().filter(|message| message.path == PAGER);
    calls
        .map(|message| {
            let body = message.json();
            assert_eq!(body["routing_key"], ROUTING_KEY, "{message:#?}");
            body["event_action"].as_str().expect("a text").to_owned()
        })
        .collect()
}

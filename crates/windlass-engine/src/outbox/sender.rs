//! The task that sends what waits in the outbox, while its process owns the directory:
//! the heads of all lanes that are due, a bounded number at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use secrecy::SecretString;
use tokio::task::JoinSet;
use windlass_core::id::{RunId, SecretName};
use windlass_core::time::{Millis, Timestamp};
use windlass_journal::OutboxEntry;

use super::course::{Do, after, what_now};
use super::handle::{entry, forget, rows_of, write};
use super::is_call;
use super::letter::{Course, Letter, Next};
use crate::error::CommandError;
use crate::limits::{MESSAGE_SECRET_PAUSE_MS, MESSAGE_TRY_MAX, MESSAGES_SENDING_MAX};
use crate::looking::view;
use crate::ports::{Delivery, Message, MessageAct, Messenger, Secrets};
use crate::prune::blocking;
use crate::redact::Redactor;
use crate::replay::storage_failed;
use crate::shared::{Phase, Shared};
use crate::snapshot::Snapshot;

/// How many rows the first look for calls reads at once.
const PAGE_ROWS: usize = 256;

/// A try that has come back.
struct Tried {
    id: u64,
    letter: Letter,
    act: MessageAct,
    delivery: Delivery,
}

struct Sender {
    shared: Arc<Shared>,
    messenger: Arc<dyn Messenger>,
    flying: JoinSet<Tried>,
    /// Rows on their way.
    busy: BTreeSet<u64>,
    /// Rows that lack a secret, and until when they are left alone.
    lacking: BTreeMap<u64, Timestamp>,
}

/// Sends until the engine stops. What is on its way then is sent again by the next owner.
pub(crate) async fn send(shared: Arc<Shared>, messenger: Arc<dyn Messenger>) {
    let mut phase = shared.phase.subscribe();
    let is_over = |phase: &Phase| match phase {
        Phase::Running => false,
        Phase::Parking { .. } | Phase::Closed | Phase::Failed(_) => true,
    };
    let sender = Sender {
        shared,
        messenger,
        flying: JoinSet::new(),
        busy: BTreeSet::new(),
        lacking: BTreeMap::new(),
    };
    tokio::select! {
        biased;
        _ = phase.wait_for(is_over) => {}
        stopped = sender.work() => {
            let error = match stopped { Ok(never) => match never {}, Err(error) => error };
            tracing::warn!(%error, "no message is sent any more");
        }
    }
}

impl Sender {
    async fn work(mut self) -> Result<std::convert::Infallible, CommandError> {
        or_busy(self.find_calls().await)?;
        loop {
            self.shared.registry().is_sending = true;
            let wake = match self.begin_due().await {
                // Another process holds the journal's lock for a while.
                Err(CommandError::Busy) => Some(self.shared.clock.now() + Millis(1_000)),
                begun => begun?,
            };
            self.shared.registry().is_sending = !self.busy.is_empty();
            let clock = Arc::clone(&self.shared.clock);
            let due = async {
                match wake {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(tried) = self.flying.join_next() => {
                    if let Ok(tried) = tried {
                        self.busy.remove(&tried.id);
                        // What could not be written down is sent again.
                        or_busy(self.tried(tried).await)?;
                    }
                }
                () = self.shared.outbox_changed.notified() => self.lacking.clear(),
                () = due => {}
            }
        }
    }

    /// Of every run that has a call open, its state is looked at once: it may have been
    /// answered while nobody was there.
    async fn find_calls(&self) -> Result<(), CommandError> {
        let mut last = 0;
        loop {
            let store = Arc::clone(&self.shared.store);
            let read = move || store.outbox(None, last, PAGE_ROWS);
            let rows = blocking(&self.shared, read).await?;
            let rows = rows.map_err(|error| storage_failed(&self.shared, &error))?;
            let Some(newest) = rows.last() else {
                return Ok(());
            };
            last = newest.id;
            let calls = rows.iter().filter(|entry| !entry.progress.kept);
            let calls = calls.filter_map(|entry| Letter::decode(&entry.row.body).ok());
            let calls: Vec<RunId> = calls
                .filter(|letter| is_call(&self.shared, letter))
                .map(|letter| letter.run)
                .collect();
            let mut registry = self.shared.registry();
            registry.calling.extend(calls.iter().cloned());
            registry.called_anew.extend(calls);
        }
    }

    /// Begins what is due and answers when the next is.
    async fn begin_due(&mut self) -> Result<Option<Timestamp>, CommandError> {
        self.answer_calls().await?;
        let now = self.shared.clock.now();
        let limit = self.busy.len() + self.lacking.len() + MESSAGES_SENDING_MAX + 1;
        let store = Arc::clone(&self.shared.store);
        let heads = blocking(&self.shared, move || store.outbox_heads(limit)).await?;
        let heads = heads.map_err(|error| storage_failed(&self.shared, &error))?;
        let mut wake: Option<Timestamp> = None;
        let mut earlier = |at: Timestamp| wake = Some(wake.map_or(at, |wake| wake.min(at)));
        for entry in heads {
            if self.busy.contains(&entry.id) {
                continue;
            }
            if let Some(until) = self.lacking.get(&entry.id).filter(|until| **until > now) {
                earlier(*until);
                continue;
            }
            let next = Timestamp(entry.progress.next_at_ms);
            if next > now {
                if next.0 != i64::MAX {
                    earlier(next);
                }
                continue;
            }
            if self.busy.len() >= MESSAGES_SENDING_MAX {
                break;
            }
            let id = entry.id;
            if self.begin(entry, now).await? {
                // Its follower is a head now.
                earlier(now);
            }
            if let Some(until) = self.lacking.get(&id) {
                earlier(*until);
            }
        }
        Ok(wake)
    }

    /// Wakes the calls of runs of which something has become new, if that answers them.
    async fn answer_calls(&mut self) -> Result<(), CommandError> {
        let runs = std::mem::take(&mut self.shared.registry().called_anew);
        for run in runs {
            let state = self.state(&run).await?;
            let mut is_open = false;
            for entry in rows_of(&self.shared, &run).await? {
                let Ok(letter) = Letter::decode(&entry.row.body) else {
                    continue;
                };
                if entry.progress.kept || !is_call(&self.shared, &letter) {
                    continue;
                }
                is_open = true;
                let course = Course::decode(&entry.progress.note);
                let state = state.as_deref().map(|snapshot| &snapshot.state);
                let now = self.shared.clock.now();
                match what_now(&letter, &course, state) {
                    Do::Send(MessageAct::Resolve | MessageAct::Acknowledge) | Do::Forget
                        if entry.progress.next_at_ms > now.0 && course.tries == 0 =>
                    {
                        let progress = course.progress(Next::At(now));
                        write(&self.shared, entry.id, &progress).await?;
                    }
                    Do::Send(_) | Do::Forget | Do::Wait | Do::Keep(_) => {}
                }
            }
            if !is_open {
                self.shared.registry().calling.remove(&run);
            }
        }
        Ok(())
    }

    /// The run's state; `None` where it cannot be read, which says nothing of the message.
    async fn state(&self, run: &RunId) -> Result<Option<Arc<Snapshot>>, CommandError> {
        match view(&self.shared, run).await {
            Ok(snapshot) => Ok(Some(snapshot)),
            Err(error @ (CommandError::Fatal(_) | CommandError::Stopping)) => Err(error),
            Err(error) => {
                tracing::debug!(%run, %error, "the state of a message's run cannot be read");
                Ok(None)
            }
        }
    }

    /// Begins one try, or settles the row without one, which is answered by true.
    async fn begin(&mut self, entry: OutboxEntry, now: Timestamp) -> Result<bool, CommandError> {
        let mut course = Course::decode(&entry.progress.note);
        let letter = match Letter::decode(&entry.row.body) {
            Ok(letter) => letter,
            Err(why) => {
                return self
                    .keep(entry.id, course, &format!("it cannot be read: {why}"))
                    .await;
            }
        };
        if let Some(problem) = &letter.problem {
            let why = format!("it could not be made: {problem}");
            return self.keep(entry.id, course, &why).await;
        }
        let act = if is_call(&self.shared, &letter) {
            let state = self.state(&letter.run).await?;
            match what_now(&letter, &course, state.as_deref().map(|it| &it.state)) {
                Do::Send(act) => act,
                Do::Forget => {
                    self.done(entry.id, &letter.run).await?;
                    return Ok(true);
                }
                Do::Wait => {
                    write(&self.shared, entry.id, &course.progress(Next::Waits)).await?;
                    return Ok(true);
                }
                Do::Keep(why) => return self.keep(entry.id, course, &why).await,
            }
        } else {
            MessageAct::Tell
        };
        let (secrets, lacks, redactor) = self.secrets(&letter);
        if !lacks.is_empty() {
            self.lacking
                .insert(entry.id, now + Millis(MESSAGE_SECRET_PAUSE_MS));
            if course.lacks != lacks {
                let names: Vec<&str> = lacks.iter().map(SecretName::as_str).collect();
                course.because(&format!("waits for secrets {}", names.join(", ")));
                course.lacks = lacks;
                let progress = course.progress(Next::At(now));
                write(&self.shared, entry.id, &progress).await?;
            }
            return Ok(false);
        }
        self.lacking.remove(&entry.id);
        #[cfg(feature = "failpoints")]
        crate::failpoints::sending(&entry.row.topic);
        let number = course.taken;
        self.fly(entry.id, letter, act, number, (secrets, redactor));
        Ok(false)
    }

    fn fly(
        &mut self,
        id: u64,
        letter: Letter,
        act: MessageAct,
        number: u32,
        (secrets, redactor): (Secrets, Redactor),
    ) {
        let message = Message {
            id: letter.id.clone(),
            run: letter.run.clone(),
            uses: letter.uses.clone(),
            input: letter.input.clone(),
            facts: letter.facts.clone(),
            secrets,
            at: Timestamp(letter.at_ms),
            act,
            number,
        };
        // In a task of its own, so that a panic of a messenger is a failed try.
        let work = tokio::spawn(self.messenger.deliver(message));
        self.busy.insert(id);
        self.flying.spawn(async move {
            let not_yet = |reason: &str| Delivery::NotYet {
                reason: reason.to_owned(),
                after: None,
            };
            let delivery = match tokio::time::timeout(MESSAGE_TRY_MAX, work).await {
                Ok(Ok(delivery)) => delivery,
                Ok(Err(_)) => not_yet("the messenger panicked, which is a bug of windlass"),
                Err(_) => not_yet("no answer in time"),
            };
            Tried {
                id,
                letter,
                act,
                delivery: redacted(delivery, &redactor),
            }
        });
    }

    /// Writes down what a try came to.
    async fn tried(&self, tried: Tried) -> Result<(), CommandError> {
        let Tried {
            id,
            letter,
            act,
            delivery,
        } = tried;
        #[cfg(feature = "failpoints")]
        crate::failpoints::sent(&letter.facts);
        // A person may have dropped or acknowledged it meanwhile.
        let now = self.shared.clock.now();
        if let Some(entry) = entry(&self.shared, id).await? {
            let mut course = Course::decode(&entry.progress.note);
            course.lacks.clear();
            let repeat = self.messenger.repeats(&letter.uses, &letter.input);
            match after(&letter, &mut course, act, delivery, repeat, now) {
                None => self.done(id, &letter.run).await?,
                Some(next) => write(&self.shared, id, &course.progress(next)).await?,
            }
            if repeat.is_some() {
                self.shared.registry().called_anew.insert(letter.run);
            }
        }
        Ok(())
    }

    async fn keep(&self, id: u64, mut course: Course, why: &str) -> Result<bool, CommandError> {
        course.because(why);
        write(&self.shared, id, &course.progress(Next::Kept)).await?;
        Ok(true)
    }

    /// Forgets a row, and with the last of its run the secrets that were kept for them.
    async fn done(&self, id: u64, run: &RunId) -> Result<(), CommandError> {
        forget(&self.shared, id).await?;
        if rows_of(&self.shared, run).await?.is_empty() {
            self.shared.registry().message_secrets.remove(run);
        }
        Ok(())
    }

    /// The secrets that a letter names, those of them that this process lacks, and what
    /// replaces all that it was given for the run.
    fn secrets(&self, letter: &Letter) -> (Secrets, BTreeSet<SecretName>, Redactor) {
        let registry = self.shared.registry();
        let held = [
            registry.secrets.get(&letter.run),
            registry.message_secrets.get(&letter.run),
        ];
        let mut values = BTreeMap::<SecretName, SecretString>::new();
        let mut lacks = BTreeSet::new();
        for name in letter.input.secrets() {
            let value = held.iter().flatten().find_map(|held| held.values.get(name));
            match value {
                Some(value) => drop(values.insert(name.clone(), value.clone())),
                None => drop(lacks.insert(name.clone())),
            }
        }
        let redactor = held
            .iter()
            .flatten()
            .next()
            .map(|held| held.redactor.clone());
        let secrets = Secrets::limited(values, letter.hosts.clone());
        (secrets, lacks, redactor.unwrap_or_default())
    }
}

/// That another process locks the journal for a while is no end of sending.
fn or_busy(done: Result<(), CommandError>) -> Result<(), CommandError> {
    match done {
        Err(CommandError::Busy) => Ok(()),
        done => done,
    }
}

/// What a receiver or a library says may hold what was sent to it.
fn redacted(delivery: Delivery, redactor: &Redactor) -> Delivery {
    match delivery {
        Delivery::Delivered | Delivery::Acknowledged => delivery,
        Delivery::NotYet { reason, after } => Delivery::NotYet {
            reason: redactor.text(&reason),
            after,
        },
        Delivery::Refused { reason } => Delivery::Refused {
            reason: redactor.text(&reason),
        },
    }
}

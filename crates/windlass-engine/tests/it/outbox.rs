//! The sender of the outbox with a fake receiver and a clock that only the test moves:
//! order, pauses, giving up, pages, and secrets that died with their process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use windlass_core::command::Command;
use windlass_core::id::{ActionName, SecretName};
use windlass_core::plan::{Input, Notice, Template, Topic};
use windlass_core::time::Millis;
use windlass_core::value::Value;
use windlass_engine::outbox::UnsentState;
use windlass_engine::ports::{Delivery, Message, MessageAct, Messenger, Work};
use windlass_engine::{Engine, Options};
use windlass_journal::MemoryStore;

use crate::world::{Place, eventually, gate, id, operator, plan_telling, read, start};

/// How often a page is sent again.
const REPEAT: Duration = Duration::from_secs(300);

/// Receivers by their names: `ill` ones are never there.
#[derive(Default)]
struct Post {
    sent: Mutex<Vec<(String, MessageAct, String)>>,
    ill: Mutex<bool>,
}

impl Post {
    /// What was sent to a receiver, each as its id's number and its act.
    fn to(&self, receiver: &str) -> Vec<(String, MessageAct)> {
        let sent = self.sent.lock().unwrap();
        let mine = sent.iter().filter(|(to, ..)| to == receiver);
        mine.map(|(_, act, id)| (id.rsplit('-').next().unwrap().to_owned(), *act))
            .collect()
    }
}

struct Fake(Arc<Post>);

fn receiver_of(input: &Input) -> String {
    match input.get("to").and_then(Input::into_value) {
        Some(Value::Text(to)) => to,
        _ => String::new(),
    }
}

impl Messenger for Fake {
    fn repeats(&self, uses: &ActionName, _: &Input) -> Option<Duration> {
        (uses.as_str() == "page").then_some(REPEAT)
    }

    fn receiver(&self, _: &ActionName, input: &Input) -> String {
        receiver_of(input)
    }

    fn deliver(&self, message: Message) -> Work<Delivery> {
        let post = Arc::clone(&self.0);
        Box::pin(async move {
            let to = receiver_of(&message.input);
            let is_ill = to == "ill" && *post.ill.lock().unwrap();
            post.sent
                .lock()
                .unwrap()
                .push((to, message.act, message.id));
            if is_ill {
                let reason = "not there".to_owned();
                return Delivery::NotYet {
                    reason,
                    after: None,
                };
            }
            Delivery::Delivered
        })
    }
}

fn notice(uses: &str, to: &str, secret: Option<&str>) -> Notice {
    let mut with = BTreeMap::from([(
        "to".to_owned(),
        Template::Literal(Value::Text(to.to_owned())),
    )]);
    if let Some(name) = secret {
        with.insert("key".to_owned(), Template::Secret(name.parse().unwrap()));
    }
    Notice {
        when: None,
        uses: uses.parse().unwrap(),
        with: Template::Map(with),
    }
}

fn options(place: &Place, store: &Arc<MemoryStore>, post: &Arc<Post>) -> Options {
    let mut options = place.options(store.clone());
    options.messenger = Some(Arc::new(Fake(Arc::clone(post))));
    options
}

fn told(number: &str) -> (String, MessageAct) {
    (number.to_owned(), MessageAct::Tell)
}

#[test]
fn one_receiver_is_told_in_order_and_the_others_do_not_wait_for_it() {
    let (place, store, post) = (Place::new(), Arc::new(MemoryStore::new()), Arc::default());
    let post: Arc<Post> = post;
    *post.ill.lock().unwrap() = true;
    let notices = ["ill", "ill", "well"].map(|to| notice("tell", to, None));
    let plan = plan_telling(vec![read("a", &[])], Topic::Ended, notices.to_vec());
    place.life(async {
        let engine = Engine::open(options(&place, &store, &post)).await.unwrap();
        let run = engine.start(start(plan)).await.unwrap();
        engine.wait_ended(&run).await.unwrap();
        eventually("the well one is told", || post.to("well").len() == 1).await;
        eventually("the ill one is tried", || post.to("ill").len() == 1).await;
        eventually("both are written down", || {
            let rows = windlass_engine::outbox::unsent(&*store, Some(&run)).unwrap();
            rows.len() == 2 && rows[0].tries == 1
        })
        .await;
        *post.ill.lock().unwrap() = false;
        // Nothing moves before its time has come.
        assert_eq!(post.to("ill"), [told("0")]);
        place.clock.advance(Millis::from_secs(1));
        eventually("the ill one is told", || post.to("ill").len() == 3).await;
        assert_eq!(post.to("ill"), [told("0"), told("0"), told("1")]);
        let left = engine.drain(Duration::from_secs(5)).await.unwrap();
        assert_eq!(left, []);
    });
}

#[test]
fn a_dead_receiver_is_given_up_after_a_day_and_seen() {
    let (place, store) = (Place::new(), Arc::new(MemoryStore::new()));
    let post: Arc<Post> = Arc::default();
    *post.ill.lock().unwrap() = true;
    let plan = plan_telling(
        vec![read("a", &[])],
        Topic::Ended,
        vec![notice("tell", "ill", None)],
    );
    place.life(async {
        let engine = Engine::open(options(&place, &store, &post)).await.unwrap();
        let run = engine.start(start(plan)).await.unwrap();
        engine.wait_ended(&run).await.unwrap();
        for tries in 1..=5 {
            eventually("it is tried", || {
                let rows = windlass_engine::outbox::unsent(&*store, None).unwrap();
                rows[0].tries == tries
            })
            .await;
            place.clock.advance(Millis::from_mins(6 * 60));
        }
        let rows = engine.unsent(None).await.unwrap();
        assert_eq!(rows[0].state, UnsentState::Undelivered, "{rows:?}");
        assert_eq!(rows[0].reason, "given up after 5 tries in 24h: not there");
        // A person has it tried again, from the beginning.
        *post.ill.lock().unwrap() = false;
        assert!(engine.retry_message(&operator(), rows[0].id).await.unwrap());
        eventually("it is told", || post.to("ill").len() == 6).await;
        assert_eq!(engine.drain(Duration::from_secs(5)).await.unwrap(), []);
    });
}

#[test]
fn a_page_is_repeated_acknowledged_by_any_command_and_resolved_by_its_cause() {
    let (place, store) = (Place::new(), Arc::new(MemoryStore::new()));
    let post: Arc<Post> = Arc::default();
    let plan = plan_telling(
        vec![read("a", &[]), gate("go", &["a"], None)],
        Topic::GateOpened,
        vec![notice("page", "dba", None)],
    );
    place.life(async {
        let engine = Engine::open(options(&place, &store, &post)).await.unwrap();
        let run = engine.start(start(plan)).await.unwrap();
        for times in 1..=3 {
            eventually("the page is sent", || post.to("dba").len() == times).await;
            eventually("it is written down", || {
                let rows = windlass_engine::outbox::unsent(&*store, None).unwrap();
                rows[0].taken as usize == times
            })
            .await;
            if times < 3 {
                place.clock.advance(Millis::from_mins(5));
            }
        }
        let pause = Command::Pause {
            by: operator(),
            reason: "I look".to_owned(),
        };
        engine.command(&run, pause).await.unwrap();
        eventually("it is acknowledged", || post.to("dba").len() == 4).await;
        place.clock.advance(Millis::from_mins(60));
        let resume = Command::Resume { by: operator() };
        engine.command(&run, resume).await.unwrap();
        let snapshot = engine.view(&run).await.unwrap();
        let approve = snapshot.state.approval(id("go"), operator(), String::new());
        engine.command(&run, approve).await.unwrap();
        eventually("it is over", || post.to("dba").len() == 5).await;
        let acts: Vec<MessageAct> = post.to("dba").into_iter().map(|(_, act)| act).collect();
        let call = MessageAct::Call;
        assert_eq!(
            acts,
            [
                call,
                call,
                call,
                MessageAct::Acknowledge,
                MessageAct::Resolve
            ]
        );
        assert_eq!(engine.drain(Duration::from_secs(5)).await.unwrap(), []);
        assert_eq!(engine.unsent(None).await.unwrap(), []);
    });
}

fn secrets() -> BTreeMap<SecretName, secrecy::SecretString> {
    let key = secrecy::SecretString::from("value");
    BTreeMap::from([("key".parse().unwrap(), key)])
}

#[test]
fn a_message_waits_for_the_secret_that_died_with_its_process() {
    let (place, store) = (Place::new(), Arc::new(MemoryStore::new()));
    let post: Arc<Post> = Arc::default();
    let plan = plan_telling(
        vec![read("a", &[])],
        Topic::Ended,
        vec![notice("tell", "well", Some("key"))],
    );
    let run = place.life(async {
        // This owner has no messenger: what it tells waits for the next.
        let engine = place.open(store.clone()).await;
        let mut start = start(plan);
        start.secrets = secrets();
        let run = engine.start(start).await.unwrap();
        engine.wait_ended(&run).await.unwrap();
        run
    });
    let rows = windlass_engine::outbox::unsent(&*store, Some(&run)).unwrap();
    assert_eq!(rows.len(), 1);
    place.life(async {
        let engine = Engine::open(options(&place, &store, &post)).await.unwrap();
        eventually("it says what it lacks", || {
            let rows = windlass_engine::outbox::unsent(&*store, None).unwrap();
            rows[0].reason == "waits for secrets key"
        })
        .await;
        assert_eq!(post.to("well"), []);
        engine
            .bring_secrets(&run, &operator(), secrets())
            .await
            .unwrap();
        eventually("it is told", || post.to("well") == [told("0")]).await;
        assert_eq!(engine.drain(Duration::from_secs(5)).await.unwrap(), []);
    });
}

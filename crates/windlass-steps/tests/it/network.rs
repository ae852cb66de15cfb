//! PostgreSQL's own protocol over a network that fails: whatever happens to the bytes, what
//! an attempt says of its effect agrees with what is in the table. `WINDLASS_FULL=1` cuts
//! after every single byte of a session, in both ways.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Duration;

use rds_lab::proxy::{Fault, Moment, Proxy, Way};
use serde_json::json;
use windlass_core::outcome::{Effected, Outcome};
use windlass_core::value::Value;

use crate::server::{Server, server};
use crate::support::{Attempt, Ended, within};

/// Cuts of each way of a session in the set for every change.
const CUTS_SPREAD: u64 = 40;
/// Sessions that are cut at the same time.
const AT_ONCE: usize = 4;

fn is_full() -> bool {
    std::env::var_os("WINDLASS_FULL").is_some_and(|set| set != "0")
}

/// Past the capture of the harness: counts are the proof.
fn say(line: &str) {
    let _closed = writeln!(std::io::stderr(), "{line}");
}

/// What attempts said of their effect, each with the row that it was to write.
#[derive(Debug, Default)]
struct Said {
    none: BTreeSet<i64>,
    unknown: BTreeSet<i64>,
    succeeded: BTreeSet<i64>,
}

impl Said {
    fn add(&mut self, row: i64, ended: &Ended) {
        let (said, effect) = match &ended.outcome {
            Outcome::Succeeded { .. } => (&mut self.succeeded, "succeeded"),
            Outcome::Failed(failure) => match failure.effect {
                Effected::None => (&mut self.none, "none"),
                Effected::Unknown => (&mut self.unknown, "unknown"),
                Effected::Settled => panic!("nothing settles in a transaction: {failure:?}"),
            },
        };
        assert!(said.insert(row), "{row} twice {effect}");
    }

    /// Holds what was said against the table.
    async fn hold(&self, server: &Server, table: &str, step: &str) -> (usize, usize) {
        gone(server, step).await;
        let sql = format!("select coalesce(json_agg(n), '[]') as n from {table}");
        let value = server.value(&sql).await;
        let Value::List(rows) = value else {
            panic!("{value}")
        };
        let int = |value: &Value| match value {
            Value::Int(row) => *row,
            other => panic!("{other}"),
        };
        let all: Vec<i64> = rows.iter().map(int).collect();
        let rows: BTreeSet<i64> = all.iter().copied().collect();
        assert_eq!(rows.len(), all.len(), "a row was written twice");
        let lied: Vec<_> = self.none.intersection(&rows).collect();
        assert!(lied.is_empty(), "none was said, and it is there: {lied:?}");
        let lied: Vec<_> = self.succeeded.difference(&rows).collect();
        assert!(
            lied.is_empty(),
            "success was said, and it is not there: {lied:?}"
        );
        let there = self.unknown.intersection(&rows).count();
        (there, self.unknown.len() - there)
    }
}

/// Waits until the server has no session of a step any more: what it does, it has done.
async fn gone(server: &Server, step: &str) {
    let sql = format!(
        "select count(*) from pg_stat_activity where application_name = 'windlass/run-1/{step}'"
    );
    within(Duration::from_secs(20), async {
        while server.value(&sql).await != Value::Int(0) {}
    })
    .await;
}

fn insert(server: &Server, table: &str, row: i64, port: u16) -> Attempt {
    let sql = format!("insert into {table} values ($1)");
    server.execute(json!({"sql": sql, "params": [row], "port": port}))
}

/// How many bytes an undisturbed attempt has in both ways.
async fn lengths(server: &Server, attempt: impl Fn(u16) -> Attempt) -> [(Way, u64); 2] {
    let proxy = Proxy::to(server.port).unwrap();
    attempt(proxy.port()).run().await.outputs();
    [Way::ToServer, Way::ToClient].map(|way| (way, proxy.passed(way)))
}

/// The places at which a session is cut: every byte, or a spread with the last ones, where
/// the commit and its answer are.
fn places(length: u64) -> Vec<u64> {
    if is_full() {
        return (0..length).collect();
    }
    let spread = (0..length).step_by(usize::try_from(length.div_ceil(CUTS_SPREAD)).unwrap());
    let last = (length.saturating_sub(40)..length).step_by(4);
    spread
        .chain(last)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_cut_after_every_byte_never_lies() {
    let server = server();
    server.prepare("create table cut_each_t (n int)").await;
    let table = "cut_each_t";
    let lengths = lengths(&server, |port| insert(&server, table, 0, port)).await;
    let mut said = Said::default();
    said.succeeded.insert(0);
    let mut cases = Vec::new();
    for (way, length) in lengths {
        cases.extend(places(length).into_iter().map(|place| (way, place)));
    }
    let mut fired = 0;
    for (at, together) in cases.chunks(AT_ONCE).enumerate() {
        let running = together.iter().enumerate().map(|(index, (way, place))| {
            let row = i64::try_from(1 + at * AT_ONCE + index).unwrap();
            let proxy = Proxy::to(server.port).unwrap();
            proxy.arm(Moment::Bytes(*way, *place), Fault::Cut);
            let attempt = insert(&server, table, row, proxy.port()).step("cut_each");
            (row, proxy, attempt.start())
        });
        for (row, proxy, running) in running.collect::<Vec<_>>() {
            said.add(row, &running.end().await);
            fired += proxy.fired();
        }
    }
    let (there, not_there) = said.hold(&server, table, "cut_each").await;
    say(&format!(
        "network: a change cut after k bytes: {fired} cuts fired of {} (a session is {lengths:?}); \
         none {}, succeeded {}, unknown {}: in the table {there}, not there {not_there}; lies 0",
        cases.len(),
        said.none.len(),
        said.succeeded.len(),
        said.unknown.len(),
    ));
    // A server's parting words may be a few bytes shorter from time to time.
    assert!(fired + 8 >= cases.len(), "{fired} of {}", cases.len());
    assert!(said.none.len() > 10 && there > 0 && not_there > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_is_cut_after_every_byte_answers_right_or_not_at_all() {
    let server = server();
    let ask = |port: u16| {
        let sql = "select string_agg(n::text, ',' order by n) from generate_series(1, 40) n";
        server.query(json!({"sql": sql, "port": port}))
    };
    let right = ask(server.port).run().await.output("value").clone();
    let (mut fired, mut armed, mut answered) = (0, 0, 0);
    for (way, length) in lengths(&server, ask).await {
        for together in places(length).chunks(AT_ONCE) {
            let running = together.iter().map(|place| {
                let proxy = Proxy::to(server.port).unwrap();
                proxy.arm(Moment::Bytes(way, *place), Fault::Cut);
                let running = ask(proxy.port()).start();
                (proxy, running)
            });
            for (proxy, running) in running.collect::<Vec<_>>() {
                let ended = running.end().await;
                (armed, fired) = (armed + 1, fired + proxy.fired());
                match &ended.outcome {
                    Outcome::Succeeded { .. } => {
                        assert_eq!(*ended.output("value"), right);
                        answered += 1;
                    }
                    Outcome::Failed(failure) => {
                        assert_ne!(failure.effect, Effected::Settled, "{failure:?}");
                    }
                }
            }
        }
    }
    say(&format!(
        "network: a read cut after k bytes: {fired} cuts fired of {armed}; answered {answered}, wrongly 0"
    ));
    assert!(fired + 8 >= armed && answered < armed, "{fired} of {armed}");
}

/// What one case of the table below must come to.
struct Case {
    name: &'static str,
    moment: Moment,
    fault: Fault,
    /// Whether the network gets well while the attempt waits.
    heals: bool,
    /// The effect that is said (`None` for success), and whether the row is there.
    ends: (Option<Effected>, bool),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_around_a_commit_is_told_as_it_was() {
    use Way::{ToClient, ToServer};
    let server = server();
    server.prepare("create table around_t (n int)").await;
    let commit = || b"COMMIT\0".to_vec();
    // The answer to it: a message of the tag.
    let committed = || b"C\0\0\0\x0bCOMMIT\0".to_vec();
    let case = |name, moment, fault, heals, effect, there| Case {
        name,
        moment,
        fault,
        heals,
        ends: (effect, there),
    };
    let unknown = Some(Effected::Unknown);
    let slow = Duration::from_millis(2);
    let cases = [
        case(
            "cut before the commit",
            Moment::Before(ToServer, commit()),
            Fault::Cut,
            false,
            unknown,
            false,
        ),
        case(
            "cut before its answer",
            Moment::Before(ToClient, committed()),
            Fault::Cut,
            false,
            unknown,
            true,
        ),
        case(
            "the commit comes late",
            Moment::Before(ToServer, commit()),
            Fault::Hold,
            true,
            None,
            true,
        ),
        case(
            "its answer comes late",
            Moment::After(ToServer, commit()),
            Fault::HoldOneWay(ToClient),
            true,
            None,
            true,
        ),
        case(
            "its answer comes twice",
            Moment::Before(ToClient, committed()),
            Fault::Twice,
            false,
            None,
            true,
        ),
        case(
            "the client's way ends after the commit",
            Moment::After(ToServer, commit()),
            Fault::HalfClose,
            false,
            None,
            true,
        ),
        case(
            "the server's way ends before its answer",
            Moment::Before(ToClient, committed()),
            Fault::HalfClose,
            false,
            unknown,
            true,
        ),
        case(
            "every piece is late",
            Moment::Now,
            Fault::Delay(Duration::from_millis(30)),
            false,
            None,
            true,
        ),
        case(
            "a byte at a time",
            Moment::Now,
            Fault::Trickle(slow),
            false,
            None,
            true,
        ),
        case(
            "hung up at once",
            Moment::Connection(1),
            Fault::HangUp,
            false,
            Some(Effected::None),
            false,
        ),
        case(
            "cut at once",
            Moment::Connection(1),
            Fault::Cut,
            false,
            Some(Effected::None),
            false,
        ),
    ];
    let mut said = Said::default();
    for (row, case) in (1..).zip(&cases) {
        let proxy = Proxy::to(server.port).unwrap();
        proxy.arm(case.moment.clone(), case.fault);
        let attempt = insert(&server, "around_t", row, proxy.port()).step("around");
        let running = attempt.start();
        if case.heals {
            within(Duration::from_secs(20), async {
                while proxy.fired() == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await;
            assert!(!running.outcome.is_finished(), "{}", case.name);
            proxy.disarm();
        }
        let ended = running.end().await;
        let effect = match &ended.outcome {
            Outcome::Succeeded { .. } => None,
            Outcome::Failed(failure) => Some(failure.effect),
        };
        gone(&server, "around").await;
        let sql = format!("select count(*) from around_t where n = {row}");
        let there = server.value(&sql).await == Value::Int(1);
        assert_eq!((effect, there), case.ends, "{}: {ended:?}", case.name);
        assert_eq!(proxy.fired(), 1, "{}", case.name);
        said.add(row, &ended);
    }
    said.hold(&server, "around_t", "around").await;
    say(&format!(
        "network: around a commit: {} faults fired of {}; lies 0",
        cases.len(),
        cases.len()
    ));
}

/// A black hole swallows a read and a change: the read ends at its deadline and can be tried
/// again; a change is waited for, because its end is not known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole_ends_reads_and_keeps_changes_waiting() {
    let server = server();
    server.prepare("create table hole_t (n int)").await;
    let connecting = Proxy::to(server.port).unwrap();
    connecting.arm(Moment::Now, Fault::BlackHole);
    let with = json!({"sql": "select 1", "port": connecting.port(), "connect_timeout": 300});
    let ended = server.execute(with).run().await;
    ended.failed(Effected::None, "connect_failed");

    let proxy = Proxy::to(server.port).unwrap();
    let read = server.query(json!({"sql": "select 'ho' || 'le'", "port": proxy.port()}));
    // The answer's row: the statement has been sent.
    proxy.arm(
        Moment::Before(Way::ToClient, b"hole".to_vec()),
        Fault::BlackHole,
    );
    let ended = read.timeout_ms(2_000).run().await;
    let failure = ended.failure();
    assert_eq!(failure.effect, Effected::Unknown, "{failure:?}");
    assert_eq!((connecting.fired(), proxy.fired()), (1, 1));

    let proxy = Proxy::to(server.port).unwrap();
    let commit = b"COMMIT\0".to_vec();
    proxy.arm(Moment::After(Way::ToServer, commit), Fault::BlackHole);
    let running = insert(&server, "hole_t", 1, proxy.port())
        .timeout_ms(3_000)
        .start();
    within(Duration::from_secs(20), async {
        while server.value("select count(*) from hole_t").await == Value::Int(0) {}
    })
    .await;
    tokio::time::sleep(Duration::from_millis(3_000)).await;
    assert!(!running.outcome.is_finished(), "past its deadline it waits");
    // The connection ends at last, and nobody can know from it what became of the change.
    drop(proxy);
    running
        .end()
        .await
        .failed(Effected::Unknown, "connection_lost");
    say("network: black holes: 3 fired; the read ended, the change was waited for");
}

//! `plugins/alertmanager` against a real Alertmanager; a relay loses replies on their way.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use windlass_core::outcome::{Answer, Effected};
use windlass_wasm::fixture::Fixture;
use windlass_wasm::{Host, Options, Plugin, conformance, play};

use crate::support::{attempt, component, options};

const PROGRAM: &str = "/usr/bin/prometheus-alertmanager";
const CONFIG: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";

/// A real server; it ends with the test.
struct Server {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// `None` after it was said that there is none.
    fn start() -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            let refused = std::env::var_os("WINDLASS_NO_SKIP").is_some_and(|set| set == "1");
            assert!(!refused, "SKIP is refused here: no {PROGRAM}");
            eprintln!("SKIP: no {PROGRAM}: the package prometheus-alertmanager has it");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("alertmanager.yml");
        std::fs::write(&config, CONFIG).unwrap();
        let port = free_port();
        let child = Command::new(PROGRAM)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", dir.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self {
            child,
            port,
            _dir: dir,
        };
        loop {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "Alertmanager ended: {ended:?}");
            if ask(port, "GET", "/-/ready", "").is_some_and(|answer| answer.contains("200 OK")) {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn silences(&self) -> Vec<Json> {
        let answer = ask(self.port, "GET", "/api/v2/silences", "").unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str(body).unwrap()
    }

    fn fires(&self, service: &str) {
        let alert = json!([{"labels": {"alertname": "Down", "service": service}}]);
        let answer = ask(self.port, "POST", "/api/v2/alerts", &alert.to_string()).unwrap();
        assert!(answer.contains("200 OK"), "{answer}");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// One request of the test's own.
fn ask(port: u16, method: &str, path: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// Stands before the server; where it loses, the server has done what it was asked for and
/// its reply is not passed on.
struct Relay {
    port: u16,
    loses: Arc<AtomicBool>,
    lost: Arc<AtomicU32>,
}

impl Relay {
    fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, to) = (listener.local_addr().unwrap().port(), server.port);
        let relay = Self {
            port,
            loses: Arc::default(),
            lost: Arc::default(),
        };
        let (loses, lost) = (relay.loses.clone(), relay.lost.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = client.unwrap();
                let request = whole_request(&mut client);
                let mut server = TcpStream::connect(("127.0.0.1", to)).unwrap();
                // So that its end is the answer's end.
                let request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
                server.write_all(request.as_bytes()).unwrap();
                let mut answer = Vec::new();
                server.read_to_end(&mut answer).unwrap();
                if loses.load(Ordering::SeqCst) && !request.starts_with("GET") {
                    lost.fetch_add(1, Ordering::SeqCst);
                } else {
                    let _ = client.write_all(&answer);
                }
            }
        });
        relay
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn whole_request(client: &mut TcpStream) -> String {
    let mut request = String::new();
    let mut bytes = [0; 4096];
    loop {
        let count = client.read(&mut bytes).unwrap();
        request.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        let Some((head, body)) = request.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            return request;
        }
    }
}

async fn plugin(options: Options) -> Option<Plugin> {
    let bytes = component("alertmanager")?;
    Some(Host::new(options).unwrap().load(bytes).await.unwrap())
}

fn wanted(endpoint: &str) -> Json {
    json!({
        "endpoint": endpoint,
        "matchers": ["service=\"db\"", "alertname!~Watch.*"],
        "minutes": 30,
        "comment": "an upgrade",
    })
}

#[tokio::test]
async fn alerts_are_silent_until_the_silence_is_taken_back() {
    let (Some(plugin), Some(server)) = (plugin(options()).await, Server::start()) else {
        return;
    };
    server.fires("db");
    server.fires("web");
    let firing = async || {
        let with = json!({"endpoint": server.endpoint(), "matchers": ["service=\"db\""]});
        let ended = attempt(&plugin, "alertmanager/alerts", with).run().await;
        ended.outputs().get("count").unwrap().to_string()
    };
    assert_eq!(firing().await, "1");
    let made = attempt(&plugin, "alertmanager/silence", wanted(&server.endpoint()))
        .run()
        .await;
    let id = made
        .outputs()
        .get("silence_id")
        .unwrap()
        .as_text()
        .unwrap()
        .to_owned();
    let silences = server.silences();
    assert_eq!(silences.len(), 1);
    assert_eq!(silences[0]["id"], json!(id));
    assert_eq!(silences[0]["comment"], "an upgrade [windlass key-1]");
    assert_eq!(silences[0]["status"]["state"], "active");
    assert_eq!(silences[0]["matchers"][1]["isEqual"], json!(false));
    assert_eq!(firing().await, "0");
    let kept = made.kept.last().unwrap();
    assert!(kept.contains(&id), "{kept}");
    // Once more is as good as once, and by hand as well.
    for _ in 0..2 {
        let undo = attempt(&plugin, "alertmanager/silence", wanted(&server.endpoint())).kept(kept);
        undo.undo().await.outputs();
        assert_eq!(server.silences()[0]["status"]["state"], "expired");
    }
    let with = json!({"endpoint": server.endpoint(), "silence_id": id});
    attempt(&plugin, "alertmanager/expire", with)
        .run()
        .await
        .outputs();
    assert_eq!(firing().await, "1");
}

#[tokio::test]
async fn a_silence_whose_reply_is_lost_is_found_by_its_mark() {
    let (Some(plugin), Some(server)) = (plugin(options()).await, Server::start()) else {
        return;
    };
    let relay = Relay::before(&server);
    let silence = || attempt(&plugin, "alertmanager/silence", wanted(&relay.endpoint()));
    let (answer, _) = silence()
        .kept("{\"mark\": \"[windlass key-1]\"}")
        .reconcile()
        .await;
    assert!(matches!(answer, Answer::NotHappened { .. }), "{answer:?}");
    relay.loses.store(true, Ordering::SeqCst);
    let ended = silence().run().await;
    ended.failed(Effected::Unknown, "connection_lost");
    assert_eq!(relay.lost.load(Ordering::SeqCst), 1, "the reply was lost");
    let silences = server.silences();
    assert_eq!(silences.len(), 1, "and the silence is there");
    let kept = ended.kept.last().unwrap();
    let (answer, _) = silence().kept(kept).reconcile().await;
    let Answer::Happened { outputs } = answer else {
        panic!("{answer:?}");
    };
    let id = silences[0]["id"].as_str();
    assert_eq!(outputs.get("silence_id").unwrap().as_text(), id);
    // Undone without an id, and without a reply: it is found by the mark.
    let undone = silence().kept(kept).undo().await;
    undone.failed(Effected::Unknown, "connection_lost");
    assert_eq!(relay.lost.load(Ordering::SeqCst), 2);
    assert_eq!(server.silences()[0]["status"]["state"], "expired");
}

#[tokio::test]
async fn what_the_server_refuses_did_not_happen() {
    let (Some(plugin), Some(server)) = (plugin(options()).await, Server::start()) else {
        return;
    };
    let ended = async |at: &str, value: Json| {
        let mut with = wanted(&server.endpoint());
        with[at] = value;
        attempt(&plugin, "alertmanager/silence", with).run().await
    };
    for (at, value) in [
        ("matchers", json!([])),
        ("matchers", json!(["service"])),
        ("matchers", json!(["service=\"db"])),
        ("minutes", json!(0)),
        ("minutes", json!(60 * 24 * 7)),
    ] {
        ended(at, value).await.failed(Effected::None, "bad_input");
    }
    // Its own word, which is kept as evidence.
    let refused = ended("matchers", json!(["service=~\"(\""])).await;
    let failure = refused.failed(Effected::None, "refused");
    assert!(failure.message.contains("400"), "{failure:?}");
    assert!(failure.evidence.is_some());
    assert!(server.silences().is_empty());
}

/// Where the recorded fixtures lie; `WINDLASS_UPDATE_FIXTURES=1` writes them anew.
fn fixtures_dir() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/alertmanager/fixtures")
}

#[tokio::test]
async fn calls_to_the_real_server_are_recorded_and_play_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = dir.path().join("recorded");
    let options = Options {
        record: Some(recorded.clone()),
        ..options()
    };
    let (Some(plugin), Some(server)) = (plugin(options).await, Server::start()) else {
        return;
    };
    server.fires("db");
    let endpoint = server.endpoint();
    let silence = || attempt(&plugin, "alertmanager/silence", wanted(&endpoint));
    let made = silence().run().await;
    let id = made
        .outputs()
        .get("silence_id")
        .unwrap()
        .as_text()
        .unwrap()
        .to_owned();
    let kept = made.kept.last().unwrap();
    silence().kept(kept).reconcile().await;
    silence().kept(kept).undo().await.outputs();
    let with = json!({"endpoint": endpoint, "silence_id": id});
    attempt(&plugin, "alertmanager/expire", with)
        .run()
        .await
        .outputs();
    let with = json!({"endpoint": endpoint, "matchers": ["service=db"]});
    attempt(&plugin, "alertmanager/alerts", with)
        .run()
        .await
        .outputs();
    drop(server);
    let mut played = 0;
    for entry in std::fs::read_dir(&recorded).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace(&endpoint, "https://alerts.example.com");
        let fixture = Fixture::read(&text).unwrap();
        let wrong = play(&plugin, &fixture, &dir.path().join("log")).await;
        assert_eq!(wrong, Vec::<String>::new(), "{}: {text}", path.display());
        played += 1;
        if std::env::var_os("WINDLASS_UPDATE_FIXTURES").is_some() {
            std::fs::create_dir_all(fixtures_dir()).unwrap();
            let phase = serde_json::to_value(fixture.phase).unwrap();
            let name = match phase.as_str().unwrap() {
                "run" => fixture.action.clone(),
                phase => format!("{}_{phase}", fixture.action),
            };
            std::fs::write(fixtures_dir().join(format!("{name}.json")), text + "\n").unwrap();
        }
    }
    assert_eq!(played, 5);
}

#[tokio::test]
async fn its_fixtures_play_and_it_conforms() {
    let Some(plugin) = plugin(options()).await else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let mut fixtures = Vec::new();
    for entry in std::fs::read_dir(fixtures_dir()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let fixture = Fixture::read(&text).unwrap();
        let wrong = play(&plugin, &fixture, &log).await;
        assert_eq!(wrong, Vec::<String>::new(), "{}", path.display());
        fixtures.push((path.display().to_string(), fixture));
    }
    assert!(fixtures.len() >= 5);
    for check in conformance(&plugin, &fixtures, &log).await {
        assert_eq!(check.wrong, Vec::<String>::new(), "{}", check.name);
    }
}

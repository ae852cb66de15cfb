//! The pages of the step kinds: their runbooks check clean, and those that say `run` are
//! run to their end, against a real server where they ask for its port.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use windlass_tests::binary::windlass;

use super::blocks::{Block, blocks, page};

/// What the service of the page of `http` wants to see.
const TOKEN: &str = "token-of-the-page";

#[test]
fn runbooks_of_the_pages_check_clean_and_run() {
    let mut checked = 0;
    let mut run = 0;
    let mut pages: Vec<_> = std::fs::read_dir(page("docs/steps"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    for name in pages {
        for block in blocks(&format!("docs/steps/{name}")) {
            let says = |word: &str| block.info.iter().any(|said| said == word);
            if !says("runbook") {
                continue;
            }
            check(&name, &block);
            checked += 1;
            if says("run") {
                perform(&name, &block);
                run += 1;
            }
        }
    }
    assert!(checked >= 2 && run >= 1, "{checked} checked, {run} run");
}

fn check(page: &str, block: &Block) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("runbook.yaml");
    std::fs::write(&path, &block.text).unwrap();
    let said = Command::new(windlass())
        .arg("check")
        .arg(&path)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&said.stderr);
    assert!(
        said.status.success() && printed.is_empty(),
        "{page}, line {}:\n{printed}",
        block.line
    );
}

fn perform(page: &str, block: &Block) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("runbook.yaml");
    std::fs::write(&path, &block.text).unwrap();
    let service = Service::start();
    let said = Command::new(windlass())
        .args(["--allow-volatile-state", "--state-dir"])
        .arg(dir.path().join("state"))
        .arg("run")
        .arg(&path)
        .args(["--input", &format!("port={}", service.port)])
        .env("API_TOKEN", TOKEN)
        .output()
        .unwrap();
    let printed = format!(
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
    assert!(
        said.status.success(),
        "{page}, line {}:\n{printed}",
        block.line
    );
    assert!(!printed.contains(TOKEN), "{printed}");
    let starts = service.starts.lock().unwrap();
    assert_eq!(*starts, 1, "{printed}");
}

/// Jobs that are stopped and can be started.
struct Service {
    port: u16,
    starts: Arc<Mutex<u32>>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = Self {
            port: listener.local_addr().unwrap().port(),
            starts: Arc::default(),
        };
        let starts = service.starts.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &starts);
            }
        });
        service
    }
}

fn answer(mut stream: TcpStream, starts: &Mutex<u32>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let allowed = request.contains(&format!("authorization: Bearer {TOKEN}\r\n"));
    let (status, body) = match request.split(' ').take(2).collect::<Vec<_>>().as_slice() {
        _ if !allowed => ("401 Unauthorized", "{}"),
        ["GET", "/v1/jobs/nightly?fields=state"] => ("200 OK", r#"{"state":"stopped"}"#),
        ["POST", "/v1/jobs/nightly/starts"] if request.contains("\r\nidempotency-key: ") => {
            *starts.lock().unwrap() += 1;
            ("201 Created", r#"{"state":"starting"}"#)
        }
        _ => ("404 Not Found", "{}"),
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json");
    let whole = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let _ = stream.write_all(whole.as_bytes());
}

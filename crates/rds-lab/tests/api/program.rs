//! The program `rds-lab`: what it prints works as it stands, and nothing outlives it.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// Fewer are printed only when it cannot start.
const LINES_MIN: usize = 15;
/// How long somebody else may hold a port that was given back.
const RELEASED_WITHIN: Duration = Duration::from_secs(5);

/// The program and what it printed until it was ready.
fn started(arguments: &[&str]) -> (Child, Vec<String>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rds-lab"))
        .args(arguments)
        .args(["--seconds", "0.1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // As a shell does: Ctrl-C then goes to all of the group.
        .process_group(0)
        .spawn()
        .unwrap();
    let printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines: Vec<String> = printed
        .map(Result::unwrap)
        .take_while(|line| !line.starts_with("Ctrl-C"))
        .collect();
    if lines.len() < LINES_MIN {
        let said = child.wait_with_output().unwrap();
        panic!("it ended: {}", String::from_utf8_lossy(&said.stderr));
    }
    (child, lines)
}

/// Ends it as Ctrl-C does; answers what it said then, such as that a server did not stop.
fn interrupted(child: Child) -> String {
    let group = Pid::from_child(&child);
    kill_process_group(group, Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{said}");
    said
}

#[test]
fn the_line_that_it_prints_shows_the_instances() {
    let (child, lines) = started(&["--simulate"]);
    let curl = lines.iter().find(|line| line.starts_with("curl ")).unwrap();
    let shown = Command::new("sh").args(["-c", curl]).output().unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("\"name\":\"orders\""), "{curl}\n{text}");
    interrupted(child);
}

#[test]
fn no_server_is_left_when_it_is_interrupted() {
    let (child, lines) = started(&[]);
    let ports: Vec<u16> = lines
        .iter()
        .filter_map(|line| {
            line.split_once("@127.0.0.1:")?
                .1
                .split_once('/')?
                .0
                .parse()
                .ok()
        })
        .collect();
    assert_eq!(ports.len(), 4, "{lines:?}");
    let listens = |port: &u16| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok();
    assert!(ports.iter().all(listens), "{ports:?}");
    let said = interrupted(child);
    // Another lab that looks for free ports listens on each for a moment; a server that is
    // left listens for ever.
    let until = Instant::now() + RELEASED_WITHIN;
    while ports.iter().any(listens) {
        assert!(Instant::now() < until, "{ports:?} are served still: {said}");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!said.contains("failed to"), "{said}");
}

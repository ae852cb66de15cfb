//! Attaching: history, live records, decisions, the end, and several clients at once.

use windlass_core::event::Event;
use windlass_server::wire::{
    Accepted, Approve, Cancel, Pause, Reject, RunFilter, RunState, StreamLine,
};
use windlass_server::{Client, ClientError};

use crate::house::{House, gate, plan, read, run, seen, start, to_end, until};
use crate::raw::send;

fn code(result: Result<Accepted, ClientError>) -> (u16, String) {
    match result.unwrap_err() {
        ClientError::Refused { status, body } => (status, body.code),
        other => panic!("{other}"),
    }
}

#[test]
fn a_run_is_started_followed_approved_and_read_again() {
    run(async {
        let house = House::open().await;
        let (client, run) = house
            .started(
                vec![read("a", &[]), gate("go", &["a"]), read("b", &["go"])],
                "gate_opened",
            )
            .await;
        let view = client.run(&run).await.unwrap();
        assert_eq!(view.state, "waiting");
        assert_eq!(view.waits_for, "gate go");
        assert!(view.single_user);
        let open = &view.gates[0];
        assert_eq!(open.rule, "single-user: no second person");
        assert_eq!(open.shown["why"].as_text(), Some("because"));
        assert_eq!(open.next[0], format!("windlass approve {run} go"));
        assert_eq!(view.needs[0].code, "gate");

        let follower = client.events(&run, 0).await.unwrap();
        let mut stale = Approve {
            gate: open.step.clone(),
            statement: open.statement,
            note: String::new(),
            signature: None,
        };
        stale.statement.attempt = 2;
        let (status, word) = code(client.approve(&run, &stale).await);
        assert_eq!((status, word.as_str()), (409, "stale_statement"));

        let approve = Approve {
            statement: open.statement,
            ..stale
        };
        let second = house.client().await;
        let accepted = second.approve(&run, &approve).await.unwrap();
        assert_eq!(accepted.events[0], "gate_approved");
        let (_, word) = code(client.approve(&run, &approve).await);
        assert!(
            ["gate_already_approved", "run_ended"].contains(&word.as_str()),
            "{word}"
        );

        let (lines, end) = to_end(follower).await;
        assert_eq!(end.code, "run_ended");
        let seqs: Vec<u64> = lines.iter().map(|line| line.seq).collect();
        assert_eq!(seqs, (0..lines.len() as u64).collect::<Vec<_>>());
        assert!(matches!(
            lines[0].event().unwrap(),
            Event::RunStarted { .. }
        ));
        assert_eq!(lines.last().unwrap().kind, "run_ended");

        let (again, _) = to_end(second.events(&run, 0).await.unwrap()).await;
        assert_eq!(again, lines);
        let (tail, _) = to_end(second.events(&run, 2).await.unwrap()).await;
        assert_eq!(tail, lines[2..]);
        let (none, end) = to_end(second.events(&run, lines.len() as u64).await.unwrap()).await;
        assert_eq!((none.len(), end.code.as_str()), (0, "run_ended"));

        let view = client.run(&run).await.unwrap();
        assert_eq!(view.end.as_deref(), Some("succeeded"));
        assert_eq!(view.next_seq, Some(lines.len() as u64));
        assert!(view.needs.is_empty());
        house.server.stop().await;
    });
}

#[test]
fn a_rejected_gate_fails_the_run() {
    run(async {
        let house = House::open().await;
        let (client, run) = house
            .started(vec![gate("go", &[]), read("b", &["go"])], "gate_opened")
            .await;
        let reject = |reason: &str| Reject {
            gate: "go".parse().unwrap(),
            reason: reason.to_owned(),
        };
        let (status, word) = code(client.reject(&run, &reject("  ")).await);
        assert_eq!((status, word.as_str()), (422, "bad_reason"));
        client.reject(&run, &reject("not tonight")).await.unwrap();
        let (lines, _) = to_end(client.events(&run, 0).await.unwrap()).await;
        assert!(lines.iter().any(|line| line.kind == "gate_rejected"));
        let view = client.run(&run).await.unwrap();
        assert_eq!(view.end.as_deref(), Some("failed"));
    });
}

#[test]
fn runs_are_paused_resumed_cancelled_and_listed() {
    run(async {
        let house = House::open().await;
        let (client, first) = house.started(vec![gate("go", &[])], "gate_opened").await;
        let pause = Pause {
            reason: "lunch".to_owned(),
        };
        client.pause(&first, &pause).await.unwrap();
        let view = client.run(&first).await.unwrap();
        assert_eq!(view.state, "paused");
        assert!(view.reason.unwrap().contains("lunch"));
        let paused = view
            .needs
            .iter()
            .find(|need| need.code == "paused")
            .unwrap();
        assert_eq!(paused.next, [format!("windlass resume {first}")]);
        assert_eq!(code(client.pause(&first, &pause).await).1, "already_paused");
        client.resume(&first).await.unwrap();
        assert_eq!(code(client.resume(&first).await).1, "not_paused");

        let (_, second) = house.started(vec![gate("go", &[])], "gate_opened").await;
        let cancel = Cancel {
            reason: "enough".to_owned(),
            undo: false,
        };
        client.cancel(&second, &cancel).await.unwrap();
        seen(&client, &second, |view| view.end.is_some()).await;

        let list = |state| {
            let client = client.clone();
            let filter = RunFilter {
                state,
                ..RunFilter::default()
            };
            async move {
                let list = client.runs(&filter).await.unwrap();
                list.runs.into_iter().map(|row| row.run).collect::<Vec<_>>()
            }
        };
        assert_eq!(list(RunState::Live).await, [first.to_string()]);
        assert_eq!(list(RunState::Ended).await, [second.to_string()]);
        assert_eq!(list(RunState::Any).await.len(), 2);
        let filter = RunFilter {
            status: Some("waiting".to_owned()),
            limit: Some(1),
            ..RunFilter::default()
        };
        let waiting = client.runs(&filter).await.unwrap().runs;
        assert_eq!(waiting[0].waits_for, "gate go");
    });
}

#[test]
fn progress_and_logs_are_read_while_an_attempt_is_in_flight() {
    run(async {
        let house = House::open().await;
        let (client, run) = house
            .started(vec![read("hold", &[])], "attempt_started")
            .await;
        let view = seen(&client, &run, |view| {
            let item = view.steps[0].items.first();
            item.is_some_and(|item| item.last_line.is_some())
        })
        .await;
        let item = &view.steps[0].items[0];
        assert_eq!(item.last_line.as_deref(), Some("hold is at work"));
        assert_eq!((item.state.as_str(), item.attempt), ("running", 1));
        let node = "hold".parse().unwrap();
        let log = client.log(&run, &node, 1).await.unwrap();
        assert_eq!(log, b"hold is at work\n");
        let missing = client.log(&run, &node, 2).await.unwrap_err();
        assert_eq!(missing.code(), Some("unknown_attempt"));
        house.permits.add_permits(1);
        seen(&client, &run, |view| view.end.is_some()).await;
    });
}

#[test]
fn an_owner_that_parks_tells_its_followers_how_to_go_on() {
    run(async {
        let mut house = House::open().await;
        let (client, run) = house.started(vec![gate("go", &[])], "gate_opened").await;
        let mut follower = client.events(&run, 0).await.unwrap();
        until(&mut follower, "gate_opened").await;
        let answer = client.shutdown().await.unwrap();
        assert_eq!(answer.pid, std::process::id());
        house.server.shutdown_asked().await;
        let parked = house
            .engine
            .park(std::time::Duration::from_secs(1))
            .await
            .unwrap();
        assert_eq!(parked.runs.len(), 1);
        let socket = house.server.socket().to_owned();
        house.server.stop().await;
        let Some(StreamLine::End(end)) = follower.next().await.unwrap() else {
            panic!("the stream says why it ends");
        };
        assert_eq!(end.code, "owner_stopped");
        assert_eq!(end.help, Some(format!("windlass resume {run}")));
        assert!(!socket.exists());
        assert!(Client::connect(&house.place.root).await.unwrap().is_none());
    });
}

#[test]
fn many_follow_one_run() {
    run(async {
        let house = House::open().await;
        let client = house.client().await;
        let started = client
            .start(&start(plan(vec![read("hold", &[])])), None)
            .await
            .unwrap();
        let mut followers = Vec::new();
        for _ in 0..30 {
            let events = client.events(&started.run, 0).await.unwrap();
            followers.push(tokio::spawn(to_end(events)));
        }
        house.permits.add_permits(1);
        for follower in followers {
            let (lines, end) = follower.await.unwrap();
            assert_eq!(end.code, "run_ended");
            assert_eq!(lines[0].seq, 0);
        }
    });
}

#[test]
fn a_stream_without_news_says_that_the_owner_is_alive() {
    run(async {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        let house = House::open().await;
        let (_, run) = house.started(vec![gate("go", &[])], "gate_opened").await;
        let socket = house.server.socket();
        let mut stream = tokio::net::UnixStream::connect(socket).await.unwrap();
        let request = format!("GET /v1/runs/{run}/events HTTP/1.1\r\nhost: w\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut seen = String::new();
        // A chunk of one byte, the line end, again and again.
        while seen.matches("\r\n1\r\n\n\r\n").count() < 2 {
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).await.unwrap();
            assert_ne!(read, 0, "the stream goes on");
            seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        assert!(seen.contains("application/x-ndjson") && seen.contains("nosniff"));
    });
}

#[test]
fn a_repeated_command_gets_the_first_answer() {
    run(async {
        let house = House::open().await;
        let socket = house.server.socket().to_owned();
        let (_, run) = house.started(vec![gate("go", &[])], "gate_opened").await;
        let path = format!("/v1/runs/{run}/pause");
        let body = "{\"reason\":\"lunch\"}";
        let key = [("idempotency-key", "k1")];
        let first = send(&socket, "POST", &path, &key, body).await;
        assert_eq!(first.0, 200, "{}", first.1);
        let second = send(&socket, "POST", &path, &key, body).await;
        assert_eq!(second.0, 200, "{}", second.1);
        let other = [("idempotency-key", "k2")];
        assert_eq!(send(&socket, "POST", &path, &other, body).await.0, 409);
        // The same key for another word is another request.
        let path = format!("/v1/runs/{run}/resume");
        let resumed = send(&socket, "POST", &path, &key, "{}").await;
        assert!(resumed.1.contains("run_resumed"), "{}", resumed.1);
    });
}

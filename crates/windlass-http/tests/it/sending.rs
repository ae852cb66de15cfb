//! What is sent, when, how often, and what is known when no whole answer comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::time::Instant;
use windlass_http::{Client, Kind, Limits, Method, Reach, Refusal, Sent};

use windlass_http::testing::{Script, Server, answer};

use crate::support::{ample, local, request};

#[tokio::test]
async fn one_request_goes_out_and_its_answer_comes_back() {
    let body = r#"{"ok":true}"#;
    let server = Server::always(Script::Answer(answer(
        "201 Created",
        "X-A: 1\r\nx-a: 2\r\n",
        body,
    )))
    .await;
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    let request = request(&server, Method::Post)
        .header("X-Plain", "text")
        .unwrap()
        .secret_header("authorization", &SecretString::from("Bearer hunter2"))
        .unwrap()
        .body(b"{}".to_vec());
    let got = local()
        .send(request, ample(), move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!((got.status, got.body.as_slice()), (201, body.as_bytes()));
    assert_eq!(got.header("x-a"), Some("1, 2"));
    assert!(!got.truncated);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let [seen] = &server.requests()[..] else {
        panic!("{:?}", server.requests())
    };
    assert!(seen.starts_with("POST /x HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("authorization: Bearer hunter2\r\n"), "{seen}");
    assert!(seen.contains("x-plain: text\r\n"), "{seen}");
}

#[tokio::test]
async fn what_is_refused_at_the_moment_of_sending_is_not_sent() {
    let server = Server::always(Script::Answer(answer("200 OK", "", ""))).await;
    let refused = local()
        .send(request(&server, Method::Post), ample(), || {
            Err(Refusal("too late".to_owned()))
        })
        .await
        .unwrap_err();
    assert_eq!((refused.kind, refused.sent), (Kind::TooLate, Sent::No));
    assert_eq!(refused.message, "too late");
    // The connection stood: the question came after it. Time for bytes that should not come.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.connections(), 1);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn before_a_connection_stands_nothing_is_sent() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let asked = || -> Result<(), Refusal> { panic!("nothing to send on") };
    let url = |origin: String| windlass_http::Url::build(&origin.parse().unwrap(), [], []).unwrap();
    let request = |origin| windlass_http::Request::new(Method::Post, url(origin));
    let error = local()
        .send(request(format!("http://{closed}")), ample(), asked)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.sent),
        (Kind::Connect, Sent::No),
        "{error}"
    );
    for client in [
        Client::new(Reach::public()).allowing_plaintext(),
        Client::new(Reach::private()),
    ] {
        let request = request(format!("http://{closed}"));
        let error = client.send(request, ample(), asked).await.unwrap_err();
        assert_eq!(
            (error.kind, error.sent),
            (Kind::Refused, Sent::No),
            "{error}"
        );
    }
    let error = local()
        .send(request("http://name.invalid".to_owned()), ample(), asked)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.sent),
        (Kind::Resolve, Sent::No),
        "{error}"
    );
    // A server that takes the connection and never shakes hands.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = mute.local_addr().unwrap();
    let limits = Limits {
        connect: Duration::from_millis(200),
        ..ample()
    };
    let error = local()
        .send(request(format!("https://{address}")), limits, asked)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.sent),
        (Kind::Connect, Sent::No),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_cut_after_any_byte_leaves_it_open_and_nothing_is_sent_twice() {
    let whole = answer("200 OK", "x-a: 1\r\n", "0123456789");
    let cuts = whole.len() as u32;
    let bytes = whole.clone();
    let server = Server::scripted(move |number, _| {
        Script::Answer(bytes[..(number as usize).min(bytes.len())].to_vec())
    })
    .await;
    for cut in 0..=cuts {
        let got = local()
            .send(request(&server, Method::Post), ample(), || Ok(()))
            .await;
        if cut == cuts {
            assert_eq!(got.unwrap().body, b"0123456789");
        } else {
            let error = got.unwrap_err();
            assert_eq!(
                (error.kind, error.sent),
                (Kind::Cut, Sent::Maybe),
                "{cut}: {error}"
            );
            let head_is_whole = cut as usize >= whole.len() - 10;
            assert_eq!(error.status, head_is_whole.then_some(200), "{cut}: {error}");
        }
    }
    assert_eq!(server.connections(), cuts + 1);
    assert_eq!(server.requests().len(), whole.len() + 1);
}

#[tokio::test]
async fn a_connection_that_ends_or_stalls_leaves_it_open() {
    let whole = answer("200 OK", "", "0123456789");
    for (script, kind) in [
        (Script::Close, Kind::Cut),
        (Script::Answer(b"SSH-2.0-x\r\n\r\n".to_vec()), Kind::Cut),
        (Script::Stall(Vec::new()), Kind::Timeout),
        (
            Script::Stall(whole[..whole.len() - 1].to_vec()),
            Kind::Timeout,
        ),
        (
            Script::Drip(whole.clone(), Duration::from_millis(50)),
            Kind::Timeout,
        ),
    ] {
        let server = Server::always(script.clone()).await;
        let limits = Limits::until(Instant::now() + Duration::from_millis(300));
        let error = local()
            .send(request(&server, Method::Post), limits, || Ok(()))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.sent),
            (kind, Sent::Maybe),
            "{script:?}: {error}"
        );
        assert_eq!((server.connections(), server.requests().len()), (1, 1));
    }
    let server = Server::always(Script::Reset).await;
    let error = local()
        .send(request(&server, Method::Post), ample(), || Ok(()))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.sent),
        (Kind::Cut, Sent::Maybe),
        "{error}"
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn answers_are_bounded() {
    let server = Server::always(Script::Answer(answer("200 OK", "", &"a".repeat(5000)))).await;
    let limits = Limits {
        body_bytes_max: 1000,
        ..ample()
    };
    let got = local()
        .send(request(&server, Method::Get), limits, || Ok(()))
        .await
        .unwrap();
    assert_eq!((got.body.len(), got.truncated), (1000, true));

    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let large = format!("x-large: {}\r\n", "a".repeat(100_000));
    let endless = format!("x-large: {}\r\n", "a".repeat(2_000_000));
    for (headers, kind) in [
        (many, Kind::Cut),
        (large, Kind::TooLarge),
        (endless, Kind::Cut),
    ] {
        let server = Server::always(Script::Answer(answer("200 OK", &headers, ""))).await;
        let error = local()
            .send(request(&server, Method::Post), ample(), || Ok(()))
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.sent), (kind, Sent::Maybe), "{error}");
    }
}

#[tokio::test]
async fn one_outcome_comes_of_an_answer_that_comes_twice() {
    let mut twice = answer("200 OK", "", "first");
    twice.extend(answer("500 Oops", "", "second"));
    let server = Server::always(Script::Answer(twice)).await;
    let got = local()
        .send(request(&server, Method::Post), ample(), || Ok(()))
        .await
        .unwrap();
    assert_eq!(
        (got.status, got.body.as_slice()),
        (200, b"first".as_slice())
    );
    assert_eq!(server.requests().len(), 1);
}

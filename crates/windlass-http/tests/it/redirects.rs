//! Which redirects a read follows, and what goes along.

use secrecy::SecretString;
use windlass_http::{Kind, Method, Sent};

use windlass_http::testing::{Script, Server, answer};

use crate::support::{ample, local, request};

fn redirect(status: &str, location: &str) -> Script {
    Script::Answer(answer(status, &format!("location: {location}\r\n"), ""))
}

async fn leading_to(location: String) -> Server {
    Server::scripted(move |_, request| {
        if request.starts_with("GET /end") {
            Script::Answer(answer("200 OK", "", "there"))
        } else {
            redirect("302 Found", &location)
        }
    })
    .await
}

#[tokio::test]
async fn reads_follow_as_far_as_they_may_and_changes_never() {
    let server = leading_to("/end".to_owned()).await;
    let read = || request(&server, Method::Get);
    let got = local()
        .following(1)
        .send(read(), ample(), || Ok(()))
        .await
        .unwrap();
    assert_eq!((got.status, got.stopped_at), (200, None));
    assert!(got.url.to_string().ends_with("/end"));
    let got = local().send(read(), ample(), || Ok(())).await.unwrap();
    assert_eq!(got.status, 302);
    assert!(got.stopped_at.is_some());

    let before = server.requests().len();
    let change = request(&server, Method::Post);
    let got = local()
        .following(5)
        .send(change, ample(), || Ok(()))
        .await
        .unwrap();
    assert_eq!(got.status, 302);
    assert_eq!(server.requests().len(), before + 1);

    let circle = leading_to("/again".to_owned()).await;
    let request = request(&circle, Method::Get);
    let got = local()
        .following(200)
        .send(request, ample(), || Ok(()))
        .await
        .unwrap();
    assert_eq!(
        got.stopped_at.as_deref(),
        Some("5 redirects may be followed")
    );
    assert_eq!(circle.requests().len(), 6);
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let other = Server::always(Script::Answer(answer("200 OK", "", "other"))).await;
    let server = leading_to(format!("http://{}/end", other.address)).await;
    let secret = SecretString::from("hunter2");
    let plain = request(&server, Method::Get)
        .header("accept", "text/plain")
        .unwrap();
    let got = local()
        .following(5)
        .send(plain, ample(), || Ok(()))
        .await
        .unwrap();
    assert_eq!(got.body, b"other");
    let told = other.requests().len();
    for request in [
        request(&server, Method::Get)
            .secret_header("accept", &secret)
            .unwrap(),
        request(&server, Method::Get)
            .header("authorization", "Bearer x")
            .unwrap(),
        request(&server, Method::Get)
            .header("cookie", "a=b")
            .unwrap(),
        request(&server, Method::Get)
            .header("x-api-key", "x")
            .unwrap(),
        request(&server, Method::Get).body(b"secret".to_vec()),
    ] {
        let got = local()
            .following(5)
            .send(request, ample(), || Ok(()))
            .await
            .unwrap();
        assert_eq!(got.status, 302);
        let why = got.stopped_at.unwrap();
        assert!(why.contains("must not see"), "{why}");
    }
    assert_eq!(other.requests().len(), told, "nothing more came there");
    // On the same origin they go along.
    let same = leading_to("/end".to_owned()).await;
    let request = request(&same, Method::Get)
        .secret_header("x-key", &secret)
        .unwrap();
    let got = local()
        .following(5)
        .send(request, ample(), || Ok(()))
        .await
        .unwrap();
    assert_eq!(got.status, 200);
    assert!(same.requests()[1].contains("hunter2"));
}

#[tokio::test]
async fn every_hop_is_judged() {
    for location in [
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/",
        "http://0x0a000001/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://0/",
    ] {
        let server = leading_to(location.to_owned()).await;
        let error = local()
            .following(5)
            .send(request(&server, Method::Get), ample(), || Ok(()))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.sent),
            (Kind::Refused, Sent::Maybe),
            "{location}: {error}"
        );
    }
    for location in [
        "file:///etc/passwd",
        "ftp://x/",
        "http://user:pw@127.0.0.1/",
        "http://",
    ] {
        let server = leading_to(location.to_owned()).await;
        let got = local()
            .following(5)
            .send(request(&server, Method::Get), ample(), || Ok(()))
            .await
            .unwrap();
        assert!(got.status == 302 && got.stopped_at.is_some(), "{location}");
    }
}

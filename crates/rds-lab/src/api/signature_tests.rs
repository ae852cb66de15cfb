//! The published vectors of dialect A, the derived ones of both, and what is refused.

use super::*;

const DATE: &str = "20060102T150405Z";

fn request(method: &str, path: &str, query: &[(&str, &str)], body: &str) -> Request {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.iter().map(own).collect(),
        headers: [
            ("x-sdk-date", DATE),
            ("host", "rds.eu-de.otc.t-systems.com"),
        ]
        .iter()
        .map(own)
        .collect(),
        body: body.as_bytes().to_vec(),
        ..Request::default()
    }
}

fn canonical_hash(request: &Request, signed: &[&str]) -> String {
    hex(&Sha256::digest(canonical(request, signed, false).unwrap()))
}

fn signature_a(request: &Request, signed: &[&str]) -> String {
    sign(request, signed, None, "SecretKey", DATE).unwrap()
}

#[test]
fn the_published_vectors_of_dialect_a_come_out() {
    let get = request("GET", "/path", &[("limit", "1")], "");
    assert_eq!(
        canonical(&get, &["x-sdk-date"], false).unwrap(),
        "GET\n/path/\nlimit=1\nx-sdk-date:20060102T150405Z\n\nx-sdk-date\n\
         e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(
        canonical_hash(&get, &["x-sdk-date"]),
        "85c3b7730f308aee452b16138a42a914397e43a8f0d732dfa521c0ef2afa98a4"
    );
    assert_eq!(
        signature_a(&get, &["x-sdk-date"]),
        "5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624"
    );
    let body = "{\"Name\":\"test\",\"Id\":1}\n";
    let post = request("POST", "/path", &[("key", "value")], body);
    assert_eq!(
        canonical_hash(&post, &["x-sdk-date"]),
        "13f75ff5f5216199f986c7e7f2f77834d5e160ad9e46f37319816dc72ba7eeab"
    );
    assert_eq!(
        signature_a(&post, &["x-sdk-date"]),
        "cecc2af119b18ab70b4d094c0750f3b42c02f254903179a0fc2cc72fc9db4f59"
    );
}

#[test]
fn the_published_query_is_encoded_and_sorted() {
    let pairs = [
        ("limit", "1"),
        ("enable", "true"),
        ("test", "一 (&=?!#%.*)"),
        ("path", "/tmp/123"),
        ("multi", "1"),
        ("multi", "2"),
        ("multi", "3"),
    ];
    assert_eq!(
        canonical_query(&request("GET", "/", &pairs, "").query),
        "enable=true&limit=1&multi=1&multi=2&multi=3&path=%2Ftmp%2F123&\
         test=%E4%B8%80%20%28%26%3D%3F%21%23%25.%2A%29"
    );
}

#[test]
fn the_derived_vector_of_an_upgrade_comes_out() {
    let path = "/v3/0483b6b16e954cb88930a360d2c4e663/instances/\
                5b409baece064984a1b3eef6addae50cin01/db-upgrade";
    let post = request("POST", path, &[], "{\"is_delayed\":false}");
    let signed = ["host", "x-sdk-date"];
    assert_eq!(
        canonical_hash(&post, &signed),
        "9483f74a0bfc8b24d3374e522a046dd5fe5ff936d607b37623303dc13e0bbf74"
    );
    assert_eq!(
        signature_a(&post, &signed),
        "27758ce7a0244af5a50ec6febdfd3bfeeb2527d40fa4d9aac8a3c28aa654747d"
    );
}

#[test]
fn the_derived_vectors_of_dialect_b_come_out() {
    let path = "/v3/0483b6b16e954cb88930a360d2c4e663/instances";
    let get = request("GET", path, &[("limit", "1")], "");
    let signature = |scope| {
        sign(
            &get,
            &["host", "x-sdk-date"],
            Some(scope),
            "SecretKey",
            DATE,
        )
    };
    assert_eq!(
        signature("20060102///sdk_request").unwrap(),
        "28c597fd15df774a1c908f86bb10a435a143c883aa9e8b44f10f7b180d74638c"
    );
    assert_eq!(
        signature("20060102/eu-de/rds/sdk_request").unwrap(),
        "f9fd506f99983a5473f9cc30c3099474fd389fa7bcb3374566fd36f4b0d56742"
    );
    assert_eq!(signature("20060103///sdk_request"), None);
}

#[test]
fn a_signed_request_is_accepted_and_a_changed_one_is_not() {
    let now = Time::of_signing(DATE).unwrap();
    for dialect in [Dialect::A, Dialect::B] {
        let mut signed = request("GET", "/v3/p/instances", &[("name", "a b")], "");
        let header = authorization(&signed, "AccessKey", "SecretKey", dialect);
        signed.headers.insert("authorization".to_owned(), header);
        let verdict = |request: &Request, now| verify(request, "AccessKey", "SecretKey", now);
        assert_eq!(verdict(&signed, now), Ok(()), "{dialect:?}");

        let late = now.plus(std::time::Duration::from_secs(SKEW_SECONDS_MAX + 1));
        let refused = verdict(&signed, late).unwrap_err();
        assert_eq!((refused.status, refused.code), (401, "APIGW.0301"));
        assert!(refused.message.contains("expired"), "{}", refused.message);

        let changes: [fn(&mut Request); 3] = [
            |request| request.path.push_str("/x"),
            |request| request.query[0].1.push('c'),
            |request| request.body.push(b' '),
        ];
        for change in changes {
            let mut changed = signed.clone();
            change(&mut changed);
            assert!(verdict(&changed, now).is_err(), "{dialect:?}: {changed:?}");
        }
        assert!(verify(&signed, "AccessKey", "other", now).is_err());
        assert!(verify(&signed, "Other", "SecretKey", now).is_err());
    }
}

#[test]
fn what_is_no_authorization_is_refused() {
    for bad in [
        "SDK-HMAC-SHA256",
        "SDK-HMAC-SHA256 Access=AccessKey",
        "SDK-HMAC-SHA256 Credential=AccessKey, SignedHeaders=x-sdk-date, Signature=0",
        "SDK-HMAC-SHA256 Access=AccessKey, SignedHeaders=host, Signature=0",
        "SDK-HMAC-SHA256 Access=AccessKey, SignedHeaders=x-other;x-sdk-date, Signature=0",
    ] {
        let mut signed = request("GET", "/", &[], "");
        signed
            .headers
            .insert("authorization".to_owned(), bad.to_owned());
        let now = Time::of_signing(DATE).unwrap();
        let refused = verify(&signed, "AccessKey", "SecretKey", now).unwrap_err();
        assert_eq!(refused.code, "APIGW.0301", "{bad}");
    }
}

//! Where a request never goes: spellings of addresses, names that resolve to them, names
//! that change their mind.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use windlass_http::{
    BadUrl, Client, Judgement, Kind, Method, Origin, Range, Reach, Request, Resolver, Resolving,
    Sent, Url, judge,
};

use windlass_http::testing::{Script, Server, answer};

use crate::support::ample;

/// Hosts as somebody may write them who wants to reach what he should not: the metadata
/// service, this machine, private networks, everybody, nobody.
const REFUSED: &[&str] = &[
    // Metadata, in every notation.
    "169.254.169.254",
    "169.254.169.254.",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "0xa9.0xfe.0xa9.0xfe",
    "169.254.43518",
    "169.16689662",
    "0xA9FEA9FE",
    "025177524776",
    "169.0xfe.0251.254",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[::a9fe:a9fe]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[2002:a9fe:a9fe::1]",
    "[::ffff:0:169.254.169.254]",
    "[fe80::5efe:169.254.169.254]",
    "[2001:db8::5efe:169.254.169.254]",
    "[2600::5efe:a9fe:a9fe]",
    "[2600::200:5efe:a9fe:a9fe]",
    "[2001::1]",
    "[2001:0:a9fe:a9fe::1]",
    "[fd00:ec2::254]",
    "[fd00:0ec2:0::0254]",
    "[FD00:EC2::254]",
    "[fd20:ce::254]",
    "169.254.0.1",
    "169.254.170.2",
    "169.254.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.0.1",
    "0x64.0x64.0x64.0xc8",
    // This machine.
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0x7f.0x0.0x0.0x1",
    "127.0x0.0.01",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[::ffff:0:127.0.0.1]",
    // Nobody and everybody.
    "0",
    "0.0.0.0",
    "0x0",
    "00",
    "0.1",
    "0.0.0.1",
    "0.255.255.255",
    "[::]",
    "[::0.0.0.0]",
    "[::ffff:0.0.0.0]",
    "[::ffff:0:0]",
    "[64:ff9b::]",
    "255.255.255.255",
    "4294967295",
    "0xffffffff",
    "240.0.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "[ff02::1]",
    "[ff05::1:3]",
    "[ff0e::1]",
    "[::ffff:224.0.0.1]",
    "[::ffff:255.255.255.255]",
    "[2002:e000:1::]",
    // Private networks.
    "10.0.0.1",
    "10.255.255.255",
    "10.1",
    "167772161",
    "0xa000001",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "0xac100001",
    "192.168.0.1",
    "192.168.1",
    "0xc0a80001",
    "3232235521",
    "100.64.0.1",
    "100.127.255.255",
    "198.18.0.1",
    "[::ffff:10.0.0.1]",
    "[::ffff:192.168.0.1]",
    "[::10.0.0.1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b::c0a8:1]",
    "[2002:a00:1::]",
    "[2002:c0a8:1::]",
    "[fc00::1]",
    "[fd12:3456:789a::1]",
    "[fdff::1]",
    // This link, and what nobody routes.
    "[fe80::1]",
    "[febf::1]",
    "[fe80::a9fe:a9fe]",
    "[fec0::1]",
    "[100::1]",
    "[64:ff9b:1::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[4000::1]",
    "[::2]",
    "[1::1]",
    "[5f00::1]",
    "192.0.2.1",
    "198.51.100.7",
    "203.0.113.9",
    "192.88.99.1",
];

/// A client with this reach, plaintext or not.
fn open(reach: Reach) -> Client {
    Client::new(reach).allowing_plaintext()
}

async fn get(client: &Client, host: &str) -> windlass_http::Error {
    let origin: Origin = format!("http://{host}")
        .parse()
        .unwrap_or_else(|e| panic!("{host}: {e}"));
    let request = Request::new(Method::Get, Url::build(&origin, [], []).unwrap());
    let asked = || panic!("a connection stood");
    match client.send(request, ample(), asked).await {
        Ok(_) => panic!("{host} was reached"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn no_spelling_of_an_inner_address_is_reached() {
    assert!(REFUSED.len() >= 100, "{}", REFUSED.len());
    let client = open(Reach::public());
    for host in REFUSED {
        let error = get(&client, host).await;
        assert_eq!(
            (error.kind, error.sent),
            (Kind::Refused, Sent::No),
            "{host}: {error}"
        );
    }
    println!("{} spellings refused", REFUSED.len());
}

#[tokio::test]
async fn some_are_never_reached_whatever_is_allowed() {
    let all = |range: &str| range.parse::<Range>().unwrap();
    let generous = [
        open(Reach::private()),
        open(Reach::with(vec![all("0.0.0.0/0"), all("::/0")])),
    ];
    let mut never = 0;
    for host in REFUSED {
        let url = Url::build(&format!("http://{host}").parse().unwrap(), [], []).unwrap();
        let host_of_url = url
            .origin()
            .host()
            .trim_matches(['[', ']'])
            .trim_end_matches('.')
            .to_owned();
        let Ok(address) = host_of_url.parse::<IpAddr>() else {
            panic!("{host} is {host_of_url}")
        };
        if matches!(judge(address), Judgement::Never(_)) {
            never += 1;
            for client in &generous {
                assert_eq!(get(client, host).await.kind, Kind::Refused, "{host}");
            }
        }
    }
    assert!(never >= 60, "{never}");
}

#[test]
fn public_addresses_are_public_and_a_named_range_is_no_more_than_that() {
    for public in [
        "1.1.1.1",
        "8.8.8.8",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "192.167.1.1",
        "11.0.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "64:ff9b::8.8.8.8",
        "::ffff:8.8.8.8",
        "2002:808:808::1",
    ] {
        assert_eq!(
            judge(public.parse().unwrap()),
            Judgement::Public,
            "{public}"
        );
    }
    let reach = Reach::with(vec![
        "10.1.0.0/16".parse().unwrap(),
        "fd00:1::/32".parse().unwrap(),
    ]);
    for (address, allowed) in [
        ("10.1.2.3", true),
        ("10.2.0.1", false),
        ("::ffff:10.1.2.3", true),
        ("64:ff9b::10.1.2.3", false),
        ("2002:a01:203::", false),
        ("fd00:1::7", true),
        ("fd00:2::7", false),
        ("127.0.0.1", false),
    ] {
        assert_eq!(
            reach.allows(address.parse().unwrap()).is_ok(),
            allowed,
            "{address}"
        );
    }
    for bad in [
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/+8",
        "10.0.0.0/",
        "x",
        "fd00::/129",
        "",
    ] {
        assert!(bad.parse::<Range>().is_err(), "{bad}");
    }
    for good in ["10.0.0.0/8", "0.0.0.0/0", "::/0", "10.0.0.7", "::1"] {
        assert!(good.parse::<Range>().is_ok(), "{good}");
    }
}

/// Answers each question with the next list.
struct Turning(Mutex<VecDeque<Vec<IpAddr>>>);

impl Turning {
    fn of(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = |list: &&[&str]| {
            list.iter()
                .map(|address| address.parse().unwrap())
                .collect()
        };
        Arc::new(Self(Mutex::new(answers.iter().map(parsed).collect())))
    }

    fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Resolver for Turning {
    fn resolve(&self, _name: &str) -> Resolving {
        let next = self.0.lock().unwrap().pop_front();
        let next = next.ok_or_else(|| io::Error::other("asked once too often"));
        Box::pin(std::future::ready(next))
    }
}

#[tokio::test]
async fn names_are_judged_by_all_that_they_resolve_to() {
    for addresses in [
        &["169.254.169.254"][..],
        &["10.0.0.1"],
        &["127.0.0.1", "::1"],
        &["::ffff:10.0.0.1"],
        &["fe80::1", "fd00:ec2::254"],
        &["0.0.0.0"],
    ] {
        let client = open(Reach::public()).resolving(Turning::of(&[addresses]));
        let error = get(&client, "innocent.example").await;
        assert_eq!(
            (error.kind, error.sent),
            (Kind::Refused, Sent::No),
            "{addresses:?}"
        );
    }
    let client = open(Reach::public()).resolving(Turning::of(&[&[]]));
    assert_eq!(get(&client, "innocent.example").await.kind, Kind::Resolve);
}

#[tokio::test]
async fn the_connection_goes_to_what_was_judged() {
    // The name turns to another address after its judgement; nobody asks it again.
    let server = Server::always(Script::Answer(answer("200 OK", "", "judged"))).await;
    let resolver = Turning::of(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let loopback = Reach::with(vec!["127.0.0.1".parse().unwrap()]);
    let client = open(loopback).resolving(resolver.clone());
    let origin = format!("http://turning.example:{}", server.address.port());
    let url = Url::build(&origin.parse().unwrap(), [], []).unwrap();
    let request = Request::new(Method::Get, url.clone());
    let got = client.send(request, ample(), || Ok(())).await.unwrap();
    assert_eq!(got.body, b"judged");
    assert_eq!(resolver.left(), 1);
    assert!(
        server.requests()[0].contains(&format!("host: turning.example:{}", server.address.port()))
    );
    // The next request asks again, and is judged again.
    let error = client
        .send(Request::new(Method::Get, url), ample(), || Ok(()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    // Of several addresses only those that may be reached are tried.
    let resolver = Turning::of(&[&["10.0.0.1", "127.0.0.1", "169.254.169.254"]]);
    let client = open(Reach::with(vec!["127.0.0.1".parse().unwrap()])).resolving(resolver);
    let request = Request::new(
        Method::Get,
        Url::build(&origin.parse().unwrap(), [], []).unwrap(),
    );
    assert_eq!(
        client.send(request, ample(), || Ok(())).await.unwrap().body,
        b"judged"
    );
}

#[test]
fn parts_cannot_become_other_parts() {
    for bad in [
        "https://user@host",
        "https://user:pw@host",
        "https://host/path",
        "https://host?q",
        "https://host#f",
        "https://ho st",
        "https://host\r\nx",
        "https://host\\@evil",
        "ftp://host",
        "//host",
        "host",
        "https://",
        "https:///x",
        "https://host:",
        "https://host:0",
        "https://host:99999",
        "https://h\u{ff0e}x",
        "https://%31",
        "HTTPS://host",
        "https://[::1",
        "https://[fe80::1%eth0]",
        "https://1.2.3.4.5",
        "https://0x100000000",
        "https://a\u{0}b",
    ] {
        assert!(bad.parse::<Origin>().is_err(), "{bad:?}");
    }
    let origin: Origin = "https://Api.Example.com:443/".parse().unwrap();
    assert_eq!(origin.to_string(), "https://api.example.com");
    let url = Url::build(
        &origin,
        ["v3", "a/b ?#%2e%2e", "ü"],
        [("q", "a&b=c +"), ("e", "")],
    )
    .unwrap();
    assert_eq!(
        url.to_string(),
        "https://api.example.com/v3/a%2Fb%20%3F%23%252e%252e/%C3%BC?q=a%26b%3Dc%20%2B&e="
    );
    for segment in ["", ".", "..", "a/../b", "../x", "a\\..\\b", "/", "a/"] {
        assert_eq!(
            Url::build(&origin, [segment], []),
            Err(BadUrl::Segment),
            "{segment:?}"
        );
    }
    for control in ["a\r\nHost: evil", "a\0", "\u{7f}"] {
        assert_eq!(
            Url::build(&origin, [control], []),
            Err(BadUrl::Control),
            "{control:?}"
        );
        assert_eq!(
            Url::build(&origin, [], [("q", control)]),
            Err(BadUrl::Control)
        );
    }
}

#[test]
fn headers_cannot_become_other_headers() {
    let url = Url::build(&"https://a.example".parse().unwrap(), [], []).unwrap();
    let request = Request::new(Method::Get, url);
    for (name, value) in [
        ("x-a", "b\r\nx-c: d"),
        ("x-a", "b\nc"),
        ("x-a", "b\0"),
        ("x a", "b"),
        ("", "b"),
        ("x-a\r\n", "b"),
        ("Host", "evil"),
        ("content-length", "3"),
        ("Transfer-Encoding", "chunked"),
        ("connection", "upgrade"),
        ("proxy-authorization", "x"),
    ] {
        let refused = request.clone().header(name, value).unwrap_err().to_string();
        assert!(!refused.contains("x-c"), "{refused}");
    }
    assert!(
        request
            .header("x-a", "1")
            .unwrap()
            .header("X-A", "2")
            .is_err()
    );
}

#[test]
fn whole_addresses_are_taken_as_they_are_written() {
    for good in [
        "https://hooks.example.com/services/T0/B0/xyz",
        "https://a.example/v1/x:go?q=a%20b&c=d",
        "https://a.example",
        "https://a.example/x/",
    ] {
        assert!(good.parse::<Url>().is_ok(), "{good}");
    }
    for bad in [
        "https://u:p@a.example/",
        "https://a.example/../x",
        "https://a.example/%2e%2E/x",
        "https://a.example/..;/x",
        "https://a.example/a b",
        "https://a.example/#f",
        "https://a.example\\x",
        "https://a.example/x\r\n",
        "ftp://a.example/",
        "a.example/x",
        "https://a.example/\u{e9}",
    ] {
        assert!(bad.parse::<Url>().is_err(), "{bad}");
    }
    let url: Url = "https://a.example/x?y=1".parse().unwrap();
    let url = url.with_query([("a b", "c&d"), ("e", "")]).unwrap();
    assert_eq!(url.to_string(), "https://a.example/x?y=1&a%20b=c%26d&e=");
}

//! Messages that are not delivered: seen, tried again, dropped; a page that is acknowledged.

use std::time::Duration;

use windlass_tests::golden::Test;
use windlass_tests::receiver::{Receiver, TAKEN};

/// Both of its messages are refused before anything is sent.
const TELLS: &str = "\
windlass: 1
name: tells
steps:
  look: {uses: shell, effect: read, with: {argv: [\"true\"]}}
on:
  ended:
    - {uses: notify/webhook, with: {url: \"http://hooks.example.com/in\"}}
    - {uses: notify/page, with: {provider: webhook, url: \"http://hooks.example.com/page\"}}
";

const PAGES: &str = "\
windlass: 1
name: pages
secrets: {pager: {env: PAGER}}
steps:
  go: {approval: {}}
  look: {uses: shell, effect: read, needs: go, with: {argv: [\"true\"]}}
on:
  gate_opened:
    uses: notify/page
    with:
      provider: webhook
      url: ${{ secrets.pager }}
      repeat: 1h
      private_addresses: [127.0.0.0/8]
      insecure_reason: It is this machine.
";

#[test]
fn messages_that_are_not_delivered_are_seen_and_dropped() {
    let mut test = Test::new("outbox");
    test.file("tells.yaml", TELLS);
    test.call(&["outbox"]);
    test.call(&["run", "tells.yaml"]);
    test.call(&["outbox"]);
    test.call(&["outbox", "RUN", "--json"]);
    test.call(&["why", "RUN"]);
    test.call(&["show", "RUN"]);
    test.call(&["outbox", "--retry", "1"]);
    test.call(&["outbox", "--drop", "1"]);
    test.call(&["outbox", "--drop", "1"]);
    test.call(&["outbox", "--drop", "2"]);
    test.call(&["outbox"]);
    test.call(&["ack", "RUN"]);
    test.check();
}

#[test]
fn a_page_is_acknowledged() {
    let receiver = Receiver::start(|_, _| TAKEN);
    let mut test = Test::new("ack");
    test.file("pages.yaml", PAGES);
    test.set("PAGER", &receiver.url("/"));
    test.call(&["plan", "pages.yaml"]);
    test.call(&["run", "pages.yaml", "--no-wait"]);
    receiver.once(Duration::from_secs(60), |came| came.len() == 1);
    test.call(&["ack", "RUN"]);
    test.call(&["ack", "RUN"]);
    test.call(&["ack", "20261122-0142-k3f9q2"]);
    test.check();
}

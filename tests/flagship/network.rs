//! The network between the flagship and its primary fails in the middle: it is slow, it cuts a
//! connection, it swallows everything while the primary is upgraded. All of it costs time only.

use std::time::{Duration, Instant};

use rds_lab::Server;
use rds_lab::proxy::{Fault, Moment, Proxy, Way};

use crate::bench::Bench;
use crate::ends::stage::Stage;

/// How long a fault may take to be met.
const PATIENCE: Duration = Duration::from_secs(60);
/// Less than what a server says before it has let somebody in.
const BYTES_OF_A_GREETING: u64 = 100;

#[test]
fn a_network_that_fails_in_the_middle_costs_time_only() {
    let bench = Bench::new();
    bench.lab.base_backup("before").unwrap();
    bench.lab.snapshot().unwrap();
    let mut stage = Stage::new(&bench, "a network that fails");
    let port = bench.lab.description().server(Server::Primary).port;
    let proxy = Proxy::to(port).unwrap();
    stage.inputs["primary"]["port"] = proxy.port().into();

    proxy.arm(Moment::Now, Fault::Delay(Duration::from_millis(20)));
    stage.run();
    stage.at_gate();
    let late = proxy.fired();
    assert!(late > 0, "the looks were late");

    proxy.arm(
        Moment::Bytes(Way::ToClient, BYTES_OF_A_GREETING),
        Fault::Cut,
    );
    stage.approve();
    stage.record("attempt_failed", "checkpoint");
    assert_eq!(proxy.fired(), late + 1, "the checkpoint was cut");

    stage.record("attempt_started", "upgrade_primary");
    proxy.arm(Moment::Now, Fault::BlackHole);
    let until = Instant::now() + PATIENCE;
    while proxy.connections() == 0 {
        assert!(Instant::now() < until, "nobody met the black hole");
        std::thread::sleep(Duration::from_millis(20));
    }
    stage.another_run_succeeds();
    proxy.disarm();

    stage.follow_to_success();
    stage.all_run("15.18");
    stage.owes_nothing();
}

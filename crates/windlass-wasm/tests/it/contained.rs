//! The hostile set: what a guest does to its host, and what comes of it.

use std::fmt::Write as _;

use serde_json::json;
use windlass_core::outcome::{Effected, MESSAGE_BYTES_MAX, Outcome};
use windlass_engine::attempt::LOG_BYTES_MAX;

use crate::support::{attempt, hello, hostile};

#[tokio::test]
async fn whatever_a_guest_does_ends_its_attempt_and_nothing_else() {
    let (Some(plugin), Some(hello)) = (hostile().await, hello().await) else {
        return;
    };
    let mut table = String::new();
    for (uses, how, timeout_ms, effect, code, says) in [
        (
            "misbehave",
            "loop",
            300,
            Effected::Unknown,
            "timeout",
            "time is over",
        ),
        (
            "misbehave",
            "allocate",
            20_000,
            Effected::Unknown,
            "plugin_limit",
            "67108864 bytes",
        ),
        (
            "misbehave",
            "recurse",
            20_000,
            Effected::Unknown,
            "plugin_trap",
            "out of bounds",
        ),
        (
            "misbehave",
            "trap",
            20_000,
            Effected::Unknown,
            "plugin_trap",
            "unreachable",
        ),
        (
            "misbehave",
            "flood",
            60_000,
            Effected::Unknown,
            "plugin_limit",
            "100000 calls",
        ),
        (
            "misbehave",
            "wait",
            300,
            Effected::Unknown,
            "timeout",
            "time is over",
        ),
        (
            "misbehave",
            "random",
            20_000,
            Effected::Unknown,
            "plugin_limit",
            "random",
        ),
        (
            "misbehave",
            "environment",
            20_000,
            Effected::None,
            "environment",
            "0",
        ),
        (
            "lie",
            "schema",
            20_000,
            Effected::Unknown,
            "bad_output",
            "schema",
        ),
        (
            "lie",
            "length",
            20_000,
            Effected::Unknown,
            "plugin_trap",
            "",
        ),
        (
            "lie",
            "utf8",
            20_000,
            Effected::Unknown,
            "plugin_trap",
            "utf-8",
        ),
        ("lie", "long", 20_000, Effected::None, "failed", "xxx"),
    ] {
        let uses = match uses {
            "lie" => "hostile/lie",
            _ => "hostile/misbehave",
        };
        let ended = attempt(&plugin, uses, json!({"how": how}))
            .timeout_ms(timeout_ms)
            .run()
            .await;
        let failure = ended.failed(effect, code);
        assert!(failure.message.contains(says), "{how}: {}", failure.message);
        assert!(failure.message.len() <= MESSAGE_BYTES_MAX, "{how}");
        assert!(ended.log.len() as u64 <= LOG_BYTES_MAX + 100, "{how}");
        let message: String = failure.message.chars().take(60).collect();
        let _ = writeln!(table, "{how:<12} {effect:<15} {code:<13} {message}");
        // The host goes on.
        let after = attempt(&hello, "hello/greet", json!({"name": "Ada"}))
            .run()
            .await;
        assert!(
            matches!(after.outcome, Outcome::Succeeded { .. }),
            "after {how}"
        );
    }
    println!("{table}");
}

#[tokio::test]
async fn a_panic_leaves_its_words_in_the_log() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let ended = attempt(&plugin, "hostile/misbehave", json!({"how": "trap"}))
        .run()
        .await;
    assert!(ended.log.contains("on purpose"), "{}", ended.log);
    assert!(ended.log.contains("lib.rs"), "{}", ended.log);
}

#[tokio::test]
async fn there_is_no_file_to_read() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let ended = attempt(&plugin, "hostile/misbehave", json!({"how": "file"}))
        .run()
        .await;
    let Outcome::Failed(failure) = &ended.outcome else {
        panic!("succeeded")
    };
    assert!(
        failure.code == "plugin_trap" || failure.message == "false",
        "{failure:?}"
    );
}

#[tokio::test]
async fn what_steers_a_terminal_is_taken_out() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let ended = attempt(&plugin, "hostile/misbehave", json!({"how": "escape"}))
        .run()
        .await;
    ended.outputs();
    for text in [&ended.log, &ended.progress] {
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    }
    assert!(ended.log.contains("gone"));
    let ended = attempt(&plugin, "hostile/misbehave", json!({"how": "long_line"}))
        .run()
        .await;
    ended.outputs();
    assert!(ended.log.len() < 100_000, "{}", ended.log.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_spinning_guests_starve_nobody() {
    let (Some(plugin), Some(hello)) = (hostile().await, hello().await) else {
        return;
    };
    let spinning: Vec<_> = (0..4)
        .map(|_| {
            let spin = attempt(&plugin, "hostile/misbehave", json!({"how": "loop"}));
            spin.timeout_ms(30_000).start()
        })
        .collect();
    for _ in 0..5 {
        let ended = attempt(&hello, "hello/greet", json!({"name": "Ada"}))
            .run()
            .await;
        ended.outputs();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    for spin in spinning {
        assert!(
            !spin.outcome.is_finished(),
            "the greetings waited for the end of the loops"
        );
        // Asked to stop, a read stops.
        spin.beside.cancel.send(true).unwrap();
        spin.end().await.failed(Effected::Unknown, "cancelled");
    }
}

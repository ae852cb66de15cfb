//! A runner that tells a secret in every way that it has tells it to nobody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use windlass_core::plan::Template;
use windlass_engine::Start;
use windlass_journal::{MemoryStore, RunKey, Store as _};

use crate::world::*;

const SECRET: &str = "hunter2 \"with quotes\"";

#[test]
fn a_runner_that_leaks_or_panics_tells_nobody() {
    for (panics, is_change) in [(false, false), (true, false), (false, true), (true, true)] {
        let place = Place::new();
        place.world.doing("a", Doing::Leak { panics });
        let store = Arc::new(MemoryStore::new());
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        place.life(async {
            let engine = place.open(store.clone()).await;
            let step = if is_change {
                change("a", &[])
            } else {
                read("a", &[])
            };
            let step = calling(step, |call| {
                call.with = Template::Secret("key".parse().unwrap());
            });
            let secrets = BTreeMap::from([("key".parse().unwrap(), SECRET.to_owned().into())]);
            let run = engine
                .start(Start {
                    secrets,
                    ..start(plan(vec![step]))
                })
                .await
                .unwrap();
            let key = RunKey::new(run.as_str()).unwrap();
            let journal = || {
                let bodies = store.read(&key, 0, 100).unwrap().into_iter();
                let bodies: Vec<u8> = bodies.flat_map(|record| record.body.unwrap()).collect();
                String::from_utf8(bodies).unwrap()
            };
            // The checkpoint, and the message of the panic or the failure.
            let marks = || journal().matches("[secret], [secret]").count();
            eventually("both are told", || marks() >= 2).await;
            let journal = journal();
            let log = engine.state_dir().attempt_log(&run, &node("a"), 1);
            let log = std::fs::read_to_string(log).unwrap();
            // What is durable is seen a moment later. A doubt that a look has settled since
            // leaves nothing of it in the state.
            let (view, is_settled) = loop {
                let seen = engine.view(&run).await.unwrap();
                let (view, is_ended) = (format!("{:?}", seen.state), seen.state.is_ended());
                if is_ended || view.matches("[secret], [secret]").count() >= 2 {
                    break (view, is_ended && is_change);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            };
            for (sink, text) in [("journal", &journal), ("log", &log), ("state", &view)] {
                let is_gone = is_settled && sink == "state";
                assert!(
                    is_gone || text.contains("it is [secret], [secret]"),
                    "{sink}: {text}"
                );
                for form in ["hunter2", &hex] {
                    assert!(!text.contains(form), "{sink}: {text}");
                }
            }
        });
    }
}

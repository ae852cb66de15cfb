//! A run whose plugin is there and cannot be loaded waits for it, and no attempt is spent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use windlass_core::catalog::Action;
use windlass_core::plan::{Digest, IndexedPlan, Plugin};
use windlass_engine::ports::{CatalogSource as _, Plugins, StepRunner, Work};
use windlass_engine::{Engine, Options};
use windlass_journal::MemoryStore;

use crate::parked::approve;
use crate::world::*;

/// A plugin that only a later version of this program can load.
struct Newer {
    can_load: bool,
    loaded: AtomicBool,
    source: FakeSource,
}

impl Plugins for Newer {
    fn actions(&self, _: &Digest) -> Work<Result<BTreeMap<String, Action>, String>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }

    fn load(&self, _: &Digest) -> Work<()> {
        self.loaded.store(self.can_load, Ordering::SeqCst);
        Box::pin(async {})
    }

    fn runner(&self, _: &Plugin, action: &str) -> Result<Arc<dyn StepRunner>, String> {
        match self.loaded.load(Ordering::SeqCst) {
            true => Ok(self.source.runner(&action.parse().unwrap()).unwrap()),
            false => Err("it cannot be loaded: it speaks another contract".to_owned()),
        }
    }
}

async fn open(place: &Place, store: &Arc<MemoryStore>, can_load: bool) -> Engine {
    let plugins = Newer {
        can_load,
        loaded: AtomicBool::new(false),
        source: FakeSource(Arc::clone(&place.world)),
    };
    let options = Options {
        plugins: Some(Arc::new(plugins)),
        ..place.options(Arc::clone(store) as Arc<_>)
    };
    Engine::open(options).await.unwrap()
}

#[test]
fn a_run_waits_for_a_plugin_that_cannot_be_loaded() {
    let uses = calling(change("b", &["a"]), |call| {
        call.uses = "p/act".parse().unwrap()
    });
    let mut pinning = plan(vec![gate("a", &[], None), uses]).plan().clone();
    let pin = Plugin {
        source: "./p".to_owned(),
        version: "1.0.0".to_owned(),
        digest: Digest::of(b"p"),
        actions: BTreeMap::from([("act".to_owned(), Vec::new())]),
        networks: Vec::new(),
    };
    pinning.plugins.insert("p".to_owned(), pin);
    let plan = IndexedPlan::new(pinning).unwrap();
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let run = place.life(async {
        let engine = open(&place, &store, true).await;
        let run = engine.start(start(plan)).await.unwrap();
        engine.wait_idle().await;
        run
    });
    place.life(async {
        let engine = open(&place, &store, false).await;
        let approve = approve(&engine, &run, "a").await;
        let answer = engine.command(&run, approve).await.unwrap();
        assert_eq!(answer.events.len(), 1, "approved, and nothing begun");
        engine.wait_idle().await;
        let lacks = engine.view(&run).await.unwrap().lacks.clone();
        assert_eq!(lacks.to_string(), "plugin p/act");
        let why: Vec<&String> = lacks.actions.values().collect();
        assert_eq!(why, ["it cannot be loaded: it speaks another contract"]);
        assert_eq!(place.world.started().len(), 0);
    });
    place.life(async {
        let engine = open(&place, &store, true).await;
        engine.wait_ended(&run).await.unwrap();
    });
    assert_eq!(place.world.started(), ["b/1"]);
}

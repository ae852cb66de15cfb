//! Plugins of every kind, as a check is told of them: one that can be used, and others that
//! cannot.

use windlass_core::plan::Digest;
use windlass_runbook::{NoPlugin, Plugin};

pub(crate) fn plugin(path: &str) -> Result<Plugin, NoPlugin> {
    let command = "windlass plugin lock book.yaml".to_owned();
    let found = Digest::of(path.as_bytes());
    Err(match path {
        "plugins/acme" | "plugins/acme.wasm" => return Ok(acme(b"acme")),
        "plugins/newer" => return Ok(acme(b"newer")),
        "plugins/unbuilt" => NoPlugin::NotBuilt {
            command: "windlass plugin build ./plugins/unbuilt".to_owned(),
        },
        "plugins/unlocked.wasm" => NoPlugin::NotLocked { found, command },
        "plugins/changed.wasm" => NoPlugin::Changed {
            locked: Digest::of(b"acme"),
            found,
            command,
        },
        "plugins/locked.wasm" => {
            NoPlugin::BadLock("windlass.lock: line 1 names a path again".to_owned())
        }
        "plugins/refused.wasm" => NoPlugin::Refused("it is no component".to_owned()),
        _ => NoPlugin::Unreadable("there is no such file".to_owned()),
    })
}

fn acme(bytes: &[u8]) -> Plugin {
    let actions = include_str!("../acme.json");
    Plugin {
        version: "1.0.0".to_owned(),
        digest: Digest::of(bytes),
        actions: serde_json::from_str(actions).expect("the actions are valid"),
    }
}

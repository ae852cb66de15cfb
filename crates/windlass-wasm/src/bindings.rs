//! The contract, as wasmtime's macro reads it from `plugins/wit`.
#![allow(unreachable_pub, missing_debug_implementations, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../../plugins/wit",
    world: "undoing-plugin",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "windlass:plugin/secrets.secret": crate::state::Handle,
    },
});

pub use windlass::plugin::{attempt, clock, http, random, secrets, types};

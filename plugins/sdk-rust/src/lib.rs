//! Writes windlass plugins in Rust: an input, an output, a function, an effect.
//! `plugins/hello` is a whole one.
//!
//! Responsible for the exports of `plugins/wit`, and for its imports in a form that reads
//! well; not for what any of it means, which `docs/plugins.md` says.

mod action;
mod attempt;
mod exports;
mod failure;
mod http;
mod secret;

/// The bindings, as they come out of the WIT package.
#[allow(unreachable_pub, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "undoing-plugin",
        pub_export_macro: true,
        export_macro_name: "export_plugin",
        default_bindings_module: "windlass_plugin::bindings",
    });
}

pub use action::{Action, Doubt};
pub use attempt::Attempt;
pub use bindings::windlass::plugin::attempt::Level;
pub use bindings::windlass::plugin::clock::Stop;
pub use bindings::windlass::plugin::http::{Error as HttpError, ErrorKind, Part, Response, Sent};
pub use bindings::windlass::plugin::types::{Effect, Effected, Method, Phase, Rate};
pub use exports::Plugin;
pub use failure::{Answer, Failure};
pub use http::Request;
pub use secret::{Handle, Secret};

/// Makes a plugin of actions, once in a crate of type `cdylib`.
#[macro_export]
macro_rules! plugin {
    (
        name: $name:expr,
        summary: $summary:expr,
        $(rate: $rate:expr,)?
        actions: [$($action:expr),+ $(,)?] $(,)?
    ) => {
        struct WindlassPlugin;

        impl $crate::Plugin for WindlassPlugin {
            const NAME: &'static str = $name;
            const VERSION: &'static str = env!("CARGO_PKG_VERSION");
            const SUMMARY: &'static str = $summary;
            $(const RATE: Option<$crate::Rate> = Some($rate);)?

            fn actions() -> Vec<$crate::Action> {
                vec![$($action),+]
            }
        }

        $crate::bindings::export_plugin!(WindlassPlugin with_types_in $crate::bindings);
    };
}

//! The little of WASI that guests need whose language's runtime asks for it. There is no
//! environment, no file, no socket and no standard stream behind it: what asks for one of
//! those ends the guest. A plugin's own powers are those of `plugins/wit`.

use std::time::Instant;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceType};

use crate::limits::RANDOM_BYTES_MAX;
use crate::meter::Exceeded;
use crate::state::State;

/// The packages whose imports are linked; those of others are refused when a plugin loads.
const PACKAGES: [&str; 5] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
];

/// What every resource of WASI is here: there is nothing behind it.
struct Nothing;

/// Whether an import is of WASI as far as it is linked.
pub(crate) fn is_linked(name: &str) -> bool {
    PACKAGES.iter().any(|package| name.starts_with(package))
}

/// Defines what the component imports of WASI, whichever version it names.
pub(crate) fn add_to_linker(
    linker: &mut Linker<State>,
    component: &Component,
) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    for (name, import) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(interface) = import.ty else {
            continue;
        };
        if !is_linked(name) {
            continue;
        }
        let base = name.split('@').next().unwrap_or(name);
        let mut instance = linker.instance(name)?;
        for (item, export) in interface.exports(&engine) {
            match export.ty {
                ComponentItem::ComponentFunc(_) => function(&mut instance, base, item)?,
                ComponentItem::Resource(_) => {
                    let ty = ResourceType::host::<Nothing>();
                    instance.resource(item, ty, |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// One function: what answers with nothing behind it, or a trap with its name.
fn function(
    instance: &mut LinkerInstance<'_, State>,
    interface: &str,
    name: &str,
) -> wasmtime::Result<()> {
    match (interface, name) {
        ("wasi:cli/environment", "get-environment") => {
            instance.func_wrap(name, |_, (): ()| Ok((Vec::<(String, String)>::new(),)))
        }
        ("wasi:cli/environment", "get-arguments") => {
            instance.func_wrap(name, |_, (): ()| Ok((Vec::<String>::new(),)))
        }
        ("wasi:cli/environment", "initial-cwd") => {
            instance.func_wrap(name, |_, (): ()| Ok((None::<String>,)))
        }
        // What begins by taking hold of its streams may; what uses one ends.
        ("wasi:cli/stdin", "get-stdin")
        | ("wasi:cli/stdout", "get-stdout")
        | ("wasi:cli/stderr", "get-stderr") => {
            instance.func_wrap(name, |_, (): ()| Ok((Resource::<Nothing>::new_own(0),)))
        }
        ("wasi:cli/terminal-stdin", "get-terminal-stdin")
        | ("wasi:cli/terminal-stdout", "get-terminal-stdout")
        | ("wasi:cli/terminal-stderr", "get-terminal-stderr") => {
            instance.func_wrap(name, |_, (): ()| Ok((None::<Resource<Nothing>>,)))
        }
        ("wasi:filesystem/preopens", "get-directories") => instance.func_wrap(name, |_, (): ()| {
            Ok((Vec::<(Resource<Nothing>, String)>::new(),))
        }),
        ("wasi:random/random", "get-random-bytes")
        | ("wasi:random/insecure", "get-insecure-random-bytes") => {
            instance.func_wrap(name, |_, (count,): (u64,)| Ok((bytes(count)?,)))
        }
        ("wasi:random/random", "get-random-u64")
        | ("wasi:random/insecure", "get-insecure-random-u64") => {
            instance.func_wrap(name, |_, (): ()| Ok((word()?,)))
        }
        ("wasi:random/insecure-seed", "insecure-seed") => {
            instance.func_wrap(name, |_, (): ()| Ok(((word()?, word()?),)))
        }
        ("wasi:clocks/monotonic-clock", "now") => {
            let start = Instant::now();
            instance.func_wrap(name, move |_, (): ()| {
                Ok((u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),))
            })
        }
        _ => {
            let what = format!("a plugin has no {interface}#{name}");
            instance.func_new(name, move |_, _, _, _| {
                Err(wasmtime::Error::msg(what.clone()))
            })
        }
    }
}

fn bytes(count: u64) -> wasmtime::Result<Vec<u8>> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    if count > RANDOM_BYTES_MAX {
        return Err(Exceeded::Random(count).into());
    }
    let mut bytes = vec![0; count as usize];
    getrandom::fill(&mut bytes).map_err(|error| wasmtime::Error::msg(error.to_string()))?;
    Ok(bytes)
}

fn word() -> wasmtime::Result<u64> {
    getrandom::u64().map_err(|error| wasmtime::Error::msg(error.to_string()))
}

//! The first plugin: loaded, described, run; and components that are no plugins.

use serde_json::json;
use windlass_core::catalog::{NoEffect, Output};
use windlass_core::outcome::Effected;
use windlass_core::plan::EffectClass;
use windlass_core::types::Type;
use windlass_engine::ports::CatalogSource as _;
use windlass_wasm::{BadDirectory, CompiledDir, LoadError};

use crate::support::{attempt, component, hello, host};

#[tokio::test]
async fn its_manifest_is_an_entry_of_the_catalog() {
    let Some(plugin) = hello().await else { return };
    let catalog = plugin.catalog();
    let greet = &catalog.actions[&"hello/greet".parse().unwrap()];
    assert_eq!(greet.summary, "Greets somebody");
    assert_eq!(greet.effect, Some(EffectClass::Read));
    let name = &greet.params["name"];
    assert_eq!(
        (&name.ty, name.required, name.secret),
        (&Type::Text, true, false)
    );
    assert_eq!(name.summary, "Whom to greet.");
    let times = &greet.params["times"];
    assert_eq!((&times.ty, times.required), (&Type::Int, false));
    let text = Output {
        summary: "What was said.".to_owned(),
        ty: Type::Text,
    };
    assert_eq!(greet.outputs, Some([("text".to_owned(), text)].into()));
    assert_eq!(greet.no_effect, NoEffect::Refused);
    assert!(greet.grants.is_empty() && !greet.reconciles && !greet.undoes);
    assert!(plugin.runner(&"hello/greet".parse().unwrap()).is_some());
    assert!(plugin.runner(&"hello/other".parse().unwrap()).is_none());
    assert!(plugin.runner(&"other/greet".parse().unwrap()).is_none());
}

#[tokio::test]
async fn it_greets_and_logs() {
    let Some(plugin) = hello().await else { return };
    let ended = attempt(&plugin, "hello/greet", json!({"name": "Ada", "times": 2}))
        .run()
        .await;
    let text = ended.outputs().get("text").unwrap();
    assert_eq!(text.as_text(), Some("Hello, Ada! Hello, Ada!"));
    assert_eq!(ended.log, "somebody is greeted\n");
    // A null counts as left out.
    let ended = attempt(
        &plugin,
        "hello/greet",
        json!({"name": "Ada", "times": null}),
    )
    .run()
    .await;
    assert_eq!(
        ended.outputs().get("text").unwrap().as_text(),
        Some("Hello, Ada!")
    );
    let ended = attempt(&plugin, "hello/greet", json!({"name": 7}))
        .run()
        .await;
    ended.failed(Effected::None, "bad_input");
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_with_a_reason() {
    let host = host();
    let refused = async |bytes: &[u8]| host.load(bytes.to_vec()).await.unwrap_err();
    assert!(matches!(refused(b"").await, LoadError::Component(_)));
    assert!(matches!(
        refused(b"no component").await,
        LoadError::Component(_)
    ));
    // The smallest core module, and the smallest component.
    let module = b"\0asm\x01\0\0\0";
    assert!(matches!(refused(module).await, LoadError::Component(_)));
    let component = b"\0asm\x0d\0\x01\0";
    assert!(matches!(
        refused(component).await,
        LoadError::Missing("describe")
    ));
}

#[tokio::test]
async fn compiled_code_is_taken_from_a_private_directory_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(bytes) = component("hello") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let shared = dir.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o770)).unwrap();
    let refused = CompiledDir::open(&shared).unwrap_err();
    assert!(matches!(refused, BadDirectory::Shared(_)), "{refused}");

    let private = dir.path().join("private/compiled");
    let load = async || {
        let options = windlass_wasm::Options {
            compiled: Some(CompiledDir::open(&private).unwrap()),
            ..windlass_wasm::Options::new(std::sync::Arc::new(
                windlass_engine::SystemClock::default(),
            ))
        };
        let host = windlass_wasm::Host::new(options).unwrap();
        host.load(bytes.clone()).await.unwrap()
    };
    let plugin = load().await;
    let kept: Vec<_> = std::fs::read_dir(&private)
        .unwrap()
        .map(|entry| entry.unwrap())
        .collect();
    assert_eq!(kept.len(), 1);
    let name = kept[0].file_name().into_string().unwrap();
    assert!(name.starts_with(plugin.digest()), "{name}");
    let inode = |path: &std::path::Path| {
        std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap())
    };
    let first = inode(&kept[0].path());
    load().await;
    assert_eq!(inode(&kept[0].path()), first, "it was compiled again");
    // One that others can write, and one that is not what it seems, are not used.
    std::fs::set_permissions(kept[0].path(), std::fs::Permissions::from_mode(0o666)).unwrap();
    load().await;
    let second = inode(&kept[0].path());
    assert_ne!(second, first, "a file that others can write was loaded");
    std::fs::write(kept[0].path(), b"\x7fELF and no more").unwrap();
    load().await;
    assert_ne!(inode(&kept[0].path()), second, "a broken file was loaded");
}

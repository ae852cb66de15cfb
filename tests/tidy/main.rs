//! Holds the shape of the workspace: which crate may depend on which.
//! It reads `cargo metadata`; it builds nothing.

mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The only workspace edges that `[dependencies]` may have (docs/architecture.md).
const ALLOWED_EDGES: &[(&str, &[&str])] = &[
    ("windlass-core", &[]),
    ("windlass-runbook", &["windlass-core"]),
    ("windlass-journal", &["windlass-core"]),
    ("windlass-engine", &["windlass-core", "windlass-journal"]),
    ("windlass-http", &[]),
    (
        "windlass-steps",
        &["windlass-core", "windlass-engine", "windlass-http"],
    ),
    (
        "windlass-wasm",
        &["windlass-core", "windlass-engine", "windlass-http"],
    ),
    (
        "windlass-server",
        &[
            "windlass-core",
            "windlass-runbook",
            "windlass-journal",
            "windlass-engine",
        ],
    ),
    (
        "windlass-cli",
        &[
            "windlass-core",
            "windlass-runbook",
            "windlass-journal",
            "windlass-engine",
            "windlass-http",
            "windlass-steps",
            "windlass-server",
            "windlass-wasm",
        ],
    ),
    ("rds-lab", &[]),
    ("xtask", &["rds-lab"]),
    (
        "windlass-tests",
        &["rds-lab", "windlass-core", "windlass-journal"],
    ),
];

/// The only third-party crates that the core may use (docs/adr/0001, 0023).
const CORE_DEPENDENCIES: &[&str] = &[
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "rpds",
    "regex-lite",
];

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--locked"])
        .output()
        .expect("cargo metadata runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn normal_dependencies(package: &serde_json::Value) -> BTreeSet<String> {
    package["dependencies"]
        .as_array()
        .expect("dependencies is a list")
        .iter()
        .filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| {
            dependency["name"]
                .as_str()
                .expect("name is text")
                .to_owned()
        })
        .collect()
}

#[test]
fn crates_depend_only_along_the_allowed_edges() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages is a list");
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|p| p["name"].as_str().expect("name is text"))
        .collect();
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ALLOWED_EDGES
        .iter()
        .map(|(name, edges)| (*name, edges.iter().copied().collect()))
        .collect();
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().expect("name is text");
        let Some(edges) = allowed.get(name) else {
            wrong.push(format!("{name} is not in the table of crates"));
            continue;
        };
        for dependency in normal_dependencies(package) {
            if names.contains(dependency.as_str()) && !edges.contains(dependency.as_str()) {
                wrong.push(format!("{name} -> {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "edges outside the table: {wrong:?}");
}

#[test]
fn the_core_uses_only_weighed_crates() {
    let metadata = metadata();
    let core = metadata["packages"]
        .as_array()
        .expect("packages is a list")
        .iter()
        .find(|p| p["name"] == "windlass-core")
        .expect("the core is in the workspace");
    let extra: Vec<String> = normal_dependencies(core)
        .into_iter()
        .filter(|name| !CORE_DEPENDENCIES.contains(&name.as_str()))
        .collect();
    assert!(extra.is_empty(), "the core gained {extra:?} without an ADR");
}

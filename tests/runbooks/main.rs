//! Every shipped runbook passes `check` against the native catalog, with the inputs
//! that stand beside it as an example, and its tests reach all of it.

mod edges;
mod first;
mod rehearsed;
mod testing;
mod vendors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use windlass_engine::ports::CatalogSource as _;
use windlass_runbook::render::Style;
use windlass_runbook::testing::TEST_FILE_ENDING;
use windlass_runbook::{Files, Given, check, check_with};
use windlass_steps::NativeSteps;
use windlass_tests::binary::windlass;
use windlass_tests::cache;
use windlass_tests::skip::skip;

fn runbooks() -> Vec<PathBuf> {
    yaml_in("../runbooks")
}

/// What runbooks inline; each is checked and tested with those that do.
fn parts() -> Vec<PathBuf> {
    yaml_in("../runbooks/parts")
}

/// The files beside a runbook.
struct Beside<'a>(&'a Path);

impl Files for Beside<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.0.join(path)).map_err(|error| error.to_string())
    }
}

fn yaml_in(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the runbooks are in the checkout")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".yaml") && !name.ends_with(TEST_FILE_ENDING)
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn shipped_runbooks_are_formatted() {
    for file in [runbooks(), parts()].concat() {
        let text = std::fs::read_to_string(&file).unwrap();
        let formatted = windlass_runbook::format::format(&text).unwrap();
        assert!(
            text == formatted,
            "`windlass fmt {}` changes it",
            file.display()
        );
    }
}

#[test]
fn shipped_runbooks_pass_check() {
    let catalog = NativeSteps::new().catalog();
    for file in runbooks() {
        let text = std::fs::read_to_string(&file).unwrap();
        let example = file.with_extension("inputs.json");
        if text.contains("\nplugins:") {
            passes_with_its_plugins(&file, &example);
            continue;
        }
        let inputs: BTreeMap<String, Given> = match std::fs::read_to_string(&example) {
            Ok(json) => {
                serde_json::from_str::<BTreeMap<String, windlass_core::value::Value>>(&json)
                    .unwrap()
                    .into_iter()
                    .map(|(name, value)| (name, Given::Value(value)))
                    .collect()
            }
            Err(_) => BTreeMap::new(),
        };
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let beside = Beside(file.parent().unwrap());
        let checked = check_with(&name, &text, Some(&inputs), &catalog, &beside);
        assert!(
            checked.plan.is_some() && checked.diagnostics.is_empty(),
            "{}",
            checked.render(Style::Plain)
        );
    }
}

/// Whether the plugins of the shipped runbooks are built; says so when they are not.
fn are_built() -> bool {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let missing = [
        "alertmanager",
        "hello",
        "hello-js",
        "hello-python",
        "otc-rds",
    ]
    .into_iter()
    .find(|name| !plugins.join(name).join("build/plugin.wasm").exists());
    if let Some(name) = missing {
        skip(&format!(
            "plugins/{name} is not built: `cargo xtask plugins` builds it"
        ));
    }
    missing.is_none()
}

/// Only the program itself has the host of plugins.
fn passes_with_its_plugins(file: &Path, example: &Path) {
    if !are_built() {
        return;
    }
    let mut check = std::process::Command::new(windlass());
    check
        .arg("check")
        .arg(file)
        .env("XDG_CACHE_HOME", cache::dir());
    if example.exists() {
        check.arg("--input-file").arg(example);
    }
    let output = check.output().expect("the program can be started");
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let warnings = printed.matches("warning[").count();
    let known = printed.matches(BY_HAND).count();
    assert!(
        output.status.success() && printed.contains(": ok, ") && warnings == known,
        "{printed}"
    );
}

/// A person's work on a console, inside of a window: nobody knows how long it takes.
const BY_HAND: &str = "warning[WL0885]: nobody knows how long `dr_in_hand` takes";

/// The vendor's procedure wants off-peak hours: a policy says when they are.
#[test]
fn an_upgrade_without_a_policy_is_refused() {
    if !are_built() {
        return;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks/rds_pg_minor_upgrade.yaml");
    let folder = tempfile::tempdir().unwrap();
    let mut run = std::process::Command::new(windlass());
    run.args(["--allow-volatile-state", "--state-dir"])
        .arg(folder.path().join("state"))
        .arg("run")
        .arg(&file)
        .arg("--input-file")
        .arg(file.with_extension("inputs.json"))
        .env("NONE", "none")
        .env("XDG_CACHE_HOME", cache::dir());
    for secret in ["otc_access_key", "otc_secret_key", "monitor_password"] {
        run.arg("--secret").arg(format!("{secret}=env:NONE"));
    }
    let output = run.output().expect("the program can be started");
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let says = printed.contains("off_peak") && printed.contains("policy");
    assert!(!output.status.success() && says, "{printed}");
}

/// The first record of a run holds its plan: what can be checked can be started.
#[test]
fn a_plan_of_ten_thousand_steps_fits_its_record() {
    use std::fmt::Write as _;
    let mut text =
        "windlass: 1\nname: fleet\nsteps:\n  step_0: {uses: wait, with: {for: 1s}}\n".to_owned();
    for step in 1..windlass_core::plan::STEPS_MAX {
        let _ = write!(
            text,
            "  step_{step}:\n    title: Bring db-{step:05} to the new release\n    uses: shell\n    \
             needs: step_{}\n    effect: irreversible\n    timeout: 20m\n    observe: 30m\n    \
             retry: {{attempts: 2}}\n    with:\n      script: |\n        \
             ssh \"$SERVER\" rpm --query postgresql15-server\n        \
             ssh \"$SERVER\" /usr/local/sbin/upgrade \"$RELEASE\"\n      \
             env: {{SERVER: db-{step:05}.example.net, RUN: \"${{{{ run.id }}}}\"}}\n      \
             no_effect_exit_codes: [3]\n",
            step - 1
        );
    }
    let catalog = NativeSteps::new().catalog();
    let checked = check("fleet.yaml", &text, Some(&BTreeMap::new()), &catalog);
    let plan = checked.plan.expect("the fleet is right");
    let bytes = serde_json::to_vec(&plan).unwrap().len();
    assert!(bytes < windlass_journal::RECORD_BODY_BYTES_MAX, "{bytes}");
}

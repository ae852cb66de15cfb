//! Every shipped runbook passes `check` against the native catalog, with the inputs
//! that stand beside it as an example, and its tests reach all of it.

mod edges;
mod first;
mod rehearsed;
mod testing;

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
    let missing = ["alertmanager", "hello-js", "hello-python", "otc-rds"]
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
    assert!(
        output.status.success() && printed.contains(": ok, ") && !printed.contains("warning"),
        "{printed}"
    );
}

/// Whoever starts the vendor's procedure says why an interruption is acceptable.
#[test]
fn an_upgrade_without_a_reason_for_its_interruption_is_refused() {
    if !are_built() {
        return;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks/rds_pg_minor_upgrade.yaml");
    let example = std::fs::read_to_string(file.with_extension("inputs.json")).unwrap();
    let example: serde_json::Value = serde_json::from_str(&example).unwrap();
    let planned = |interruption: Option<&str>| {
        let mut inputs = example.clone();
        let named = inputs.as_object_mut().unwrap();
        named.remove("interruption");
        named.extend(interruption.map(|word| ("interruption".to_owned(), word.into())));
        let folder = tempfile::tempdir().unwrap();
        let given = folder.path().join("inputs.json");
        std::fs::write(&given, inputs.to_string()).unwrap();
        let mut plan = std::process::Command::new(windlass());
        plan.arg("plan")
            .arg(&file)
            .arg("--input-file")
            .arg(&given)
            .env("XDG_STATE_HOME", folder.path());
        let output = plan.output().expect("the program can be started");
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        (output.status.success(), printed)
    };
    for acceptable in ["off_peak", "applications_reconnect"] {
        let (is_planned, printed) = planned(Some(acceptable));
        assert!(is_planned, "{printed}");
    }
    for unacceptable in [None, Some("it will be all right")] {
        let (is_planned, printed) = planned(unacceptable);
        assert!(!is_planned && printed.contains("interruption"), "{printed}");
    }
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

//! Every shipped runbook passes `check` against the native catalog, with the inputs
//! that stand beside it as an example, and its tests reach all of it.

mod testing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use windlass_engine::ports::CatalogSource as _;
use windlass_runbook::render::Style;
use windlass_runbook::testing::TEST_FILE_ENDING;
use windlass_runbook::{Given, check};
use windlass_steps::NativeSteps;

fn runbooks() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks");
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
    for file in runbooks() {
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
        let checked = check(&name, &text, Some(&inputs), &catalog);
        assert!(
            checked.plan.is_some() && checked.diagnostics.is_empty(),
            "{}",
            checked.render(Style::Plain)
        );
    }
}

//! The shipped policy of three groups, for suites in which one person is all of them.

use std::fs;
use std::path::{Path, PathBuf};

/// What the shipped runbook asks of the board, and what one person can give.
pub const BOARD: (&str, &str) = (
    "all_of: [{group: dba_leads}, {group: change_managers}]",
    "all_of: [{group: dba_leads}]",
);

/// A copy in `folder` under which whoever runs the suite is in every group and decides about
/// his own runs. Its window is always open.
pub fn of_one_person(folder: &Path) -> PathBuf {
    use std::os::unix::fs::MetadataExt as _;
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks/policies");
    let text = fs::read_to_string(shipped.join("three_groups.yaml")).expect("it is shipped");
    let uid = fs::metadata(folder).expect("the folder is there").uid();
    let mut policy = text;
    for (from, to) in [
        ("{os_user: ann}", format!("{{uid: {uid}}}")),
        ("{members: bob}", "{members: ann}".to_owned()),
        (
            "people: ann\n",
            "people: ann\n  ann_decides: {may: [approve, override], people: ann, own_runs: true}\n"
                .to_owned(),
        ),
    ] {
        assert!(policy.contains(from), "{from}");
        policy = policy.replacen(from, &to, 1);
    }
    let file = folder.join("policy.yaml");
    fs::write(&file, policy).expect("the folder can be written");
    file
}

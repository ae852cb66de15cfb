//! Test files on disk: which there are, and where the runbook of each is.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use windlass_runbook::TEXT_BYTES_MAX;
use windlass_runbook::testing::TEST_FILE_ENDING;

use crate::error::{Error, io};
use crate::walk::below;

/// The test files that some paths mean: each file itself, and all in and below a folder.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for path in paths {
        let about = std::fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::Usage(format!(
                "there is no test file or folder {}",
                path.display()
            )),
            _ => io("look at", path)(error),
        })?;
        if about.is_dir() {
            let before = found.len();
            below(path, &is_test_file, &mut found)?;
            if found.len() == before {
                return Err(Error::Usage(format!(
                    "no test file (*{TEST_FILE_ENDING}) in {}",
                    path.display()
                )));
            }
        } else if is_test_file(path) {
            found.push(path.clone());
        } else {
            return Err(Error::Usage(format!(
                "{} is no test file: the name of one ends with {TEST_FILE_ENDING}",
                path.display()
            )));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|path| seen.insert(path.clone()));
    Ok(found)
}

/// Whether a file's name ends as those of test files do.
pub(crate) fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.is_some_and(|name| name.ends_with(TEST_FILE_ENDING))
}

/// The runbook of a test file: the one that it names, or the one beside it.
pub(super) fn runbook_of(test_file: &Path, named: Option<&str>) -> PathBuf {
    let folder = test_file.parent().unwrap_or(Path::new(""));
    match named {
        Some(named) => folder.join(named),
        None => {
            let name = test_file.file_name().unwrap_or_default().to_string_lossy();
            let stem = name.strip_suffix(TEST_FILE_ENDING).unwrap_or(&name);
            folder.join(format!("{stem}.yaml"))
        }
    }
}

/// The text of a file; `None` when it is no UTF-8.
pub(super) fn read(path: &Path) -> Result<Option<String>, Error> {
    let mut bytes = Vec::new();
    // One more than is allowed, so that what is too long is seen to be.
    std::fs::File::open(path)
        .and_then(|file| file.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(io("read", path))?;
    Ok(String::from_utf8(bytes).ok())
}

/// The same; `None` also when there is no such file.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, Error> {
    match path.try_exists() {
        Ok(true) => read(path),
        Ok(false) => Ok(None),
        Err(error) => Err(io("look at", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runbook_stands_beside_its_test_file() {
        let of = |file: &str, named| runbook_of(Path::new(file), named);
        assert_eq!(of("a/up.test.yaml", None), Path::new("a/up.yaml"));
        assert_eq!(of("up.test.yaml", None), Path::new("up.yaml"));
        assert_eq!(
            of("a/x.test.yaml", Some("../up.yaml")),
            Path::new("a/../up.yaml")
        );
    }
}

//! The YAML files that paths mean: each file itself, and all in and below a folder.

use std::path::{Path, PathBuf};

use crate::error::{Error, io};

/// How deep folders are searched.
const FOLDER_DEPTH_MAX: usize = 32;
/// The most files of one call.
const FILES_MAX: usize = 10_000;

/// Whether a file's name ends as those of YAML do.
pub(crate) fn is_yaml(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.ends_with(b".yaml") || name.ends_with(b".yml")
}

/// Adds the wanted files in and below a folder, in the order of names, so that a report
/// does not depend on the file system. Hidden folders and `target` are passed over, and
/// links are not followed: a circle of them would have no end.
pub(crate) fn below(
    folder: &Path,
    wanted: &dyn Fn(&Path) -> bool,
    found: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    walk(folder, 0, wanted, found)
}

fn walk(
    folder: &Path,
    depth: usize,
    wanted: &dyn Fn(&Path) -> bool,
    found: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    if depth > FOLDER_DEPTH_MAX {
        let place = folder.display();
        let message = format!("{place} is more than {FOLDER_DEPTH_MAX} folders deep");
        return Err(Error::Usage(message));
    }
    let mut entries = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(io("list", folder))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(io("look at", &path))?;
        let name = entry.file_name();
        if kind.is_dir() {
            if !name.as_encoded_bytes().starts_with(b".") && name != "target" {
                walk(&path, depth + 1, wanted, found)?;
            }
        } else if kind.is_file() && wanted(&path) {
            if found.len() >= FILES_MAX {
                let message = format!("there are more than {FILES_MAX} files: name fewer");
                return Err(Error::Usage(message));
            }
            found.push(path.strip_prefix(".").map_or(path.clone(), Path::to_owned));
        }
    }
    Ok(())
}

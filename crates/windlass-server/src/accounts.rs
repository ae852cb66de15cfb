//! Names of users and groups, out of `/etc/passwd` and `/etc/group`.
//! Accounts that only a directory service knows go by their number.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::limits::ACCOUNTS_BYTES_MAX;

/// The longest name that is shown.
const NAME_BYTES_MAX: usize = 64;

/// A user's name, or `uid N`.
pub fn user_name(uid: u32) -> String {
    let found = read(Path::new("/etc/passwd"))
        .ok()
        .and_then(|passwd| name_of(&passwd, uid));
    found.unwrap_or_else(|| format!("uid {uid}"))
}

/// A group, by its name or its number.
///
/// # Errors
/// `/etc/group` cannot be read.
pub fn group_id(group: &str) -> io::Result<Option<u32>> {
    match group.parse() {
        Ok(gid) => Ok(Some(gid)),
        Err(_) => Ok(id_of(&read(Path::new("/etc/group"))?, group)),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(ACCOUNTS_BYTES_MAX)
        .read_to_end(&mut bytes)?;
    // Full names may be in any encoding; what is looked for is ASCII.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn name_of(passwd: &str, uid: u32) -> Option<String> {
    let name = passwd.lines().find_map(|line| {
        let (name, id) = name_and_id(line)?;
        (id == uid).then_some(name)
    })?;
    let plain = |byte: u8| byte.is_ascii_graphic();
    let fit = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(plain);
    fit.then(|| name.to_owned())
}

fn id_of(group: &str, name: &str) -> Option<u32> {
    group.lines().find_map(|line| {
        let (found, id) = name_and_id(line)?;
        (found == name).then_some(id)
    })
}

/// `name:password:id:...`, in both files.
fn name_and_id(line: &str) -> Option<(&str, u32)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let id = fields.nth(1)?.parse().ok()?;
    Some((name, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_by_number_and_name() {
        let passwd = "# a comment\nroot:x:0:0:root:/root:/bin/sh\nbad\nana:x:1000:1000:Ána:/:/bin/sh\n\u{1b}[31m:x:7:7::/:\n";
        assert_eq!(name_of(passwd, 1000).as_deref(), Some("ana"));
        assert_eq!(name_of(passwd, 7), None, "a name that is no plain text");
        assert_eq!(name_of(passwd, 3), None);
        assert_eq!(id_of("wheel:x:10:\ndba:x:2000:ana\n", "dba"), Some(2000));
        assert_eq!(group_id("2000").unwrap(), Some(2000));
        assert_eq!(user_name(u32::MAX - 7), format!("uid {}", u32::MAX - 7));
    }
}

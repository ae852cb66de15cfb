//! Random passwords, each in a file that only the lab's maker can read.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::server::RoleName;
use crate::{Error, Result};

/// 192 random bits, as hexadecimal digits that need no quoting anywhere.
const PASSWORD_BYTES: usize = 24;

/// The passwords of all roles, never shown by `Debug`.
#[derive(Clone)]
pub(crate) struct Passwords(BTreeMap<RoleName, String>);

impl Passwords {
    /// Makes new ones and writes them below `lab`.
    pub(crate) fn generate(lab: &Path) -> Result<Self> {
        let mut passwords = BTreeMap::new();
        for role in RoleName::ALL {
            let password = random_hex()?;
            write_private(&file(lab, role), &password)?;
            passwords.insert(role, password);
        }
        Ok(Self(passwords))
    }

    /// Reads those that an earlier process wrote.
    pub(crate) fn read(lab: &Path) -> Result<Self> {
        let mut passwords = BTreeMap::new();
        for role in RoleName::ALL {
            let path = file(lab, role);
            let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
            passwords.insert(role, text.trim().to_owned());
        }
        Ok(Self(passwords))
    }

    pub(crate) fn get(&self, role: RoleName) -> &str {
        self.0.get(&role).expect("every role has a password")
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(..)")
    }
}

/// Where the password of `role` lies in the lab.
pub(crate) fn file(lab: &Path, role: RoleName) -> PathBuf {
    lab.join("secrets")
        .join(format!("{}.password", role.as_str()))
}

/// Creates `path` with mode 0600; an existing file is an error, since its
/// mode and its readers are not ours.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::io("create", path))?;
    writeln!(file, "{text}").map_err(Error::io("write", path))
}

/// As many random digits as a password has.
pub(crate) fn random_hex() -> Result<String> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; PASSWORD_BYTES];
    File::open(path)
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(Error::io("read", path))?;
    Ok(crate::builds::hex(&bytes))
}

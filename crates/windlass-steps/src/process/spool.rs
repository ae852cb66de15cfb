//! The files that stand between a command and its engine. A pipe ends with the process
//! that reads it, and takes whoever writes then with it (SIGPIPE); a file does not.
//! None has a name: what a command prints may hold secrets, and is on no path before it
//! was redacted.

use std::fs::{File, Permissions};
use std::io::{self, Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, FlockOperation, MemfdFlags};

/// What was read of a file is given back to its disk in pieces of this many bytes.
const RELEASED_BYTES: u64 = 8 * 1024 * 1024;
/// The most bytes that wait to be read. A command that prints faster than that is read
/// has the older part skipped: it is never slowed down, and the disk does not fill up.
const UNREAD_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What is still read behind a skipped part, and always read at the beginning; the
/// bytes of a standard output that become outputs are among the latter.
const KEPT_BYTES: u64 = 1024 * 1024;
/// By so many bytes it is noticed that a command emptied the file and went on.
const REMEMBERED_BYTES: usize = 32;

/// A command's whole standard input: complete before the command starts, so that no
/// death of the engine cuts a script in two. It is in memory; secrets may be in it.
pub(super) fn input(text: &[u8]) -> io::Result<File> {
    let create = |flags| rustix::fs::memfd_create("windlass-stdin", MemfdFlags::CLOEXEC | flags);
    // A hardened kernel makes only those that cannot be executed; one before 6.3 knows none.
    let made = match create(MemfdFlags::NOEXEC_SEAL) {
        Err(rustix::io::Errno::INVAL) => create(MemfdFlags::empty()),
        made => made,
    };
    let mut file: File = made?.into();
    file.write_all(text)?;
    file.rewind()?;
    Ok(file)
}

/// A file that a command prints into and that is read here at the same time.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    /// Up to where it was read, and up to where its bytes were given back.
    offset: u64,
    released: u64,
    /// The last bytes that were read, to see that they are still there.
    last: Vec<u8>,
    unread_bytes_max: u64,
    kept_bytes: u64,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Bytes(usize),
    /// So many bytes were passed over.
    Skipped(u64),
    /// The command emptied the file; what follows is read from its beginning.
    Emptied,
    /// Nothing more for now.
    End,
}

impl Spool {
    /// A file in the first of the directories that takes one, and its end for writing.
    pub(super) fn create(directories: &[PathBuf]) -> io::Result<(Self, File)> {
        let mut created = Err(io::ErrorKind::NotFound.into());
        for directory in directories {
            created = Self::create_in(directory);
            if created.is_ok() {
                break;
            }
        }
        created
    }

    fn create_in(directory: &Path) -> io::Result<(Self, File)> {
        // O_TMPFILE, or created and unlinked where that is not known. Still empty, it
        // becomes this user's alone.
        let file = tempfile::tempfile_in(directory)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        // Opened once more, because everybody who got the writing end shares its lock,
        // and this end must not. Appending, so that a command which empties its output
        // leaves no hole in it.
        let writer = File::options()
            .append(true)
            .open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        rustix::fs::flock(&writer, FlockOperation::NonBlockingLockExclusive)?;
        let spool = Self {
            file,
            offset: 0,
            released: 0,
            last: Vec::new(),
            unread_bytes_max: UNREAD_BYTES_MAX,
            kept_bytes: KEPT_BYTES,
        };
        Ok((spool, writer))
    }

    /// Whether the writing end is still open anywhere. Its lock lives as long as it.
    pub(super) fn is_held(&self) -> bool {
        let locked = rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive);
        locked == Err(rustix::io::Errno::WOULDBLOCK)
    }

    /// Reads what is there, as much as fits.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Read> {
        let length = self.file.metadata()?.len();
        if length < self.offset {
            return Ok(self.emptied());
        }
        let unread = length - self.offset;
        if unread > self.unread_bytes_max && self.offset >= self.kept_bytes {
            let skipped = unread - self.kept_bytes.min(unread);
            self.last.clear();
            self.pass(skipped);
            return Ok(Read::Skipped(skipped));
        }
        let count = match self.file.read_at(buffer, self.offset) {
            Ok(0) => return Ok(Read::End),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Read::Bytes(0)),
            Err(error) => return Err(error),
        };
        if !self.goes_on() {
            return Ok(self.emptied());
        }
        self.last = buffer[count.saturating_sub(REMEMBERED_BYTES)..count].to_vec();
        self.pass(count as u64);
        Ok(Read::Bytes(count))
    }

    /// Whether what was read last still stands before what was read now. Otherwise the
    /// command emptied the file, as `> /dev/stderr` does, and filled it again.
    fn goes_on(&self) -> bool {
        let mut seen = [0; REMEMBERED_BYTES];
        let seen = &mut seen[..self.last.len()];
        let from = self.offset - seen.len() as u64;
        self.file.read_exact_at(seen, from).is_ok() && *seen == *self.last
    }

    fn emptied(&mut self) -> Read {
        (self.offset, self.released) = (0, 0);
        self.last.clear();
        Read::Emptied
    }

    /// Passes over all that is there.
    pub(super) fn skip_all(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        self.last.clear();
        self.offset = self.offset.min(length);
        self.released = self.released.min(length);
        self.pass(length - self.offset);
        Ok(())
    }

    fn pass(&mut self, count: u64) {
        self.offset += count;
        // The bytes that are looked at again stay.
        let end = self.offset.saturating_sub(REMEMBERED_BYTES as u64);
        let passed = end.saturating_sub(self.released);
        if passed >= RELEASED_BYTES {
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // A file system that cannot keeps the bytes until the command's end.
            let _ = rustix::fs::fallocate(&self.file, hole, self.released, passed);
            self.released = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn spool() -> (tempfile::TempDir, Spool, File) {
        let dir = tempfile::tempdir().unwrap();
        let directories = [PathBuf::from("/no/such/directory"), dir.path().to_owned()];
        let (spool, writer) = Spool::create(&directories).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(spool.file.metadata().unwrap().mode() & 0o777, 0o600);
        (dir, spool, writer)
    }

    #[test]
    fn it_is_held_as_long_as_a_copy_of_its_writing_end_is_open() {
        let (_dir, spool, writer) = spool();
        let copy = writer.try_clone().unwrap();
        assert!(spool.is_held());
        drop(writer);
        assert!(spool.is_held());
        drop(copy);
        assert!(!spool.is_held());
    }

    #[test]
    fn what_was_read_is_given_back() {
        let (_dir, mut spool, mut writer) = spool();
        let megabyte = vec![b'x'; 1024 * 1024];
        let mut buffer = vec![0; 256 * 1024];
        let mut read = 0;
        for _ in 0..20 {
            writer.write_all(&megabyte).unwrap();
            while let Read::Bytes(count) = spool.read(&mut buffer).unwrap() {
                read += count;
            }
        }
        assert_eq!(read, 20 * megabyte.len());
        assert_eq!(spool.file.metadata().unwrap().len(), read as u64);
        let on_disk = spool.file.metadata().unwrap().blocks() * 512;
        assert!(on_disk < 2 * RELEASED_BYTES, "{on_disk}");
    }

    #[test]
    fn a_command_that_prints_too_fast_loses_its_older_part() {
        let (_dir, mut spool, mut writer) = spool();
        (spool.unread_bytes_max, spool.kept_bytes) = (12, 10);
        let mut buffer = [0; 100];
        writer.write_all(b"0123456789012").unwrap();
        // The beginning is read, whatever waits behind it.
        assert_eq!(spool.read(&mut buffer).unwrap(), Read::Bytes(13));
        writer.write_all(b"abcdefghijklmn").unwrap();
        assert_eq!(spool.read(&mut buffer).unwrap(), Read::Skipped(4));
        assert_eq!(spool.read(&mut buffer).unwrap(), Read::Bytes(10));
        assert_eq!(&buffer[..10], b"efghijklmn");
        assert_eq!(spool.read(&mut buffer).unwrap(), Read::End);
    }

    #[test]
    fn an_emptied_file_is_read_from_its_beginning() {
        let (_dir, mut spool, mut writer) = spool();
        let mut buffer = [0; 100];
        writer.write_all(b"a line\n").unwrap();
        assert_eq!(spool.read(&mut buffer).unwrap(), Read::Bytes(7));
        for (again, count) in [("short", 5), ("longer than it was", 18)] {
            writer.set_len(0).unwrap();
            writer.write_all(again.as_bytes()).unwrap();
            assert_eq!(spool.read(&mut buffer).unwrap(), Read::Emptied);
            assert_eq!(spool.read(&mut buffer).unwrap(), Read::Bytes(count));
        }
        writer.write_all(b"more").unwrap();
        spool.skip_all().unwrap();
        assert_eq!(spool.read(&mut buffer).unwrap(), Read::End);
    }

    #[test]
    fn an_input_is_whole() {
        let mut text = Vec::new();
        input(b"all of it").unwrap().read_to_end(&mut text).unwrap();
        assert_eq!(text, b"all of it");
    }
}

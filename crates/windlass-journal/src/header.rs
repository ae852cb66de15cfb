//! The header of a record: its fields, its exact bytes, its hash.
//! The bytes are law (`docs/journal-format.md`); how they are stored is not decided here.

use crate::hash::Hash;
use crate::key::{RunKey, is_kind, is_run_name};

/// The first eight bytes of every encoded header; a new layout gets a new tag.
const TAG: &[u8; 8] = b"wlj-hdr1";

/// What is kept of a record for ever; its body may be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Dense position in the whole store, from 0.
    pub position: u64,
    pub run: RunKey,
    /// Dense position in the run, from 0.
    pub seq: u64,
    /// Epoch of the owner that wrote the record.
    pub epoch: u64,
    /// UTC in milliseconds since 1970, as the caller stated it.
    pub at_ms: i64,
    /// Type of the event: `[a-z][a-z0-9_]{0,63}`.
    pub kind: String,
    /// Version of the event type.
    pub version: u16,
    /// SHA-256 of the body.
    pub body_hash: Hash,
    /// Hash of the header before this one in the same run; zero at `seq` 0.
    pub prev_in_run: Hash,
}

/// Why bytes are not a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("decode the header: it does not begin with the tag wlj-hdr1")]
    Tag,
    #[error("decode the header: it ends inside the field {field}")]
    Short { field: &'static str },
    #[error("decode the header: {bytes} bytes follow its last field")]
    Trailing { bytes: usize },
    #[error("decode the header: the field {field} is outside its alphabet")]
    Alphabet { field: &'static str },
    #[error("decode the header: the first record of a run names a record before it")]
    FirstHasPrevious,
}

impl Header {
    /// The bytes that are hashed: tag, position, run, seq, epoch, time, kind,
    /// version, body hash, previous hash. Numbers are big-endian, both texts are
    /// preceded by their length in one byte.
    pub fn encode(&self) -> Vec<u8> {
        let run = self.run.as_str();
        let mut bytes = Vec::with_capacity(124 + run.len() + self.kind.len());
        bytes.extend_from_slice(TAG);
        bytes.extend_from_slice(&self.position.to_be_bytes());
        put_text(&mut bytes, run);
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        bytes.extend_from_slice(&self.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.at_ms.to_be_bytes());
        put_text(&mut bytes, &self.kind);
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes.extend_from_slice(self.body_hash.as_bytes());
        bytes.extend_from_slice(self.prev_in_run.as_bytes());
        bytes
    }

    /// Reads what [`Header::encode`] wrote, and nothing else: whatever is
    /// accepted encodes to the same bytes again.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut rest = bytes.strip_prefix(TAG).ok_or(HeaderError::Tag)?;
        let rest = &mut rest;
        let header = Self {
            position: u64::from_be_bytes(take(rest, "position")?),
            run: take_run(rest)?,
            seq: u64::from_be_bytes(take(rest, "seq")?),
            epoch: u64::from_be_bytes(take(rest, "epoch")?),
            at_ms: i64::from_be_bytes(take(rest, "at_ms")?),
            kind: take_kind(rest)?,
            version: u16::from_be_bytes(take(rest, "version")?),
            body_hash: Hash::from_bytes(take(rest, "body_hash")?),
            prev_in_run: Hash::from_bytes(take(rest, "prev_in_run")?),
        };
        if !rest.is_empty() {
            return Err(HeaderError::Trailing { bytes: rest.len() });
        }
        if header.seq == 0 && header.prev_in_run != Hash::ZERO {
            return Err(HeaderError::FirstHasPrevious);
        }
        Ok(header)
    }

    /// SHA-256 of the encoded header.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.encode())
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    // Both texts are bounded to 64 bytes where they are made.
    bytes.push(u8::try_from(text.len()).expect("run names and kinds are at most 64 bytes"));
    bytes.extend_from_slice(text.as_bytes());
}

fn take<const N: usize>(rest: &mut &[u8], field: &'static str) -> Result<[u8; N], HeaderError> {
    let (taken, after) = rest
        .split_first_chunk()
        .ok_or(HeaderError::Short { field })?;
    *rest = after;
    Ok(*taken)
}

fn take_text<'a>(rest: &mut &'a [u8], field: &'static str) -> Result<&'a [u8], HeaderError> {
    let [len] = take(rest, field)?;
    let (taken, after) = rest
        .split_at_checked(usize::from(len))
        .ok_or(HeaderError::Short { field })?;
    *rest = after;
    Ok(taken)
}

fn take_run(rest: &mut &[u8]) -> Result<RunKey, HeaderError> {
    let alphabet = HeaderError::Alphabet { field: "run" };
    let name = take_text(rest, "run")?;
    if !is_run_name(name) {
        return Err(alphabet);
    }
    let name = std::str::from_utf8(name).map_err(|_| alphabet.clone())?;
    RunKey::new(name).map_err(|_| alphabet)
}

fn take_kind(rest: &mut &[u8]) -> Result<String, HeaderError> {
    let alphabet = HeaderError::Alphabet { field: "kind" };
    let kind = take_text(rest, "kind")?;
    if !is_kind(kind) {
        return Err(alphabet);
    }
    String::from_utf8(kind.to_vec()).map_err(|_| alphabet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            position: 7,
            run: RunKey::new("r-1").unwrap(),
            seq: 3,
            epoch: 2,
            at_ms: -1,
            kind: "step_started".into(),
            version: 1,
            body_hash: Hash::of(b"{}"),
            prev_in_run: Hash::of(b"before"),
        }
    }

    #[test]
    fn every_prefix_and_suffix_is_refused() {
        let bytes = header().encode();
        assert_eq!(Header::decode(&bytes), Ok(header()));
        for end in 0..bytes.len() {
            assert!(Header::decode(&bytes[..end]).is_err(), "{end}");
        }
        let mut long = bytes.clone();
        long.push(0);
        assert_eq!(
            Header::decode(&long),
            Err(HeaderError::Trailing { bytes: 1 })
        );
    }

    #[test]
    fn the_first_record_names_none_before_it() {
        let first = Header { seq: 0, ..header() };
        assert_eq!(
            Header::decode(&first.encode()),
            Err(HeaderError::FirstHasPrevious)
        );
        let first = Header {
            prev_in_run: Hash::ZERO,
            ..first
        };
        assert_eq!(Header::decode(&first.encode()), Ok(first));
    }
}

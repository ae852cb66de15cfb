//! Ids in the shapes that the service gives them. They follow from a count, so that the same
//! requests get the same ids; nothing about them is secret.

use sha2::{Digest, Sha256};

use crate::builds::hex;

/// What the ids of a cloud are made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    count: u64,
}

impl Ids {
    /// 32 hexadecimal digits, in which shape most ids come.
    pub(crate) fn plain(&mut self) -> String {
        self.count += 1;
        let digest = Sha256::digest(format!("id {}", self.count));
        hex(&digest[..16])
    }

    /// Such as `...in03`, where `suffix` says of what kind the thing is.
    pub(crate) fn with(&mut self, suffix: &str) -> String {
        self.plain() + suffix
    }

    /// The same digits with dashes, in which shape some jobs come.
    pub(crate) fn dashed(&mut self) -> String {
        let plain = self.plain();
        let parts = [&plain[..8], &plain[8..12], &plain[12..16], &plain[16..20]];
        format!("{}-{}", parts.join("-"), &plain[20..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn have_their_shapes_and_differ() {
        let mut ids = Ids::default();
        let (one, two, three) = (ids.plain(), ids.with("in03"), ids.dashed());
        assert_eq!((one.len(), two.len(), three.len()), (32, 36, 36));
        assert!(two.ends_with("in03") && !two.starts_with(&one));
        let dashes: Vec<usize> = three.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!(dashes, [8, 13, 18, 23]);
    }
}

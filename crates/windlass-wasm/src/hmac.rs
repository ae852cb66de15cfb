//! HMAC-SHA256 (RFC 2104), with which clouds have their requests signed.

use sha2::{Digest as _, Sha256};

const BLOCK_BYTES: usize = 64;

/// The code of `message` under a key that is given in pieces.
pub(crate) fn hmac_sha256(key: &[&[u8]], message: &[u8]) -> [u8; 32] {
    let length: usize = key.iter().map(|piece| piece.len()).sum();
    let mut block = [0; BLOCK_BYTES];
    if length > BLOCK_BYTES {
        let digest = key
            .iter()
            .fold(Sha256::new(), |hash, piece| hash.chain_update(piece));
        block[..32].copy_from_slice(&digest.finalize());
    } else {
        let mut at = 0;
        for piece in key {
            block[at..at + piece.len()].copy_from_slice(piece);
            at += piece.len();
        }
    }
    let inner = Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 4231, cases 2 and 6, the key in pieces.
    #[test]
    fn published_vectors() {
        assert_eq!(
            hex(&hmac_sha256(
                &[b"Je", b"fe"],
                b"what do ya want for nothing?"
            )),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let (first, rest) = ([0xaa; 31], [0xaa; 100]);
        assert_eq!(
            hex(&hmac_sha256(
                &[&first, &rest],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}

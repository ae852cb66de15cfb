//! Signatures of messages, as the Standard Webhooks specification has them: HMAC-SHA256
//! over id, timestamp and body, with a key that is written `whsec_` and base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// How every key begins.
const PREFIX: &str = "whsec_";
/// The shortest and the longest key, in bytes, as the specification has them.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The value of `webhook-signature`.
///
/// # Errors
/// The secret is no key; nothing of it is repeated.
pub(super) fn signature(
    secret: &SecretString,
    id: &str,
    timestamp: i64,
    body: &[u8],
) -> Result<String, &'static str> {
    const BAD: &str = "the signing secret is not `whsec_` and the base64 of 24 to 64 bytes";
    let written = secret.expose_secret().trim();
    let written = written.strip_prefix(PREFIX).ok_or(BAD)?;
    let key = STANDARD.decode(written).map_err(|_| BAD)?;
    if !KEY_BYTES.contains(&key.len()) {
        return Err(BAD);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| BAD)?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    Ok(format!("v1,{signature}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn the_vector_of_the_specification_comes_out() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            signature(&secret, id, 1_614_265_330, body).unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        for bad in ["", "plain", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ="] {
            let secret = SecretString::from(bad);
            let why = signature(&secret, "a", 0, b"").unwrap_err();
            assert!(
                bad.is_empty() || bad == "whsec_" || !why.contains(bad),
                "{why}"
            );
        }
    }
}

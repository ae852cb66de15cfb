//! Signatures with an access key: the two dialects that share the algorithm's name.
//!
//! The canonical request is built here; the secret key is behind a [`Key`], which only
//! answers codes, so that the guest never holds its value.

use sha2::{Digest as _, Sha256};

const ALGORITHM: &str = "SDK-HMAC-SHA256";
/// The last part of dialect B's scope.
const TERMINATOR: &str = "sdk_request";

/// A key that signs and is not seen.
pub(crate) trait Key: Sized {
    type Error;

    /// HMAC-SHA256 of the message under the prefix followed by the key.
    fn code(&self, prefix: &[u8], message: &[u8]) -> Result<Vec<u8>, Self::Error>;
    /// The same as a key that is not seen either.
    fn derive(&self, prefix: &[u8], message: &[u8]) -> Result<Self, Self::Error>;
}

/// What is signed of a request.
#[derive(Debug)]
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// Names in lower case; all of them are signed.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
    /// As `x-sdk-date` has it.
    pub(crate) date: &'a str,
}

/// How a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect<'a> {
    /// The key itself signs.
    A,
    /// A key that is derived for a day, a region and a service signs.
    B { region: &'a str, service: &'a str },
}

/// The value of `authorization` around the access key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) before: String,
    pub(crate) after: String,
}

/// Signs a request.
pub(crate) fn sign<K: Key>(
    request: &Unsigned<'_>,
    dialect: Dialect<'_>,
    key: &K,
) -> Result<Authorization, K::Error> {
    let (canonical, names) = canonical(request);
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    let date = request.date;
    let (before, after, code) = match dialect {
        Dialect::A => {
            let text = format!("{ALGORITHM}\n{date}\n{hash}");
            let code = key.code(b"", text.as_bytes())?;
            (format!("{ALGORITHM} Access="), String::new(), code)
        }
        Dialect::B { region, service } => {
            let day = date.get(..8).unwrap_or(date);
            let scope = format!("{day}/{region}/{service}/{TERMINATOR}");
            let text = format!("{ALGORITHM}\n{date}\n{scope}\n{hash}");
            let key = key
                .derive(b"SDK", day.as_bytes())?
                .derive(b"", region.as_bytes())?
                .derive(b"", service.as_bytes())?
                .derive(b"", TERMINATOR.as_bytes())?;
            let code = key.code(b"", text.as_bytes())?;
            let before = format!("{ALGORITHM} Credential=");
            (before, format!("/{scope}"), code)
        }
    };
    let after = format!("{after}, SignedHeaders={names}, Signature={}", hex(&code));
    Ok(Authorization { before, after })
}

/// The canonical form of a request, and the names of its signed headers.
fn canonical(request: &Unsigned<'_>) -> (String, String) {
    let mut path: Vec<String> = request.path.split('/').map(encode).collect();
    if path.last().is_some_and(|last| !last.is_empty()) {
        // In this form only; the address itself stays as it is.
        path.push(String::new());
    }
    let mut headers = request.headers.to_vec();
    headers.sort_unstable();
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let text = format!(
        "{}\n{}\n{}\n{lines}\n{names}\n{}",
        request.method,
        path.join("/"),
        query(request.query),
        hex(&Sha256::digest(request.body)),
    );
    (text, names)
}

/// A query in its canonical form, which is also the one that is sent.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

/// Everything but letters, digits and `-_.~` in percent encoding.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Bytes in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A key in the open: only tests have one.
    struct Open(Vec<u8>);

    impl Key for Open {
        type Error = Infallible;

        fn code(&self, prefix: &[u8], message: &[u8]) -> Result<Vec<u8>, Infallible> {
            // Short keys only: none here is longer than a block.
            let key = [prefix, &self.0].concat();
            let block = |pad: u8| {
                let mut block = [pad; 64];
                for (at, byte) in key.iter().enumerate() {
                    block[at] ^= byte;
                }
                block
            };
            let inner = Sha256::new()
                .chain_update(block(0x36))
                .chain_update(message);
            let outer = Sha256::new().chain_update(block(0x5c));
            Ok(outer.chain_update(inner.finalize()).finalize().to_vec())
        }

        fn derive(&self, prefix: &[u8], message: &[u8]) -> Result<Self, Infallible> {
            self.code(prefix, message).map(Self)
        }
    }

    const DATE: &str = "20060102T150405Z";

    fn signature(request: &Unsigned<'_>, dialect: Dialect<'_>) -> String {
        let key = Open(b"SecretKey".to_vec());
        let Ok(signed) = sign(request, dialect, &key);
        let value = format!("{}AccessKey{}", signed.before, signed.after);
        value.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    /// The vectors of the Go SDK's own tests (core/auth/signer/signer_test.go).
    #[test]
    fn published_vectors_of_dialect_a() {
        let get = Unsigned {
            method: "GET",
            path: "/path",
            query: &[("limit", "1")],
            headers: &[("x-sdk-date", DATE)],
            body: b"",
            date: DATE,
        };
        assert_eq!(
            canonical(&get).0,
            "GET\n/path/\nlimit=1\nx-sdk-date:20060102T150405Z\n\nx-sdk-date\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            signature(&get, Dialect::A),
            "5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624"
        );
        let post = Unsigned {
            method: "POST",
            query: &[("key", "value")],
            body: b"{\"Name\":\"test\",\"Id\":1}\n",
            ..get
        };
        assert_eq!(
            hex(&Sha256::digest(canonical(&post).0)),
            "13f75ff5f5216199f986c7e7f2f77834d5e160ad9e46f37319816dc72ba7eeab"
        );
        assert_eq!(
            signature(&post, Dialect::A),
            "cecc2af119b18ab70b4d094c0750f3b42c02f254903179a0fc2cc72fc9db4f59"
        );
    }

    #[test]
    fn published_vector_of_queries() {
        let pairs = [
            ("limit", "1"),
            ("enable", "true"),
            ("test", "一 (&=?!#%.*)"),
            ("path", "/tmp/123"),
            ("multi", "1"),
            ("multi", "2"),
            ("multi", "3"),
        ];
        assert_eq!(
            query(&pairs),
            "enable=true&limit=1&multi=1&multi=2&multi=3&path=%2Ftmp%2F123\
             &test=%E4%B8%80%20%28%26%3D%3F%21%23%25.%2A%29"
        );
    }

    /// Not published: computed by hand from the description, beside this code.
    #[test]
    fn an_upgrade_in_dialect_a() {
        let host = "rds.eu-de.otc.t-systems.com";
        let upgrade = Unsigned {
            method: "POST",
            path: "/v3/0483b6b16e954cb88930a360d2c4e663/instances/\
                   5b409baece064984a1b3eef6addae50cin01/db-upgrade",
            query: &[],
            headers: &[("x-sdk-date", DATE), ("host", host)],
            body: b"{\"is_delayed\":false}",
            date: DATE,
        };
        assert_eq!(
            signature(&upgrade, Dialect::A),
            "27758ce7a0244af5a50ec6febdfd3bfeeb2527d40fa4d9aac8a3c28aa654747d"
        );
    }

    /// Not published either.
    #[test]
    fn a_list_in_dialect_b() {
        let list = Unsigned {
            method: "GET",
            path: "/v3/0483b6b16e954cb88930a360d2c4e663/instances",
            query: &[("limit", "1")],
            headers: &[
                ("host", "rds.eu-de.otc.t-systems.com"),
                ("x-sdk-date", DATE),
            ],
            body: b"",
            date: DATE,
        };
        let empty = Dialect::B {
            region: "",
            service: "",
        };
        assert_eq!(
            signature(&list, empty),
            "28c597fd15df774a1c908f86bb10a435a143c883aa9e8b44f10f7b180d74638c"
        );
        let scoped = Dialect::B {
            region: "eu-de",
            service: "rds",
        };
        assert_eq!(
            signature(&list, scoped),
            "f9fd506f99983a5473f9cc30c3099474fd389fa7bcb3374566fd36f4b0d56742"
        );
        let key = Open(b"SecretKey".to_vec());
        let Ok(signed) = sign(&list, scoped, &key);
        assert_eq!(signed.before, "SDK-HMAC-SHA256 Credential=");
        assert!(signed.after.starts_with(
            "/20060102/eu-de/rds/sdk_request, SignedHeaders=host;x-sdk-date, Signature="
        ));
    }
}

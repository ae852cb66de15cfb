//! How a secret's place is spelled on a command line.

use windlass_core::id::SecretName;
use windlass_core::plan::{SecretSource, VaultAuth, VaultPlace};

/// Where the short spelling of a place in a Vault finds the rest, as Vault's own client does.
const ADDRESS: &str = "VAULT_ADDR";
const NAMESPACE: &str = "VAULT_NAMESPACE";
const AUTHORITIES: &str = "VAULT_CACERT";

/// What may be typed.
const EXPECTED: &str = r#"expected NAME=env:VARIABLE, NAME=file:PATH, NAME=exec:["PROGRAM", ...], NAME=vault:MOUNT/PATH#FIELD or NAME=vault:{"address": ...}"#;

/// One `NAME=FROM`.
pub(super) fn spelled(text: &str) -> Result<(SecretName, SecretSource), String> {
    // Whatever was typed here may be a secret's value by mistake: it is not repeated.
    let expected = || EXPECTED.to_owned();
    let (name, from) = text.split_once('=').ok_or_else(expected)?;
    let name = name.parse().map_err(|_| expected())?;
    let source = match from.split_once(':') {
        Some(("env", variable)) if !variable.is_empty() => SecretSource::Env(variable.to_owned()),
        Some(("file", path)) if !path.is_empty() => SecretSource::File(path.to_owned()),
        Some(("exec", words)) => match serde_json::from_str::<Vec<String>>(words) {
            Ok(words) if words.first().is_some_and(|program| !program.is_empty()) => {
                SecretSource::Exec(words)
            }
            Ok(_) | Err(_) => return Err(expected()),
        },
        Some(("vault", place)) if place.starts_with('{') => {
            let place = serde_json::from_str(place).map_err(|_| expected())?;
            SecretSource::Vault(Box::new(place))
        }
        Some(("vault", place)) => SecretSource::Vault(Box::new(short(place)?)),
        Some(_) | None => return Err(expected()),
    };
    Ok((name, source))
}

/// `MOUNT/PATH#FIELD`, in the Vault that the environment names.
fn short(place: &str) -> Result<VaultPlace, String> {
    let parts = place.split_once('#').and_then(|(path, field)| {
        let (mount, path) = path.split_once('/')?;
        (!field.is_empty() && !path.is_empty()).then_some((mount, path, field))
    });
    let (mount, path, field) = parts.ok_or_else(|| EXPECTED.to_owned())?;
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let address = variable(ADDRESS)
        .ok_or_else(|| format!("the variable {ADDRESS} says where the Vault is, and is not set"))?;
    Ok(VaultPlace {
        address: address.trim_end_matches('/').to_owned(),
        mount: mount.to_owned(),
        path: path.to_owned(),
        field: field.to_owned(),
        version: None,
        namespace: variable(NAMESPACE),
        auth: VaultAuth::default(),
        ca_file: variable(AUTHORITIES),
        insecure_reason: None,
    })
}

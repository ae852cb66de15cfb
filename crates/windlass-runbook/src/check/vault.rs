//! A secret's place in a Vault, as a runbook says it. Nothing is asked of the Vault here.

use std::str::FromStr as _;

use windlass_core::plan::{APPROLE_MOUNT, AppRole, Kept, VAULT_MOUNT, VaultAuth, VaultPlace};
use windlass_core::url_template::UrlTemplate;

use super::fields::{Fields, Found};
use super::keys;
use super::secrets::place;
use crate::codes::SECRET_SOURCE;
use crate::diagnostic::{Diagnostic, Span};
use crate::node::Node;

/// The newest version of a secret that can be named.
pub(super) const VERSION_MAX: u32 = 1_000_000_000;

/// What stands under `vault`.
pub(super) fn vault(node: &Node, span: Span, found: &mut Found) -> Option<VaultPlace> {
    let before = found.len();
    let fields = Fields::read(node, span, &keys::VAULT, found)?;
    for key in ["address", "path", "field"] {
        fields.required(key, "`vault`", found);
    }
    let read = VaultPlace {
        address: words(&fields, "address", found).unwrap_or_default(),
        mount: words(&fields, "mount", found).unwrap_or_else(|| VAULT_MOUNT.to_owned()),
        path: words(&fields, "path", found).unwrap_or_default(),
        field: words(&fields, "field", found).unwrap_or_default(),
        version: fields.count("version", 1, VERSION_MAX, found),
        namespace: words(&fields, "namespace", found),
        auth: auth(&fields, found).unwrap_or_default(),
        ca_file: words(&fields, "ca_file", found),
        insecure_reason: words(&fields, "insecure_reason", found),
    };
    if found.len() == before {
        judge(&fields, &read, found);
    }
    (found.len() == before).then_some(read)
}

fn words(fields: &Fields<'_>, key: &str, found: &mut Found) -> Option<String> {
    let node = fields.value(key)?;
    place(node, key, found).map(str::to_owned)
}

/// What has the right shape and still is no place.
fn judge(fields: &Fields<'_>, read: &VaultPlace, found: &mut Found) {
    let mut wrong = |key: &str, message: String, help: &str| {
        let span = fields.value(key).map_or(fields.span, |node| node.span);
        let said = Diagnostic::error(SECRET_SOURCE, message).at(span, "not a place");
        found.push(said.help(help));
    };
    let url = UrlTemplate::from_str(&read.address).ok();
    match url.filter(UrlTemplate::is_origin) {
        None => wrong(
            "address",
            "`address` is https://HOST or https://HOST:PORT".to_owned(),
            "mount and path have keys of their own",
        ),
        Some(url) if !url.is_encrypted() && read.insecure_reason.is_none() => wrong(
            "address",
            "everybody on the way to this Vault reads the secret".to_owned(),
            "write https://, or say why not as `insecure_reason: TEXT`",
        ),
        Some(_) => {}
    }
    for (key, path) in [("mount", &read.mount), ("path", &read.path)] {
        let bad = |segment: &str| {
            matches!(segment, "" | "." | "..") || segment.chars().any(char::is_control)
        };
        if path.split('/').any(bad) {
            wrong(
                key,
                format!("`{key}` is a path without slashes at its ends, such as db/admin"),
                "leave out `data`: it belongs to the API, not to the path",
            );
        }
    }
    if read.field.is_empty() {
        wrong(
            "field",
            "`field` is empty".to_owned(),
            "name one field of the secret",
        );
    }
    if let Some(file) = &read.ca_file
        && !file.starts_with('/')
    {
        wrong(
            "ca_file",
            "`ca_file` is an absolute path".to_owned(),
            "a run is resumed from other directories than it was started in",
        );
    }
}

fn auth(fields: &Fields<'_>, found: &mut Found) -> Option<VaultAuth> {
    let entry = fields.get("auth")?;
    let auth = Fields::read(&entry.value, entry.key_span, &keys::VAULT_AUTH, found)?;
    match (auth.get("token"), auth.get("approle")) {
        (Some(token), None) => kept(&token.value, token.key_span, found).map(VaultAuth::Token),
        (None, Some(role)) => {
            let role = Fields::read(&role.value, role.key_span, &keys::APPROLE, found)?;
            let mut id = |key: &str| {
                role.required(key, "`approle`", found);
                let entry = role.get(key)?;
                kept(&entry.value, entry.key_span, found)
            };
            let (role_id, secret_id) = (id("role_id"), id("secret_id"));
            let mount = words(&role, "mount", found).unwrap_or_else(|| APPROLE_MOUNT.to_owned());
            Some(VaultAuth::AppRole(AppRole {
                role_id: role_id?,
                secret_id: secret_id?,
                mount,
            }))
        }
        (_, _) => {
            found.push(
                Diagnostic::error(SECRET_SOURCE, "`auth` is one way to log in")
                    .at(entry.key_span, "`token` or `approle`")
                    .help("write {token: {env: VAULT_TOKEN}} or {approle: {role_id: …, secret_id: …}}"),
            );
            None
        }
    }
}

/// A variable or a file, never the value.
fn kept(node: &Node, span: Span, found: &mut Found) -> Option<Kept> {
    let fields = Fields::read(node, span, &keys::KEPT, found)?;
    let (env, file) = (words(&fields, "env", found), words(&fields, "file", found));
    match (env, file) {
        (Some(env), None) if !env.is_empty() && !env.contains(['=', '$', '\0']) => {
            Some(Kept::Env(env))
        }
        (None, Some(file)) if file.starts_with('/') => Some(Kept::File(file)),
        (_, _) => {
            found.push(
                Diagnostic::error(SECRET_SOURCE, "this is kept in one variable or in one file")
                    .at(span, "not one of them")
                    .help("write {env: VARIABLE} or {file: /path}"),
            );
            None
        }
    }
}

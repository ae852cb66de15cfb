//! What a command line gives a run: inputs, secrets and outputs, read from their
//! spellings. Values of secrets are never printed, not even in an error.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::SecretString;
use windlass_core::id::SecretName;
use windlass_core::value::Value;
use windlass_runbook::Given;

use crate::error::{Error, io};

/// The most bytes of one secret.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// `NAME=VALUE` of `--input`.
#[derive(Clone, Debug)]
pub(crate) struct NamedText {
    name: String,
    text: String,
}

impl FromStr for NamedText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self {
                name: name.to_owned(),
                text: value.to_owned(),
            }),
            Some(_) | None => Err("expected NAME=VALUE".to_owned()),
        }
    }
}

/// `NAME=JSON` of `--output`.
#[derive(Clone, Debug)]
pub(crate) struct NamedJson {
    name: String,
    value: Value,
}

impl FromStr for NamedJson {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = NamedText::from_str(text).map_err(|_| "expected NAME=JSON".to_owned())?;
        let value = serde_json::from_str(&named.text).map_err(|error| {
            format!(
                "the value of `{}` is no JSON ({error}); a string needs its quotes: {}='\"text\"'",
                named.name, named.name
            )
        })?;
        Ok(Self {
            name: named.name,
            value,
        })
    }
}

/// `NAME=env:VARIABLE` or `NAME=file:PATH` of `--secret`: where the value is, not the value.
#[derive(Clone, Debug)]
struct NamedSecret {
    name: SecretName,
    from: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Variable(String),
    File(PathBuf),
}

impl FromStr for NamedSecret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Whatever was typed here may be a secret's value by mistake: it is not repeated.
        let expected = || "expected NAME=env:VARIABLE or NAME=file:PATH".to_owned();
        let (name, from) = text.split_once('=').ok_or_else(expected)?;
        let name = name.parse().map_err(|_| expected())?;
        let from = match from.split_once(':') {
            Some(("env", variable)) if !variable.is_empty() => {
                Source::Variable(variable.to_owned())
            }
            Some(("file", path)) if !path.is_empty() => Source::File(PathBuf::from(path)),
            Some(_) | None => return Err(expected()),
        };
        Ok(Self { name, from })
    }
}

/// Inputs by name; those of the command line stand above those of the file.
pub(crate) fn inputs(
    typed: Vec<NamedText>,
    file: Option<PathBuf>,
) -> Result<BTreeMap<String, Given>, Error> {
    let mut inputs = BTreeMap::new();
    if let Some(path) = file {
        let text = std::fs::read_to_string(&path).map_err(io("read", &path))?;
        let read: BTreeMap<String, Value> = serde_json::from_str(&text).map_err(|error| {
            let path = path.display();
            Error::Usage(format!("{path} is no JSON object of inputs: {error}"))
        })?;
        inputs.extend(
            read.into_iter()
                .map(|(name, value)| (name, Given::Value(value))),
        );
    }
    let mut seen = std::collections::BTreeSet::new();
    for NamedText { name, text } in typed {
        if !seen.insert(name.clone()) {
            return Err(Error::Usage(format!("the input `{name}` is given twice")));
        }
        inputs.insert(name, Given::Text(text));
    }
    Ok(inputs)
}

/// Outputs that a person states; none is an empty map.
pub(crate) fn outputs(stated: Vec<NamedJson>) -> Result<Value, Error> {
    let mut outputs = BTreeMap::new();
    for NamedJson { name, value } in stated {
        if outputs.insert(name.clone(), value).is_some() {
            return Err(Error::Usage(format!("the output `{name}` is given twice")));
        }
    }
    Ok(Value::Map(outputs))
}

/// The secrets' values, read now. The texts come unread from the command line: its own
/// error messages would repeat what was typed.
pub(crate) fn secrets(texts: &[String]) -> Result<BTreeMap<SecretName, SecretString>, Error> {
    let mut secrets = BTreeMap::new();
    for text in texts {
        let NamedSecret { name, from } = text
            .parse()
            .map_err(|expected: String| Error::Usage(format!("--secret: {expected}")))?;
        let value = match from {
            Source::Variable(variable) => std::env::var(&variable).map_err(|_| {
                Error::Usage(format!(
                    "the secret {name}: the environment variable {variable} is not set, or no text"
                ))
            })?,
            Source::File(path) => {
                let mut text = std::fs::read_to_string(&path).map_err(io("read", &path))?;
                // Editors and `echo` end a file with a newline that is no part of the secret.
                if text.ends_with('\n') {
                    text.pop();
                    if text.ends_with('\r') {
                        text.pop();
                    }
                }
                text
            }
        };
        if value.is_empty() || value.len() > SECRET_BYTES_MAX {
            return Err(Error::Usage(format!(
                "the secret {name} has {} bytes; 1 to {SECRET_BYTES_MAX} are allowed",
                value.len()
            )));
        }
        if secrets
            .insert(name.clone(), SecretString::from(value))
            .is_some()
        {
            return Err(Error::Usage(format!("the secret {name} is given twice")));
        }
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        assert!(
            "a=b=c"
                .parse::<NamedText>()
                .is_ok_and(|named| named.text == "b=c")
        );
        assert!("=b".parse::<NamedText>().is_err());
        assert!("a={\"b\":1}".parse::<NamedJson>().is_ok());
        assert!("a=b".parse::<NamedJson>().unwrap_err().contains("quotes"));
        assert!("a=env:B".parse::<NamedSecret>().is_ok());
        let refused = "token=hunter2".parse::<NamedSecret>().unwrap_err();
        assert!(!refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn a_secrets_last_line_end_is_not_part_of_it() {
        use secrecy::ExposeSecret as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        std::fs::write(&path, "two\nlines\n").unwrap();
        let named = format!("a=file:{}", path.display());
        let secrets = secrets(&[named]).unwrap();
        let value = secrets.values().next().unwrap();
        assert_eq!(value.expose_secret(), "two\nlines");
    }
}

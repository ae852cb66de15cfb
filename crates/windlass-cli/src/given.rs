//! What a command line gives a run: inputs and outputs, read from their spellings.
//! Secrets are `secrets`'.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use windlass_core::types::Type;
use windlass_core::value::Value;
use windlass_runbook::{Given, stated_value};
use windlass_server::wire::AskedValue;

use crate::error::{Error, io};

/// The most bytes of a file of inputs.
const INPUTS_BYTES_MAX: u64 = 8 << 20;

/// `NAME=VALUE` of `--input`, and `KEY=VALUE` of `--label`.
#[derive(Clone, Debug)]
pub(crate) struct NamedText {
    pub(crate) name: String,
    pub(crate) text: String,
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

/// Inputs by name; those of the command line stand above those of the file.
pub(crate) fn inputs(
    typed: Vec<NamedText>,
    file: Option<PathBuf>,
) -> Result<BTreeMap<String, Given>, Error> {
    let mut inputs = BTreeMap::new();
    if let Some(path) = file {
        let refused = |why: &dyn std::fmt::Display| {
            let path = path.display();
            Error::Usage(format!("{path} is no JSON object of inputs: {why}"))
        };
        let mut text = String::new();
        // One more than is allowed, so that what is too long is seen to be.
        let file = std::fs::File::open(&path).map_err(io("read", &path))?;
        let mut file = std::io::Read::take(file, INPUTS_BYTES_MAX + 1);
        std::io::Read::read_to_string(&mut file, &mut text).map_err(io("read", &path))?;
        if text.len() as u64 > INPUTS_BYTES_MAX {
            return Err(refused(&format_args!(
                "it is larger than {INPUTS_BYTES_MAX} bytes"
            )));
        }
        // A value refuses keys that stand twice; a map by itself would take the last.
        let value: Value = serde_json::from_str(&text).map_err(|error| refused(&error))?;
        let Value::Map(read) = value else {
            return Err(refused(&format_args!("it holds a {}", value.type_name())));
        };
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

/// Adds values as people type them, each as the type that is asked for reads it. What is
/// not asked for stays text: the refusal names it.
pub(crate) fn state(
    outputs: &mut Value,
    typed: Vec<NamedText>,
    asked: &[AskedValue],
) -> Result<(), Error> {
    let Value::Map(outputs) = outputs else {
        return Ok(());
    };
    for NamedText { name, text } in typed {
        let ty = asked.iter().find(|asked| asked.name == name);
        let value = stated_value(ty.map_or(&Type::Any, |asked| &asked.ty), &text);
        if outputs.insert(name.clone(), value).is_some() {
            return Err(Error::Usage(format!("the value `{name}` is given twice")));
        }
    }
    Ok(())
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
    }
}

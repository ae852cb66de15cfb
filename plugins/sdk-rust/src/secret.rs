//! Secrets, as handles: a plugin never sees a value.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::bindings::windlass::plugin::secrets;
pub use crate::bindings::windlass::plugin::secrets::Secret as Handle;
use crate::failure::Failure;

/// An input that takes a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Secret {
    name: String,
}

impl Secret {
    /// The handle, for requests and signatures.
    ///
    /// # Errors
    /// The step was not given it.
    pub fn open(&self) -> Result<Handle, Failure> {
        Ok(secrets::open(&self.name)?)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "secret"})
    }
}

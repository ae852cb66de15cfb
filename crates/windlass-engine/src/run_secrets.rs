//! The secrets that this process was given for one run, in memory, with the redactor that is
//! built from all of them. Not responsible for where the values come from.

use std::collections::BTreeMap;

use secrecy::SecretString;
use windlass_core::id::SecretName;

use crate::redact::{self, Redactor};

/// See the module. It never changes: more secrets make another one.
#[derive(Debug, Default)]
pub(crate) struct RunSecrets {
    pub(crate) values: BTreeMap<SecretName, SecretString>,
    /// Of all of them: a step may come upon a secret that another step had, in a file or in
    /// a target's answer, and its log and outputs must not tell it.
    pub(crate) redactor: Redactor,
}

impl RunSecrets {
    pub(crate) fn new(values: BTreeMap<SecretName, SecretString>) -> Self {
        let redactor = Redactor::new(values.values());
        redact::stand_before_all(&redactor);
        Self { values, redactor }
    }

    /// These and more; a new value stands for an old one. The old one is looked for, too:
    /// attempts in flight have it.
    pub(crate) fn with(&self, more: BTreeMap<SecretName, SecretString>) -> Self {
        let mut values = self.values.clone();
        let replaced: Vec<SecretString> = more
            .into_iter()
            .filter_map(|(name, value)| values.insert(name, value))
            .collect();
        let redactor = Redactor::new(values.values().chain(&replaced));
        redact::stand_before_all(&redactor);
        Self { values, redactor }
    }
}

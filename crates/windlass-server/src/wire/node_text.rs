//! A node as people type it (`step`, `step[2]`, `undo:step`), rather than as an object.

use serde::{Deserialize as _, Deserializer, Serializer, de};
use windlass_core::id::NodeId;

/// Longer texts are no node's name.
const NODE_TEXT_BYTES_MAX: usize = 128;

pub(super) fn serialize<S: Serializer>(node: &NodeId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(node)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > NODE_TEXT_BYTES_MAX {
        return Err(de::Error::custom("a node is at most 128 bytes"));
    }
    text.parse().map_err(de::Error::custom)
}

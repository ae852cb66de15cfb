//! A node as people type it (`step`, `step[2]`, `undo:step`), rather than as an object.

use serde::{Deserialize as _, Deserializer, Serializer, de};
use windlass_core::id::{NodeId, STEP_ID_BYTES_MAX};

/// Longer texts are no node's name.
const NODE_TEXT_BYTES_MAX: usize = STEP_ID_BYTES_MAX + 32;

pub(super) fn serialize<S: Serializer>(node: &NodeId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(node)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
    Ok(read(deserializer)?.0)
}

/// The node and its text.
pub(super) fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<(NodeId, String), D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > NODE_TEXT_BYTES_MAX {
        return Err(de::Error::custom(format_args!(
            "a node is at most {NODE_TEXT_BYTES_MAX} bytes"
        )));
    }
    let node = text.parse().map_err(de::Error::custom)?;
    Ok((node, text))
}

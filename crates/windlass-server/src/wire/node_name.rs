//! A node in an answer, as people read it: an item of a `for_each` has its number, the
//! first one too. A request names its node with `node_text`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use windlass_core::id::NodeId;

use super::node_text;

/// A node, and whether its step has items that people name by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName {
    pub id: NodeId,
    numbered: bool,
}

impl NodeName {
    /// The name of a node whose step has a `for_each`, or has none.
    pub fn of(id: &NodeId, for_each: bool) -> Self {
        Self {
            id: id.clone(),
            numbered: for_each,
        }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id.spelled(self.numbered))
    }
}

impl Serialize for NodeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NodeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (id, text) = node_text::read(deserializer)?;
        let numbered = text.ends_with(']');
        Ok(Self { id, numbered })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_item_keeps_its_number_on_the_way() {
        for (text, for_each) in [("a", false), ("a[0]", true), ("undo:a[3]", true)] {
            let name = NodeName::of(&text.parse().unwrap(), for_each);
            let json = serde_json::to_string(&name).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<NodeName>(&json).unwrap(), name);
        }
    }
}

//! What a condition that held, or did not, says about the values around it: which chains
//! are not null. Expressions are pure, so a chain has one value wherever it stands.

use std::collections::BTreeSet;

use windlass_core::expr::{Expr, Kind, NodeId};

/// One link of a chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Link {
    Name(String),
    /// A fixed place in a list.
    Place(i64),
}

/// A name and what is read from it by fixed names and places.
pub(super) type Chain = Vec<Link>;

/// The chain that `id` is, when it is one.
pub(super) fn chain_of(expr: &Expr, id: NodeId) -> Option<Chain> {
    let mut chain = Vec::new();
    let mut at = id;
    loop {
        match &expr.node(at).kind {
            Kind::Name(name) => {
                chain.push(Link::Name(name.clone()));
                chain.reverse();
                return Some(chain);
            }
            Kind::Field { of, name } => {
                chain.push(Link::Name(name.clone()));
                at = *of;
            }
            Kind::Index { of, at: index } => {
                chain.push(match &expr.node(*index).kind {
                    Kind::Text(name) => Link::Name(name.clone()),
                    Kind::Int(place) => Link::Place(*place),
                    _ => return None,
                });
                at = *of;
            }
            _ => return None,
        }
    }
}

/// What is known of the values around an expression: which chains are not null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(BTreeSet<Chain>);

impl Facts {
    /// `chain` is not null, and so nothing on the way to it is.
    pub(super) fn of(chain: &[Link]) -> Self {
        Self((1..=chain.len()).map(|len| chain[..len].to_vec()).collect())
    }

    pub(super) fn hold(&self, chain: &[Link]) -> bool {
        self.0.contains(chain)
    }

    /// Where both hold.
    #[must_use]
    pub(super) fn and(&self, other: &Facts) -> Facts {
        if other.0.is_empty() {
            return self.clone();
        }
        Facts(self.0.union(&other.0).cloned().collect())
    }

    /// Where one of the two holds.
    #[must_use]
    pub(super) fn or(&self, other: &Facts) -> Facts {
        Facts(self.0.intersection(&other.0).cloned().collect())
    }

    /// Without what is about `name`, which means something else now.
    #[must_use]
    pub(super) fn without(&self, name: &str) -> Facts {
        let others = self.0.iter().filter(|chain| !starts_with(chain, name));
        Facts(others.cloned().collect())
    }

    /// The chains that start with `name`, without it.
    pub(super) fn about(&self, name: &str) -> impl Iterator<Item = &[Link]> {
        self.0
            .iter()
            .filter(move |chain| starts_with(chain, name))
            .map(|chain| &chain[1..])
    }
}

fn starts_with(chain: &[Link], name: &str) -> bool {
    matches!(chain.first(), Some(Link::Name(first)) if first == name)
}

//! What a policy says, as data: who is who and when is when ([`Standing`]). The file that
//! it comes from is read elsewhere (`windlass-runbook`); who may do what with it is
//! judged by [`crate::authorise`] alone.

mod person;
mod rule;
mod standing;

pub use person::{BadSshKey, Person, SSH_KEY_BYTES_MAX, SshKey, Way};
pub use rule::{BadTargetPattern, Deed, Permission, TargetPattern};
pub use standing::{Delegation, Freeze, Group, Member, Standing, Through, WhyNot};

/// The most persons of a policy.
pub const PEOPLE_MAX: usize = 1_000;
/// The most groups of a policy.
pub const GROUPS_MAX: usize = 200;
/// The most rules of each kind, windows and freezes of a policy.
pub const RULES_MAX: usize = 200;

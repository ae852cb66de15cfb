//! The actions: what each asks for, gives, and does with the cloud.

pub(crate) mod backup;
pub(crate) mod dr;
pub(crate) mod lists;
pub(crate) mod precheck;
pub(crate) mod resolve;
pub(crate) mod scan;
pub(crate) mod upgrade;
pub(crate) mod verify;

//! Verification: whole models and single entities compared at a snapshot of the primary, and certificates of what was equal.

pub(crate) mod certificate;
pub mod compare;
pub(crate) mod field_diff;
pub(crate) mod inspect;
pub(crate) mod prefetch;
pub(crate) mod reconcile;
pub(crate) mod revisions;

//! Backfills: every row of a model brought into the mirror, initially or after a change of revision, beside live writes.

pub(crate) mod catch_up;
pub(crate) mod filler;
pub(crate) mod identity;
pub(crate) mod model;
pub(crate) mod pages;
pub(crate) mod prepare;
pub(crate) mod purge;

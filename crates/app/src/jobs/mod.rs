//! Durable jobs: what a clock asks for. One file per kind of job; a kind is its name and what it does.
//!
//! A kind's effect is repeated when a worker dies between the effect and its end. So it ends its job in the unit of its
//! effect ([`chainbill_records::Unit::end_job`]), or its effect is one that may be repeated.

mod cleaning;
mod disputing;
mod minting;
mod operating;
mod publishing;
mod recurring;
pub(crate) mod refunding;
mod releasing;
mod reminding;
mod reputing;
mod runner;

use async_trait::async_trait;
use chainbill_records::{
    RecordsError,
    jobs::{Job, NewJob},
};

pub(crate) use self::{
    disputing::DISPUTE,
    minting::{MINT, mint_job},
    publishing::REVIEW_WINDOW,
    recurring::RECURRENCE,
    reputing::REPUTATION,
};
pub use self::{
    operating::{JobFilter, JobView},
    releasing::release_job,
    runner::JobRunner,
};
use crate::{App, AppError};

/// One kind of job.
#[async_trait]
pub trait JobKind: Send + Sync + 'static {
    /// Its name in the queue and in operators' lists, at most 32 characters.
    fn name(&self) -> &'static str;

    /// The job that is always there, of a recurring kind.
    fn recurring(&self, _app: &App) -> Option<NewJob> {
        None
    }

    /// How often it may fail before it is a dead letter.
    fn attempts(&self) -> u32 {
        12
    }

    /// Does the work and ends the job.
    ///
    /// # Errors
    /// Whether trying again later may help.
    async fn run(&self, app: &App, job: &Job) -> Result<(), JobError>;
}

/// Why a job did not end.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It may succeed later: it is tried again after a pause that doubles with every failure.
    #[error("{0}")]
    Later(String),
    /// Trying again changes nothing: a dead letter, which waits for an operator.
    #[error("{0}")]
    Never(String),
}

impl From<AppError> for JobError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Validation(_) | AppError::NotFound(_) | AppError::Forbidden(_) => Self::Never(error.to_string()),
            error => Self::Later(error.to_string()),
        }
    }
}

impl From<RecordsError> for JobError {
    fn from(error: RecordsError) -> Self {
        AppError::from(error).into()
    }
}

/// Every kind. A new one is its file and a line here.
#[must_use]
pub fn kinds() -> Vec<Box<dyn JobKind>> {
    vec![
        Box::new(cleaning::Cleaning),
        Box::new(minting::Minting),
        Box::new(refunding::Refunding),
        Box::new(recurring::Recurring),
        Box::new(releasing::Releasing),
        Box::new(reminding::Reminding),
        Box::new(disputing::Disputing),
        Box::new(publishing::Publishing),
        Box::new(reputing::OfOne),
        Box::new(reputing::OfAll),
    ]
}

//! The synchronised models, one file each. A ninth model is one more file here, one line in [`ALL`] and its migration;
//! the relay, the copy, the schedule, health, the endpoints, the command line and the tests follow from the list.

mod disputes;
mod invoices;
mod projects;
mod reputations;
mod reviews;
mod skills;
mod stored_files;
mod users;

pub use disputes::DISPUTES;
pub use invoices::INVOICES;
pub use projects::PROJECTS;
pub use reputations::REPUTATIONS;
pub use reviews::REVIEWS;
pub use skills::SKILLS;
pub use stored_files::STORED_FILES;
pub use users::USERS;

use crate::mapping::Model;

/// Every synchronised model. A model comes after those whose ids it holds.
pub static ALL: &[&Model] = &[&USERS, &SKILLS, &PROJECTS, &INVOICES, &REVIEWS, &DISPUTES, &STORED_FILES, &REPUTATIONS];

/// The model of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Model> {
    ALL.iter().copied().find(|model| model.name == name)
}

//! What a project says, checked as a whole.

use chainbill_domain::{money::Money, project::Content, text};

use super::PatchProject;
use crate::{AppError, validate::Check};

/// What changes in what a project says; skills by their names.
pub(super) struct Checked {
    title: Option<String>,
    description: Option<String>,
    budget: Option<Option<Money>>,
    deadline: Option<Option<String>>,
    pub skills: Option<Vec<String>>,
}

pub(super) fn checked(patch: &PatchProject) -> Result<Checked, AppError> {
    let mut check = Check::default();
    let title = check.optional("/title", patch.title.as_deref().map(|text| text::line(text, 200)));
    let description = check.optional("/description", patch.description.as_deref().map(says));
    let budget =
        patch.budget.clone().map(|budget| budget.and_then(|budget| check.money("/budget", &budget.into(), None)));
    let deadline = patch
        .deadline
        .as_ref()
        .map(|day| text::some(day.as_deref()).and_then(|day| check.field("/deadline", text::date(day))));
    let skills = patch.skills.as_ref().map(|names| {
        check.refuse_unless(names.len() <= 20, "/skills", "at most 20 are accepted");
        let mut kept: Vec<String> = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let Some(name) = check.field(format!("/skills/{place}"), text::skill(name)) else { continue };
            if !kept.iter().any(|known| text::name_key(known) == text::name_key(&name)) {
                kept.push(name);
            }
        }
        kept
    });
    check.finish(Some(Checked { title, description, budget, deadline, skills }))
}

/// A text that says something.
fn says(text: &str) -> Result<String, text::BadText> {
    text::free(text, 20_000).and_then(|text| if text.is_empty() { Err(text::BadText::Empty) } else { Ok(text) })
}

impl Checked {
    /// The content with its changes, without those of its skills.
    pub fn over(&self, mut content: Content) -> Content {
        if let Some(title) = &self.title {
            content.title.clone_from(title);
        }
        if let Some(description) = &self.description {
            content.description.clone_from(description);
        }
        if let Some(budget) = self.budget {
            content.budget = budget;
        }
        if let Some(deadline) = &self.deadline {
            content.deadline.clone_from(deadline);
        }
        content
    }
}

//! Who sees what: one rule per model, for reading one object, for lists and for search.
//!
//! A rule is data, so that each asker can use it in its own form: to judge one object that was read, as the conditions of a
//! list in SQL, or as the filter of a search.

use crate::{
    id::UserId,
    ledger::Counterparties,
    states::{InvoiceStatus, ProjectStatus, QuoteStatus, Role, UserStatus},
};

/// A user who wants to see something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Viewer {
    /// Who it is.
    pub user_id: UserId,
    /// In which role.
    pub role: Role,
}

/// What a viewer sees of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visible<R> {
    /// Every object.
    All,
    /// Objects for which at least one of these holds.
    AnyOf(Vec<R>),
}

impl<R> Visible<R> {
    fn holds(&self, rule: impl FnMut(&R) -> bool) -> bool {
        match self {
            Self::All => true,
            Self::AnyOf(rules) => rules.iter().any(rule),
        }
    }
}

/// A reason to see a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectRule {
    /// It is in this state.
    Status(ProjectStatus),
    /// It is this client's.
    Client(UserId),
    /// This freelancer works on it.
    Freelancer(UserId),
}

/// The side of an invoice that a user is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceParty {
    /// Who issued it.
    Freelancer,
    /// Who pays it.
    Client,
}

/// A reason to see an invoice: the user is this party of it, and it is in a state that this party sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvoiceRule {
    /// The party.
    pub party: InvoiceParty,
    /// The user who is that party.
    pub user_id: UserId,
}

impl InvoiceRule {
    /// Whether the party sees invoices of this state: drafts are their writer's alone.
    #[must_use]
    pub fn shows(&self, status: InvoiceStatus) -> bool {
        self.party == InvoiceParty::Freelancer || status != InvoiceStatus::Draft
    }
}

impl Viewer {
    /// Projects: those on offer and one's own; all for operators.
    #[must_use]
    pub fn projects(&self) -> Visible<ProjectRule> {
        match self.role {
            Role::Admin => Visible::All,
            Role::Client | Role::Freelancer => Visible::AnyOf(vec![
                ProjectRule::Status(ProjectStatus::Open),
                ProjectRule::Client(self.user_id),
                ProjectRule::Freelancer(self.user_id),
            ]),
        }
    }

    /// Whether a project is among them.
    #[must_use]
    pub fn sees_project(&self, client: UserId, freelancer: Option<UserId>, status: ProjectStatus) -> bool {
        self.projects().holds(|rule| match *rule {
            ProjectRule::Status(shown) => status == shown,
            ProjectRule::Client(user) => client == user,
            ProjectRule::Freelancer(user) => freelancer == Some(user),
        })
    }

    /// Whether one is the freelancer or the client of a proposal, or an operator. A role can be one side only.
    #[must_use]
    pub fn sees_proposal(&self, freelancer: UserId, client: UserId) -> bool {
        self.is_party(Counterparties { freelancer, client })
    }

    /// Invoices of which one is a party; all for operators. A role can be one party only.
    #[must_use]
    pub fn invoices(&self) -> Visible<InvoiceRule> {
        let as_party = |party| Visible::AnyOf(vec![InvoiceRule { party, user_id: self.user_id }]);
        match self.role {
            Role::Admin => Visible::All,
            Role::Freelancer => as_party(InvoiceParty::Freelancer),
            Role::Client => as_party(InvoiceParty::Client),
        }
    }

    /// Whether an invoice is among them.
    #[must_use]
    pub fn sees_invoice(&self, freelancer: UserId, client: UserId, status: InvoiceStatus) -> bool {
        self.invoices().holds(|rule| {
            let party = match rule.party {
                InvoiceParty::Freelancer => freelancer,
                InvoiceParty::Client => client,
            };
            party == rule.user_id && rule.shows(status)
        })
    }

    /// Whether one is on a side of what is between two parties, or an operator. A role can be one side only.
    #[must_use]
    pub fn is_party(&self, parties: Counterparties) -> bool {
        match self.role {
            Role::Admin => true,
            Role::Freelancer => parties.freelancer == self.user_id,
            Role::Client => parties.client == self.user_id,
        }
    }

    /// Whether a quote is among those that one sees: those of which one is a party, drafts of one's own only.
    #[must_use]
    pub fn sees_quote(&self, freelancer: UserId, client: UserId, status: QuoteStatus) -> bool {
        // A quote is seen as the invoice that it offers.
        let as_invoice = if status == QuoteStatus::Draft { InvoiceStatus::Draft } else { InvoiceStatus::Sent };
        self.sees_invoice(freelancer, client, as_invoice)
    }

    /// States of accounts that one sees of others; every one for operators.
    #[must_use]
    pub fn users(&self) -> Visible<UserStatus> {
        match self.role {
            Role::Admin => Visible::All,
            Role::Client | Role::Freelancer => Visible::AnyOf(vec![UserStatus::Active]),
        }
    }

    /// Whether an account is one's own, or among those that one sees.
    #[must_use]
    pub fn sees_user(&self, id: UserId, status: UserStatus) -> bool {
        self.sees_private(id) || self.users().holds(|shown| *shown == status)
    }

    /// Whether one sees what of an account only its user and operators see.
    #[must_use]
    pub fn sees_private(&self, id: UserId) -> bool {
        self.user_id == id || self.role == Role::Admin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(place: u8) -> UserId {
        UserId::new(crate::Timestamp::default(), [place; 10])
    }

    #[test]
    fn an_invoice_is_seen_by_its_parties_and_a_draft_by_its_writer_alone() {
        let (freelancer, client, stranger) = (user(1), user(2), user(3));
        let sees = |user_id, role, status| Viewer { user_id, role }.sees_invoice(freelancer, client, status);
        for &status in InvoiceStatus::ALL {
            assert!(sees(freelancer, Role::Freelancer, status));
            assert_eq!(sees(client, Role::Client, status), status != InvoiceStatus::Draft);
            assert!(sees(stranger, Role::Admin, status));
            assert!(!sees(stranger, Role::Freelancer, status) && !sees(stranger, Role::Client, status));
        }
    }

    #[test]
    fn a_project_is_seen_by_its_parties_and_by_all_while_it_is_on_offer() {
        let (freelancer, client, stranger) = (user(1), user(2), user(3));
        let sees = |user_id, role, status| Viewer { user_id, role }.sees_project(client, Some(freelancer), status);
        for &status in ProjectStatus::ALL {
            assert!(sees(freelancer, Role::Freelancer, status) && sees(client, Role::Client, status));
            assert!(sees(stranger, Role::Admin, status));
            assert_eq!(sees(stranger, Role::Freelancer, status), status == ProjectStatus::Open);
        }
    }

    #[test]
    fn a_suspended_account_is_seen_by_its_user_and_by_operators() {
        let sees = |place, role, status| Viewer { user_id: user(place), role }.sees_user(user(1), status);
        assert!(sees(1, Role::Client, UserStatus::Suspended) && sees(2, Role::Admin, UserStatus::Closed));
        assert!(sees(2, Role::Client, UserStatus::Active) && !sees(2, Role::Client, UserStatus::Suspended));
    }
}

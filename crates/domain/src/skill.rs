//! Skills of users: which of them operators have verified, by what evidence, and what becomes of them when two entries of the
//! catalogue become one.

use crate::{
    Timestamp,
    id::{SkillId, SkillVerificationId, UserId},
    states::{SkillLevel, VerificationStatus},
    transition::{Refusal, Transition},
};

/// A skill of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSkill {
    /// The entry of the catalogue.
    pub skill_id: SkillId,
    /// Its name.
    pub name: String,
    /// The level that the user claims.
    pub level: SkillLevel,
    /// Years of practice.
    pub years: i64,
    /// The level that an operator has verified.
    pub verified_level: Option<SkillLevel>,
}

impl UserSkill {
    /// Whether the claimed level is verified: it, or a higher one.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified_level.is_some_and(|verified| verified >= self.level)
    }

    /// One skill of two: the higher level, the longer practice, the higher verified level.
    fn joined(self, other: Self) -> Self {
        Self {
            level: self.level.max(other.level),
            years: self.years.max(other.years),
            verified_level: self.verified_level.max(other.verified_level),
            ..self
        }
    }
}

/// A user's skills after an entry of the catalogue became another one, or got another name: none is there twice, and each keeps its
/// place.
#[must_use]
pub fn renamed(skills: Vec<UserSkill>, from: SkillId, (into, name): (SkillId, &str)) -> Vec<UserSkill> {
    let mut kept: Vec<UserSkill> = Vec::with_capacity(skills.len());
    for mut skill in skills {
        if skill.skill_id == from || skill.skill_id == into {
            (skill.skill_id, skill.name) = (into, name.to_owned());
        }
        match kept.iter().position(|known| known.skill_id == skill.skill_id) {
            Some(place) => kept[place] = kept[place].clone().joined(skill),
            None => kept.push(skill),
        }
    }
    kept
}

/// A user's request to have a skill verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Its id.
    pub id: SkillVerificationId,
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// Whose skill.
    pub user_id: UserId,
    /// The entry of the catalogue.
    pub skill_id: SkillId,
    /// The level that the evidence is for.
    pub level: SkillLevel,
    /// What shows it.
    pub evidence: Evidence,
    /// Where it stands.
    pub status: VerificationStatus,
    /// Why an operator rejected it.
    pub reason: Option<String>,
    /// The operator who decided.
    pub decided_by: Option<UserId>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What shows a skill: addresses, a text, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Addresses of work, certificates, profiles.
    pub links: Vec<String>,
    /// In words.
    pub text: Option<String>,
}

/// What can be asked of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Accept the evidence.
    Verify,
    /// Refuse it.
    Reject,
}

const fn names(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Verify => ("verified", "verify"),
        Action::Reject => ("rejected", "reject"),
    }
}

impl Verification {
    fn decide(
        self,
        action: Action,
        by: UserId,
        reason: Option<String>,
        at: Timestamp,
    ) -> Result<Transition<Self>, Refusal> {
        let (status, allowed) = match self.status {
            VerificationStatus::Pending => (self.status, vec![Action::Verify, Action::Reject]),
            status => (status, Vec::new()),
        };
        Refusal::unless_allowed("a verification", status.word(), action, allowed, names)?;
        let status = match action {
            Action::Verify => VerificationStatus::Verified,
            Action::Reject => VerificationStatus::Rejected,
        };
        let next = Self { status, reason, decided_by: Some(by), decided_at: Some(at), ..self.clone() };
        Ok(Transition::quiet(self, next))
    }

    /// An operator accepts the evidence.
    ///
    /// # Errors
    /// When it is decided.
    pub fn verify(self, by: UserId, at: Timestamp) -> Result<Transition<Self>, Refusal> {
        self.decide(Action::Verify, by, None, at)
    }

    /// An operator refuses the evidence, with a reason.
    ///
    /// # Errors
    /// When it is decided.
    pub fn reject(self, by: UserId, reason: String, at: Timestamp) -> Result<Transition<Self>, Refusal> {
        self.decide(Action::Reject, by, Some(reason), at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::Id;

    fn id<K>(place: u8) -> Id<K> {
        Id::new(Timestamp::default(), [place; 10])
    }

    fn pending() -> Verification {
        Verification {
            id: id(1),
            version: 0,
            user_id: id(2),
            skill_id: id(3),
            level: SkillLevel::Advanced,
            evidence: Evidence { links: Vec::new(), text: Some("Ten years of it".to_owned()) },
            status: VerificationStatus::Pending,
            reason: None,
            decided_by: None,
            decided_at: None,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn evidence_is_decided_once() {
        let now = Timestamp::default();
        let verified = pending().verify(id(9), now).expect("it is pending").next;
        assert_eq!((verified.status, verified.decided_by), (VerificationStatus::Verified, Some(id(9))));
        let refusal = verified.reject(id(9), "no".to_owned(), now).expect_err("it is decided");
        assert_eq!((refusal.current, refusal.allowed), ("VERIFIED", Vec::new()));
        let rejected = pending().reject(id(9), "too old".to_owned(), now).expect("it is pending").next;
        assert_eq!(rejected.reason.as_deref(), Some("too old"));
        assert!(rejected.verify(id(9), now).is_err());
    }

    fn level() -> impl Strategy<Value = SkillLevel> {
        prop::sample::select(SkillLevel::ALL)
    }

    proptest! {
        #[test]
        fn skills_become_one_without_doubling_and_lose_nothing(
            claimed in prop::collection::btree_map(1_u8..8, (level(), 0_i64..80, prop::option::of(level())), 0..7),
            from in 1_u8..8, into in 1_u8..8,
        ) {
            let skills: Vec<UserSkill> = claimed.iter().map(|(place, (level, years, verified_level))| UserSkill {
                skill_id: id(*place), name: format!("skill {place}"), level: *level, years: *years,
                verified_level: *verified_level,
            }).collect();
            let after = renamed(skills.clone(), id(from), (id(into), "New"));
            let mut ids: Vec<SkillId> = after.iter().map(|skill| skill.skill_id).collect();
            ids.sort_unstable();
            prop_assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
            prop_assert!(from == into || !ids.contains(&id(from)));
            let of_both = |skill: &&UserSkill| skill.skill_id == id(from) || skill.skill_id == id(into);
            let best = skills.iter().filter(of_both).map(|skill| (skill.level, skill.years)).max_by_key(|it| it.0);
            let joined = after.iter().find(|skill| skill.skill_id == id(into));
            prop_assert_eq!(joined.map(|skill| skill.level), best.map(|it| it.0));
            prop_assert!(joined.is_none_or(|skill| skill.name == "New"));
            let others = |all: &[UserSkill]| all.iter().filter(|it| !of_both(it)).cloned().collect::<Vec<_>>();
            prop_assert_eq!(others(&after), others(&skills));
        }
    }
}

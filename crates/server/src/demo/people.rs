//! Skills and users.

use std::collections::HashMap;

use chainbill_domain::{
    id::{SkillId, UserId},
    money::Currency,
    party::Party,
    states::{Role, SkillLevel, UserStatus},
    text,
};
use chainbill_records::{
    Text,
    entities::{skills, user_skills, users},
    repo,
};

use super::{
    BATCH, Maker,
    careers::{CAREERS, Career},
    prices,
    words::{ADJECTIVES, BUSINESSES, FIRST, LAST, PLACES, SKILLS},
};

/// A skill of the catalogue.
pub(super) type Skill = (SkillId, &'static str);

/// All users, freelancers first.
pub(super) struct People {
    ids: Vec<UserId>,
    freelancers: usize,
    currencies: HashMap<UserId, Currency>,
    names: HashMap<UserId, String>,
    careers: HashMap<UserId, &'static Career>,
}

impl People {
    pub fn all(&self) -> usize {
        self.ids.len()
    }

    pub fn freelancers(&self) -> &[UserId] {
        &self.ids[..self.freelancers]
    }

    /// The currency in which a freelancer issues invoices.
    pub fn invoices_in(&self, freelancer: UserId) -> Currency {
        self.currencies.get(&freelancer).copied().unwrap_or_else(|| prices::currency("USD"))
    }

    /// What a freelancer does for a living.
    pub fn career(&self, freelancer: UserId) -> &'static Career {
        self.careers.get(&freelancer).copied().unwrap_or(&CAREERS[0])
    }

    /// A user as a party of an invoice.
    pub fn party(&self, user: UserId) -> Party {
        Party::named(self.name(user))
    }

    /// What a user is called.
    pub fn name(&self, user: UserId) -> String {
        self.names.get(&user).cloned().unwrap_or_default()
    }

    pub fn clients(&self) -> &[UserId] {
        &self.ids[self.freelancers..]
    }
}

/// The catalogue. Existing names are reused.
pub(super) async fn skills(maker: &mut Maker<'_>) -> anyhow::Result<Vec<Skill>> {
    let known = repo::skills::keys(maker.records).await?;
    // An entry with a foreign id needs an operator and is not the demo's.
    let known: HashMap<String, SkillId> =
        known.into_iter().filter_map(|(key, id)| Some((key, id.parse().ok()?))).collect();
    let (mut all, mut rows) = (Vec::new(), Vec::new());
    for (place, (name, category)) in SKILLS.iter().enumerate() {
        let at = maker.moment(place, SKILLS.len() * 50);
        let id: SkillId = maker.id(at);
        let name_key = text::name_key(name);
        if let Some(known) = known.get(&name_key) {
            all.push((*known, *name));
            continue;
        }
        all.push((id, *name));
        rows.push(skills::Model {
            id: Text(id),
            version: 0,
            name: (*name).to_owned(),
            name_key,
            category: (*category).to_owned(),
            description: (place % 3 == 0).then(|| format!("{name}, as practised in {}.", category.to_lowercase())),
            verified: place % 4 != 0,
            created_at: at,
            updated_at: at,
        });
    }
    let count = [("skills", rows.len())];
    maker.save(&count, Vec::new(), async |unit| unit.insert_many::<skills::Entity>(rows).await.map(drop)).await?;
    Ok(all)
}

/// Freelancers with their skills, and clients.
pub(super) async fn people(maker: &mut Maker<'_>, skills: &[Skill], hash: &str) -> anyhow::Result<People> {
    let (freelancers, clients) = (maker.plan.freelancers(), maker.plan.clients());
    let all = freelancers + clients;
    let mut ids = Vec::with_capacity(all);
    let (mut currencies, mut names, mut careers) = (HashMap::new(), HashMap::new(), HashMap::new());
    let places: Vec<usize> = (0..all).collect();
    for batch in places.chunks(BATCH) {
        let (mut rows, mut children, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for &place in batch {
            let career = maker.dice.one(CAREERS);
            let row = person(maker, (place, freelancers, all), career, hash);
            ids.push(row.id.0);
            if place < freelancers {
                children.extend(skills_of(maker, row.id.0, career, skills));
                careers.insert(row.id.0, career);
            }
            currencies.extend(row.hourly_rate_currency.map(|Text(currency)| (row.id.0, currency)));
            names.insert(row.id.0, row.name.clone());
            events.extend(maker.of_person(&row));
            rows.push(row);
        }
        let saving = async |unit: &mut chainbill_records::Unit| {
            unit.insert_many_with::<user_skills::Entity>(rows, children).await.map(drop)
        };
        maker.save(&[("users", batch.len())], events, saving).await?;
    }
    Ok(People { ids, freelancers, currencies, names, careers })
}

fn person(
    maker: &mut Maker<'_>,
    (place, freelancers, all): (usize, usize, usize),
    career: &Career,
    hash: &str,
) -> users::Model {
    let at = maker.moment(place, all * 4);
    let id = maker.id(at);
    let dice = &mut maker.dice;
    let name = format!("{} {}", dice.one(FIRST), dice.one(LAST));
    let is_freelancer = place < freelancers;
    let title = format!("{} {}", dice.one(ADJECTIVES), career.trade);
    let (work, business) = (dice.one(career.works).title, dice.one(BUSINESSES));
    let bio = if is_freelancer {
        format!(
            "I am a {} with {} years of practice. Lately: {work}, for {business}.",
            career.trade,
            dice.between(1, 25)
        )
    } else {
        format!("We run {business} and look for a {}: {work}.", career.trade)
    };
    let (location, code) = *dice.one(PLACES);
    // Some issue invoices abroad, in a common currency.
    let currency = prices::currency(if dice.chance(25) { "USD" } else { code });
    let rate = prices::price(dice.between(career.rate.0, career.rate.1), currency);
    let status = match dice.below(60) {
        // The result names the first of each kind for logins.
        _ if place == 0 || place == freelancers => UserStatus::Active,
        0 => UserStatus::Suspended,
        1 => UserStatus::Closed,
        _ => UserStatus::Active,
    };
    users::Model {
        id: Text(id),
        version: 0,
        email: maker.plan.email(place),
        name,
        role: Text(if is_freelancer { Role::Freelancer } else { Role::Client }),
        status: Text(status),
        title: is_freelancer.then_some(title),
        bio: maker.dice.chance(90).then_some(bio),
        location: maker.dice.chance(80).then(|| location.to_owned()),
        hourly_rate_minor: is_freelancer.then_some(rate),
        hourly_rate_currency: is_freelancer.then_some(Text(currency)),
        wallet_address: None,
        available: maker.dice.chance(70),
        password_hash: Some(hash.to_owned()),
        time_zone: None,
        verified_at: None,
        created_at: at,
        updated_at: maker.later(at, 20),
    }
}

/// The skills of a career, the most typical first and best.
fn skills_of(maker: &mut Maker<'_>, user: UserId, career: &Career, skills: &[Skill]) -> Vec<user_skills::Model> {
    let count = maker.dice.between(2, i64::try_from(career.skills.len()).unwrap_or(2));
    let known = career.skills.iter().filter_map(|name| skills.iter().find(|(_, known)| known == name));
    known
        .zip(0..count)
        .map(|((id, name), position)| {
            let levels = SkillLevel::ALL;
            let worst = if position == 0 { levels.len() - 2 } else { 0 };
            let level = levels[worst + maker.dice.place(levels.len() - worst)];
            user_skills::Model {
                user_id: Text(user),
                position,
                skill_id: Text(*id),
                name: (*name).to_owned(),
                level: Text(level),
                years: maker.dice.between(1, 12),
                verified_level: None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_skill_of_a_career_is_in_the_catalogue() {
        for career in CAREERS {
            for skill in career.skills {
                assert!(SKILLS.iter().any(|(known, _)| known == skill), "{}: {skill}", career.trade);
            }
        }
    }
}

//! Reminders of invoices: so many days before, on or after the due day, by the issuer's rules; none by default. Each is recorded once, as
//! a row, an event and an entry of the invoice's history.

use chainbill_domain::{
    event::EventData,
    id::{InvoiceId, UserId},
    states::Role,
    visibility::Viewer,
    zone::Zone,
};
use chainbill_records::{
    RecordsError,
    repo::{
        invoices,
        reminders::{self, Rule},
        users,
    },
};
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, Done,
    command::{Command, Outcome},
    context::OK,
    recurrences::day_of,
    views::Answer,
};

/// When clients are reminded of unpaid invoices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReminderRules {
    /// Days after the due day, negative before it: `[-3, 0, 7]`. At most ten, from -60 to 365; empty turns reminders off.
    pub offsets: Vec<i64>,
}

impl Answer for ReminderRules {
    fn tag(&self) -> Option<String> {
        None
    }
}

const FREELANCERS: &str = "only freelancers have their clients reminded";
/// A reminder whose day was missed, as by a downtime, is made up for so many days.
const GRACE_DAYS: i64 = 3;
/// The time of day at the issuer's from which on reminders go out.
const FROM: NaiveTime = match NaiveTime::from_hms_opt(9, 0, 0) {
    Some(time) => time,
    None => unreachable!(),
};
/// Rows that are read at once.
const AT_ONCE: u64 = 100;

impl App {
    /// The actor's rules.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others than freelancers.
    pub async fn reminder_rules(&self, context: &Context) -> Result<ReminderRules, AppError> {
        let issuer = context.actor_as(Role::Freelancer, FREELANCERS)?.user_id;
        let rules = reminders::rules_of(&self.records, issuer).await?;
        Ok(ReminderRules { offsets: rules.into_iter().map(|rule| rule.offset_days).collect() })
    }

    /// Replaces the actor's rules.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others than freelancers.
    pub async fn put_reminder_rules(
        &self,
        context: &Context,
        rules: ReminderRules,
    ) -> Result<Done<ReminderRules>, AppError> {
        let issuer = context.actor_as(Role::Freelancer, FREELANCERS)?.user_id;
        let mut offsets = rules.offsets.clone();
        offsets.sort_unstable();
        offsets.dedup();
        if let Some(place) = rules.offsets.iter().position(|offset| !(-60..=365).contains(offset)) {
            return Err(AppError::field(&format!("/offsets/{place}"), "is not accepted: -60 to 365 are"));
        }
        if offsets.len() > 10 {
            return Err(AppError::field("/offsets", "are too many: ten are accepted"));
        }
        let offsets = &offsets;
        self.change(context, "reminders.put", |mut command| async move {
            users::lock(&command.unit, issuer).await?.ok_or(AppError::Unauthenticated)?;
            let before = reminders::rules_of(&command.unit, issuer).await?;
            let before = ReminderRules { offsets: before.into_iter().map(|rule| rule.offset_days).collect() };
            let after = ReminderRules { offsets: offsets.clone() };
            if before == after {
                return Ok(command.unchanged(after));
            }
            reminders::replace(&mut command.unit, issuer, offsets).await?;
            let (app, subject) = (command.app, ("reminder_rules", issuer.to_string()));
            let change = (Some(&before), Some(&after));
            app.audit(&mut command.unit, context, "reminders.put", subject, change).await?;
            Ok(command.answer(OK, after))
        })
        .await
    }

    /// Records the reminders whose day has come; how many.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn remind(&self) -> Result<u64, AppError> {
        let (mut after, mut count) = (None, 0);
        loop {
            let issuers = reminders::issuers(&self.records, after, AT_ONCE).await?;
            let zones = users::zones(&self.records, &issuers).await?;
            for issuer in &issuers {
                let zone = zones.get(issuer).copied().unwrap_or_default();
                if zone.time(self.now()) >= FROM {
                    count += self.remind_for(*issuer, zone).await?;
                }
            }
            match issuers.last() {
                Some(last) => after = Some(*last),
                None => return Ok(count),
            }
        }
    }

    async fn remind_for(&self, issuer: UserId, zone: Zone) -> Result<u64, AppError> {
        let today = day_of(&zone.day(self.now()));
        let mut count = 0;
        for rule in reminders::rules_of(&self.records, issuer).await? {
            let last = today - TimeDelta::days(rule.offset_days);
            let since = day_of(&zone.day(rule.since)) - TimeDelta::days(rule.offset_days);
            let first = (last - TimeDelta::days(GRACE_DAYS)).max(since);
            let (first, last) = (first.to_string(), last.to_string());
            let mut skipped = Vec::new();
            loop {
                let limit = AT_ONCE + skipped.len() as u64;
                let pending =
                    reminders::pending(&self.records, issuer, rule.offset_days, (&first, &last), limit).await?;
                let new: Vec<InvoiceId> = pending.into_iter().filter(|id| !skipped.contains(id)).collect();
                if new.is_empty() {
                    break;
                }
                for id in new {
                    if self.remind_of(issuer, id, rule, zone).await? { count += 1 } else { skipped.push(id) }
                }
            }
        }
        Ok(count)
    }

    /// Records one reminder; whether it was to be.
    async fn remind_of(&self, issuer: UserId, id: InvoiceId, rule: Rule, zone: Zone) -> Result<bool, AppError> {
        let clock = Context::default();
        let done = self.change(&clock, "invoice.remind", |command| command.remind(issuer, id, rule, zone)).await;
        match done {
            Ok(done) => Ok(done.into_new().is_some_and(|reminder| reminder.is_some())),
            // Another process has recorded it.
            Err(AppError::Records(RecordsError::Duplicate(_))) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// What the history says of a reminder.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reminder {
    offset_days: i64,
    due_date: String,
}

impl Answer for Option<Reminder> {
    fn tag(&self) -> Option<String> {
        None
    }
}

impl<'a> Command<'a> {
    async fn remind(
        mut self,
        issuer: UserId,
        id: InvoiceId,
        rule: Rule,
        zone: Zone,
    ) -> Result<Outcome<'a, Option<Reminder>>, AppError> {
        let viewer = Viewer { user_id: issuer, role: Role::Freelancer };
        let Some(invoice) = invoices::lock(&self.unit, &viewer, id).await? else { return Ok(self.unchanged(None)) };
        let due = invoice.content.due_date.clone().filter(|_| invoice.awaits_payment());
        let Some(due_date) = due else { return Ok(self.unchanged(None)) };
        // An invoice that was sent after the day of the reminder had none to come.
        let day = due_date.parse::<NaiveDate>().ok().map(|due| (due + TimeDelta::days(rule.offset_days)).to_string());
        let sent = invoice.sent_at.map(|at| zone.day(at));
        if day.zip(sent).is_none_or(|(day, sent)| sent > day) {
            return Ok(self.unchanged(None));
        }
        reminders::add(&mut self.unit, id, rule.offset_days, due_date.clone()).await?;
        let event = EventData::InvoiceReminded {
            freelancer: invoice.freelancer_id,
            client: invoice.client_id,
            invoice: id,
            project: invoice.project_id,
            total: invoice.total(),
            offset_days: rule.offset_days,
        };
        self.app.record(&mut self.unit, event);
        let reminder = Reminder { offset_days: rule.offset_days, due_date };
        let (app, context, subject) = (self.app, self.context, ("invoices", id.to_string()));
        app.audit(&mut self.unit, context, "invoice.remind", subject, (None, Some(&reminder))).await?;
        Ok(self.answer(OK, Some(reminder)))
    }
}

//! Recurring invoices: a template and its schedule. Each occurrence is a durable job, which makes the invoice and enqueues the next one
//! in one unit; what falls into a downtime is made up in its order.

use chainbill_domain::{
    id::{RecurrenceId, UserId},
    recurrence::{Action, Recurrence},
    schedule::{End, Schedule},
    states::{Period, RecurrenceMode, RecurrenceStatus, Role},
    text,
    zone::Zone,
};
use chainbill_records::{
    jobs::NewJob,
    repo::{recurrences, users},
};
use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Actor, App, AppError, Context, Done, NewInvoice, OccurrenceView, Page, PageRequest, RecurrenceView, ScheduleView,
    command::{Command, Outcome},
    context::{Expected, expect_version},
    jobs::RECURRENCE,
    planned::due_in_days,
    validate::{Check, given, present},
    zones::zone_of,
};

/// A new recurring invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRecurrence {
    /// What is drafted each time, without `dueDate`.
    pub invoice: NewInvoice,
    /// When.
    pub schedule: ScheduleView,
    /// DRAFT or SEND; DRAFT when absent.
    pub mode: Option<String>,
    /// After how many days each invoice is due, counted from the day on which it is made; never when absent.
    pub due_in_days: Option<u32>,
}

/// What changes in a recurring invoice, from its next invoice on.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchRecurrence {
    /// What is drafted each time, as a whole, to the same client.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub invoice: Option<NewInvoice>,
    /// DRAFT or SEND.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub mode: Option<String>,
    /// After how many days each invoice is due.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    pub due_in_days: Option<Option<u32>>,
    /// The last day on which an invoice may be made.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub until: Option<Option<String>>,
    /// How many invoices are made.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    pub count: Option<Option<u32>>,
}

const FREELANCERS: &str = "only freelancers write recurring invoices";

impl App {
    /// Makes a recurring invoice.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others than freelancers.
    pub async fn create_recurrence(
        &self,
        context: &Context,
        new: NewRecurrence,
    ) -> Result<Done<RecurrenceView>, AppError> {
        let issuer = context.actor_as(Role::Freelancer, FREELANCERS)?.user_id;
        let plan = self.planned_within(issuer, &new.invoice).await?;
        let mode = mode(new.mode.as_deref().unwrap_or(RecurrenceMode::Draft.word()))?;
        refuse_nothing(mode, plan.content.totals.payable())?;
        let (schedule, due) = (schedule(&new.schedule)?, due_in_days(new.due_in_days)?);
        let (template, schedule, client_id) =
            (&new.invoice.written(plan.currency, plan.content.pricing.rounding)?, &schedule, plan.client_id);
        self.command(context, "recurrence.create", &new, |mut command| async move {
            let (zone, today) = command.issuers_today(issuer).await?;
            if schedule.start.to_string() < today {
                let detail = format!("is over: a day from {today} ({zone}) on is accepted");
                return Err(AppError::field("/schedule/start", detail));
            }
            let now = command.unit.now();
            let made = Recurrence {
                id: command.app.new_id(),
                version: 0,
                freelancer_id: issuer,
                client_id,
                template: template.clone(),
                due_in_days: due,
                mode,
                schedule: schedule.clone(),
                status: RecurrenceStatus::Active,
                paused_because: None,
                next: 0,
                made: 0,
                created_at: now,
                updated_at: now,
            };
            if made.occurrence(zone).is_none() {
                return Err(AppError::field("/schedule", "has no occurrence"));
            }
            let made = recurrences::insert(&mut command.unit, made).await?;
            command.enqueue_occurrence(&made, zone).await?;
            command.created(RecurrenceView::of(&made, zone)?).await
        })
        .await
    }

    /// The actor's recurring invoices, newest first; all for operators.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to clients.
    pub async fn recurrences(&self, context: &Context, page: &PageRequest) -> Result<Page<RecurrenceView>, AppError> {
        let actor = context.actor()?;
        let issuer = match actor.role {
            Role::Admin => None,
            Role::Freelancer => Some(actor.user_id),
            Role::Client => return Err(AppError::Forbidden(FREELANCERS)),
        };
        let (limit, after) = (page.limit()?, page.after("recurrences")?);
        let rows = recurrences::list(&self.records, issuer, after.as_deref(), u64::from(limit) + 1).await?;
        let mut issuers: Vec<UserId> = rows.iter().flatten().map(|row| row.freelancer_id).collect();
        issuers.sort_unstable();
        issuers.dedup();
        let zones = users::zones(&self.records, &issuers).await?;
        let view =
            |row: Recurrence| RecurrenceView::of(&row, zones.get(&row.freelancer_id).copied().unwrap_or_default());
        Ok(Page::of_readable("recurrences", rows, limit, |row| row.id.to_string(), view))
    }

    /// One recurring invoice.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its issuer and operators.
    pub async fn recurrence(&self, context: &Context, id: &str) -> Result<RecurrenceView, AppError> {
        let recurrence = self.seen_recurrence(context.actor()?, id).await?;
        let zones = users::zones(&self.records, &[recurrence.freelancer_id]).await?;
        let zone: Zone = zones.get(&recurrence.freelancer_id).copied().unwrap_or_default();
        Ok(RecurrenceView::of(&recurrence, zone)?)
    }

    /// The invoices that a recurring one has made, the latest day first.
    ///
    /// # Errors
    /// As [`Self::recurrence`].
    pub async fn occurrences(
        &self,
        context: &Context,
        id: &str,
        page: &PageRequest,
    ) -> Result<Page<OccurrenceView>, AppError> {
        let recurrence = self.seen_recurrence(context.actor()?, id).await?;
        let list = format!("occurrences {id}");
        let (limit, after) = (page.limit()?, page.after(&list)?);
        let rows = recurrences::made(&self.records, recurrence.id, after.as_deref(), u64::from(limit) + 1).await?;
        let view = |(day, invoice): (String, _)| OccurrenceView { day, invoice_id: format!("{invoice}") };
        Ok(Page::of(&list, rows, limit, |(day, _)| day.clone(), view))
    }

    async fn seen_recurrence(&self, actor: &Actor, id: &str) -> Result<Recurrence, AppError> {
        let id: RecurrenceId = id.parse().map_err(|_| AppError::NotFound("recurring invoice"))?;
        let found = recurrences::find(&self.records, id).await?;
        found.filter(|it| actor.viewer().sees_private(it.freelancer_id)).ok_or(AppError::NotFound("recurring invoice"))
    }

    /// Changes what is made from the next invoice on.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is over, [`AppError::Stale`] when it has changed.
    pub async fn patch_recurrence(
        &self,
        context: &Context,
        id: &str,
        expected: Expected<'_>,
        patch: PatchRecurrence,
    ) -> Result<Done<RecurrenceView>, AppError> {
        let patch = &patch;
        self.change(context, "recurrence.patch", |command| async move {
            let before = command.own_recurrence(id).await?;
            expect_version(expected, before.version)?;
            before.allows(Action::Edit)?;
            let next = command.app.patched(&before, patch).await?;
            command.change_recurrence(before, next.ended_if_over()).await
        })
        .await
    }

    async fn patched(&self, before: &Recurrence, patch: &PatchRecurrence) -> Result<Recurrence, AppError> {
        let invoice = match &patch.invoice {
            Some(invoice) => invoice.clone(),
            None => NewInvoice::stored(&before.template, "template")?,
        };
        let plan = self.planned_within(before.freelancer_id, &invoice).await?;
        if plan.client_id != before.client_id {
            return Err(AppError::field(
                "/invoice/clientId",
                "is another client: another recurring invoice is accepted",
            ));
        }
        let mode = patch.mode.as_deref().map_or(Ok(before.mode), mode)?;
        refuse_nothing(mode, plan.content.totals.payable())?;
        let mut shown = ScheduleView::of(&before.schedule);
        if let Some(until) = &patch.until {
            (shown.until, shown.count) = (until.clone(), None);
        }
        if let Some(count) = patch.count {
            // Both at once are refused where they are read.
            let until = patch.until.clone().flatten();
            (shown.until, shown.count) = (until, count);
        }
        Ok(Recurrence {
            template: invoice.written(plan.currency, plan.content.pricing.rounding)?,
            mode,
            due_in_days: due_in_days(patch.due_in_days.unwrap_or(before.due_in_days))?,
            schedule: schedule(&shown)?,
            ..before.clone()
        })
    }

    /// Stops it for a while.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not active.
    pub async fn pause_recurrence(&self, context: &Context, id: &str) -> Result<Done<RecurrenceView>, AppError> {
        self.command(context, "recurrence.pause", &id, |command| async move {
            let before = command.own_recurrence(id).await?;
            let next = before.clone().pause(None)?;
            command.change_recurrence(before, next).await
        })
        .await
    }

    /// Lets it go on: with the first occurrence of today or later.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not paused.
    pub async fn resume_recurrence(&self, context: &Context, id: &str) -> Result<Done<RecurrenceView>, AppError> {
        self.command(context, "recurrence.resume", &id, |command| async move {
            let before = command.own_recurrence(id).await?;
            let (_, today) = command.issuers_today(before.freelancer_id).await?;
            let next = before.clone().resume(day_of(&today))?;
            command.change_recurrence(before, next).await
        })
        .await
    }

    /// Stops it for good. What it has made stays.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is over.
    pub async fn end_recurrence(&self, context: &Context, id: &str) -> Result<Done<RecurrenceView>, AppError> {
        self.command(context, "recurrence.end", &id, |command| async move {
            let before = command.own_recurrence(id).await?;
            let next = before.clone().end()?;
            command.change_recurrence(before, next).await
        })
        .await
    }
}

impl<'a> Command<'a> {
    /// A recurring invoice under lock, if the actor wrote it and knows its version.
    async fn own_recurrence(&self, id: &str) -> Result<Recurrence, AppError> {
        let (actor, missing) = (self.actor()?, AppError::NotFound("recurring invoice"));
        let Ok(id) = id.parse::<RecurrenceId>() else { return Err(missing) };
        let viewer = self.context.actor()?.viewer();
        let found = recurrences::lock(&self.unit, id).await?;
        let recurrence = found.filter(|it| viewer.sees_private(it.freelancer_id)).ok_or(missing)?;
        if recurrence.freelancer_id != actor {
            return Err(AppError::Forbidden("only its freelancer changes a recurring invoice"));
        }
        self.context.expects(recurrence.version)?;
        Ok(recurrence)
    }

    /// Saves a change, with the job of the occurrence that is the next one from now on.
    async fn change_recurrence(
        mut self,
        before: Recurrence,
        next: Recurrence,
    ) -> Result<Outcome<'a, RecurrenceView>, AppError> {
        let zone = zone_of(&self.unit, before.freelancer_id).await?;
        let view = RecurrenceView::of(&before, zone)?;
        if next == before {
            return Ok(self.unchanged(view));
        }
        let next = recurrences::update(&mut self.unit, &before, next).await?;
        if let Some(occurrence) = before.occurrence(zone) {
            self.unit.cancel_job(RECURRENCE, &key(&before, occurrence.day)).await?;
        }
        self.enqueue_occurrence(&next, zone).await?;
        self.changed(Some(view), RecurrenceView::of(&next, zone)?).await
    }

    /// Enqueues the job of the next occurrence, if there is one: its key is that of recurring invoice and day.
    pub(crate) async fn enqueue_occurrence(&mut self, recurrence: &Recurrence, zone: Zone) -> Result<(), AppError> {
        let Some(occurrence) = recurrence.occurrence(zone) else { return Ok(()) };
        let payload = serde_json::json!({ "recurrence": recurrence.id, "day": occurrence.day.to_string() });
        self.unit
            .enqueue_job(NewJob {
                kind: RECURRENCE,
                key: key(recurrence, occurrence.day),
                payload: payload.to_string(),
                run_at: occurrence.at,
            })
            .await?;
        Ok(())
    }
}

fn key(recurrence: &Recurrence, day: NaiveDate) -> String {
    format!("{} {day}", recurrence.id)
}

/// A day as zones write it.
pub(crate) fn day_of(day: &str) -> NaiveDate {
    day.parse().expect("a zone writes days of the calendar")
}

fn mode(word: &str) -> Result<RecurrenceMode, AppError> {
    word.parse().map_err(|error| AppError::field("/mode", error))
}

/// An invoice of nothing is not sent; as a draft it waits for its lines.
fn refuse_nothing(mode: RecurrenceMode, total: i64) -> Result<(), AppError> {
    match mode {
        RecurrenceMode::Send if total <= 0 => {
            Err(AppError::field("/invoice/lines", "come to 0: what comes to something is sent, mode DRAFT is accepted"))
        }
        _ => Ok(()),
    }
}

/// Most periods between two invoices.
const MOST_EVERY: u32 = 1000;
/// Most invoices of a schedule with a count.
const MOST_COUNT: u32 = 10_000;

fn schedule(view: &ScheduleView) -> Result<Schedule, AppError> {
    let mut check = Check::default();
    let day = |text: &str| text::date(text).map(|day| day_of(&day));
    let start = check.field("/schedule/start", day(&view.start));
    let until = check.optional("/schedule/until", text::some(view.until.as_deref()).map(day));
    let at = check.field("/schedule/at", time(&view.at));
    let every = (1..=MOST_EVERY).contains(&view.every);
    check.refuse_unless(every, "/schedule/every", &format!("is {}: 1 to {MOST_EVERY} are accepted", view.every));
    if let Some(day) = view.day_of_month {
        check.refuse_unless(
            (1..=31).contains(&day),
            "/schedule/dayOfMonth",
            "is no day of a month: 1 to 31 are accepted",
        );
        let monthly = matches!(view.period, Period::Month | Period::Year);
        check.refuse_unless(monthly, "/schedule/dayOfMonth", "is accepted for months and years");
    }
    let end = match (until, view.count) {
        (Some(_), Some(_)) => {
            check.refuse("/schedule/count", "is not accepted together with until");
            End::Never
        }
        (Some(day), None) => End::On(day),
        (None, Some(count)) => {
            let few = (1..=MOST_COUNT).contains(&count);
            check.refuse_unless(few, "/schedule/count", &format!("is {count}: 1 to {MOST_COUNT} are accepted"));
            End::After(count)
        }
        (None, None) => End::Never,
    };
    check.finish(start.zip(at).map(|(start, at)| Schedule {
        every: view.every,
        period: view.period,
        start,
        day_of_month: view.day_of_month,
        at,
        end,
    }))
}

fn time(text: &str) -> Result<NaiveTime, &'static str> {
    let shape = text.len() == 5 && text.is_ascii();
    NaiveTime::parse_from_str(text, "%H:%M")
        .ok()
        .filter(|_| shape)
        .ok_or("is no time of day: 00:00 to 23:59 are accepted")
}

//! A command, written once: begin, idempotency, rule, saving, audit, events, answer, and the whole of it again where the
//! primary asks for that. A use case is its rule: it loads what it needs under lock, asks the domain, and saves.

use chainbill_domain::{
    event::EventData,
    id::{Id, UserId},
    invoice::{Invoice, PartyNames},
    ledger::{Account, Owner, Transfer},
    money::Money,
    project::Project,
    transition::{Created, Deleted, Occasion, Transition},
};
use chainbill_records::{
    Unit,
    repo::{audit, invoices, ledger, payouts, projects, users},
    retry,
};
use serde::Serialize;

use crate::{
    App, AppError, Context, Done, InvoiceView, ProjectView,
    context::{Answered, CREATED, OK},
    idempotency::{Begun, Keyed},
    payments::refused,
    views::{Answer, Identified, Movement, TransferView},
    zones::issuers_day,
};

/// A command that is being carried out.
pub(crate) struct Command<'a> {
    pub app: &'a App,
    pub context: &'a Context,
    pub unit: Unit,
    /// What is done, as `invoice.send`: its name for idempotency keys and in the audit.
    operation: &'static str,
    key: Option<Keyed<'a>>,
    /// What it has posted in the ledger.
    transfers: Vec<Transfer>,
}

/// What a rule came to; [`App::command`] commits it.
#[must_use = "nothing is saved before it is committed"]
pub(crate) struct Outcome<'a, T> {
    command: Command<'a>,
    value: T,
    status: u16,
    is_saved: bool,
}

impl App {
    /// Carries out a command, once per idempotency key where the caller gave one. `asked` is what the key stands for.
    pub(crate) async fn command<'a, T, F>(
        &'a self,
        context: &'a Context,
        operation: &'static str,
        asked: &impl Serialize,
        rule: impl Fn(Command<'a>) -> F,
    ) -> Result<Done<T>, AppError>
    where
        T: Answer,
        F: Future<Output = Result<Outcome<'a, T>, AppError>>,
    {
        retry(self.records.random(), || async {
            match self.begin(context, operation, asked).await? {
                Begun::Replay(done) => Ok(done),
                Begun::Fresh(unit, key) => {
                    Box::pin(rule(Command::new(self, context, unit, operation, key))).await?.commit().await
                }
            }
        })
        .await
    }

    /// The same without a key: a change of what is there, which repeated changes nothing more.
    pub(crate) async fn change<'a, T, F>(
        &'a self,
        context: &'a Context,
        operation: &'static str,
        rule: impl Fn(Command<'a>) -> F,
    ) -> Result<Done<T>, AppError>
    where
        T: Answer,
        F: Future<Output = Result<Outcome<'a, T>, AppError>>,
    {
        retry(self.records.random(), || async {
            let unit = self.records.begin().await?;
            Box::pin(rule(Command::new(self, context, unit, operation, None))).await?.commit().await
        })
        .await
    }

    pub(crate) fn new_id<K>(&self) -> Id<K> {
        Id::new(self.records.now(), self.records.random().bytes())
    }

    /// The moment of a unit of work, and an id for the event that reports it.
    pub(crate) fn occasion(&self, unit: &Unit) -> Occasion {
        Occasion { at: unit.now(), event_id: self.new_id() }
    }

    /// Records an event of the unit's moment. Aggregates report theirs with their transitions.
    pub(crate) fn record(&self, unit: &mut Unit, data: EventData) {
        let event = self.occasion(unit).event(data);
        unit.event(&event);
    }

    /// Adds to the audit who did what to whom, with the subject before and after.
    pub(crate) async fn audit<T: Serialize>(
        &self,
        unit: &mut Unit,
        context: &Context,
        action: &str,
        subject: (&str, String),
        change: (Option<&T>, Option<&T>),
    ) -> Result<(), AppError> {
        let text = |view: Option<&T>| view.map(serde_json::to_string).transpose().map_err(AppError::unwritable);
        let entry = audit::Entry {
            actor_id: context.actor.as_ref().map(|actor| actor.user_id),
            action,
            subject_model: subject.0,
            subject_id: subject.1,
            before: text(change.0)?,
            after: text(change.1)?,
            request_id: context.request_id.clone(),
            address: context.address.clone(),
        };
        Ok(audit::add(unit, entry).await?)
    }
}

impl<'a> Command<'a> {
    fn new(app: &'a App, context: &'a Context, unit: Unit, operation: &'static str, key: Option<Keyed<'a>>) -> Self {
        Self { app, context, unit, operation, key, transfers: Vec::new() }
    }

    /// Posts a transfer in the ledger.
    pub async fn post(&mut self, transfer: Transfer) -> Result<(), AppError> {
        for posting in transfer.postings() {
            let Account { owner: Owner::Available(user), currency } = posting.account else { continue };
            let amount = Money { minor: posting.minor, currency };
            if !payouts::dispose(&mut self.unit, user, amount).await? {
                let there = payouts::available(&self.unit, user, currency).await?;
                return Err(refused("NO_FUNDS", &[], format!("there is not so much at your disposal: {there}")));
            }
        }
        ledger::post(&mut self.unit, &transfer).await?;
        self.transfers.push(transfer);
        Ok(())
    }

    /// What this command has posted so far, as its answer shows it.
    pub fn movement(&self) -> Movement {
        Movement { postings: self.transfers.iter().map(TransferView::of).collect(), dry_run: self.context.dry_run }
    }

    /// Who asks.
    pub fn actor(&self) -> Result<UserId, AppError> {
        Ok(self.context.actor()?.user_id)
    }

    /// The moment of this command, and an id for the event that reports it.
    pub fn occasion(&self) -> Occasion {
        self.app.occasion(&self.unit)
    }

    /// Saves a new invoice with its events and audit entry; the invoice, and how it is shown.
    pub async fn add_invoice(&mut self, created: Created<Invoice>) -> Result<(Invoice, InvoiceView), AppError> {
        let named = self.named(created.state).await?;
        let invoice = invoices::insert(&mut self.unit, named).await?;
        created.events.iter().for_each(|event| self.unit.event(event));
        let today = issuers_day(&self.unit, &[&invoice], self.unit.now()).await?;
        let view = InvoiceView::of(invoice.clone(), &today);
        self.note(None, Some(&view)).await?;
        Ok((invoice, view))
    }

    /// Saves a new invoice, and answers with it.
    pub async fn create_invoice(mut self, created: Created<Invoice>) -> Result<Outcome<'a, InvoiceView>, AppError> {
        let (_, view) = self.add_invoice(created).await?;
        Ok(self.answer(CREATED, view))
    }

    /// What follows is another operation in the audit: a clock drafts an invoice and sends it.
    pub fn goes_on_as(&mut self, operation: &'static str) {
        self.operation = operation;
    }

    /// An invoice with the names that its parties have now.
    pub async fn named(&self, invoice: Invoice) -> Result<Invoice, AppError> {
        let mut names = users::names(&self.unit, &[invoice.freelancer_id, invoice.client_id]).await?;
        let parties = names.remove(&invoice.freelancer_id).zip(names.remove(&invoice.client_id));
        Ok(match parties {
            Some((freelancer, client)) => invoice.with_names(PartyNames { freelancer, client }),
            None => invoice,
        })
    }

    /// Saves a change of an invoice with its transfers, events and audit entry; the invoice as it is shown then.
    pub async fn save_invoice(&mut self, change: Transition<Invoice>) -> Result<InvoiceView, AppError> {
        Ok(self.saved_invoice(change).await?.1)
    }

    /// Saves a change of an invoice with its transfers, events and audit entry; the invoice, and how it is shown.
    pub async fn saved_invoice(&mut self, change: Transition<Invoice>) -> Result<(Invoice, InvoiceView), AppError> {
        let is_funded = change.before.held().minor == 0 && change.next.held().minor > 0;
        // The largest future that commands are made of: boxed here, it is moved by none of them.
        let (invoice, view) = Box::pin(self.write_invoice(change)).await?;
        if is_funded && self.is_work_done(&invoice).await? {
            let submitted = invoice.submit(None, self.occasion())?;
            return Box::pin(self.write_invoice(submitted)).await;
        }
        Ok((invoice, view))
    }

    async fn write_invoice(&mut self, change: Transition<Invoice>) -> Result<(Invoice, InvoiceView), AppError> {
        let change = if self.app.chain.is_some() { change.queued_when_paid() } else { change };
        let today = issuers_day(&self.unit, &[&change.before, &change.next], self.unit.now()).await?;
        let moves_volume = change.before.released_minor != change.next.released_minor;
        let invoice = invoices::update(&mut self.unit, &change.before, change.next).await?;
        if invoice.release_at() != change.before.release_at() {
            self.enqueue_release(&invoice).await?;
        }
        if moves_volume {
            self.recompute_reputations(&[invoice.freelancer_id, invoice.client_id]).await?;
        }
        for transfer in change.transfers {
            self.post(transfer).await?;
        }
        self.follow_anchor(&change.before, &invoice).await?;
        change.events.iter().for_each(|event| self.unit.event(event));
        let (before, after) = (InvoiceView::of(change.before, &today), InvoiceView::of(invoice.clone(), &today));
        self.note(Some(&before), Some(&after)).await?;
        Ok((invoice, after))
    }

    /// Saves a change of an invoice, and answers with it.
    pub async fn change_invoice(mut self, change: Transition<Invoice>) -> Result<Outcome<'a, InvoiceView>, AppError> {
        if change.is_unchanged() {
            let today = issuers_day(&self.unit, &[&change.before], self.unit.now()).await?;
            return Ok(self.unchanged(InvoiceView::of(change.before, &today)));
        }
        let view = self.save_invoice(change).await?;
        let Movement { postings, dry_run } = self.movement();
        Ok(self.answer(OK, InvoiceView { postings, dry_run, ..view }))
    }

    /// Removes an invoice.
    pub async fn delete_invoice(mut self, deleted: Deleted<Invoice>) -> Result<Outcome<'a, ()>, AppError> {
        let today = issuers_day(&self.unit, &[&deleted.before], self.unit.now()).await?;
        invoices::delete(&mut self.unit, &deleted.before).await?;
        self.note(Some(&InvoiceView::of(deleted.before, &today)), None).await?;
        Ok(self.answer(OK, ()))
    }

    /// Saves a new project, and answers with it.
    pub async fn create_project(mut self, created: Created<Project>) -> Result<Outcome<'a, ProjectView>, AppError> {
        let project = projects::insert(&mut self.unit, created.state).await?;
        created.events.iter().for_each(|event| self.unit.event(event));
        self.created(ProjectView::of(project)).await
    }

    /// Saves a change of a project with its events and audit entry; the project as it stands then.
    pub async fn save_project(&mut self, change: Transition<Project>) -> Result<ProjectView, AppError> {
        let is_completed = change.next.completed_at.is_some() && change.before.completed_at.is_none();
        let project = projects::update(&mut self.unit, &change.before, change.next).await?;
        if is_completed {
            let parties = project.freelancer_id.into_iter().chain([project.client_id]);
            self.recompute_reputations(&parties.collect::<Vec<_>>()).await?;
        }
        change.events.iter().for_each(|event| self.unit.event(event));
        let (before, after) = (ProjectView::of(change.before), ProjectView::of(project));
        self.note(Some(&before), Some(&after)).await?;
        Ok(after)
    }

    /// Saves a change of a project, and answers with it.
    pub async fn change_project(mut self, change: Transition<Project>) -> Result<Outcome<'a, ProjectView>, AppError> {
        if change.is_unchanged() {
            return Ok(self.unchanged(ProjectView::of(change.before)));
        }
        let view = self.save_project(change).await?;
        Ok(self.answer(OK, view))
    }

    /// Answers with something new that was saved, after its audit entry.
    pub async fn created<T: Identified>(mut self, view: T) -> Result<Outcome<'a, T>, AppError> {
        self.note(None, Some(&view)).await?;
        Ok(self.answer(CREATED, view))
    }

    /// Answers with something that was changed, after its audit entry.
    pub async fn changed<T: Identified>(mut self, before: Option<T>, after: T) -> Result<Outcome<'a, T>, AppError> {
        self.note(before.as_ref(), Some(&after)).await?;
        Ok(self.answer(OK, after))
    }

    /// Answers with what stays as it is: no version, no outbox entry, no audit entry.
    pub fn unchanged<T>(self, view: T) -> Outcome<'a, T> {
        Outcome { command: self, value: view, status: OK, is_saved: false }
    }

    /// Answers with something whose audit entry is added already.
    pub fn answer<T>(self, status: u16, value: T) -> Outcome<'a, T> {
        Outcome { command: self, value, status, is_saved: true }
    }

    /// Adds the audit entry of what was done to a thing.
    pub async fn note<T: Identified>(&mut self, before: Option<&T>, after: Option<&T>) -> Result<(), AppError> {
        let subject = after.or(before).map(|view| view.id().to_owned()).unwrap_or_default();
        self.note_about((T::MODEL, subject), (before, after)).await
    }

    /// Adds the audit entry of what was done to a thing to what it is about.
    pub async fn note_about<T: Serialize>(
        &mut self,
        subject: (&str, String),
        change: (Option<&T>, Option<&T>),
    ) -> Result<(), AppError> {
        let (app, context, operation) = (self.app, self.context, self.operation);
        app.audit(&mut self.unit, context, operation, subject, change).await
    }
}

impl<T: Answer> Outcome<'_, T> {
    /// Saves the answer beside its effect, and commits both.
    async fn commit(self) -> Result<Done<T>, AppError> {
        let Self { command: Command { unit, key, context, .. }, value, status, is_saved } = self;
        if !is_saved || context.dry_run {
            unit.rollback().await?;
            let status = if context.dry_run { OK } else { status };
            return Ok(Done { answer: Answered::New(value), status, token: Default::default() });
        }
        let token = unit.token();
        if let Some(key) = key {
            key.keep(&unit, status, &token, &value).await?;
        }
        unit.commit().await?;
        Ok(Done { answer: Answered::New(value), status, token })
    }
}

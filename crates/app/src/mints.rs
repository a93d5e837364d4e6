//! Notarisations of paid invoices: queued with the payment, taken off the queue with its reversal, listed and retried by operators.

use chainbill_domain::{
    id::MintId,
    invoice::{Invoice, canonical, form},
    mint::{Action, Mint},
    states::{AnchorStatus, MintStatus, Role},
    text,
    transition::Transition,
};
use chainbill_records::repo::mints::{self, List};
use serde::Deserialize;

use crate::{
    App, AppError, Context, Done, MintView, Page, PageRequest,
    command::Command,
    context::OK,
    jobs::{MINT, mint_job},
    validate::Check,
};

/// Which notarisations.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MintFilter {
    /// Only those in this state: QUEUED, SUBMITTED, CONFIRMED, FAILED or CANCELLED.
    pub status: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl App {
    /// Notarisations, newest first. Operators only.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] for others.
    pub async fn mints(&self, context: &Context, filter: &MintFilter) -> Result<Page<MintView>, AppError> {
        context.actor_as(Role::Admin, "only operators may")?;
        let mut check = Check::default();
        let status = check.optional("/status", text::some(filter.status.as_deref()).map(str::parse::<MintStatus>));
        check.finish(Some(()))?;
        let request = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let name = format!("mints?{:?}", filter.status);
        let (limit, after) = (request.limit()?, request.after(&name)?);
        let rows = mints::list(&self.records, List { status, after: after.as_deref(), limit }).await?;
        Ok(Page::of(&name, rows, limit, |mint| mint.id.to_string(), MintView::of))
    }

    /// Tries a notarisation now: one that has failed is queued once more, one that waits does not wait any longer. Operators only.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is confirmed or its invoice is not paid any more; [`AppError::NotFound`].
    pub async fn retry_mint(&self, context: &Context, id: &str) -> Result<Done<MintView>, AppError> {
        context.actor_as(Role::Admin, "only operators may")?;
        self.command(context, "mint.retry", &id, |mut command| async move {
            let missing = || AppError::NotFound("notarisation");
            let id: MintId = id.parse().map_err(|_| missing())?;
            // The invoice is locked first, everywhere.
            let known = mints::find(&command.unit, id).await?.ok_or_else(missing)?;
            let invoice = command.any_invoice(known.invoice_id).await?.ok_or_else(missing)?;
            let mint = mints::lock_of_invoice(&command.unit, known.invoice_id).await?.ok_or_else(missing)?;
            context.expects(mint.version)?;
            let (invoice_id, at) = (mint.invoice_id, command.unit.now());
            let saved = match mint.status {
                MintStatus::Queued | MintStatus::Submitted => {
                    command.unit.cancel_job(MINT, &invoice_id.to_string()).await?;
                    mint
                }
                MintStatus::Failed => {
                    let requeued = mint.requeue(frozen(&invoice))?;
                    let next = requeued.next.clone();
                    command.save_mint(Some(invoice.anchor_requeued()?), requeued).await?;
                    mints::of_invoice(&command.unit, invoice_id).await?.unwrap_or(next)
                }
                // Its invoice is not paid: the payment queues it.
                MintStatus::Cancelled => {
                    return Err(AppError::Conflict {
                        current: mint.status.word().to_owned(),
                        allowed: Vec::new(),
                        detail: "a notarisation that is CANCELLED is queued by the payment of its invoice".to_owned(),
                    });
                }
                MintStatus::Confirmed => {
                    mint.allows(Action::Queue)?;
                    mint
                }
            };
            command.unit.enqueue_job(mint_job(invoice_id, at)).await?;
            Ok(command.answer(OK, MintView::of(saved)))
        })
        .await
    }
}

/// The hash that was frozen at sending, and the canonical form as it is now; the worker refuses to notarise what does not agree.
fn frozen(invoice: &Invoice) -> (String, String) {
    let form = form(invoice).map(|form| canonical(&form)).unwrap_or_default();
    (invoice.canonical_hash.clone().unwrap_or_default(), form)
}

impl Command<'_> {
    /// Keeps the notarisation beside its invoice: queued with the payment that pays it, taken off the queue with its reversal.
    pub(crate) async fn follow_anchor(&mut self, before: &Invoice, after: &Invoice) -> Result<(), AppError> {
        match (before.anchor_status, after.anchor_status) {
            (AnchorStatus::None, AnchorStatus::Queued) => self.queue_mint(after).await,
            (AnchorStatus::Queued | AnchorStatus::Failed, AnchorStatus::None) => self.cancel_mint(after).await,
            _ => Ok(()),
        }
    }

    async fn queue_mint(&mut self, invoice: &Invoice) -> Result<(), AppError> {
        let at = self.unit.now();
        match mints::lock_of_invoice(&self.unit, invoice.id).await? {
            Some(mint) => {
                let queued = mint.requeue(frozen(invoice))?;
                mints::update(&mut self.unit, &queued.before, queued.next).await?;
            }
            None => {
                let new = Mint::queued(self.app.new_id(), invoice.id, frozen(invoice), at);
                mints::insert(&mut self.unit, new).await?;
            }
        }
        self.unit.enqueue_job(mint_job(invoice.id, at)).await?;
        Ok(())
    }

    async fn cancel_mint(&mut self, invoice: &Invoice) -> Result<(), AppError> {
        if let Some(mint) = mints::lock_of_invoice(&self.unit, invoice.id).await? {
            let cancelled = mint.cancel()?;
            mints::update(&mut self.unit, &cancelled.before, cancelled.next).await?;
        }
        self.unit.cancel_job(MINT, &invoice.id.to_string()).await?;
        Ok(())
    }

    /// A notarisation and its invoice under lock, if it is at the version that was read.
    pub(crate) async fn minted(&self, read: &Mint) -> Result<Option<(Invoice, Mint)>, AppError> {
        let Some(invoice) = self.any_invoice(read.invoice_id).await? else { return Ok(None) };
        let mint = mints::lock_of_invoice(&self.unit, read.invoice_id).await?;
        Ok(mint.filter(|mint| mint.version == read.version).map(|mint| (invoice, mint)))
    }

    /// Saves a step of a notarisation, with that of its invoice where it changes.
    pub(crate) async fn save_mint(
        &mut self,
        invoice: Option<Transition<Invoice>>,
        mint: Transition<Mint>,
    ) -> Result<(), AppError> {
        if let Some(change) = invoice {
            self.save_invoice(change).await?;
        }
        mints::update(&mut self.unit, &mint.before, mint.next).await?;
        Ok(())
    }
}

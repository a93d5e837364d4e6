//! Sending bills: from then on they have a number, and what they say is frozen. A sent bill is voided, never removed.

use crate::{
    App, AppError, Context, Done, InvoiceView,
    idempotency::Begun,
    invoices::{lines_of, written_by},
    validate::Check,
    zones::{issuers_day, zone_of},
};
use chainbill_domain::{
    id::UserId,
    invoice::{Action, Frozen, Line, Totals, number},
    states::InvoiceStatus,
    zone::Zone,
};
use chainbill_records::{
    RecordsError, Text, Unit,
    entities::{invoice_counters, invoice_lines, invoices},
    retry,
    sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _, QuerySelect as _, sea_query::Expr},
};

impl App {
    /// Sends a draft: it gets its number, its lines and its hash are frozen.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it was sent already; [`AppError::Validation`] when nobody could pay it, or not in time.
    pub async fn send_invoice(&self, context: &Context, id: &str) -> Result<Done<InvoiceView>, AppError> {
        retry(self.records.random(), || async {
            let mut unit = match self.begin(context, "invoice.send", &id).await? {
                Begun::Fresh(unit) => unit,
                Begun::Replay(done) => return Ok(done),
            };
            let before = written_by(&unit, context, id).await?;
            Action::Send.check(before.status.0, before.paid_minor)?;
            let zone = zone_of(unit.db(), before.freelancer_id.0).await?;
            let today = zone.day(unit.now());
            payable(&before, &today, zone)?;
            let lines = lines_of(unit.db(), before.id.0).await?;
            let sequence = next_number(&mut unit, before.freelancer_id.0).await?;
            let mut after = before.clone();
            after.status = Text(InvoiceStatus::Sent);
            after.number = Some(number(zone.year(unit.now()), sequence));
            after.number_seq = Some(sequence);
            after.sent_at = Some(unit.now());
            after.canonical_hash = Some(frozen_hash(&after, &lines));
            let row = unit.update::<invoices::Entity>(&before, after).await?;
            let old = InvoiceView::of(before, lines.clone(), &today);
            let view = InvoiceView::of(row, lines, &today);
            self.audit(&mut unit, context, "invoice.send", ("invoices", view.id.clone()), (Some(&old), Some(&view)))
                .await?;
            self.finish(unit, context, view).await
        })
        .await
    }

    /// Cancels a sent bill of which nothing is paid. Its number stays taken.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when something is paid.
    pub async fn void_invoice(&self, context: &Context, id: &str) -> Result<Done<InvoiceView>, AppError> {
        retry(self.records.random(), || async {
            let mut unit = match self.begin(context, "invoice.void", &id).await? {
                Begun::Fresh(unit) => unit,
                Begun::Replay(done) => return Ok(done),
            };
            let before = written_by(&unit, context, id).await?;
            Action::Void.check(before.status.0, before.paid_minor)?;
            let mut after = before.clone();
            after.status = Text(InvoiceStatus::Void);
            after.voided_at = Some(unit.now());
            let row = unit.update::<invoices::Entity>(&before, after).await?;
            let lines = lines_of(unit.db(), row.id.0).await?;
            let today = issuers_day(unit.db(), &before, unit.now()).await?;
            let old = InvoiceView::of(before, lines.clone(), &today);
            let view = InvoiceView::of(row, lines, &today);
            self.audit(&mut unit, context, "invoice.void", ("invoices", view.id.clone()), (Some(&old), Some(&view)))
                .await?;
            self.finish(unit, context, view).await
        })
        .await
    }
}

/// A bill of nothing would wait for its payment for ever, and one that is due before it was sent was never in time.
fn payable(draft: &invoices::Model, today: &str, zone: Zone) -> Result<(), AppError> {
    let mut check = Check::default();
    check.refuse_unless(draft.total_minor > 0, "/total", "is 0: a bill that comes to something is accepted");
    if let Some(due) = draft.due_date.as_deref().filter(|due| *due < today) {
        check.refuse("/dueDate", format!("is {due}: a day from {today} ({zone}) on is accepted at sending"));
    }
    check.finish(Some(()))
}

/// The next number of an issuer, under lock: a rolled-back send leaves no gap.
async fn next_number(unit: &mut Unit, freelancer: UserId) -> Result<i64, AppError> {
    let known = invoice_counters::Entity::find_by_id(Text(freelancer)).lock_exclusive().one(unit.db()).await?;
    let Some(known) = known else {
        let first = invoice_counters::Model { freelancer_id: Text(freelancer), next_seq: 2 };
        return match unit.add::<invoice_counters::Entity>(first).await {
            Ok(()) => Ok(1),
            // Somebody sent the issuer's other first bill at this moment: the whole unit runs again and finds its row.
            Err(RecordsError::Duplicate(text)) => Err(RecordsError::Again(DbErr::Custom(text)).into()),
            Err(error) => Err(error.into()),
        };
    };
    invoice_counters::Entity::update_many()
        .col_expr(invoice_counters::Column::NextSeq, Expr::val(known.next_seq + 1))
        .filter(invoice_counters::Column::FreelancerId.eq(Text(freelancer)))
        .exec(unit.db())
        .await?;
    Ok(known.next_seq)
}

fn frozen_hash(row: &invoices::Model, lines: &[invoice_lines::Model]) -> String {
    let line = |row: &invoice_lines::Model| Line {
        description: row.description.clone(),
        quantity_milli: row.quantity_milli,
        unit_price_minor: row.unit_price_minor,
        tax_rate_bp: row.tax_rate_bp,
    };
    let lines: Vec<Line> = lines.iter().map(line).collect();
    Frozen {
        id: row.id.to_string(),
        number: row.number.clone().unwrap_or_default(),
        freelancer_id: row.freelancer_id.to_string(),
        client_id: row.client_id.to_string(),
        currency: row.currency.to_string(),
        lines: &lines,
        totals: Totals {
            subtotal: row.subtotal_minor,
            discount: row.discount_minor,
            tax: row.tax_minor,
            total: row.total_minor,
        },
        due_date: row.due_date.clone(),
    }
    .canonical_hash()
}

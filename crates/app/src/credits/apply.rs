//! Credit that pays an invoice.

use chainbill_domain::{
    invoice::{Action, Invoice},
    ledger::Counterparties,
    money::{Currency, Money},
    payment::{Allocation, Payment, Received},
    states::{Custody, PaymentChannel, PaymentMethod},
};
use chainbill_records::repo::credits;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, CreditView, Done, MoneyView, PaymentView,
    command::Command,
    context::CREATED,
    payments::{Takes, refused},
    validate::Check,
};

/// Credit that is to pay an invoice.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApplyCredit {
    /// How much; as much as there is and the invoice asks for when absent.
    pub amount: Option<MoneyView>,
    /// Whose custody it is taken from, PLATFORM or FREELANCER; the platform's first when absent.
    pub custody: Option<String>,
}

/// Credits of which one is a party.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreditPage {
    /// Those that are not used up, at most 1,000.
    pub data: Vec<CreditView>,
}

/// Most credits of an answer.
const MOST: u32 = 1000;

impl App {
    /// Credits of which the actor is a party; all for operators.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn credits(&self, context: &Context) -> Result<CreditPage, AppError> {
        let viewer = context.actor()?.viewer();
        let credits = credits::list(&self.records, &viewer, MOST).await?;
        Ok(CreditPage { data: credits.into_iter().map(CreditView::of).collect() })
    }

    /// Pays an invoice out of its client's credit with its freelancer.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when the invoice is not to be paid, or there is no such credit.
    pub async fn apply_credit(
        &self,
        context: &Context,
        id: &str,
        asked: ApplyCredit,
    ) -> Result<Done<PaymentView>, AppError> {
        context.needs_key()?;
        let custody = asked.custody.as_deref().map(str::parse::<Custody>).transpose();
        let custody = custody.map_err(|error| AppError::field("/custody", error))?;
        let asked = &asked;
        self.command(context, "invoice.apply-credit", &(id, asked), |mut command| async move {
            let invoice = command.invoice(id).await?;
            context.expects(invoice.version)?;
            invoice.allows(Action::Pay)?;
            let (custody, amount) = command.usable(&invoice, custody, asked.amount.as_ref()).await?;
            let (by, at, payment_id) = (command.actor()?, command.unit.now(), command.app.new_id());
            let received = Received {
                external_ref: format!("credit {payment_id}"),
                method: PaymentMethod::Other,
                amount,
                received_at: None,
            };
            let part = vec![Allocation { invoice_id: invoice.id, minor: amount.minor }];
            let payment = Payment::announce(payment_id, invoice.between(), received, part.clone(), Some(by), at);
            if !credits::take(&mut command.unit, payment.between(), custody, amount).await? {
                return Err(too_little(&[]));
            }
            let locked = vec![(part[0], invoice)];
            let channel = PaymentChannel::of_credit(custody);
            let (payment, invoice) = command.confirm(payment, locked, channel, (Some(by), Takes::Awaiting)).await?;
            command.add_payment(&payment).await?;
            let view = command.recorded(None, payment, invoice).await?;
            Ok(command.answer(CREATED, view))
        })
        .await
    }
}

impl Command<'_> {
    /// How much credit is used, and whose custody it is in.
    async fn usable(
        &self,
        invoice: &Invoice,
        custody: Option<Custody>,
        amount: Option<&MoneyView>,
    ) -> Result<(Custody, Money), AppError> {
        let mut check = Check::default();
        let amount = amount.map(|amount| check.money("/amount", &amount.clone().into(), Some(invoice.currency)));
        let amount = match amount {
            Some(checked) => Some(check.finish(checked)?),
            None => None,
        };
        let due = invoice.due().minor;
        if amount.is_some_and(|amount| amount.minor == 0 || amount.minor > due) {
            return Err(AppError::field(
                "/amount/amount",
                format!("more than 0 and at most the {} that is due is accepted", invoice.due()),
            ));
        }
        let each = custody.map_or_else(|| Custody::ALL.to_vec(), |custody| vec![custody]);
        let mut most = None;
        for custody in each {
            let there = credits::balance(&self.unit, invoice.between(), custody, invoice.currency).await?.minor;
            let wanted = amount.map_or(due.min(there), |amount| amount.minor);
            if wanted > 0 && wanted <= there {
                return Ok((custody, invoice.money(wanted)));
            }
            most = most.max(Some(there));
        }
        Err(too_little(&[(invoice.between(), invoice.currency, most.unwrap_or(0))]))
    }
}

fn too_little(there: &[(Counterparties, Currency, i64)]) -> AppError {
    let there = there.iter().map(|(_, currency, minor)| Money { minor: *minor, currency: *currency }.to_string());
    let there: Vec<String> = there.collect();
    let detail = match there.as_slice() {
        [there] => format!("there is not so much credit: {there} in one custody at most"),
        _ => "there is not so much credit any more".to_owned(),
    };
    refused("NO_CREDIT", &["pay"], detail)
}

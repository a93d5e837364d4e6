//! Reading the ledger: what accounts come to, statements, the trial balance.

use std::collections::BTreeMap;

use chainbill_domain::{
    Timestamp,
    id::UserId,
    money::{Currency, Money},
    states::{AccountKind, Role},
    text,
};
use chainbill_records::repo::ledger::{self, Selection};
use serde::Deserialize;

use crate::{
    AccountView, AccountsView, App, AppError, BookView, Context, KindView, Page, PageRequest, StatementEntry,
    TrialBalance, validate::Check, views::moment,
};

/// Which balances.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BalanceFilter {
    /// Count postings until this moment, RFC 3339; all when absent.
    pub as_of: Option<String>,
    /// The user whose accounts are meant; only operators name another than themselves.
    pub user_id: Option<String>,
    /// Only accounts between the user and this one.
    pub counterparty_id: Option<String>,
}

/// Which postings.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementFilter {
    /// The kind of account, such as RECEIVABLE.
    pub account: String,
    /// The currency.
    pub currency: String,
    /// The user whose accounts are meant; only operators name another than themselves.
    pub user_id: Option<String>,
    /// Only accounts between the user and this one.
    pub counterparty_id: Option<String>,
    /// Only transfers about this invoice.
    pub invoice_id: Option<String>,
    /// From this moment on, RFC 3339.
    pub from: Option<String>,
    /// Until this moment.
    pub until: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl App {
    /// What the actor's accounts come to, now or at a moment; an operator may name another user.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn accounts(&self, context: &Context, filter: &BalanceFilter) -> Result<AccountsView, AppError> {
        let mut check = Check::default();
        let at = until(&mut check, "/asOf", filter.as_of.as_deref());
        let party = party(context, &mut check, filter.user_id.as_deref())?;
        let counterparty = user(&mut check, "/counterpartyId", filter.counterparty_id.as_deref());
        check.finish(Some(()))?;
        let selection = Selection { party, counterparty, until: at, ..Selection::default() };
        let balances = ledger::balances(&self.records, selection).await?;
        let as_of = moment(at.unwrap_or_else(|| self.now()));
        Ok(AccountsView { as_of, accounts: balances.into_iter().map(AccountView::of).collect() })
    }

    /// Postings of the actor's accounts of a kind, oldest first, each with the balance after it.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn statement(
        &self,
        context: &Context,
        filter: &StatementFilter,
    ) -> Result<Page<StatementEntry>, AppError> {
        let mut check = Check::default();
        let kind = check.field("/account", filter.account.parse::<AccountKind>());
        let currency = check.field("/currency", filter.currency.parse::<Currency>());
        let party = party(context, &mut check, filter.user_id.as_deref())?;
        let counterparty = user(&mut check, "/counterpartyId", filter.counterparty_id.as_deref());
        let invoice = check.optional("/invoiceId", text::some(filter.invoice_id.as_deref()).map(str::parse));
        let (from, until) =
            (until(&mut check, "/from", filter.from.as_deref()), until(&mut check, "/until", filter.until.as_deref()));
        let (kind, currency) = check.finish(kind.zip(currency))?;
        let all =
            Selection { party, kind: Some(kind), currency: Some(currency), counterparty, invoice, until, from: None };
        let request = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let name = format!("statement?{all:?}&{from:?}");
        let (limit, after) = (request.limit()?, request.after(&name)?);
        let rows = ledger::entries(&self.records, Selection { from, ..all }, after.as_deref(), limit).await?;
        let mut balance = match rows.first() {
            Some(first) => ledger::total(&self.records, all, Some(&first.id)).await? - first.amount.minor,
            None => 0,
        };
        let entry = |entry: ledger::Entry| {
            balance += entry.amount.minor;
            StatementEntry::of(entry, balance)
        };
        Ok(Page::of(&name, rows, limit, |entry| entry.id.clone(), entry))
    }

    /// All accounts by kind and currency, and the sums of the two books, which have to be zero. For operators.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others.
    pub async fn trial_balance(&self, context: &Context, filter: &BalanceFilter) -> Result<TrialBalance, AppError> {
        context.actor_as(Role::Admin, "only operators see the trial balance")?;
        let mut check = Check::default();
        let at = until(&mut check, "/asOf", filter.as_of.as_deref());
        check.refuse_unless(
            filter.user_id.is_none() && filter.counterparty_id.is_none(),
            "/userId",
            "the trial balance is of all users",
        );
        check.finish(Some(()))?;
        let kinds = ledger::by_kind(&self.records, Selection { until: at, ..Selection::default() }).await?;
        let mut books = BTreeMap::new();
        for (account, Money { minor, currency }, _) in &kinds {
            *books.entry((*currency, account.is_claim())).or_insert(0_i64) += minor;
        }
        let money = |minor, currency| Money { minor, currency }.into();
        let kind = |(account, balance, postings): (AccountKind, Money, i64)| KindView {
            account,
            balance: balance.into(),
            postings,
        };
        let balanced = books.values().all(|sum| *sum == 0);
        let book = |((currency, claims), minor): ((Currency, bool), i64)| BookView {
            book: if claims { "CLAIMS" } else { "MONEY" }.to_owned(),
            sum: money(minor, currency),
        };
        Ok(TrialBalance {
            as_of: moment(at.unwrap_or_else(|| self.now())),
            accounts: kinds.into_iter().map(kind).collect(),
            sums: books.into_iter().map(book).collect(),
            balanced,
        })
    }
}

/// Whose accounts: one's own, or for operators any user's, or everybody's.
fn party(context: &Context, check: &mut Check, named: Option<&str>) -> Result<Option<UserId>, AppError> {
    let actor = context.actor()?;
    let named = user(check, "/userId", named);
    match actor.role {
        Role::Admin => Ok(named),
        _ if named.is_some_and(|named| named != actor.user_id) => Err(AppError::NotFound("account")),
        _ => Ok(Some(actor.user_id)),
    }
}

fn user(check: &mut Check, pointer: &str, id: Option<&str>) -> Option<UserId> {
    check.optional(pointer, text::some(id).map(str::parse::<UserId>))
}

fn until(check: &mut Check, pointer: &str, text: Option<&str>) -> Option<Timestamp> {
    const WRONG: &str = "is not a moment: RFC 3339 such as 2026-11-24T12:00:00Z is accepted";
    let read = |text| chrono::DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).map_err(|_| WRONG);
    check.optional(pointer, text::some(text).map(read))
}

//! The history of an invoice: who did what when, from the audit. Each party sees what it may see: a client nothing from before the
//! sending, and neither party from where a request came.

use std::collections::BTreeSet;

use chainbill_domain::{
    id::InvoiceId,
    invoice::Invoice,
    states::Role,
    visibility::{InvoiceParty, Viewer},
};
use chainbill_records::repo::{
    audit::{self, History, Recorded},
    invoices,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{App, AppError, Context, Page, PageRequest, moment};

/// Something that was done to an invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Its id.
    pub id: String,
    /// When.
    pub at: String,
    /// What was done, as `invoice.send`.
    pub action: String,
    /// FREELANCER, CLIENT, OPERATOR, or SYSTEM where a clock did it.
    pub by: String,
    /// The account; of operators for operators only.
    pub by_id: Option<String>,
    /// The fields that changed.
    pub changes: Vec<FieldChange>,
    /// The id of the request; for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The address of the request; for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// Its name, as in the invoice.
    pub field: String,
    /// Its value before; null of `lines`, `notes` and `workNote`, which may be long.
    pub before: Value,
    /// Its value from then on; null of `lines`, `notes` and `workNote`.
    pub after: Value,
}

/// What is done to drafts, which are their writer's alone.
const OF_DRAFTS: &[&str] =
    &["invoice.create", "invoice.patch", "invoice.duplicate", "quote.invoice", "recurrence.occur"];
/// Fields that follow from others, or change with every change.
const DERIVED: &[&str] = &["id", "version", "updatedAt", "overdue"];
/// Fields that may be long: the invoice shows them.
const LONG: &[&str] = &["lines", "notes", "workNote"];

impl App {
    /// What was done to an invoice, newest first.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its parties.
    pub async fn invoice_history(
        &self,
        context: &Context,
        id: &str,
        page: &PageRequest,
    ) -> Result<Page<HistoryEntry>, AppError> {
        let viewer = context.actor()?.viewer();
        let id: InvoiceId = id.parse().map_err(|_| AppError::NotFound("invoice"))?;
        let invoice = invoices::find(&self.records, &viewer, id).await?.ok_or(AppError::NotFound("invoice"))?;
        let list = format!("invoice history {id}");
        let (limit, after) = (page.limit()?, page.after(&list)?);
        let writes = viewer.role == Role::Admin || invoice.freelancer_id == viewer.user_id;
        let history = History {
            model: "invoices",
            id: id.to_string(),
            // The sending has the moment of the invoice's sending; nothing before it is the client's to see.
            since: invoice.sent_at.filter(|_| !writes),
            without: if writes { &[] } else { OF_DRAFTS },
            before: after.as_deref(),
        };
        let rows =
            audit::history(&self.records, history, u64::from(limit) + 1, |recorded| entry(&viewer, &invoice, recorded))
                .await?;
        Ok(Page::of(&list, rows, limit, |entry| entry.id.clone(), |entry| entry))
    }
}

fn entry(viewer: &Viewer, invoice: &Invoice, recorded: Recorded) -> HistoryEntry {
    let is_operator = viewer.role == Role::Admin;
    let party = recorded.actor_id.and_then(|actor| {
        let parties = [(InvoiceParty::Freelancer, invoice.freelancer_id), (InvoiceParty::Client, invoice.client_id)];
        parties.into_iter().find(|(_, id)| *id == actor).map(|(party, _)| party)
    });
    let by = match (recorded.actor_id, party) {
        (None, _) => "SYSTEM",
        (Some(_), Some(InvoiceParty::Freelancer)) => "FREELANCER",
        (Some(_), Some(InvoiceParty::Client)) => "CLIENT",
        (Some(_), None) => "OPERATOR",
    };
    HistoryEntry {
        id: recorded.id,
        at: moment(recorded.at),
        by: by.to_owned(),
        by_id: recorded.actor_id.filter(|_| is_operator || party.is_some()).map(|id| id.to_string()),
        changes: changes(recorded.before.as_deref(), recorded.after.as_deref()),
        action: recorded.action,
        request_id: recorded.request_id.filter(|_| is_operator),
        address: recorded.address.filter(|_| is_operator),
    }
}

/// The fields in which two documents differ. What is no JSON object, as only another program writes it, has none.
fn changes(before: Option<&str>, after: Option<&str>) -> Vec<FieldChange> {
    let object = |text: Option<&str>| -> Map<String, Value> {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    };
    let (before, after) = (object(before), object(after));
    let fields: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let value = |of: &Map<String, Value>, field: &String| of.get(field).cloned().unwrap_or(Value::Null);
    fields
        .into_iter()
        .filter(|field| !DERIVED.contains(&field.as_str()) && value(&before, field) != value(&after, field))
        .map(|field| {
            let is_long = LONG.contains(&field.as_str());
            let shown = |of: &Map<String, Value>| if is_long { Value::Null } else { value(of, field) };
            FieldChange { field: field.clone(), before: shown(&before), after: shown(&after) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_names_its_fields_and_no_long_value() {
        let before = json!({"version": 1, "status": "DRAFT", "lines": [1], "title": "x", "number": null}).to_string();
        let after = json!({"version": 2, "status": "SENT", "lines": [2], "title": "x", "number": "1"}).to_string();
        let change = |field: &str, before, after| FieldChange { field: field.to_owned(), before, after };
        assert_eq!(
            changes(Some(&before), Some(&after)),
            [
                change("lines", json!(null), json!(null)),
                change("number", json!(null), json!("1")),
                change("status", json!("DRAFT"), json!("SENT")),
            ]
        );
        assert_eq!(changes(None, Some("no JSON")), []);
        assert_eq!(changes(None, Some(r#"{"offsetDays":3}"#)), [change("offsetDays", json!(null), json!(3))]);
    }
}

//! An invoice for the user of a login, which is checked in the same statement.

use std::sync::LazyLock;

use chainbill_domain::{id::InvoiceId, invoice::Invoice, states::UserStatus, visibility::Viewer};
use sea_orm::{ConnectionTrait as _, QueryResult};

use super::{
    read::{COLUMNS, LINE_COLUMNS, read_line, read_row},
    rows::invoice,
};
use crate::{
    Records, RecordsError,
    by_place::at,
    entities::invoice_lines::Model as Line,
    repo::sessions::{self, SessionUser, session_user},
};

/// The login of a token, and the invoice if its user sees it. One statement reads both: an answer costs one round trip, and a
/// login that was revoked before shows nothing. A user who is not active sees nothing either.
///
/// # Errors
/// When the primary does not answer, or holds what this release cannot read.
pub async fn of_session(
    records: &Records,
    token_hash: &str,
    id: InvoiceId,
) -> Result<Option<(SessionUser, Option<Invoice>)>, RecordsError> {
    let id = id.to_string();
    let values = [id.as_str().into(), id.as_str().into(), id.as_str().into(), token_hash.into(), records.now().into()];
    let rows = records.query_all_raw(records.statement(statement(), values)).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let user = session_user(first)?;
    let is_there = at::<Option<String>>(first, sessions::WIDTH, "id")?.is_some();
    if user.status != UserStatus::Active || !is_there {
        return Ok(Some((user, None)));
    }
    let row = read_row(first, sessions::WIDTH)?;
    let viewer = Viewer { user_id: user.user, role: user.role };
    if !viewer.sees_invoice(row.freelancer_id.0, row.client_id.0, row.status.0) {
        return Ok(Some((user, None)));
    }
    let lines = lines(&rows)?;
    Ok(Some((user, Some(invoice(row, lines).map_err(RecordsError::Unreadable)?))))
}

/// The lines that stand beside the invoice, one in each row.
fn lines(rows: &[QueryResult]) -> Result<Vec<Line>, RecordsError> {
    let place = sessions::WIDTH + COLUMNS.len();
    let is_there = |row: &&QueryResult| !matches!(at::<Option<String>>(row, place, "invoice_id"), Ok(None));
    rows.iter().filter(is_there).map(|row| read_line(row, place)).collect()
}

/// The invoice stands in each of its lines' rows. Its long texts stand in the first of them alone.
fn statement() -> &'static str {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let first = "(SELECT MIN(first.position) FROM invoice_lines first WHERE first.invoice_id=?)";
        let columns = COLUMNS.iter().chain(LINE_COLUMNS).map(|column| match *column {
            long @ ("invoices.notes" | "invoices.parties") => {
                format!("CASE WHEN invoice_lines.position IS NULL OR invoice_lines.position={first} THEN {long} END")
            }
            column => column.to_owned(),
        });
        format!(
            "SELECT {},{} {} LEFT JOIN invoices ON invoices.id=? \
             LEFT JOIN invoice_lines ON invoice_lines.invoice_id=invoices.id WHERE {} ORDER BY invoice_lines.position",
            sessions::COLUMNS,
            columns.collect::<Vec<_>>().join(","),
            sessions::FROM_ACTIVE,
            sessions::IS_ACTIVE,
        )
    });
    &SQL
}

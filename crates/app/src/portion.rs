//! Pages of invoices that fit into memory: an invoice may have a megabyte of lines, and a page a hundred invoices. Whoever asks
//! for such pages and does not read them would fill the memory.

use std::collections::HashMap;

use chainbill_domain::id::InvoiceId;
use chainbill_records::{
    OddRow, Text, Unreadable, by_parent,
    entities::{invoice_lines, invoices},
    sea_orm::{
        ColumnTrait as _, ConnectionTrait, DbBackend, EntityTrait as _, QueryFilter as _, QueryOrder as _,
        QuerySelect as _, sea_query::Expr,
    },
};

use crate::AppError;

/// Bytes of lines after which a page ends. Pages of usual invoices never come near.
const ENOUGH: i64 = 1 << 20;

/// Lines by their invoice's id; of an invoice with a line that cannot be read, that line's value.
type Lines = HashMap<String, Result<Vec<invoice_lines::Model>, Unreadable>>;

/// The lines of a page's invoices. Where they are more than enough the page ends early: the limit is then how many invoices it
/// has, and one row more stays, as for any page that is not the last.
pub(crate) async fn lines(
    db: &impl ConnectionTrait,
    rows: &mut Vec<Result<invoices::Model, OddRow>>,
    limit: u32,
) -> Result<(u32, Lines), AppError> {
    let sizes = sizes(db, rows.iter().flatten().map(|row| row.id)).await?;
    let (mut bytes, mut fit) = (0, 0);
    for row in rows.iter() {
        if bytes >= ENOUGH {
            break;
        }
        let size = row.as_ref().ok().and_then(|row| sizes.get(&row.id));
        bytes += size.copied().unwrap_or(0);
        fit += 1;
    }
    let query = invoice_lines::Entity::find()
        .filter(invoice_lines::Column::InvoiceId.is_in(rows[..fit].iter().flatten().map(|row| row.id)))
        .order_by_asc(invoice_lines::Column::Position);
    let lines = by_parent(db, query, invoice_lines::Column::InvoiceId).await?;
    if fit >= rows.len() {
        return Ok((limit, lines));
    }
    rows.truncate(fit + 1);
    Ok((u32::try_from(fit).unwrap_or(limit), lines))
}

/// About how many bytes the lines of each invoice take.
async fn sizes(
    db: &impl ConnectionTrait,
    ids: impl Iterator<Item = Text<InvoiceId>>,
) -> Result<HashMap<Text<InvoiceId>, i64>, AppError> {
    // SQLite's LENGTH counts characters, and MySQL's sums of integers are decimals.
    let size = Expr::cust(match db.get_database_backend() {
        DbBackend::Sqlite => "SUM(octet_length(description) + 100)",
        _ => "CAST(SUM(LENGTH(description) + 100) AS SIGNED)",
    });
    let sizes: Vec<(Text<InvoiceId>, i64)> = invoice_lines::Entity::find()
        .select_only()
        .column(invoice_lines::Column::InvoiceId)
        .expr(size)
        .filter(invoice_lines::Column::InvoiceId.is_in(ids))
        .group_by(invoice_lines::Column::InvoiceId)
        .into_tuple()
        .all(db)
        .await?;
    Ok(sizes.into_iter().collect())
}

//! Pages of invoices that fit into memory: an invoice may have a megabyte of lines, and a page a hundred invoices. Whoever asks
//! for such pages and does not read them would fill the memory.

use chainbill_records::{
    Text,
    entities::{invoice_lines, invoices},
    sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _},
};

use crate::AppError;

/// Bytes of lines after which a page ends.
const ENOUGH: usize = 2 << 20;
/// Invoices whose lines are asked for at once. A page of the usual length needs one question.
const AT_ONCE: usize = 25;
/// A line without its description, about.
const LINE: usize = 100;

/// The lines of a page's invoices. Where they are more than enough the page ends early: the limit is then how many invoices it
/// has, and one row more stays, as for any page that is not the last.
pub(crate) async fn lines(
    db: &impl ConnectionTrait,
    rows: &mut Vec<invoices::Model>,
    limit: u32,
) -> Result<(u32, Vec<invoice_lines::Model>), AppError> {
    let (mut all, mut bytes, mut done) = (Vec::new(), 0, 0);
    while done < rows.len() && bytes < ENOUGH {
        let ids: Vec<Text<_>> = rows[done..].iter().take(AT_ONCE).map(|row| row.id).collect();
        done += ids.len();
        let lines = invoice_lines::Entity::find()
            .filter(invoice_lines::Column::InvoiceId.is_in(ids))
            .order_by_asc(invoice_lines::Column::Position)
            .all(db)
            .await?;
        bytes += lines.iter().map(|line| line.description.len() + LINE).sum::<usize>();
        all.extend(lines);
    }
    if done >= rows.len() {
        return Ok((limit, all));
    }
    rows.truncate(done + 1);
    Ok((u32::try_from(done).unwrap_or(limit), all))
}

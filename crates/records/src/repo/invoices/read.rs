//! Invoices and lines by the places of their columns.

use sea_orm::QueryResult;

use crate::{
    RecordsError,
    by_place::by_place,
    entities::{invoice_lines::Model as Line, invoices::Model},
};

by_place! {
    COLUMNS, read_row: Model of "invoices" {
        id, version, number, number_seq, project_id, freelancer_id, client_id, title, notes, status, payment_status, escrow,
        anchor_status, currency, subtotal_minor, discount_minor, tax_minor, total_minor, paid_minor, due_date, canonical_hash,
        token_id, tx_hash, sent_at, paid_at, released_at, voided_at, created_at, updated_at,
    }
}

by_place! {
    LINE_COLUMNS, read_line: Line of "invoice_lines" {
        invoice_id, position, description, quantity_milli, unit_price_minor, currency, tax_rate_bp, amount_minor,
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{EntityTrait, IdenStatic as _, Iterable as _};

    use super::*;
    use crate::entities::{invoice_lines, invoices};

    fn of_entity<E: EntityTrait>() -> Vec<String> {
        let table = E::default();
        E::Column::iter().map(|column| format!("{}.{}", table.table_name(), column.as_str())).collect()
    }

    #[test]
    fn the_columns_stand_as_the_orm_selects_them() {
        assert_eq!(of_entity::<invoices::Entity>(), COLUMNS);
        assert_eq!(of_entity::<invoice_lines::Entity>(), LINE_COLUMNS);
    }
}

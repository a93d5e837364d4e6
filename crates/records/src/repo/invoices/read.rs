//! Invoices and lines by the places of their columns.

use sea_orm::QueryResult;

use crate::{
    RecordsError,
    by_place::by_place,
    entities::{invoice_lines::Model as Line, invoices::Model},
};

by_place! {
    COLUMNS, read_row: Model of "invoices" {
        id, version, number, number_seq, series, number_year, project_id, milestone_id,
        funds_milestone_id, freelancer_id, client_id, freelancer_name,
        client_name, title, notes, status, payment_status, escrow, anchor_status, currency, prices_include_tax, rounding,
        subtotal_minor, discount_minor, discount_ppm, tax_minor, total_minor, withholding_ppm, withholding_minor,
        deposit_minor, paid_minor, refunded_minor, released_minor, external_minor, fee_minor, credited_minor, due_date, canonical_hash,
        canonical_version, parties, token_id, tx_hash, sent_at, paid_at, released_at, voided_at, declined_at, decline_reason, fee_bp,
        release_days, work_submitted_at, work_note, release_at, work_returned_at, work_return_reason,
        created_at, updated_at,
    }
}

by_place! {
    LINE_COLUMNS, read_line: Line of "invoice_lines" {
        invoice_id, position, description, unit, quantity_micro, unit_price_minor, unit_price_micro, currency, discount_minor,
        discount_ppm, tax_category, tax_rate_ppm, tax_reason, amount_minor,
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

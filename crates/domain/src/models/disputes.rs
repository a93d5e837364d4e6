use crate::mapping::{Embed, Model, minutes, omitted, text, time};

/// Disputes over held money, with their votes.
pub static DISPUTES: Model = Model {
    name: "disputes",
    columns: &[
        text("invoice_id", "invoiceId"),
        text("opened_by", "openedBy"),
        text("reason", "reason"),
        text("description", "description"),
        text("status", "status"),
        text("outcome", "outcome").nullable(),
        text("plan", "plan").nullable(),
        time("resolved_at", "resolvedAt").nullable(),
        time("created_at", "createdAt"),
        time("updated_at", "updatedAt"),
    ],
    embeds: &[Embed {
        path: "votes",
        table: "dispute_votes",
        parent: "dispute_id",
        order_by: "position",
        columns: &[
            text("voter_id", "voterId"),
            text("choice", "choice"),
            text("comment", "comment").nullable(),
            time("created_at", "createdAt"),
        ],
        omitted: &[omitted("position", "the order of the list says it")],
    }],
    omitted: &[omitted(
        "active_invoice_id",
        "derived: set while the dispute is active, unique, so that an invoice has one",
    )],
    search: &[],
    indexes: &[],
    every: minutes(60),
};

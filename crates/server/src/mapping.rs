//! How tables become collections, written from the same descriptions that the encoder follows.

use std::fmt::Write as _;

use chainbill_domain::{
    Model,
    document::ENCODER_VERSION,
    mapping::{Column, Kind, Omitted},
    models,
};
use serde_json::{Value, json};

/// The mapping as JSON.
#[must_use]
pub fn json() -> Value {
    json!({
        "encoderVersion": ENCODER_VERSION,
        "identity": {"column": "id", "field": "_id", "type": "string"},
        "sync": {
            "field": "_sync",
            "why": "what the synchronisation knows of a document; nothing of it is a business fact",
            "fields": {
                "version": "int64: the row's column version",
                "digest": "string: SHA-256 of the encoded document, hexadecimal",
                "revision": "string: the revision of the model's description that made the document; it is part of the digest",
                "appliedAt": "date: when the document was written",
                "deletedAt": "date: only on tombstones, when the deletion was written",
            },
        },
        "tombstones": {
            "where": {"_sync.deletedAt": {"$exists": true}},
            "why": "a deleted row leaves only _id and _sync for a while, so that a late write cannot bring it back",
        },
        "types": {
            "string": "text, byte for byte",
            "int64": "a 64-bit integer",
            "bool": "true or false",
            "date": "a moment in UTC, to the millisecond",
            "money": "an object {minor: int64, currency: string}; null when both columns are NULL",
        },
        "nulls": "a NULL column is a field with null, never an absent field",
        "models": models::ALL.iter().map(|model| of(model)).collect::<Vec<_>>(),
    })
}

fn of(model: &'static Model) -> Value {
    json!({
        "model": model.name,
        "revision": model.revision().to_hex(),
        "table": model.name,
        "collection": model.name,
        "columns": model.columns.iter().map(column).collect::<Vec<_>>(),
        "embeds": model.embeds.iter().map(|embed| json!({
            "field": embed.path,
            "type": "array of objects",
            "table": embed.table,
            "parent": embed.parent,
            "orderBy": embed.order_by,
            "columns": embed.columns.iter().map(column).collect::<Vec<_>>(),
            "omitted": embed.omitted.iter().map(left_out).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "omitted": model.omitted.iter().map(left_out).collect::<Vec<_>>(),
    })
}

fn column(column: &Column) -> Value {
    let mut entry = json!({
        "column": column.column,
        "field": column.path,
        "type": kind(column.kind),
        "nullable": column.nullable,
    });
    if let Kind::Money { currency } = column.kind {
        entry["currencyColumn"] = currency.into();
    }
    entry
}

fn left_out(omitted: &Omitted) -> Value {
    json!({"column": omitted.column, "why": omitted.why})
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "string",
        Kind::Int => "int64",
        Kind::Bool => "bool",
        Kind::Time => "date",
        Kind::Money { .. } => "money",
    }
}

/// The mapping as the document `docs/mirror-schema.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# How tables become collections\n\n\
         Made by `chainbill sync mapping --markdown` from the descriptions that the encoder follows (`domain/src/models`); a \
         test keeps it so.\n\n\
         - Every row is one document in the collection of the same name: column `id` is `_id`, column `version` is \
         `_sync.version`.\n\
         - `_sync` is the synchronisation's own: `version` (int64), `digest` (string, SHA-256 of the encoded document), \
         `revision` (string, of the description that made it), `appliedAt` (date).\n\
         - A deleted row leaves a tombstone for a while: only `_id` and `_sync`, with `_sync.deletedAt`.\n\
         - A NULL column is a field with null, never an absent field. Money is `{minor: int64, currency: string}`. Moments are \
         dates in UTC to the millisecond. Text is kept byte for byte.\n\
         - Rates in `…Ppm` are millionths of the whole (190000 is 19 %), `quantityMicro` is in millionths of one, and \
         `unitPriceMicro` in millionths of a minor unit, beside the whole ones in `unitPrice`.\n\
         - In the embedded mirror a document is JSON, and a date is `{\"$date\": milliseconds}`.\n",
    );
    for model in models::ALL {
        section(&mut page, model);
    }
    page
}

fn section(page: &mut String, model: &Model) {
    // Writing into a String cannot fail.
    let _ = writeln!(page, "\n## {}\n\n| column | field | type |\n|---|---|---|", model.name);
    rows(page, "", "", model.columns);
    for embed in model.embeds {
        let _ = writeln!(
            page,
            "| table `{}` by `{}`, in order of `{}` | `{}` | array |",
            embed.table, embed.parent, embed.order_by, embed.path
        );
        rows(page, &format!("{}.", embed.table), &format!("{}[].", embed.path), embed.columns);
    }
    let own = model.omitted.iter().map(|omitted| (String::new(), omitted));
    let inner = model
        .embeds
        .iter()
        .flat_map(|embed| embed.omitted.iter().map(|omitted| (format!("{}.", embed.table), omitted)));
    let omitted: Vec<String> =
        own.chain(inner).map(|(table, omitted)| format!("`{table}{}` ({})", omitted.column, omitted.why)).collect();
    if !omitted.is_empty() {
        let _ = writeln!(page, "\nLeft out: {}.", omitted.join("; "));
    }
}

fn rows(page: &mut String, table: &str, path: &str, columns: &[Column]) {
    for column in columns {
        let second = match column.kind {
            Kind::Money { currency } => format!(", `{table}{currency}`"),
            _ => String::new(),
        };
        let null = if column.nullable { " or null" } else { "" };
        let _ = writeln!(
            page,
            "| `{table}{}`{second} | `{path}{}` | {}{null} |",
            column.column,
            column.path,
            kind(column.kind)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_the_program_prints() {
        assert_eq!(include_str!("../../../docs/mirror-schema.md"), markdown(), "chainbill sync mapping --markdown");
    }

    #[test]
    fn the_json_names_every_model_and_no_secret() {
        let json = json();
        let names: Vec<&str> =
            json["models"].as_array().into_iter().flatten().filter_map(|model| model["model"].as_str()).collect();
        assert_eq!(names, models::ALL.iter().map(|model| model.name).collect::<Vec<_>>());
        assert_eq!(json["models"][0]["omitted"][0]["column"], "password_hash");
    }
}

//! What a stranger may do to either database, and what a verification says of it.

use chainbill_domain::{
    Model,
    models::{INVOICES, USERS},
};
use chainbill_sync::compare::Class;
use chainbill_testkit::mongodb::bson::{Bson, DateTime, Document, doc};

/// What somebody does to a document.
pub enum Deed {
    /// An update on a server, and what it sets in an embedded database; none where that cannot hold such a thing.
    Update(Document, Option<&'static str>),
    /// The first two fields change places.
    Reorder,
    Delete,
    /// Another document like it, under this id; with what it says of itself, or without.
    Insert(&'static str, bool),
    /// The same to what is left of a removed entity.
    OfTombstone(Document, Option<&'static str>),
}

/// A deed, and what a verification says of it.
pub struct Case {
    pub model: &'static Model,
    pub what: &'static str,
    pub deed: Deed,
    pub class: Class,
    pub fields: &'static [&'static str],
}

fn set(path: &str, value: impl Into<Bson>) -> Document {
    doc! { "$set": { path: value.into() } }
}

fn unset(path: &str) -> Document {
    doc! { "$unset": { path: "" } }
}

/// What is done to a document's fields. In MongoDB a number of 32 bits is another value than the same of 64, and so is one
/// with a point in either database.
pub fn of_fields() -> Vec<Case> {
    let case = |model, what, server, file, fields| {
        let deed = Deed::Update(server, Some(file));
        Case { model, what, deed, class: Class::Mutated, fields }
    };
    let quantity = "lines.0.quantityMilli";
    vec![
        case(&USERS, "another text", set("name", "Mallory"), "body = json_set(body, '$.name', 'Mallory')", &["name"]),
        case(&USERS, "a text gone", unset("title"), "body = json_remove(body, '$.title')", &["title"]),
        case(&USERS, "a null gone", unset("bio"), "body = json_remove(body, '$.bio')", &["bio"]),
        case(
            &USERS,
            "inside an object",
            set("hourlyRate.currency", "USD"),
            "body = json_set(body, '$.hourlyRate.currency', 'USD')",
            &["hourlyRate.currency"],
        ),
        case(
            &USERS,
            "a moment as text",
            set("createdAt", "2026-01-01T00:00:00Z"),
            "body = json_set(body, '$.createdAt', '2026-01-01T00:00:00Z')",
            &["createdAt"],
        ),
        case(
            &USERS,
            "a flag as number",
            set("available", 1_i64),
            "body = json_set(body, '$.available', 1)",
            &["available"],
        ),
        case(
            &USERS,
            "one field more",
            set("admin", true),
            "body = json_set(body, '$.admin', json('true'))",
            &["admin"],
        ),
        case(
            &INVOICES,
            "an item of a list",
            set("lines.0.description", "Gift"),
            "body = json_set(body, '$.lines[0].description', 'Gift')",
            &["lines.0.description"],
        ),
        case(
            &INVOICES,
            "one item more",
            doc! { "$push": { "lines": "more" } },
            "body = json_insert(body, '$.lines[#]', 'more')",
            &["lines"],
        ),
        case(
            &INVOICES,
            "an int32 for an int64",
            set(quantity, 1000_i32),
            "body = json_set(body, '$.lines[0].quantityMilli', 1000.0)",
            &["lines.0.quantityMilli"],
        ),
        case(
            &INVOICES,
            "a double for an int64",
            set(quantity, 1000.0),
            "body = json_set(body, '$.lines[0].quantityMilli', 1e3)",
            &["lines.0.quantityMilli"],
        ),
        case(
            &INVOICES,
            "another amount",
            set("total.minor", 1_i64),
            "body = json_set(body, '$.total.minor', 1)",
            &["total.minor"],
        ),
        Case {
            model: &USERS,
            what: "another order",
            deed: Deed::Reorder,
            class: Class::Mutated,
            fields: &["(order of fields)"],
        },
    ]
}

/// What is done to whole documents.
pub fn of_documents() -> Vec<Case> {
    let case = |what, deed, class| Case { model: &USERS, what, deed, class, fields: &[] };
    vec![
        case("deleted", Deed::Delete, Class::Lost),
        case("made up", Deed::Insert("00000000-0000-7000-8000-000000000001", true), Class::Phantom),
        case("made up without _sync", Deed::Insert("00000000-0000-7000-8000-000000000002", false), Class::Phantom),
        case("made up beyond all ids", Deed::Insert("zzz", true), Class::Phantom),
        case("an id of another type", Deed::Insert("objectId:507f1f77bcf86cd799439011", true), Class::Phantom),
        case("the same without _sync", Deed::Insert("objectId:507f1f77bcf86cd799439012", false), Class::Phantom),
        case(
            "a tombstone with a field",
            Deed::OfTombstone(set("name", "Lazarus"), Some(r#"body = '{"name":"Lazarus"}'"#)),
            Class::Mutated,
        ),
        case(
            "a tombstone without its end",
            Deed::OfTombstone(unset("_sync.deletedAt"), Some("deleted_at = NULL")),
            Class::Phantom,
        ),
        case("a tombstone with a note", Deed::OfTombstone(set("_sync.note", "hello"), None), Class::Phantom),
    ]
}

/// What is done to what a document says of itself.
pub fn of_stamps() -> Vec<Case> {
    let case = |what, server, file, class, fields| Case {
        model: &USERS,
        what,
        deed: Deed::Update(server, file),
        class,
        fields,
    };
    let nobodys = |what, server, file| case(what, server, file, Class::Mutated, &["_sync"]);
    let other = "0".repeat(64);
    let now = DateTime::from_millis(1);
    let list = |version: i64| Bson::Array(vec![doc! { "version": version }.into()]);
    vec![
        case("version raised", set("_sync.version", 99_i64), Some("version = 99"), Class::Ahead, &["_sync.version"]),
        case("version lowered", set("_sync.version", 0_i64), Some("version = 0"), Class::Stale, &["_sync.version"]),
        case(
            "another digest",
            set("_sync.digest", other),
            Some("digest = hex(zeroblob(32))"),
            Class::Mutated,
            &["_sync.digest"],
        ),
        case("no digest", set("_sync.digest", "zz"), Some("digest = 'zz'"), Class::Mutated, &["_sync.digest"]),
        nobodys("without _sync", unset("_sync"), Some("version = NULL, digest = NULL, applied_at = NULL")),
        nobodys("a false end", set("_sync.deletedAt", now), Some("deleted_at = 1")),
        nobodys("an end that is no moment", set("_sync.deletedAt", "never"), None),
        nobodys("a moment as text", set("_sync.appliedAt", "now"), None),
        nobodys("no moment", unset("_sync.appliedAt"), Some("applied_at = NULL")),
        nobodys("a version of another type", set("_sync.version", 1_i32), Some("version = NULL")),
        nobodys("a note", set("_sync.note", "hello"), None),
        nobodys(
            "a note and a version raised",
            doc! { "$set": { "_sync.note": "hello", "_sync.version": 99_i64 } },
            Some("applied_at = NULL, version = 99"),
        ),
        nobodys("a list", set("_sync", list(99)), None),
        nobodys("a list, not newer", set("_sync", list(0)), None),
    ]
}

/// What somebody does to an entity's rows, with `{id}` for it and `{new}` for an id that nobody has.
pub const ON_THE_PRIMARY: &[(&Model, &str, Class, &[&str])] = &[
    (&USERS, "UPDATE users SET name='Mallory' WHERE id='{id}'", Class::Mutated, &["name", "_sync.digest"]),
    (&USERS, "UPDATE users SET bio='' WHERE id='{id}'", Class::Mutated, &["bio", "_sync.digest"]),
    (
        &USERS,
        "UPDATE users SET hourly_rate_minor=1 WHERE id='{id}'",
        Class::Mutated,
        &["hourlyRate.minor", "_sync.digest"],
    ),
    (
        &USERS,
        "UPDATE users SET name='Mallory', version=version+1 WHERE id='{id}'",
        Class::Stale,
        &["name", "_sync.version", "_sync.digest"],
    ),
    (&USERS, "DELETE FROM users WHERE id='{id}'", Class::Phantom, &[]),
    (
        &USERS,
        "INSERT INTO users (id, version, email, name, role, status, available, created_at, updated_at) SELECT '{new}', \
         version, 'new@example.org', name, role, status, available, created_at, updated_at FROM users WHERE id='{id}'",
        Class::Lost,
        &[],
    ),
    (
        &INVOICES,
        "UPDATE invoice_lines SET description='Gift' WHERE invoice_id='{id}'",
        Class::Mutated,
        &["lines.0.description", "_sync.digest"],
    ),
    (&INVOICES, "DELETE FROM invoice_lines WHERE invoice_id='{id}'", Class::Mutated, &["lines", "_sync.digest"]),
    (
        &INVOICES,
        "INSERT INTO invoice_lines (invoice_id, position, description, quantity_milli, unit_price_minor, currency, \
         tax_rate_bp, amount_minor) SELECT invoice_id, 1, description, quantity_milli, unit_price_minor, currency, \
         tax_rate_bp, amount_minor FROM invoice_lines WHERE invoice_id='{id}'",
        Class::Mutated,
        &["lines", "_sync.digest"],
    ),
    (&INVOICES, "DELETE FROM invoices WHERE id='{id}'", Class::Phantom, &[]),
];

//! External changes of either database, and the verdicts of a verification on them.

use chainbill_domain::{
    Model,
    models::{INVOICES, USERS},
};
use chainbill_sync::compare::Class;
use chainbill_testkit::mongodb::bson::{
    Binary, Bson, DateTime, Document, JavaScriptCodeWithScope, Timestamp, doc, oid::ObjectId, spec::BinarySubtype,
};

/// An external change of a document.
pub enum Deed {
    /// An update on a server, and what it sets in an embedded database; none where that cannot hold such a thing.
    Update(Document, Option<&'static str>),
    /// The first two fields change places.
    Reorder,
    Delete,
    /// An update, and then these bytes of the document become those: what no driver writes, and servers keep. And what an
    /// embedded database's row is set to, where it can hold such a thing.
    Bytes(Document, &'static [u8], &'static [u8], Option<&'static str>),
    /// Another document like it, under this id; with its sync metadata, or without.
    Insert(&'static str, bool),
    /// The same under an id that is no text: its value, and what such a document is called.
    Stranger(Bson, String),
    /// The same under an id that is no UTF-8: it ends in a byte that none has.
    Broken,
    /// The same to what is left of a removed entity.
    OfTombstone(Document, Option<&'static str>),
    /// Its digest in capitals.
    Capitals,
    /// The sync metadata stands before all fields.
    StampFirst,
}

/// A change, and the verdict of a verification on it.
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

/// What a document is called whose id no row can have.
fn called(value: &str, kind: &str) -> String {
    format!("{value} (an _id of a kind that rows do not have: {kind})")
}

/// What the document of [`Deed::Broken`] is called.
pub fn broken() -> String {
    called("zz\u{fffd}ff", "bytes")
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
    let quantity = "lines.0.quantityMicro";
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
            set(quantity, 1_000_000_i32),
            "body = json_set(body, '$.lines[0].quantityMicro', 1000000.0)",
            &["lines.0.quantityMicro"],
        ),
        case(
            &INVOICES,
            "a double for an int64",
            set(quantity, 1_000_000.0),
            "body = json_set(body, '$.lines[0].quantityMicro', 1e6)",
            &["lines.0.quantityMicro"],
        ),
        case(
            &INVOICES,
            "deep within an item",
            set("lines.0.note", doc! { "a": [{ "b": Bson::Null }] }),
            r#"body = json_set(body, '$.lines[0].note', json('{"a":[{"b":null}]}'))"#,
            &["lines.0.note"],
        ),
        case(
            &INVOICES,
            "a decimal for an int64",
            set(quantity, Bson::Decimal128("1000000".parse().expect("a number"))),
            "body = json_set(body, '$.lines[0].quantityMicro', '1000000')",
            &["lines.0.quantityMicro"],
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

/// What is done to fields below what drivers and descriptions know: names that stand there twice, bytes that are no text, other
/// types of the same value, names that are none.
pub fn of_bytes() -> Vec<Case> {
    let case = |model, what, update, (from, to), file, fields| {
        let deed = Deed::Bytes(update, from, to, file);
        Case { model, what, deed, class: Class::Mutated, fields }
    };
    // In JSON the second value of a name counts for most who read it, and the first for SQLite.
    let twice = |path: &str, value: Bson| doc! { "$set": { path: value } };
    let renamed: (&[u8], &[u8]) = (b"nam\x01\0", b"name\0");
    let rewritten = |from: &'static [u8], to: &'static [u8]| (from, to);
    let none = || doc! { "$unset": { "nothing": "" } };
    vec![
        case(
            &USERS,
            "a name twice, the first is right",
            twice("nam\u{1}", "Mallory".into()),
            renamed,
            Some(r#"body = substr(body, 1, length(body) - 1) || ',"name":"Mallory"}'"#),
            &["name"],
        ),
        case(
            &USERS,
            "a name twice, with the same value",
            twice("nam\u{1}", "Ada".into()),
            renamed,
            Some(r#"body = '{"name":"Mallory",' || substr(body, 2)"#),
            &["name"],
        ),
        case(
            &INVOICES,
            "a name twice within an amount",
            twice("total.mino\u{1}", 1_i64.into()),
            rewritten(b"mino\x01\0", b"minor\0"),
            Some(r#"body = replace(body, '"total":{', '"total":{"minor":1,')"#),
            &["total.minor"],
        ),
        case(
            &INVOICES,
            "a name twice within an item",
            twice("lines.0.descriptio\u{1}", "Gift".into()),
            rewritten(b"descriptio\x01\0", b"description\0"),
            Some(r#"body = replace(body, '"lines":[{', '"lines":[{"description":"Gift",')"#),
            &["lines.0.description"],
        ),
        case(
            &USERS,
            "a text that is none",
            set("email", "\u{1}\u{1}"),
            rewritten(b"\x01\x01", b"\xff\xfe"),
            Some(r#"body = CAST(replace(body, '"email":"', '"email":"' || CAST(x'ff' AS TEXT)) AS TEXT)"#),
            &["email"],
        ),
        case(&USERS, "a symbol for a text", none(), rewritten(b"\x02name\0", b"\x0ename\0"), None, &["name"]),
        case(&USERS, "code for a text", none(), rewritten(b"\x02name\0", b"\x0dname\0"), None, &["name"]),
        case(&USERS, "undefined for null", none(), rewritten(b"\x0abio\0", b"\x06bio\0"), None, &["bio"]),
        case(
            &INVOICES,
            "a list that does not count from 0",
            none(),
            rewritten(b"\x030\0", b"\x037\0"),
            None,
            &["lines.0"],
        ),
        case(
            &USERS,
            "a digest twice",
            set("_sync.diges\u{1}", "x"),
            rewritten(b"diges\x01\0", b"digest\0"),
            None,
            &["_sync"],
        ),
        case(
            &USERS,
            "a version twice",
            set("_sync.versio\u{1}", 1_i64),
            rewritten(b"versio\x01\0", b"version\0"),
            None,
            &["_sync"],
        ),
        case(
            &USERS,
            "a stamp twice",
            set("_syn\u{1}", doc! {}),
            rewritten(b"_syn\x01\0", b"_sync\0"),
            None,
            &["_sync"],
        ),
        case(&USERS, "an id twice", set("_i\u{1}", "x"), rewritten(b"_i\x01\0", b"_id\0"), None, &["_id"]),
        case(
            &USERS,
            "names that are operators, paths and nothing",
            set("x\u{1}", doc! { "a": 1 }),
            rewritten(b"x\x01\0", b"$x\0"),
            Some(r#"body = json_set(body, '$."$x"', 1)"#),
            &["$x"],
        ),
        case(
            &USERS,
            "a name with a point",
            set("x\u{1}y", 1_i64),
            rewritten(b"x\x01y\0", b"x.y\0"),
            Some(r#"body = json_set(body, '$."x.y"', 1)"#),
            &["x.y"],
        ),
        case(
            &USERS,
            "the empty name",
            set("\u{1}", Bson::Null),
            rewritten(b"\x0a\x01\0", b"\x08\0\0"),
            Some(r#"body = '{"":null,' || substr(body, 2)"#),
            &[""],
        ),
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
        case("made up under bytes", Deed::Broken, Class::Phantom),
        case("made up under a name of another", Deed::Insert(LIKE_ANOTHER, true), Class::Phantom),
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
        case(
            "a tombstone that never ends",
            Deed::OfTombstone(set("_sync.deletedAt", DateTime::MAX), Some("deleted_at = 9223372036854775807")),
            Class::Phantom,
        ),
        case(
            "a tombstone of another moment",
            Deed::OfTombstone(set("_sync.appliedAt", DateTime::from_millis(1)), Some("applied_at = 1")),
            Class::Phantom,
        ),
        case(
            "a tombstone with a place for fields",
            Deed::OfTombstone(set("x", 1), Some("body = '{}'")),
            Class::Mutated,
        ),
    ]
    .into_iter()
    .chain(of_ids())
    .collect()
}

/// A text that is called like the name of a number.
const LIKE_ANOTHER: &str = "5 (an _id of a kind that rows do not have: int32)";

/// Documents under ids of every type that a server takes.
fn of_ids() -> impl Iterator<Item = Case> {
    let scope = JavaScriptCodeWithScope { code: "x".to_owned(), scope: doc! { "a": 1 } };
    let (object, bytes) = (doc! { "a": 1 }, Binary { subtype: BinarySubtype::Generic, bytes: vec![7] });
    let ids: Vec<(Bson, String)> = vec![
        (ObjectId::from_bytes([7; 12]).into(), called("070707070707070707070707", "objectId")),
        (5_i32.into(), called("5", "int32")),
        (6_i64.into(), called("6", "int64")),
        (f64::NAN.into(), called("01000000000000f87f", "bson")),
        ((-0.0).into(), called("-0.0", "double")),
        (Bson::Decimal128("1.5".parse().expect("a number")), called("130f000000000000000000000000003e30", "bson")),
        (true.into(), called("true", "bool")),
        (DateTime::from_millis(-1).into(), called("-1", "date")),
        (Bson::Null, called("0a", "bson")),
        (Bson::MinKey, called("ff", "bson")),
        (Bson::MaxKey, called("7f", "bson")),
        (Bson::Symbol("0".to_owned()), called("0", "symbol")),
        (Bson::Symbol("zzzz".to_owned()), called("zzzz", "symbol")),
        (object.into(), called("030c0000001061000100000000", "bson")),
        (bytes.into(), called("05010000000007", "bson")),
        (Bson::Timestamp(Timestamp { time: 2, increment: 1 }), called("110100000002000000", "bson")),
        (Bson::JavaScriptCode("x".to_owned()), called("0d020000007800", "bson")),
        (scope.into(), called("0f160000000200000078000c0000001061000100000000", "bson")),
    ];
    ids.into_iter().map(|(id, name)| {
        let deed = Deed::Stranger(id, name);
        Case { model: &USERS, what: "made up under an id of another type", deed, class: Class::Phantom, fields: &[] }
    })
}

/// Changes of a document's sync metadata.
pub fn of_stamps() -> Vec<Case> {
    let case = |what, server, file, class, fields| Case {
        model: &USERS,
        what,
        deed: Deed::Update(server, file),
        class,
        fields,
    };
    let unversioned = |what, server, file| case(what, server, file, Class::Mutated, &["_sync"]);
    let other = "0".repeat(64);
    // A server removes by itself what ended long ago.
    let now = DateTime::from_millis(4_102_444_800_000);
    let list = |version: i64| Bson::Array(vec![doc! { "version": version }.into()]);
    vec![
        case(
            "version raised",
            set("_sync.version", 99_i64),
            Some("version = 99"),
            Class::AheadOfSource,
            &["_sync.version"],
        ),
        case("version lowered", set("_sync.version", 0_i64), Some("version = 0"), Class::Stale, &["_sync.version"]),
        case(
            "another digest",
            set("_sync.digest", other),
            Some("digest = hex(zeroblob(32))"),
            Class::Mutated,
            &["_sync.digest"],
        ),
        case("no digest", set("_sync.digest", "zz"), Some("digest = 'zz'"), Class::Mutated, &["_sync.digest"]),
        case(
            "the digest and a NUL",
            set("_sync.digest", "0\0"),
            Some("digest = CAST(digest || x'0061' AS TEXT)"),
            Class::Mutated,
            &["_sync.digest"],
        ),
        case(
            "a digest that is no text",
            set("_sync.digest", "\u{1}"),
            Some("digest = CAST(x'ff' AS TEXT)"),
            Class::Mutated,
            &["_sync.digest"],
        ),
        Case {
            model: &USERS,
            what: "the digest in capitals",
            deed: Deed::Capitals,
            class: Class::Mutated,
            fields: &["_sync.digest"],
        },
        Case {
            model: &USERS,
            what: "the stamp before the fields",
            deed: Deed::StampFirst,
            class: Class::Mutated,
            fields: &["_sync"],
        },
        unversioned("without _sync", unset("_sync"), Some("version = NULL, digest = NULL, applied_at = NULL")),
        unversioned("a false end", set("_sync.deletedAt", now), Some("deleted_at = 1")),
        unversioned("an end that is no moment", set("_sync.deletedAt", "never"), None),
        unversioned("a moment as text", set("_sync.appliedAt", "now"), None),
        unversioned("no moment", unset("_sync.appliedAt"), Some("applied_at = NULL")),
        unversioned("a version of another type", set("_sync.version", 1_i32), Some("version = NULL")),
        unversioned("a note", set("_sync.note", "hello"), None),
        unversioned(
            "a note and a version raised",
            doc! { "$set": { "_sync.note": "hello", "_sync.version": 99_i64 } },
            Some("applied_at = NULL, version = 99"),
        ),
        unversioned("a list", set("_sync", list(99)), None),
        unversioned("a list, not newer", set("_sync", list(0)), None),
    ]
}

/// External changes of an entity's rows, with `{id}` for its id and `{new}` for an unused one.
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
        "INSERT INTO invoice_lines (invoice_id, position, description, quantity_micro, unit_price_minor, unit_price_micro, \
         currency, discount_minor, tax_category, tax_rate_ppm, amount_minor) SELECT invoice_id, 1, description, quantity_micro, \
         unit_price_minor, unit_price_micro, currency, discount_minor, tax_category, tax_rate_ppm, amount_minor FROM invoice_lines WHERE invoice_id='{id}'",
        Class::Mutated,
        &["lines", "_sync.digest"],
    ),
    (&INVOICES, "DELETE FROM invoices WHERE id='{id}'", Class::Phantom, &[]),
];

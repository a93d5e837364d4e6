//! Any `_id` that a document may have. A non-string one was written by another program. It gets a reversible printable name of its
//! value and type (see [`crate::id_codec`]), so that the document can be inspected and removed.

use std::borrow::Cow;

use mongodb::bson::{
    DateTime, RawBsonRef, RawDocument, RawDocumentBuf,
    oid::ObjectId,
    raw::{BindRawBsonRef, cstr},
    spec::ElementType,
};

use super::writer::{STRING, Writer};
use crate::id_codec::{self, Named, hex};

pub(super) const SYMBOL: &str = "symbol";
/// The kind of ids without a shorter name: the type's number and the value's BSON.
const BSON: &str = "bson";

/// An `_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Id {
    /// A string, as rows have.
    Text(String),
    /// Any other: the type's number and the value's bytes.
    Other(u8, Vec<u8>),
}

/// The position of an `_id` in a server's order relative to strings. Symbols, and strings that are no UTF-8, sort among the strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Before,
    Among,
    Behind,
}

impl Id {
    pub fn place(&self) -> Place {
        match self {
            Self::Text(_) => Place::Among,
            Self::Other(kind, _) => place(*kind),
        }
    }

    /// Writes it as a value.
    pub fn write(&self, writer: &mut Writer, name: &str) {
        match self {
            Self::Text(text) => writer.text(name, text),
            Self::Other(kind, value) => writer.raw(name, *kind, value),
        }
    }

    /// Writes the condition that the `_id` is exactly this one. To a server a symbol equals the text of its characters.
    pub fn write_condition(&self, writer: &mut Writer) {
        let condition = writer.open("_id");
        self.write(writer, "$eq");
        let kind = match self {
            Self::Text(_) => STRING,
            Self::Other(kind, _) => *kind,
        };
        if matches!(ElementType::from(kind), Some(ElementType::String | ElementType::Symbol)) {
            writer.int("$type", i64::from(kind));
        }
        writer.close(condition);
    }
}

/// The position of an `_id` of such a type.
pub(super) fn place(kind: u8) -> Place {
    match ElementType::from(kind) {
        Some(ElementType::String | ElementType::Symbol) => Place::Among,
        Some(
            ElementType::MinKey
            | ElementType::Undefined
            | ElementType::Null
            | ElementType::Double
            | ElementType::Int32
            | ElementType::Int64
            | ElementType::Decimal128,
        ) => Place::Before,
        _ => Place::Behind,
    }
}

/// The name of an `_id` that is not text.
pub(super) fn name(id: RawBsonRef<'_>) -> String {
    match id {
        RawBsonRef::String(text) => id_codec::of_text(text).into_owned(),
        RawBsonRef::Symbol(text) => id_codec::other(text, SYMBOL),
        RawBsonRef::ObjectId(id) => id_codec::other(&id.to_string(), "objectId"),
        RawBsonRef::Int32(number) => id_codec::other(&number.to_string(), "int32"),
        RawBsonRef::Int64(number) => id_codec::other(&number.to_string(), "int64"),
        RawBsonRef::Double(number) if !number.is_nan() => id_codec::other(&format!("{number:?}"), "double"),
        RawBsonRef::Boolean(flag) => id_codec::other(&flag.to_string(), "bool"),
        RawBsonRef::DateTime(at) => id_codec::other(&at.timestamp_millis().to_string(), "date"),
        other => id_codec::other(&hex(&element(other)), BSON),
    }
}

/// The name of the first `_id` of a document, from its bytes: for one whose value is none.
pub(super) fn name_in(raw: &RawDocument) -> String {
    let Some((kind, value)) = element_of(raw, "_id") else { return String::new() };
    match ElementType::from(kind) {
        Some(ElementType::String) if value.len() > 4 => id_codec::of_bytes(&value[4..value.len() - 1]).into_owned(),
        _ => id_codec::other(&hex(&[&[kind], value].concat()), BSON),
    }
}

/// The first field of a name: the type's number and the value's bytes.
pub(super) fn element_of<'r>(raw: &'r RawDocument, name: &str) -> Option<(u8, &'r [u8])> {
    let (bytes, mut start) = (raw.as_bytes(), 4);
    for element in raw.iter_elements() {
        let element = element.ok()?;
        let value = start + 1 + element.key().as_str().len() + 1;
        let end = value + element.size();
        if element.key().as_str() == name {
            return Some((bytes[start], &bytes[value..end]));
        }
        start = end;
    }
    None
}

/// The `_id` behind a name; none where no document can have that name.
pub(super) fn id(name: &str) -> Option<Id> {
    let (value, kind) = match id_codec::named(name)? {
        Named::Text(text) => return Some(Id::Text(text.to_owned())),
        Named::Bytes(bytes) => {
            let length = i32::try_from(bytes.len() + 1).ok()?.to_le_bytes();
            return Some(Id::Other(STRING, [&length[..], &bytes, &[0]].concat()));
        }
        Named::Other { value, kind } => (value, kind),
    };
    match kind {
        SYMBOL => of(RawBsonRef::Symbol(value)),
        "objectId" => of(ObjectId::parse_str(value).ok()?),
        "int32" => of(value.parse::<i32>().ok()?),
        "int64" => of(value.parse::<i64>().ok()?),
        "double" => of(value.parse::<f64>().ok()?),
        "bool" => of(value.parse::<bool>().ok()?),
        "date" => of(DateTime::from_millis(value.parse().ok()?)),
        BSON => {
            let bytes = id_codec::from_hex(value)?;
            let (kind, value) = bytes.split_first()?;
            is_one_value(*kind, value).then(|| Id::Other(*kind, value.to_vec()))
        }
        _ => None,
    }
}

/// The text whose place an `_id` takes that is a symbol: a server takes both for the same.
pub(super) fn text_of_symbol(name: &str) -> Option<&str> {
    match id_codec::named(name)? {
        Named::Other { value, kind: SYMBOL } => Some(value),
        _ => None,
    }
}

fn of(value: impl BindRawBsonRef) -> Option<Id> {
    let bytes = element(value);
    let (kind, value) = bytes.split_first()?;
    Some(Id::Other(*kind, value.to_vec()))
}

/// The type's number and the value's bytes.
fn element(value: impl BindRawBsonRef) -> Vec<u8> {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("v"), value);
    let bytes = document.as_bytes();
    [&bytes[4..=4], &bytes[7..bytes.len() - 1]].concat()
}

/// Whether these bytes are one value of that type and nothing else: only such are sent to a server.
fn is_one_value(kind: u8, value: &[u8]) -> bool {
    let mut writer = Writer::with_capacity(value.len());
    writer.raw("v", kind, value);
    let document = writer.finish();
    let mut elements = document.iter_elements();
    matches!(elements.next(), Some(Ok(element)) if element.size() == value.len()) && elements.next().is_none()
}

/// The name of a text `_id`, which is the text itself but for those that end like other names.
pub(super) fn name_of_text(text: &str) -> Cow<'_, str> {
    id_codec::of_text(text)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{
        Binary, Bson, DateTime, Decimal128, JavaScriptCodeWithScope, RawDocumentBuf, Timestamp, doc,
        spec::BinarySubtype,
    };

    use super::{Id, Place};

    fn ids() -> Vec<Bson> {
        let scope = doc! { "a": 1 };
        vec![
            Bson::Int32(-5),
            Bson::Int64(i64::MAX),
            Bson::Double(1.5),
            Bson::Double(f64::MIN_POSITIVE),
            Bson::Double(-0.0),
            Bson::Double(f64::INFINITY),
            Bson::Double(f64::NAN),
            Bson::Decimal128("5.00".parse::<Decimal128>().unwrap()),
            Bson::Boolean(true),
            Bson::Null,
            Bson::Undefined,
            Bson::MinKey,
            Bson::MaxKey,
            Bson::ObjectId("507f1f77bcf86cd799439011".parse().unwrap()),
            Bson::DateTime(DateTime::from_millis(-1)),
            Bson::Timestamp(Timestamp { time: 1, increment: 2 }),
            Bson::Document(doc! { "a": 1, "b": "x" }),
            Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: vec![1, 2] }),
            Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: vec![1, 2] }),
            Bson::JavaScriptCode("x".to_owned()),
            Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope { code: "x".to_owned(), scope }),
            Bson::Symbol("x".to_owned()),
            Bson::Symbol("5".to_owned()),
            Bson::String("x".to_owned()),
            Bson::String("5".to_owned()),
        ]
    }

    fn raw(id: &Bson) -> RawDocumentBuf {
        RawDocumentBuf::try_from(&doc! { "x": 1, "_id": id.clone() }).unwrap()
    }

    #[test]
    fn names_lead_back_to_ids_and_no_two_ids_have_the_same() {
        let mut known = std::collections::HashSet::new();
        for id in ids() {
            let document = raw(&id);
            let name = super::name(document.get("_id").unwrap().unwrap());
            assert!(known.insert(name.clone()), "{name}");
            // A text that is called like this is called otherwise.
            let text = super::name_of_text(&name).into_owned();
            assert_eq!(text == name, matches!(id, Bson::String(_)), "{name}");
            assert!(text == name || known.insert(text), "{name}");
            let found = super::id(&name).unwrap();
            let mut writer = super::Writer::with_capacity(16);
            writer.element(0x10, "x");
            writer.bytes(&1_i32.to_le_bytes());
            found.write(&mut writer, "_id");
            assert_eq!(writer.finish(), document, "{name}");
        }
    }

    #[test]
    fn an_id_is_named_from_its_bytes_where_its_value_is_none() {
        let broken = Id::Other(0x02, [&3_i32.to_le_bytes()[..], b"a\xff\0"].concat());
        let mut writer = super::Writer::with_capacity(16);
        writer.int("x", 1);
        broken.write(&mut writer, "_id");
        let name = super::name_in(&writer.finish());
        assert_eq!((super::id(&name), broken.place()), (Some(broken), Place::Among));
        assert_eq!(super::name_in(&raw(&Bson::MinKey)), super::name(mongodb::bson::RawBsonRef::MinKey));
    }

    #[test]
    fn what_is_no_name_of_ours_leads_nowhere() {
        for (value, kind) in
            [("x", "int32"), ("5", "whatever"), ("02", "bson"), ("0aff", "bson"), ("x", "bson"), ("", "bson")]
        {
            assert_eq!(super::id(&crate::id_codec::other(value, kind)), None, "{value} {kind}");
        }
    }
}

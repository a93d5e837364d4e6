//! Documents whose `_id` is not text: somebody else wrote them. They are named `type:value`, and the name leads back to
//! the `_id`, so that they can be looked at and removed.

use mongodb::bson::{Bson, DateTime, RawBsonRef, RawDocumentBuf, oid::ObjectId, raw::cstr};

use super::decode::hex;

/// BSON types that an `_id` may have besides text.
pub(super) const TYPES: [&str; 11] =
    ["double", "object", "binData", "objectId", "bool", "date", "null", "int", "long", "timestamp", "decimal"];

/// The name of an `_id` that is not text.
pub(super) fn name(id: RawBsonRef<'_>) -> String {
    match id {
        RawBsonRef::ObjectId(id) => format!("objectId:{id}"),
        RawBsonRef::Int32(number) => format!("int32:{number}"),
        RawBsonRef::Int64(number) => format!("int64:{number}"),
        RawBsonRef::Double(number) => format!("double:{number:?}"),
        RawBsonRef::Boolean(flag) => format!("bool:{flag}"),
        RawBsonRef::DateTime(at) => format!("date:{}", at.timestamp_millis()),
        RawBsonRef::Null => "null:".to_owned(),
        other => {
            let mut document = RawDocumentBuf::new();
            document.append(cstr!("v"), other);
            format!("bson:{}", hex(document.as_bytes()))
        }
    }
}

/// The `_id` behind such a name; `None` when it is an ordinary text.
pub(super) fn id(name: &str) -> Option<Bson> {
    let (kind, text) = name.split_once(':')?;
    match kind {
        "objectId" => ObjectId::parse_str(text).ok().map(Bson::ObjectId),
        "int32" => text.parse().ok().map(Bson::Int32),
        "int64" => text.parse().ok().map(Bson::Int64),
        "double" => text.parse().ok().map(Bson::Double),
        "bool" => text.parse().ok().map(Bson::Boolean),
        "date" => text.parse().ok().map(|millis| Bson::DateTime(DateTime::from_millis(millis))),
        "null" => text.is_empty().then_some(Bson::Null),
        "bson" => {
            let bytes = text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
            let document = RawDocumentBuf::from_bytes(bytes.collect::<Option<Vec<u8>>>()?).ok()?;
            Bson::try_from(document.get("v").ok()??).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, RawDocumentBuf, doc};

    #[test]
    fn names_lead_back_to_ids() {
        let ids = [
            Bson::Int32(-5),
            Bson::Int64(i64::MAX),
            Bson::Double(1.5),
            Bson::Boolean(true),
            Bson::Null,
            Bson::ObjectId("507f1f77bcf86cd799439011".parse().unwrap()),
            Bson::DateTime(mongodb::bson::DateTime::from_millis(-1)),
            Bson::Document(doc! { "a": 1, "b": "x" }),
        ];
        for id in ids {
            let raw = RawDocumentBuf::try_from(&doc! { "v": id.clone() }).unwrap();
            let name = super::name(raw.get("v").unwrap().unwrap());
            assert_eq!(super::id(&name), Some(id), "{name}");
        }
        assert_eq!(super::id("0193e0a0-0000-7000-8000-000000000000"), None);
    }
}

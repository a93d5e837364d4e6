//! Reading log lines back.

use chainbill_domain::{Document as Body, Timestamp, Value};
use mongodb::{
    Database,
    bson::{Bson, DateTime, Document, RawDocumentBuf, doc},
};

use super::{LOGS, decode, errors::failed};
use crate::port::{LogFilter, LogLine, MirrorError};

/// Lines, newest first; see [`crate::MirrorQuery::logs`]. They are read in the order of their ids, which is that of their moments.
pub(super) async fn logs(
    database: &Database,
    filter: &LogFilter,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<LogLine>, MirrorError> {
    let collection = database.collection::<RawDocumentBuf>(LOGS);
    let query = collection.find(matching(filter, before)).sort(doc! { "_id": -1 }).limit(i64::from(limit));
    let mut cursor = query.await.map_err(|cause| failed(&cause))?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(|cause| failed(&cause))? {
        let raw = cursor.current();
        // Foreign lines, whose ids are not strings, cannot serve as a page's cursor.
        if let Ok(id) = raw.get_str("_id") {
            found.push(line(id.to_owned(), &decode::happening(raw)));
        }
    }
    Ok(found)
}

fn matching(filter: &LogFilter, before: Option<&str>) -> Document {
    let mut matching = Document::new();
    if let Some(before) = before {
        matching.insert("_id", doc! { "$lt": before });
    }
    if let Some(levels) = &filter.levels {
        let levels: Vec<Bson> = levels.iter().map(|level| (*level).into()).collect();
        matching.insert("level", doc! { "$in": levels });
    }
    let mut span = Document::new();
    for (bound, moment) in [("$gte", filter.since), ("$lt", filter.until)] {
        if let Some(moment) = moment {
            span.insert(bound, DateTime::from_millis(moment.timestamp_millis()));
        }
    }
    if !span.is_empty() {
        matching.insert("at", span);
    }
    if let Some(target) = &filter.target {
        matching.insert("target", doc! { "$regex": format!("^{}", literal(target)) });
    }
    if let Some(text) = &filter.text {
        let holds = doc! { "$regex": literal(text), "$options": "i" };
        matching.insert("$or", vec![doc! { "message": holds.clone() }, doc! { "fields.value": holds }]);
    }
    matching
}

/// Escapes a text for a pattern: it is data, never syntax.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() * 2);
    for letter in text.chars() {
        if letter.is_ascii() && !letter.is_ascii_alphanumeric() && !letter.is_ascii_control() {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

fn line(id: String, body: &Body) -> LogLine {
    let text = |value: Option<&Value>| match value {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let at = match body.at("at") {
        Some(Value::Time(millis)) => Timestamp::from_timestamp_millis(*millis),
        _ => None,
    };
    let fields = match body.at("fields") {
        Some(Value::List(fields)) => fields.as_slice(),
        _ => &[],
    };
    let field = |value: &Value| match value {
        Value::Map(field) => Some((text(field.at("name")), text(field.at("value")))),
        _ => None,
    };
    LogLine {
        id,
        at: at.unwrap_or_default(),
        level: text(body.at("level")),
        target: text(body.at("target")),
        message: text(body.at("message")),
        fields: fields.iter().filter_map(field).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_its_own_pattern() {
        assert_eq!(literal("a.b*[é]\\d 7"), "a\\.b\\*\\[é\\]\\\\d\\ 7");
    }
}

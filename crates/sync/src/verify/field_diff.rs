//! Which fields of a document differ from the expected one, for reports and evidence.

use std::collections::HashMap;

use chainbill_domain::{Document, Model, Value, document::Encoded};

use crate::verify::compare::ObservedDocument;

/// The fields in which a document differs from the expected one, as dotted paths with list positions as numbers;
/// `_sync.version`, `_sync.digest` and `_sync.revision` among them, or `_sync` where the metadata is unusable. A document that was
/// written by hand may have a million fields, with names of megabytes: both their number and their names are cut.
#[must_use]
pub fn fields_that_differ(
    model: &'static Model,
    expected: Option<&Encoded>,
    seen: Option<&ObservedDocument>,
) -> Vec<String> {
    const MOST: usize = 100;
    const LONGEST: usize = 200;
    let (Some(expected), Some(seen)) = (expected, seen) else { return Vec::new() };
    let mut paths = Vec::new();
    if let Some(body) = &seen.body {
        compare_documents("", &expected.body, body, &mut paths);
    }
    if paths.len() > MOST {
        let more = paths.split_off(MOST).len();
        paths.push(format!("(and {more} more)"));
    }
    for path in &mut paths {
        if let Some((end, _)) = path.char_indices().nth(LONGEST) {
            path.truncate(end);
            path.push('…');
        }
    }
    if seen.stamp.version.is_none() {
        paths.push("_sync".to_owned());
        return paths;
    }
    if seen.stamp.version != Some(expected.version) {
        paths.push("_sync.version".to_owned());
    }
    if seen.stamp.digest != Some(expected.digest) {
        paths.push("_sync.digest".to_owned());
    }
    if seen.has_other_revision_than(model.revision()) {
        paths.push("_sync.revision".to_owned());
    }
    paths
}

fn compare_documents(prefix: &str, expected: &Document, found: &Document, paths: &mut Vec<String>) {
    let before = paths.len();
    let mut by_name: HashMap<&str, (&Value, bool)> = HashMap::with_capacity(found.0.len());
    for (name, value) in &found.0 {
        by_name.entry(name).and_modify(|(_, doubled)| *doubled = true).or_insert((value, false));
    }
    for (name, value) in &expected.0 {
        match by_name.remove(&**name) {
            Some((_, true)) | None => paths.push(format!("{prefix}{name}")),
            Some((other, false)) => compare_values(&format!("{prefix}{name}"), value, other, paths),
        }
    }
    // Unexpected fields, each once, in their order.
    for (name, _) in &found.0 {
        if by_name.remove(&**name).is_some() {
            paths.push(format!("{prefix}{name}"));
        }
    }
    if paths.len() == before && expected.0.iter().map(|(name, _)| name).ne(found.0.iter().map(|(name, _)| name)) {
        paths.push(format!("{prefix}(order of fields)"));
    }
}

fn compare_values(path: &str, expected: &Value, found: &Value, paths: &mut Vec<String>) {
    match (expected, found) {
        (Value::Map(one), Value::Map(other)) => compare_documents(&format!("{path}."), one, other, paths),
        (Value::List(one), Value::List(other)) if one.len() == other.len() => {
            for (place, (one, other)) in one.iter().zip(other).enumerate() {
                compare_values(&format!("{path}.{place}"), one, other, paths);
            }
        }
        (one, other) if one == other => {}
        _ => paths.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use chainbill_domain::{
        Document, Value,
        document::{Encoded, digest},
        models::SKILLS,
    };
    use chainbill_mirror::Stamp;

    use super::fields_that_differ;
    use crate::verify::compare::ObservedDocument;

    fn differ(expected: Vec<(String, Value)>, found: Vec<(String, Value)>) -> Vec<String> {
        let document = |fields: Vec<(String, Value)>| {
            Document(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
        };
        let body = document(expected);
        let digest = digest(&SKILLS, "a", 1, &body);
        let expected = Encoded { id: "a".to_owned(), version: 1, body, digest };
        let revision = Some(SKILLS.revision());
        let stamp = Stamp { id: "a".to_owned(), version: Some(1), digest: Some(digest), revision, tombstone: false };
        fields_that_differ(&SKILLS, Some(&expected), Some(&ObservedDocument { stamp, body: Some(document(found)) }))
    }

    fn field(name: &str, number: i64) -> (String, Value) {
        (name.to_owned(), Value::Int(number))
    }

    #[test]
    fn a_duplicate_field_is_named_once() {
        let ours = || vec![field("a", 1), field("b", 2)];
        assert!(differ(ours(), ours()).is_empty());
        assert_eq!(differ(ours(), vec![field("a", 1), field("b", 2), field("a", 1)]), ["a"]);
        assert_eq!(differ(ours(), vec![field("a", 5), field("a", 1), field("b", 2)]), ["a"]);
        assert_eq!(differ(ours(), vec![field("x", 5), field("a", 1), field("b", 2), field("x", 1)]), ["x"]);
        assert_eq!(differ(ours(), vec![field("b", 2), field("a", 1)]), ["(order of fields)"]);
    }

    #[test]
    fn many_fields_and_long_names_are_cut() {
        let many = (0..1_000).map(|number| field(&number.to_string(), 1)).collect();
        let named = differ(Vec::new(), many);
        assert_eq!((named.len(), &*named[99], &*named[100]), (101, "99", "(and 900 more)"));
        let named = differ(Vec::new(), vec![field(&"é".repeat(1_000_000), 1)]);
        assert_eq!(named, [format!("{}…", "é".repeat(200))]);
    }
}

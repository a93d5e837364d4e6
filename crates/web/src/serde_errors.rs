//! Errors of serde in the API's own texts, with a JSON pointer.

use crate::Problem;

/// A path as a JSON pointer (RFC 6901).
pub(crate) fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escaped(key)),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// A name as it stands in a pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The refusal of a value that does not fit its type.
pub(crate) fn refused(pointer: &str, message: &str) -> Problem {
    // The pointer is more useful than the position in the text.
    let message = message.split(" at line ").next().unwrap_or(message);
    let mut names = message.split('`').skip(1).step_by(2);
    // The path of these ends at the object that holds the field.
    for (kind, detail) in [("missing field", "is missing"), ("duplicate field", "is given more than once")] {
        if message.starts_with(kind) {
            return Problem::field(format!("{pointer}/{}", escaped(names.next().unwrap_or(""))), detail);
        }
    }
    let detail = if message.starts_with("unknown field") {
        let known: Vec<&str> = names.skip(1).collect();
        match known.as_slice() {
            [] => "is not known here: nothing is".to_owned(),
            known => format!("is not known here: {} are", known.join(", ")),
        }
    } else if ["invalid digit", "number too", "cannot parse integer"].iter().any(|start| message.starts_with(start)) {
        "is not accepted: a whole number is".to_owned()
    } else if message.contains("`true` or `false`") {
        "is not accepted: true or false is".to_owned()
    } else {
        message.to_owned()
    };
    Problem::field(pointer, detail)
}

//! What the server says about each statement of a write command.

use mongodb::bson::{Bson, Document};

use super::{
    classes::{Class, class_of},
    errors::{DUPLICATE, refused, said, short},
};
use crate::port::MirrorError;

/// An error about one statement.
pub(super) struct WriteError {
    /// Which statement.
    pub(super) index: usize,
    pub(super) code: i32,
    pub(super) message: String,
    on_id: Option<bool>,
}

impl WriteError {
    /// Whether the statement failed because the `_id` is there already. MongoDB names the index by `keyPattern`, other
    /// servers only in the message.
    pub(super) fn id_is_taken(&self) -> bool {
        self.code == DUPLICATE
            && self
                .on_id
                .unwrap_or_else(|| ["_id_", "index: _id ", "{ _id:"].iter().any(|name| self.message.contains(name)))
    }

    /// The class of the error; a value taken in a foreign unique index concerns the document. `None` when unknown.
    pub(super) fn class(&self) -> Option<Class> {
        match self.code {
            DUPLICATE if !self.id_is_taken() => Some(Class::Document),
            code => class_of(code, &self.message),
        }
    }

    /// What the server said.
    pub(super) fn said(&self) -> String {
        said(self.code, &self.message)
    }
}

/// The errors of a write command that was carried out; an error of its own when the majority did not confirm it.
pub(super) fn write_errors(answer: &Document) -> Result<Vec<WriteError>, MirrorError> {
    if let Ok(concern) = answer.get_document("writeConcernError") {
        let message = concern.get_str("errmsg").unwrap_or_default();
        let text = format!("the majority did not confirm the writes: {}", short(message));
        let code = concern.get("code").and_then(integer).and_then(|code| i32::try_from(code).ok());
        return Err(match code.and_then(|code| class_of(code, message)) {
            Some(Class::Throttled) => MirrorError::Throttled(text),
            _ => MirrorError::Unavailable(text),
        });
    }
    let Ok(errors) = answer.get_array("writeErrors") else { return Ok(Vec::new()) };
    errors.iter().map(|error| read(error).ok_or_else(|| unreadable(error))).collect()
}

fn read(error: &Bson) -> Option<WriteError> {
    let error = error.as_document()?;
    Some(WriteError {
        index: usize::try_from(integer(error.get("index")?)?).ok()?,
        code: i32::try_from(integer(error.get("code")?)?).ok()?,
        message: error.get_str("errmsg").unwrap_or_default().to_owned(),
        on_id: error.get_document("keyPattern").ok().map(|pattern| pattern.keys().eq(["_id"])),
    })
}

fn unreadable(error: &Bson) -> MirrorError {
    refused(0, &format!("an error that is not understood: {error}"))
}

/// A whole number, whatever type the server chose for it; doubles beyond the range end at its borders.
pub(super) fn integer(number: &Bson) -> Option<i64> {
    match number {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        #[expect(clippy::cast_possible_truncation, reason = "saturates, which is what is wanted")]
        Bson::Double(number) => Some(*number as i64),
        _ => None,
    }
}

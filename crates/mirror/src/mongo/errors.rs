//! What the server's and the driver's errors mean to us.

use mongodb::error::{Error, ErrorKind, WriteFailure};

use super::classes::{Class, class_of};
use crate::port::MirrorError;

/// A unique index has the value already.
pub(super) const DUPLICATE: i32 = 11000;

/// An error of the driver.
pub(super) fn failed(cause: &Error) -> MirrorError {
    match cause.kind.as_ref() {
        ErrorKind::Command(refusal) => refused(refusal.code, &refusal.message),
        ErrorKind::Write(WriteFailure::WriteError(refusal)) => refused(refusal.code, &refusal.message),
        ErrorKind::Write(WriteFailure::WriteConcernError(refusal)) => match refused(refusal.code, &refusal.message) {
            throttled @ MirrorError::Throttled(_) => throttled,
            // It was written, and the majority did not confirm it.
            _ => MirrorError::Unavailable(said(refusal.code, &refusal.message)),
        },
        ErrorKind::InvalidArgument { .. }
        | ErrorKind::Authentication { .. }
        | ErrorKind::Bson(_)
        | ErrorKind::InvalidTlsConfig { .. }
        | ErrorKind::IncompatibleServer { .. }
        | ErrorKind::Write(_) => MirrorError::Refused(short(&cause.kind.to_string())),
        kind => MirrorError::Unavailable(short(&kind.to_string())),
    }
}

/// An error that the server named by its code.
pub(super) fn refused(code: i32, message: &str) -> MirrorError {
    let text = said(code, message);
    match class_of(code, message) {
        Some(Class::Passing) => MirrorError::Unavailable(text),
        Some(Class::Throttled) => MirrorError::Throttled(text),
        Some(Class::Document | Class::Collection) | None => MirrorError::Refused(text),
    }
}

/// What the server said, and its code.
pub(super) fn said(code: i32, message: &str) -> String {
    format!("{} (code {code})", short(message))
}

/// The code of a refused command, when it is of the kind that one document can cause.
pub(super) fn refused_for_a_document(cause: &Error) -> Option<String> {
    match cause.kind.as_ref() {
        ErrorKind::Command(refusal) if class_of(refusal.code, &refusal.message) == Some(Class::Document) => {
            Some(said(refusal.code, &refusal.message))
        }
        _ => None,
    }
}

/// The code of an error of the server.
pub(super) fn code(cause: &Error) -> Option<i32> {
    match cause.kind.as_ref() {
        ErrorKind::Command(refusal) => Some(refusal.code),
        _ => None,
    }
}

/// Messages may quote whole documents: their beginning is enough.
pub(super) fn short(message: &str) -> String {
    const ENOUGH: usize = 300;
    match message.char_indices().nth(ENOUGH) {
        None => message.to_owned(),
        Some((end, _)) => format!("{}…", &message[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::refused;
    use crate::port::MirrorError;

    #[test]
    fn a_cursor_or_an_operation_that_somebody_ended_passes() {
        for code in [43, 175, 237, 11601] {
            let answer = refused(code, "ended while it was read");
            assert!(matches!(answer, MirrorError::Unavailable(_)), "{answer:?}");
        }
    }
}

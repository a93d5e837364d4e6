//! What the server's and the driver's errors mean to us.

use mongodb::error::{Error, ErrorKind};

use crate::port::MirrorError;

/// Errors that pass by themselves or with what is behind them: elections, shutdowns, time limits, locks, cursors and
/// operations that somebody ended, a full disk, lost neighbours, a store behind the server that is away.
const PASSING: &[i32] = &[
    1, 6, 7, 24, 43, 46, 50, 64, 89, 91, 100, 112, 133, 134, 175, 189, 202, 237, 262, 317, 365, 9001, 10058, 10107,
    11600, 11601, 11602, 13388, 13435, 13436, 14031,
];

/// Errors about one document: it can never be stored as it is. Somebody's validator, shard key or index over parallel
/// lists (121, 61, 66, 171) is among the reasons.
const ABOUT_THE_DOCUMENT: &[i32] =
    &[2, 9, 14, 15, 22, 28, 52, 55, 56, 57, 61, 66, 121, 171, 10334, 17280, 17419, 17420, 51108];

/// A unique index has the value already.
pub(super) const DUPLICATE: i32 = 11000;

/// An error of the driver.
pub(super) fn failed(cause: &Error) -> MirrorError {
    match cause.kind.as_ref() {
        ErrorKind::Command(refusal) => refused(refusal.code, &refusal.message),
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
    let text = format!("{} (code {code})", short(message));
    if PASSING.contains(&code) { MirrorError::Unavailable(text) } else { MirrorError::Refused(text) }
}

/// The code of a refused command, when it is of the kind that one document can cause.
pub(super) fn refused_for_a_document(cause: &Error) -> Option<String> {
    match cause.kind.as_ref() {
        ErrorKind::Command(refusal) if about_the_document(refusal.code) => {
            Some(format!("{} (code {})", short(&refusal.message), refusal.code))
        }
        _ => None,
    }
}

/// Whether a code speaks about the document alone.
pub(super) fn about_the_document(code: i32) -> bool {
    ABOUT_THE_DOCUMENT.contains(&code)
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
    use super::{ABOUT_THE_DOCUMENT, PASSING, refused};
    use crate::port::MirrorError;

    #[test]
    fn a_cursor_or_an_operation_that_somebody_ended_passes() {
        for code in [43, 175, 237, 11601] {
            let answer = refused(code, "ended while it was read");
            assert!(matches!(answer, MirrorError::Unavailable(_)), "{answer:?}");
        }
    }

    #[test]
    fn what_passes_is_not_about_a_document() {
        assert!(PASSING.iter().all(|code| !ABOUT_THE_DOCUMENT.contains(code)));
    }
}

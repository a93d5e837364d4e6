//! Detects `COMMIT` in a MySQL client's bytes.

/// Length of a packet's header: three bytes of length, one of sequence.
const HEADER: usize = 4;
/// The command byte of drivers' `COMMIT`s.
const COM_QUERY: u8 = 3;
/// The statement, alone or after others of the same packet.
const COMMIT: &[u8] = b"COMMIT";

/// Tracks the packets of one direction across arbitrary chunks.
#[derive(Default)]
pub(super) struct Commits {
    header: Vec<u8>,
    command: Option<u8>,
    /// The last bytes of the current packet: the statement and its prefix.
    tail: Vec<u8>,
    /// Missing bytes of the current packet.
    missing: usize,
    length: usize,
}

impl Commits {
    /// Whether these bytes complete a `COMMIT` packet.
    pub fn end_in(&mut self, bytes: &[u8]) -> bool {
        let mut found = false;
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.missing == 0 {
                self.header.push(rest[0]);
                rest = &rest[1..];
                if self.header.len() == HEADER {
                    self.length = usize::from(self.header[0])
                        | usize::from(self.header[1]) << 8
                        | usize::from(self.header[2]) << 16;
                    self.missing = self.length;
                    self.header.clear();
                    (self.command, self.tail) = (None, Vec::new());
                }
                continue;
            }
            let (some, later) = rest.split_at(self.missing.min(rest.len()));
            self.command = self.command.or(some.first().copied());
            self.tail.extend_from_slice(&some[some.len().saturating_sub(COMMIT.len() + 1)..]);
            self.tail.drain(..self.tail.len().saturating_sub(COMMIT.len() + 1));
            self.missing -= some.len();
            rest = later;
            found |= self.missing == 0 && self.commits();
        }
        found
    }

    fn commits(&self) -> bool {
        let Some((before, statement)) = self.tail.split_first() else { return false };
        let begins = if self.length == COMMIT.len() + 1 { COM_QUERY } else { b';' };
        self.command == Some(COM_QUERY) && *before == begins && statement.eq_ignore_ascii_case(COMMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
        [&length[..3], &[0], payload].concat()
    }

    #[test]
    fn a_commit_is_found_in_whatever_pieces_it_comes() {
        for statement in [&b"\x03COMMIT"[..], b"\x03INSERT INTO t VALUES (1);COMMIT"] {
            let stream = [packet(b"\x03INSERT INTO t VALUES (';COMMIT')"), packet(statement), packet(b"\x0e")].concat();
            for size in 1..stream.len() {
                let mut commits = Commits::default();
                let found = stream.chunks(size).filter(|piece| commits.end_in(piece)).count();
                assert_eq!(found, 1, "in pieces of {size}");
            }
        }
    }

    #[test]
    fn other_statements_are_no_commits() {
        for payload in [&b"\x03COMMIT RELEASE"[..], b"\x16COMMIT", b"\x03ROLLBACK", b"\x03COMMI", b"\x17x;COMMIT", b""]
        {
            assert!(!Commits::default().end_in(&packet(payload)), "{payload:?}");
        }
    }
}

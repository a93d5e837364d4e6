//! The classes of servers' error codes: the one table. Codes and names are those of MongoDB's `src/mongo/base/error_codes.yml` unless
//! noted otherwise.

/// The class of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Transient: elections, shutdowns, lost members, a full disk, killed operations. Whether the request took effect may be unknown.
    /// Retry later.
    Passing,
    /// Too much at once, or too slow: retry smaller and slower. No operator is needed, and no document is the cause.
    Throttled,
    /// The document can never be stored as it is.
    Document,
    /// The collection, or the whole database, refuses it: an operator is needed.
    Collection,
}

use Class::{Collection, Document, Passing, Throttled};

/// A code, its class, and its name.
pub(super) const CODES: &[(i32, Class, &str)] = &[
    (1, Passing, "InternalError"),
    (6, Passing, "HostUnreachable"),
    (7, Passing, "HostNotFound"),
    (43, Passing, "CursorNotFound"),
    (64, Passing, "WriteConcernTimeout"),
    (89, Passing, "NetworkTimeout"),
    (91, Passing, "ShutdownInProgress"),
    (100, Passing, "UnsatisfiableWriteConcern"),
    (133, Passing, "FailedToSatisfyReadPreference"),
    (134, Passing, "ReadConcernMajorityNotAvailableYet"),
    (175, Passing, "QueryPlanKilled"),
    (189, Passing, "PrimarySteppedDown"),
    (237, Passing, "CursorKilled"),
    (317, Passing, "ConnectionPoolExpired"),
    (9001, Passing, "SocketException"),
    (10058, Passing, "NotPrimary, of older servers"),
    (10107, Passing, "NotWritablePrimary"),
    (11600, Passing, "InterruptedAtShutdown"),
    (11601, Passing, "Interrupted"),
    (11602, Passing, "InterruptedDueToReplStateChange"),
    (13388, Passing, "StaleConfig, of a shard that moved"),
    (13435, Passing, "NotPrimaryNoSecondaryOk"),
    (13436, Passing, "NotPrimaryOrSecondary"),
    (14031, Passing, "OutOfDiskSpace"),
    (24, Throttled, "LockTimeout"),
    (46, Throttled, "LockBusy"),
    (50, Throttled, "MaxTimeMSExpired"),
    (112, Throttled, "WriteConflict"),
    (202, Throttled, "NetworkInterfaceExceededTimeLimit"),
    (262, Throttled, "ExceededTimeLimit"),
    (292, Throttled, "QueryExceededMemoryLimitNoDiskUseAllowed"),
    (365, Throttled, "TemporarilyUnavailable"),
    (462, Throttled, "IngressRequestRateLimitExceeded"),
    (8000, Throttled, "AtlasError: the limits of Atlas's shared clusters (but see `class_of`)"),
    (16500, Throttled, "TooManyRequests: Azure Cosmos DB, request units used up"),
    (2, Document, "BadValue; a server on PostgreSQL says it of 16 MiB"),
    (9, Document, "FailedToParse"),
    (14, Document, "TypeMismatch"),
    (15, Document, "Overflow"),
    (22, Document, "InvalidBSON"),
    (28, Document, "PathNotViable"),
    (52, Document, "DollarPrefixedFieldName"),
    (55, Document, "InvalidDBRef"),
    (56, Document, "EmptyFieldName"),
    (57, Document, "DottedFieldName"),
    (66, Document, "ImmutableField: a shard key would change"),
    (171, Document, "CannotIndexParallelArrays, in a foreign index"),
    (10334, Document, "BSONObjectTooLarge"),
    (17280, Document, "KeyTooLong"),
    (17419, Document, "the document is too large after an update"),
    (17420, Document, "the document is too large to be inserted"),
    (51108, Document, "a document is nested too deeply"),
    (8, Collection, "UnknownError"),
    (13, Collection, "Unauthorized"),
    (18, Collection, "AuthenticationFailed"),
    (20, Collection, "IllegalOperation"),
    (26, Collection, "NamespaceNotFound"),
    (61, Collection, "ShardKeyNotFound"),
    (67, Collection, "CannotCreateIndex"),
    (72, Collection, "InvalidOptions"),
    (73, Collection, "InvalidNamespace"),
    (76, Collection, "NoReplicationEnabled"),
    (115, Collection, "CommandNotSupported"),
    (121, Collection, "DocumentValidationFailure: a foreign validator"),
    (166, Collection, "CommandNotSupportedOnView"),
    (238, Collection, "NotImplemented"),
    (12501, Collection, "quota exceeded, of older servers"),
    (13297, Collection, "DatabaseDifferCase"),
    (17399, Collection, "a system collection"),
];

/// What Atlas says when the disk that was paid for is full, by the code that it throttles with: nothing but the text tells the
/// two apart (<https://www.mongodb.com/docs/atlas/reference/free-shared-limitations/>).
const QUOTA: &str = "space quota";

/// The class of an error code; `None` for an unknown one.
pub(super) fn class_of(code: i32, message: &str) -> Option<Class> {
    if code == 8000 && message.contains(QUOTA) {
        return Some(Collection);
    }
    CODES.iter().find(|(known, ..)| *known == code).map(|(_, class, _)| *class)
}

#[cfg(test)]
mod tests {
    use super::{CODES, Class, class_of};

    #[test]
    fn every_code_stands_there_once() {
        for (place, (code, ..)) in CODES.iter().enumerate() {
            assert!(CODES[place + 1..].iter().all(|(other, ..)| other != code), "{code}");
        }
    }

    #[test]
    fn a_full_quota_is_told_from_throttling() {
        let full = "you are over your space quota, using 513 MB of 512 MB";
        assert_eq!(class_of(8000, full), Some(Class::Collection));
        assert_eq!(class_of(8000, "too many operations per second"), Some(Class::Throttled));
        assert_eq!(class_of(999_999, ""), None);
    }
}

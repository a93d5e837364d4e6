//! The local notary: crashes, other hands, other processes.

use std::{fs, path::Path, sync::Arc};

use chainbill_domain::{SystemClock, SystemRandom};
use tempfile::TempDir;

use super::*;
use crate::ErrorClass;

fn notary(folder: &Path) -> LocalNotary {
    LocalNotary::new(folder, Arc::new(SystemClock), Arc::new(SystemRandom))
}

fn what(number: u64) -> Notarisation {
    let token = TokenId::random(number.to_be_bytes()).unwrap();
    Notarisation { token, hash: entry::digest(&number.to_be_bytes()), reference: format!("reference-{number}") }
}

async fn notarised(notary: &LocalNotary, number: u64) -> Submission {
    let submission = notary.prepare(&what(number)).await.unwrap();
    notary.submit(&submission).await.unwrap();
    submission
}

/// A folder with three entries, and its log.
async fn three() -> (TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let notary = notary(folder.path());
    for number in 1..=3 {
        notarised(&notary, number).await;
    }
    let log = fs::read(log_of(folder.path())).unwrap();
    (folder, log)
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("notary/log.jsonl")
}

fn report(folder: &Path) -> Report {
    verify(folder).unwrap().unwrap()
}

#[tokio::test]
async fn what_is_submitted_twice_is_one_entry_with_one_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let notary = notary(folder.path());
    let submission = notary.prepare(&what(7)).await.unwrap();
    assert!(submission.transaction.starts_with("local:") && submission.chain.starts_with("local:"));
    assert_eq!(notary.status(&submission).await.unwrap(), Status::Unknown);
    notary.submit(&submission).await.unwrap();
    let Status::Confirmed(receipt) = notary.status(&submission).await.unwrap() else { panic!("it is on disk") };
    notary.submit(&submission).await.unwrap();
    assert_eq!(notary.status(&submission).await.unwrap(), Status::Confirmed(receipt.clone()));
    let found = notary.token(what(7).token).await.unwrap().unwrap();
    assert_eq!((found.what, found.transaction, found.at), (what(7), submission.transaction, receipt.at));
    assert_eq!(notary.token(what(8).token).await.unwrap(), None);
    let report = report(folder.path());
    assert_eq!((report.entries, report.tip, report.fault), (1, receipt.digest, None));
}

#[tokio::test]
async fn a_token_exists_once_and_a_strangers_order_is_refused() {
    let (folder, _) = three().await;
    let (own, elsewhere) = (notary(folder.path()), tempfile::tempdir().unwrap());
    let again = own.prepare(&Notarisation { reference: "other".to_owned(), ..what(1) }).await.unwrap();
    assert_eq!(own.submit(&again).await.unwrap_err().class(), ErrorClass::Refused);
    let foreign = notary(elsewhere.path()).prepare(&what(9)).await.unwrap();
    assert_eq!(own.submit(&foreign).await.unwrap_err().class(), ErrorClass::Misconfigured);
    assert_eq!(own.status(&foreign).await.unwrap_err().class(), ErrorClass::Misconfigured);
    let disguised = Submission { chain: again.chain.clone(), ..foreign };
    assert_eq!(own.submit(&disguised).await.unwrap_err().class(), ErrorClass::Refused);
    let renamed = Submission { transaction: "local:0".to_owned(), ..own.prepare(&what(9)).await.unwrap() };
    assert_eq!(own.submit(&renamed).await.unwrap_err().class(), ErrorClass::Refused);
    for bad in
        [Notarisation { hash: "0xAB".to_owned(), ..what(9) }, Notarisation { reference: "a\nb".to_owned(), ..what(9) }]
    {
        assert_eq!(own.prepare(&bad).await.unwrap_err().class(), ErrorClass::Refused);
    }
    assert_eq!(report(folder.path()).entries, 3);
}

#[tokio::test]
async fn a_submission_expires_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(chainbill_domain::TestClock::default());
    let notary = LocalNotary::new(folder.path(), clock.clone(), Arc::new(SystemRandom));
    let submission = notary.prepare(&what(1)).await.unwrap();
    clock.advance_to(u64::try_from(LIFETIME.as_millis()).unwrap() + 60_000);
    assert_eq!(notary.status(&submission).await.unwrap(), Status::Expired);
    assert_eq!(notary.submit(&submission).await.unwrap_err().class(), ErrorClass::Refused);
    assert_eq!(notary.status(&submission).await.unwrap(), Status::Expired);
    notarised(&notary, 1).await;
    assert_eq!(notary.status(&submission).await.unwrap(), Status::Expired, "its successor is another transaction");
}

#[tokio::test]
async fn a_log_torn_at_any_byte_opens_and_goes_on() {
    let (folder, log) = three().await;
    for length in 0..=log.len() {
        fs::write(log_of(folder.path()), &log[..length]).unwrap();
        let whole = log[..length].iter().filter(|byte| **byte == b'\n').count();
        let before = report(folder.path());
        let torn = log[..length].rsplit(|byte| *byte == b'\n').next().unwrap().len();
        assert_eq!(
            (before.entries, before.torn_bytes, before.fault),
            (whole as u64, torn as u64, None),
            "cut at {length}"
        );
        let notary = notary(folder.path());
        let submission = notarised(&notary, 4).await;
        assert!(matches!(notary.status(&submission).await, Ok(Status::Confirmed(_))));
        let after = report(folder.path());
        assert_eq!((after.entries, after.torn_bytes, after.fault), (whole as u64 + 1, 0, None), "cut at {length}");
    }
}

#[tokio::test]
async fn a_flipped_byte_anywhere_is_named_and_nothing_is_appended() {
    let (folder, log) = three().await;
    for place in 0..log.len() {
        let mut changed = log.clone();
        changed[place] ^= 1;
        fs::write(log_of(folder.path()), &changed).unwrap();
        let found = report(folder.path());
        let entry = log[..place].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        assert!(
            matches!(found.fault, Some(Fault::Entry { sequence, .. }) if sequence == entry),
            "byte {place} of entry {entry}: {found:?}"
        );
        assert_eq!(found.entries, entry - 1);
    }
    let notary = notary(folder.path());
    let submission = notary.prepare(&what(4)).await.unwrap();
    let error = notary.submit(&submission).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Misconfigured, "{error}");
    assert!(error.to_string().contains("entry 3"), "{error}");
    assert!(notary.token(what(1).token).await.is_err(), "it fails closed");
}

#[tokio::test]
async fn lines_that_are_swapped_repeated_or_removed_are_named() {
    let (folder, log) = three().await;
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    for (order, bad) in
        [(vec![1, 0, 2], 1), (vec![0, 0, 1], 2), (vec![0, 2], 2), (vec![1, 2], 1), (vec![0, 1, 2, 2], 4)]
    {
        let changed: Vec<u8> = order.iter().flat_map(|place: &usize| lines[*place]).copied().collect();
        fs::write(log_of(folder.path()), changed).unwrap();
        let fault = report(folder.path()).fault;
        assert!(matches!(fault, Some(Fault::Entry { sequence, .. }) if sequence == bad), "{order:?}: {fault:?}");
    }
}

#[tokio::test]
async fn what_changes_under_a_running_notary_fails_closed() {
    let (folder, log) = three().await;
    let notary = notary(folder.path());
    assert!(notary.token(what(1).token).await.unwrap().is_some());
    let mut changed = log.clone();
    changed[20] ^= 1;
    fs::write(log_of(folder.path()), &changed).unwrap();
    let error = notary.token(what(1).token).await.unwrap_err();
    assert!(error.to_string().contains("entry 1"), "{error}");
    let end = log.len() - 10;
    fs::write(log_of(folder.path()), &log[..end]).unwrap();
    assert!(matches!(notary.token(what(1).token).await, Err(ChainError::Faulty(Fault::Shortened { entries: 3 }))));
    fs::remove_file(log_of(folder.path())).unwrap();
    assert!(matches!(notary.token(what(1).token).await, Err(ChainError::Faulty(Fault::Shortened { entries: 3 }))));
}

#[tokio::test]
async fn a_log_without_its_key_or_with_another_one_is_refused() {
    let (folder, log) = three().await;
    let key = folder.path().join("notary/key");
    let kept = fs::read_to_string(&key).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    fs::remove_file(&key).unwrap();
    assert!(matches!(report(folder.path()).fault, Some(Fault::Key(_))));
    assert_eq!(notary(folder.path()).identity().await.unwrap_err().class(), ErrorClass::Misconfigured);
    assert!(!key.exists(), "no other key is made for it");
    fs::write(&key, "no key").unwrap();
    assert_eq!(notary(folder.path()).identity().await.unwrap_err().class(), ErrorClass::Misconfigured);
    fs::write(&key, hex::encode([7; 32])).unwrap();
    assert!(matches!(report(folder.path()).fault, Some(Fault::Entry { sequence: 1, .. })));
    fs::write(&key, kept).unwrap();
    assert_eq!((report(folder.path()).entries, fs::read(log_of(folder.path())).unwrap()), (3, log));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_on_one_folder_make_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    // Two values share nothing but the folder, as two processes do.
    let writers = [notary(folder.path()), notary(folder.path())];
    let same = writers[0].prepare(&what(1_000)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for (place, writer) in writers.iter().enumerate() {
        for number in 0..20 {
            let (writer, same) = (writer.clone(), same.clone());
            tasks.spawn(async move {
                notarised(&writer, place as u64 * 100 + number + 1).await;
                writer.submit(&same).await.unwrap();
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let found = report(folder.path());
    assert_eq!((found.entries, found.torn_bytes, found.fault), (41, 0, None));
    for writer in &writers {
        assert!(writer.token(what(101).token).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_for_later_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notary"), "no folder").unwrap();
    let notary = notary(folder.path());
    for error in [notary.probe().await.unwrap_err(), notary.prepare(&what(1)).await.unwrap_err()] {
        assert_eq!(error.class(), ErrorClass::RetryLater, "{error}");
    }
    fs::remove_file(folder.path().join("notary")).unwrap();
    assert!(verify(folder.path()).unwrap().is_none());
    notary.probe().await.unwrap();
    notarised(&notary, 1).await;
    assert_eq!(report(folder.path()).entries, 1);
}

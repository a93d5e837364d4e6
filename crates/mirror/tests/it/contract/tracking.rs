use chainbill_domain::{Document, Timestamp, Value};
use chainbill_mirror::{Guard, LogFilter, LogLine, Tracked};
use chrono::TimeDelta;

use crate::world::{KEPT, THINGS, World, ago, fields, thing, tombstone, txt};

fn event(id: &str, kind: &str, user: Option<&str>, at: Timestamp, amount: Option<(i64, &str)>) -> Tracked {
    let amount = amount.map_or(Value::Null, |(minor, currency)| {
        Value::Map(fields(vec![("minor", Value::Int(minor)), ("currency", txt(currency))]))
    });
    let body = fields(vec![
        ("event", txt(kind)),
        ("at", Value::Time(at.timestamp_millis())),
        ("userId", user.map_or(Value::Null, txt)),
        ("receiverId", if kind == "PAYMENT_RECEIVED" { txt("fay") } else { Value::Null }),
        ("invoiceId", Value::Null),
        ("projectId", Value::Null),
        ("amount", amount),
        ("details", Value::Map(Document(vec![("userAgent".into(), txt("curl"))]))),
    ]);
    Tracked { id: id.to_owned(), body }
}

fn line(id: &str, level: &str, at: Timestamp) -> LogLine {
    LogLine {
        id: id.to_owned(),
        at,
        level: level.to_owned(),
        target: "chainbill::relay".to_owned(),
        message: "Sync fell behind".to_owned(),
        fields: vec![("http.status".to_owned(), "500".to_owned()), ("$where".to_owned(), "1".to_owned())],
    }
}

fn day(at: Timestamp) -> String {
    at.format("%Y-%m-%d").to_string()
}

fn happenings(today: Timestamp) -> Vec<Tracked> {
    let before = today - TimeDelta::days(1);
    vec![
        event("1", "USER_LOGIN", Some("ada"), before, None),
        event("2", "USER_LOGIN", Some("bob"), before, None),
        event("3", "USER_LOGIN", Some("ada"), today, None),
        event("4", "PAYMENT_RECEIVED", Some("ada"), today, Some((125_000, "USD"))),
        event("5", "PAYMENT_RECEIVED", Some("bob"), today, Some((500, "JPY"))),
        event("6", "PAYMENT_RECEIVED", Some("bob"), today, Some((1, "USD"))),
        event("7", "INVOICE_CREATED", Some("bob"), today, Some((77, "USD"))),
        event("8", "NFT_MINTED", None, today, None),
        event("9", "USER_LOGIN", Some("ada"), today - TimeDelta::days(40), None),
    ]
}

pub async fn events_are_kept_once_and_counted(world: World) {
    let world = world.prepared().await;
    let today = ago(60);
    world.mirror.track(&happenings(today)[..4]).await.unwrap();
    for (id, kept) in [("1", true), ("4", true), ("5", false), ("", false)] {
        assert_eq!(world.mirror.has_tracked(id).await.unwrap(), kept, "{id:?}");
    }
    world.mirror.track(&happenings(today)).await.unwrap();
    let figures = world.mirror.activity(None, ago(3 * 86_400)).await.unwrap();
    assert_eq!((figures.events, figures.users), (8, 2));
    let mut kinds = figures.by_kind;
    kinds.sort();
    let expected = [("INVOICE_CREATED", 1), ("NFT_MINTED", 1), ("PAYMENT_RECEIVED", 3), ("USER_LOGIN", 3)];
    assert_eq!(kinds, expected.map(|(kind, count)| (kind.to_owned(), count)));
    assert_eq!(figures.by_day, [(day(today - TimeDelta::days(1)), 2, 2), (day(today), 6, 2)]);
    assert_eq!(figures.received, [("JPY".to_owned(), 500), ("USD".to_owned(), 125_001)]);
    assert!(figures.recent.is_empty());
    assert_eq!(world.mirror.activity(None, ago(50 * 86_400)).await.unwrap().events, 9);
}

pub async fn figures_of_one_user(world: World) {
    let world = world.prepared().await;
    let happened = happenings(ago(60));
    world.mirror.track(&happened).await.unwrap();
    world.mirror.log(&[line("1", "WARN", ago(1))]).await.unwrap();
    let figures = world.mirror.activity(Some("ada"), ago(3 * 86_400)).await.unwrap();
    assert_eq!((figures.events, figures.users), (3, 1));
    assert_eq!(figures.by_kind, [("USER_LOGIN".to_owned(), 2), ("PAYMENT_RECEIVED".to_owned(), 1)]);
    assert_eq!(figures.paid, [("USD".to_owned(), 125_000)]);
    assert_eq!(figures.received, [], "whoever pays receives nothing");
    let receiver = world.mirror.activity(Some("fay"), ago(3 * 86_400)).await.unwrap();
    assert_eq!(receiver.received, [("JPY".to_owned(), 500), ("USD".to_owned(), 125_001)]);
    assert_eq!((receiver.events, receiver.paid), (0, Vec::new()), "others' doing");
    assert!(figures.log_levels.is_empty());
    assert_eq!(figures.recent, [3, 2, 0].map(|n: usize| happened[n].body.clone()));
    let nobody = world.mirror.activity(Some("nobody"), ago(3 * 86_400)).await.unwrap();
    assert_eq!((nobody.events, nobody.users), (0, 0));
    assert!(nobody.recent.is_empty() && nobody.by_day.is_empty());
}

pub async fn sums_beyond_an_integer_do_not_fail(world: World) {
    let world = world.prepared().await;
    let huge = |id| event(id, "PAYMENT_RECEIVED", Some("ada"), ago(5), Some((i64::MAX, "USD")));
    world.mirror.track(&[huge("1"), huge("2"), huge("3")]).await.unwrap();
    let figures = world.mirror.activity(None, ago(60)).await.unwrap();
    assert_eq!(figures.received, [("USD".to_owned(), i64::MAX)]);
}

pub async fn log_lines_are_kept_once_and_counted(world: World) {
    let world = world.prepared().await;
    let lines = [line("1", "ERROR", ago(9)), line("2", "WARN", ago(8)), line("3", "ERROR", ago(7))];
    world.mirror.log(&lines).await.unwrap();
    world.mirror.log(&lines[1..]).await.unwrap();
    world.mirror.log(&[line("4", "ERROR", ago(86_400))]).await.unwrap();
    let figures = world.mirror.activity(None, ago(60)).await.unwrap();
    assert_eq!(figures.log_levels, [("ERROR".to_owned(), 2), ("WARN".to_owned(), 1)]);
    assert_eq!(figures.events, 0);
}

fn said(id: &str, level: &str, target: &str, message: &str, at: Timestamp) -> LogLine {
    LogLine { target: target.to_owned(), message: message.to_owned(), ..line(id, level, at) }
}

pub async fn log_lines_are_read_back_by_level_module_text_and_time(world: World) {
    let world = world.prepared().await;
    let lines = [
        said("1", "ERROR", "chainbill_sync::relay", "Sync fell behind (100 %)", ago(90)),
        said("2", "WARN", "chainbill_web::problem", "a request failed: É.*", ago(60)),
        said("3", "INFO", "chainbill_sync", "Sync is live", ago(30)),
        said("4", "ERROR", "chainbill_webby", "another", ago(10)),
    ];
    world.mirror.log(&lines).await.unwrap();
    let read = async |filter: LogFilter| -> Vec<String> {
        let found = world.mirror.logs(&filter, None, 10).await.unwrap();
        found.into_iter().map(|line| line.id).collect()
    };
    let all = LogFilter::default;
    let text = |text: &str| LogFilter { text: Some(text.to_owned()), ..all() };
    let target = |target: &str| LogFilter { target: Some(target.to_owned()), ..all() };
    assert_eq!(read(all()).await, ["4", "3", "2", "1"]);
    assert_eq!(read(LogFilter { levels: Some(vec!["ERROR", "WARN"]), ..all() }).await, ["4", "2", "1"]);
    assert_eq!(read(target("chainbill_sync")).await, ["3", "1"]);
    assert_eq!(read(target("chainbill_web::")).await, ["2"]);
    assert_eq!(read(target("chainbill.sync")).await, [""; 0], "it is no pattern");
    for (words, expected) in [
        ("SYNC", &["3", "1"][..]),
        ("(100 %)", &["1"]),
        ("É.*", &["2"]),
        (".*", &["2"]),
        ("$where", &[]),
        ("500", &["4", "3", "2", "1"]),
        ("\\", &[]),
    ] {
        assert_eq!(read(text(words)).await, expected, "{words}");
    }
    let between = LogFilter { since: Some(ago(70)), until: Some(ago(20)), ..all() };
    assert_eq!(read(between).await, ["3", "2"]);
    let page = world.mirror.logs(&target("chainbill_sync"), Some("3"), 1).await.unwrap();
    let [only] = page.as_slice() else { panic!("{page:?}") };
    assert_eq!((only.id.as_str(), only.level.as_str(), only.at), ("1", "ERROR", lines[0].at));
    assert_eq!((&only.message, &only.fields), (&lines[0].message, &lines[0].fields));
}

pub async fn what_is_past_its_retention_goes(world: World) {
    let world = world.prepared().await;
    world.apply(Guard::Newer, &[thing("a", 1, "a"), tombstone("b", 2)]).await;
    world.mirror.track(&happenings(ago(60))).await.unwrap();
    world.mirror.log(&[line("1", "WARN", ago(1))]).await.unwrap();
    let mut kept = KEPT;
    kept.analytics = std::time::Duration::from_secs(30 * 86_400);
    assert_eq!(world.mirror.expire(kept, ago(0)).await.unwrap(), 1, "one event is 40 days old");
    assert_eq!(world.mirror.activity(None, ago(50 * 86_400)).await.unwrap().events, 8);
    assert!(world.mirror.get(&THINGS, "b").await.unwrap().is_some());
    let next_year = ago(0) + TimeDelta::days(366);
    assert_eq!(world.mirror.expire(kept, next_year).await.unwrap(), 10, "8 events, a log line, a tombstone");
    assert!(world.mirror.get(&THINGS, "b").await.unwrap().is_none());
    assert_eq!(world.name("a").await.as_deref(), Some("a"));
}

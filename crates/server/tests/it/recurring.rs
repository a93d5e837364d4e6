//! What a clock does to quotes, recurring invoices and reminders: a year in Tokyo, New York and Kiritimati.

use chainbill_testkit::{EMBEDDED, Fresh, pairs};
use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    quotes::{quote_body, recurring_body},
    world::{Answer, Person, Server, command_in, payment, program, run},
};

const CLOCK: &str = "chainbill-test-clock";

async fn start(fresh: &Fresh) -> Server {
    let mut command = program(fresh);
    command.env("TEST_MODE", "true").env("SESSION_LIFETIME", "30d");
    Server::start(command).await
}

fn clock_of(answer: &Answer) -> DateTime<Utc> {
    answer.header(CLOCK).parse().unwrap()
}

/// Lets time pass. Logins are those of after it.
async fn pass(server: &Server, span: &str) -> Person {
    let admin = server.login("root@example.org").await;
    server.post("/api/test/clock", &admin, json!({"advance": span})).await.expect(200);
    server.login("root@example.org").await
}

async fn freelancer_in(server: &Server, name: &str, zone: &str) -> Person {
    let person = server.register(name, "FREELANCER").await;
    let path = format!("/api/users/{}", person.id);
    server.send(Method::PATCH, &path, Some(&person), Some(json!({"timeZone": zone}))).await.expect(200);
    person
}

fn last_day(year: i32, month: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, 1).unwrap() + Months::new(1) - Days::new(1)
}

/// The last days of months from a day on.
fn month_ends(from: NaiveDate, count: usize) -> Vec<String> {
    let months = (0..).map(|ahead| from.with_day(1).unwrap() + Months::new(ahead));
    months.map(|month| last_day(month.year(), month.month())).take(count).map(|day| day.to_string()).collect()
}

#[test]
fn quotes_become_invoices_and_invoices_recur_over_a_year_in_three_time_zones() {
    run(async {
        for (primary, secondary) in pairs() {
            let fresh = Fresh::make(&primary, &secondary).await;
            a_year_passes(&fresh).await;
            fresh.remove().await;
        }
    });
}

const ZONES: [(&str, &str); 3] = [("Taro", "Asia/Tokyo"), ("Nora", "America/New_York"), ("Kiri", "Pacific/Kiritimati")];

async fn a_year_passes(fresh: &Fresh) {
    let mut server = start(fresh).await;
    let client = server.register("Carla", "CLIENT").await;
    let mut recurring = Vec::new();
    for (name, zone) in ZONES {
        let freelancer = freelancer_in(&server, name, zone).await;
        let now = clock_of(&server.get("/api/invoices", &freelancer).await);
        let quote = server.post("/api/quotes", &freelancer, quote_body(&client)).await.expect(201);
        let path = format!("/api/quotes/{}", quote["id"].as_str().unwrap());
        server.act(&format!("{path}/send"), &freelancer).await.expect(200);
        server.act(&format!("{path}/accept"), &client).await.expect(200);
        let invoice = server.act(&format!("{path}/invoice"), &freelancer).await.expect(201);
        server.act(&format!("/api/invoices/{}/send", invoice["id"].as_str().unwrap()), &freelancer).await.expect(200);
        // The first of the next month, so that the first occurrence is the last day of that month everywhere.
        let start = now.date_naive().with_day(1).unwrap() + Months::new(1);
        let mut body = recurring_body(&client);
        body["schedule"] =
            json!({"period": "MONTH", "start": start.to_string(), "dayOfMonth": 31, "at": "00:30", "count": 12});
        (body["mode"], body["dueInDays"]) = (json!("SEND"), json!(14));
        let made = server.post("/api/recurring-invoices", &freelancer, body).await.expect(201);
        assert_eq!(made["nextDay"], last_day(start.year(), start.month()).to_string());
        recurring.push((name, made["id"].as_str().unwrap().to_owned(), month_ends(start, 12)));
    }
    // Two months, four that pass while the program restarts, and the rest of the year at once.
    pass(&server, "P65D").await;
    server.stop().await;
    server = start(fresh).await;
    pass(&server, "P120D").await;
    let admin = pass(&server, "P210D").await;
    for (name, id, expected) in &recurring {
        let path = format!("/api/recurring-invoices/{id}");
        server
            .eventually("all invoices are made", async |_| {
                let shown = server.get(&path, &admin).await.expect(200);
                shown["status"] == "ENDED" && shown["made"] == 12
            })
            .await;
        let made = server.get(&format!("{path}/invoices?limit=100"), &admin).await.expect(200);
        let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
        let mut rows: Vec<(String, String)> =
            made["data"].as_array().unwrap().iter().map(|row| (text(row, "day"), text(row, "invoiceId"))).collect();
        rows.reverse();
        assert_eq!(rows.iter().map(|(day, _)| day.clone()).collect::<Vec<_>>(), *expected, "{name}");
        let freelancer = server.login(&format!("{}@example.org", name.to_lowercase())).await;
        let mut numbers = Vec::new();
        for (day, invoice) in &rows {
            let invoice = server.get(&format!("/api/invoices/{invoice}"), &freelancer).await.expect(200);
            let due = day.parse::<NaiveDate>().unwrap() + Days::new(14);
            let is_late = text(&invoice, "dueDate") >= due.to_string();
            assert!(invoice["status"] == "SENT" && is_late, "what is made up is due after its sending: {invoice}");
            numbers.push(text(&invoice, "number").rsplit_once('-').unwrap().1.parse::<i64>().unwrap());
        }
        assert_eq!(numbers, (2..=13).collect::<Vec<_>>(), "in their order, behind the quote's");
    }
    let (code, said) = command_in(fresh, &["check"]);
    assert_eq!(code, 0, "{said:#}");
    server.drained().await;
    assert_eq!(command_in(fresh, &["sync", "verify", "--deep"]).0, 0);
    server.stop().await;
}

#[test]
fn a_recurring_invoice_is_paused_resumed_changed_and_ended() {
    run(async {
        let fresh = Fresh::make(EMBEDDED, EMBEDDED).await;
        let mut server = start(&fresh).await;
        let (client, freelancer) =
            (server.register("Carla", "CLIENT").await, server.register("Femi", "FREELANCER").await);
        let today = clock_of(&server.get("/api/invoices", &freelancer).await).date_naive();
        let new = async |schedule: Value| {
            let mut body = recurring_body(&client);
            body["schedule"] = schedule;
            server.post("/api/recurring-invoices", &freelancer, body).await
        };
        let start_day = (today + Days::new(1)).to_string();
        for (wrong, field) in [
            (json!({"period": "DAY", "start": "2020-01-01"}), "/schedule/start"),
            (json!({"period": "DAY", "start": "2031-02-29"}), "/schedule/start"),
            (json!({"period": "DAY", "start": start_day, "every": 0}), "/schedule/every"),
            (json!({"period": "DAY", "start": start_day, "dayOfMonth": 3}), "/schedule/dayOfMonth"),
            (json!({"period": "DAY", "start": start_day, "at": "24:00"}), "/schedule/at"),
            (json!({"period": "DAY", "start": start_day, "until": "2020-01-01"}), "/schedule"),
            (json!({"period": "DAY", "start": start_day, "until": "2031-01-01", "count": 3}), "/schedule/count"),
        ] {
            assert_eq!(new(wrong).await.fields(), [field]);
        }
        let made = new(json!({"period": "DAY", "start": start_day, "at": "00:00"})).await.expect(201);
        let path = format!("/api/recurring-invoices/{}", made["id"].as_str().unwrap());
        let shown = async || server.get(&path, &freelancer).await.expect(200);
        pass(&server, "P3D").await;
        server.eventually("three are made", async |_| shown().await["made"] == 3).await;
        server.act(&format!("{path}/pause"), &freelancer).await.expect(200);
        assert_eq!(
            server.act(&format!("{path}/pause"), &freelancer).await.expect(409)["allowed"],
            json!(["edit", "resume", "end"])
        );
        pass(&server, "P5D").await;
        let resumed = server.act(&format!("{path}/resume"), &freelancer).await.expect(200);
        assert_eq!((&resumed["made"], &resumed["status"]), (&json!(3), &json!("ACTIVE")), "the pause made none");
        server.eventually("that of today is made", async |_| shown().await["made"] == 4).await;
        let mut lines = recurring_body(&client)["invoice"].clone();
        lines["title"] = json!("Changed");
        let patch = json!({"invoice": lines, "count": 5});
        server.send(Method::PATCH, &path, Some(&freelancer), Some(patch)).await.expect(200);
        // The count is that of the schedule's days, of which a pause has left some out.
        assert_eq!(shown().await["status"], "ENDED");
        assert_eq!(server.act(&format!("{path}/resume"), &freelancer).await.expect(409)["allowed"], json!([]));
        let drafts = server.get("/api/invoices?status=DRAFT", &freelancer).await.expect(200);
        assert_eq!(drafts["data"].as_array().unwrap().len(), 4);

        // A client who is none any more: the issuer sees why it stands.
        let other = server.register("Olga", "CLIENT").await;
        let mut body = recurring_body(&other);
        body["schedule"] = json!({"period": "WEEK", "start": (today + Days::new(10)).to_string()});
        let lost = server.post("/api/recurring-invoices", &freelancer, body).await.expect(201);
        server.stop().await;
        run_sql(&fresh, "UPDATE users SET role = 'FREELANCER' WHERE name = 'Olga'").await;
        server = start(&fresh).await;
        pass(&server, "P12D").await;
        let lost = format!("/api/recurring-invoices/{}", lost["id"].as_str().unwrap());
        server
            .eventually("it is paused", async |_| {
                server.get(&lost, &freelancer).await.expect(200)["status"] == "PAUSED"
            })
            .await;
        let why = server.get(&lost, &freelancer).await.expect(200)["pausedBecause"].as_str().unwrap().to_owned();
        assert!(why.contains("clientId"), "{why}");
        server.stop().await;
        fresh.remove().await;
    });
}

async fn run_sql(fresh: &Fresh, sql: &str) {
    use chainbill_testkit::sea_orm::ConnectionTrait as _;
    let records = fresh.records().await;
    records.execute_unprepared(sql).await.unwrap();
    records.close().await;
}

#[test]
fn unpaid_invoices_are_reminded_of_once_on_each_day_of_the_rules() {
    run(async {
        for (primary, secondary) in pairs() {
            let fresh = Fresh::make(&primary, &secondary).await;
            reminders_come(&fresh).await;
            fresh.remove().await;
        }
    });
}

async fn reminders_come(fresh: &Fresh) {
    let mut server = start(fresh).await;
    let client = server.register("Carla", "CLIENT").await;
    let freelancer = freelancer_in(&server, "Kiri", "Pacific/Kiritimati").await;
    assert_eq!(
        server.get("/api/reminder-rules", &freelancer).await.expect(200),
        json!({"offsets": []}),
        "off by default"
    );
    let put = async |offsets: Value| {
        server.send(Method::PUT, "/api/reminder-rules", Some(&freelancer), Some(json!({"offsets": offsets}))).await
    };
    assert_eq!(put(json!([0, 999])).await.fields(), ["/offsets/1"]);
    assert_eq!(put(json!([2, -1, 0, 2])).await.expect(200), json!({"offsets": [-1, 0, 2]}));
    let now = clock_of(&server.get("/api/invoices", &freelancer).await);
    let due = (now + TimeDelta::hours(14)).date_naive() + Days::new(2);
    let mut invoices = Vec::new();
    for _ in 0..2 {
        let mut body = crate::world::invoice_body(&client);
        body["dueDate"] = json!(due.to_string());
        let made = server.post("/api/invoices", &freelancer, body).await.expect(201);
        let path = format!("/api/invoices/{}", made["id"].as_str().unwrap());
        server.act(&format!("{path}/send"), &freelancer).await.expect(200);
        invoices.push(path);
    }
    let (unpaid, paid) = (&invoices[0], &invoices[1]);
    let pay = format!("{paid}/pay");
    let whole = payment("1478.00", "all");
    server.ask(Method::POST, &pay, Some(&freelancer), Some(whole), &[("idempotency-key", "k")]).await.expect(201);
    // Twice a day, so that one of both is after 09:00 there.
    for _ in 0..14 {
        let admin = pass(&server, "PT12H").await;
        let passed = clock_of(&server.get("/api/jobs?kind=reminders", &admin).await);
        server
            .eventually("reminders were looked for", async |_| {
                let jobs = server.get("/api/jobs?kind=reminders", &admin).await.expect(200);
                jobs["data"][0]["runAt"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap() > passed
            })
            .await;
    }
    let offsets = async |path: &str, who: &Person| -> Vec<Value> {
        let history = server.get(&format!("{path}/history"), who).await.expect(200);
        let rows = history["data"].as_array().unwrap().clone();
        let reminders = rows.into_iter().filter(|row| row["action"] == "invoice.remind");
        let offset = |row: Value| {
            assert_eq!((&row["by"], &row["byId"]), (&json!("SYSTEM"), &json!(null)));
            row["changes"].as_array().unwrap().iter().find(|change| change["field"] == "offsetDays").unwrap()["after"]
                .clone()
        };
        reminders.map(offset).collect()
    };
    assert_eq!(offsets(unpaid, &client).await, [2, 0, -1], "the last one first, each once");
    assert_eq!(offsets(paid, &freelancer).await, Vec::<Value>::new(), "what is paid is not reminded of");
    server.stop().await;
}

//! Requests made by chance from the description of the API: every operation, for every role, with bodies that are nearly right, wrong or
//! no JSON. Whatever is sent, the answer is no failure of the server's, and everything that always holds holds afterwards.

use std::collections::BTreeMap;

use chainbill_testkit::Dice;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::{
    money::{act, assert_sound},
    world::{Answer, Person, World, on_every_pair},
};

/// Operations that end what the others need: logins, and the servers' own work.
const LEFT_OUT: &[&str] = &["/api/auth/", "/api/sync", "/api/test/", "/api/webhooks/"];

/// Texts by what the name of their field ends with.
const PLAUSIBLE: &[(&str, &[&str])] = &[
    ("currency", &["EUR", "EUR", "JPY", "BHD", "XXX", "eur"]),
    ("amount", &["1.00", "25.00", "0", "-1", "1e2", "NaN", "0.001", "92233720368547758.07", "1"]),
    ("method", &["CARD", "BANK_TRANSFER", "CRYPTO", "OTHER", "card", ""]),
    ("custody", &["PLATFORM", "FREELANCER", "NOBODY"]),
    ("status", &["OPEN", "DRAFT", "SENT", "REQUESTED", "ACTIVE", "VOTING", "?"]),
    ("date", &["2031-12-31", "2020-02-30", "10000-01-01", "2026-01-01"]),
    ("deadline", &["2031-12-31", "2020-02-30", "never"]),
    ("at", &["2026-11-24T12:00:00Z", "2026-11-24T24:00:00Z", "later"]),
    ("url", &["https://example.org/", "javascript:1", "http://[::1]", ""]),
    ("outcome", &["FOR", "AGAINST", "TIED", "MAYBE"]),
    ("choice", &["FOR", "AGAINST", "?"]),
    ("level", &["EXPERT", "BEGINNER", "GURU"]),
    ("role", &["CLIENT", "ADMIN"]),
    ("quantity", &["1", "0.000001", "-3", "1e9", "999999.999999"]),
    ("rate", &["19", "8.875", "100.0001", "-1"]),
    ("period", &["MONTH", "DAY", "EON"]),
    ("mode", &["DRAFT", "SEND", "BURN"]),
    ("kind", &["INVOICE", "QUOTE", "CREDIT_NOTE", "?"]),
    ("pattern", &["FZ-{YYYY}-{SEQ:6}", "{SEQ}", "{}", "{SEQ:99}"]),
    ("held_money", &["REFUND", "RELEASE", "KEEP"]),
];

const ODD: &[&str] = &[
    "",
    " ",
    "Work",
    "O'Brien; DROP TABLE users",
    "{\"$gt\": \"\"}",
    "../../etc/passwd",
    "\u{202e}evil",
    "nul\0byte",
    "ﷺ",
    "😀😀😀",
    "%00%2f..",
    "-1",
];

/// What the requests of one world draw from.
struct Fuzz<'w> {
    world: &'w World,
    api: Value,
    operations: Vec<(Method, String, Value)>,
    people: Vec<Person>,
}

/// Ids of what was made, by the first part of its path.
type Known = BTreeMap<String, Vec<String>>;

impl Fuzz<'_> {
    fn resolved<'v>(&'v self, schema: &'v Value) -> &'v Value {
        match schema["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
            Some(pointer) => self.api.pointer(pointer).unwrap_or(&Value::Null),
            None => schema,
        }
    }

    /// A value of a schema, nearly.
    fn value(&self, dice: &mut Dice, schema: &Value, name: &str, known: &Known) -> Value {
        if dice.roll(1, 150) == 1 {
            let odd =
                [Value::Null, json!(-1), json!(1e308), json!([]), json!({}), json!(true), "x".repeat(5000).into()];
            return odd[dice.below(odd.len())].clone();
        }
        let schema = self.resolved(schema);
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("");
        match kind {
            _ if schema["oneOf"].is_array() => {
                let all = schema["oneOf"].as_array().unwrap();
                let place = dice.below(all.len());
                self.value(dice, &all[place], name, known)
            }
            "object" => self.object(dice, schema, known),
            "array" => {
                let count = dice.roll(0, 3);
                (0..count).map(|_| self.value(dice, &schema["items"], name, known)).collect()
            }
            "integer" | "number" => [0, 1, 3, 14, -1, i64::MAX][dice.below(6)].into(),
            "boolean" => json!(dice.roll(0, 1) == 0),
            "null" => Value::Null,
            _ => text(dice, name, known).into(),
        }
    }

    fn object(&self, dice: &mut Dice, schema: &Value, known: &Known) -> Value {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut object = Map::new();
        for (name, of) in schema["properties"].as_object().into_iter().flatten() {
            let is_there = if required.contains(&name.as_str()) { dice.roll(1, 120) > 1 } else { dice.roll(0, 5) == 0 };
            if is_there {
                object.insert(name.clone(), self.value(dice, of, name, known));
            }
        }
        if dice.roll(1, 150) == 1 {
            object.insert("role".to_owned(), "ADMIN".into());
        }
        object.into()
    }

    /// A path with ids of what there is, or of what there is not.
    fn path(dice: &mut Dice, pattern: &str, known: &Known) -> String {
        let mut parts: Vec<String> = pattern.split('/').map(str::to_owned).collect();
        for place in 0..parts.len() {
            if parts[place].starts_with('{') {
                let pool = known.get(&parts[place - 1]).filter(|ids| !ids.is_empty() && dice.roll(1, 12) > 1);
                parts[place] = match pool {
                    Some(ids) => ids[dice.below(ids.len())].clone(),
                    None => {
                        ["01890a5d-ac96-774b-bcce-b302099a8057", "0", "..%2f", "%F0%9F%98%80"][dice.below(4)].to_owned()
                    }
                };
            }
        }
        parts.join("/")
    }

    async fn one(&self, seed: u64, place: usize, known: &Known) -> (String, Answer) {
        let mut dice = Dice(seed << 32 | place as u64);
        let (method, pattern, operation) = &self.operations[dice.below(self.operations.len())];
        let path = Self::path(&mut dice, pattern, known);
        let who = &self.people[dice.below(self.people.len())];
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let body = (!schema.is_null()).then(|| self.value(&mut dice, schema, "", known));
        let key = format!("fuzz-{seed}-{}", if dice.roll(1, 20) == 1 { 0 } else { place });
        let version = format!("\"{}\"", dice.roll(0, 3));
        let mut headers = vec![("idempotency-key", key.as_str())];
        if dice.roll(1, 10) == 1 {
            headers.push(("if-match", &version));
        }
        let answer = self.world.server.ask(method.clone(), &path, Some(who), body.clone(), &headers).await;
        (format!("{method} {path} {}", body.unwrap_or_default()), answer)
    }
}

fn text(dice: &mut Dice, name: &str, known: &Known) -> String {
    let lower = name.to_ascii_lowercase();
    if dice.roll(1, 60) == 1 {
        return ODD[dice.below(ODD.len())].to_owned();
    }
    if let Some(thing) = lower.strip_suffix("id") {
        let things = match thing {
            "client" | "freelancer" | "user" => "users".to_owned(),
            thing => format!("{thing}s"),
        };
        if let Some(ids) = known.get(&things).filter(|ids| !ids.is_empty()) {
            return ids[dice.below(ids.len())].clone();
        }
    }
    match PLAUSIBLE.iter().find(|(end, _)| lower.ends_with(end)) {
        // The first is right.
        Some((_, texts)) if dice.roll(1, 5) > 1 => texts[0].to_owned(),
        Some((_, texts)) => texts[dice.below(texts.len())].to_owned(),
        None => ["Work", "As agreed", "Design of the ledger", "x"][dice.below(4)].to_owned(),
    }
}

/// How many requests at each pair; more by hand.
fn requests() -> usize {
    std::env::var("FUZZ_REQUESTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1500)
}

#[test]
fn whatever_is_sent_no_answer_is_a_failure_and_all_that_always_holds_holds_afterwards() {
    let api = chainbill_web::openapi();
    let mut operations = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        let is_left_out = LEFT_OUT.iter().any(|start| path.starts_with(start)) || !path.starts_with("/api/");
        for (method, operation) in methods.as_object().unwrap().iter().filter(|_| !is_left_out) {
            operations.push((method.to_uppercase().parse().unwrap(), path.clone(), operation.clone()));
        }
    }
    on_every_pair(async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let ids = vec![client.id.clone(), freelancer.id.clone()];
        let fuzz = Fuzz {
            world,
            api: api.clone(),
            operations: operations.clone(),
            people: vec![client, freelancer.clone(), freelancer, world.admin.clone()],
        };
        let mut known = Known::from([("users".to_owned(), ids)]);
        for place in 0..4 {
            let (client, freelancer) = (&fuzz.people[0], &fuzz.people[1]);
            let path = crate::escrow::held(world, client, freelancer, "50.00").await;
            let id = path.rsplit('/').next().unwrap().to_owned();
            known.entry("invoices".to_owned()).or_default().push(id);
            let body = json!({"title": format!("Work {place}"), "description": "As agreed"});
            let project = act(world, "/api/projects", client, body).await.expect(201);
            known.entry("projects".to_owned()).or_default().push(crate::money::id(&project));
        }
        let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
        let seed = u64::from(std::process::id());
        for first in (0..requests()).step_by(8) {
            let answers = join_all((first..first + 8).map(|place| fuzz.one(seed, place, &known))).await;
            for (asked, answer) in answers {
                let status = answer.status.as_u16();
                assert!(status < 500 || status == 503, "seed {seed}: {asked}: {status} {}", answer.text);
                *statuses.entry(status).or_default() += 1;
                if status == 201 {
                    let things = answer.header("location").split('/').nth(2).unwrap_or("").to_owned();
                    known.entry(things).or_default().push(crate::money::id(&answer.json()));
                }
            }
        }
        println!(
            "answers by status: {statuses:?}, made: {:?}",
            known.iter().map(|(thing, ids)| (thing, ids.len())).collect::<Vec<_>>()
        );
        let done: usize = statuses.iter().filter(|(status, _)| **status < 300).map(|(_, count)| count).sum();
        assert!(done * 20 > requests(), "enough of it was done to say something: {statuses:?}");
        assert!(
            statuses.get(&503).copied().unwrap_or(0) * 50 < requests(),
            "few were asked to come again: {statuses:?}"
        );
        assert_sound(world).await;
        world.server.drained().await;
        world.assert_equal();
    });
}

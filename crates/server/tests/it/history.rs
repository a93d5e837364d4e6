//! What is found of invoices, and what their history tells to whom.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Person, World, embedded, invoice_body, on_every_pair, payment};

fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

async fn drafted(world: &World, who: &Person, client: &Person, change: Value) -> String {
    let mut body = invoice_body(client);
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    world.server.post("/api/invoices", who, body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

#[test]
fn invoices_are_found_by_their_parties_and_drafts_by_their_writer_alone() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let (other, stranger) =
            (server.register("Olaf", "FREELANCER").await, server.register("Mallory", "CLIENT").await);
        let line = |text: &str| json!([{"description": text, "quantity": "1", "unitPrice": {"amount": "5.00", "currency": "EUR"}}]);
        let title = drafted(world, &freelancer, &client, json!({"title": "Lighthouse", "lines": line("Paint")})).await;
        let lines = drafted(world, &freelancer, &client, json!({"title": "A", "lines": line("Lighthouse")})).await;
        let notes = drafted(world, &freelancer, &client, json!({"title": "B", "notes": "for the lighthouse"})).await;
        let draft = drafted(world, &freelancer, &client, json!({"title": "Lighthouse, again"})).await;
        let foreign = drafted(world, &other, &stranger, json!({"title": "Lighthouse of others"})).await;
        let mut number = String::new();
        for id in [&title, &lines, &notes] {
            let sent = server.act(&format!("/api/invoices/{id}/send"), &freelancer).await.expect(200);
            number = sent["number"].as_str().unwrap().to_owned();
        }
        server.act(&format!("/api/invoices/{foreign}/send"), &other).await.expect(200);
        server.drained().await;
        let search =
            async |q: &str, who: &Person| server.get(&format!("/api/search/invoices?q={q}"), who).await.expect(200);
        assert_eq!(ids(&search("lighthouse", &client).await), [&title, &lines, &notes], "by the weight of the field");
        assert_eq!(ids(&search("lighthouse", &freelancer).await), [&draft, &title, &lines, &notes]);
        assert_eq!(ids(&search("lighthouse", &stranger).await), [&foreign]);
        assert_eq!(ids(&search("lighthouse", &other).await), [&foreign]);
        assert_eq!(ids(&search("lighthouse", &world.admin).await).len(), 5);
        assert_eq!(ids(&search(&number, &client).await)[0], notes, "the last number is the best match");
        assert_eq!(ids(&search("femi", &client).await).len(), 3, "by the freelancer's name");
        assert_eq!(ids(&search("carla", &freelancer).await).len(), 4, "by the client's name");
        assert_eq!(ids(&search("carla", &stranger).await), Vec::<&str>::new());

        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = search(&format!("lighthouse&limit=1{cursor}"), &client).await;
            assert_eq!(ids(&page).len(), 1, "a hidden draft makes no page shorter");
            seen.push(ids(&page)[0].to_owned());
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, [title, lines, notes]);
        let people = server.get(&format!("/api/search/users?q=lighthouse{cursor}"), &client).await;
        assert_eq!(people.fields(), ["/cursor"], "a cursor is of its own search");
        world.assert_equal();
    });
}

#[test]
fn a_history_tells_each_what_it_may_see() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let (server, stranger) = (&world.server, world.server.register("Mallory", "CLIENT").await);
        let id = drafted(world, &freelancer, &client, json!({})).await;
        let path = format!("/api/invoices/{id}");
        let history = async |who: &Person| server.get(&format!("{path}/history"), who).await;
        let secret = json!({"notes": "My lowest price is 900", "title": "Work"});
        server.send(Method::PATCH, &path, Some(&freelancer), Some(secret)).await.expect(200);
        assert_eq!(history(&client).await.refused(404), "not-found", "a draft is its writer's alone");
        server.act(&format!("{path}/send"), &freelancer).await.expect(200);
        server.post(&format!("{path}/decline"), &client, json!({"reason": "Too much"})).await.expect(200);
        let pay = format!("{path}/pay");
        for (who, key) in [(&client, "a"), (&world.admin, "b")] {
            let key = [("idempotency-key", key)];
            server.ask(Method::POST, &pay, Some(who), Some(payment("10.00", key[0].1)), &key).await.expect(201);
        }
        let acts = |page: &Value| -> Vec<(String, String)> {
            let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
            page["data"].as_array().unwrap().iter().map(|row| (text(row, "action"), text(row, "by"))).collect()
        };
        let shown = |all: &[(&str, &str)]| {
            all.iter().map(|(act, by)| ((*act).to_owned(), (*by).to_owned())).collect::<Vec<_>>()
        };
        let of_client = history(&client).await;
        let all = [
            ("invoice.pay", "OPERATOR"),
            ("invoice.pay", "CLIENT"),
            ("invoice.decline", "CLIENT"),
            ("invoice.send", "FREELANCER"),
            ("invoice.patch", "FREELANCER"),
            ("invoice.create", "FREELANCER"),
        ];
        assert_eq!(acts(&of_client.expect(200)), shown(&all[..4]));
        assert!(!of_client.text.contains("requestId") && !of_client.text.contains("127.0.0.1"), "{}", of_client.text);
        assert!(!of_client.text.contains(&world.admin.id), "operators are not named to parties");
        let of_freelancer = history(&freelancer).await.expect(200);
        assert_eq!(acts(&of_freelancer), shown(&all));
        let changed: Vec<_> = of_freelancer["data"][4]["changes"].as_array().unwrap().iter().collect();
        assert_eq!(changed.iter().map(|change| &change["field"]).collect::<Vec<_>>(), ["notes", "title"]);
        let declined = &of_freelancer["data"][2]["changes"];
        assert!(declined.as_array().unwrap().iter().any(|change| change["after"] == "Too much"), "{declined}");
        let of_operator = history(&world.admin).await.expect(200);
        assert_eq!(acts(&of_operator), shown(&all));
        assert!(of_operator["data"][0]["requestId"].is_string() && of_operator["data"][0]["byId"] == world.admin.id);
        assert_eq!(history(&stranger).await.refused(404), "not-found");
        let first = server.get(&format!("{path}/history?limit=3"), &client).await.expect(200);
        let next = format!("{path}/history?limit=3&cursor={}", first["nextCursor"].as_str().unwrap());
        let rest = server.get(&next, &client).await.expect(200);
        assert_eq!((acts(&first).len(), acts(&rest), &rest["hasMore"]), (3, shown(&all[3..4]), &json!(false)));
    });
}

#[test]
fn a_blank_search_is_refused_and_a_history_begins_with_the_draft() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let id = drafted(world, &freelancer, &client, json!({})).await;
        let empty = world.server.get("/api/search/invoices?q=%20", &freelancer).await;
        assert_eq!(empty.fields(), ["/q"]);
        let page = world.server.get(&format!("/api/invoices/{id}/history"), &freelancer).await.expect(200);
        assert_eq!(page["data"][0]["action"], "invoice.create");
    });
}

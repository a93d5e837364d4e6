//! Quotes: from the draft to the invoice that they become once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Person, embedded, invoice_body, on_every_pair};

/// The invoice within a quote or a recurring invoice.
fn offered(client: &Person) -> Value {
    let mut body = invoice_body(client);
    body.as_object_mut().unwrap().remove("dueDate");
    body
}

/// The request body of a quote.
pub fn quote_body(client: &Person) -> Value {
    json!({"invoice": offered(client), "validUntil": "2031-12-31", "dueInDays": 14})
}

/// The request body of a recurring invoice.
pub fn recurring_body(client: &Person) -> Value {
    json!({"invoice": offered(client), "schedule": {"period": "MONTH", "start": "2099-12-31"}})
}

#[test]
fn a_quote_is_sent_accepted_and_invoiced_once() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let (server, stranger) = (&world.server, world.server.register("Mallory", "CLIENT").await);
        let draft = server.post("/api/quotes", &freelancer, quote_body(&client)).await.expect(201);
        assert_eq!((&draft["status"], &draft["total"]["amount"]), (&json!("DRAFT"), &json!("1478.00")));
        let path = format!("/api/quotes/{}", draft["id"].as_str().unwrap());
        let act = async |what: &str, who: &Person| server.act(&format!("{path}/{what}"), who).await;
        assert_eq!(server.get(&path, &client).await.refused(404), "not-found", "a draft is its writer's alone");
        let mut other = offered(&client);
        other["lines"][0]["quantity"] = json!("1");
        let patch = json!({"invoice": other, "validUntil": null, "dueInDays": 30});
        let patched = server.send(Method::PATCH, &path, Some(&freelancer), Some(patch)).await.expect(200);
        assert_eq!(
            (&patched["total"]["amount"], &patched["validUntil"], &patched["version"]),
            (&json!("764.00"), &json!(null), &json!(2))
        );
        assert_eq!(act("accept", &freelancer).await.refused(403), "forbidden");
        assert_eq!(act("invoice", &freelancer).await.expect(409)["allowed"], json!(["edit", "send", "delete"]));
        let sent = act("send", &freelancer).await.expect(200);
        assert!(sent["number"].as_str().unwrap().starts_with("QUO-"), "{sent}");
        assert!(sent["number"].as_str().unwrap().ends_with("-000001"), "{sent}");
        assert_eq!(act("send", &freelancer).await.expect(409)["allowed"], json!(["accept", "decline"]));
        assert_eq!(act("invoice", &freelancer).await.refused(409), "wrong-state");
        assert_eq!(act("accept", &stranger).await.refused(404), "not-found");
        assert_eq!(act("accept", &client).await.expect(200)["status"], "ACCEPTED");
        assert_eq!(act("invoice", &client).await.refused(403), "forbidden");

        let at_once = futures::future::join_all((0..8).map(|_| act("invoice", &freelancer))).await;
        let made: Vec<Value> = at_once.iter().filter(|it| it.status == 201).map(crate::world::Answer::json).collect();
        assert_eq!(made.len(), 1, "one of eight makes the invoice");
        let again = act("invoice", &freelancer).await.expect(409);
        let id = made[0]["id"].as_str().unwrap();
        assert!(again["detail"].as_str().unwrap().contains(id) && again["current"] == "INVOICED", "{again}");
        let invoice = server.get(&format!("/api/invoices/{id}"), &freelancer).await.expect(200);
        for same in ["title", "lines", "total", "clientId"] {
            assert_eq!(invoice[same], patched[same], "{same}");
        }
        assert_eq!((&invoice["status"], invoice["dueDate"].is_string()), (&json!("DRAFT"), true));
        let quote = server.get(&path, &client).await.expect(200);
        assert_eq!((&quote["status"], &quote["invoiceId"]), (&json!("INVOICED"), &invoice["id"]));
        let count = async |query: &str, who: &Person| {
            server.get(&format!("/api/quotes?{query}"), who).await.expect(200)["data"].as_array().unwrap().len()
        };
        assert_eq!((count("", &client).await, count("", &freelancer).await, count("", &stranger).await), (1, 1, 0));
        assert_eq!((count("status=INVOICED", &client).await, count("status=SENT", &client).await), (1, 0));
        assert_eq!(world.command(&["check"]).0, 0);
        world.server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn a_quote_is_declined_deleted_and_refused_where_it_offers_nothing() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let new = async |change: Value| {
            let mut body = quote_body(&client);
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            server.post("/api/quotes", &freelancer, body).await
        };
        let mut dated = offered(&client);
        dated["dueDate"] = json!("2031-01-01");
        assert_eq!(new(json!({"invoice": dated})).await.fields(), ["/invoice/dueDate"]);
        let mut untitled = offered(&client);
        untitled["title"] = json!("");
        assert_eq!(new(json!({"invoice": untitled})).await.fields(), ["/invoice/title"]);
        assert_eq!(new(json!({"validUntil": "2031-02-30"})).await.fields(), ["/validUntil"]);
        assert_eq!(new(json!({"dueInDays": 99999})).await.fields(), ["/dueInDays"]);
        assert_eq!(new(json!({"series": client.id})).await.fields(), ["/series"]);
        let path = |made: &Value| format!("/api/quotes/{}", made["id"].as_str().unwrap());
        let over = path(&new(json!({"validUntil": "2020-01-01"})).await.expect(201));
        assert_eq!(server.act(&format!("{over}/send"), &freelancer).await.fields(), ["/validUntil"]);
        server.send(Method::DELETE, &over, Some(&freelancer), None).await.expect(204);
        assert_eq!(server.get(&over, &freelancer).await.refused(404), "not-found");
        let quote = path(&new(json!({})).await.expect(201));
        server.act(&format!("{quote}/send"), &freelancer).await.expect(200);
        let gone = server.send(Method::DELETE, &quote, Some(&freelancer), None).await;
        assert_eq!(gone.refused(409), "wrong-state");
        let declined = server.post(&format!("{quote}/decline"), &client, json!({"reason": "Too late"})).await;
        assert_eq!(declined.expect(200)["declineReason"], "Too late");
        assert_eq!(server.act(&format!("{quote}/accept"), &client).await.expect(409)["current"], "DECLINED");
    });
}

//! Every route × every role, against a written matrix: `-` for refused without an identity (401), `0` for absent (404),
//! `x` for the wrong role (403), `+` for let through (with any further outcome).

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    quotes::{quote_body, recurring_body},
    world::{Person, World, embedded, sent},
};

/// Method, path, then anonymous, stranger, client, freelancer, operator. A suspended user is let through where an anonymous one is.
const MATRIX: &[(&str, &str, &str)] = &[
    ("POST", "/api/auth/register", "+++++"),
    ("POST", "/api/auth/login", "+++++"),
    ("GET", "/api/auth/me", "-++++"),
    ("GET", "/api/users", "-xxx+"),
    ("GET", "/api/users/me/billing-profile", "-++++"),
    ("PUT", "/api/users/me/billing-profile", "-++++"),
    ("GET", "/api/users/{freelancer}", "-++++"),
    ("PATCH", "/api/users/{freelancer}", "-00++"),
    ("POST", "/api/users/{freelancer}/skills", "-00++"),
    ("DELETE", "/api/users/{freelancer}/skills/{nobody}", "-0000"),
    ("POST", "/api/users/{freelancer}/verify", "-xxx+"),
    ("POST", "/api/users/{freelancer}/unverify", "-xxx+"),
    ("GET", "/api/skills", "-++++"),
    ("POST", "/api/skills", "-++++"),
    ("GET", "/api/skills/{nobody}", "-0000"),
    ("GET", "/api/skills/categories", "-++++"),
    ("PATCH", "/api/skills/{nobody}", "-xxx0"),
    ("POST", "/api/skills/{nobody}/merge", "-xxx0"),
    ("POST", "/api/users/{freelancer}/skills/{skill}/verifications", "-00+x"),
    ("GET", "/api/skill-verifications", "-++++"),
    ("GET", "/api/skill-verifications/{verification}", "-00++"),
    ("POST", "/api/skill-verifications/{verification}/verify", "-00x+"),
    ("POST", "/api/skill-verifications/{verification}/reject", "-00x+"),
    ("GET", "/api/projects/{project}/matches", "-0+0+"),
    ("GET", "/api/payments/{nobody}", "-0000"),
    ("GET", "/api/projects", "-++++"),
    ("POST", "/api/projects", "-++xx"),
    ("GET", "/api/projects/{project}", "-0+0+"),
    ("PATCH", "/api/projects/{project}", "-0+0+"),
    ("POST", "/api/projects/{project}/start", "-0+0x"),
    ("POST", "/api/projects/{project}/complete", "-0+0x"),
    ("POST", "/api/projects/{project}/cancel", "-0+0+"),
    ("GET", "/api/projects/{contract}", "-0+++"),
    ("PATCH", "/api/projects/{contract}", "-0+x+"),
    ("POST", "/api/projects/{contract}/start", "-0+xx"),
    ("POST", "/api/projects/{contract}/applications", "-xx+x"),
    ("POST", "/api/projects/{contract}/invitations", "-0+xx"),
    ("GET", "/api/projects/{contract}/proposals", "-0+++"),
    ("POST", "/api/projects/{contract}/milestones", "-0++x"),
    ("PATCH", "/api/projects/{contract}/milestones/{milestone}", "-0++x"),
    ("DELETE", "/api/projects/{contract}/milestones/{milestone}", "-0++x"),
    ("POST", "/api/projects/{contract}/milestones/{milestone}/submit", "-0x+x"),
    ("POST", "/api/projects/{contract}/milestones/{milestone}/accept", "-0+xx"),
    ("POST", "/api/projects/{contract}/milestones/{milestone}/return", "-0+xx"),
    ("POST", "/api/projects/{contract}/submit", "-0x+x"),
    ("POST", "/api/projects/{contract}/return", "-0+xx"),
    ("POST", "/api/projects/{contract}/complete", "-0+xx"),
    ("POST", "/api/projects/{contract}/cancel", "-0+++"),
    ("GET", "/api/proposals", "-++++"),
    ("GET", "/api/proposals/{proposal}", "-0+++"),
    ("PATCH", "/api/proposals/{proposal}", "-0x+x"),
    ("POST", "/api/proposals/{proposal}/accept", "-0+xx"),
    ("POST", "/api/proposals/{proposal}/decline", "-0+xx"),
    ("POST", "/api/proposals/{proposal}/withdraw", "-0x+x"),
    ("GET", "/api/projects/{project}/reviews", "-0+0+"),
    ("POST", "/api/projects/{project}/reviews", "-0+0x"),
    ("GET", "/api/reviews/{review}", "-0+0+"),
    ("PATCH", "/api/reviews/{review}", "-0+0x"),
    ("GET", "/api/users/{freelancer}/reviews", "-++++"),
    ("GET", "/api/users/{freelancer}/reputation", "-++++"),
    ("POST", "/api/users/{freelancer}/reputation/recompute", "-xxx+"),
    ("GET", "/api/invoices", "-++++"),
    ("POST", "/api/invoices", "-xx+x"),
    ("GET", "/api/invoices/{invoice}", "-0+++"),
    ("PATCH", "/api/invoices/{invoice}", "-0x+x"),
    ("DELETE", "/api/invoices/{invoice}", "-0x+x"),
    ("POST", "/api/invoices/{invoice}/send", "-0x+x"),
    ("POST", "/api/invoices/{invoice}/pay", "-0+++"),
    ("POST", "/api/invoices/{invoice}/apply-credit", "-0+++"),
    ("POST", "/api/invoices/{invoice}/credit-notes", "-0x+x"),
    ("POST", "/api/invoices/{invoice}/refund", "-0x+x"),
    ("POST", "/api/invoices/{invoice}/checkout", "-0+xx"),
    ("POST", "/api/invoices/{invoice}/submit-work", "-0x+x"),
    ("POST", "/api/invoices/{invoice}/return-work", "-0+xx"),
    ("POST", "/api/invoices/{invoice}/approve", "-0+xx"),
    ("POST", "/api/invoices/{invoice}/release", "-0+xx"),
    ("GET", "/api/invoices/{invoice}/verify", "-0+++"),
    ("GET", "/api/mints", "-xxx+"),
    ("POST", "/api/mints/{nobody}/retry", "-xxx0"),
    ("GET", "/api/payouts", "-++++"),
    ("POST", "/api/payouts", "-++++"),
    ("GET", "/api/payouts/{payout}", "-00++"),
    ("POST", "/api/payouts/{payout}/confirm", "-xxx+"),
    ("POST", "/api/payouts/{payout}/reject", "-xxx+"),
    ("POST", "/api/payouts/{payout}/cancel", "-00+x"),
    ("GET", "/api/checkouts/{nobody}", "-0000"),
    ("POST", "/api/webhooks/stripe", "+++++"),
    ("GET", "/api/payments", "-++++"),
    ("POST", "/api/payments", "-++++"),
    ("GET", "/api/payments/{payment}", "-0+++"),
    ("POST", "/api/payments/{payment}/reverse", "-0+++"),
    ("POST", "/api/payments/{payment}/confirm", "-0x++"),
    ("POST", "/api/payments/{payment}/reject", "-0+++"),
    ("GET", "/api/credits", "-++++"),
    ("GET", "/api/credit-notes", "-++++"),
    ("GET", "/api/credit-notes/{note}", "-0+++"),
    ("GET", "/api/refunds", "-++++"),
    ("POST", "/api/refunds", "-++++"),
    ("GET", "/api/refunds/{refund}", "-0+++"),
    ("POST", "/api/refunds/{refund}/confirm", "-xxx+"),
    ("POST", "/api/refunds/{refund}/reject", "-xxx+"),
    ("GET", "/api/ledger/accounts", "-++++"),
    ("GET", "/api/ledger/accounts?userId={freelancer}", "-00++"),
    ("GET", "/api/ledger/statement?account=RECEIVABLE&currency=EUR", "-++++"),
    ("GET", "/api/ledger/trial-balance", "-xxx+"),
    ("GET", "/api/invoices/{invoice}/files", "-0+++"),
    ("GET", "/api/invoices/{invoice}/proof", "-0+++"),
    ("POST", "/api/invoices/{invoice}/void", "-0x+x"),
    ("POST", "/api/invoices/{invoice}/decline", "-0+xx"),
    ("POST", "/api/invoices/{invoice}/duplicate", "-0x+x"),
    ("GET", "/api/invoices/{invoice}/history", "-0+++"),
    ("GET", "/api/quotes", "-++++"),
    ("POST", "/api/quotes", "-xx+x"),
    ("GET", "/api/quotes/{quote}", "-0+++"),
    ("PATCH", "/api/quotes/{quote}", "-0x+x"),
    ("DELETE", "/api/quotes/{quote}", "-0x+x"),
    ("POST", "/api/quotes/{quote}/send", "-0x+x"),
    ("POST", "/api/quotes/{quote}/accept", "-0+xx"),
    ("POST", "/api/quotes/{quote}/decline", "-0+xx"),
    ("POST", "/api/quotes/{quote}/invoice", "-0x+x"),
    ("GET", "/api/recurring-invoices", "-xx++"),
    ("POST", "/api/recurring-invoices", "-xx+x"),
    ("GET", "/api/recurring-invoices/{recurrence}", "-00++"),
    ("PATCH", "/api/recurring-invoices/{recurrence}", "-00+x"),
    ("POST", "/api/recurring-invoices/{recurrence}/pause", "-00+x"),
    ("POST", "/api/recurring-invoices/{recurrence}/resume", "-00+x"),
    ("POST", "/api/recurring-invoices/{recurrence}/end", "-00+x"),
    ("GET", "/api/recurring-invoices/{recurrence}/invoices", "-00++"),
    ("GET", "/api/reminder-rules", "-xx+x"),
    ("PUT", "/api/reminder-rules", "-xx+x"),
    ("GET", "/api/number-series", "-xx+x"),
    ("POST", "/api/number-series", "-xx+x"),
    ("PATCH", "/api/number-series/{nobody}", "-xx0x"),
    ("GET", "/api/disputes", "-++++"),
    ("GET", "/api/disputes?role=voter", "-++++"),
    ("POST", "/api/disputes", "-0++x"),
    ("GET", "/api/disputes/{dispute}", "-0+++"),
    ("POST", "/api/disputes/{dispute}/evidence", "-0++x"),
    ("POST", "/api/disputes/{dispute}/answer", "-0x+x"),
    ("POST", "/api/disputes/{dispute}/votes", "-xxxx"),
    ("POST", "/api/disputes/{dispute}/decide", "-0xx+"),
    ("POST", "/api/disputes/{dispute}/appeal", "-0++x"),
    ("POST", "/api/disputes/{dispute}/settlement/accept", "-0++x"),
    ("POST", "/api/disputes/{dispute}/settlement", "-0++x"),
    ("POST", "/api/disputes/{dispute}/withdraw", "-0+xx"),
    ("GET", "/api/files", "-++++"),
    ("GET", "/api/search/users?q=x", "-++++"),
    ("GET", "/api/search/projects?q=x", "-++++"),
    ("GET", "/api/search/invoices?q=x", "-++++"),
    ("GET", "/api/analytics/system", "-xxx+"),
    ("GET", "/api/analytics/users/{freelancer}", "-00++"),
    ("GET", "/api/logs", "-xxx+"),
    ("GET", "/api/health", "+++++"),
    ("GET", "/api/health/mysql", "+++++"),
    ("GET", "/api/health/mongodb", "+++++"),
    ("GET", "/api/health/sync", "+++++"),
    ("GET", "/api/sync/status", "-xxx+"),
    ("POST", "/api/sync/initial", "-xxx+"),
    ("GET", "/api/sync/failures", "-xxx+"),
    ("POST", "/api/sync/failures/users/{nobody}/retry", "-xxx0"),
    ("DELETE", "/api/sync/failures/users/{nobody}", "-xxx0"),
    ("POST", "/api/sync/verify", "-xxx+"),
    ("GET", "/api/sync/verifications", "-xxx+"),
    ("GET", "/api/sync/verifications/{nobody}", "-xxx0"),
    ("GET", "/api/sync/verifications/{nobody}/differences", "-xxx0"),
    ("GET", "/api/sync/evidence", "-xxx+"),
    ("GET", "/api/sync/certificates", "-xxx+"),
    ("POST", "/api/sync/users", "-xxx+"),
    ("GET", "/api/sync/users/{freelancer}", "-xxx+"),
    ("POST", "/api/sync/users/{freelancer}", "-xxx+"),
    ("GET", "/api/jobs", "-xxx+"),
    ("POST", "/api/jobs/{nobody}/retry", "-xxx0"),
    ("DELETE", "/api/jobs/{nobody}", "-xxx0"),
    ("POST", "/api/auth/logout", "+++++"),
    ("GET", "/livez", "+++++"),
    ("GET", "/readyz", "+++++"),
    ("GET", "/metrics", "+++++"),
    ("GET", "/api/openapi.json", "+++++"),
];

/// A payment that is announced, a credit note, a refund that is requested, between these two, and a payout that is.
async fn moved(world: &World, client: &Person, freelancer: &Person) -> (String, String, String, String) {
    let server = &world.server;
    let ask = async |path: &str, who: &Person, body: Value| {
        let key: String = path.chars().filter(char::is_ascii_alphanumeric).collect();
        let key = [("idempotency-key", key.as_str())];
        server.ask(Method::POST, path, Some(who), Some(body), &key).await.expect(201)
    };
    let id = |it: &Value| it["id"].as_str().unwrap().to_owned();
    let path = format!("/api/invoices/{}", sent(world, client, freelancer).await);
    let payment = ask(&format!("{path}/pay"), client, crate::world::payment("5.00", "announced")).await;
    let path = format!("/api/invoices/{}", sent(world, client, freelancer).await);
    ask(&format!("{path}/pay"), &world.admin, crate::world::payment("1478.00", "held")).await;
    let back = json!({"reason": "Less", "method": "CARD", "amount": {"amount": "7.00", "currency": "EUR"}});
    let refunded = ask(&format!("{path}/refund"), freelancer, back).await;
    let release = format!("{path}/release");
    server.ask(Method::POST, &release, Some(client), None, &[("idempotency-key", "release")]).await.expect(200);
    let amount = json!({"amount": "5.00", "currency": "EUR"});
    let payout = json!({"amount": amount, "method": "CARD", "destination": "4242"});
    let payout = ask("/api/payouts", freelancer, payout).await;
    (id(&payment), id(&refunded), id(&refunded["refunds"][0]), id(&payout))
}

/// A dispute that the client opened.
async fn disputed(world: &World, client: &Person, freelancer: &Person) -> String {
    let invoice = crate::disputes::held(&world.server, &world.admin, client, freelancer).await;
    let opened = world.server.post("/api/disputes", client, crate::disputes::request(&invoice)).await.expect(201);
    opened["id"].as_str().unwrap().to_owned()
}

#[test]
fn everybody_gets_what_the_matrix_says_at_every_route() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let stranger = world.server.register("Mallory", "CLIENT").await;
        let stranger_writes = world.server.register("Trent", "FREELANCER").await;
        let suspended = world.server.register("Sue", "FREELANCER").await;
        let server = &world.server;
        let project = json!({"title": "Quiet", "description": "Cancelled, so that nobody else sees it"});
        let project =
            server.post("/api/projects", &client, project).await.expect(201)["id"].as_str().unwrap().to_owned();
        server.act(&format!("/api/projects/{project}/cancel"), &client).await.expect(200);
        let (contract, milestones) = crate::contracts::contract(world, &client, &freelancer).await;
        let contract = contract.rsplit('/').next().unwrap().to_owned();
        let proposal = server.get("/api/proposals", &freelancer).await.expect(200)["data"][0]["id"].clone();
        let skill = crate::matching::skilled(server, &freelancer).await;
        let verification = crate::matching::submitted(server, &freelancer, &skill).await;
        let verification = verification.rsplit('/').next().unwrap().to_owned();
        let completed = crate::reviews::completed(server, &client, &freelancer).await;
        let written = format!("/api/projects/{completed}/reviews");
        let review = server.post(&written, &client, crate::reviews::scores(5)).await.expect(201);
        let review = review["id"].as_str().unwrap().to_owned();
        let invoice = sent(world, &client, &freelancer).await;
        let (payment, note, refund, payout) = moved(world, &client, &freelancer).await;
        let quote = server.post("/api/quotes", &freelancer, quote_body(&client)).await.expect(201);
        let quote = quote["id"].as_str().unwrap().to_owned();
        server.act(&format!("/api/quotes/{quote}/send"), &freelancer).await.expect(200);
        let recurrence = server.post("/api/recurring-invoices", &freelancer, recurring_body(&client)).await.expect(201);
        let recurrence = recurrence["id"].as_str().unwrap().to_owned();
        let dispute = disputed(world, &client, &freelancer).await;
        // There is a certificate, and with it a proof for those who see the invoice.
        server.drained().await;
        world.assert_equal();
        let sql = format!("UPDATE users SET status = 'SUSPENDED' WHERE id = '{}'", suspended.id);
        crate::odd_rows::write(world, &[&sql]).await;
        let mut wrong = Vec::new();
        for (method, pattern, expected) in MATRIX {
            let path = pattern
                .replace("{freelancer}", &freelancer.id)
                .replace("{project}", &project)
                .replace("{contract}", &contract)
                .replace("{milestone}", &milestones[0])
                .replace("{proposal}", proposal.as_str().unwrap())
                .replace("{invoice}", &invoice)
                .replace("{payment}", &payment)
                .replace("{note}", &note)
                .replace("{refund}", &refund)
                .replace("{payout}", &payout)
                .replace("{quote}", &quote)
                .replace("{recurrence}", &recurrence)
                .replace("{dispute}", &dispute)
                .replace("{review}", &review)
                .replace("{skill}", &skill)
                .replace("{verification}", &verification)
                .replace("{nobody}", "01890a5d-ac96-774b-bcce-b302099a8057");
            // A body that parses at this route, so that the identity decides and nothing else.
            let body = match *pattern {
                "/api/auth/register" | "/api/auth/login" => Some(json!({})),
                path if path.ends_with("/pay") => Some(crate::world::payment("1.00", pattern)),
                path if path.ends_with("/checkout") => {
                    let url = "https://example.org/";
                    Some(json!({"successUrl": url, "cancelUrl": url}))
                }
                path if path.ends_with("/apply-credit") => Some(json!({})),
                path if path.ends_with("/credit-notes") && *method == "POST" => Some(json!({"reason": ""})),
                "/api/invoices/{invoice}/refund" => Some(json!({"reason": "", "method": ""})),
                "/api/refunds/{refund}/confirm" | "/api/payouts/{payout}/confirm" => Some(json!({"externalRef": ""})),
                "/api/payouts" if *method == "POST" => {
                    Some(json!({"amount": {"amount": "1", "currency": "EUR"}, "method": "", "destination": ""}))
                }
                path if ["/reject", "/reverse", "/return-work", "/return"]
                    .iter()
                    .any(|action| path.ends_with(action)) =>
                {
                    Some(json!({"reason": "why"}))
                }
                "/api/payments" if *method == "POST" => {
                    let mut transfer = crate::world::payment("1.00", pattern);
                    transfer["allocations"] = json!([]);
                    Some(transfer)
                }
                "/api/refunds" if *method == "POST" => {
                    Some(json!({"custody": "", "amount": {"amount": "1", "currency": "EUR"}, "method": ""}))
                }
                "/api/disputes" if *method == "POST" => Some(crate::disputes::request(&invoice)),
                path if path.ends_with("/evidence") && *method == "POST" => Some(json!({"evidence": []})),
                path if path.ends_with("/answer") => Some(json!({"text": "It was delivered"})),
                path if path.ends_with("/votes") => Some(json!({"choice": "FOR"})),
                path if path.ends_with("/decide") || path.ends_with("/appeal") => Some(json!({"reason": "why"})),
                path if path.ends_with("/settlement") || path.ends_with("/settlement/accept") => {
                    Some(json!({"toClient": {"amount": "1.00", "currency": "EUR"}}))
                }
                path if path.ends_with("/skills") && *method == "POST" => match path {
                    "/api/skills" => Some(json!({"name": "", "category": ""})),
                    _ => Some(json!({"name": "", "level": "", "years": 0})),
                },
                path if path.ends_with("/applications") => Some(json!({"message": ""})),
                path if path.ends_with("/invitations") => Some(json!({"message": "x", "freelancerId": freelancer.id})),
                path if path.ends_with("/milestones") => {
                    Some(json!({"title": "x", "amount": {"amount": "1", "currency": "EUR"}}))
                }
                path if path.ends_with("/merge") => Some(json!({"into": client.id})),
                path if path.ends_with("/verifications") && *method == "POST" => Some(json!({"text": "Mine"})),
                path if path.ends_with("/reviews") && *method == "POST" => Some(crate::reviews::scores(4)),
                path if path.ends_with("/start") => Some(json!({"freelancerId": freelancer.id})),
                "/api/projects" if *method == "POST" => Some(json!({"title": "", "description": ""})),
                path if path.ends_with("/decline") => Some(json!({"reason": "no"})),
                "/api/quotes" if *method == "POST" => Some(quote_body(&client)),
                "/api/recurring-invoices" if *method == "POST" => Some(recurring_body(&client)),
                "/api/reminder-rules" if *method == "PUT" => Some(json!({"offsets": []})),
                "/api/number-series" if *method == "POST" => Some(json!({"name": "", "pattern": ""})),
                "/api/invoices" if *method == "POST" => Some(crate::world::invoice_body(&client)),
                "/api/sync/verify" => Some(json!({"model": "skills"})),
                _ => matches!(*method, "PATCH" | "PUT").then(|| json!({})),
            };
            let writes = pattern.starts_with("/api/invoices/") || pattern.starts_with("/api/payments/");
            let strange = if writes { &stranger_writes } else { &stranger };
            let people = [None, Some(strange), Some(&client), Some(&freelancer), Some(&world.admin), Some(&suspended)];
            let mut got = String::new();
            for (place, who) in people.into_iter().enumerate() {
                if *pattern == "/api/auth/logout" && place > 0 {
                    got.push('+');
                    continue;
                }
                let method: Method = method.parse().unwrap();
                let key = format!("{pattern}{place}");
                let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
                let answer = server.ask(method, &path, who, body.clone(), &[("idempotency-key", &key)]).await;
                assert!(answer.status.as_u16() < 500, "{pattern}: {}", answer.text);
                got.push(match answer.status.as_u16() {
                    401 if who.is_some() || expected.starts_with('-') => '-',
                    403 => 'x',
                    404 => '0',
                    _ => '+',
                });
            }
            // Who is suspended is nobody: what is open to all is open.
            let expected = format!("{expected}{}", &expected[..1]);
            if got != expected {
                wrong.push(format!("{method} {pattern}: {got} instead of {expected}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

#[test]
fn the_matrix_names_every_route() {
    let api = chainbill_web::openapi();
    let mut missing = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let shape = |path: &str| -> Vec<String> {
                let path = path.split('?').next().unwrap();
                path.split('/')
                    .map(|part| if part.starts_with('{') { "*".to_owned() } else { part.to_owned() })
                    .collect()
            };
            let wanted = shape(path);
            let named = MATRIX.iter().any(|(known, pattern, _)| {
                let known_shape = shape(pattern);
                known.eq_ignore_ascii_case(method)
                    && known_shape.len() == wanted.len()
                    && known_shape.iter().zip(&wanted).all(|(one, other)| one == other || other == "*")
            });
            if !named {
                missing.push(format!("{method} {path}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

//! What invoices come to, by hand: amounts here are literals.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    money::euros,
    world::{Person, World, embedded, invoice_body, on_every_pair},
};

/// Three lines at two rates: a finer price, a plain one, and one with a discount.
struct Case {
    currency: &'static str,
    prices: [&'static str; 3],
    rates: [&'static str; 3],
    amounts: [&'static str; 3],
    /// What is taken off the third line.
    off: &'static str,
    subtotal: &'static str,
    exclusive: Expected,
    inclusive: Expected,
}

/// Per rate net, tax and gross, the lower rate first; then net, tax and total of all.
struct Expected {
    taxes: [[&'static str; 4]; 2],
    all: [&'static str; 3],
}

const CASES: &[Case] = &[
    // 7.5 × 93.333 = 699.9975; 3 × 12.99; 49.90 less 4.99.
    Case {
        currency: "EUR",
        prices: ["93.333", "12.99", "49.90"],
        rates: ["19", "7", "19"],
        amounts: ["700.00", "38.97", "44.91"],
        off: "4.99",
        subtotal: "783.88",
        // 744.91 × 19 % = 141.5329; 38.97 × 7 % = 2.7279.
        exclusive: Expected {
            taxes: [["7.00", "38.97", "2.73", "41.70"], ["19.00", "744.91", "141.53", "886.44"]],
            all: ["783.88", "144.26", "928.14"],
        },
        // 744.91 × 19 / 119 = 118.9352; 38.97 × 7 / 107 = 2.5494.
        inclusive: Expected {
            taxes: [["7.00", "36.42", "2.55", "38.97"], ["19.00", "625.97", "118.94", "744.91"]],
            all: ["662.39", "121.49", "783.88"],
        },
    },
    // 7.5 × 12345.5 = 92591.25; 3 × 333; 4999 less 499.9.
    Case {
        currency: "JPY",
        prices: ["12345.5", "333", "4999"],
        rates: ["10", "8", "10"],
        amounts: ["92591", "999", "4499"],
        off: "500",
        subtotal: "98089",
        // 97090 × 10 % = 9709; 999 × 8 % = 79.92.
        exclusive: Expected {
            taxes: [["8.00", "999", "80", "1079"], ["10.00", "97090", "9709", "106799"]],
            all: ["98089", "9789", "107878"],
        },
        // 97090 × 10 / 110 = 8826.36; 999 × 8 / 108 = 74.
        inclusive: Expected {
            taxes: [["8.00", "925", "74", "999"], ["10.00", "88264", "8826", "97090"]],
            all: ["89189", "8900", "98089"],
        },
    },
    // 7.5 × 12.3456 = 92.592; 3 × 1.115; 4.995 less 0.4995.
    Case {
        currency: "BHD",
        prices: ["12.3456", "1.115", "4.995"],
        rates: ["10", "5", "10"],
        amounts: ["92.592", "3.345", "4.495"],
        off: "0.500",
        subtotal: "100.432",
        // 97.087 × 10 % = 9.7087; 3.345 × 5 % = 0.16725.
        exclusive: Expected {
            taxes: [["5.00", "3.345", "0.167", "3.512"], ["10.00", "97.087", "9.709", "106.796"]],
            all: ["100.432", "9.876", "110.308"],
        },
        // 97.087 × 10 / 110 = 8.82609; 3.345 × 5 / 105 = 0.15929.
        inclusive: Expected {
            taxes: [["5.00", "3.186", "0.159", "3.345"], ["10.00", "88.261", "8.826", "97.087"]],
            all: ["91.447", "8.985", "100.432"],
        },
    },
];

fn body(client: &Person, case: &Case, inclusive: bool) -> Value {
    let price = |place: usize| json!({"amount": case.prices[place], "currency": case.currency});
    json!({
        "clientId": client.id, "title": "Smart contract work", "currency": case.currency, "pricesIncludeTax": inclusive,
        "lines": [
            {"description": "Audit", "unit": "hour", "quantity": "7.5", "unitPrice": price(0), "taxRate": case.rates[0]},
            {"description": "Books", "quantity": "3", "unitPrice": price(1), "taxRate": case.rates[1]},
            {"description": "Hosting", "quantity": "1", "unitPrice": price(2), "taxRate": case.rates[2],
             "discount": {"percent": "10"}},
        ],
    })
}

fn amounts<'v>(values: impl IntoIterator<Item = &'v Value>) -> Vec<&'v str> {
    values.into_iter().map(|value| value["amount"].as_str().unwrap()).collect()
}

fn assert_comes_to(invoice: &Value, case: &Case, expected: &Expected) {
    let lines = invoice["lines"].as_array().unwrap();
    assert_eq!(amounts(lines.iter().map(|line| &line["amount"])), case.amounts, "{invoice:#}");
    assert_eq!(lines[0]["unit"], "hour");
    assert_eq!(lines[2]["discount"]["amount"]["amount"], case.off);
    assert_eq!((&lines[2]["discount"]["percent"], &lines[1]["discount"]), (&json!("10.00"), &Value::Null));
    assert_eq!(invoice["subtotal"]["amount"], case.subtotal);
    let taxes = invoice["taxes"].as_array().unwrap();
    assert_eq!(taxes.len(), 2);
    for (tax, expected) in taxes.iter().zip(&expected.taxes) {
        assert_eq!((&tax["category"], &tax["rate"]), (&json!("STANDARD"), &json!(expected[0])));
        assert_eq!(amounts([&tax["net"], &tax["tax"], &tax["gross"]]), expected[1..], "{} {tax}", case.currency);
    }
    assert_eq!(amounts([&invoice["net"], &invoice["tax"], &invoice["total"]]), expected.all, "{}", case.currency);
    assert_eq!(invoice["balanceDue"], invoice["total"]);
}

#[test]
fn totals_by_rate_are_those_of_a_reckoning_by_hand() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        for case in CASES {
            for (inclusive, expected) in [(false, &case.exclusive), (true, &case.inclusive)] {
                let server = &world.server;
                let draft = server.post("/api/invoices", &freelancer, body(&client, case, inclusive)).await.expect(201);
                assert_comes_to(&draft, case, expected);
                let path = format!("/api/invoices/{}", draft["id"].as_str().unwrap());
                let sent = server.act(&format!("{path}/send"), &freelancer).await.expect(200);
                assert_comes_to(&sent, case, expected);
                assert_comes_to(&server.get(&path, &client).await.expect(200), case, expected);
                assert_eq!((&sent["rounding"], &sent["canonicalVersion"]), (&json!("PER_RATE"), &json!(2)));
            }
        }
        assert_eq!(world.command(&["check"]).0, 0);
        world.server.drained().await;
        world.assert_equal();
    });
}

async fn draft(world: &World, freelancer: &Person, client: &Person, change: Value) -> crate::world::Answer {
    let mut body = invoice_body(client);
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    world.server.post("/api/invoices", freelancer, body).await
}

#[test]
fn what_is_kept_back_and_was_paid_in_advance_lowers_what_is_due() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        // 1250.00 of net with 228.00 of tax: 15 % of the net is 187.50.
        let change = json!({"withholdingRate": "15", "deposit": euros("290.50")});
        let made = draft(world, &freelancer, &client, change).await.expect(201);
        assert_eq!(made["withholding"]["amount"], "187.50");
        assert_eq!((&made["total"]["amount"], &made["balanceDue"]["amount"]), (&json!("1478.00"), &json!("1000.00")));
        let path = format!("/api/invoices/{}", made["id"].as_str().unwrap());
        world.server.act(&format!("{path}/send"), &freelancer).await.expect(200);
        let read = world.server.get(&path, &client).await.expect(200);
        assert_eq!((&read["balanceDue"]["amount"], &read["withholdingRate"]), (&json!("1000.00"), &json!("15.00")));
        assert_eq!(world.command(&["check"]).0, 0);
    });
}

#[test]
fn a_patch_keeps_how_things_were_given() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let lines = json!([
            {"description": "Audit", "quantity": "0.000001", "unit": "day", "unitPrice": euros("1250.004250"),
             "taxRate": "8.875", "discount": {"amount": euros("0.00")}},
            {"description": "Return", "quantity": "-2", "unitPrice": euros("10"), "discount": {"percent": "2.5"}},
            {"description": "Lesson", "quantity": "1", "unitPrice": euros("60"), "taxCategory": "EXEMPT",
             "taxReason": "Article 132"},
            {"description": "Abroad", "quantity": "1", "unitPrice": euros("70"), "taxCategory": "REVERSE_CHARGE"},
        ]);
        let change = json!({"lines": lines, "discount": {"percent": "12.3456"}, "rounding": "PER_LINE"});
        let made = draft(world, &freelancer, &client, change).await.expect(201);
        assert_eq!((&made["discountPercent"], &made["rounding"]), (&json!("12.3456"), &json!("PER_LINE")));
        assert_eq!(made["lines"][0]["unitPrice"]["amount"], "1250.00425");
        assert_eq!(made["lines"][1]["amount"]["amount"], "-19.50");
        let categories: Vec<_> = made["taxes"].as_array().unwrap().iter().map(|tax| tax["category"].clone()).collect();
        assert_eq!(categories, ["ZERO", "EXEMPT", "REVERSE_CHARGE", "STANDARD"]);
        let path = format!("/api/invoices/{}", made["id"].as_str().unwrap());
        let patch = async |body: Value| world.server.send(Method::PATCH, &path, Some(&freelancer), Some(body)).await;
        let renamed = patch(json!({"title": "Other"})).await.expect(200);
        for field in ["lines", "taxes", "total", "discount", "discountPercent", "rounding"] {
            assert_eq!(renamed[field], made[field], "{field}");
        }
        let changed = patch(json!({"discount": euros("1.00"), "rounding": "PER_RATE", "deposit": euros("2")})).await;
        let changed = changed.expect(200);
        assert_eq!((&changed["discountPercent"], &changed["discount"]["amount"]), (&Value::Null, &json!("1.00")));
        assert_eq!((&changed["rounding"], &changed["deposit"]["amount"]), (&json!("PER_RATE"), &json!("2.00")));
        let none = patch(json!({"discount": null, "deposit": null, "withholdingRate": null})).await.expect(200);
        assert_eq!((&none["discount"]["amount"], &none["deposit"]["amount"]), (&json!("0.00"), &json!("0.00")));
    });
}

#[test]
fn what_does_not_fit_is_refused_where_it_stands() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let line = |change: Value| {
            let mut line = json!({"description": "Audit", "quantity": "1", "unitPrice": euros("100")});
            line.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            json!({"lines": [line]})
        };
        for (change, pointer) in [
            (line(json!({"quantity": "1000000000000"})), "/lines/0/quantity"),
            (line(json!({"quantity": "0.0000001"})), "/lines/0/quantity"),
            (line(json!({"quantity": "-0"})), "/lines/0/quantity"),
            (line(json!({"quantity": "1e3"})), "/lines/0/quantity"),
            (line(json!({"quantity": "999999999999.999999"})), "/lines"),
            (line(json!({"quantity": "999999999999", "unitPrice": euros("9999999999999")})), "/lines/0"),
            (line(json!({"quantity": "-1"})), "/lines"),
            (line(json!({"unitPrice": euros("0.0000001")})), "/lines/0/unitPrice/amount"),
            (line(json!({"unit": "x".repeat(51)})), "/lines/0/unit"),
            (line(json!({"taxRate": "8.87501"})), "/lines/0/taxRate"),
            (line(json!({"taxRate": "19", "taxCategory": "ZERO"})), "/lines/0/taxRate"),
            (line(json!({"taxRate": "0", "taxCategory": "STANDARD"})), "/lines/0/taxRate"),
            (line(json!({"taxCategory": "EXEMPT"})), "/lines/0/taxReason"),
            (line(json!({"taxReason": "none"})), "/lines/0/taxReason"),
            (line(json!({"taxCategory": "FREE"})), "/lines/0/taxCategory"),
            (line(json!({"discount": {"amount": euros("100.01")}})), "/lines/0/discount"),
            (line(json!({"discount": {"percent": "100.1"}})), "/lines/0/discount/percent"),
            (line(json!({"discount": {"percent": "1", "amount": euros("1")}})), "/lines/0/discount"),
            (line(json!({"discount": {}})), "/lines/0/discount"),
            (json!({"discount": euros("1250.01")}), "/discount"),
            (json!({"discount": {"percent": "10", "amount": "1", "currency": "EUR"}}), "/discount"),
            (json!({"discount": {"amount": "1"}}), "/discount"),
            (json!({"rounding": "NEVER"}), "/rounding"),
            (json!({"withholdingRate": "101"}), "/withholdingRate"),
            (json!({"deposit": euros("1478.01")}), "/deposit"),
            (json!({"deposit": {"amount": "1", "currency": "USD"}}), "/deposit/currency"),
            (json!({"pricesIncludeTax": "yes"}), "/pricesIncludeTax"),
        ] {
            let answer = draft(world, &freelancer, &client, change.clone()).await;
            assert_eq!(answer.fields(), [pointer], "{change}");
        }
        // All of it paid in advance: nothing would be waited for.
        let paid = draft(world, &freelancer, &client, json!({"deposit": euros("1478.00")})).await.expect(201);
        let send = format!("/api/invoices/{}/send", paid["id"].as_str().unwrap());
        assert_eq!(world.server.act(&send, &freelancer).await.fields(), ["/total"]);
    });
}

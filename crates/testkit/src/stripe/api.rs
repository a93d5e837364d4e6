//! Stripe's API: which requests there are, what is refused, and what is answered.

use std::collections::BTreeMap;

use chainbill_domain::Timestamp;
use serde_json::{Value, json};

use super::{Request, SECRET_KEY, Shared, State, http::Response, world::NewSession};

/// The error of a request.
pub(super) fn failure(status: u16, kind: &str, code: &str, message: &str) -> Response {
    Response::json(status, &json!({"error": {"type": kind, "code": code, "message": message}}))
}

fn invalid(code: &str, message: &str) -> Response {
    failure(400, "invalid_request_error", code, message)
}

fn missing(id: &str) -> Response {
    failure(404, "invalid_request_error", "resource_missing", &format!("No such object: '{id}'"))
}

/// Serves a request.
pub(super) fn serve(shared: &Shared, request: &Request) -> Response {
    let now = shared.clock.now();
    let mut state = shared.state();
    let id = format!("req_{}", state.requests.len());
    if request.authorization != Some(format!("Bearer {SECRET_KEY}")) {
        return failure(401, "invalid_request_error", "api_key_invalid", "Invalid API Key provided: sk_test_*****6789");
    }
    if let Some(response) = state.keys.replay(request) {
        return response.with("request-id", id);
    }
    let response = route(&mut state, request, now);
    response.with("request-id", id)
}

/// A fault that is kept under the key.
pub(super) fn broken_for_good(shared: &Shared, request: &Request) -> Response {
    let mut state = shared.state();
    if let Some(response) = state.keys.replay(request) {
        return response;
    }
    let response = failure(500, "api_error", "api_error", "Something went wrong at our end");
    state.keys.keep(request, &response);
    response.with("stripe-should-retry", false)
}

fn route(state: &mut State, request: &Request, now: Timestamp) -> Response {
    let form: BTreeMap<&str, &str> = request.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let path: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    // What is refused before it is executed is not kept under the key.
    let executed = match (request.method.as_str(), path.as_slice()) {
        ("POST", ["v1", "checkout", "sessions"]) => match new_session(&form, now) {
            Ok(session) => Response::json(200, &state.world.begin(session)),
            Err(refused) => return refused,
        },
        ("POST", ["v1", "checkout", "sessions", id, "expire"]) => expire(state, id),
        ("POST", ["v1", "refunds"]) => refund(state, &form),
        ("GET", ["v1", "checkout", "sessions"]) => return list(state.world.all_sessions(), &form),
        ("GET", ["v1", "refunds"]) => {
            return list(state.world.refunds_of(form.get("payment_intent").unwrap_or(&"")), &form);
        }
        ("GET", ["v1", "checkout", "sessions", id] | ["v1", "refunds", id]) => {
            return state.world.object(id).map_or_else(|| missing(id), |object| Response::json(200, &object));
        }
        _ => return invalid("url_invalid", &format!("Unrecognized request URL ({} {})", request.method, request.path)),
    };
    state.keys.keep(request, &executed);
    executed
}

const PRICE: &str = "line_items[0][price_data]";

fn new_session(form: &BTreeMap<&str, &str>, now: Timestamp) -> Result<NewSession, Response> {
    let (currency, units) = (format!("{PRICE}[currency]"), format!("{PRICE}[unit_amount]"));
    let name = format!("{PRICE}[product_data][name]");
    let known = [
        "mode",
        "client_reference_id",
        "metadata[reference]",
        "payment_intent_data[metadata][reference]",
        "line_items[0][quantity]",
        "adaptive_pricing[enabled]",
        "success_url",
        "cancel_url",
        "expires_at",
        &currency,
        &units,
        &name,
    ];
    if let Some(unknown) = form.keys().find(|name| !known.contains(name)) {
        return Err(invalid("parameter_unknown", &format!("Received unknown parameter: {unknown}")));
    }
    let required = |name: &str| {
        let value = form.get(name).filter(|value| !value.is_empty());
        value.copied().ok_or_else(|| invalid("parameter_missing", &format!("Missing required param: {name}.")))
    };
    if (required("mode")?, required("line_items[0][quantity]")?) != ("payment", "1") {
        return Err(invalid("parameter_invalid", "This fake sells one thing at a time."));
    }
    required(&name)?;
    required("success_url")?;
    let expires_at: i64 =
        required("expires_at")?.parse().map_err(|_| invalid("parameter_invalid_integer", "expires_at"))?;
    let ahead = expires_at - now.timestamp();
    if !(30 * 60..=24 * 3600).contains(&ahead) {
        let text = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.";
        return Err(invalid("parameter_invalid", text));
    }
    let currency = required(&currency)?.to_owned();
    let units = required(&units)?.parse().map_err(|_| invalid("parameter_invalid_integer", "Invalid integer"))?;
    chargeable(&currency, units)?;
    let reference = form.get("client_reference_id").map(|text| (*text).to_owned());
    Ok(NewSession { currency, units, reference, expires_at })
}

/// <https://docs.stripe.com/currencies#special-cases>, and the smallest amount of a currency.
fn chargeable(currency: &str, units: i64) -> Result<(), Response> {
    let step = match currency {
        "isk" | "ugx" => 100,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 10,
        _ => 1,
    };
    if currency != currency.to_ascii_lowercase() || currency.len() != 3 {
        return Err(invalid("parameter_invalid", &format!("Invalid currency: {currency}.")));
    }
    if units % step != 0 {
        return Err(invalid("invalid_charge_amount_no_decimal_compatible", &format!("Must be divisible by {step}.")));
    }
    if units < 50 {
        return Err(invalid(
            "amount_too_small",
            "The Checkout Session's total amount due must add up to at least 50 units.",
        ));
    }
    if units > 999_999_999_999 {
        return Err(invalid("amount_too_large", "Amount must be no more than 999999999999."));
    }
    Ok(())
}

fn expire(state: &mut State, id: &str) -> Response {
    match state.world.object(id) {
        None => missing(id),
        Some(session) if session["status"] == "open" => Response::json(200, &state.world.expire(id)),
        Some(session) => {
            let status = session["status"].as_str().unwrap();
            let text = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
            invalid("resource_state", &format!("{text} This Checkout Session has a status of `{status}`."))
        }
    }
}

fn refund(state: &mut State, form: &BTreeMap<&str, &str>) -> Response {
    let payment = form.get("payment_intent").copied().unwrap_or_default();
    let Some(units) = form.get("amount").and_then(|text| text.parse().ok()) else {
        return invalid("parameter_invalid_integer", "Invalid integer: amount");
    };
    let reference = form.get("metadata[reference]").map(|text| (*text).to_owned());
    match state.world.refund(payment, units, reference) {
        Ok(id) => Response::json(200, &state.world.object(&id).unwrap()),
        Err(None) => missing(payment),
        Err(Some(code)) => invalid(code, "The refund is larger than what is left of the charge."),
    }
}

/// The newest first. <https://docs.stripe.com/api/pagination>
fn list(mut objects: Vec<Value>, form: &BTreeMap<&str, &str>) -> Response {
    objects.reverse();
    let bound = |name: &str| form.get(name).and_then(|text| text.parse::<i64>().ok());
    let (from, to) = (bound("created[gte]").unwrap_or(i64::MIN), bound("created[lte]").unwrap_or(i64::MAX));
    objects.retain(|object| (from..=to).contains(&object["created"].as_i64().unwrap()));
    if let Some(after) = form.get("starting_after") {
        let place = objects.iter().position(|object| object["id"] == **after);
        objects.drain(..place.map_or(0, |place| place + 1));
    }
    let limit = bound("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(10).min(100);
    let has_more = objects.len() > limit;
    objects.truncate(limit);
    Response::json(200, &json!({"object": "list", "data": objects, "has_more": has_more}))
}

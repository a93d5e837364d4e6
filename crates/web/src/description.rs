//! Completes the description of the API: what many operations have in common is written here once.
//!
//! Names of operations are unique, every operation states its security, and the headers and errors of a kind of operation are added
//! to each operation of that kind. `operations.txt` lists all operations; a test compares it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use crate::{PublicUrls, extract::COOKIE, schemas};

/// Operations under `/api` that need no login, beside the health's.
const OPEN: &[&str] = &["/api/auth/register", "/api/auth/login", "/api/auth/logout", "/api/webhooks/stripe"];
/// Tags of operations whose changes take an idempotency key and return a Sync-Token.
const THINGS: &[&str] = &[
    "users",
    "skills",
    "projects",
    "milestones",
    "proposals",
    "invoices",
    "payments",
    "credits",
    "payouts",
    "mints",
    "series",
    "quotes",
    "recurrences",
    "reminders",
    "disputes",
    "reviews",
];
/// Tags of reads of the mirror.
const MIRROR_READS: &[&str] = &["search", "analytics", "files"];

/// The whole description.
pub(crate) fn complete(api: &OpenApi) -> Value {
    // Serialising the description of ourselves cannot fail; a test reads it.
    let mut whole = serde_json::to_value(api).unwrap_or_default();
    if let Some(paths) = whole["paths"].as_object_mut() {
        paths.extend(beside());
        for (path, methods) in paths {
            for (method, operation) in methods.as_object_mut().into_iter().flatten() {
                complete_one(path, method, operation);
            }
        }
    }
    schemas::shape(&mut whole);
    whole["components"]["securitySchemes"] = json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "The token of a login."},
        "cookie": {
            "type": "apiKey", "in": "cookie", "name": COOKIE,
            "description": "The same token in a browser; X-CSRF-Token must repeat the login's csrfToken on every change.",
        },
    });
    whole
}

/// Says that the server is in test mode.
pub(crate) fn mark_test_mode(description: &mut Value) {
    let text = description["info"]["description"].as_str().unwrap_or("").to_owned();
    description["info"]["description"] =
        format!("{text} TEST MODE: the clock of this server can be advanced; no real business belongs here.").into();
    description["info"]["x-test-mode"] = true.into();
}

/// Says where the API and its readable description are reached.
pub(crate) fn locate(description: &mut Value, urls: &PublicUrls) {
    description["servers"] = json!([{"url": urls.api}]);
    description["externalDocs"] = json!({"url": format!("{}/docs", urls.web), "description": "The API, to read"});
}

/// Changes that take no body, as `POST /api/auth/logout`.
pub(crate) fn bodiless(description: &Value) -> BTreeSet<String> {
    operations(description)
        .filter(|(_, method, operation)| *method != "get" && operation.get("requestBody").is_none())
        .map(|(path, method, _)| format!("{} {path}", method.to_uppercase()))
        .collect()
}

/// Path, method and operation.
fn operations(description: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = description["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Endpoints of orchestrators and monitors, beside the API.
fn beside() -> Map<String, Value> {
    let text = |id: &str, summary: &str, refused: &[&str]| {
        let mut responses = Map::new();
        responses.insert(
            "200".to_owned(),
            json!({"description": "", "content": {"text/plain": {"schema": {"type": "string"}}}}),
        );
        for status in refused {
            responses.insert((*status).to_owned(), json!({"description": "", "content": {"text/plain": {}}}));
        }
        json!({"get": {"tags": ["monitors"], "summary": summary, "operationId": id, "responses": responses}})
    };
    let document = json!({"get": {
        "tags": ["monitors"], "summary": "This description.", "operationId": "openapi",
        "responses": {"200": {"description": "", "content": {"application/json": {}}}},
    }});
    [
        ("/livez", text("live", "Whether the process responds.", &[])),
        ("/readyz", text("ready", "Whether the server is ready: the primary accepts writes.", &["503"])),
        ("/metrics", text("metrics", "Metrics in the Prometheus text format.", &[])),
        ("/api/openapi.json", document),
    ]
    .into_iter()
    .map(|(path, methods)| (path.to_owned(), methods))
    .collect()
}

fn complete_one(path: &str, method: &str, operation: &mut Value) {
    let tag = operation["tags"][0].as_str().unwrap_or("").to_owned();
    let is_of = |kinds: &[&str]| kinds.contains(&tag.as_str());
    let is_open = OPEN.contains(&path) || is_of(&["health", "monitors"]);
    let changes = method != "get";
    let saves = changes && (is_of(THINGS) || path == "/api/auth/register");
    let takes_body = operation.get("requestBody").is_some();
    let is_tagged = answers_a_version(operation);

    operation["operationId"] = name(&tag, operation["operationId"].as_str().unwrap_or("")).into();
    operation["security"] = if is_open { json!([]) } else { json!([{"bearer": []}, {"cookie": []}]) };
    if saves && method == "post" {
        header(
            operation,
            "Idempotency-Key",
            "1 to 200 visible characters; a request with a known key is not executed again.",
        );
    }
    // Payments, credit notes and refunds have no version: they are never edited.
    let is_versioned = !path.starts_with("/api/payments")
        && !path.starts_with("/api/refunds")
        && !path.ends_with("/reviews")
        && !path.ends_with("/recompute")
        && !path.ends_with("/verifications");
    if changes && is_of(THINGS) && is_versioned && (path.contains("{id}") || method == "put") {
        header(operation, "If-Match", "ETags of earlier responses: the change is made at one of these versions only.");
        refusal(operation, 412, "it has changed");
    }
    if !changes && is_tagged {
        header(operation, "If-None-Match", "ETags of earlier responses that need not be sent again.");
        operation["responses"]["304"] = json!({"description": "not modified"});
    }
    if is_of(MIRROR_READS) {
        header(
            operation,
            "If-Fresh",
            "The Sync-Token of a change that the response must reflect, after a bounded wait.",
        );
        response_header(
            operation,
            "Sync-Fresh",
            "With If-Fresh: `reached`, or `older` when the mirror does not hold the change yet.",
        );
    }
    if let Some(made) = operation["responses"].get_mut("201") {
        made["headers"]["Location"] =
            json!({"description": "The path of the new object.", "schema": {"type": "string"}});
    }
    if saves {
        response_header(operation, "Sync-Token", "A token of the change for If-Fresh. Absent when nothing changed.");
    }
    if !is_open {
        refusal(operation, 401, "a login is needed");
    }
    if is_of(&["sync"]) {
        refusal(operation, 403, "only operators may");
    }
    if !is_of(&["health", "monitors"]) {
        let saved = if saves { ", the same request is still running, or its state does not allow it" } else { "" };
        refusal(operation, 409, &format!("it holds a value that this release cannot read{saved}"));
    }
    if saves && path.contains("{id}") {
        refusal(operation, 404, "there is no such object, or it is another party's");
    }
    if !is_open && changes {
        refusal(operation, 403, "the role does not allow it, or a cookie was sent without its X-CSRF-Token");
    }
    if takes_body {
        refusal(operation, 400, "the body is malformed");
        refusal(operation, 415, "application/json without compression is accepted");
    }
    if changes {
        refusal(operation, 408, "the body arrived too slowly");
        refusal(operation, 413, "the body is too large");
    }
    if changes || operation.get("parameters").is_some() {
        refusal(operation, 422, "a field or a parameter is refused");
    }
    for (status, description) in ALWAYS {
        refusal(operation, *status, description);
    }
    as_problems(operation);
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if response["description"].as_str().is_none_or(str::is_empty) {
            response["description"] = usual(status).into();
        }
    }
}

/// Errors of every operation.
const ALWAYS: &[(u16, &str)] = &[
    (400, "the request is malformed: its framing, its length or its host"),
    (414, "the path with its query is too long"),
    (429, "too many requests"),
    (431, "the headers are too large"),
    (500, "an internal error, which was logged"),
    (503, "a database does not answer, or not in time; Retry-After says when to try again"),
];

/// The meaning of a status where its operation has no description of its own.
fn usual(status: &str) -> &'static str {
    match status {
        "200" => "the response",
        "201" => "created; Location is its path",
        "202" => "it continues in the background",
        "204" => "done; there is no body",
        "400" => "the request is malformed",
        "401" => "a login is needed, or the credentials are wrong",
        "403" => "the role does not allow it",
        "404" => "there is no such object, or it is another party's",
        "409" => {
            "its state does not allow it, another request changed it at the same time, the same request is still running, or it \
            holds a value that this release cannot read"
        }
        "412" => "it has changed",
        "422" => "a field or a parameter is refused",
        "429" => "too many requests",
        "503" => "what it needs does not answer",
        _ => "a refusal",
    }
}

/// `list` of `users` is `usersList`.
fn name(kind: &str, function: &str) -> String {
    let words =
        function.split('_').filter_map(|word| Some((word.chars().next()?.to_ascii_uppercase(), word.get(1..)?)));
    words.fold(kind.to_owned(), |name, (first, rest)| format!("{name}{first}{rest}"))
}

/// Describes the ETag of an operation that returns a versioned object; whether it does.
fn answers_a_version(operation: &mut Value) -> bool {
    const VERSIONED: [&str; 11] = [
        "Me",
        "UserView",
        "SkillView",
        "ProjectView",
        "InvoiceView",
        "BillingProfileView",
        "SeriesView",
        "QuoteView",
        "RecurrenceView",
        "ReviewView",
        "VerificationView",
    ];
    let mut is_tagged = false;
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        let schema = &response["content"]["application/json"]["schema"]["$ref"];
        let view = schema.as_str().and_then(|path| path.rsplit('/').next());
        if status.starts_with('2') && view.is_some_and(|view| VERSIONED.contains(&view)) {
            let text =
                "The version, followed by what the clock derives, as `-overdue`; If-Match compares the version alone.";
            response["headers"]["ETag"] =
                json!({"description": text, "schema": {"type": "string"}, "example": "\"3\""});
            is_tagged = true;
        }
    }
    is_tagged
}

/// A header that may be sent, where the operation does not describe it itself.
fn header(operation: &mut Value, name: &str, description: &str) {
    let parameter = json!({
        "name": name, "in": "header", "required": false, "description": description, "schema": {"type": "string"},
    });
    match operation["parameters"].as_array_mut() {
        Some(all) if all.iter().any(|known| known["name"] == name) => {}
        Some(all) => all.push(parameter),
        None => operation["parameters"] = json!([parameter]),
    }
}

/// A header of successful responses.
fn response_header(operation: &mut Value, name: &str, description: &str) {
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if status.starts_with('2') {
            response["headers"][name] = json!({"description": description, "schema": {"type": "string"}});
        }
    }
}

/// An error, where the operation does not describe it itself.
fn refusal(operation: &mut Value, status: u16, description: &str) {
    if let Some(responses) = operation["responses"].as_object_mut() {
        let schema = json!({"$ref": "#/components/schemas/ProblemBody"});
        let known = json!({"description": description, "content": {"application/problem+json": {"schema": schema}}});
        responses.entry(status.to_string()).or_insert(known);
    }
}

/// Problems have a media type of their own.
fn as_problems(operation: &mut Value) {
    for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) else { continue };
        let is_problem =
            |body: &&Value| body["schema"]["$ref"].as_str().is_some_and(|path| path.ends_with("/ProblemBody"));
        if let Some(body) = content.get("application/json").filter(is_problem).cloned() {
            content.remove("application/json");
            content.insert("application/problem+json".to_owned(), body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line for each operation: method, path, name, and whether a login is needed.
    fn listed(description: &Value) -> Vec<String> {
        operations(description)
            .map(|(path, method, operation)| {
                let who = if operation["security"] == json!([]) { "open" } else { "login" };
                let id = operation["operationId"].as_str().unwrap();
                format!("{} {path} {id} {who}", method.to_uppercase())
            })
            .collect()
    }

    #[test]
    fn the_list_of_operations_is_the_written_one() {
        let listed = listed(&crate::openapi());
        let written: Vec<&str> = include_str!("../operations.txt").lines().collect();
        assert_eq!(listed, written, "operations.txt is to be brought up to date:\n{}\n", listed.join("\n"));
    }

    #[test]
    fn names_are_unique_and_everything_but_the_open_needs_a_login() {
        let description = crate::openapi();
        let mut names = BTreeSet::new();
        for (path, _, operation) in operations(&description) {
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "{}", operation["operationId"]);
            let health = path.starts_with("/api/health") || !path.starts_with("/api/") || path == "/api/openapi.json";
            let is_open = health || OPEN.contains(&path);
            assert_eq!(operation["security"].as_array().unwrap().is_empty(), is_open, "{path}");
            assert_eq!(operation["responses"].get("401").is_some() && path != "/api/auth/login", !is_open, "{path}");
            assert!(operation["responses"].get("429").is_some(), "{path}");
        }
        for scheme in ["bearer", "cookie"] {
            assert!(description["components"]["securitySchemes"][scheme]["type"].is_string());
        }
    }

    #[test]
    fn headers_and_refusals_stand_where_they_apply() {
        let description = crate::openapi();
        let at = |path: &str, method: &str| description["paths"][path][method].clone();
        let has = |operation: &Value, name: &str| {
            operation["parameters"].as_array().unwrap().iter().filter(|parameter| parameter["name"] == name).count()
        };
        let pay = at("/api/invoices/{id}/pay", "post");
        assert_eq!((has(&pay, "Idempotency-Key"), has(&pay, "If-Match")), (1, 1));
        for action in ["/api/invoices/{id}/send", "/api/projects/{id}/start", "/api/users/{id}/skills"] {
            assert_eq!(has(&at(action, "post"), "If-Match"), 1, "{action}");
        }
        for status in ["400", "401", "403", "404", "408", "409", "412", "413", "415", "422", "429", "500", "503"] {
            assert!(pay["responses"][status]["content"].get("application/problem+json").is_some(), "{status}: {pay}");
        }
        assert!(pay["responses"]["201"]["headers"].get("Sync-Token").is_some());
        assert_eq!(has(&at("/api/invoices/{id}", "patch"), "If-Match"), 1);
        assert_eq!(has(&at("/api/invoices/{id}", "delete"), "If-Match"), 1);
        assert_eq!(has(&at("/api/invoices/{id}", "get"), "If-None-Match"), 1);
        for path in ["/api/search/users", "/api/analytics/system", "/api/files", "/api/invoices/{id}/files"] {
            assert_eq!(has(&at(path, "get"), "If-Fresh"), 1, "{path}");
        }
        let bodiless = bodiless(&description);
        assert!(bodiless.contains("POST /api/invoices/{id}/send") && !bodiless.contains("POST /api/invoices/{id}/pay"));
    }
    /// Everything below a value that is an object, with its path.
    fn walk<'a>(value: &'a Value, path: &str, visit: &mut impl FnMut(&str, &'a Map<String, Value>)) {
        match value {
            Value::Object(object) => {
                visit(path, object);
                object.iter().for_each(|(name, inner)| walk(inner, &format!("{path}/{name}"), visit));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(place, inner)| walk(inner, &format!("{path}/{place}"), visit));
            }
            _ => {}
        }
    }

    /// What validators of OpenAPI demand.
    #[test]
    fn the_description_is_valid() {
        let description = crate::router::describe(true);
        assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
        walk(&description, "", &mut |path, object| {
            if let Some(Value::String(reference)) = object.get("$ref") {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(description.pointer(pointer).is_some(), "{path}: {reference} leads nowhere");
            }
            let nothing = object.iter().find(|(_, value)| value.is_null()).filter(|_| !path.ends_with("/example"));
            assert_eq!(nothing, None, "{path} holds null");
        });
        for (path, method, operation) in operations(&description) {
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
            for (status, response) in responses {
                let text = response["description"].as_str().unwrap_or("");
                assert!(!text.is_empty(), "{method} {path} {status} is not described");
                assert!(status.len() == 3 && status.parse::<u16>().is_ok());
                assert!(response.get("headers").is_none_or(Value::is_object), "{method} {path} {status}");
            }
            let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
            let mut names = BTreeSet::new();
            for parameter in &parameters {
                let (name, place) = (parameter["name"].as_str().unwrap(), parameter["in"].as_str().unwrap());
                assert!(names.insert((name, place)), "{method} {path}: {name} stands there twice");
                assert!(parameter["schema"].is_object(), "{method} {path}: {name}");
                assert!(place != "path" || parameter["required"] == true, "{method} {path}: {name}");
            }
            let of_path: BTreeSet<&str> =
                names.iter().filter(|(_, place)| *place == "path").map(|(name, _)| *name).collect();
            let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            assert_eq!(of_path, in_path, "{method} {path}");
        }
    }

    #[test]
    fn every_text_and_every_parameter_has_a_shape() {
        let description = crate::router::describe(true);
        let shaped = ["enum", "pattern", "format", "maxLength"];
        let mut bare = Vec::new();
        let is_text = |schema: &Map<String, Value>| {
            schema.get("type").is_some_and(|kind| {
                kind == "string" || kind.as_array().is_some_and(|all| all.contains(&json!("string")))
            })
        };
        walk(&description["components"]["schemas"], "", &mut |path, schema| {
            // The names in an open object are arbitrary.
            let is_open = path.ends_with("/propertyNames");
            if !is_open && is_text(schema) && !shaped.iter().any(|keyword| schema.contains_key(*keyword)) {
                bare.push(path.to_owned());
            }
        });
        for (path, method, operation) in operations(&description) {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let schema = parameter["schema"].as_object().unwrap();
                if is_text(schema) && !shaped.iter().any(|keyword| schema.contains_key(*keyword)) {
                    bare.push(format!("{method} {path} {}", parameter["name"]));
                }
            }
        }
        assert_eq!(bare, Vec::<String>::new());
    }

    /// Values whose shape is not the API's: where they are, and why.
    const FREE_FORM: &[(&str, &str)] = &[
        ("JobView/properties/payload", "the kind of job defines it"),
        ("ProblemBody/additionalProperties", "the kind of problem defines further facts, as `current`"),
        ("EntityDiagnosis/properties/document", "a mirrored document, as it is stored"),
        ("ProofView/properties/document", "a mirrored document, as it was certified"),
        ("RepairEvidence/properties/before", "a mirrored document, as it was found"),
        ("RepairEvidence/properties/expected", "a mirrored document, as the row is encoded"),
        ("RepairEvidence/properties/after", "a mirrored document, as it was repaired"),
        ("FieldChange/properties/before", "a value of whichever field of the invoice has changed"),
        ("FieldChange/properties/after", "a value of whichever field of the invoice has changed"),
    ];

    /// Whether a schema says nothing about the values that it accepts: an object without fields, a list of anything, or any
    /// value at all.
    fn is_untyped(schema: &Map<String, Value>) -> bool {
        let named = ["$ref", "allOf", "oneOf", "anyOf", "enum"].iter().any(|keyword| schema.contains_key(*keyword));
        let is = |kind: &str| match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().any(|known| known == kind),
            known => known.is_some_and(|known| known == kind),
        };
        let typed_map = schema.get("additionalProperties").is_some_and(Value::is_object);
        let has_fields = schema.get("properties").and_then(Value::as_object).is_some_and(|fields| !fields.is_empty());
        match schema.get("type") {
            None => !named,
            Some(_) if is("object") => !has_fields && !typed_map,
            Some(_) if is("array") => !schema.get("items").is_some_and(Value::is_object),
            Some(_) => false,
        }
    }

    /// Every schema below one, with its path: of its fields, items, map values and alternatives.
    fn schemas_of(schema: &Value, path: &str, untyped: &mut Vec<String>) {
        let Some(object) = schema.as_object() else { return };
        if is_untyped(object) {
            untyped.push(path.to_owned());
        }
        for (name, field) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
            schemas_of(field, &format!("{path}/properties/{name}"), untyped);
        }
        for inner in ["items", "additionalProperties"] {
            if let Some(inner_schema) = object.get(inner).filter(|inner| inner.is_object()) {
                schemas_of(inner_schema, &format!("{path}/{inner}"), untyped);
            }
        }
        for alternatives in ["allOf", "oneOf", "anyOf"] {
            for (place, alternative) in
                object.get(alternatives).and_then(Value::as_array).into_iter().flatten().enumerate()
            {
                let is_null = alternative.get("type").is_some_and(|kind| kind == "null");
                if !is_null {
                    schemas_of(alternative, &format!("{path}/{alternatives}/{place}"), untyped);
                }
            }
        }
    }

    #[test]
    fn every_body_is_typed() {
        let description = crate::router::describe(true);
        let mut untyped = Vec::new();
        for (name, schema) in description["components"]["schemas"].as_object().unwrap() {
            schemas_of(schema, name, &mut untyped);
        }
        for (path, method, operation) in operations(&description).filter(|(path, ..)| *path != "/api/openapi.json") {
            let bodies =
                operation["responses"].as_object().unwrap().iter().map(|(status, body)| (status.as_str(), body));
            for (status, body) in bodies.chain([("request", &operation["requestBody"])]) {
                for (media, content) in body["content"].as_object().into_iter().flatten() {
                    schemas_of(&content["schema"], &format!("{method} {path} {status} {media}"), &mut untyped);
                    if content.get("schema").is_none() && media != "text/plain" {
                        untyped.push(format!("{method} {path} {status} {media}"));
                    }
                }
            }
        }
        // A page holds the schema of its rows within its own.
        let of_row = |path: String| match path.strip_prefix("Page_") {
            Some(row) => row.replacen("/properties/data/items", "", 1),
            None => path,
        };
        let untyped: BTreeSet<String> = untyped.into_iter().map(of_row).collect();
        let free_form: BTreeSet<String> = FREE_FORM.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(untyped, free_form);
    }

    #[test]
    fn words_and_lengths_are_those_that_are_accepted() {
        let description = crate::openapi();
        let at = |pointer: &str| description.pointer(pointer).cloned().unwrap_or_else(|| panic!("{pointer}"));
        assert_eq!(
            at("/components/schemas/NewPayment/properties/method/enum"),
            json!(["BANK_TRANSFER", "CARD", "CRYPTO", "OTHER"])
        );
        assert_eq!(at("/components/schemas/Registration/properties/role/enum"), json!(["CLIENT", "FREELANCER"]));
        assert_eq!(at("/components/schemas/InvoiceView/properties/status/enum/0"), "DRAFT");
        assert_eq!(
            at("/components/schemas/NewSkill/properties/name/maxLength"),
            json!(chainbill_domain::text::SKILL_NAME)
        );
        assert_eq!(at("/components/schemas/MoneyView/properties/currency/pattern"), "^[A-Z]{3}$");
    }

    /// Reads the example of a body as the request itself is read.
    fn reads<T: serde::de::DeserializeOwned>(description: &Value, schema: &str) {
        let example = &description["components"]["schemas"][schema]["example"];
        assert!(example.is_object(), "{schema} has no example");
        serde_json::from_value::<T>(example.clone()).unwrap_or_else(|error| panic!("{schema}: {error}"));
    }

    #[test]
    fn the_examples_are_bodies_that_are_read() {
        use chainbill_app as app;
        let description = crate::openapi();
        reads::<app::Registration>(&description, "Registration");
        reads::<app::Credentials>(&description, "Credentials");
        reads::<app::PatchProfile>(&description, "PatchProfile");
        reads::<app::NewUserSkill>(&description, "NewUserSkill");
        reads::<app::NewSkill>(&description, "NewSkill");
        reads::<app::NewProject>(&description, "NewProject");
        reads::<app::PatchProject>(&description, "PatchProject");
        reads::<app::StartProject>(&description, "StartProject");
        reads::<app::NewInvoice>(&description, "NewInvoice");
        reads::<app::PatchInvoice>(&description, "PatchInvoice");
        reads::<app::NewPayment>(&description, "NewPayment");
        reads::<app::NewTransfer>(&description, "NewTransfer");
        reads::<app::NewCheckout>(&description, "NewCheckout");
        reads::<app::Reason>(&description, "Reason");
        reads::<app::ApplyCredit>(&description, "ApplyCredit");
        reads::<app::NewCreditNote>(&description, "NewCreditNote");
        reads::<app::NewRefund>(&description, "NewRefund");
        reads::<app::RefundInvoice>(&description, "RefundInvoice");
        reads::<app::RefundDone>(&description, "RefundDone");
        reads::<app::NewReview>(&description, "NewReview");
        reads::<app::PatchReview>(&description, "PatchReview");
        reads::<app::PatchSkill>(&description, "PatchSkill");
        reads::<app::MergeSkill>(&description, "MergeSkill");
        reads::<app::NewVerification>(&description, "NewVerification");
        reads::<app::SubmitWork>(&description, "SubmitWork");
        reads::<app::ReleaseInvoice>(&description, "ReleaseInvoice");
        reads::<app::NewPayout>(&description, "NewPayout");
        reads::<app::PayoutDone>(&description, "PayoutDone");
        reads::<app::NewLine>(&description, "NewLine");
        reads::<app::DeclineInvoice>(&description, "DeclineInvoice");
        reads::<app::NewSeries>(&description, "NewSeries");
        reads::<app::PatchSeries>(&description, "PatchSeries");
        reads::<app::NewQuote>(&description, "NewQuote");
        reads::<app::PatchQuote>(&description, "PatchQuote");
        reads::<app::NewRecurrence>(&description, "NewRecurrence");
        reads::<app::PatchRecurrence>(&description, "PatchRecurrence");
        reads::<app::ReminderRules>(&description, "ReminderRules");
        reads::<app::NewDisputeRequest>(&description, "NewDisputeRequest");
        reads::<app::NewEvidence>(&description, "NewEvidence");
        reads::<app::AnswerDispute>(&description, "AnswerDispute");
        reads::<app::CastVote>(&description, "CastVote");
        reads::<app::DecideDispute>(&description, "DecideDispute");
        reads::<app::AppealDispute>(&description, "AppealDispute");
        reads::<app::OfferSettlement>(&description, "OfferSettlement");
        reads::<app::MoneyView>(&description, "MoneyView");
        reads::<crate::Verification>(&description, "Verification");
        let mut lacking = Vec::new();
        for (path, method, operation) in operations(&description) {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let Some(schema) = schema.as_str().and_then(|path| path.strip_prefix('#')) else { continue };
            if !description.pointer(schema).unwrap()["example"].is_object() {
                lacking.push(format!("{method} {path}: {schema}"));
            }
        }
        assert_eq!(lacking, Vec::<String>::new());
    }
}

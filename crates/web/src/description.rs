//! The description of the API, completed: what holds for many operations alike is said here once, and not at each.
//!
//! Names of operations are unique, every operation says who may call it, and headers and refusals that come with a kind
//! of operation stand at each of that kind. `operations.txt` is the list; a test compares it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use crate::extract::COOKIE;

/// Operations under `/api` that need no login, beside the health's.
const OPEN: &[&str] = &["/api/auth/register", "/api/auth/login", "/api/auth/logout"];
/// Kinds of things whose changes are saved with a key against doing them twice, and tell what was saved.
const THINGS: &[&str] = &["users", "skills", "projects", "invoices"];
/// Kinds of readings of the copies.
const COPIES: &[&str] = &["search", "analytics", "files"];

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
    whole["components"]["securitySchemes"] = json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "The token of a login."},
        "cookie": {
            "type": "apiKey", "in": "cookie", "name": COOKIE,
            "description": "The same token in a browser; X-CSRF-Token must repeat the login's csrfToken on every change.",
        },
    });
    whole
}

/// Operations that take no body, as `POST /api/auth/logout`. Readings are not asked.
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

/// What orchestrators and monitors ask, beside the API.
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
        ("/livez", text("live", "Whether the process answers.", &[])),
        ("/readyz", text("ready", "Whether requests can be answered: the primary answers.", &["503"])),
        ("/metrics", text("metrics", "Figures in the Prometheus text format.", &[])),
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
        header(operation, "Idempotency-Key", "1 to 200 visible characters; the same key does it once.");
    }
    if method == "patch" || (method, path) == ("delete", "/api/invoices/{id}") {
        header(operation, "If-Match", "ETags of earlier answers: it is done at one of these versions only.");
        refusal(operation, 412, "it has changed");
    }
    if !changes && is_tagged {
        header(operation, "If-None-Match", "ETags of earlier answers that need not be sent again.");
        operation["responses"]["304"] = json!({"description": "the reader has it"});
    }
    if is_of(COPIES) {
        header(operation, "If-Fresh", "The Sync-Token of a change that must be seen; it is waited for a little.");
        tell(operation, "Sync-Fresh", "With If-Fresh: `reached`, or `older` when the change is not seen yet.");
    }
    if saves {
        tell(operation, "Sync-Token", "What was saved, for If-Fresh. Absent when nothing changed.");
    }
    if !is_open {
        refusal(operation, 401, "a login is needed");
    }
    if !is_open && changes {
        refusal(operation, 403, "the role does not allow it, or a cookie came without its X-CSRF-Token");
    }
    if takes_body {
        refusal(operation, 400, "the body is malformed");
        refusal(operation, 415, "application/json without compression is accepted");
    }
    if changes {
        refusal(operation, 408, "the body came too slowly");
        refusal(operation, 413, "the body is too large");
    }
    if changes || operation.get("parameters").is_some() {
        refusal(operation, 422, "a field or a parameter is refused");
    }
    refusal(operation, 429, "too many requests");
    as_problems(operation);
}

/// `list` of `users` is `usersList`.
fn name(kind: &str, function: &str) -> String {
    let words =
        function.split('_').filter_map(|word| Some((word.chars().next()?.to_ascii_uppercase(), word.get(1..)?)));
    words.fold(kind.to_owned(), |name, (first, rest)| format!("{name}{first}{rest}"))
}

/// Whether a thing with a version is answered: then its ETag is, and is said here.
fn answers_a_version(operation: &mut Value) -> bool {
    const VERSIONED: [&str; 6] = ["Me", "UserView", "SkillView", "ProjectView", "InvoiceView", "PaymentView"];
    let mut is_tagged = false;
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        let schema = &response["content"]["application/json"]["schema"]["$ref"];
        let view = schema.as_str().and_then(|path| path.rsplit('/').next());
        if status.starts_with('2') && view.is_some_and(|view| VERSIONED.contains(&view)) {
            response["headers"]["ETag"] = json!({"description": "Its version.", "schema": {"type": "string"}});
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

/// A header of the answers that are none of refusal.
fn tell(operation: &mut Value, name: &str, description: &str) {
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if status.starts_with('2') {
            response["headers"][name] = json!({"description": description, "schema": {"type": "string"}});
        }
    }
}

/// A refusal, where the operation does not describe it itself.
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
        assert_eq!((has(&pay, "Idempotency-Key"), has(&pay, "If-Match")), (1, 0));
        for status in ["400", "401", "408", "413", "415", "422", "429"] {
            assert!(pay["responses"][status]["content"].get("application/problem+json").is_some(), "{status}: {pay}");
        }
        assert!(pay["responses"]["201"]["headers"].get("Sync-Token").is_some());
        assert_eq!(has(&at("/api/invoices/{id}", "patch"), "If-Match"), 1);
        assert_eq!(has(&at("/api/invoices/{id}", "delete"), "If-Match"), 1);
        assert_eq!(has(&at("/api/invoices/{id}", "get"), "If-None-Match"), 1);
        for copies in ["/api/search/users", "/api/analytics/system", "/api/files", "/api/invoices/{id}/files"] {
            assert_eq!(has(&at(copies, "get"), "If-Fresh"), 1, "{copies}");
        }
        let bodiless = bodiless(&description);
        assert!(bodiless.contains("POST /api/invoices/{id}/send") && !bodiless.contains("POST /api/invoices/{id}/pay"));
    }
}

//! A running server with people, on every pair of databases.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use chainbill_testkit::{EMBEDDED, Fresh, pairs};
use reqwest::{Client, Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Child,
};

pub const PASSWORD: &str = "correct horse battery";

/// Runs a story on every pair of databases.
pub fn on_every_pair(story: impl AsyncFn(&mut World)) {
    run(async {
        for (primary, secondary) in pairs() {
            let mut world = World::start(Fresh::make(&primary, &secondary).await).await;
            story(&mut world).await;
            world.end().await;
        }
    });
}

/// Runs a story on every pair of databases, with a clock that operators advance and these settings.
pub fn on_every_pair_in_test_mode(settings: &[(&str, &str)], story: impl AsyncFn(&mut World)) {
    run(async {
        for (primary, secondary) in pairs() {
            let fresh = Fresh::make(&primary, &secondary).await;
            let mut command = program(&fresh);
            command.env("TEST_MODE", "true").env("SESSION_LIFETIME", "365d").envs(settings.iter().copied());
            let mut world = World::of(fresh, command).await;
            story(&mut world).await;
            world.end().await;
        }
    });
}

/// Runs a story on the embedded pair: what it is about does not depend on the databases.
pub fn embedded(story: impl AsyncFn(&mut World)) {
    run(async {
        let mut world = World::start(Fresh::make(EMBEDDED, EMBEDDED).await).await;
        story(&mut world).await;
        world.end().await;
    });
}

pub fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

pub struct World {
    pub fresh: Fresh,
    pub server: Server,
    pub admin: Person,
}

/// A logged-in user.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub token: String,
    pub csrf: String,
}

/// A running program.
pub struct Server {
    pub child: Child,
    pub base: String,
    client: Client,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The body, when the status is this.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The problem's code, when the status is this and the body is a problem.
    #[track_caller]
    pub fn refused(&self, status: u16) -> String {
        let body = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["status"], status);
        assert_eq!(body["requestId"], self.header("x-request-id"));
        body["code"].as_str().unwrap().to_owned()
    }

    /// Pointers of the refused fields.
    #[track_caller]
    pub fn fields(&self) -> Vec<String> {
        let body = self.expect(422);
        let errors = body["errors"].as_array().unwrap_or_else(|| panic!("{body}"));
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The program with its settings for this pair and nothing of the environment of the tests.
pub fn program(fresh: &Fresh) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chainbill"));
    command.env_clear().envs(std::env::vars().filter(|(name, _)| name == "PATH" || name == "LLVM_PROFILE_FILE"));
    command.current_dir(&fresh.folder).env("DATA_DIR", &fresh.folder).env("DATABASE_URL", &fresh.primary);
    if fresh.secondary != EMBEDDED {
        command.env("MONGODB_URI", &fresh.secondary);
    }
    command
        // Stories reverse payments, which a token would witness; those of the notary set it.
        .env("APTOS_NETWORK", "off")
        .env("ADMIN_EMAIL", "root@example.org")
        .env("ADMIN_PASSWORD", PASSWORD)
        .env("RATE_LOGIN", "100000")
        .env("RATE_SEARCH", "100000")
        .env("RATE_ALL", "1000000");
    command
}

impl Server {
    pub async fn start(mut command: Command) -> Self {
        command.env("PORT", "0").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let base = loop {
            let line =
                tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await.expect("it starts").unwrap();
            let Some(line) = line else { panic!("it ended at its start: {said}") };
            if let Some((_, rest)) = line.split_once("serving at ") {
                break rest.split(',').next().unwrap().to_owned();
            }
            said.push_str(&line);
            said.push('\n');
        };
        // The pipe must be read on, or the program would block on a full one.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, base, client: chainbill_testkit::http() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(&mut self) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await.expect("it stops");
        assert!(ended.unwrap().success(), "it stops without complaint");
    }

    pub async fn send(&self, method: Method, path: &str, who: Option<&Person>, body: Option<Value>) -> Answer {
        self.ask(method, path, who, body, &[]).await
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        who: Option<&Person>,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_ask(method, path, who, body, headers).await.unwrap()
    }

    pub async fn try_ask(
        &self,
        method: Method,
        path: &str,
        who: Option<&Person>,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(who) = who {
            request = request.bearer_auth(&who.token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }

    pub async fn get(&self, path: &str, who: &Person) -> Answer {
        self.send(Method::GET, path, Some(who), None).await
    }

    pub async fn post(&self, path: &str, who: &Person, body: Value) -> Answer {
        self.send(Method::POST, path, Some(who), Some(body)).await
    }

    /// A POST without a body.
    pub async fn act(&self, path: &str, who: &Person) -> Answer {
        self.send(Method::POST, path, Some(who), None).await
    }

    pub async fn login(&self, email: &str) -> Person {
        let body = json!({"email": email, "password": PASSWORD});
        let login = self.send(Method::POST, "/api/auth/login", None, Some(body)).await.expect(200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Person { id: text(&login["user"]["id"]), token: text(&login["token"]), csrf: text(&login["csrfToken"]) }
    }

    pub async fn register(&self, name: &str, role: &str) -> Person {
        let email = format!("{}@example.org", name.to_lowercase());
        let body = json!({"email": email, "password": PASSWORD, "name": name, "role": role});
        self.send(Method::POST, "/api/auth/register", None, Some(body)).await.expect(201);
        self.login(&email).await
    }

    /// Waits until nothing waits any more.
    pub async fn drained(&self) {
        self.eventually("nothing waits in the outbox", async |health| {
            health["sync"]["backlog"] == 0
                && health["sync"]["models"].as_array().unwrap().iter().all(|model| model["state"] == "LIVE")
        })
        .await;
    }

    /// Waits until the health response meets the condition.
    pub async fn eventually(&self, what: &str, is_so: impl AsyncFn(&Value) -> bool) {
        let started = Instant::now();
        let mut last = Value::Null;
        while started.elapsed() < Duration::from_secs(90) {
            last = self.send(Method::GET, "/api/health/sync", None, None).await.json();
            if is_so(&last).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it does not come that {what}: {last:#}");
    }
}

impl World {
    pub async fn start(fresh: Fresh) -> Self {
        let command = program(&fresh);
        Self::of(fresh, command).await
    }

    pub async fn of(fresh: Fresh, command: Command) -> Self {
        let server = Server::start(command).await;
        let admin = server.login("root@example.org").await;
        Self { fresh, server, admin }
    }

    pub async fn end(mut self) {
        self.server.stop().await;
        self.fresh.remove().await;
    }

    /// Runs a command beside the server: its exit code and its JSON.
    pub fn command(&self, arguments: &[&str]) -> (i32, Value) {
        command_in(&self.fresh, arguments)
    }

    /// Deep verification finds both sides equal, field by field.
    #[track_caller]
    pub fn assert_equal(&self) {
        let (code, said) = self.command(&["sync", "verify", "--deep"]);
        assert_eq!((code, &said["equal"]), (0, &json!(true)), "{said:#}");
    }

    /// Turns the clock of test mode forward, as `P14D`.
    pub async fn advance(&self, by: &str) {
        self.server.post("/api/test/clock", &self.admin, json!({"advance": by})).await.expect(200);
    }

    pub async fn client_and_freelancer(&self) -> (Person, Person) {
        (self.server.register("Carla", "CLIENT").await, self.server.register("Femi", "FREELANCER").await)
    }
}

pub fn command_in(fresh: &Fresh, arguments: &[&str]) -> (i32, Value) {
    let output = program(fresh).args(arguments).arg("--json").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let json = serde_json::from_str(&said)
        .unwrap_or_else(|_| panic!("{arguments:?} printed no JSON: {said}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), json)
}

/// The request body of a draft invoice.
pub fn invoice_body(client: &Person) -> Value {
    json!({
        "clientId": client.id, "title": "Smart contract work", "currency": "EUR", "dueDate": "2031-12-31",
        "lines": [
            {"description": "Audit", "quantity": "2", "unitPrice": {"amount": "600.00", "currency": "EUR"}, "taxRate": "19"},
            {"description": "Travel", "quantity": "1", "unitPrice": {"amount": "50.00", "currency": "EUR"}},
        ],
    })
}

/// A payment's body.
pub fn payment(amount: &str, reference: &str) -> Value {
    json!({"amount": {"amount": amount, "currency": "EUR"}, "method": "BANK_TRANSFER", "externalRef": reference})
}

/// A sent invoice.
pub async fn sent(world: &World, client: &Person, freelancer: &Person) -> String {
    let made = world.server.post("/api/invoices", freelancer, invoice_body(client)).await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    world.server.act(&format!("/api/invoices/{id}/send"), freelancer).await.expect(200);
    id
}

pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

//! The load: sixteen connections, each with one request at a time.

use std::{
    ops::AddAssign,
    time::{Duration, Instant},
};

use anyhow::ensure;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::process::Process;

/// All accounts'.
pub const PASSWORD: &str = "correct horse battery";
const CONNECTIONS: usize = 16;
/// Duration of a measurement.
const LASTING: Duration = Duration::from_secs(4);
/// Warm-up requests.
const WARMING: usize = 8;

/// A request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// One invoice.
    Get,
    /// A page of fifty.
    List,
    /// A draft of three lines.
    Create,
}

impl Operation {
    pub const ALL: [Self; 3] = [Self::Get, Self::List, Self::Create];

    /// How it is chosen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Create => "create",
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get an invoice",
            Self::List => "list 50 with lines",
            Self::Create => "create, 3 lines",
        }
    }
}

/// Cost of requests.
#[derive(Default)]
pub struct Cost {
    requests: u64,
    processor_seconds: f64,
    seconds: f64,
}

impl Cost {
    pub fn processor_ms(&self) -> f64 {
        self.processor_seconds * 1000.0 / self.requests.max(1) as f64
    }

    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds.max(0.001)
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.processor_seconds += other.processor_seconds;
        self.seconds += other.seconds;
    }
}

/// A freelancer with invoices, and a client.
#[derive(Clone)]
pub struct Account {
    token: String,
    client_id: String,
    invoices: Vec<String>,
}

impl Account {
    /// Creates them through a ChainBill server's API.
    pub async fn with_invoices(base: &str, count: usize) -> anyhow::Result<Self> {
        let http = chainbill_testkit::http();
        let post = async |path: &str, body: Value| -> anyhow::Result<Value> {
            let response = http.post(format!("{base}{path}")).json(&body).send().await?;
            let (status, text) = (response.status(), response.text().await?);
            ensure!(status.is_success(), "{path} returned {status}: {text}");
            Ok(serde_json::from_str(&text)?)
        };
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let person =
            |email: &str, role: &str| json!({"email": email, "password": PASSWORD, "name": role, "role": role});
        let client = post("/api/auth/register", person("carla@example.org", "CLIENT")).await?;
        post("/api/auth/register", person("femi@example.org", "FREELANCER")).await?;
        let login = post("/api/auth/login", json!({"email": "femi@example.org", "password": PASSWORD})).await?;
        let mut account = Self { token: text(&login["token"]), client_id: text(&client["id"]), invoices: Vec::new() };
        for _ in 0..count {
            let invoice = account.send(&http, base, Operation::Create, 0).await?;
            account.invoices.push(text(&serde_json::from_str::<Value>(&invoice)?["id"]));
        }
        Ok(account)
    }

    /// Sends a request and reads its response.
    async fn send(&self, http: &Client, base: &str, operation: Operation, place: usize) -> anyhow::Result<String> {
        let request = match operation {
            Operation::Get => http.get(format!("{base}/api/invoices/{}", self.invoices[place % self.invoices.len()])),
            Operation::List => http.get(format!("{base}/api/invoices?limit=50")),
            Operation::Create => http.post(format!("{base}/api/invoices")).json(&self.draft()),
        };
        let response = request.bearer_auth(&self.token).send().await?;
        let (status, text) = (response.status(), response.text().await?);
        ensure!(status.is_success(), "{} returned {status}: {text}", operation.name());
        Ok(text)
    }

    fn draft(&self) -> Value {
        let line = |description: &str, amount: &str| {
            json!({"description": description, "quantity": "2", "taxRate": "19",
                "unitPrice": {"amount": amount, "currency": "EUR"}})
        };
        json!({
            "clientId": self.client_id, "title": "Smart contract work", "currency": "EUR", "dueDate": "2031-12-31",
            "lines": [line("Audit", "600.00"), line("Report", "80.00"), line("Travel", "50.00")],
        })
    }

    /// Waits for an empty backlog.
    pub async fn drained(&self, base: &str) -> anyhow::Result<()> {
        let (http, until) = (chainbill_testkit::http(), Instant::now() + Duration::from_secs(120));
        loop {
            let health: Value = http.get(format!("{base}/api/health/sync")).send().await?.json().await?;
            if health["sync"]["backlog"] == 0 {
                return Ok(());
            }
            ensure!(Instant::now() < until, "the backlog does not drain: {health}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Measures one operation of one server.
pub async fn measure(server: &Process, account: &Account, operation: Operation) -> anyhow::Result<Cost> {
    run(server, account, operation, None).await?;
    let (began, before) = (Instant::now(), server.processor_seconds()?);
    let requests = run(server, account, operation, Some(began + LASTING)).await?;
    let seconds = began.elapsed().as_secs_f64();
    if operation == Operation::Create {
        // ChainBill's work after the response counts too.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(Cost { requests, processor_seconds: server.processor_seconds()? - before, seconds })
}

/// Sends requests until the deadline, or a few without one; their count.
async fn run(server: &Process, account: &Account, operation: Operation, until: Option<Instant>) -> anyhow::Result<u64> {
    let mut workers = JoinSet::new();
    for worker in 0..CONNECTIONS {
        let (base, account) = (server.base.clone(), account.clone());
        workers.spawn(async move {
            let (http, mut sent) = (chainbill_testkit::http(), 0);
            while until.map_or(sent < WARMING, |until| Instant::now() < until) {
                account.send(&http, &base, operation, worker + sent * CONNECTIONS).await?;
                sent += 1;
            }
            anyhow::Ok(sent as u64)
        });
    }
    let mut requests = 0;
    while let Some(sent) = workers.join_next().await {
        requests += sent??;
    }
    Ok(requests)
}

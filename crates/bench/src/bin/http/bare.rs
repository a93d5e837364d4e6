//! The bare server: the minimum cost of the request path with this framework, driver and tables. A request has one connection,
//! which is not tested before it is used. The session and its user are read in one statement, an invoice in a second and its
//! lines in a third; a draft is one transaction of two inserts. It has no rules, no audit, no outbox, no limits and no metrics.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use chainbill_domain::{Clock as _, Digest, Random, SystemClock, SystemRandom, Timestamp, id::InvoiceId};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, MySqlPool, Row as _, SqlitePool, mysql::MySqlPoolOptions, sqlite::SqlitePoolOptions};

const CONNECTIONS: u32 = 16;
const PAGE: usize = 50;

/// The primary through the driver.
#[derive(Clone)]
enum Pool {
    MySql(MySqlPool),
    Sqlite(SqlitePool),
}

/// The same work on a connection of either database, for the user whose session the request carries.
macro_rules! on {
    ($pool:expr, $headers:expr, $db:ident, $me:ident => $work:expr) => {
        match $pool {
            Pool::MySql(pool) => {
                let mut connection = pool.acquire().await?;
                let $db = &mut *connection;
                let $me = user!($db, $headers);
                $work
            }
            Pool::Sqlite(pool) => {
                let mut connection = pool.acquire().await?;
                let $db = &mut *connection;
                let $me = user!($db, $headers);
                $work
            }
        }
    };
}

/// The user whose session the request carries, in one statement.
macro_rules! user {
    ($db:ident, $headers:expr) => {{
        let row =
            sqlx::query(SESSION).bind(token_hash($headers)?).bind(SystemClock.now()).fetch_optional(&mut *$db).await?;
        let row = row.context("no session")?;
        (row.try_get::<String, _>(2)? == "ACTIVE").then_some(()).context("not active")?;
        row.try_get::<String, _>(0)?
    }};
}

const SESSION: &str = "SELECT u.id, u.role, u.status FROM sessions s JOIN users u ON u.id = s.user_id \
    WHERE s.token_hash = ? AND s.revoked_at IS NULL AND s.expires_at > ?";

const INVOICE: &str = "SELECT id, version, number, project_id, freelancer_id, client_id, title, notes, status, \
    payment_status, escrow, anchor_status, currency, subtotal_minor, discount_minor, tax_minor, total_minor, paid_minor, \
    due_date, canonical_hash, token_id, tx_hash, sent_at, paid_at, released_at, voided_at, created_at, updated_at \
    FROM invoices";
const LINES: &str = "SELECT invoice_id, description, quantity_micro, unit_price_minor, currency, tax_rate_ppm, \
    amount_minor FROM invoice_lines";

macro_rules! invoice {
    ($row:expr, $lines:expr) => {{
        let (row, lines): (_, Vec<Line>) = ($row, $lines);
        let currency: String = row.try_get(12)?;
        let money = |place: usize| -> Result<Money, sqlx::Error> { Ok(amount(row.try_get(place)?, &currency)) };
        let at = |place: usize| -> Result<Option<String>, sqlx::Error> {
            Ok(row.try_get::<Option<Timestamp>, _>(place)?.map(moment))
        };
        Invoice {
            id: row.try_get(0)?,
            version: row.try_get(1)?,
            number: row.try_get(2)?,
            project_id: row.try_get(3)?,
            freelancer_id: row.try_get(4)?,
            client_id: row.try_get(5)?,
            title: row.try_get(6)?,
            notes: row.try_get(7)?,
            status: row.try_get(8)?,
            payment_status: row.try_get(9)?,
            escrow: row.try_get(10)?,
            anchor_status: row.try_get(11)?,
            overdue: false,
            lines,
            subtotal: money(13)?,
            discount: money(14)?,
            tax: money(15)?,
            total: money(16)?,
            paid: money(17)?,
            due_date: row.try_get(18)?,
            canonical_hash: row.try_get(19)?,
            token_id: row.try_get(20)?,
            tx_hash: row.try_get(21)?,
            sent_at: at(22)?,
            paid_at: at(23)?,
            released_at: at(24)?,
            voided_at: at(25)?,
            created_at: at(26)?.unwrap_or_default(),
            updated_at: at(27)?.unwrap_or_default(),
        }
    }};
}

macro_rules! line {
    ($row:expr) => {{
        let row = $row;
        let currency: String = row.try_get(4)?;
        let line = Line {
            description: row.try_get(1)?,
            quantity: decimal(row.try_get(2)?, 6),
            unit_price: amount(row.try_get(3)?, &currency),
            tax_rate: decimal(row.try_get(5)?, 4),
            amount: amount(row.try_get(6)?, &currency),
        };
        (row.try_get::<String, _>(0)?, line)
    }};
}

#[derive(Serialize, Deserialize)]
struct Money {
    amount: String,
    currency: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    description: String,
    quantity: String,
    unit_price: Money,
    tax_rate: String,
    amount: Money,
}

/// The fields of ChainBill's response that stand in the invoice's rows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invoice {
    id: String,
    version: i64,
    number: Option<String>,
    project_id: Option<String>,
    freelancer_id: String,
    client_id: String,
    title: String,
    notes: Option<String>,
    status: String,
    payment_status: String,
    escrow: String,
    anchor_status: String,
    overdue: bool,
    lines: Vec<Line>,
    subtotal: Money,
    discount: Money,
    tax: Money,
    total: Money,
    paid: Money,
    due_date: Option<String>,
    canonical_hash: Option<String>,
    token_id: Option<String>,
    tx_hash: Option<String>,
    sent_at: Option<String>,
    paid_at: Option<String>,
    released_at: Option<String>,
    voided_at: Option<String>,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    data: Vec<Invoice>,
    has_more: bool,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Draft {
    client_id: String,
    title: String,
    currency: String,
    due_date: Option<String>,
    lines: Vec<DraftLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DraftLine {
    description: String,
    quantity: String,
    unit_price: Money,
    tax_rate: Option<String>,
}

/// An error. Its text goes to the client, which ends the measurement.
struct Failure(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, format!("{:#}", self.0)).into_response()
    }
}

/// Serves until the process ends.
pub async fn serve(primary: &str) -> anyhow::Result<()> {
    let patience = Duration::from_secs(5);
    let pool = match primary.starts_with("sqlite:") {
        true => Pool::Sqlite(
            SqlitePoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(patience)
                .test_before_acquire(false)
                .connect(primary)
                .await?,
        ),
        false => Pool::MySql(
            MySqlPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(patience)
                .test_before_acquire(false)
                .connect(primary)
                .await?,
        ),
    };
    let router = Router::new()
        .route("/api/invoices", get(list).post(create))
        .route("/api/invoices/{id}", get(one))
        .with_state(Arc::new(pool));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("serving at http://{}, the bare server", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

fn token_hash(headers: &HeaderMap) -> anyhow::Result<String> {
    let token = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    Ok(Digest::of(token.context("no token")?.as_bytes()).to_hex())
}

async fn one(
    State(pool): State<Arc<Pool>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Invoice>, Failure> {
    let sql = format!("{INVOICE} WHERE id = ? AND freelancer_id = ?");
    let of_lines = format!("{LINES} WHERE invoice_id = ? ORDER BY position");
    on!(&*pool, &headers, db, me => {
        let row = sqlx::query(AssertSqlSafe(sql)).bind(&id).bind(&me).fetch_optional(&mut *db).await?.context("no invoice")?;
        let mut lines = Vec::new();
        for row in &sqlx::query(AssertSqlSafe(of_lines)).bind(&id).fetch_all(&mut *db).await? {
            lines.push(line!(row).1);
        }
        Ok(Json(invoice!(&row, lines)))
    })
}

async fn list(State(pool): State<Arc<Pool>>, headers: HeaderMap) -> Result<Json<Page>, Failure> {
    // SQLite would sort all invoices of the freelancer; without the index it reads the newest ones, and these are the freelancer's.
    let freelancer = if matches!(*pool, Pool::Sqlite(_)) { "+freelancer_id" } else { "freelancer_id" };
    let sql = format!("{INVOICE} WHERE {freelancer} = ? ORDER BY id DESC LIMIT {}", PAGE + 1);
    let marks = vec!["?"; PAGE].join(",");
    let of_lines = format!("{LINES} WHERE invoice_id IN ({marks}) ORDER BY invoice_id, position");
    on!(&*pool, &headers, db, me => {
        let mut rows = sqlx::query(AssertSqlSafe(sql)).bind(&me).fetch_all(&mut *db).await?;
        let has_more = rows.len() > PAGE;
        rows.truncate(PAGE);
        let mut query = sqlx::query(AssertSqlSafe(of_lines));
        for place in 0..PAGE {
            let row = rows.get(place).or(rows.last()).context("no invoices")?;
            query = query.bind(row.try_get::<String, _>(0)?);
        }
        let mut lines = std::collections::HashMap::<String, Vec<Line>>::new();
        for row in &query.fetch_all(&mut *db).await? {
            let (id, line) = line!(row);
            lines.entry(id).or_default().push(line);
        }
        let mut data = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: String = row.try_get(0)?;
            data.push(invoice!(row, lines.remove(&id).unwrap_or_default()));
        }
        let next_cursor = data.last().map(|last| last.id.clone()).filter(|_| has_more);
        Ok(Json(Page { data, has_more, next_cursor }))
    })
}

async fn create(
    State(pool): State<Arc<Pool>>,
    headers: HeaderMap,
    Json(draft): Json<Draft>,
) -> Result<(StatusCode, Json<Invoice>), Failure> {
    let now = SystemClock.now();
    let marks = vec!["(?,?,?,?,?,0,0,?,'STANDARD',?,?)"; draft.lines.len()].join(",");
    let sql = "INSERT INTO invoices (id, version, freelancer_id, client_id, title, status, payment_status, escrow, \
        anchor_status, currency, subtotal_minor, discount_minor, tax_minor, total_minor, paid_minor, due_date, created_at, \
        updated_at) VALUES (?,1,?,?,?,'DRAFT','UNPAID','UNFUNDED','NONE',?,?,0,?,?,0,?,?,?)";
    let of_lines = format!(
        "INSERT INTO invoice_lines (invoice_id, position, description, quantity_micro, unit_price_minor, \
         unit_price_micro, discount_minor, currency, tax_category, tax_rate_ppm, amount_minor) VALUES {marks}"
    );
    on!(&*pool, &headers, db, me => {
        let (new, numbers) = drafted(&me, &draft)?;
        let mut transaction = sqlx::Connection::begin(&mut *db).await?;
        sqlx::query(sql)
            .bind(&new.id).bind(&me).bind(&draft.client_id).bind(&draft.title).bind(&draft.currency)
            .bind(numbers.subtotal).bind(numbers.tax).bind(numbers.subtotal + numbers.tax)
            .bind(&draft.due_date).bind(now).bind(now)
            .execute(&mut *transaction).await?;
        let mut query = sqlx::query(AssertSqlSafe(of_lines));
        for (position, (line, of_line)) in draft.lines.iter().zip(&numbers.lines).enumerate() {
            query = query
                .bind(&new.id).bind(i64::try_from(position)?).bind(&line.description).bind(of_line[0]).bind(of_line[1])
                .bind(&draft.currency).bind(of_line[2]).bind(of_line[3]);
        }
        query.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok((StatusCode::CREATED, Json(new)))
    })
}

/// A draft's numbers: quantity, price, rate and amount per line.
struct Numbers {
    subtotal: i64,
    tax: i64,
    lines: Vec<[i64; 4]>,
}

fn drafted(me: &str, draft: &Draft) -> anyhow::Result<(Invoice, Numbers)> {
    let (mut numbers, mut lines) = (Numbers { subtotal: 0, tax: 0, lines: Vec::new() }, Vec::new());
    for line in &draft.lines {
        let (quantity, price) = (scaled(&line.quantity, 6)?, scaled(&line.unit_price.amount, 2)?);
        let rate = line.tax_rate.as_deref().map_or(Ok(0), |rate| scaled(rate, 4))?;
        let total = quantity * price / 1_000_000;
        numbers.subtotal += total;
        numbers.tax += total * rate / 1_000_000;
        numbers.lines.push([quantity, price, rate, total]);
        lines.push(Line {
            description: line.description.clone(),
            quantity: decimal(quantity, 6),
            unit_price: amount(price, &draft.currency),
            tax_rate: decimal(rate, 4),
            amount: amount(total, &draft.currency),
        });
    }
    let now = SystemClock.now();
    let money = |minor| amount(minor, &draft.currency);
    let invoice = Invoice {
        id: InvoiceId::new(now, (&SystemRandom as &dyn Random).bytes()).to_string(),
        version: 1,
        number: None,
        project_id: None,
        freelancer_id: me.to_owned(),
        client_id: draft.client_id.clone(),
        title: draft.title.clone(),
        notes: None,
        status: "DRAFT".to_owned(),
        payment_status: "UNPAID".to_owned(),
        escrow: "UNFUNDED".to_owned(),
        anchor_status: "NONE".to_owned(),
        overdue: false,
        lines,
        subtotal: money(numbers.subtotal),
        discount: money(0),
        tax: money(numbers.tax),
        total: money(numbers.subtotal + numbers.tax),
        paid: money(0),
        due_date: draft.due_date.clone(),
        canonical_hash: None,
        token_id: None,
        tx_hash: None,
        sent_at: None,
        paid_at: None,
        released_at: None,
        voided_at: None,
        created_at: moment(now),
        updated_at: moment(now),
    };
    Ok((invoice, numbers))
}

fn amount(minor: i64, currency: &str) -> Money {
    Money { amount: format!("{}.{:02}", minor / 100, minor % 100), currency: currency.to_owned() }
}

/// A decimal of this scale, without trailing zeros.
fn decimal(number: i64, places: u32) -> String {
    let unit = 10_i64.pow(places);
    let text = format!("{}.{:0width$}", number / unit, number % unit, width = places as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn scaled(text: &str, places: u32) -> anyhow::Result<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<width$}", width = places as usize);
    digits.parse().with_context(|| format!("{text:?} is no decimal"))
}

fn moment(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

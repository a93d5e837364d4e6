//! The request path beside a bare server: processor time per request of ChainBill and of a small axum and sqlx server
//! on the same tables, which only authenticates, reads or writes rows, and answers. One run measures both in turns.

#![expect(clippy::print_stdout, reason = "the table is the program's result")]
#![expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]

mod bare;
mod load;
mod process;

use anyhow::Context as _;
use chainbill_testkit::{EMBEDDED, Fresh, server};

use crate::{
    load::{Account, Cost, Operation},
    process::Process,
};

/// Invoices of the account.
const INVOICES: usize = 1500;
/// Measurements per operation and server.
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [role, primary] = words.as_slice()
        && role == "bare"
    {
        return bare::serve(primary).await;
    }
    println!(
        "| primary | operation | ours: processor ms, requests/s | bare: processor ms, requests/s | ratio |\n\
         |---|---|---|---|---|"
    );
    let mongo = server("MONGODB_TEST_URL").unwrap_or_else(|| EMBEDDED.to_owned());
    if let Some(mysql) = server("MYSQL_TEST_URL") {
        compare("MySQL", Fresh::make(&mysql, &mongo).await).await?;
    }
    compare("embedded", Fresh::make(EMBEDDED, EMBEDDED).await).await
}

async fn compare(name: &str, fresh: Fresh) -> anyhow::Result<()> {
    let ours = Process::chainbill(&fresh)?;
    let account = Account::with_invoices(&ours.base, INVOICES).await?;
    account.drained(&ours.base).await?;
    let bare = Process::bare(&fresh)?;
    for operation in Operation::ALL {
        let (mut of_ours, mut of_bare) = (Cost::default(), Cost::default());
        for _ in 0..ROUNDS {
            of_ours += load::measure(&ours, &account, operation).await?;
            of_bare += load::measure(&bare, &account, operation).await?;
        }
        let cell = |cost: &Cost| format!("{:.2}, {:.0}", cost.processor_ms(), cost.rate());
        let ratio = of_ours.processor_ms() / of_bare.processor_ms();
        println!("| {name} | {} | {} | {} | {ratio:.2} |", operation.name(), cell(&of_ours), cell(&of_bare));
    }
    account.drained(&ours.base).await.context("the mirror follows")?;
    drop((ours, bare));
    fresh.remove().await;
    Ok(())
}

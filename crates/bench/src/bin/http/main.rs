//! The request path beside a bare server: processor time per request of ChainBill and of a small axum and sqlx server
//! on the same tables, which only authenticates, reads or writes rows, and answers. One run measures both in turns.

#![expect(clippy::print_stdout, reason = "the table is the program's result")]
#![expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]

mod bare;
mod load;
mod process;

use chainbill_testkit::{EMBEDDED, Fresh, server};

use crate::{
    load::{Account, Cost, Operation},
    process::Process,
};

/// Invoices of the account.
const INVOICES: usize = 1500;
/// Measurements per operation and server.
const ROUNDS: usize = 3;

/// What can be chosen.
const PRIMARIES: [&str; 2] = ["mysql", "embedded"];

/// The words of the command line: these primaries or operations only.
struct Only(Vec<String>);

impl Only {
    /// Whether it is chosen, or nothing of its kind is.
    fn wants(&self, word: &str, kind: &[&str]) -> bool {
        !self.0.iter().any(|chosen| kind.contains(&chosen.as_str())) || self.0.iter().any(|chosen| chosen == word)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [role, primary] = words.as_slice()
        && role == "bare"
    {
        return bare::serve(primary).await;
    }
    let only = Only(words);
    println!(
        "| primary | operation | ours: processor ms, requests/s | bare: processor ms, requests/s | ratio |\n\
         |---|---|---|---|---|"
    );
    let mongo = server("MONGODB_TEST_URL").unwrap_or_else(|| EMBEDDED.to_owned());
    if let Some(mysql) = server("MYSQL_TEST_URL").filter(|_| only.wants("mysql", &PRIMARIES)) {
        compare("MySQL", Fresh::make(&mysql, &mongo).await, &only).await?;
    }
    if only.wants("embedded", &PRIMARIES) {
        compare("embedded", Fresh::make(EMBEDDED, EMBEDDED).await, &only).await?;
    }
    Ok(())
}

/// Measures all operations in turns. The draft is measured a second time with a ChainBill server that cannot reach its mirror, so
/// that the relay copies nothing: the difference is the relay's share.
async fn compare(name: &str, fresh: Fresh, only: &Only) -> anyhow::Result<()> {
    let ours = Process::chainbill(&fresh)?;
    let account = Account::with_invoices(&ours.base, INVOICES).await?;
    account.drained(&ours.base).await?;
    let bare = Process::bare(&fresh)?;
    let operations = Operation::ALL.map(Operation::word);
    for operation in Operation::ALL.into_iter().filter(|operation| only.wants(operation.word(), &operations)) {
        let work = operation.name();
        measure(&format!("{name} | {work}"), [&ours, &bare], &account, operation).await?;
    }
    account.drained(&ours.base).await?;
    drop(ours);
    if !only.wants(Operation::Create.word(), &operations) {
        drop(bare);
        fresh.remove().await;
        return Ok(());
    }
    let unmirrored = Process::unmirrored(&fresh)?;
    let work = format!("{}, without the relay", Operation::Create.name());
    measure(&format!("{name} | {work}"), [&unmirrored, &bare], &account, Operation::Create).await?;
    drop((unmirrored, bare));
    fresh.remove().await;
    Ok(())
}

/// A line of the table.
async fn measure(
    name: &str,
    [ours, bare]: [&Process; 2],
    account: &Account,
    operation: Operation,
) -> anyhow::Result<()> {
    let (mut of_ours, mut of_bare) = (Cost::default(), Cost::default());
    for _ in 0..ROUNDS {
        of_ours += load::measure(ours, account, operation).await?;
        of_bare += load::measure(bare, account, operation).await?;
    }
    let cell = |cost: &Cost| format!("{:.3}, {:.0}", cost.processor_ms(), cost.rate());
    let ratio = of_ours.processor_ms() / of_bare.processor_ms();
    println!("| {name} | {} | {} | {ratio:.2} |", cell(&of_ours), cell(&of_bare));
    Ok(())
}

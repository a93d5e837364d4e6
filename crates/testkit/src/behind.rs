//! A lagging server of the primary's cluster: it shows the primary's state at its last catch-up.

use chainbill_records::{
    Connections,
    connect::{ConnectSettings, connect},
    migrations,
};
use sea_orm::ConnectionTrait as _;

use crate::{Fresh, connect_settings, open, records_of, run, with_database};

/// Tables that the synchronisation reads from a lagging server: entries and marks first, so that no row is older than
/// a visible entry.
const TABLES: &[&str] =
    &["outbox", "sync_fences", "sync_leases", "sync_parked", "users", "user_skills", "invoices", "invoice_lines"];

/// The server.
pub struct Behind {
    /// Its connections.
    pub db: Connections,
    catching_up: Connections,
    primary: String,
    own: String,
    admin: Option<String>,
}

impl Fresh {
    /// An empty server before its first catch-up.
    pub async fn behind(&self, name: &str) -> Behind {
        let (url, primary, own) = match &self.admin {
            None => {
                let url = format!("sqlite://{}", self.folder.join(format!("{name}.db")).display());
                (url, "ahead".to_owned(), "main".to_owned())
            }
            Some(admin) => {
                let own = format!("{}_{name}", self.name);
                run(admin, &format!("CREATE DATABASE {own}")).await;
                (with_database(&self.primary, &own), self.name.clone(), own)
            }
        };
        let connected = open(&url).await;
        migrations::up(&records_of(&connected), None).await.unwrap();
        let alone = ConnectSettings { max_connections: 1, ..connect_settings(&url) };
        let catching_up = connect(&alone).await.unwrap().db;
        if self.admin.is_none() {
            let file = self.primary.strip_prefix("sqlite://").unwrap();
            catching_up.execute_unprepared(&format!("ATTACH '{file}' AS {primary}")).await.unwrap();
        } else {
            // Otherwise its reads would block the primary's writers.
            catching_up.execute_unprepared("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await.unwrap();
        }
        Behind { db: connected.db, catching_up, primary, own, admin: self.admin.clone() }
    }
}

impl Behind {
    /// Catches up with the primary atomically.
    pub async fn catch_up(&self) {
        let Self { primary, own, .. } = self;
        let all = self.catching_up.begin().await.unwrap();
        for table in TABLES.iter().rev() {
            all.execute_unprepared(&format!("DELETE FROM {own}.{table}")).await.unwrap();
        }
        for table in TABLES {
            all.execute_unprepared(&format!("INSERT INTO {own}.{table} SELECT * FROM {primary}.{table}"))
                .await
                .unwrap();
        }
        all.commit().await.unwrap();
    }

    /// Removes it.
    pub async fn remove(self) {
        self.db.close().await.unwrap();
        self.catching_up.close().await.unwrap();
        if let Some(admin) = &self.admin {
            run(admin, &format!("DROP DATABASE {}", self.own)).await;
        }
    }
}

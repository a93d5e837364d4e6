//! The connection, made at first use: the server may be down, and `mongodb+srv` names need a resolver.

use std::{fmt, time::Duration};

use mongodb::{
    Client, Database,
    options::{ClientOptions, ConnectionString},
};
use tokio::sync::OnceCell;

use super::errors::failed;
use crate::{limits::Deadlines, port::MirrorError};

/// The database when the address names none.
const DEFAULT_DATABASE: &str = "chainbill";

/// How to talk to the server. What the address itself says (`maxPoolSize`, `connectTimeoutMS`, …) goes first.
#[derive(Debug, Clone)]
pub struct MongoSettings {
    /// Shown in the server's logs.
    pub app_name: String,
    /// At most this many connections.
    pub max_connections: u32,
    /// At least this many connections, kept open.
    pub min_connections: u32,
    /// How long to look for a server that takes the request.
    pub server_selection: Duration,
    /// How long making a connection may take.
    pub connect: Duration,
    /// When a request counts as unanswered.
    pub deadlines: Deadlines,
}

impl Default for MongoSettings {
    fn default() -> Self {
        Self {
            app_name: "chainbill".to_owned(),
            max_connections: 16,
            min_connections: 0,
            server_selection: Duration::from_secs(2),
            connect: Duration::from_secs(2),
            deadlines: Deadlines::default(),
        }
    }
}

/// A database that is connected to when it is first asked for.
pub(super) struct Lazy {
    uri: ConnectionString,
    name: String,
    settings: MongoSettings,
    database: OnceCell<Database>,
}

impl Lazy {
    pub(super) fn new(uri: &str, settings: MongoSettings) -> Result<Self, MirrorError> {
        let uri = ConnectionString::parse(uri).map_err(|cause| {
            MirrorError::Refused(format!("MONGODB_URI is not `mongodb://…` or `mongodb+srv://…`: {cause}"))
        })?;
        let name = uri.default_database.clone().unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
        Ok(Self { uri, name, settings, database: OnceCell::new() })
    }

    pub(super) fn database_name(&self) -> &str {
        &self.name
    }

    pub(super) async fn database(&self) -> Result<&Database, MirrorError> {
        self.database.get_or_try_init(|| self.open()).await
    }

    async fn open(&self) -> Result<Database, MirrorError> {
        let mut options = ClientOptions::parse(self.uri.clone()).await.map_err(|cause| failed(&cause))?;
        let settings = &self.settings;
        options.app_name.get_or_insert_with(|| settings.app_name.clone());
        options.max_pool_size.get_or_insert(settings.max_connections);
        options.min_pool_size.get_or_insert(settings.min_connections);
        options.server_selection_timeout.get_or_insert(settings.server_selection);
        options.connect_timeout.get_or_insert(settings.connect);
        let client = Client::with_options(options).map_err(|cause| failed(&cause))?;
        Ok(client.database(&self.name))
    }
}

/// The address may hold a password: it is not shown.
impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lazy").field("database", &self.name).field("settings", &self.settings).finish_non_exhaustive()
    }
}

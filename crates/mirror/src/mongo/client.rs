//! The connection, made at first use: the server may be down, and `mongodb+srv` names need a resolver.

use std::{fmt, time::Duration};

use mongodb::{
    Client, Database,
    options::{ClientOptions, ConnectionString, ReadPreference, SelectionCriteria},
};
use tokio::sync::OnceCell;

use super::errors::failed;
use crate::{limits::Deadlines, port::MirrorError};

/// The database when the address names none.
const DEFAULT_DATABASE: &str = "chainbill";

/// How to talk to the server. What the address itself says (`maxPoolSize`, `connectTimeoutMS`, …) goes first, but for
/// `readPreference`: everything is read from the primary member. Comparisons and freshness stand on reading what was
/// confirmed, and another member may be behind it.
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
        let options = ClientOptions::parse(self.uri.clone()).await.map_err(|cause| failed(&cause))?;
        let options = completed(options, &self.settings);
        let client = Client::with_options(options).map_err(|cause| failed(&cause))?;
        Ok(client.database(&self.name))
    }
}

/// What the address says, and of the settings what it leaves open.
fn completed(mut options: ClientOptions, settings: &MongoSettings) -> ClientOptions {
    options.app_name.get_or_insert_with(|| settings.app_name.clone());
    options.max_pool_size.get_or_insert(settings.max_connections);
    options.min_pool_size.get_or_insert(settings.min_connections);
    options.server_selection_timeout.get_or_insert(settings.server_selection);
    options.connect_timeout.get_or_insert(settings.connect);
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    options
}

/// The address may hold a password: it is not shown.
impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lazy").field("database", &self.name).field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria};

    use super::{MongoSettings, completed};

    async fn options(query: &str) -> ClientOptions {
        let options = ClientOptions::parse(format!("mongodb://localhost/x?{query}")).await.unwrap();
        completed(options, &MongoSettings::default())
    }

    #[tokio::test]
    async fn everything_is_read_from_the_primary_whatever_the_address_says() {
        for preference in ["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"] {
            let read = options(&format!("readPreference={preference}")).await.selection_criteria;
            assert_eq!(read, Some(SelectionCriteria::ReadPreference(ReadPreference::Primary)), "{preference}");
        }
    }

    #[tokio::test]
    async fn other_things_that_the_address_says_go_first() {
        let options = options("maxPoolSize=3&appName=theirs").await;
        assert_eq!((options.max_pool_size, options.app_name.as_deref()), (Some(3), Some("theirs")));
        assert_eq!(options.min_pool_size, Some(MongoSettings::default().min_connections));
    }
}

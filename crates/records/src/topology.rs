//! The topology behind the primary's address: one server, or several of which some may be behind.

use std::{collections::BTreeSet, fmt};

use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::{Connections, Records, RecordsError, dialect::Dialect};

/// The topology that an operator has configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is to be recognised; reads may be late.
    Auto,
    /// One server: each read shows every commit.
    Single,
    /// Several servers, even if that cannot be recognised.
    Cluster,
}

/// The recognised topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topology {
    /// A file of this process.
    Embedded,
    /// Not recognised yet.
    Unknown,
    /// All connections reach the same server, which is of no recognisable cluster.
    Single,
    /// One server, as configured.
    SaidSingle,
    /// Several servers, as configured.
    SaidCluster,
    /// Group Replication.
    Group {
        /// Whether more than one server takes writes.
        several_writers: bool,
        /// Servers that are online, where this user may ask.
        online: Option<u64>,
    },
    /// Galera: MariaDB's, or Percona `XtraDB` Cluster.
    Galera {
        /// Servers of the cluster.
        nodes: u64,
    },
    /// Connections reach different servers of an unrecognisable kind.
    Several {
        /// How many were met.
        servers: usize,
    },
}

impl Topology {
    /// The topology before it is recognised.
    #[must_use]
    pub const fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => Self::Embedded,
            Dialect::MySql | Dialect::TiDb | Dialect::MariaDb => Self::Unknown,
        }
    }

    /// Whether a read may be late. Only an embedded primary and a configured single server are certain, since a proxy hides the servers
    /// behind it.
    #[must_use]
    pub const fn reads_may_be_late(&self) -> bool {
        !matches!(self, Self::Embedded | Self::SaidSingle)
    }

    /// Whether there are several servers.
    #[must_use]
    pub const fn is_cluster(&self) -> bool {
        matches!(self, Self::SaidCluster | Self::Group { .. } | Self::Galera { .. } | Self::Several { .. })
    }

    /// Recognises the topology.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn recognise(records: &Records, expected: Expected) -> Result<Self, RecordsError> {
        match (records.dialect(), expected) {
            (Dialect::Sqlite, _) => Ok(Self::Embedded),
            (_, Expected::Single) => Ok(Self::SaidSingle),
            (_, expected) => match asked(records.db()).await? {
                Self::Single if expected == Expected::Cluster => Ok(Self::SaidCluster),
                known => Ok(known),
            },
        }
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::Unknown => f.write_str("unknown"),
            Self::Single => f.write_str("one server"),
            Self::SaidSingle => f.write_str("one server (DATABASE_TOPOLOGY)"),
            Self::SaidCluster => f.write_str("several servers (DATABASE_TOPOLOGY)"),
            Self::Group { several_writers, online } => {
                let writers = if *several_writers { "several writers" } else { "one writer" };
                write!(f, "Group Replication with {writers}")?;
                online.map_or(Ok(()), |online| write!(f, ", {online} servers online"))
            }
            Self::Galera { nodes } => write!(f, "Galera of {nodes} servers"),
            Self::Several { servers } => write!(f, "at least {servers} different servers"),
        }
    }
}

/// The number of connections whose servers are compared: a proxy that takes servers in turn shows two of them by then.
const ASKED: usize = 4;

async fn asked(db: &Connections) -> Result<Topology, DbErr> {
    // These variables exist only where the plug-in is loaded.
    let group = "SELECT CAST(@@group_replication_single_primary_mode AS CHAR), @@group_replication_group_name";
    if let Some((single, name)) = two(db, group).await
        && !name.is_empty()
    {
        let online = "SELECT CAST(COUNT(*) AS CHAR), '' FROM performance_schema.replication_group_members \
                      WHERE MEMBER_STATE='ONLINE'";
        let online = two(db, online).await.and_then(|(count, _)| count.parse().ok());
        return Ok(Topology::Group { several_writers: single == "0", online });
    }
    if let Some((_, nodes)) = two(db, "SHOW STATUS LIKE 'wsrep_cluster_size'").await
        && let Ok(nodes @ 1..) = nodes.parse()
    {
        return Ok(Topology::Galera { nodes });
    }
    let servers = servers(db).await?.len();
    Ok(if servers > 1 { Topology::Several { servers } } else { Topology::Single })
}

/// Two texts; `None` where the server does not know the query, or does not answer it to this user.
async fn two(db: &Connections, sql: &str) -> Option<(String, String)> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.ok()??;
    Some((row.try_get_by_index(0).ok()?, row.try_get_by_index(1).ok()?))
}

/// The names of the servers that some connections, all open at once, have reached.
async fn servers(db: &Connections) -> Result<BTreeSet<String>, DbErr> {
    let most = ASKED.min(db.most());
    let (mut open, mut names) = (Vec::with_capacity(most), BTreeSet::new());
    for _ in 0..most {
        let connection = db.begin().await?;
        let who = "SELECT CONCAT_WS(':', @@server_id, @@hostname, @@port)";
        let row = connection.query_one_raw(Statement::from_string(db.get_database_backend(), who)).await?;
        if let Some(row) = row {
            names.insert(row.try_get_by_index::<String>(0)?);
        }
        open.push(connection);
    }
    for connection in open {
        connection.rollback().await?;
    }
    Ok(names)
}

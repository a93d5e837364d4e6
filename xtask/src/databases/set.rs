//! Groups of servers, each with its own ports and data.

use std::env;

use super::Server;

/// Comma-separated addresses of a group, for tests.
pub const GROUP_VARIABLE: &str = "MYSQL_GROUP_TEST_URLS";
/// The members of the group.
pub const MEMBERS: [u16; 2] = [0, 1];

/// A group of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Set {
    /// Shared by all tests; keeps running.
    Tests,
    /// A second set for torture, separate from the tests'.
    Torture,
    /// Two MySQL servers in multi-primary Group Replication.
    Group,
}

impl Set {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tests, Self::Torture, Self::Group];

    /// A server's loopback port; `MYSQL_TEST_PORT`, `MYSQL_TORTURE_PORT` and so on override it. Torture ports lie below
    /// the ephemeral range: a killed server's port must stay free.
    pub fn port(self, server: Server) -> u16 {
        match (self, server) {
            (Self::Tests, Server::MySql) => port("MYSQL_TEST_PORT", 33062),
            (Self::Tests, Server::MariaDb) => port("MARIADB_TEST_PORT", 33061),
            (Self::Tests, Server::MongoDb) => port("MONGODB_TEST_PORT", 27117),
            (Self::Torture, Server::MySql) => port("MYSQL_TORTURE_PORT", 23072),
            (Self::Torture, Server::MariaDb) => port("MARIADB_TORTURE_PORT", 23071),
            (Self::Torture, Server::MongoDb) => port("MONGODB_TORTURE_PORT", 27127),
            // The first of four: two members' client and group ports.
            (Self::Group, _) => port("MYSQL_GROUP_PORT", 23081),
        }
    }

    /// The port of the PostgreSQL behind the MongoDB wire server.
    pub fn postgres_port(self) -> u16 {
        match self {
            Self::Tests => port("POSTGRES_TEST_PORT", 54329),
            Self::Torture | Self::Group => port("POSTGRES_TORTURE_PORT", 25439),
        }
    }

    /// The address of a server started here.
    pub fn url(self, server: Server) -> String {
        let port = self.port(server);
        let login = match self {
            Self::Tests => "chainbill:chainbill",
            Self::Torture | Self::Group => "torture",
        };
        match server {
            Server::MySql | Server::MariaDb => format!("mysql://{login}@127.0.0.1:{port}/chainbill"),
            Server::MongoDb => format!("mongodb://127.0.0.1:{port}/chainbill"),
        }
    }

    /// Addresses of all servers of [`Self::Group`], for [`GROUP_VARIABLE`].
    pub fn group_urls() -> String {
        let first = Self::Group.port(Server::MySql);
        let url = |port: u16| format!("mysql://torture@127.0.0.1:{port}/chainbill");
        MEMBERS.map(|member| url(first + member)).join(",")
    }

    /// SQL for MySQL's and MariaDB's users.
    pub const fn users(self) -> &'static str {
        match self {
            Self::Tests => include_str!("../../../deploy/test-databases.sql"),
            Self::Torture | Self::Group => include_str!("../../../deploy/torture-databases.sql"),
        }
    }
}

/// A port with an environment override.
fn port(variable: &str, otherwise: u16) -> u16 {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

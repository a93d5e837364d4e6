//! Real servers for tests. For each: an address in the environment, else docker, else Debian's packages in the ignored
//! folder `.databases`, else a warning with the missing server.

mod debian;
mod docker;
mod set;

use std::{env, fs, path::PathBuf, time::Instant};

use anyhow::Context as _;

pub use self::{
    debian::{Harm, harm},
    set::{GROUP_VARIABLE, Set},
};
use crate::shell::say;

/// A server for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "lower")]
pub enum Server {
    /// MySQL.
    MySql,
    /// MariaDB.
    MariaDb,
    /// A server that speaks MongoDB's protocol.
    MongoDb,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::MySql, Self::MariaDb, Self::MongoDb];

    /// Display name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
            Self::MongoDb => "MongoDB",
        }
    }

    /// The tests' variable.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::MySql => "MYSQL_TEST_URL",
            Self::MariaDb => "MARIADB_TEST_URL",
            Self::MongoDb => "MONGODB_TEST_URL",
        }
    }
}

/// Availability.
#[derive(Debug, Default)]
pub struct Servers {
    found: Vec<(Server, Result<String, String>)>,
}

impl Servers {
    /// Variables for tests.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let there = self.found.iter().filter_map(|(server, url)| Some((server.variable(), url.as_ref().ok()?.clone())));
        there.collect()
    }

    /// Missing servers, and why.
    pub fn missing(&self) -> Vec<(&'static str, String)> {
        Server::ALL
            .into_iter()
            .filter_map(|server| match self.found.iter().find(|(found, _)| *found == server) {
                Some((_, Ok(_))) => None,
                Some((_, Err(why))) => Some((server.name(), why.clone())),
                None => Some((server.name(), "not requested".to_owned())),
            })
            .collect()
    }

    /// Prints shell assignments.
    pub fn print(&self) {
        for (name, url) in self.variables() {
            say(&format!("export {name}={url}"));
        }
        for (name, why) in self.missing() {
            say(&format!("WITHOUT {name}: {why}"));
        }
    }
}

/// The ignored folder of all servers.
pub fn folder() -> anyhow::Result<PathBuf> {
    let folder = env::current_dir()?.join(".databases");
    for part in ["logs", "run", "bin"] {
        fs::create_dir_all(folder.join(part)).with_context(|| folder.display().to_string())?;
    }
    Ok(folder)
}

/// Starts missing servers.
pub fn up() -> Servers {
    let docker = docker::works();
    let found = Server::ALL.into_iter().map(|server| {
        let started = Instant::now();
        let url = match named(server) {
            Some(url) => Ok(url),
            None if docker => docker::up(server).map(|()| Set::Tests.url(server)),
            None => debian::up(Set::Tests, server).map(|()| Set::Tests.url(server)),
        };
        let seconds = started.elapsed().as_secs_f64();
        if url.is_ok() {
            say(&format!("{} is ready ({seconds:.1} s)", server.name()));
        }
        (server, url.map_err(|error| format!("{error:#}")))
    });
    Servers { found: found.collect() }
}

/// The configured address.
fn named(server: Server) -> Option<String> {
    env::var(server.variable()).ok().filter(|url| !url.is_empty())
}

/// Torture's servers, and whether it may kill them.
pub fn victims() -> (Servers, bool) {
    const NEEDED: [Server; 2] = [Server::MySql, Server::MongoDb];
    let foreign = if NEEDED.iter().any(|server| named(*server).is_some()) {
        Some("the environment names external servers")
    } else if docker::works() {
        Some("docker manages the servers")
    } else {
        None
    };
    if let Some(why) = foreign {
        say(&format!("THE DATABASES THEMSELVES ARE NOT KILLED: {why}; only proxies break what they say"));
        return (up(), false);
    }
    let found = NEEDED.map(|server| {
        let url = bring_up(Set::Torture, server).map_err(|error| format!("{error:#}"));
        (server, url)
    });
    let servers = Servers { found: found.into() };
    let whole = servers.variables().len() == NEEDED.len();
    if !whole {
        say("THE DATABASES THEMSELVES ARE NOT KILLED: not all of them could be started");
    }
    (servers, whole)
}

/// Starts a group's two servers, unless configured in the environment; their addresses.
pub fn group() -> anyhow::Result<String> {
    if let Ok(urls) = env::var(GROUP_VARIABLE)
        && !urls.is_empty()
    {
        return Ok(urls);
    }
    bring_up(Set::Group, Server::MySql)?;
    Ok(Set::group_urls())
}

/// Starts a set's server from Debian's packages; its address.
pub fn bring_up(set: Set, server: Server) -> anyhow::Result<String> {
    debian::up(set, server)?;
    Ok(set.url(server))
}

/// Stops the servers started here.
pub fn down(set: Set) -> anyhow::Result<()> {
    if set == Set::Tests && docker::works() {
        docker::down()?;
    }
    debian::down(set)
}

/// Lists servers.
pub fn status(set: Set) {
    for server in Server::ALL {
        let word = match (set, named(server), debian::is_up(set, server)) {
            (Set::Tests, Some(_), _) => "named by the environment",
            (_, _, true) => "up",
            (_, _, false) => "down",
        };
        say(&format!("{:<8} {word:<25} {}={}", server.name(), server.variable(), set.url(server)));
    }
}

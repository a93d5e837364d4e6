//! Real servers for tests. For each: an address in the environment, else docker, else Debian's packages in the ignored
//! folder `.databases`, else a loud line that says what is missing.

mod debian;
mod docker;

use std::{env, fs, path::PathBuf, time::Instant};

use anyhow::Context as _;

use crate::shell::say;

/// A server and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
            Self::MongoDb => "MongoDB",
        }
    }

    /// The variable that tests read.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::MySql => "MYSQL_TEST_URL",
            Self::MariaDb => "MARIADB_TEST_URL",
            Self::MongoDb => "MONGODB_TEST_URL",
        }
    }

    /// Its loopback port; `MYSQL_TEST_PORT` and so on choose another.
    pub fn port(self) -> u16 {
        let (variable, otherwise) = match self {
            Self::MySql => ("MYSQL_TEST_PORT", 33062),
            Self::MariaDb => ("MARIADB_TEST_PORT", 33061),
            Self::MongoDb => ("MONGODB_TEST_PORT", 27117),
        };
        port(variable, otherwise)
    }

    /// Its address when it was started here.
    pub fn url(self) -> String {
        let port = self.port();
        match self {
            Self::MySql | Self::MariaDb => format!("mysql://chainbill:chainbill@127.0.0.1:{port}/chainbill"),
            Self::MongoDb => format!("mongodb://127.0.0.1:{port}/chainbill"),
        }
    }
}

/// A port that the environment may choose.
pub fn port(variable: &str, otherwise: u16) -> u16 {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// What there is.
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

    /// What is missing, and why.
    pub fn missing(&self) -> Vec<(&'static str, String)> {
        Server::ALL
            .into_iter()
            .filter_map(|server| match self.found.iter().find(|(found, _)| *found == server) {
                Some((_, Ok(_))) => None,
                Some((_, Err(why))) => Some((server.name(), why.clone())),
                None => Some((server.name(), "not asked for".to_owned())),
            })
            .collect()
    }

    /// Prints lines that a shell can read.
    pub fn print(&self) {
        for (name, url) in self.variables() {
            say(&format!("export {name}={url}"));
        }
        for (name, why) in self.missing() {
            say(&format!("WITHOUT {name}: {why}"));
        }
    }
}

/// The ignored folder that everything lives in.
pub fn folder() -> anyhow::Result<PathBuf> {
    let folder = env::current_dir()?.join(".databases");
    for part in ["logs", "run", "bin"] {
        fs::create_dir_all(folder.join(part)).with_context(|| folder.display().to_string())?;
    }
    Ok(folder)
}

/// Brings up what is not there.
pub fn up() -> Servers {
    let docker = docker::works();
    let found = Server::ALL.into_iter().map(|server| {
        let started = Instant::now();
        let url = match env::var(server.variable()).ok().filter(|url| !url.is_empty()) {
            Some(url) => Ok(url),
            None if docker => docker::up(server).map(|()| server.url()),
            None => debian::up(server).map(|()| server.url()),
        };
        let seconds = started.elapsed().as_secs_f64();
        if url.is_ok() {
            say(&format!("{} is there ({seconds:.1} s)", server.name()));
        }
        (server, url.map_err(|error| format!("{error:#}")))
    });
    Servers { found: found.collect() }
}

/// Stops what was started here.
pub fn down() -> anyhow::Result<()> {
    if docker::works() {
        docker::down()?;
    }
    debian::down()
}

/// Says what runs.
pub fn status() {
    for server in Server::ALL {
        let set = env::var(server.variable()).is_ok_and(|url| !url.is_empty());
        let word = match (set, debian::is_up(server)) {
            (true, _) => "named by the environment",
            (false, true) => "up",
            (false, false) => "down",
        };
        say(&format!("{:<8} {word:<25} {}={}", server.name(), server.variable(), server.url()));
    }
}

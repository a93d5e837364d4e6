//! Servers from Debian's packages. MariaDB comes from the machine's own release; MySQL and PostgreSQL with DocumentDB
//! are in Debian sid only, so they live in a folder with its own sid; FerretDB, which speaks MongoDB's protocol in
//! front of that PostgreSQL, is built by Go.

mod group;
mod servers;
mod sid;

use std::{fs, path::PathBuf, process::Command, time::Duration};

use anyhow::bail;

use super::{Server, Set, folder, set::MEMBERS};
use crate::shell::{family, lives, running, send, stop, wait};

/// The folder of a set's servers.
struct Place {
    folder: PathBuf,
    set: Set,
}

impl Place {
    fn of(set: Set) -> anyhow::Result<Self> {
        Ok(Self { folder: folder()?, set })
    }

    /// A set-specific name.
    fn own(&self, name: &str) -> String {
        match self.set {
            Set::Tests => name.to_owned(),
            Set::Torture => format!("{name}-torture"),
            Set::Group => format!("{name}-group"),
        }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("logs/{}.log", self.own(name)))
    }

    fn pid(&self, name: &str) -> PathBuf {
        self.folder.join(format!("run/{}.pid", self.own(name)))
    }

    /// The processes of a server, the outermost first.
    fn pids(&self, server: Server) -> Vec<PathBuf> {
        if self.set == Set::Group {
            return MEMBERS.map(|member| self.pid(&group::name(member))).into();
        }
        match server {
            Server::MariaDb => vec![self.pid("mariadb")],
            Server::MySql => vec![self.pid("mysql")],
            Server::MongoDb => vec![self.pid("mongodb"), self.pid("postgres")],
        }
    }

    /// Removes a killed server's stale lock file. Its pid may stay in use for long where no process reaps orphans, and
    /// the next server would take it for a running one.
    fn unlock(&self, server: Server) -> anyhow::Result<()> {
        let left = match server {
            Server::MariaDb => return Ok(()),
            Server::MySql => format!("run/mysqld/{}.sock.lock", self.own("chainbill")),
            Server::MongoDb => format!("var/lib/postgresql/{}/postmaster.pid", self.own("chainbill")),
        };
        match fs::remove_file(self.sid().join(left)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn sid(&self) -> PathBuf {
        self.folder.join("sid")
    }

    fn in_sid(&self, user: Option<&str>, program: &str) -> Command {
        let mut command = Command::new("chroot");
        if let Some(user) = user {
            command.arg(format!("--userspec={user}:{user}"));
        }
        command.arg(self.sid()).arg(program).env("LC_ALL", "C.UTF-8").env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
}

/// Starts a server, installing it first where needed.
pub fn up(set: Set, server: Server) -> anyhow::Result<()> {
    let place = Place::of(set)?;
    if set == Set::Group {
        return group::up(&place);
    }
    match server {
        Server::MariaDb => servers::mariadb(&place),
        Server::MySql => servers::mysql(&place),
        Server::MongoDb => {
            servers::postgres(&place)?;
            servers::ferretdb(&place)
        }
    }
}

/// Whether a server started here runs.
pub fn is_up(set: Set, server: Server) -> bool {
    Place::of(set).is_ok_and(|place| place.pids(server).iter().all(|pid| running(pid).is_some()))
}

/// Stops the set's servers started here.
pub fn down(set: Set) -> anyhow::Result<()> {
    let place = Place::of(set)?;
    for pid in [Server::MongoDb, Server::MySql, Server::MariaDb].into_iter().flat_map(|server| place.pids(server)) {
        stop(&pid)?;
    }
    // Other sets share the folder.
    let others = Set::ALL.into_iter().flat_map(|set| Server::ALL.map(|server| (set, server)));
    if others.into_iter().any(|(set, server)| is_up(set, server)) {
        return Ok(());
    }
    sid::unmount(&place)
}

/// Faults of a server started here, like a crash or a hanging machine.
#[derive(Debug, Clone, Copy)]
pub enum Harm {
    /// SIGKILL.
    Kill,
    /// SIGSTOP.
    Stop,
    /// SIGCONT.
    Cont,
}

/// Applies it to all processes of the server.
pub fn harm(set: Set, server: Server, harm: Harm) -> anyhow::Result<()> {
    let pids = Place::of(set)?.pids(server);
    let parents: Vec<u32> = pids.iter().filter_map(|pid| running(pid)).collect();
    if parents.is_empty() {
        bail!("{} of this set does not run", server.name());
    }
    if let Harm::Cont = harm {
        return send("-CONT", &family(&parents));
    }
    // A stopped parent creates no children.
    send("-STOP", &parents)?;
    let all = family(&parents);
    match harm {
        Harm::Kill => {
            send("-KILL", &all)?;
            wait("every process is gone", Duration::from_secs(10), || !all.iter().any(|pid| lives(*pid)))?;
            Place::of(set)?.unlock(server)
        }
        Harm::Stop | Harm::Cont => send("-STOP", &all),
    }
}

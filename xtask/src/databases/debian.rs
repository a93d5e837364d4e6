//! Servers from Debian's packages. MariaDB comes from the machine's own release; MySQL and PostgreSQL with DocumentDB are
//! in Debian sid only, so they live in a folder with a sid of its own; FerretDB, which speaks MongoDB's protocol in front
//! of that PostgreSQL, is built by Go.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};

use super::{Server, folder, port};
use crate::shell::{is_there, listens, run, running, say, start, stop, wait};

/// Which FerretDB.
const FERRETDB: &str = "github.com/FerretDB/FerretDB/v2/cmd/ferretdb@v2.7.0";
/// What sid is needed for.
const SID_PACKAGES: &[&str] = &["mysql-server-core", "mysql-client", "postgresql-18-documentdb"];
/// Made when everything above is installed.
const SID_READY: &str = "chainbill-ready";
/// How long a server may take to answer after its start.
const PATIENCE: Duration = Duration::from_secs(90);

struct Place {
    folder: PathBuf,
}

impl Place {
    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("logs/{name}.log"))
    }

    fn pid(&self, name: &str) -> PathBuf {
        self.folder.join(format!("run/{name}.pid"))
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

fn postgres_port() -> u16 {
    port("POSTGRES_TEST_PORT", 54329)
}

/// Starts a server, installing it first where needed.
pub fn up(server: Server) -> anyhow::Result<()> {
    let place = Place { folder: folder()? };
    match server {
        Server::MariaDb => mariadb(&place),
        Server::MySql => mysql(&place),
        Server::MongoDb => {
            postgres(&place)?;
            ferretdb(&place)
        }
    }
}

/// Whether a server that was started here runs.
pub fn is_up(server: Server) -> bool {
    folder().is_ok_and(|folder| running(&Place { folder }.pid(&server.name().to_lowercase())).is_some())
}

/// Stops everything that was started here.
pub fn down() -> anyhow::Result<()> {
    let place = Place { folder: folder()? };
    for name in ["mongodb", "postgres", "mysql", "mariadb"] {
        stop(&place.pid(name))?;
    }
    for mount in ["proc", "dev"] {
        let target = place.sid().join(mount);
        if is_mounted(&target) {
            run(&place.log("sid"), Command::new("umount").arg(&target))?;
        }
    }
    Ok(())
}

fn need_root() -> anyhow::Result<()> {
    let id = Command::new("id").arg("-u").output().context("id cannot be run")?;
    if id.stdout.trim_ascii() == b"0" {
        return Ok(());
    }
    bail!(
        "only root can install it from Debian's packages here; its *_TEST_URL variable names a server, or docker brings one"
    )
}

fn apt(place: &Place, packages: &[&str]) -> anyhow::Result<()> {
    need_root()?;
    if !is_there("apt-get") {
        bail!("this machine has neither docker nor apt-get");
    }
    say(&format!("installing {}", packages.join(", ")));
    let log = place.log("apt");
    run(&log, Command::new("apt-get").args(["update", "--quiet"]))?;
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive");
    run(&log, &mut install)
}

const USER: &str = include_str!("../../../deploy/test-databases.sql");

fn quietly(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn mariadb(place: &Place) -> anyhow::Result<()> {
    let pid = place.pid("mariadb");
    let socket = place.folder.join("run/mariadb.sock");
    let ask = |sql: &str| {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--user=root"]).arg(format!("--socket={}", socket.display())).args(["-e", sql]);
        client
    };
    if running(&pid).is_some() && quietly(&mut ask("SELECT 1")) {
        return Ok(());
    }
    if !is_there("mariadbd") {
        apt(place, &["mariadb-server"])?;
    }
    let data = place.folder.join("mariadb-data");
    if !data.join("mysql").exists() {
        let mut install = Command::new("mariadb-install-db");
        install.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal", "--user=root"]);
        run(&place.log("mariadb-install"), install.arg(format!("--datadir={}", data.display())))?;
    }
    let mut server = Command::new("mariadbd");
    server
        .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1", "--max-connections=500"])
        .args(["--character-set-server=utf8mb4", "--innodb-buffer-pool-size=512M", "--innodb-log-file-size=256M"])
        .args(["--innodb-flush-log-at-trx-commit=1", "--log-bin", "--sync-binlog=1", "--binlog-format=ROW"])
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", socket.display()))
        .arg(format!("--port={}", Server::MariaDb.port()));
    free(Server::MariaDb.port())?;
    start(&place.log("mariadb"), &pid, &mut server)?;
    answer("MariaDB", &pid, &place.log("mariadb"), || quietly(&mut ask("SELECT 1")))?;
    run(&place.log("mariadb-user"), &mut ask(USER))
}

/// A server of somebody else at our port is no test database.
fn free(port: u16) -> anyhow::Result<()> {
    if listens(port) {
        bail!("something that was not started here listens at port {port}");
    }
    Ok(())
}

fn answer(name: &str, pid: &Path, log: &Path, mut asks: impl FnMut() -> bool) -> anyhow::Result<()> {
    let mut ended = false;
    wait(&format!("{name} answers ({})", log.display()), PATIENCE, || {
        ended = running(pid).is_none();
        ended || asks()
    })?;
    if ended {
        bail!("{name} ended at once; see {}", log.display());
    }
    Ok(())
}

fn is_mounted(target: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').nth(1) == target.to_str())
}

/// Debian sid in a folder, with its packages.
fn sid(place: &Place) -> anyhow::Result<()> {
    let sid = place.sid();
    need_root()?;
    let log = place.log("sid");
    if !sid.join(SID_READY).exists() {
        if !is_there("debootstrap") {
            apt(place, &["debootstrap"])?;
        }
        say("making a Debian sid in a folder, for MySQL and PostgreSQL");
        if sid.exists() && !sid.join("usr/bin/apt-get").exists() {
            fs::remove_dir_all(&sid)?;
        }
        if !sid.exists() {
            let mut strap = Command::new("debootstrap");
            strap.args(["--variant=minbase", "--include=ca-certificates", "sid"]).arg(&sid).arg(archive());
            run(&log, &mut strap)?;
        }
    }
    for (mount, arguments) in [("proc", ["--bind", "/proc"]), ("dev", ["--bind", "/dev"])] {
        let target = sid.join(mount);
        if !is_mounted(&target) {
            run(&log, Command::new("mount").args(arguments).arg(&target))?;
        }
    }
    if sid.join(SID_READY).exists() {
        return Ok(());
    }
    // Packages must not start services of their own.
    let policy = sid.join("usr/sbin/policy-rc.d");
    fs::write(&policy, "#!/bin/sh\nexit 101\n")?;
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o755))?;
    // An archive that is copied now and then is older than its own date lets it be; its signature still counts.
    fs::write(sid.join("etc/apt/apt.conf.d/90chainbill"), "Acquire::Check-Valid-Until \"false\";\n")?;
    say(&format!("installing {} in it", SID_PACKAGES.join(", ")));
    run(&log, place.in_sid(None, "apt-get").args(["update", "--quiet"]))?;
    let install = ["install", "--yes", "--no-install-recommends"];
    run(&log, place.in_sid(None, "apt-get").args(install).args(SID_PACKAGES))?;
    fs::write(sid.join(SID_READY), "")?;
    Ok(())
}

/// The archive that the machine itself uses.
fn archive() -> String {
    const OTHERWISE: &str = "http://deb.debian.org/debian";
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    files.extend(fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path()));
    let words = |path: &PathBuf| -> Vec<String> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines = text.lines().filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"));
        lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
    };
    let urls = files.iter().flat_map(words);
    urls.into_iter()
        .find(|word| word.trim_end_matches('/').ends_with("/debian"))
        .unwrap_or_else(|| OTHERWISE.to_owned())
}

fn mysql(place: &Place) -> anyhow::Result<()> {
    let pid = place.pid("mysql");
    let ask = |sql: &str| {
        let mut client = place.in_sid(None, "/usr/bin/mysql");
        client.args(["--no-defaults", "--user=root", "--socket=/run/mysqld/chainbill.sock", "-e", sql]);
        client
    };
    if running(&pid).is_some() && quietly(&mut ask("SELECT 1")) {
        return Ok(());
    }
    sid(place)?;
    let sid = place.sid();
    let log = place.log("mysql-install");
    if !quietly(place.in_sid(None, "id").arg("mysql")) {
        run(&log, place.in_sid(None, "useradd").args(["--system", "--no-create-home", "mysql"]))?;
    }
    for folder in ["run/mysqld", "var/lib/mysql-files", "var/lib/mysql-chainbill"] {
        fs::create_dir_all(sid.join(folder))?;
        run(&log, place.in_sid(None, "chown").args(["mysql:mysql", &format!("/{folder}")]))?;
    }
    let data = "--datadir=/var/lib/mysql-chainbill";
    let program = "/usr/sbin/mysqld";
    if !sid.join("var/lib/mysql-chainbill/mysql").exists() {
        run(&log, place.in_sid(None, program).args(["--no-defaults", "--initialize-insecure", "--user=mysql", data]))?;
    }
    let mut server = place.in_sid(None, program);
    server
        .args([
            "--no-defaults",
            "--user=mysql",
            data,
            "--bind-address=127.0.0.1",
            "--mysqlx=OFF",
            "--max-connections=500",
        ])
        .args(["--socket=/run/mysqld/chainbill.sock", "--innodb-buffer-pool-size=512M"])
        .args(["--innodb-redo-log-capacity=512M", "--binlog-expire-logs-seconds=3600"])
        .arg(format!("--port={}", Server::MySql.port()));
    free(Server::MySql.port())?;
    start(&place.log("mysql"), &pid, &mut server)?;
    answer("MySQL", &pid, &place.log("mysql"), || quietly(&mut ask("SELECT 1")))?;
    run(&log, &mut ask(USER))
}

fn postgres(place: &Place) -> anyhow::Result<()> {
    let pid = place.pid("postgres");
    let port = postgres_port().to_string();
    let ask = |sql: &str| {
        let mut client = place.in_sid(Some("postgres"), "/usr/bin/psql");
        client.args(["-X", "-q", "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-c", sql]);
        client
    };
    if running(&pid).is_some() && quietly(&mut ask("SELECT 1")) {
        return Ok(());
    }
    sid(place)?;
    let sid = place.sid();
    let log = place.log("postgres-install");
    let data = "var/lib/postgresql/chainbill";
    if !sid.join(data).join("PG_VERSION").exists() {
        fs::create_dir_all(sid.join(data))?;
        run(&log, place.in_sid(None, "chown").args(["postgres:postgres", &format!("/{data}")]))?;
        let arguments = ["-D", &format!("/{data}"), "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "-U", "postgres"];
        run(&log, place.in_sid(Some("postgres"), "/usr/lib/postgresql/18/bin/initdb").args(arguments))?;
        let settings = sid.join(data).join("postgresql.conf");
        let mut text = fs::read_to_string(&settings)?;
        text.push_str(
            "\nshared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'\ncron.database_name = 'postgres'\n\
             listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nshared_buffers = '512MB'\nmax_connections = 200\n",
        );
        fs::write(settings, text)?;
    }
    let mut server = place.in_sid(Some("postgres"), "/usr/lib/postgresql/18/bin/postgres");
    server.args(["-D", &format!("/{data}"), "-p", &port]);
    free(postgres_port())?;
    start(&place.log("postgres"), &pid, &mut server)?;
    answer("PostgreSQL", &pid, &place.log("postgres"), || quietly(&mut ask("SELECT 1")))?;
    run(&log, &mut ask("CREATE EXTENSION IF NOT EXISTS documentdb CASCADE"))
}

fn ferretdb(place: &Place) -> anyhow::Result<()> {
    let pid = place.pid("mongodb");
    let port = Server::MongoDb.port();
    if running(&pid).is_some() && listens(port) {
        return Ok(());
    }
    let program = place.folder.join("bin/ferretdb");
    if !program.exists() {
        if !is_there("go") {
            apt(place, &["golang"])?;
        }
        say("building FerretDB, which speaks MongoDB's protocol");
        let mut build = Command::new("go");
        build.args(["install", FERRETDB]).env("GOBIN", place.folder.join("bin")).env("CGO_ENABLED", "0");
        run(&place.log("ferretdb-build"), &mut build)?;
    }
    let state = place.folder.join("ferretdb-state");
    fs::create_dir_all(&state)?;
    let mut server = Command::new(program);
    server
        .env("FERRETDB_POSTGRESQL_URL", format!("postgres://postgres@127.0.0.1:{}/postgres", postgres_port()))
        .env("FERRETDB_LISTEN_ADDR", format!("127.0.0.1:{port}"))
        .env("FERRETDB_STATE_DIR", state)
        .env("FERRETDB_TELEMETRY", "disable")
        .env("FERRETDB_DEBUG_ADDR", "-")
        .env("FERRETDB_AUTH", "false");
    free(port)?;
    start(&place.log("mongodb"), &pid, &mut server)?;
    answer("FerretDB", &pid, &place.log("mongodb"), || listens(port))
}

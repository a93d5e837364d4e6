//! Starting each server, with data, port and socket of its set.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::bail;

use super::{
    Place,
    sid::{apt, sid},
};
use crate::{
    databases::Server,
    shell::{is_there, listens, run, running, say, start, wait},
};

/// FerretDB release.
const FERRETDB: &str = "github.com/FerretDB/FerretDB/v2/cmd/ferretdb@v2.7.0";
/// Time limit of a server's start.
const PATIENCE: Duration = Duration::from_secs(90);

pub(super) fn mariadb(place: &Place) -> anyhow::Result<()> {
    let pid = place.pid("mariadb");
    let socket = place.folder.join(format!("run/{}.sock", place.own("mariadb")));
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
    let data = place.folder.join(place.own("mariadb-data"));
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
        .arg(format!("--port={}", place.set.port(Server::MariaDb)));
    free(place.set.port(Server::MariaDb))?;
    start(&place.log("mariadb"), &pid, &mut server)?;
    answer("MariaDB", &pid, &place.log("mariadb"), || quietly(&mut ask("SELECT 1")))?;
    run(&place.log("mariadb-user"), &mut ask(place.set.users()))
}

pub(super) fn mysql(place: &Place) -> anyhow::Result<()> {
    let pid = place.pid("mysql");
    let socket = format!("--socket=/run/mysqld/{}.sock", place.own("chainbill"));
    let ask = |sql: &str| {
        let mut client = place.in_sid(None, "/usr/bin/mysql");
        client.args(["--no-defaults", "--user=root", &socket, "-e", sql]);
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
    let data = format!("var/lib/{}", place.own("mysql-chainbill"));
    for folder in ["run/mysqld", "var/lib/mysql-files", &data] {
        fs::create_dir_all(sid.join(folder))?;
        run(&log, place.in_sid(None, "chown").args(["mysql:mysql", &format!("/{folder}")]))?;
    }
    let is_new = !sid.join(&data).join("mysql").exists();
    let data = format!("--datadir=/{data}");
    let program = "/usr/sbin/mysqld";
    if is_new {
        run(&log, place.in_sid(None, program).args(["--no-defaults", "--initialize-insecure", "--user=mysql", &data]))?;
    }
    let mut server = place.in_sid(None, program);
    server
        .args([
            "--no-defaults",
            "--user=mysql",
            &data,
            "--bind-address=127.0.0.1",
            "--mysqlx=OFF",
            "--max-connections=500",
        ])
        .args([&socket, "--innodb-buffer-pool-size=512M"])
        .args(["--innodb-redo-log-capacity=512M", "--binlog-expire-logs-seconds=3600"])
        .arg(format!("--port={}", place.set.port(Server::MySql)));
    free(place.set.port(Server::MySql))?;
    start(&place.log("mysql"), &pid, &mut server)?;
    answer("MySQL", &pid, &place.log("mysql"), || quietly(&mut ask("SELECT 1")))?;
    run(&log, &mut ask(place.set.users()))
}

pub(super) fn postgres(place: &Place) -> anyhow::Result<()> {
    let pid = place.pid("postgres");
    let number = place.set.postgres_port();
    let port = number.to_string();
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
    let data = format!("var/lib/postgresql/{}", place.own("chainbill"));
    if !sid.join(&data).join("PG_VERSION").exists() {
        fs::create_dir_all(sid.join(&data))?;
        run(&log, place.in_sid(None, "chown").args(["postgres:postgres", &format!("/{data}")]))?;
        let arguments = ["-D", &format!("/{data}"), "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "-U", "postgres"];
        run(&log, place.in_sid(Some("postgres"), "/usr/lib/postgresql/18/bin/initdb").args(arguments))?;
        let settings = sid.join(&data).join("postgresql.conf");
        let mut text = fs::read_to_string(&settings)?;
        text.push_str(
            "\nshared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'\ncron.database_name = 'postgres'\n\
             listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nshared_buffers = '512MB'\nmax_connections = 200\n",
        );
        fs::write(settings, text)?;
    }
    let mut server = place.in_sid(Some("postgres"), "/usr/lib/postgresql/18/bin/postgres");
    server.args(["-D", &format!("/{data}"), "-p", &port]);
    free(number)?;
    start(&place.log("postgres"), &pid, &mut server)?;
    answer("PostgreSQL", &pid, &place.log("postgres"), || quietly(&mut ask("SELECT 1")))?;
    run(&log, &mut ask("CREATE EXTENSION IF NOT EXISTS documentdb CASCADE"))
}

pub(super) fn ferretdb(place: &Place) -> anyhow::Result<()> {
    let pid = place.pid("mongodb");
    let port = place.set.port(Server::MongoDb);
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
    let state = place.folder.join(place.own("ferretdb-state"));
    fs::create_dir_all(&state)?;
    let mut server = Command::new(program);
    server
        .env("FERRETDB_POSTGRESQL_URL", format!("postgres://postgres@127.0.0.1:{}/postgres", place.set.postgres_port()))
        .env("FERRETDB_LISTEN_ADDR", format!("127.0.0.1:{port}"))
        .env("FERRETDB_STATE_DIR", state)
        .env("FERRETDB_TELEMETRY", "disable")
        .env("FERRETDB_DEBUG_ADDR", "-")
        .env("FERRETDB_AUTH", "false");
    free(port)?;
    start(&place.log("mongodb"), &pid, &mut server)?;
    answer("FerretDB", &pid, &place.log("mongodb"), || listens(port))
}

/// Rejects a foreign server at our port.
pub(super) fn free(port: u16) -> anyhow::Result<()> {
    if listens(port) {
        bail!("a foreign process listens at port {port}");
    }
    Ok(())
}

pub(super) fn answer(name: &str, pid: &Path, log: &Path, mut asks: impl FnMut() -> bool) -> anyhow::Result<()> {
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

pub(super) fn quietly(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

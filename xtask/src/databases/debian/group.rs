//! Two MySQL servers in multi-primary Group Replication: a cluster whose reads may lag behind a commit.

use std::{fs, process::Command, time::Duration};

use super::{
    Place,
    servers::{answer, free, quietly},
    sid::sid,
};
use crate::{
    databases::{Server, set::MEMBERS},
    shell::{run, running, start, wait},
};

/// An arbitrary UUID for this group.
const GROUP: &str = "c4a1b111-0000-4000-8000-000000000001";
const JOINED: &str = "SELECT COUNT(*) FROM performance_schema.replication_group_members \
                      WHERE MEMBER_STATE='ONLINE' HAVING COUNT(*)=2";

/// A member's name in file names.
pub(super) fn name(member: u16) -> String {
    format!("mysql-{}", member + 1)
}

/// Starts an empty group, unless it runs.
pub(super) fn up(place: &Place) -> anyhow::Result<()> {
    if MEMBERS.iter().all(|member| running(&place.pid(&name(*member))).is_some()) && has_joined(place) {
        return Ok(());
    }
    sid(place)?;
    for member in MEMBERS {
        // A killed member's data may conflict with the others': it starts empty.
        crate::shell::stop(&place.pid(&name(member)))?;
        make(place, member)?;
    }
    for member in MEMBERS {
        let asks = || quietly(&mut ask(place, member, "SELECT 1"));
        answer("MySQL of the group", &place.pid(&name(member)), &place.log(&name(member)), asks)?;
    }
    let log = place.log("mysql-group");
    let users = place.set.users().replace("CREATE DATABASE IF NOT EXISTS chainbill;", "");
    for member in MEMBERS {
        let own = format!(
            "SET SQL_LOG_BIN=0; {users} CREATE USER joins@'%' IDENTIFIED BY 'joins'; \
             GRANT REPLICATION SLAVE, CONNECTION_ADMIN, BACKUP_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO joins@'%'; \
             CHANGE REPLICATION SOURCE TO SOURCE_USER='joins', SOURCE_PASSWORD='joins' \
             FOR CHANNEL 'group_replication_recovery'; SET SQL_LOG_BIN=1"
        );
        run(&log, &mut ask(place, member, &own))?;
    }
    let bootstrap = "SET GLOBAL group_replication_bootstrap_group=ON; START GROUP_REPLICATION; \
                     SET GLOBAL group_replication_bootstrap_group=OFF; CREATE DATABASE chainbill";
    run(&log, &mut ask(place, MEMBERS[0], bootstrap))?;
    for member in &MEMBERS[1..] {
        run(&log, &mut ask(place, *member, "START GROUP_REPLICATION"))?;
    }
    wait("both members are online", Duration::from_secs(90), || has_joined(place))
}

fn has_joined(place: &Place) -> bool {
    let mut asked = ask(place, MEMBERS[0], JOINED);
    asked.output().is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}

fn socket(place: &Place, member: u16) -> String {
    format!("--socket=/run/mysqld/{}.sock", place.own(&name(member)))
}

fn ask(place: &Place, member: u16, sql: &str) -> Command {
    let mut client = place.in_sid(None, "/usr/bin/mysql");
    client.args(["--no-defaults", "--user=root", &socket(place, member), "-e", sql]);
    client
}

/// Creates and starts an empty group member.
fn make(place: &Place, member: u16) -> anyhow::Result<()> {
    let (sid, log) = (place.sid(), place.log("mysql-group"));
    if !quietly(place.in_sid(None, "id").arg("mysql")) {
        run(&log, place.in_sid(None, "useradd").args(["--system", "--no-create-home", "mysql"]))?;
    }
    let data = format!("var/lib/{}", place.own(&name(member)));
    if sid.join(&data).exists() {
        fs::remove_dir_all(sid.join(&data))?;
    }
    for folder in ["run/mysqld", "var/lib/mysql-files", &data] {
        fs::create_dir_all(sid.join(folder))?;
        run(&log, place.in_sid(None, "chown").args(["mysql:mysql", &format!("/{folder}")]))?;
    }
    let (data, program) = (format!("--datadir=/{data}"), "/usr/sbin/mysqld");
    run(&log, place.in_sid(None, program).args(["--no-defaults", "--initialize-insecure", "--user=mysql", &data]))?;
    let first = place.set.port(Server::MySql);
    let told_at = |member: u16| format!("127.0.0.1:{}", first + 2 + member);
    let seeds = MEMBERS.map(told_at).join(",");
    let mut server = place.in_sid(None, program);
    server
        .args(["--no-defaults", "--user=mysql", &data, "--bind-address=127.0.0.1", "--mysqlx=OFF"])
        .args([&socket(place, member), "--max-connections=500", "--innodb-buffer-pool-size=128M"])
        .args(["--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--report-host=127.0.0.1"])
        .args(["--plugin-load-add=group_replication.so", "--binlog-expire-logs-seconds=3600"])
        .args(["--loose-group-replication-communication-stack=XCOM", "--loose-group-replication-start-on-boot=OFF"])
        .args([
            "--loose-group-replication-single-primary-mode=OFF",
            "--loose-group-replication-recovery-get-public-key=ON",
        ])
        .arg(format!("--loose-group-replication-group-name={GROUP}"))
        .arg(format!("--loose-group-replication-local-address={}", told_at(member)))
        .arg(format!("--loose-group-replication-group-seeds={seeds}"))
        .arg(format!("--server-id={}", member + 1))
        .arg(format!("--port={}", first + member));
    free(first + member)?;
    start(&place.log(&name(member)), &place.pid(&name(member)), &mut server)
}

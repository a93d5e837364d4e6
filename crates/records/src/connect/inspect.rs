//! What is looked at before a server is trusted with money.

use std::net::IpAddr;

use super::{ConnectError, ask};
use crate::{Connections, connections::host};

/// What was seen of a server; none where it does not know the question.
#[derive(Debug, Default)]
struct Seen {
    flush: Option<String>,
    binary_log: Option<String>,
    sync_binlog: Option<String>,
    sql_mode: Option<String>,
    time_zone: Option<String>,
    client_charset: Option<String>,
    connection_charset: Option<String>,
    cipher: Option<String>,
    engine: Option<String>,
}

/// Looks at what durability and exactness depend on (safety rule 4).
pub(super) async fn inspect(db: &Connections, url: &str) -> Result<Vec<String>, ConnectError> {
    let variable = async |name: &str| ask(db, &format!("SELECT CAST(@@{name} AS CHAR)")).await.ok().flatten();
    let seen = Seen {
        flush: variable("GLOBAL.innodb_flush_log_at_trx_commit").await,
        binary_log: variable("GLOBAL.log_bin").await,
        sync_binlog: variable("GLOBAL.sync_binlog").await,
        sql_mode: variable("SESSION.sql_mode").await,
        time_zone: variable("SESSION.time_zone").await,
        client_charset: variable("SESSION.character_set_client").await,
        connection_charset: variable("SESSION.character_set_connection").await,
        cipher: ask(db, "SHOW SESSION STATUS LIKE 'Ssl_cipher'").await.ok().flatten(),
        engine: variable("GLOBAL.default_storage_engine").await,
    };
    judge(&seen, host(url))
}

/// Refuses what would change what is stored, and warns of what could lose it or show it to others.
fn judge(seen: &Seen, host: &str) -> Result<Vec<String>, ConnectError> {
    let refused = |what: String| Err(ConnectError::Unsafe(what));
    if let Some(engine) = seen.engine.as_ref().filter(|engine| !engine.eq_ignore_ascii_case("InnoDB")) {
        return refused(format!("its default storage engine is {engine}; InnoDB is accepted"));
    }
    // Every session asks for these; what stands between, such as a pooling proxy, may have lost the setting.
    if let Some(mode) = seen.sql_mode.as_ref().filter(|mode| !mode.contains("STRICT_")) {
        return refused(format!(
            "its sql_mode stays {mode:?}, which cuts what does not fit; STRICT_ALL_TABLES is accepted"
        ));
    }
    if let Some(zone) = seen.time_zone.as_ref().filter(|zone| !["+00:00", "UTC"].contains(&zone.as_str())) {
        return refused(format!("its time_zone stays {zone}; +00:00 is accepted"));
    }
    for charset in [&seen.client_charset, &seen.connection_charset].into_iter().flatten() {
        if charset != "utf8mb4" {
            return refused(format!("its character set stays {charset}; utf8mb4 is accepted"));
        }
    }
    let mut warnings = Vec::new();
    if let Some(flush) = seen.flush.as_ref().filter(|flush| *flush != "1") {
        warnings.push(format!(
            "innodb_flush_log_at_trx_commit is {flush}: an acknowledged write can be lost in a crash; set it to 1"
        ));
    }
    let logs = seen.binary_log.as_ref().is_some_and(|on| on == "1");
    if let Some(sync) = seen.sync_binlog.as_ref().filter(|sync| logs && *sync != "1") {
        warnings.push(format!("sync_binlog is {sync}: replicas can lose acknowledged writes; set it to 1"));
    }
    let plain = seen.cipher.as_ref().is_none_or(|cipher| cipher.is_empty() || cipher == "Ssl_cipher");
    if plain && !is_local(host) {
        warnings.push(format!(
            "the connection to {host} may not be encrypted: add ?ssl-mode=VERIFY_IDENTITY to DATABASE_URL"
        ));
    }
    Ok(warnings)
}

/// Whether what is sent there never leaves the machine.
fn is_local(host: &str) -> bool {
    host.is_empty()
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_machine_itself_is_local() {
        for (url, expected, local) in [
            ("mysql://u:p@localhost:3306/d", "localhost", true),
            ("mysql://u:p@127.0.0.1/d", "127.0.0.1", true),
            ("mysql://u:p@127.8.8.8/d", "127.8.8.8", true),
            ("mysql://u:p@[::1]:3306/d", "::1", true),
            ("mysql:///d?socket=/run/mysqld.sock", "", true),
            ("mysql://u:p@[2001:db8::1]:3306/d", "2001:db8::1", false),
            ("mysql://u:p%40x@db.example.org/d?ssl-mode=REQUIRED", "db.example.org", false),
            ("mysql://db.example.org", "db.example.org", false),
            ("mysql://u:p@10.0.0.7:3306/d", "10.0.0.7", false),
        ] {
            assert_eq!((host(url), is_local(host(url))), (expected, local), "{url}");
        }
    }

    fn sound() -> Seen {
        let text = |text: &str| Some(text.to_owned());
        Seen {
            flush: text("1"),
            binary_log: text("1"),
            sync_binlog: text("1"),
            sql_mode: text("STRICT_ALL_TABLES,NO_ZERO_DATE"),
            time_zone: text("+00:00"),
            client_charset: text("utf8mb4"),
            connection_charset: text("utf8mb4"),
            cipher: text("TLS_AES_128_GCM_SHA256"),
            engine: text("InnoDB"),
        }
    }

    #[test]
    fn what_could_lose_or_show_something_is_warned_of() {
        let warned = |seen: Seen, host: &str| judge(&seen, host).expect("it is usable");
        assert_eq!(warned(sound(), "db.example.org"), Vec::<String>::new());
        assert!(warned(Seen { flush: Some("2".to_owned()), ..sound() }, "")[0].contains("innodb_flush"));
        assert!(warned(Seen { sync_binlog: Some("0".to_owned()), ..sound() }, "")[0].contains("sync_binlog"));
        let quiet = Seen { sync_binlog: Some("0".to_owned()), binary_log: Some("0".to_owned()), ..sound() };
        assert!(warned(quiet, "").is_empty(), "without a binary log there is nothing to lose");
        let plain = || Seen { cipher: Some(String::new()), ..sound() };
        assert!(warned(plain(), "2001:db8::1")[0].contains("ssl-mode"));
        assert!(warned(plain(), "::1").is_empty());
    }

    #[test]
    fn what_would_change_what_is_stored_is_refused() {
        let wrong = |text: &str| Some(text.to_owned());
        for seen in [
            Seen { engine: wrong("MyISAM"), ..sound() },
            Seen { sql_mode: wrong(""), ..sound() },
            Seen { time_zone: wrong("SYSTEM"), ..sound() },
            Seen { client_charset: wrong("latin1"), ..sound() },
            Seen { connection_charset: wrong("utf8mb3"), ..sound() },
        ] {
            assert!(matches!(judge(&seen, ""), Err(ConnectError::Unsafe(_))), "{seen:?}");
        }
    }
}

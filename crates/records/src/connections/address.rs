//! The address of a server, and its options.

use sqlx::{
    ConnectOptions as _,
    mysql::{MySqlConnectOptions, MySqlSslMode},
};

use crate::connect::ConnectError;

/// Options that an address may have, as they are shown. `sslmode` and its like, without the hyphen, are taken too.
const ACCEPTED: &[&str] = &["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket", "charset", "collation"];
/// What `ssl-mode` may be.
const SSL_MODES: &[&str] = &["DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"];
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 200;

/// Checks the options of an address without a connection.
///
/// # Errors
/// [`ConnectError::Option`] with the first option that is not accepted. No password is part of it.
pub(crate) fn check(url: &str) -> Result<(), ConnectError> {
    let Some((before, query)) = url.split_once('?') else { return Ok(()) };
    let query = query.split('#').next().unwrap_or("");
    for (name, value) in
        query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    {
        let refused =
            |accepted: &[&str], what: String| Err(ConnectError::Option { what, accepted: accepted.join(", ") });
        if before.starts_with("sqlite:") {
            if (name, value) != ("mode", "rwc") {
                return refused(&["mode=rwc"], format!("the option {name:?}"));
            }
            continue;
        }
        let known = ACCEPTED.iter().find(|known| **known == name || known.replace('-', "") == name);
        match known {
            None => return refused(ACCEPTED, format!("the option {name:?}")),
            Some(&"ssl-mode") if value.parse::<MySqlSslMode>().is_err() => {
                return refused(SSL_MODES, format!("{name}={value:?}"));
            }
            Some(&"charset") if value != "utf8mb4" => return refused(&["utf8mb4"], format!("{name}={value:?}")),
            Some(_) => {}
        }
    }
    Ok(())
}

/// How the driver reaches the server of a checked address.
pub(crate) fn options(url: &str) -> Result<MySqlConnectOptions, ConnectError> {
    check(url)?;
    let options: MySqlConnectOptions =
        url.replacen("mariadb://", "mysql://", 1).parse().map_err(|cause| ConnectError::Address { cause })?;
    Ok(options.statement_cache_capacity(STATEMENTS).charset("utf8mb4").disable_statement_logging())
}

/// The host of an address; an IPv6 address stands in brackets there and comes without them.
pub(crate) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let place = authority.rsplit('@').next().unwrap_or("");
    match place.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or(""),
        None => place.split(':').next().unwrap_or(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_options_are_refused_by_name_with_those_that_are_accepted() {
        for (url, expected) in [
            ("mysql://u:canary@h/d?sslaccept=strict", "\"sslaccept\""),
            ("mysql://u:canary@h/d?ssl-mode=REQUIRED&foo=bar", "\"foo\""),
            ("mariadb://u:canary@h/d?timezone=utc", "\"timezone\""),
            ("mysql://u:canary@h/d?ssl-mode=strict", "ssl-mode=\"strict\""),
            ("mysql://u:canary@h/d?charset=latin1", "charset=\"latin1\""),
            ("sqlite://file.db?cache=shared", "\"cache\""),
        ] {
            let error = check(url).expect_err(url).to_string();
            assert!(error.contains(expected) && error.contains("accepted") && !error.contains("canary"), "{error}");
        }
        for url in [
            "mysql://u:p@h/d",
            "mysql://u:p@h/d?",
            "mysql://u:p@h/d?ssl-mode=VERIFY_IDENTITY&ssl-ca=/etc/ca.pem&charset=utf8mb4",
            "mysql://u:p@h/d?sslmode=disabled",
            "mysql://u@localhost/d?socket=/run/mysqld.sock",
            "sqlite://file.db?mode=rwc",
        ] {
            check(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        }
    }
}

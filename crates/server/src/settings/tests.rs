use std::collections::BTreeSet;

use clap::{CommandFactory as _, Parser as _};

use crate::cli::Cli;

fn names() -> BTreeSet<String> {
    crate::cli::setting_names().into_iter().collect()
}

/// The refusal of these settings, with these secrets in the environment.
fn refused(arguments: &[&str], secrets: &[(&str, &str)]) -> String {
    let mut cli = Cli::try_parse_from(["chainbill"].iter().chain(arguments)).expect("it is checked later");
    let find = |name: &str| secrets.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
    cli.settings.take_secrets(find).expect("texts");
    let error = cli.settings.check().expect_err("refused").to_string();
    for (_, secret) in secrets {
        assert!(!error.contains(secret) && !format!("{cli:?}").contains(secret), "{error}");
    }
    assert!(error.contains("accepted") || error.contains("needs"), "{error}");
    error
}

#[test]
fn the_example_file_holds_every_setting_and_no_other() {
    let example = include_str!("../../../../.env.example");
    let lines = example.lines().filter_map(|line| line.trim_start_matches('#').trim_start().split_once('='));
    let written: BTreeSet<String> = lines
        .map(|(name, _)| name)
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .map(str::to_owned)
        .collect();
    assert_eq!(written, names());
}

#[test]
fn the_help_explains_every_setting() {
    let help = Cli::command().render_long_help().to_string();
    for name in names() {
        assert!(help.contains(&format!("[env: {name}")), "{name}");
    }
}

#[test]
fn a_wrong_value_is_refused_with_its_name_and_what_is_accepted() {
    for (arguments, expected) in [
        (["--port", "70000"], ["PORT", "from 0 to 65535"]),
        (["--port", "abc"], ["'abc'", "from 0 to 65535"]),
        (["--rate-all", "many"], ["RATE_ALL", "from 1 to"]),
        (["--bind-address", "home"], ["BIND_ADDRESS", "127.0.0.1"]),
        (["--trusted-proxies", "10.0.0.1,proxy"], ["TRUSTED_PROXIES", "an IP address or a network"]),
        (["--trusted-proxies", "10.0.0.0/33"], ["TRUSTED_PROXIES", "10.0.0.0/8"]),
        (["--metrics-bind-address", "127.0.0.1"], ["METRICS_BIND_ADDRESS", "127.0.0.1:9464"]),
        (["--max-connections", "100001"], ["MAX_CONNECTIONS", "from 0 to"]),
        (["--log-format", "xml"], ["LOG_FORMAT", "text, json"]),
        (["--fresh-wait", "soon"], ["FRESH_WAIT", "500ms, 5s, 2m"]),
        (["--fresh-wait", "31s"], ["FRESH_WAIT", "0s to 30s"]),
        (["--database-timeout", "99999999999d"], ["DATABASE_TIMEOUT", "100ms to 5m"]),
        (["--database-timeout", "0s"], ["DATABASE_TIMEOUT", "100ms to 5m"]),
        (["--session-lifetime", "0s"], ["SESSION_LIFETIME", "1m to 365d"]),
        (["--session-lifetime", "999999d"], ["SESSION_LIFETIME", "1m to 365d"]),
        (["--idempotency-lifetime", "0s"], ["IDEMPOTENCY_LIFETIME", "1m to 365d"]),
        (["--sync-stall-after", "0s"], ["SYNC_STALL_AFTER", "1s to 1d"]),
        (["--sync-every", "ghosts=1h"], ["SYNC_EVERY", "users, skills"]),
        (["--sync-every", "users=5ms"], ["SYNC_EVERY", "1s to 365d"]),
        (["--sync-verify-every", "5ms"], ["SYNC_VERIFY_EVERY", "0s for never"]),
        (["--sync-lanes", "0"], ["SYNC_LANES", "from 1 to 64"]),
        (["--public-api-url", "api.example.org"], ["PUBLIC_API_URL", "https://api.example.org"]),
        (["--public-api-url", "ftp://api.example.org"], ["PUBLIC_API_URL", "https://api.example.org"]),
        (["--public-api-url", "https://api.example.org/v1"], ["PUBLIC_API_URL", "without a path"]),
        (["--public-api-url", "https://api.example.org/a/.."], ["PUBLIC_API_URL", "without a path"]),
        (["--public-web-url", "https://user@example.org"], ["PUBLIC_WEB_URL", "without a path"]),
        (["--public-web-url", "https://example.org?a=b"], ["PUBLIC_WEB_URL", "without a path"]),
        (["--public-web-url", "https://exa\\mple.org"], ["PUBLIC_WEB_URL", "without a path"]),
        (["--public-web-url", "https:example.org"], ["PUBLIC_WEB_URL", "without a path"]),
    ] {
        let error = Cli::try_parse_from(["chainbill"].into_iter().chain(arguments)).expect_err("refused");
        let text = error.to_string();
        assert!(expected.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[test]
fn proxies_are_a_list_of_addresses_and_networks() {
    let list = "10.0.0.1,2001:db8::1,172.16.0.0/12,fd00::/8,::ffff:192.0.2.0/120";
    let cli = Cli::try_parse_from(["chainbill", "--trusted-proxies", list]).expect("accepted");
    let named: Vec<String> = cli.settings.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(named, ["10.0.0.1/32", "2001:db8::1/128", "172.16.0.0/12", "fd00::/8", "192.0.2.0/24"]);
}

#[test]
fn public_addresses_follow_the_listener_where_they_are_not_set() {
    let urls = |arguments: &[&str], address: &str| {
        let cli = Cli::try_parse_from(["chainbill"].iter().chain(arguments)).expect("accepted");
        let urls = cli.settings.public_urls(address.parse().expect("an address"));
        (urls.api, urls.web)
    };
    let both = |url: &str| (url.to_owned(), url.to_owned());
    assert_eq!(urls(&[], "127.0.0.1:3000"), both("http://127.0.0.1:3000"));
    assert_eq!(urls(&[], "0.0.0.0:3000"), both("http://localhost:3000"));
    assert_eq!(urls(&[], "[::1]:3000"), both("http://[::1]:3000"));
    let api = ["--public-api-url", "https://API.example.org:443/"];
    assert_eq!(urls(&api, "0.0.0.0:3000"), both("https://api.example.org"));
    let web = ["--public-api-url", "https://api.example.org", "--public-web-url", "https://example.org:8443"];
    assert_eq!(urls(&web, "0.0.0.0:1").1, "https://example.org:8443");
}

#[test]
fn what_single_values_cannot_say_is_refused_with_its_name() {
    const FROM: &[&str] = &["--alert-email-from"];
    for (arguments, secrets, expected) in [
        (&["--sync-every", "users=1h,users=2h"][..], &[][..], "SYNC_EVERY names users twice"),
        (&["--aptos-network", "testnet"], &[], "APTOS_NETWORK is testnet"),
        (&[FROM[0], "nobody"], &[], "ALERT_EMAIL_FROM is \"nobody\""),
        (&["--alert-email-to", "a@b@c"], &[], "ALERT_EMAIL_TO is"),
        (&["--alert-email-to", "ops@example.org"], &[], "ALERT_EMAIL_TO needs SMTP_URL"),
        (&[], &[("SMTP_URL", "http://u:canary@h")], "SMTP_URL begins with \"http\""),
        (&[], &[("ALERT_WEBHOOK_SECRET", "canary")], "ALERT_WEBHOOK_SECRET is no key"),
        (&[], &[("ALERT_WEBHOOK_SECRET", "whsec_canary!")], "ALERT_WEBHOOK_SECRET is no key"),
        (&[], &[("ALERT_WEBHOOK_URL", "ftp://canary")], "ALERT_WEBHOOK_URL begins with \"ftp\""),
        (&["--test-mode", "--bind-address", "0.0.0.0"], &[], "TEST_MODE is set and BIND_ADDRESS is 0.0.0.0"),
        (&["--test-mode", "--secure-cookies", "true"], &[], "TEST_MODE is set with SECURE_COOKIES"),
        (&["--test-mode", "--public-api-url", "https://a.example"], &[], "TEST_MODE is set with a PUBLIC_API_URL"),
        (&["--test-mode-exposed"], &[], "TEST_MODE_EXPOSED needs TEST_MODE"),
        (&[], &[("METRICS_TOKEN", "canary")], "METRICS_TOKEN is not accepted"),
        (&[], &[("ADMIN_PASSWORD", "canary")], "ADMIN_PASSWORD has 6 characters"),
    ] {
        let error = refused(arguments, secrets);
        assert!(error.starts_with(expected) && !error.contains("canary"), "{error}");
    }
}

#[test]
fn a_wrong_address_is_refused_without_showing_its_password() {
    for (name, value, expected) in [
        ("DATABASE_URL", "postgres://u:canary@h/d", "begins with \"postgres\""),
        ("DATABASE_URL", "can/ary://u", "begins with \"…\""),
        ("DATABASE_URL", "mysql://u:sec#canary/pw@127.0.0.1:1/x", "%23 for #"),
        ("DATABASE_URL", "mysql://u:sec?canary@127.0.0.1:1/x", "%3F for ?"),
        ("DATABASE_URL", "mysql://u:canary@x@127.0.0.1:1/x", "%40 for @"),
        ("DATABASE_URL", "mysql://u:canary%zz@127.0.0.1:1/x", "%25 for %"),
        ("DATABASE_URL", "mysql://u:a canary@127.0.0.1:1/x", "%20 for a blank"),
        ("DATABASE_URL", "mysql://u:canary@127.0.0.1:99999/x", "1 to 65535"),
        ("DATABASE_URL", "mysql://u:canary@127.0.0.1:1/?ssl-mode=REQUIRED", "names no database"),
        ("DATABASE_URL", "mysql://u:canary@/x", "names no host"),
        ("MONGODB_URI", "http://u:canary@h", "begins with \"http\""),
        ("MONGODB_URI", "mongodb://u:canary/x@h1:1,h2:2/x", "%2F for /"),
    ] {
        let error = refused(&[], &[(name, value)]);
        assert!(error.starts_with(name) && error.contains(expected) && !error.contains("canary"), "{error}");
    }
}

#[test]
fn addresses_that_are_fine_pass() {
    for value in [
        "mysql://u:p%2F%23@h/d",
        "mariadb://u:p@h:3306/d?ssl-mode=VERIFY_IDENTITY",
        "mysql://u@[::1]:3306/d",
        "sqlite://a/b #1.db",
    ] {
        let mut cli = Cli::try_parse_from(["chainbill"]).expect("nothing is set");
        cli.settings.take_secrets(|name| (name == "DATABASE_URL").then(|| value.into())).expect("a text");
        cli.settings.check().expect(value);
    }
}

#[test]
fn secrets_are_no_options() {
    for (name, _) in super::SECRETS {
        let option = format!("--{}", name.to_lowercase().replace('_', "-"));
        let error = Cli::try_parse_from(["chainbill", &option, "canary://u:canary@h"]).expect_err("no option");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

//! Parsers of single values. Each error states what is accepted.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;

/// Whole numbers within bounds, both included.
pub(super) fn whole(low: u32, high: u32) -> impl Fn(&str) -> Result<u32, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| format!("a whole number from {low} to {high} is accepted"))
    }
}

pub(super) fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "a whole number from 0 to 65535 is accepted".to_owned())
}

pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "an IP address is accepted: 127.0.0.1, 0.0.0.0, ::1".to_owned())
}

/// Spans of time within bounds, both included and written as spans.
pub(super) fn within(low: &'static str, high: &'static str) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| {
        let found = span(text)?;
        if (span(low)?..=span(high)?).contains(&found) {
            Ok(found)
        } else {
            Err(format!("a span from {low} to {high} is accepted"))
        }
    }
}

/// How often: a span from a second to a year, or 0s for never.
pub(super) fn every(text: &str) -> Result<Duration, String> {
    let found = span(text)?;
    let most = Duration::from_secs(365 * 86_400);
    if found.is_zero() || (Duration::from_secs(1)..=most).contains(&found) {
        Ok(found)
    } else {
        Err("a span from 1s to 365d is accepted, or 0s for never".to_owned())
    }
}

/// A model and how often.
pub(super) fn schedule(text: &str) -> Result<(&'static str, Duration), String> {
    let (model, often) = text.split_once('=').ok_or("a model, = and a span are accepted: users=1h")?;
    let model = chainbill_sync::model(model.trim()).map_err(|error| error.to_string())?;
    Ok((model.name, every(often.trim())?))
}

/// A span of time: a whole number and ms, s, m, h or d.
fn span(text: &str) -> Result<Duration, String> {
    chainbill_domain::span::span(text).map_err(|error| error.to_string())
}

/// A network: an address, or an address with the length of its prefix.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let wrong = || "an IP address or a network is accepted: 10.0.0.1, 10.0.0.0/8, 2001:db8::/32".to_owned();
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| wrong())?;
    // Addresses of IPv4 that are written as ones of IPv6 come as ones of IPv4.
    match (network, network.addr().to_canonical()) {
        (IpNet::V6(wide), IpAddr::V4(narrow)) if wide.prefix_len() >= 96 => {
            IpNet::new(narrow.into(), wide.prefix_len() - 96).map_err(|_| wrong())
        }
        (network, _) => Ok(network),
    }
}

/// An address and a port to listen at.
pub(super) fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an IP address with a port is accepted: 127.0.0.1:9464, [::1]:9464".to_owned())
}

/// An origin: http or https, a host, perhaps a port, and nothing else that could lead elsewhere.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let wrong = || "an http or https address without a path is accepted: https://api.example.org".to_owned();
    let (_, authority) = text.split_once("://").ok_or_else(wrong)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let url = reqwest::Url::parse(text).map_err(|_| wrong())?;
    let is_web = ["http", "https"].contains(&url.scheme());
    if !is_web || authority.is_empty() || !authority.bytes().all(is_plain) {
        return Err(wrong());
    }
    Ok(url.origin().ascii_serialization())
}

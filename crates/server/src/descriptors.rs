//! The limit of open files of this process, and the number of client connections that follows from it.

use std::time::Duration;

use chainbill_web::ConnectionLimits;

use crate::settings::Settings;

/// More connections than this need an explicit setting.
const MOST: usize = 10_000;
/// The default limit per address: browsers open six connections, and offices share an address.
const MOST_OF_ONE: usize = 256;
/// The log, libraries, files that are read now and then, and connections that are just being closed.
const SPARE: u64 = 64;
/// An embedded database has three files open for each of its connections.
const FILES: u64 = 3;
/// After this time a reader that takes next to nothing of a response is disconnected.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The limits of connections: as they are set, else as the limit of open files allows.
pub(crate) fn connections(settings: &Settings) -> ConnectionLimits {
    let limits = limits(settings, raised());
    tracing::debug!("at most {} connections of clients, {} of one address", limits.all, limits.of_one);
    limits
}

/// For the metrics listener.
pub(crate) fn few(settings: &Settings) -> ConnectionLimits {
    ConnectionLimits { all: 16, of_one: 16, ..limits(settings, None) }
}

fn limits(settings: &Settings, open_files: Option<u64>) -> ConnectionLimits {
    let left = open_files.map_or(MOST as u64, |files| files.saturating_sub(reserved(settings)).max(16));
    let derived = usize::try_from(left).unwrap_or(MOST).min(MOST);
    let set = |set: u32, otherwise: usize| if set == 0 { otherwise } else { set as usize };
    let all = set(settings.max_connections, derived);
    let of_one = set(settings.max_connections_per_address, (all / 2).clamp(1, MOST_OF_ONE));
    ConnectionLimits { all, of_one, stall_timeout: STALL_TIMEOUT, trusted_proxies: settings.trusted_proxies.clone() }
}

/// Descriptors that the databases and everything else may need.
fn reserved(settings: &Settings) -> u64 {
    let primary = u64::from(settings.database_max_connections);
    let files = if settings.database_url.is_none() { FILES } else { 1 };
    let second = u64::from(settings.mongodb_max_connections);
    primary * files + u64::from(settings.sync_max_connections) + second + SPARE
}

/// The limit of open files, raised as far as this process may; none where there is no such limit.
#[cfg(unix)]
fn raised() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Systems exist that take no more than they have: then it stays.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    if raised { maximum } else { current }
}

#[cfg(not(unix))]
fn raised() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn connections_leave_room_for_the_databases_and_one_address_never_has_all() {
        let settings =
            |arguments: &[&str]| Cli::try_parse_from(["chainbill"].iter().chain(arguments)).expect("accepted").settings;
        let of = |arguments: &[&str], files| {
            let limits = limits(&settings(arguments), files);
            (limits.all, limits.of_one)
        };
        assert_eq!(of(&[], Some(300)), (162, 81), "16 × 3 files, 10, 16 and 64 to spare");
        assert_eq!(of(&[], Some(1024)), (886, 256));
        assert_eq!(of(&[], Some(1 << 20)), (10_000, 256));
        assert_eq!(of(&[], Some(20)), (16, 8), "a few, whatever else fails then");
        assert_eq!(of(&[], None), (10_000, 256));
        assert_eq!(of(&["--max-connections", "50"], Some(300)), (50, 25));
        assert_eq!(of(&["--max-connections-per-address", "5"], Some(300)), (162, 5));
    }
}

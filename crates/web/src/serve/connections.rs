//! The open connections: their limits, which of them are closed in favour of new ones, and the bytes that their readers have not
//! taken.

use std::{
    cmp::Reverse,
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use chainbill_app::network_of;
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use crate::client_address::is_trusted;

/// Limits of connections and of slow readers.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Most connections.
    pub all: usize,
    /// Most connections of one address; of IPv6, of one /64. Trusted proxies are not bound by it.
    pub of_one: usize,
    /// After this time a reader that takes next to nothing of a response is disconnected.
    pub stall_timeout: Duration,
    /// Proxies in front.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { all: 1024, of_one: 256, stall_timeout: Duration::from_secs(30), trusted_proxies: Vec::new() }
    }
}

/// The largest number of unsent response bytes in this process.
const MOST_UNSENT: usize = 64 << 20;
/// A reader that has taken nothing for this long may be disconnected in favour of others.
const STALLED: Duration = Duration::from_secs(2);

/// Too many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// From the same address.
    Own,
    /// In all.
    All,
}

pub(super) struct Connections {
    pub limits: ConnectionLimits,
    open: Mutex<Open>,
    began: Instant,
}

#[derive(Default)]
struct Open {
    next: u64,
    all: HashMap<u64, Arc<Connection>>,
    of: HashMap<IpAddr, usize>,
}

/// Between two requests, or before the first: nothing is lost when it is closed.
const IDLE: u8 = 0;
/// A request is being answered.
const BUSY: u8 = 1;
/// It is being closed in favour of another one.
const CLOSING: u8 = 2;

/// One connection, as the others see it.
pub(super) struct Connection {
    number: u64,
    network: IpAddr,
    is_proxy: bool,
    state: AtomicU8,
    /// When the state or the reader moved last, in milliseconds since the beginning.
    moved: AtomicU64,
    /// Bytes of the answer that wait for the reader.
    unsent: AtomicUsize,
    /// Ends when it must make room.
    pub closed: CancellationToken,
    began: Instant,
}

impl Connection {
    /// A request begins; `false` when the connection is about to be closed.
    fn begin(&self) -> bool {
        self.touch();
        self.state.compare_exchange(IDLE, BUSY, SeqCst, SeqCst).is_ok()
    }

    /// The answer has been taken, or will never be.
    fn end(&self) {
        self.unsent.store(0, SeqCst);
        self.touch();
        // Where it is closing, it stays so.
        let _ = self.state.compare_exchange(BUSY, IDLE, SeqCst, SeqCst);
    }

    /// The reader has taken something.
    pub fn touch(&self) {
        self.moved.store(millis(self.began.elapsed()), SeqCst);
    }

    fn is_stalled(&self) -> bool {
        let stood = millis(self.began.elapsed()).saturating_sub(self.moved.load(SeqCst));
        self.unsent.load(SeqCst) > 0 && stood >= millis(STALLED)
    }

    fn may_make_room(&self) -> bool {
        self.state.load(SeqCst) == IDLE || self.is_stalled()
    }

    /// Closes it if it is idle, or if its reader is stalled.
    fn make_room(&self) -> bool {
        let idle = self.state.compare_exchange(IDLE, CLOSING, SeqCst, SeqCst).is_ok();
        if idle || self.is_stalled() {
            self.closed.cancel();
            return true;
        }
        false
    }
}

/// A request in progress on a connection; dropping it ends the request.
pub(super) struct Busy(Arc<Connection>);

impl Busy {
    /// None when the connection is about to be closed.
    pub fn begin(connection: Arc<Connection>) -> Option<Self> {
        connection.begin().then(|| Self(connection))
    }

    /// So many bytes of the answer wait for the reader.
    pub fn waits(&self, bytes: usize) {
        self.0.unsent.store(bytes, SeqCst);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Connections {
    pub fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { limits, open: Mutex::default(), began: Instant::now() })
    }

    /// Takes a new connection in, closing another one where there are too many.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Admitted, Full> {
        let network = network_of(peer);
        let is_proxy = is_trusted(peer, &self.limits.trusted_proxies);
        let mut open = self.open();
        let own = open.of.get(&network).copied().unwrap_or(0);
        if !is_proxy && own >= self.limits.of_one && !open.make_room(|other| other.network == network) {
            return Err(Full::Own);
        }
        if open.all.len() >= self.limits.all && !open.make_room(|_| true) {
            return Err(Full::All);
        }
        let number = open.next;
        open.next += 1;
        let connection = Arc::new(Connection {
            number,
            network,
            is_proxy,
            state: AtomicU8::new(IDLE),
            moved: AtomicU64::new(millis(self.began.elapsed())),
            unsent: AtomicUsize::new(0),
            closed: CancellationToken::new(),
            began: self.began,
        });
        open.all.insert(number, connection.clone());
        *open.of.entry(network).or_default() += 1;
        open.publish();
        Ok(Admitted { connection, connections: self.clone() })
    }

    /// Closes the longest idle connections: there are no descriptors left for new ones.
    pub fn relieve(&self) {
        const AT_ONCE: usize = 16;
        let mut open = self.open();
        for _ in 0..AT_ONCE {
            if !open.make_room(|_| true) {
                return;
            }
        }
    }

    /// Where readers leave too much waiting, those that stand still are closed, the longest first.
    pub fn relieve_memory(&self) {
        let mut open = self.open();
        while open.all.values().map(|connection| connection.unsent.load(SeqCst)).sum::<usize>() > MOST_UNSENT {
            if !open.make_room(Connection::is_stalled) {
                return;
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Closes one of these connections: of the address with the most, the one that has been idle for longest; those of proxies
    /// last, because many clients share them.
    fn make_room(&mut self, which: impl Fn(&Connection) -> bool) -> bool {
        let rank = |connection: &&Arc<Connection>| {
            let many = self.of.get(&connection.network).copied().unwrap_or(0);
            (connection.is_proxy, Reverse(many), connection.moved.load(SeqCst), connection.number)
        };
        let closed = loop {
            let candidates = self.all.values().filter(|connection| connection.may_make_room() && which(connection));
            let Some(best) = candidates.min_by_key(rank) else { return false };
            // A request may have begun on it at this moment: then it is no candidate any more.
            if best.make_room() {
                break best.clone();
            }
        };
        metrics::counter!("chainbill_connections_closed_total").increment(1);
        self.forget(&closed);
        true
    }

    fn forget(&mut self, connection: &Connection) {
        if self.all.remove(&connection.number).is_none() {
            return;
        }
        if let Some(count) = self.of.get_mut(&connection.network) {
            *count -= 1;
            if *count == 0 {
                self.of.remove(&connection.network);
            }
        }
        self.publish();
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating")]
    fn publish(&self) {
        metrics::gauge!("chainbill_connections").set(self.all.len() as f64);
    }
}

/// An open connection; dropping it removes it from the count.
pub(super) struct Admitted {
    pub connection: Arc<Connection>,
    connections: Arc<Connections>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.connections.open().forget(&self.connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(all: usize, of_one: usize) -> Arc<Connections> {
        let trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
        Connections::new(ConnectionLimits { all, of_one, trusted_proxies, ..ConnectionLimits::default() })
    }

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn the_longest_idle_connection_of_the_largest_address_is_closed() {
        let connections = connections(4, 3);
        let admitted = [2, 1, 1, 1].map(|last| connections.admit(ip(last)).ok().unwrap());
        let new = connections.admit(ip(3)).ok().unwrap();
        let closed: Vec<bool> = admitted.iter().map(|admitted| admitted.connection.closed.is_cancelled()).collect();
        assert_eq!(closed, [false, true, false, false], "one's only connection stays though it is older");
        assert!(!admitted[1].connection.begin(), "what is closed takes no request");
        drop((admitted, new));
        assert!(connections.open().all.is_empty() && connections.open().of.is_empty());
    }

    #[test]
    fn a_busy_connection_stays_and_one_address_cannot_have_all() {
        let connections = connections(4, 2);
        let busy: Vec<_> = (0..2).map(|_| connections.admit(ip(1)).ok().unwrap()).collect();
        assert!(busy.iter().all(|busy| busy.connection.begin()));
        assert_eq!(connections.admit(ip(1)).err(), Some(Full::Own));
        let others = [connections.admit(ip(2)).ok().unwrap(), connections.admit(ip(3)).ok().unwrap()];
        assert!(others.iter().all(|other| other.connection.begin()));
        assert_eq!(connections.admit(ip(4)).err(), Some(Full::All));
        others[0].connection.end();
        assert!(connections.admit(ip(4)).is_ok() && others[0].connection.closed.is_cancelled());
    }

    #[test]
    fn a_trusted_proxy_has_as_many_as_there_are() {
        let connections = connections(8, 2);
        let proxy = IpAddr::from([10, 1, 2, 3]);
        let proxied: Vec<_> = (0..6).map(|_| connections.admit(proxy).ok().unwrap()).collect();
        let own: Vec<_> = (0..2).map(|_| connections.admit(ip(1)).ok().unwrap()).collect();
        let other = connections.admit(ip(2)).ok().unwrap();
        assert!(proxied.iter().all(|proxied| !proxied.connection.closed.is_cancelled()), "others make room first");
        assert_eq!(own.iter().filter(|own| own.connection.closed.is_cancelled()).count(), 1);
        drop(other);
    }

    #[test]
    fn readers_that_stand_still_make_room_for_answers() {
        let mut connections = Connections::new(ConnectionLimits::default());
        Arc::get_mut(&mut connections).unwrap().began = Instant::now() - Duration::from_secs(60);
        let all: Vec<_> = (0..4).map(|_| connections.admit(ip(1)).ok().unwrap()).collect();
        for admitted in &all {
            assert!(admitted.connection.begin());
            admitted.connection.unsent.store(MOST_UNSENT / 3, SeqCst);
        }
        let closed = || -> Vec<bool> {
            connections.relieve_memory();
            all.iter().map(|admitted| admitted.connection.closed.is_cancelled()).collect()
        };
        assert_eq!(closed(), [false; 4], "all of them read a moment ago");
        for stalled in &all[1..] {
            stalled.connection.moved.store(0, SeqCst);
        }
        assert_eq!(closed(), [false, true, false, false], "enough is closed, and never the one that reads");
    }
}

//! Turns at expensive work: a few run at a time, a short queue waits, and its turns go round robin among the networks that
//! ask, so that a flood from one of them delays the others by one turn each.
//!
//! A turn belongs to the work and not to the caller who waits for its result: it is passed on when the work has ended, also where
//! no caller waits any more.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// The network of a caller; the program itself has no address.
type Network = Option<IpAddr>;

/// How many may run and wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Most that run at once.
    pub running: usize,
    /// Most that wait.
    pub waiting: usize,
    /// Most of one network that wait.
    pub waiting_of_one: usize,
}

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// The caller's network has used up its share of the queue.
    Own,
    /// All networks together fill the queue.
    All,
}

/// Hands out turns. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Shared>);

struct Shared {
    bounds: Bounds,
    queue: Mutex<Queue>,
}

/// A turn. Dropping it passes it on.
pub(crate) struct Turn(Option<Arc<Shared>>);

#[derive(Default)]
struct Queue {
    running: usize,
    waiting: usize,
    /// Networks with waiting callers, each once, in the order of their turns.
    order: VecDeque<Network>,
    of: HashMap<Network, VecDeque<oneshot::Sender<Turn>>>,
}

impl Turns {
    pub fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Shared { bounds, queue: Mutex::default() }))
    }

    /// Waits for a turn. Dropping the future gives the place in the queue up.
    pub async fn take(&self, network: Network) -> Result<Turn, Crowded> {
        let place = {
            let mut queue = self.0.queue();
            if queue.running < self.0.bounds.running && queue.waiting == 0 {
                queue.running += 1;
                return Ok(Turn(Some(self.0.clone())));
            }
            queue.enter(network, self.0.bounds)?
        };
        // A place is taken away when the queue is full and another network has none.
        place.await.map_err(|_| Crowded::All)
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(shared) = self.0.take() else { return };
        let mut queue = shared.queue();
        while let Some(next) = queue.next() {
            match next.send(Self(Some(shared.clone()))) {
                Ok(()) => return,
                // The caller who waited has gone: the turn that came back is not passed on a second time.
                Err(mut turn) => turn.0 = None,
            }
        }
        queue.running -= 1;
    }
}

impl Queue {
    fn enter(&mut self, network: Network, bounds: Bounds) -> Result<oneshot::Receiver<Turn>, Crowded> {
        let own = |queue: &Self| queue.of.get(&network).map_or(0, VecDeque::len);
        if own(self) >= bounds.waiting_of_one || self.waiting >= bounds.waiting {
            self.forget_gone();
        }
        if own(self) >= bounds.waiting_of_one {
            return Err(Crowded::Own);
        }
        if self.waiting >= bounds.waiting {
            self.make_room(own(self))?;
        }
        let (turn, place) = oneshot::channel();
        let line = self.of.entry(network).or_default();
        if line.is_empty() {
            self.order.push_back(network);
        }
        line.push_back(turn);
        self.waiting += 1;
        Ok(place)
    }

    /// The next who waits: the oldest of the network whose turn it is.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let network = self.order.pop_front()?;
        let line = self.of.get_mut(&network)?;
        let next = line.pop_front();
        if line.is_empty() {
            self.of.remove(&network);
        } else {
            self.order.push_back(network);
        }
        self.waiting -= usize::from(next.is_some());
        next
    }

    /// Forgets those who have stopped waiting.
    fn forget_gone(&mut self) {
        for line in self.of.values_mut() {
            line.retain(|waiting| !waiting.is_closed());
        }
        self.of.retain(|_, line| !line.is_empty());
        let of = &self.of;
        self.order.retain(|network| of.contains_key(network));
        self.waiting = self.of.values().map(VecDeque::len).sum();
    }

    /// Takes the newest place of the longest line, if that is longer than the line of the one who asks.
    fn make_room(&mut self, own: usize) -> Result<(), Crowded> {
        let longest = self.of.iter().max_by_key(|(_, line)| line.len()).map(|(network, line)| (*network, line.len()));
        let Some((network, _)) = longest.filter(|(_, length)| *length > own + 1) else { return Err(Crowded::All) };
        if self.of.get_mut(&network).and_then(VecDeque::pop_back).is_some() {
            self.waiting -= 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const BOUNDS: Bounds = Bounds { running: 1, waiting: 6, waiting_of_one: 4 };

    fn network(last: u8) -> Network {
        Some([192, 0, 2, last].into())
    }

    /// Begins to wait; the future stays where it is.
    fn wait(turns: &Turns, last: u8) -> futures::future::BoxFuture<'static, Result<Turn, Crowded>> {
        let turns = turns.clone();
        let mut waiting = async move { turns.take(network(last)).await }.boxed();
        assert!((&mut waiting).now_or_never().is_none(), "it waits");
        waiting
    }

    #[tokio::test]
    async fn networks_take_turns_whatever_their_number_of_requests() {
        let turns = Turns::new(BOUNDS);
        let mut turn = turns.take(network(1)).await.ok();
        let mut waiting: Vec<_> = [1, 1, 1, 2, 3].map(|last| (last, wait(&turns, last))).into();
        let mut order = Vec::new();
        while !waiting.is_empty() {
            drop(turn.take());
            let next =
                waiting.iter_mut().enumerate().find_map(|(place, (_, future))| Some((place, future.now_or_never()?)));
            let (place, next) = next.expect("a waiting caller has the turn");
            turn = next.ok();
            order.push(waiting.remove(place).0);
        }
        assert_eq!(order, [1, 2, 3, 1, 1]);
    }

    #[tokio::test]
    async fn one_network_fills_its_share_and_others_still_find_a_place() {
        let turns = Turns::new(BOUNDS);
        let turn = turns.take(network(1)).await.ok().unwrap();
        let of_one: Vec<_> = (0..4).map(|_| wait(&turns, 1)).collect();
        assert_eq!(turns.take(network(1)).await.err(), Some(Crowded::Own));
        let _others = [wait(&turns, 2), wait(&turns, 3)];
        let mut fourth = wait(&turns, 4);
        let refused: Vec<_> = of_one.into_iter().filter_map(|waiting| waiting.now_or_never()).collect();
        assert!(matches!(refused.as_slice(), [Err(Crowded::All)]), "the newest of the longest line lost its place");
        assert!((&mut fourth).now_or_never().is_none());
        drop(turn);
    }

    #[tokio::test]
    async fn whoever_walks_away_gives_the_place_up_and_the_turn_is_not_lost() {
        let turns = Turns::new(BOUNDS);
        let turn = turns.take(network(1)).await.ok().unwrap();
        for _ in 0..1000 {
            drop(wait(&turns, 1));
        }
        let staying = wait(&turns, 1);
        drop(turn);
        let turn = staying.now_or_never().expect("it is next").ok().unwrap();
        let gone = wait(&turns, 2);
        drop((gone, turn));
        assert!(turns.take(network(3)).now_or_never().is_some_and(|turn| turn.is_ok()), "the turn is free");
    }

    #[tokio::test]
    async fn never_more_than_allowed_run_though_nobody_waits_for_their_results() {
        let turns = Turns::new(BOUNDS);
        let running = turns.take(network(1)).await.ok().unwrap();
        let waiting = wait(&turns, 2);
        // The work goes on after the one who asked has gone.
        assert!(wait(&turns, 3).now_or_never().is_none());
        drop(waiting);
        assert!(turns.take(network(4)).now_or_never().is_none(), "the work still has its turn");
        drop(running);
    }
}

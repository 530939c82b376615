//! Places for connections of whoever it is: bounded in all, bounded for one source, and taken from the greediest.
//!
//! 1. A source is an IPv4 address, or the first 64 bits of an IPv6 address: what one host is commonly given.
//! 2. A source that holds its share is turned away, whoever else is there.
//! 3. Where all places are taken, the source with the most gives up its oldest, if it still has more than the newcomer then.
//!    So whoever comes with one connection is turned away only where as many sources as there are places hold one each.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Why somebody has to stay outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Full {
    /// All places are taken, by as many sources.
    All,
    /// This source has its share.
    Source,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all places are taken",
            Self::Source => "this address holds as many connections as one may",
        })
    }
}

/// The places.
#[derive(Debug)]
pub(crate) struct Door {
    places_max: usize,
    source_max: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    next: u64,
    places: BTreeMap<IpAddr, BTreeMap<u64, Arc<Notify>>>,
}

/// A place, held until it is dropped or lost to another source.
#[derive(Debug)]
pub(crate) struct Guest {
    door: Arc<Door>,
    source: IpAddr,
    number: u64,
    evicted: Arc<Notify>,
}

impl Door {
    pub(crate) fn new(places_max: usize, source_max: usize) -> Arc<Self> {
        Arc::new(Self { places_max, source_max, held: Mutex::default() })
    }

    /// Lets a connection from `address` in.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Guest, Full> {
        let source = source_of(address);
        let mut held = self.lock();
        let own = held.places.get(&source).map_or(0, BTreeMap::len);
        if own >= self.source_max {
            return Err(Full::Source);
        }
        let taken: usize = held.places.values().map(BTreeMap::len).sum();
        if taken >= self.places_max {
            held.evict(own)?;
        }
        let (number, evicted) = (held.next, Arc::new(Notify::new()));
        held.next = held.next.wrapping_add(1);
        held.places.entry(source).or_default().insert(number, Arc::clone(&evicted));
        Ok(Guest { door: Arc::clone(self), source, number, evicted })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Frees the oldest place of the source with the most, for one that has `own`.
    fn evict(&mut self, own: usize) -> Result<(), Full> {
        let greediest = self.places.values_mut().max_by_key(|places| places.len()).ok_or(Full::All)?;
        if greediest.len() <= own.saturating_add(1) {
            return Err(Full::All);
        }
        let (_, evicted) = greediest.pop_first().ok_or(Full::All)?;
        evicted.notify_one();
        Ok(())
    }
}

impl Guest {
    /// Does `work`, unless the place is lost meanwhile.
    pub(crate) async fn unless_evicted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.evicted.notified() => None,
            done = work => Some(done),
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut held = self.door.lock();
        if let Some(places) = held.places.get_mut(&self.source) {
            places.remove(&self.number);
            if places.is_empty() {
                held.places.remove(&self.source);
            }
        }
    }
}

fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(door: &Arc<Door>, address: &str) -> Result<Guest, Full> {
        door.enter(address.parse().unwrap())
    }

    #[test]
    fn one_source_has_its_share_and_no_more() {
        for (same, other) in [
            (["192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1"], "192.0.2.2"),
            (["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:1"], "2001:db8:0:1::1"),
        ] {
            let door = Door::new(10, 2);
            let [one, _two] = [enter(&door, same[0]).unwrap(), enter(&door, same[1]).unwrap()];
            assert_eq!(enter(&door, same[2]).unwrap_err(), Full::Source);
            enter(&door, other).unwrap();
            drop(one);
            enter(&door, same[2]).unwrap();
        }
    }

    #[tokio::test]
    async fn whoever_holds_most_makes_room() {
        let door = Door::new(4, 3);
        let greedy: Vec<_> = (0..3).map(|_| enter(&door, "192.0.2.1").unwrap()).collect();
        let modest = enter(&door, "192.0.2.2").unwrap();
        let newcomer = enter(&door, "192.0.2.3").unwrap();
        let lost = async |guest: &Guest| guest.unless_evicted(async {}).await.is_none();
        assert!(lost(&greedy[0]).await, "the oldest of the greediest");
        for guest in [&greedy[1], &greedy[2], &modest, &newcomer] {
            assert!(!lost(guest).await);
        }
        // Two for one, one for three others: nobody has more than the newcomer would have by taking from him.
        assert_eq!(enter(&door, "192.0.2.3").unwrap_err(), Full::All);
        let _last = enter(&door, "192.0.2.4").unwrap();
        assert!(lost(&greedy[1]).await);
        assert_eq!(enter(&door, "192.0.2.5").unwrap_err(), Full::All);
        // Places are counted by who holds them: an evicted guest's leaving frees none a second time.
        drop(greedy);
        enter(&door, "192.0.2.5").unwrap();
        let _fifth = enter(&door, "192.0.2.5").unwrap();
        assert_eq!(enter(&door, "192.0.2.6").unwrap_err(), Full::All);
    }
}

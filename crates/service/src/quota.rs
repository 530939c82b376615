//! So many an hour of what a stranger can cause, and a count of what is above.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use casemate_cose::UnixTime;

const WINDOW_S: u64 = 3600;

/// Counts by key, each in hours that begin with its first taking. The caller bounds the number of keys.
pub(crate) struct Quota<K>(Mutex<BTreeMap<K, Window>>);

struct Window {
    since: UnixTime,
    taken: u64,
    /// Above the limit, in all hours together.
    over: u64,
}

impl<K: Ord> Quota<K> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Takes one of `max` an hour, or tells how many were above since the start, this one included.
    pub(crate) fn take(&self, key: K, max: u64, at: UnixTime) -> Result<(), u64> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(key).or_insert(Window { since: at, taken: 0, over: 0 });
        // A clock that was set back begins an hour too: it must not stop the count for days.
        if window.since.distance_s(at) >= WINDOW_S {
            (window.since, window.taken) = (at, 0);
        }
        if window.taken < max {
            window.taken = window.taken.saturating_add(1);
            return Ok(());
        }
        window.over = window.over.saturating_add(1);
        Err(window.over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_795_312_496);

    #[test]
    fn so_many_an_hour_for_each_key() {
        let quota = Quota::new();
        for _ in 0..3 {
            assert_eq!(quota.take("a", 3, NOW), Ok(()));
        }
        assert_eq!((quota.take("a", 3, NOW), quota.take("a", 3, NOW.plus_s(3599))), (Err(1), Err(2)));
        assert_eq!(quota.take("b", 3, NOW), Ok(()));
        assert_eq!(quota.take("a", 3, NOW.plus_s(3600)), Ok(()));
        assert_eq!([quota.take("a", 1, NOW.plus_s(3601)), quota.take("c", 0, NOW)], [Err(3), Err(1)]);
    }

    #[test]
    fn a_clock_set_back_neither_frees_at_once_nor_blocks_for_ever() {
        let quota = Quota::new();
        quota.take((), 1, NOW).unwrap();
        assert_eq!(quota.take((), 1, UnixTime(NOW.0 - 3599)), Err(1));
        assert_eq!(quota.take((), 1, UnixTime(NOW.0 - 3600)), Ok(()));
    }
}

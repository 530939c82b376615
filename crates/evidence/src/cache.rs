//! Endorsements that were verified before need not be verified again while they hold.
//!
//! An entry is found by the digest of everything that went into it: the format, all endorsements (anchors, lists and collateral
//! among them) and the certificates that came with the evidence. It holds until the earliest end of anything in it, and no longer
//! than until any endorsement begins or ends to hold: a list that takes effect tomorrow is obeyed tomorrow. Other
//! endorsements (a new revocation list, say) empty the cache, so that nothing outlives them.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use casemate_cose::{Digest, UnixTime};

use crate::{Endorsements, Window};

/// The most entries: one a chip or a quoting enclave. A full cache is emptied.
pub const CACHE_ENTRIES_MAX: usize = 4096;

/// Verified endorsements. It may be shared among threads.
#[derive(Debug, Default)]
pub struct Cache {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    endorsements: Option<Digest>,
    entries: HashMap<Digest, Entry>,
}

#[derive(Debug)]
struct Entry {
    window: Window,
    value: Arc<dyn Any + Send + Sync>,
}

impl Cache {
    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().entries.clear();
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every format's verifier is given besides the evidence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) endorsements: &'a Endorsements,
    pub(crate) cache: Option<&'a Cache>,
    pub(crate) at: UnixTime,
}

impl Context<'_> {
    /// What `verify` makes of the endorsements and of `carried` (what came with the evidence and is verified with them):
    /// from the cache, while it holds. `verify` may depend on nothing else but the time. Failures are not kept.
    pub(crate) fn cached<T: Any + Send + Sync, E>(
        &self,
        format: &'static str,
        carried: &[&[u8]],
        verify: impl FnOnce() -> Result<(T, Window), E>,
    ) -> Result<Arc<T>, E> {
        let Some(cache) = self.cache else { return verify().map(|(value, _)| Arc::new(value)) };
        let key = self.key(format, carried);
        if let Some(value) = self.find(cache, &key) {
            return Ok(value);
        }
        let (value, window) = verify()?;
        let window = window.intersect(self.endorsements.unchanged_around(self.at));
        let value = Arc::new(value);
        let mut inner = cache.lock();
        if inner.entries.len() >= CACHE_ENTRIES_MAX {
            inner.entries.clear();
        }
        inner.entries.insert(key, Entry { window, value: value.clone() });
        Ok(value)
    }

    fn find<T: Any + Send + Sync>(&self, cache: &Cache, key: &Digest) -> Option<Arc<T>> {
        let mut inner = cache.lock();
        let endorsements = self.endorsements.digest();
        if inner.endorsements != Some(endorsements) {
            inner.entries.clear();
            inner.endorsements = Some(endorsements);
        }
        let entry = inner.entries.get(key)?;
        if !entry.window.contains(self.at) {
            inner.entries.remove(key);
            return None;
        }
        entry.value.clone().downcast().ok()
    }

    fn key(&self, format: &'static str, carried: &[&[u8]]) -> Digest {
        let endorsements = self.endorsements.digest();
        let lengths: Vec<[u8; 8]> = carried.iter().map(|bytes| (bytes.len() as u64).to_be_bytes()).collect();
        let mut parts: Vec<&[u8]> = vec![endorsements.as_bytes(), format.as_bytes(), &[0]];
        for (length, bytes) in lengths.iter().zip(carried) {
            parts.extend([length.as_slice(), *bytes]);
        }
        Digest::of_parts(&parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(cache: &Cache, endorsements: &Endorsements, carried: &[&[u8]], at: u64) -> bool {
        let context = Context { endorsements, cache: Some(cache), at: UnixTime(at) };
        let mut is_fresh = false;
        let window = Window { not_before: UnixTime(10), not_after: UnixTime(20) };
        let result: Result<_, ()> = context.cached("test", carried, || {
            is_fresh = true;
            Ok((7_u32, window))
        });
        assert_eq!(*result.unwrap(), 7);
        is_fresh
    }

    #[test]
    fn an_entry_serves_the_same_question_while_it_holds() {
        let (cache, endorsements) = (Cache::default(), Endorsements::default());
        assert!(look(&cache, &endorsements, &[b"ab"], 10));
        assert!(!look(&cache, &endorsements, &[b"ab"], 20));
        assert!(look(&cache, &endorsements, &[b"a", b"b"], 20));
        assert!(look(&cache, &endorsements, &[b"ab"], 21));
        assert!(look(&cache, &endorsements, &[b"ab"], 9));
    }

    #[test]
    fn other_endorsements_empty_it() {
        let (cache, endorsements) = (Cache::default(), Endorsements::default());
        assert!(look(&cache, &endorsements, &[], 10));
        let more = endorsements.clone().with(crate::Endorsement::Crl(vec![1]));
        assert!(look(&cache, &more, &[], 10));
        assert!(look(&cache, &endorsements, &[], 10));
        cache.clear();
        assert!(cache.is_empty());
    }

    #[test]
    fn failures_are_not_kept() {
        let cache = Cache::default();
        let context = Context { endorsements: &Endorsements::default(), cache: Some(&cache), at: UnixTime(0) };
        let refused: Result<Arc<u32>, &str> = context.cached("test", &[], || Err("no"));
        assert_eq!(refused, Err("no"));
        assert!(cache.is_empty());
    }
}

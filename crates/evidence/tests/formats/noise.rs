//! What no evidence may do: be accepted with a bit flipped or its end missing, or make a verifier panic.

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, Cache, DangerouslyUnbound, Endorsements, Evidence, Format, authenticate, authenticate_cached,
};

const MUTATIONS: usize = 2000;

/// Evidence that is accepted, as long as nobody changes it.
pub(crate) struct Accepted<'a> {
    pub(crate) format: Format,
    pub(crate) bytes: &'a [u8],
    pub(crate) endorsements: &'a Endorsements,
    pub(crate) at: UnixTime,
}

impl Accepted<'_> {
    fn is_accepted(&self, bytes: Vec<u8>, cache: &Cache) -> bool {
        let expectation = AllowDebug::new(DangerouslyUnbound);
        let evidence = Evidence::new(self.format, bytes);
        authenticate_cached(&evidence, self.endorsements, &expectation, self.at, cache).is_ok()
    }

    /// Every `step`th bit, flipped, is refused.
    #[track_caller]
    pub(crate) fn flips_are_refused(&self, step: usize) {
        let cache = Cache::default();
        assert!(self.is_accepted(self.bytes.to_vec(), &cache));
        for bit in (0..self.bytes.len() * 8).step_by(step) {
            let mut bytes = self.bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!self.is_accepted(bytes, &cache), "bit {bit} does not count");
        }
    }

    /// Every beginning is refused, and so is a byte more.
    #[track_caller]
    pub(crate) fn truncations_are_refused(&self) {
        let cache = Cache::default();
        for length in 0..self.bytes.len() {
            assert!(!self.is_accepted(self.bytes[..length].to_vec(), &cache), "{length} bytes are enough");
        }
        assert!(!self.is_accepted([self.bytes, &[0]].concat(), &cache), "a byte more was accepted");
    }

    /// Random changes, the same in every run, never panic; those that change nothing stay accepted.
    pub(crate) fn mutations_never_panic(&self) {
        let cache = Cache::default();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 16).unwrap() % below
        };
        for _ in 0..MUTATIONS {
            let mut bytes = self.bytes.to_vec();
            for _ in 0..=random(4) {
                let place = random(bytes.len());
                match random(4) {
                    0 => bytes[place] = u8::try_from(random(256)).unwrap(),
                    1 => drop(bytes.remove(place)),
                    2 => bytes.insert(place, u8::try_from(random(256)).unwrap()),
                    _ => {
                        let end = (place + random(64)).min(bytes.len());
                        let piece = bytes[place..end].to_vec();
                        let target = random(bytes.len());
                        bytes.splice(target..target, piece);
                    }
                }
            }
            let is_same = bytes == self.bytes;
            assert!(is_same || !self.is_accepted(bytes, &cache), "a change was accepted");
        }
    }

    /// The outcome is the same without a cache, with a cold one, and with a warm one.
    #[track_caller]
    pub(crate) fn cache_changes_nothing(&self) {
        let expectation = AllowDebug::new(DangerouslyUnbound);
        let evidence = Evidence::new(self.format, self.bytes.to_vec());
        let plain = authenticate(&evidence, self.endorsements, &expectation, self.at).unwrap();
        let cache = Cache::default();
        for _ in 0..2 {
            let cached = authenticate_cached(&evidence, self.endorsements, &expectation, self.at, &cache).unwrap();
            assert_eq!(plain.claims(), cached.claims());
            assert_eq!(plain.support(), cached.support());
        }
        assert!(!cache.is_empty());
    }
}

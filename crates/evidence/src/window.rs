//! The time in which something holds, and what an outcome rests on.

use casemate_cose::{Digest, UnixTime};

/// From when until when something holds, both inclusive.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Window {
    /// The first second.
    pub not_before: UnixTime,
    /// The last second.
    pub not_after: UnixTime,
}

impl Window {
    /// All of time.
    pub const ALWAYS: Self = Self { not_before: UnixTime(0), not_after: UnixTime(u64::MAX) };

    /// Whether `at` lies in it.
    #[must_use]
    pub fn contains(&self, at: UnixTime) -> bool {
        self.not_before <= at && at <= self.not_after
    }

    /// What lies in both.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self { not_before: self.not_before.max(other.not_before), not_after: self.not_after.min(other.not_after) }
    }
}

/// One thing that an outcome rests on: a certificate, a revocation list, a vendor's collateral.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Used {
    /// What it is: `certificate`, `crl`, `tcb-info`, `qe-identity`, `ocsp`, `rim`, `root`.
    pub kind: &'static str,
    /// Its name: a certificate's common name, an FMSPC.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// When it holds.
    pub window: Window,
}

/// What an outcome rests on, and for how long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Support {
    /// Each thing used, in the order in which it was.
    pub used: Vec<Used>,
    /// When all of it holds.
    pub window: Window,
}

impl Default for Support {
    fn default() -> Self {
        Self { used: Vec::new(), window: Window::ALWAYS }
    }
}

impl Support {
    /// Adds a thing and returns the digest of its bytes.
    pub(crate) fn add(&mut self, kind: &'static str, name: String, bytes: &[u8], window: Window) -> Digest {
        let digest = Digest::of(bytes);
        self.used.push(Used { kind, name, digest, window });
        self.window = self.window.intersect(window);
        digest
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.used.extend(other.used.iter().cloned());
        self.window = self.window.intersect(other.window);
    }
}

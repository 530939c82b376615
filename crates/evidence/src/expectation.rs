//! What a verifier expects evidence to be bound to. The type of the expectation is the type of the outcome.
//!
//! A key is released on [`Bound`] alone. [`DangerouslyUnbound`], [`Stated`] and [`AllowDebug`] are for looking at evidence,
//! [`BoundToKey`](crate::BoundToKey) for naming its key to others; no function that releases anything accepts what they lead to.

use casemate_cose::Digest;

use crate::{Binding, Claims, Platform, Refusal};

/// What [`crate::authenticate`] compares with the claims. Sealed: the implementations here are all there are.
pub trait Expectation: Clone + sealed::Check {
    /// SHA-256 of the `SubjectPublicKeyInfo` of the key that the evidence has to be bound to, in one session, so that keys may be given to
    /// it; `None` where there is no such key.
    fn key(&self) -> Option<Digest> {
        None
    }

    /// Whether nothing is expected of the binding, so that the evidence may be a replay.
    fn is_unbound(&self) -> bool {
        false
    }
}

/// Expects evidence for exactly this binding, from a keep that is not in debug mode. Evidence in a certificate is refused, whatever it
/// states: it speaks for a key, which can be relayed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bound(Binding);

/// Expects nothing of the binding: the evidence may be a replay, or another session's. For inspection only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DangerouslyUnbound;

/// Expects exactly these bytes as report data, nonce, challenge or qualifying data, for looking at evidence that others asked
/// for. They are compared whole: nothing is padded or cut.
///
/// A Nitro document has two such fields, user data and nonce: its report data are the user data or, without any, the nonce.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stated {
    report_data: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
}

/// Expects what `E` does, and admits keeps in debug mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AllowDebug<E>(E);

impl Bound {
    /// Expects evidence for `binding`.
    #[must_use]
    pub const fn new(binding: Binding) -> Self {
        Self(binding)
    }

    /// What the evidence is bound to: it names nonce, session and keys.
    #[must_use]
    pub const fn binding(&self) -> &Binding {
        &self.0
    }
}

impl Stated {
    /// Expects evidence that states `bytes`.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self { report_data: Some(bytes), nonce: None }
    }

    /// Expects evidence that states `bytes` as its nonce, where its format has a nonce beside report data; as
    /// [`Self::new`] where it has not.
    #[must_use]
    pub const fn nonce(bytes: Vec<u8>) -> Self {
        Self { report_data: None, nonce: Some(bytes) }
    }

    /// Expects this and, besides, `bytes` as its nonce: report data are then the user data alone.
    #[must_use]
    pub fn and_nonce(self, bytes: Vec<u8>) -> Self {
        Self { nonce: Some(bytes), ..self }
    }
}

impl<E> AllowDebug<E> {
    /// Expects what `expectation` does, and admits debug mode.
    #[must_use]
    pub const fn new(expectation: E) -> Self {
        Self(expectation)
    }

    /// What is expected besides.
    #[must_use]
    pub const fn expectation(&self) -> &E {
        &self.0
    }
}

impl Expectation for Bound {
    fn key(&self) -> Option<Digest> {
        Some(self.0.own_key)
    }
}

impl Expectation for DangerouslyUnbound {
    fn is_unbound(&self) -> bool {
        true
    }
}
impl Expectation for Stated {}
impl<E: Expectation> Expectation for AllowDebug<E> {
    fn key(&self) -> Option<Digest> {
        self.0.key()
    }

    fn is_unbound(&self) -> bool {
        self.0.is_unbound()
    }
}

impl sealed::Check for Bound {
    fn binding(&self, claims: &Claims) -> Result<(), Refusal> {
        // Whatever a certificate states, it states it for its key: CVE-2026-33697.
        if matches!(claims.platform, Platform::Ratls(_)) {
            return Err(Refusal::KeyBound);
        }
        if !claims.is_manifest(&self.0.manifest) {
            return Err(Refusal::Manifest { expected: self.0.manifest, actual: claims.manifest });
        }
        same(claims.report_data.field.of(&self.0.report_data()), claims)
    }

    fn debug(&self, claims: &Claims) -> Result<(), Refusal> {
        refuse_debug(claims)
    }
}

impl sealed::Check for Stated {
    fn binding(&self, claims: &Claims) -> Result<(), Refusal> {
        let stated = Some(claims.report_data.bytes.as_slice());
        let (report_data, nonce) = match (&claims.platform, &self.nonce) {
            (Platform::Nitro(own), Some(_)) => {
                (("user data", own.user_data.as_deref()), ("nonce", own.nonce.as_deref()))
            }
            _ => (("report data", stated), ("report data", stated)),
        };
        for (expected, (field, actual)) in [(&self.report_data, report_data), (&self.nonce, nonce)] {
            if let Some(expected) = expected
                && actual != Some(expected)
            {
                let actual = actual.unwrap_or_default().to_vec();
                return Err(Refusal::Binding { field, expected: expected.clone(), actual });
            }
        }
        Ok(())
    }

    fn debug(&self, claims: &Claims) -> Result<(), Refusal> {
        refuse_debug(claims)
    }
}

impl sealed::Check for DangerouslyUnbound {
    fn binding(&self, _: &Claims) -> Result<(), Refusal> {
        Ok(())
    }

    fn debug(&self, claims: &Claims) -> Result<(), Refusal> {
        refuse_debug(claims)
    }
}

impl<E: Expectation> sealed::Check for AllowDebug<E> {
    fn binding(&self, claims: &Claims) -> Result<(), Refusal> {
        self.0.binding(claims)
    }

    fn debug(&self, _: &Claims) -> Result<(), Refusal> {
        Ok(())
    }
}

fn same(expected: Vec<u8>, claims: &Claims) -> Result<(), Refusal> {
    let actual = &claims.report_data.bytes;
    if *actual == expected {
        Ok(())
    } else {
        Err(Refusal::Binding { field: "report data", expected, actual: actual.clone() })
    }
}

pub(crate) fn refuse_debug(claims: &Claims) -> Result<(), Refusal> {
    if claims.debug { Err(Refusal::Debug) } else { Ok(()) }
}

pub(crate) mod sealed {
    use crate::{Claims, Refusal};

    /// The two checks in which expectations differ.
    pub trait Check {
        /// Is this evidence for what the verifier asked?
        fn binding(&self, claims: &Claims) -> Result<(), Refusal>;

        /// May the keep be in debug mode?
        fn debug(&self, claims: &Claims) -> Result<(), Refusal>;
    }
}

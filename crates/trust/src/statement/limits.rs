//! Limits of a right to publish: what a statement has to name for the right to make it count.
//!
//! ```text
//! limits = { 0: [kind, …], 1: [property, …], 2: [line of releases, …] }     each may be absent, none is empty; one is there
//! ```
//! A list that is absent limits nothing. Of a list that is there, a statement has to name members alone, and one at least: what names
//! no kind of platform is not let in by a list of kinds. Who hands a right on names lists that lie within its own.

use minicbor::{Decode, Decoder, Encode, decode::Error};

use super::{Kind, Purpose, Sentence, Subject, Topic, list};

/// The most names of one list of limits.
pub const LIMIT_NAMES_MAX: usize = 64;

/// About what, of a topic, a right to publish is: all of it has to fit.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(map)]
pub struct Limits {
    /// Of these kinds of platform alone, ascending.
    #[n(0)]
    #[cbor(decode_with = "names", nil = "absent")]
    pub kinds: Option<Vec<Kind>>,
    /// Of properties of these names alone, ascending.
    #[n(1)]
    #[cbor(decode_with = "names", nil = "absent")]
    pub properties: Option<Vec<String>>,
    /// Of these lines of releases alone, ascending.
    #[n(2)]
    #[cbor(decode_with = "names", nil = "absent")]
    pub releases: Option<Vec<String>>,
}

impl Limits {
    /// Whether they limit nothing: such are not written down.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.kinds.is_none() && self.properties.is_none() && self.releases.is_none()
    }

    /// Whether the sentence is about what they name. A right that is handed on has to have limits within these.
    #[must_use]
    pub fn admit(&self, sentence: &Sentence) -> bool {
        if let Sentence::Trusted { purpose: Purpose::Publishing { limits, .. }, .. } = sentence {
            return limits.as_deref().is_some_and(|narrower| self.cover(narrower));
        }
        self.kinds.as_ref().is_none_or(|kinds| is_of_kinds(sentence, kinds))
            && self.properties.as_ref().is_none_or(|names| property(sentence).is_some_and(|name| holds(names, name)))
            && self.releases.as_ref().is_none_or(|lines| line(sentence).is_some_and(|line| holds(lines, line)))
    }

    /// Whether whatever fits the other limits fits these.
    #[must_use]
    pub fn cover(&self, narrower: &Self) -> bool {
        is_within(narrower.kinds.as_ref(), self.kinds.as_ref())
            && is_within(narrower.properties.as_ref(), self.properties.as_ref())
            && is_within(narrower.releases.as_ref(), self.releases.as_ref())
    }

    /// Whether they let in a release of this line, for this kind of platform; for none, if it is a program's.
    pub(crate) fn admit_release(&self, line: &str, kind: Option<Kind>) -> bool {
        let is_of_kind = |kinds: &Vec<Kind>| kind.is_some_and(|kind| holds(kinds, &kind));
        self.releases.as_ref().is_none_or(|lines| holds(lines, line)) && self.kinds.as_ref().is_none_or(is_of_kind)
    }

    /// The name of a list that says nothing of statements about this topic, if there is one.
    pub(crate) fn misfit(&self, topic: Topic) -> Option<&'static str> {
        let of_kinds = matches!(topic, Topic::Keys | Topic::Measurements | Topic::Platforms | Topic::Properties);
        let of_releases = matches!(topic, Topic::Measurements | Topic::Programs);
        match self {
            Self { kinds: Some(_), .. } if !of_kinds => Some("kinds"),
            Self { properties: Some(_), .. } if topic != Topic::Properties => Some("properties"),
            Self { releases: Some(_), .. } if !of_releases => Some("releases"),
            _ => None,
        }
    }
}

/// Whether a right of these limits, or of none, lets in what is said.
#[must_use]
pub(crate) fn admit(limits: Option<&Limits>, sentence: &Sentence) -> bool {
    limits.is_none_or(|limits| limits.admit(sentence))
}

/// Whether limits, or none, cover others, or none.
#[must_use]
pub(crate) fn cover(limits: Option<&Limits>, narrower: Option<&Limits>) -> bool {
    limits.is_none_or(|limits| narrower.is_some_and(|narrower| limits.cover(narrower)))
}

/// Every kind that the sentence is about is listed, and it is about one.
fn is_of_kinds(sentence: &Sentence, kinds: &[Kind]) -> bool {
    let attested = match sentence {
        Sentence::Trusted { purpose: Purpose::Attestation(kind), .. } => Some(*kind),
        _ => None,
    };
    let own = match sentence {
        Sentence::HasProperty { subject: Subject::Hardware(kind, _), .. } => Some(*kind),
        Sentence::Trusted { subject: Subject::Measurement(measurement), .. } => Some(measurement.kind),
        Sentence::Trusted { subject: Subject::Platform(rule), .. } => Some(rule.kind),
        _ => None,
    };
    let is_listed = |kind: Kind| holds(kinds, &kind);
    match (attested, own) {
        // Attestation of no kind in particular is that of kinds that are not listed, too.
        (Some(attested), own) => attested.is_some_and(is_listed) && own.is_none_or(is_listed),
        (None, own) => own.is_some_and(is_listed),
    }
}

fn property(sentence: &Sentence) -> Option<&str> {
    if let Sentence::HasProperty { name, .. } = sentence { Some(name) } else { None }
}

fn line(sentence: &Sentence) -> Option<&str> {
    match sentence {
        Sentence::Floor(release) | Sentence::Trusted { purpose: Purpose::Execution(Some(release)), .. } => {
            Some(&release.line)
        }
        _ => None,
    }
}

fn is_within<T: Ord>(narrower: Option<&Vec<T>>, wider: Option<&Vec<T>>) -> bool {
    wider.is_none_or(|wider| narrower.is_some_and(|narrower| narrower.iter().all(|name| holds(wider, name))))
}

/// Whether an ascending list has this member.
fn holds<T: std::borrow::Borrow<Q>, Q: Ord + ?Sized>(names: &[T], name: &Q) -> bool {
    names.binary_search_by(|other| other.borrow().cmp(name)).is_ok()
}

/// A list of at most [`LIMIT_NAMES_MAX`].
fn names<'b, C, T: Decode<'b, C>>(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Option<Vec<T>>, Error> {
    list::read::<_, _, LIMIT_NAMES_MAX>(d, ctx).map(Some)
}

#[expect(
    clippy::unnecessary_wraps,
    clippy::option_option,
    reason = "what minicbor asks for: that the field may be absent"
)]
const fn absent<T>() -> Option<Option<Vec<T>>> {
    Some(None)
}

//! The limits of a domain's statements, each once: held against one another by numbers, never by names.

use std::collections::{BTreeMap, BTreeSet};

use super::{Limits, Purpose, Said, Sentence, StatementError};

/// The most names in the limits of one domain, limits that are the same counted once: 262,144.
pub const LIMIT_NAMES_OF_DOMAIN_MAX: usize = 1 << 18;

/// The limits of all statements of a domain.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Interned {
    /// By a statement's place.
    of_place: BTreeMap<usize, LimitsId>,
    /// In the order of the limits: kinds, properties, lines of releases, each ascending by number.
    lists: Vec<[Option<Vec<u32>>; 3]>,
}

/// Limits of a domain's statements; in the order of the limits themselves.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct LimitsId(usize);

impl Interned {
    /// # Errors
    /// [`StatementError::TooMany`]: more than [`LIMIT_NAMES_OF_DOMAIN_MAX`] names.
    pub(crate) fn of(said: &[Said]) -> Result<Self, StatementError> {
        let limited = || said.iter().enumerate().filter_map(|(place, said)| Some((place, limits_of(said)?)));
        let all: BTreeSet<&Limits> = limited().map(|(_, limits)| limits).collect();
        let actual = all.iter().map(|limits| names(limits)).fold(0, usize::saturating_add);
        if actual > LIMIT_NAMES_OF_DOMAIN_MAX {
            let what = "names of limits";
            return Err(StatementError::TooMany { what, actual, max: LIMIT_NAMES_OF_DOMAIN_MAX });
        }
        let (mut kinds, mut words) = (BTreeMap::new(), BTreeMap::new());
        let lists = all.iter().map(|limits| {
            [
                limits.kinds.as_ref().map(|list| numbers(list, &mut kinds)),
                limits.properties.as_ref().map(|list| numbers(list, &mut words)),
                limits.releases.as_ref().map(|list| numbers(list, &mut words)),
            ]
        });
        let lists = lists.collect();
        let ids: BTreeMap<&Limits, usize> = all.into_iter().zip(0..).collect();
        let of_place = limited().filter_map(|(place, limits)| Some((place, LimitsId(*ids.get(limits)?)))).collect();
        Ok(Self { of_place, lists })
    }

    /// Those of the statement at this place.
    pub(crate) fn at(&self, place: usize) -> Option<LimitsId> {
        self.of_place.get(&place).copied()
    }

    /// Whether limits, or none, cover others, or none: as [`Limits::cover`] says.
    pub(crate) fn cover(&self, wider: Option<LimitsId>, narrower: Option<LimitsId>) -> bool {
        let (Some(wider), Some(narrower)) = (wider, narrower) else { return wider.is_none() };
        if wider == narrower {
            return true;
        }
        let Some((wider, narrower)) = self.lists.get(wider.0).zip(self.lists.get(narrower.0)) else { return false };
        wider.iter().zip(narrower).all(|(wider, narrower)| match (wider, narrower) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wider), Some(narrower)) => is_within(narrower, wider),
        })
    }
}

/// The limits of the right that a statement hands on.
fn limits_of(said: &Said) -> Option<&Limits> {
    match said.statement().sentence.unnested().1 {
        Sentence::Trusted { purpose: Purpose::Publishing { limits, .. }, .. } => limits.as_deref(),
        _ => None,
    }
}

fn names(limits: &Limits) -> usize {
    let Limits { kinds, properties, releases } = limits;
    let lists = [kinds.as_ref().map(Vec::len), properties.as_ref().map(Vec::len), releases.as_ref().map(Vec::len)];
    lists.into_iter().flatten().fold(0, usize::saturating_add)
}

fn numbers<'s, T: Ord>(list: &'s [T], known: &mut BTreeMap<&'s T, u32>) -> Vec<u32> {
    let mut numbers: Vec<u32> = list
        .iter()
        .map(|name| {
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            *known.entry(name).or_insert(next)
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

/// Whether ascending numbers are among others.
fn is_within(narrower: &[u32], wider: &[u32]) -> bool {
    if narrower.len() >= wider.len() {
        return narrower == wider;
    }
    let mut rest = wider.iter();
    narrower.iter().all(|number| rest.find(|other| *other >= number) == Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::{Kind, Statement, Statements, Subject, Topic};

    fn right(number: u8, limits: Limits) -> Statement {
        let subject = Subject::Key(casemate_cose::Digest::of(&[number]));
        let purpose = Purpose::Publishing { topic: Topic::Measurements, depth: 0, limits: Some(Box::new(limits)) };
        Statement::always(number.to_string(), Sentence::Trusted { subject, purpose })
    }

    #[test]
    fn numbers_say_what_names_say() {
        let words = |bits: u8| -> Option<Vec<String>> {
            let names = ["a", "b", "c"].iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
            Some(names.map(|(_, name)| (*name).to_owned()).collect::<Vec<_>>()).filter(|names| !names.is_empty())
        };
        let of_kind = |kinds: &[Kind]| Some(kinds.to_vec()).filter(|kinds| !kinds.is_empty());
        let mut root = Vec::new();
        for kinds in [&[][..], &[Kind::Snp], &[Kind::Snp, Kind::Tdx]] {
            for bits in 0..8 {
                let limits = Limits { kinds: of_kind(kinds), releases: words(bits), ..Limits::default() };
                if !limits.is_empty() {
                    root.push(right(u8::try_from(root.len()).unwrap(), limits));
                }
            }
        }
        let statements = Statements::new(root, &[]).unwrap();
        let interned = Interned::of(statements.said()).unwrap();
        for (left, one) in statements.said().iter().enumerate() {
            for (right, other) in statements.said().iter().enumerate() {
                let (one, other) = (limits_of(one).unwrap(), limits_of(other).unwrap());
                assert_eq!(interned.cover(interned.at(left), interned.at(right)), one.cover(other), "{one} {other}");
                assert_eq!(interned.at(left).cmp(&interned.at(right)), Some(one).cmp(&Some(other)));
            }
            assert!(interned.cover(None, interned.at(left)) && !interned.cover(interned.at(left), None));
        }
        assert!(interned.cover(None, None));
    }

    #[test]
    fn more_names_than_are_read_are_refused() {
        let limits = |number: usize| Limits {
            releases: Some((0..64).map(|name| format!("{number:05} {name:02}")).collect()),
            ..Limits::default()
        };
        let root = |count: usize| -> Vec<Statement> { (0..count).map(|number| right(0, limits(number))).collect() };
        let most = LIMIT_NAMES_OF_DOMAIN_MAX / 64;
        assert!(Statements::new(root(most), &[]).is_ok());
        let error = Statements::new(root(most + 1), &[]).unwrap_err();
        assert!(matches!(error, StatementError::TooMany { what: "names of limits", .. }), "{error}");
        // The same again is none more.
        let same = (0..=255).map(|key| right(key, limits(0))).collect();
        assert!(Statements::new(same, &[]).is_ok());
    }
}

//! What else the evidence presents: for each component, how many others of each kind. A rule that asks for them
//! (`with = ["tpm"]` in `domain.toml`) is not met by a part that was cut out of the whole.

use std::borrow::Cow;

use super::{
    Component,
    registry::{Bound, Draft, Property, Type},
};
use crate::statement::{Demand, Kind, Test, Value};

/// The most components that a rule asks for beside its own.
pub(crate) const BESIDE_MAX: u64 = 15;

/// How many other components there are of each kind. Evidence of one component has none of these properties.
pub(super) const PROPERTIES: &[Property] = &[
    row("beside.cca"),
    row("beside.dice"),
    row("beside.gpu"),
    row("beside.keystone"),
    row("beside.nitro"),
    row("beside.psa"),
    row("beside.sgx"),
    row("beside.snp"),
    row("beside.software"),
    row("beside.tdx"),
    row("beside.tpm"),
];

const fn row(name: &'static str) -> Property {
    Property {
        bound: Bound::Most(BESIDE_MAX),
        ..Property::new(
            name,
            Type::Number,
            Draft::AtLeast,
            "how many other components of this kind the evidence presents",
            "docs/formats/domain.md, `with`",
            "present the evidence whole",
        )
    }
}

/// The kind of which `property` says how many are there.
pub(crate) fn kind_of(property: &str) -> Option<Kind> {
    property.strip_prefix("beside.")?.parse().ok()
}

/// The demand that at least this many others of a kind are presented.
pub(crate) fn demand(kind: Kind, least: u64) -> Demand {
    Demand { property: format!("beside.{kind}"), test: Test::AtLeast(Value::Number(least)) }
}

/// What `with` says of a rule's demands, sorted: each kind as often as it is asked for. `None` where a demand of this kind is none
/// that the word can say.
pub(crate) fn asked<'d>(demands: impl IntoIterator<Item = &'d Demand>) -> Option<Vec<Kind>> {
    let mut kinds: Vec<Kind> = Vec::new();
    for demand in demands {
        let Some(kind) = kind_of(&demand.property) else { continue };
        match demand.test {
            Test::AtLeast(Value::Number(least @ 1..=BESIDE_MAX)) if !kinds.contains(&kind) => {
                kinds.extend((0..least).map(|_| kind));
            }
            _ => return None,
        }
    }
    kinds.sort_by_key(|kind| kind.as_str());
    Some(kinds)
}

/// Tells each of several components what stands beside it.
pub(super) fn tell(components: &mut [Component]) {
    if components.len() < 2 {
        return;
    }
    let kinds: Vec<Kind> = components.iter().map(|component| component.kind).collect();
    for component in components {
        for (kind, row) in Kind::ALL.iter().copied().zip(PROPERTIES) {
            let own = usize::from(component.kind == kind);
            let others = kinds.iter().filter(|other| **other == kind).count().saturating_sub(own);
            if others > 0 {
                let count = u64::try_from(others).unwrap_or(u64::MAX);
                component.properties.push((Cow::Borrowed(row.name), Value::Number(count)));
            }
        }
        component.properties.sort_by(|(one, _), (other, _)| one.cmp(other));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_row_for_every_kind_in_its_order() {
        assert_eq!(PROPERTIES.len(), Kind::ALL.len());
        for (row, kind) in PROPERTIES.iter().zip(Kind::ALL) {
            assert_eq!(kind_of(row.name), Some(*kind));
        }
    }
}

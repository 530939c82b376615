//! Maps with small numbers for keys, by the names that the specification gives them.

use super::super::{cbor::Cbor, findings::Findings};

/// A map's entries by name.
pub(super) struct Fields<'c, 'a> {
    entries: Vec<(&'static str, &'c Cbor<'a>)>,
}

impl<'c, 'a> Fields<'c, 'a> {
    /// Reads a map of which these keys are known; any other is refused by name. `None`, refused, if it is no map.
    pub(super) fn read(
        place: &str,
        value: &'c Cbor<'a>,
        known: &[(u64, &'static str)],
        findings: &mut Findings,
    ) -> Option<Self> {
        let Some(map) = value.as_map() else {
            findings.refuse(place, value.shown(), "is no map");
            return None;
        };
        let mut entries = Vec::new();
        for (key, value) in map {
            match known.iter().find(|(number, _)| key.as_unsigned() == Some(*number)) {
                Some((_, name)) => entries.push((*name, value)),
                None => {
                    findings.refuse(&step(place, &key.shown()), value.shown(), "is an extension that is not known here")
                }
            }
        }
        Some(Self { entries })
    }

    pub(super) fn get(&self, name: &str) -> Option<&'c Cbor<'a>> {
        self.entries.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
    }

    /// Refuses these, if they are there.
    pub(super) fn refuse(&self, place: &str, names: &[(&str, &str)], findings: &mut Findings) {
        for (name, why) in names {
            if let Some(value) = self.get(name) {
                findings.refuse(&step(place, name), value.shown(), *why);
            }
        }
    }
}

/// A path one step further.
pub(super) fn step(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}/{name}") }
}

/// A path to an item of a list.
pub(super) fn item(place: &str, number: usize) -> String {
    format!("{place}[{number}]")
}

/// A list of at least one; refused, it is empty.
pub(super) fn list<'c, 'a>(place: &str, value: &'c Cbor<'a>, findings: &mut Findings) -> &'c [Cbor<'a>] {
    match value.as_array() {
        Some(items) if !items.is_empty() => items,
        _ => {
            findings.refuse(place, value.shown(), "is no list of at least one");
            &[]
        }
    }
}

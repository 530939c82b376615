//! Triples: environments, measurements, keys. What every profile reads alike. [draft-ietf-rats-corim §5.1.4]

use super::fields::{Fields, item, list, step};
use crate::import::{cbor::Cbor, findings::Findings};

/// The triples that can be said, in the order of the document.
#[derive(Default)]
pub(super) struct Triples<'c, 'a> {
    pub(super) reference: Vec<Triple<'c, 'a>>,
    pub(super) attest_keys: Vec<Triple<'c, 'a>>,
}

/// An environment and what is said of it: measurements, or keys.
pub(super) struct Triple<'c, 'a> {
    pub(super) place: String,
    pub(super) environment: Environment<'c, 'a>,
    pub(super) objects: &'c [Cbor<'a>],
}

/// Which part of a device.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Environment<'c, 'a> {
    pub(super) class_id: Option<&'c Cbor<'a>>,
    pub(super) vendor: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    pub(super) layer: Option<&'c Cbor<'a>>,
    pub(super) index: Option<&'c Cbor<'a>>,
    pub(super) instance: Option<&'c Cbor<'a>>,
    pub(super) group: Option<&'c Cbor<'a>>,
}

/// A measurement: of what, and the values that are there.
pub(super) struct Measurement<'c, 'a> {
    pub(super) place: String,
    pub(super) key: Option<&'c Cbor<'a>>,
    pub(super) values: Fields<'c, 'a>,
}

const TRIPLES: [(u64, &str); 9] = [
    (0, "reference-triples"),
    (1, "endorsed-triples"),
    (2, "identity-triples"),
    (3, "attest-key-triples"),
    (4, "dependency-triples"),
    (5, "membership-triples"),
    (6, "coswid-triples"),
    (8, "conditional-endorsement-series-triples"),
    (10, "conditional-endorsement-triples"),
];
const ENVIRONMENT: [(u64, &str); 3] = [(0, "class"), (1, "instance"), (2, "group")];
const CLASS: [(u64, &str); 5] = [(0, "class-id"), (1, "vendor"), (2, "model"), (3, "layer"), (4, "index")];
const MEASUREMENT: [(u64, &str); 3] = [(0, "mkey"), (1, "mval"), (2, "authorized-by")];
const VALUES: [(u64, &str); 15] = [
    (0, "version"),
    (1, "svn"),
    (2, "digests"),
    (3, "flags"),
    (4, "raw-value"),
    (5, "raw-value-mask"),
    (6, "mac-addr"),
    (7, "ip-addr"),
    (8, "serial-number"),
    (9, "ueid"),
    (10, "uuid"),
    (11, "name"),
    (13, "cryptokeys"),
    (14, "integrity-registers"),
    (15, "int-range"),
];

/// Reads the triples of one module.
pub(super) fn read<'c, 'a>(place: &str, value: &'c Cbor<'a>, triples: &mut Triples<'c, 'a>, findings: &mut Findings) {
    let Some(fields) = Fields::read(place, value, &TRIPLES, findings) else { return };
    let endorsed = "says what a device has that its evidence doesn't say: there is no evidence to hold it against";
    let refused = [
        ("endorsed-triples", endorsed),
        ("identity-triples", "names keys that identify a device without attesting"),
        ("dependency-triples", "says on which other part a part depends"),
        ("membership-triples", "says which parts belong together"),
        ("coswid-triples", "points to lists of installed files, of which evidence says nothing"),
        ("conditional-endorsement-series-triples", endorsed),
        ("conditional-endorsement-triples", endorsed),
    ];
    fields.refuse(place, &refused, findings);
    for (name, into) in
        [("reference-triples", &mut triples.reference), ("attest-key-triples", &mut triples.attest_keys)]
    {
        let Some(value) = fields.get(name) else { continue };
        let place = step(place, name);
        for (number, record) in list(&place, value, findings).iter().enumerate() {
            into.extend(triple(&item(&place, number), record, findings));
        }
    }
}

fn triple<'c, 'a>(place: &str, record: &'c Cbor<'a>, findings: &mut Findings) -> Option<Triple<'c, 'a>> {
    let (environment, objects) = match record.as_array().map(Vec::as_slice) {
        Some([environment, objects]) => (environment, objects),
        Some([environment, objects, conditions]) => {
            findings.refuse(
                &step(place, "conditions"),
                conditions.shown(),
                "limits a key to some of what it may vouch for",
            );
            (environment, objects)
        }
        _ => {
            findings.refuse(place, record.shown(), "is no triple");
            return None;
        }
    };
    let environment = environment_of(&step(place, "environment"), environment, findings)?;
    let objects = list(&step(place, "objects"), objects, findings);
    Some(Triple { place: place.to_owned(), environment, objects })
}

fn environment_of<'c, 'a>(place: &str, value: &'c Cbor<'a>, findings: &mut Findings) -> Option<Environment<'c, 'a>> {
    let fields = Fields::read(place, value, &ENVIRONMENT, findings)?;
    let mut environment =
        Environment { instance: fields.get("instance"), group: fields.get("group"), ..Environment::default() };
    if let Some(class) = fields.get("class") {
        let place = step(place, "class");
        let class = Fields::read(&place, class, &CLASS, findings)?;
        environment.class_id = class.get("class-id");
        environment.vendor = text(&place, &class, "vendor", findings);
        environment.model = text(&place, &class, "model", findings);
        environment.layer = class.get("layer");
        environment.index = class.get("index");
    }
    Some(environment)
}

fn text<'a>(place: &str, fields: &Fields<'_, 'a>, name: &str, findings: &mut Findings) -> Option<&'a str> {
    let value = fields.get(name)?;
    if value.as_text().is_none() {
        findings.refuse(&step(place, name), value.shown(), "is no text");
    }
    value.as_text()
}

impl<'c, 'a> Measurement<'c, 'a> {
    /// Reads one; who alone may say it, and values that are not in `known`, are refused.
    pub(super) fn read(place: &str, value: &'c Cbor<'a>, known: &[&str], findings: &mut Findings) -> Option<Self> {
        let fields = Fields::read(place, value, &MEASUREMENT, findings)?;
        fields.refuse(place, &[("authorized-by", "limits who may measure it")], findings);
        let Some(values) = fields.get("mval") else {
            findings.refuse(&step(place, "mval"), "mval", "is missing");
            return None;
        };
        let own = step(place, "mval");
        let values = Fields::read(&own, values, &VALUES, findings)?;
        for (_, name) in VALUES.iter().filter(|(_, name)| !known.contains(name)) {
            values.refuse(&own, &[(name, "has no counterpart in evidence of this profile")], findings);
        }
        Some(Self { place: own, key: fields.get("mkey"), values })
    }
}

impl Triples<'_, '_> {
    /// Without a known profile nobody knows what an environment is in evidence.
    pub(super) fn refuse_environments(&self, findings: &mut Findings) {
        for triple in self.reference.iter().chain(&self.attest_keys) {
            let place = step(&triple.place, "environment");
            let what = triple.environment.shown();
            findings.refuse(
                &place,
                what,
                "is no kind of platform known here: no known profile says how it appears in evidence",
            );
        }
    }
}

impl Environment<'_, '_> {
    /// What it calls itself, for messages.
    pub(super) fn shown(&self) -> String {
        let shown = |value: Option<&Cbor<'_>>| value.map(Cbor::shown);
        let parts = [
            shown(self.class_id).map(|id| format!("class {id}")),
            self.vendor.map(|vendor| format!("vendor {vendor}")),
            self.model.map(|model| format!("model {model}")),
            shown(self.layer).map(|layer| format!("layer {layer}")),
            shown(self.index).map(|index| format!("index {index}")),
            shown(self.instance).map(|instance| format!("instance {instance}")),
            shown(self.group).map(|group| format!("group {group}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
    }
}

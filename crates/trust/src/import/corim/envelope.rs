//! The outer map, its modules, and to which profile they belong.

use casemate_cose::UnixTime;

use super::{
    fields::{Fields, item, list, step},
    malformed, own, psa,
    triples::{Triples, read as read_triples},
};
use crate::{
    import::{
        ImportError,
        cbor::{Budget, Cbor},
        findings::Findings,
    },
    statement::Validity,
};

/// Where no validity is said.
pub(super) const ALWAYS: Validity = Validity::ALWAYS;

const CORIM: [(u64, &str); 6] =
    [(0, "id"), (1, "tags"), (2, "dependent-rims"), (3, "profile"), (4, "rim-validity"), (5, "entities")];
const COMID: [(u64, &str); 5] =
    [(0, "language"), (1, "tag-identity"), (2, "entities"), (3, "linked-tags"), (4, "triples")];

/// Reads the map and says what follows.
pub(super) fn read(
    map: &Cbor<'_>,
    budget: &mut Budget,
    signature: Option<Validity>,
    findings: &mut Findings,
) -> Result<(), ImportError> {
    let Some(fields) = Fields::read("", map, &CORIM, findings) else { return Ok(()) };
    let dependent = "depends on other documents, which are not read: import those as well, and this without them";
    fields.refuse("", &[("dependent-rims", dependent)], findings);
    identity(fields.get("id"), findings);
    if let Some(entities) = fields.get("entities") {
        note_entities("entities", entities, findings);
    }
    let own = fields.get("rim-validity").map_or(ALWAYS, |value| validity("rim-validity", value, findings));
    let mut validity = within(own, signature.unwrap_or(ALWAYS));
    if validity.not_after < validity.not_before {
        findings.refuse("rim-validity", "rim-validity", "ends before it begins: nothing would ever count");
        validity = ALWAYS;
    }
    let profile = Profile::of(fields.get("profile"), findings);
    let Some(tags) = fields.get("tags") else {
        findings.refuse("tags", "tags", "is missing");
        return Ok(());
    };
    let mut bodies = Vec::new();
    for (number, tag) in list("tags", tags, findings).iter().enumerate() {
        let place = item("tags", number);
        match tag {
            Cbor::Tag(506, body) => {
                let bytes =
                    body.as_bytes().ok_or_else(|| malformed(&place, "tag 506 is not of a byte string".to_owned()))?;
                bodies.push((place.clone(), Cbor::parse(&place, bytes, budget)?));
            }
            Cbor::Tag(505, _) => {
                findings.refuse(&place, "CoSWID", "lists installed files, of which evidence says nothing")
            }
            other => findings.refuse(&place, other.shown(), "is no CoMID"),
        }
    }
    let mut triples = Triples::default();
    for (place, body) in &bodies {
        module(place, body, &mut triples, findings);
    }
    match profile {
        Profile::Own => own::say(&triples, validity, findings),
        Profile::Psa => psa::say(&triples, validity, findings),
        Profile::Unknown => triples.refuse_environments(findings),
    }
    Ok(())
}

/// How environments and measurements appear in evidence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Profile {
    Own,
    Psa,
    Unknown,
}

impl Profile {
    fn of(value: Option<&Cbor<'_>>, findings: &mut Findings) -> Self {
        let Some(value) = value else { return Self::Unknown };
        match value.tagged(32).and_then(Cbor::as_text) {
            Some(own::PROFILE) => Self::Own,
            Some(psa::PROFILE) => Self::Psa,
            _ => {
                let inner = if let Cbor::Tag(32 | 111, inner) = value { inner } else { value };
                findings.refuse(
                    "profile",
                    inner.shown(),
                    "is no profile known here: what its measurements are in evidence isn't known",
                );
                Self::Unknown
            }
        }
    }
}

fn identity(id: Option<&Cbor<'_>>, findings: &mut Findings) {
    match id {
        Some(Cbor::Text(_) | Cbor::Bytes(_)) => {}
        Some(other) => findings.refuse("id", other.shown(), "is neither a text nor a UUID"),
        None => findings.refuse("id", "id", "is missing"),
    }
}

fn module<'c, 'a>(place: &str, body: &'c Cbor<'a>, triples: &mut Triples<'c, 'a>, findings: &mut Findings) {
    let Some(fields) = Fields::read(place, body, &COMID, findings) else { return };
    if let Some(entities) = fields.get("entities") {
        note_entities(&step(place, "entities"), entities, findings);
    }
    fields.refuse(place, &[("linked-tags", "supplements or replaces another document, which is not read")], findings);
    match fields.get("tag-identity") {
        Some(identity) => {
            Fields::read(&step(place, "tag-identity"), identity, &[(0, "id"), (1, "version")], findings);
        }
        None => findings.refuse(&step(place, "tag-identity"), "tag-identity", "is missing"),
    }
    match fields.get("triples") {
        Some(value) => read_triples(&step(place, "triples"), value, triples, findings),
        None => findings.refuse(&step(place, "triples"), "triples", "is missing"),
    }
}

/// Who made a document decides nothing: the signature does.
fn note_entities(place: &str, value: &Cbor<'_>, findings: &mut Findings) {
    for (number, entity) in list(place, value, findings).iter().enumerate() {
        let known = [(0, "name"), (1, "reg-id"), (2, "roles")];
        let Some(fields) = Fields::read(&item(place, number), entity, &known, findings) else { continue };
        let name = fields.get("name").map_or_else(String::new, Cbor::shown);
        findings.note(format!("it says that `{}` made it; only a signature would show it", name.escape_debug()));
    }
}

/// `{ ?0: not-before, 1: not-after }`, each a time of tag 1.
pub(super) fn validity(place: &str, value: &Cbor<'_>, findings: &mut Findings) -> Validity {
    let Some(fields) = Fields::read(place, value, &[(0, "not-before"), (1, "not-after")], findings) else {
        return ALWAYS;
    };
    let mut time = |name: &str, default: UnixTime| {
        let Some(value) = fields.get(name) else { return default };
        match value.tagged(1).and_then(Cbor::as_unsigned) {
            Some(seconds) => UnixTime(seconds),
            None => {
                findings.refuse(&step(place, name), value.shown(), "is no time in seconds since 1970");
                default
            }
        }
    };
    Validity { not_before: time("not-before", ALWAYS.not_before), not_after: time("not-after", ALWAYS.not_after) }
}

fn within(one: Validity, other: Validity) -> Validity {
    Validity { not_before: one.not_before.max(other.not_before), not_after: one.not_after.min(other.not_after) }
}

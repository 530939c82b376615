//! Arm's profile for PSA devices. [draft-fdb-rats-psa-endorsements §3: environments, reference values, attestation keys]
//!
//! | there | here |
//! | --- | --- |
//! | class id, tag 560, 32 bytes | `implementation-id` of the rule for platforms |
//! | instance, tag 550, a UEID of 33 bytes | hardware identity in the rule; the key's device |
//! | measurement `psa.software-component` | component `softwareN`, N by the order of the document |
//! | … its digest | register `softwareN.measurement` |
//! | … its name | `softwareN.type` |
//! | … its one crypto key, tag 560 | `softwareN.signer` |
//! | … its version | `softwareN.version` |
//! | attestation key, tag 554 | the key is trusted for attestation, and known as that device's |
//!
//! Measurements of the same name are alternatives.

use std::collections::{BTreeMap, BTreeSet};

use casemate_cose::Digest;
use casemate_evidence::{Endorsement, KeyOwner, public_key};
use minicbor::bytes::ByteVec;

use super::{
    fields::{Fields, item, step},
    triples::{Environment, Measurement, Triple, Triples},
};
use crate::{
    import::{
        cbor::Cbor,
        findings::Findings,
        registered::{rule, trusted_measurement, trusted_platform},
        rvps::COMBINATIONS_MAX,
    },
    statement::{Demand, Identities, Kind, Purpose, Register, Sentence, Statement, Subject, Test, Validity, Value},
};

/// The profile's name.
pub(super) const PROFILE: &str = "tag:arm.com,2025:psa#1.0.0";

const MEASURED: &str = "psa.software-component";
const LABEL: &str = "PSA";

/// What one class of device may run, and which devices of it are known.
#[derive(Default)]
struct Class {
    /// By name, in the order of the document: the alternatives.
    software: Vec<(String, Vec<Software>)>,
    devices: BTreeSet<ByteVec>,
}

/// One alternative of a software component.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
struct Software {
    digest: Vec<u8>,
    signer: Vec<u8>,
    version: Option<String>,
}

/// Says everything that the triples say of PSA devices.
pub(super) fn say(triples: &Triples<'_, '_>, validity: Validity, findings: &mut Findings) {
    let mut classes: BTreeMap<Vec<u8>, Class> = BTreeMap::new();
    for triple in &triples.reference {
        reference(triple, &mut classes, findings);
    }
    for triple in &triples.attest_keys {
        attest_key(triple, &mut classes, validity, findings);
    }
    let measured = classes.values().filter(|class| !class.software.is_empty()).count();
    if measured > 1 {
        let why = "names software for several implementations: taken apart, one's could run on another; import them one by one";
        findings.refuse("reference-triples", format!("{measured} classes"), why);
    }
    for (implementation, class) in &classes {
        if !class.software.is_empty() {
            class.say(implementation, validity, findings);
        }
    }
    if measured == 0 && !classes.is_empty() {
        findings.note("no software is named: the keys are trusted, and the domain has to name platform and runtime");
    }
}

fn reference(triple: &Triple<'_, '_>, classes: &mut BTreeMap<Vec<u8>, Class>, findings: &mut Findings) {
    let place = step(&triple.place, "environment");
    if let Some(instance) = triple.environment.instance {
        let why = "names one device in a reference value, which is of all devices of a class";
        findings.refuse(&step(&place, "instance"), instance.shown(), why);
    }
    let class = class_id(&place, &triple.environment, findings);
    for (number, object) in triple.objects.iter().enumerate() {
        let place = item(&step(&triple.place, "measurements"), number);
        let Some((name, software)) = software(&place, object, findings) else { continue };
        let Some(class) = &class else { continue };
        let class = classes.entry(class.clone()).or_default();
        match class.software.iter_mut().find(|(own, _)| *own == name) {
            Some((_, alternatives)) => alternatives.push(software),
            None => class.software.push((name, vec![software])),
        }
    }
}

/// The implementation id. Vendor and model are in no token.
fn class_id(place: &str, environment: &Environment<'_, '_>, findings: &mut Findings) -> Option<Vec<u8>> {
    let place = step(place, "class");
    for (name, value) in [("layer", environment.layer), ("index", environment.index), ("group", environment.group)] {
        if let Some(value) = value {
            findings.refuse(&step(&place, name), value.shown(), "is not said by PSA tokens");
        }
    }
    for name in [environment.vendor, environment.model].into_iter().flatten() {
        findings.note(format!("`{}` is the maker's name for a device; no token says it", name.escape_debug()));
    }
    let place = step(&place, "class-id");
    let Some(id) = environment.class_id else {
        findings.refuse(&place, "class-id", "is missing: a PSA device is told by its implementation id");
        return None;
    };
    let bytes = id.tagged(560).and_then(Cbor::as_bytes).filter(|bytes| bytes.len() == 32);
    if bytes.is_none() {
        findings.refuse(&place, id.shown(), "is no implementation id: tag 560 of 32 bytes");
    }
    bytes.map(<[u8]>::to_vec)
}

fn software(place: &str, object: &Cbor<'_>, findings: &mut Findings) -> Option<(String, Software)> {
    let known = ["digests", "name", "cryptokeys", "version"];
    let Measurement { place, key, values } = Measurement::read(place, object, &known, findings)?;
    if key.and_then(Cbor::as_text) != Some(MEASURED) {
        let shown = key.map_or_else(|| "mkey".to_owned(), Cbor::shown);
        findings.refuse(&step(&place, "../mkey"), shown, format!("is not `{MEASURED}`, all that PSA tokens measure"));
    }
    let name = values.get("name").and_then(Cbor::as_text).map(str::to_owned);
    if name.is_none() {
        findings.refuse(&step(&place, "name"), "name", "is missing: which component of a token it is, is not told");
    }
    let digest = digest(&place, &values, findings);
    let signer = signer(&place, &values, findings);
    let version = match values.get("version") {
        None => None,
        Some(value) => Some(version(&step(&place, "version"), value, findings)?),
    };
    Some((name?, Software { digest: digest?, signer: signer?, version }))
}

/// The one digest. Hash algorithms have numbers [IANA named information] or names.
fn digest(place: &str, values: &Fields<'_, '_>, findings: &mut Findings) -> Option<Vec<u8>> {
    let place = step(place, "digests");
    let Some(value) = values.get("digests") else {
        findings.refuse(&place, "digests", "is missing: a PSA token says nothing of a component but its digest");
        return None;
    };
    let digests = value.as_array().map(Vec::as_slice);
    let Some([one]) = digests else {
        findings.refuse(&place, value.shown(), "has to be exactly one digest");
        return None;
    };
    let pair = one.as_array().map(Vec::as_slice);
    let found = match pair {
        Some([Cbor::Unsigned(1) | Cbor::Text("sha-256"), Cbor::Bytes(bytes)]) if bytes.len() == 32 => Some(bytes),
        Some([Cbor::Unsigned(7) | Cbor::Text("sha-384"), Cbor::Bytes(bytes)]) if bytes.len() == 48 => Some(bytes),
        Some([Cbor::Unsigned(8) | Cbor::Text("sha-512"), Cbor::Bytes(bytes)]) if bytes.len() == 64 => Some(bytes),
        _ => {
            findings.refuse(&place, one.shown(), "is no digest by SHA-256, SHA-384 or SHA-512");
            None
        }
    };
    found.map(|bytes| bytes.to_vec())
}

fn signer(place: &str, values: &Fields<'_, '_>, findings: &mut Findings) -> Option<Vec<u8>> {
    let place = step(place, "cryptokeys");
    let Some(value) = values.get("cryptokeys") else {
        findings.refuse(&place, "cryptokeys", "is missing: the profile demands the signer's id");
        return None;
    };
    let one = match value.as_array().map(Vec::as_slice) {
        Some([one]) => one.tagged(560).and_then(Cbor::as_bytes).filter(|bytes| matches!(bytes.len(), 32 | 48 | 64)),
        _ => None,
    };
    if one.is_none() {
        findings.refuse(&place, value.shown(), "is no signer's id: one hash of tag 560");
    }
    one.map(<[u8]>::to_vec)
}

fn version(place: &str, value: &Cbor<'_>, findings: &mut Findings) -> Option<String> {
    let fields = Fields::read(place, value, &[(0, "version"), (1, "scheme")], findings)?;
    let version = fields.get("version").and_then(Cbor::as_text);
    if version.is_none() {
        findings.refuse(place, value.shown(), "has no text of a version");
    }
    version.map(str::to_owned)
}

fn attest_key(
    triple: &Triple<'_, '_>,
    classes: &mut BTreeMap<Vec<u8>, Class>,
    validity: Validity,
    findings: &mut Findings,
) {
    let place = step(&triple.place, "environment");
    let class = class_id(&place, &triple.environment, findings);
    let place = step(&place, "instance");
    let instance = match triple.environment.instance {
        None => {
            findings.refuse(&place, "instance", "is missing: whose key it is, is not told");
            None
        }
        Some(value) => {
            let is_ueid = |bytes: &&[u8]| bytes.len() == 33 && bytes.first() == Some(&1);
            let ueid = value.tagged(550).and_then(Cbor::as_bytes).filter(is_ueid);
            if ueid.is_none() {
                findings.refuse(&place, value.shown(), "is no instance id: tag 550 of a UEID, 0x01 and 32 bytes");
            }
            ueid
        }
    };
    let place = step(&triple.place, "keys");
    let spki = match triple.objects {
        [one] => key(&place, one, findings),
        _ => {
            findings.refuse(
                &place,
                format!("{} keys", triple.objects.len()),
                "a device has exactly one attestation key",
            );
            None
        }
    };
    let (Some(class), Some(instance), Some(spki)) = (class, instance, spki) else { return };
    classes.entry(class).or_default().devices.insert(instance.to_vec().into());
    let purpose = Purpose::Attestation(Some(Kind::Psa));
    let sentence = Sentence::Trusted { subject: Subject::Key(Digest::of(&spki)), purpose };
    let short: String = hex::encode(instance).chars().take(12).collect();
    findings.state(Statement { label: format!("{LABEL} device {short}…"), sentence, validity });
    findings.endorsements.push(Endorsement::Key { owner: KeyOwner::Psa, id: instance.to_vec(), spki });
}

/// A public key as PEM below tag 554; other forms are refused by name.
fn key(place: &str, value: &Cbor<'_>, findings: &mut Findings) -> Option<Vec<u8>> {
    let why = match value {
        Cbor::Tag(554, pem) => match pem.as_text().map(|pem| public_key(pem.as_bytes())) {
            Some(Ok(spki)) => return Some(spki),
            Some(Err(error)) => error.to_string(),
            None => "is no text".to_owned(),
        },
        Cbor::Tag(555 | 556, _) => "is a certificate or a path of them, where the profile has a bare key".to_owned(),
        Cbor::Tag(557 | 559 | 561, _) => "is a digest, not a key: evidence can't be verified with it".to_owned(),
        _ => "is no public key as PEM below tag 554".to_owned(),
    };
    findings.refuse(place, value.shown(), why);
    None
}

impl Class {
    fn say(&self, implementation: &[u8], validity: Validity, findings: &mut Findings) {
        let demand = |property: String, value: Value| Demand { property, test: Test::Equals(value) };
        let mut demands = vec![
            demand("implementation-id".to_owned(), Value::Bytes(implementation.to_vec())),
            demand("software-count".to_owned(), Value::Number(u64::try_from(self.software.len()).unwrap_or(u64::MAX))),
        ];
        let mut combinations: Vec<Vec<Register>> = vec![Vec::new()];
        for (place, (name, alternatives)) in self.software.iter().enumerate() {
            demands.push(demand(format!("software{place}.type"), Value::Text(name.clone())));
            let signed: BTreeSet<(&Vec<u8>, &Option<String>)> =
                alternatives.iter().map(|software| (&software.signer, &software.version)).collect();
            let [(signer, version)] = signed.into_iter().collect::<Vec<_>>()[..] else {
                let why = "has alternatives of several signers or versions: taken apart, one's could pass as another's";
                return findings.refuse("reference-triples", name, why);
            };
            demands.push(demand(format!("software{place}.signer"), Value::Bytes(signer.clone())));
            if let Some(version) = version {
                demands.push(demand(format!("software{place}.version"), Value::Text(version.clone())));
            }
            if combinations.len().saturating_mul(alternatives.len()) > COMBINATIONS_MAX {
                let why = format!("comes to more than {COMBINATIONS_MAX} combinations of alternatives");
                return findings.refuse("reference-triples", name, why);
            }
            let own = alternatives.iter().map(|software| Register {
                name: format!("software{place}.measurement"),
                value: software.digest.clone(),
            });
            let own: Vec<Register> = own.collect();
            combinations = combinations
                .iter()
                .flat_map(|sofar| own.iter().map(move |one| [sofar.as_slice(), std::slice::from_ref(one)].concat()))
                .collect();
        }
        for registers in combinations {
            if let Some(sentence) = trusted_measurement(Kind::Psa, registers) {
                findings.state(Statement { label: format!("{LABEL} firmware"), sentence, validity });
            }
        }
        let identities = if self.devices.is_empty() {
            findings.note(
                "psa: any device of that implementation is accepted whose key the domain trusts, for none is named",
            );
            Identities::AnyGenuineChip
        } else {
            Identities::Listed(self.devices.clone())
        };
        let sentence = trusted_platform(rule(Kind::Psa, identities, demands));
        findings.state(Statement { label: format!("{LABEL} devices"), sentence, validity });
        findings.note("psa: a token has to name the components in the order of the document");
    }
}

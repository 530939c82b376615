//! What of a bundle is older than what was seen before about the same: rollback, item by item.
//!
//! | item | about the same | older by |
//! | --- | --- | --- |
//! | TCB info | TEE, FMSPC, PCE id and version | `tcbEvaluationDataNumber`, `issueDate` |
//! | QE identity | which enclave | the same |
//! | revocation list | issuer | `cRLNumber`, `thisUpdate` |
//! | OCSP answer | issuer and serial number | `thisUpdate` |
//!
//! Certificates are renewed under the same names for other chips, and manifests have no order: they are not compared. Nothing is
//! verified here, so that every item counts: one that is forged to look newer can't hide an old one beside it.

use std::{collections::HashMap, fmt};

use casemate_cose::UnixTime;

use crate::{
    Endorsement,
    dcap::{QeIdentity, TcbInfo},
    gpu::answers,
    x509::{Crl, common_name},
};

/// An item that is older than one seen before about the same, or that is gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Older {
    /// What it is, such as `tcb-info tdx b0c06f000000`.
    pub what: String,
    /// How old it is; `None` if there is none any more.
    pub actual: Option<Age>,
    /// How old what was seen is.
    pub seen: Age,
}

/// How old an item is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Age {
    /// Its number: `tcbEvaluationDataNumber` or `cRLNumber`, big-endian without leading zeros. `None` if it has none.
    pub number: Option<Vec<u8>>,
    /// When it was issued.
    pub issued: UnixTime,
}

impl Age {
    fn new(number: Option<&[u8]>, issued: UnixTime) -> Self {
        let shortest = |bytes: &[u8]| bytes.iter().skip_while(|byte| **byte == 0).copied().collect();
        Self { number: number.map(shortest), issued }
    }

    fn number_order(&self) -> Option<(usize, &[u8])> {
        self.number.as_ref().map(|number| (number.len(), number.as_slice()))
    }

    /// Whether this is older than `seen` in any way.
    fn is_before(&self, seen: &Self) -> bool {
        self.number_order() < seen.number_order() || self.issued < seen.issued
    }

    /// The latest of both, number and time each.
    fn latest(self, other: Self) -> Self {
        let issued = self.issued.max(other.issued);
        let number = if self.number_order() < other.number_order() { other.number } else { self.number };
        Self { number, issued }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = &self.number {
            match number.as_slice() {
                [] => f.write_str("number 0, ")?,
                bytes if bytes.len() <= 8 => {
                    let number = bytes.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
                    write!(f, "number {number}, ")?;
                }
                bytes => write!(f, "number 0x{}, ", hex::encode(bytes))?,
            }
        }
        write!(f, "issued at {}", self.issued)
    }
}

impl fmt::Display for Older {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.actual {
            Some(actual) => write!(f, "{} is older than one that was seen: {actual}, not {}", self.what, self.seen),
            None => write!(f, "{} is gone, one was seen: {}", self.what, self.seen),
        }
    }
}

/// Every one of `items` that is older than the latest of `seen` about the same.
#[must_use]
pub fn older(items: &[Endorsement], seen: &[Endorsement]) -> Vec<Older> {
    let seen = latest(seen);
    let ages = items.iter().flat_map(ages);
    ages.filter_map(|(about, actual)| {
        let seen = seen.get(&about)?;
        actual.is_before(seen).then(|| Older { what: about.to_string(), actual: Some(actual), seen: seen.clone() })
    })
    .collect()
}

/// Issuers whose revocation lists are in `seen` and not in `items`: without its list, an issuer has revoked nothing.
#[must_use]
pub fn lists_gone(items: &[Endorsement], seen: &[Endorsement]) -> Vec<Older> {
    let here = latest(items);
    let mut gone: Vec<Older> = latest(seen)
        .into_iter()
        .filter(|(about, _)| matches!(about, About::List(_)) && !here.contains_key(about))
        .map(|(about, seen)| Older { what: about.to_string(), actual: None, seen })
        .collect();
    gone.sort_by(|one, other| one.what.cmp(&other.what));
    gone
}

/// What an item is about: of two about the same, one is older.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum About {
    /// Issuer, as answers name it, and serial number.
    Answer(Vec<u8>),
    Identity(&'static str),
    /// The issuer's `Name`.
    List(Vec<u8>),
    Tcb {
        tee: &'static str,
        fmspc: [u8; 6],
        pce_id: Option<[u8; 2]>,
        version: u32,
    },
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(_) => f.write_str("ocsp answer"),
            Self::Identity(id) => write!(f, "qe-identity {id}"),
            Self::List(issuer) => write!(f, "crl `{}`", common_name(issuer)),
            Self::Tcb { tee, fmspc, .. } => write!(f, "tcb-info {tee} {}", hex::encode(fmspc)),
        }
    }
}

fn latest(items: &[Endorsement]) -> HashMap<About, Age> {
    let mut latest: HashMap<About, Age> = HashMap::new();
    for (about, age) in items.iter().flat_map(ages) {
        let newer = match latest.remove(&about) {
            Some(other) => age.latest(other),
            None => age,
        };
        latest.insert(about, newer);
    }
    latest
}

/// What one item is about, and how old it is. An item that can't be read, which no verifier accepts, is about nothing.
fn ages(item: &Endorsement) -> Vec<(About, Age)> {
    match item {
        Endorsement::Crl(der) => {
            let Ok(list) = Crl::parse(der) else { return Vec::new() };
            vec![(About::List(list.issuer.to_vec()), Age::new(list.number, list.this_update))]
        }
        Endorsement::Ocsp(der) => {
            let answers = answers(der).unwrap_or_default().into_iter();
            answers.map(|(about, issued)| (About::Answer(about), Age::new(None, issued))).collect()
        }
        Endorsement::QeIdentity(bytes) => {
            let Ok(identity) = QeIdentity::read(bytes) else { return Vec::new() };
            let number = identity.tcb_evaluation_data_number.to_be_bytes();
            vec![(About::Identity(identity.id.as_str()), Age::new(Some(&number), identity.issue_date))]
        }
        Endorsement::TcbInfo(bytes) => {
            let Ok(info) = TcbInfo::read(bytes) else { return Vec::new() };
            let number = info.tcb_evaluation_data_number.to_be_bytes();
            let TcbInfo { fmspc, pce_id, version, .. } = info;
            let about = About::Tcb { tee: info.tee.as_str(), fmspc, pce_id, version };
            vec![(about, Age::new(Some(&number), info.issue_date))]
        }
        Endorsement::Anchor(_)
        | Endorsement::Certificate(_)
        | Endorsement::Key { .. }
        | Endorsement::Launcher(_)
        | Endorsement::Rim(_) => Vec::new(),
    }
}

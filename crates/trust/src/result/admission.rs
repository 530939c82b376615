//! How accepted keeps are called, and on which evidence.
//!
//! ```toml
//! [admission]
//! trust_domain = "clinic.example"
//! lifetime_s = 300                      # 1 to 3600; 300 where it isn't said
//!
//! [[workload]]
//! name = "cohort"                       # spiffe://clinic.example/keep/cohort
//! runs = "sha256:…"                     # what has this name
//! dns = ["cohort.clinic.example"]       # as which hosts it may serve
//! report_data = "key-digest"            # its program has nothing stated there but what names its own key, and nothing that others ask for
//! ```
//! A host belongs to one workload, and no two names differ in capitals alone.
//!
//! What a file does not name is refused; an [`Admission`] that is made of nothing but a trust domain calls it by its digest.

use std::{collections::BTreeMap, ops::Range};

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Bound, BoundToKey, Claims, Expectation, Tie};
use serde::Deserialize;
use toml::Spanned;

use super::{ResultError, SpiffeId, TrustDomain, Workload, at_most};
use crate::{Accepted, Believed, Keep};

/// The longest that an SVID counts, in seconds, whatever the verdict: an hour.
pub const LIFETIME_S_MAX: u64 = 3600;
/// How long it counts where a file doesn't say: as long as a verdict.
pub const LIFETIME_S_DEFAULT: u64 = crate::ACCEPTED_FOR_S;
/// The longest file that is read: 1 MiB.
pub const ADMISSION_BYTES_MAX: usize = 1 << 20;
/// The most workloads of one file.
pub const WORKLOADS_MAX: usize = 4096;

const DNS_NAMES_MAX: usize = 16;

/// How accepted keeps are called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admission {
    trust_domain: TrustDomain,
    names: BTreeMap<Digest, Named>,
    /// Whose each host is.
    hosts: BTreeMap<String, Workload>,
    /// How each name is spelt, by its lower-case letters.
    spelt: BTreeMap<String, Workload>,
    lifetime_s: u64,
    /// The last second in which anything that is issued counts.
    ends: UnixTime,
    unnamed: Unnamed,
}

/// What becomes of a keep that has no name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Unnamed {
    ByDigest,
    Refused,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Named {
    workload: Workload,
    dns_names: Vec<String>,
    /// Whether its report data may name its key.
    report_data: Option<StatedKey>,
}

/// What a workload has stated as its report data.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum StatedKey {
    KeyDigest,
}

/// Evidence that names a key, so that a keep's name can be given to it. Sealed: [`Bound`] and [`BoundToKey`] are all there are.
pub trait Keyed: Expectation + sealed::Keyed {}

impl Keyed for Bound {}
impl Keyed for BoundToKey {}

mod sealed {
    use casemate_cose::Digest;
    use casemate_evidence::{Claims, Tie};

    use super::ResultError;
    use crate::{Believed, Keep};

    pub trait Keyed {
        /// SHA-256 of the `SubjectPublicKeyInfo` of the attested key.
        fn attested_key(&self) -> Digest;
        /// Where the evidence names that key, if that is in no session.
        fn tie(&self, claims: &Claims) -> Option<Tie>;
        /// What the keep is called after; of each component, what was believed.
        fn what_runs(&self, keep: &Keep, believed: &[Believed]) -> Result<Vec<Digest>, ResultError>;
    }
}

impl sealed::Keyed for Bound {
    fn attested_key(&self) -> Digest {
        self.binding().own_key
    }

    fn tie(&self, _: &Claims) -> Option<Tie> {
        None
    }

    /// The verifier derived the manifest, and the runtime stated it.
    fn what_runs(&self, keep: &Keep, _: &[Believed]) -> Result<Vec<Digest>, ResultError> {
        Ok(vec![keep.program.unwrap_or(self.binding().manifest)])
    }
}

impl sealed::Keyed for BoundToKey {
    fn attested_key(&self) -> Digest {
        self.key_digest()
    }

    fn tie(&self, claims: &Claims) -> Option<Tie> {
        Self::tie(self, claims)
    }

    /// A manifest is the host's choice, and here nobody compared it with what the runtime states. Of several components the CPU's measurement
    /// is not what runs: on Azure it is Microsoft's paravisor, and the vTPM's registers say the rest.
    fn what_runs(&self, keep: &Keep, believed: &[Believed]) -> Result<Vec<Digest>, ResultError> {
        match (keep.program, believed) {
            (Some(program), _) => Ok(vec![program]),
            (None, [one]) => Ok(one.measurements.clone()),
            (None, several) => Err(ResultError::SeveralComponents { actual: several.len() }),
        }
    }
}

/// What an accepted keep runs: the digest of its program; where evidence tells of no program, of its manifest, which names
/// the program and everything else that decides what the keep does, if it was bound to a session, and of the measurement that the
/// domain accepted otherwise. Of measurements there may be several, each of which the keep meets: those first that name the most registers.
///
/// # Errors
/// [`ResultError::NoKeep`] for evidence of what is no place for a keep: a device alone, a token; [`ResultError::SeveralComponents`] where
/// several decide together what runs.
pub fn what_runs<B: Keyed>(accepted: &Accepted<B>) -> Result<Vec<Digest>, ResultError> {
    accepted.binding().what_runs(accepted.keep().ok_or(ResultError::NoKeep)?, accepted.believed())
}

impl Admission {
    /// Names keeps in `trust_domain` after what they run ([`what_runs`]), for `lifetime_s` seconds each, 1 to [`LIFETIME_S_MAX`].
    ///
    /// # Errors
    /// [`ResultError::Invalid`] for another lifetime.
    pub fn new(trust_domain: TrustDomain, lifetime_s: u64) -> Result<Self, ResultError> {
        if !(1..=LIFETIME_S_MAX).contains(&lifetime_s) {
            let rule = "1 to 3600 seconds";
            return Err(ResultError::Invalid { what: "the lifetime", actual: lifetime_s.to_string(), rule });
        }
        Ok(Self {
            trust_domain,
            names: BTreeMap::new(),
            hosts: BTreeMap::new(),
            spelt: BTreeMap::new(),
            lifetime_s,
            ends: UnixTime(u64::MAX),
            unnamed: Unnamed::ByDigest,
        })
    }

    /// Lets nothing count after `last`: the last second of the authority's own certificate.
    #[must_use]
    pub fn ending(self, last: UnixTime) -> Self {
        Self { ends: self.ends.min(last), ..self }
    }

    /// Reads a file of the form above. What it doesn't name is refused.
    ///
    /// # Errors
    /// [`ResultError::Admission`] with the place; [`ResultError::TooMany`] bytes or workloads.
    pub fn parse(text: &str) -> Result<Self, ResultError> {
        at_most("bytes of a file of names", text.len(), ADMISSION_BYTES_MAX)?;
        let file: File = toml::from_str(text)
            .map_err(|error| ResultError::Admission { message: error.message().to_owned(), span: error.span() })?;
        at_most("workloads", file.workload.len(), WORKLOADS_MAX)?;
        let (place, head) = (file.admission.span(), file.admission.into_inner());
        let trust_domain = head.trust_domain.parse().map_err(|error| placed(&error, &place))?;
        let lifetime_s = head.lifetime_s.unwrap_or(LIFETIME_S_DEFAULT);
        let mut admission = Self::new(trust_domain, lifetime_s).map_err(|error| placed(&error, &place))?;
        admission.unnamed = Unnamed::Refused;
        for entry in file.workload {
            let place = entry.span();
            admission = admission.entry(entry.into_inner()).map_err(|error| placed(&error, &place))?;
        }
        Ok(admission)
    }

    fn entry(mut self, entry: Entry) -> Result<Self, ResultError> {
        let what: Digest = entry.runs.parse().map_err(|_| {
            let rule = "`sha256:` and 64 lower-case hex digits";
            ResultError::Invalid { what: "the digest", actual: shown(&entry.runs), rule }
        })?;
        self = self.named(what, entry.name.parse()?, entry.dns)?;
        if let Some(named) = self.names.get_mut(&what) {
            named.report_data = entry.report_data;
        }
        Ok(self)
    }

    /// Calls keeps that run `what` ([`what_runs`]) `workload`, and lets them serve under `dns_names`: clients such as curl look for the name
    /// of the host, and know nothing of SPIFFE.
    ///
    /// # Errors
    /// [`ResultError::Invalid`] for what is no lower-case DNS name without wildcard, is another workload's already, or has a name already;
    /// for a workload whose name differs from another's in capitals alone; [`ResultError::TooMany`] DNS names.
    pub fn named(mut self, what: Digest, workload: Workload, dns_names: Vec<String>) -> Result<Self, ResultError> {
        at_most("DNS names", dns_names.len(), DNS_NAMES_MAX)?;
        // Nobody bears the name that another program has by its digest.
        if workload.as_str().starts_with("sha256-") && workload != Workload::of(&what) {
            let rule = "a name that starts with `sha256-` is its own digest's";
            return Err(ResultError::Invalid { what: "the workload", actual: workload.as_str().to_owned(), rule });
        }
        let invalid = |what, actual: &str, rule| Err(ResultError::Invalid { what, actual: actual.to_owned(), rule });
        if self.names.contains_key(&what) {
            return invalid("the digest", &what.to_string(), "one `[[workload]]` for each thing that runs");
        }
        let lower = workload.as_str().to_ascii_lowercase();
        if *self.spelt.entry(lower).or_insert_with(|| workload.clone()) != workload {
            return invalid("the workload", workload.as_str(), "another name differs from it in capitals alone");
        }
        for name in &dns_names {
            check_dns_name(name)?;
            if *self.hosts.entry(name.clone()).or_insert_with(|| workload.clone()) != workload {
                return invalid("the DNS name", name, "another workload has it, and a host is one workload's");
            }
        }
        self.names.insert(what, Named { workload, dns_names, report_data: None });
        Ok(self)
    }

    /// In which trust domain keeps are named.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// For how many seconds at most.
    #[must_use]
    pub const fn lifetime_s(&self) -> u64 {
        self.lifetime_s
    }

    /// Who has a name: what it runs, its name, and as which hosts it may serve.
    pub fn workloads(&self) -> impl Iterator<Item = (&Digest, &Workload, &[String])> {
        self.names.iter().map(|(what, named)| (what, &named.workload, named.dns_names.as_slice()))
    }

    /// How a keep that runs `what` is called.
    #[must_use]
    pub fn id(&self, what: &Digest) -> SpiffeId {
        let named = self.names.get(what).map(|named| named.workload.clone());
        SpiffeId::new(self.trust_domain.clone(), named.unwrap_or_else(|| Workload::of(what)))
    }

    /// How this keep is called, and as which hosts it may serve.
    ///
    /// # Errors
    /// Those of [`what_runs`]; [`ResultError::Unnamed`]; [`ResultError::Ambiguous`] where it meets several measurements that are called
    /// differently; [`ResultError::StatedKey`] for a key that nothing but the report data name, of a workload of which nobody said that it has
    /// nothing else stated there.
    pub fn name<B: Keyed>(&self, accepted: &Accepted<B>) -> Result<(SpiffeId, &[String]), ResultError> {
        let (what, named) = self.called(&what_runs(accepted)?)?;
        let is_stated = match accepted.binding().tie(accepted.claims()) {
            Some(Tie::Certificate | Tie::ReportData) => true,
            Some(Tie::Field) | None => false,
        };
        if is_stated && named.and_then(|named| named.report_data).is_none() {
            return Err(ResultError::StatedKey { what });
        }
        Ok((self.id(&what), named.map(|named| named.dns_names.as_slice()).unwrap_or_default()))
    }

    /// What of all this the name follows from, and the name: the same by everything that has one.
    fn called(&self, runs: &[Digest]) -> Result<(Digest, Option<&Named>), ResultError> {
        let first = *runs.first().ok_or(ResultError::NoKeep)?;
        let found: Vec<(Digest, &Named)> =
            runs.iter().filter_map(|what| Some((*what, self.names.get(what)?))).collect();
        let ambiguous = |names: Vec<String>| Err(ResultError::Ambiguous { names: names.join(", ") });
        match found.as_slice() {
            [] if self.unnamed == Unnamed::Refused => Err(ResultError::Unnamed { what: first }),
            [] if runs.len() > 1 => ambiguous(runs.iter().map(|what| Workload::of(what).as_str().to_owned()).collect()),
            [] => Ok((first, None)),
            [(_, named), rest @ ..] if rest.iter().any(|(_, other)| other != named) => {
                let name = |(what, named): &(Digest, &Named)| format!("`{}` by {what}", named.workload.as_str());
                ambiguous(found.iter().map(name).collect())
            }
            [(what, named), ..] => Ok((*what, Some(named))),
        }
    }

    /// The last second in which an SVID of it counts that begins at `at`: until the end of the verdict, of anything that the evidence rests
    /// on, of the authority ([`Self::ending`]) and of the lifetime, whichever is first.
    ///
    /// # Errors
    /// [`ResultError::Expired`]: one of the first three is over.
    pub fn until<B>(&self, accepted: &Accepted<B>, at: UnixTime) -> Result<UnixTime, ResultError> {
        let last = accepted.expires().min(accepted.support().window.not_after).min(self.ends);
        if at > last {
            return Err(ResultError::Expired { expires: last.plus_s(1), at });
        }
        Ok(last.min(at.plus_s(self.lifetime_s)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    admission: Spanned<Head>,
    #[serde(default)]
    workload: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    trust_domain: String,
    lifetime_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    runs: String,
    #[serde(default)]
    dns: Vec<String>,
    report_data: Option<StatedKey>,
}

fn placed(error: &ResultError, place: &Range<usize>) -> ResultError {
    ResultError::Admission { message: error.to_string(), span: Some(place.clone()) }
}

fn shown(text: &str) -> String {
    let start: String = text.chars().take(80).collect();
    crate::printable::printable(&start)
}

/// Labels of 1 to 63 of `a-z`, `0-9` and `-`, not at their ends, 253 bytes together. [RFC 1035 §2.3.1, RFC 1123 §2.1]
/// What ends in a number is an IPv4 address to browsers and curl. [WHATWG URL §3.5]
pub(super) fn check_dns_name(name: &str) -> Result<(), ResultError> {
    let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(is_good)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = |label: &str| match label.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    };
    if name.len() <= 253 && name.split('.').all(is_label) && !name.rsplit('.').next().is_some_and(is_number) {
        return Ok(());
    }
    let rule = "labels of `a-z`, `0-9` and `-`, no wildcard, no IP address, 253 bytes";
    Err(ResultError::Invalid { what: "the DNS name", actual: shown(name), rule })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[admission]\ntrust_domain = \"clinic.example\"\n";

    fn workload(name: &str, byte: &str, more: &str) -> String {
        format!("[[workload]]\nname = \"{name}\"\nruns = \"sha256:{}\"\n{more}\n", byte.repeat(32))
    }

    #[test]
    fn reads_names() {
        let text = format!(
            "{TEXT}lifetime_s = 60\n{}{}",
            workload("cohort", "07", "dns = [\"cohort.clinic.example\"]"),
            workload("cohort", "08", "dns = [\"cohort.clinic.example\"]\nreport_data = \"key-digest\"")
        );
        let admission = Admission::parse(&text).unwrap();
        assert_eq!((admission.trust_domain().as_str(), admission.lifetime_s()), ("clinic.example", 60));
        let named: Vec<_> = admission.workloads().map(|(_, name, dns)| (name.as_str(), dns.len())).collect();
        assert_eq!(named, [("cohort", 1), ("cohort", 1)], "two releases of one workload");
        assert_eq!(Admission::parse(TEXT).unwrap().lifetime_s(), LIFETIME_S_DEFAULT);
    }

    #[test]
    fn names_the_place_of_what_is_wrong() {
        let crimes = [
            ("a word that is none", workload("a", "07", "surprise = 1"), "surprise"),
            ("no digest", workload("a", "07", "").replace("sha256:", ""), "sha256"),
            ("capitals in the digest", workload("a", "AB", ""), "lower-case"),
            ("the same twice", format!("{}{}", workload("a", "07", ""), workload("b", "07", "")), "one `[[workload]]`"),
            ("a wildcard", workload("a", "07", "dns = [\"*.clinic.example\"]"), "no wildcard"),
            ("an IP address", workload("a", "07", "dns = [\"127.0.0.1\"]"), "no IP address"),
            ("an IP address in hex", workload("a", "07", "dns = [\"0x7f000001\"]"), "no IP address"),
            (
                "one host for two",
                format!(
                    "{}{}",
                    workload("b", "08", "dns = [\"a.example\"]"),
                    workload("a", "07", "dns = [\"a.example\"]")
                ),
                "another workload has it",
            ),
            ("capitals alone", format!("{}{}", workload("A", "08", ""), workload("a", "07", "")), "capitals alone"),
            ("a way up", workload("..", "07", ""), "neither"),
            ("another's digest as a name", workload(&format!("sha256-{}", "09".repeat(32)), "07", ""), "its own"),
            ("another way to state keys", workload("a", "07", "report_data = \"nonce\""), "key-digest"),
        ];
        for (crime, entry, part) in crimes {
            let refused = Admission::parse(&format!("{TEXT}{entry}"));
            let Err(ResultError::Admission { message, span: Some(span) }) = refused else {
                panic!("{crime}: {refused:?}");
            };
            assert!(message.contains(part), "{crime}: {message}");
            assert!(span.start >= TEXT.len(), "{crime}: {span:?}");
        }
        for head in ["trust_domain = \"Clinic\"", "trust_domain = \"clinic\"\nlifetime_s = 3601", "lifetime_s = 1"] {
            assert!(Admission::parse(&format!("[admission]\n{head}\n")).is_err(), "{head}");
        }
        assert!(matches!(Admission::parse(&" ".repeat(ADMISSION_BYTES_MAX + 1)), Err(ResultError::TooMany { .. })));
    }
}

//! SPIFFE IDs: `spiffe://DOMAIN/keep/WORKLOAD`. [SPIFFE-ID §2]
//!
//! ```text
//! trust domain = labels of 1 to 63 of a-z 0-9 - _, not at their ends -, joined by dots, 255 together
//!                no userinfo, no port, no percent-encoding, no capitals
//! workload     = 1 to 128 of a-z A-Z 0-9 . - _       one segment, never `.` or `..`
//! ```

use std::{fmt, str::FromStr};

use casemate_cose::Digest;

use super::ResultError;

/// The longest trust domain.
pub const TRUST_DOMAIN_BYTES_MAX: usize = 255;
/// The longest SPIFFE ID.
pub const SPIFFE_ID_BYTES_MAX: usize = 2048;

const WORKLOAD_BYTES_MAX: usize = 128;
const SCHEME: &str = "spiffe://";
const KEEP: &str = "/keep/";

/// The name of a trust domain: of everything that one authority may name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TrustDomain(String);

/// The name of a workload within a trust domain.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Workload(String);

/// The name of a keep.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpiffeId {
    trust_domain: TrustDomain,
    workload: Workload,
}

impl TrustDomain {
    /// The name, without `spiffe://`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The SPIFFE ID of its authority, which has no path.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{SCHEME}{}", self.0)
    }
}

impl Workload {
    /// The name of whatever runs this program, or under this manifest: `sha256-` and the digest in hex. Nobody has to keep a list.
    #[must_use]
    pub fn of(what: &Digest) -> Self {
        Self(what.to_string().replace(':', "-"))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SpiffeId {
    /// The name of a keep that runs `workload`.
    #[must_use]
    pub const fn new(trust_domain: TrustDomain, workload: Workload) -> Self {
        Self { trust_domain, workload }
    }

    /// Whose authority names it.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// What it runs.
    #[must_use]
    pub const fn workload(&self) -> &Workload {
        &self.workload
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}{KEEP}{}", self.trust_domain.0, self.workload.0)
    }
}

impl FromStr for TrustDomain {
    type Err = ResultError;

    fn from_str(text: &str) -> Result<Self, ResultError> {
        let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(is_good)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() > TRUST_DOMAIN_BYTES_MAX || !text.split('.').all(is_label) {
            let rule =
                "labels of 1 to 63 of `a-z`, `0-9`, `-` and `_`, no `-` at their ends, joined by dots, 255 bytes";
            return Err(invalid("the trust domain", text, rule));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Workload {
    type Err = ResultError;

    fn from_str(text: &str) -> Result<Self, ResultError> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let is_name = !text.is_empty() && text.len() <= WORKLOAD_BYTES_MAX && text.bytes().all(is_good);
        if !is_name || text == "." || text == ".." {
            let rule = "1 to 128 of `a-z`, `A-Z`, `0-9`, `.`, `-` and `_`, and neither `.` nor `..`";
            return Err(invalid("the workload", text, rule));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for SpiffeId {
    type Err = ResultError;

    fn from_str(text: &str) -> Result<Self, ResultError> {
        let rule = "`spiffe://DOMAIN/keep/WORKLOAD`";
        let refuse = || invalid("the SPIFFE ID", text, rule);
        let rest = text.strip_prefix(SCHEME).ok_or_else(refuse)?;
        let (trust_domain, workload) = rest.split_once(KEEP).ok_or_else(refuse)?;
        Ok(Self { trust_domain: trust_domain.parse()?, workload: workload.parse()? })
    }
}

fn invalid(what: &'static str, actual: &str, rule: &'static str) -> ResultError {
    let start: String = actual.chars().take(64).collect();
    ResultError::Invalid { what, actual: crate::printable::printable(&start), rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let id: SpiffeId = "spiffe://clinic.example/keep/cohort-1".parse().unwrap();
        assert_eq!(id.to_string(), "spiffe://clinic.example/keep/cohort-1");
        assert_eq!(id.trust_domain().id(), "spiffe://clinic.example");
        let of_program = Workload::of(&Digest::of(b""));
        assert_eq!(of_program.as_str().parse::<Workload>().unwrap(), of_program);
    }

    #[test]
    fn names_that_pass_for_others_are_refused() {
        let crimes = [
            ("another scheme", "https://clinic/keep/a"),
            ("capitals in the scheme", "SPIFFE://clinic/keep/a"),
            ("capitals in the trust domain", "spiffe://Clinic/keep/a"),
            ("a port", "spiffe://clinic:443/keep/a"),
            ("a user", "spiffe://a@clinic/keep/a"),
            ("no trust domain", "spiffe:///keep/a"),
            ("percent-encoding", "spiffe://clinic/keep/%61"),
            ("another path", "spiffe://clinic/host/a"),
            ("no workload", "spiffe://clinic/keep/"),
            ("a trailing slash", "spiffe://clinic/keep/a/"),
            ("a segment more", "spiffe://clinic/keep/a/b"),
            ("a way up", "spiffe://clinic/keep/.."),
            ("the path itself", "spiffe://clinic/keep/."),
            ("a query", "spiffe://clinic/keep/a?b"),
            ("a fragment", "spiffe://clinic/keep/a#b"),
            ("a zero byte", "spiffe://clinic/keep/a\0.evil"),
            ("a line", "spiffe://clinic/keep/a\n"),
            ("letters of another script", "spiffe://\u{441}linic/keep/a"),
        ];
        for (crime, text) in crimes {
            assert!(matches!(text.parse::<SpiffeId>(), Err(ResultError::Invalid { .. })), "{crime}");
        }
        assert!(vec!["a".repeat(63); 4].join(".").parse::<TrustDomain>().is_ok(), "255 bytes");
        assert!(vec!["a".repeat(50); 5].join(".").parse::<TrustDomain>().is_ok(), "254 bytes");
        assert!(vec!["a".repeat(50); 6].join(".").parse::<TrustDomain>().is_err(), "305 bytes");
        for crime in ["", ".", "..", "-", "a..b", ".a", "a.", "-a.example", "a-.example", &"a".repeat(64)] {
            assert!(crime.parse::<TrustDomain>().is_err(), "{crime}");
        }
        assert!("_a.b-c.x1".parse::<TrustDomain>().is_ok());
        assert!("a".repeat(128).parse::<Workload>().is_ok());
        assert!("a".repeat(129).parse::<Workload>().is_err());
    }
}

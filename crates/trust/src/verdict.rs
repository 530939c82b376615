//! The outcome of appraisal: accepted, by a type that only appraisal makes, or denied with every unmet condition.

use casemate_cose::{Digest, PublicKey, UnixTime};
use casemate_evidence::{Authenticated, Claims, Format, Isolation, Lack};

use crate::{Keep, Reason, domain};

/// The outcome of appraisal. `B` says what the evidence was bound to: only `Bound` leads to a key.
#[derive(Debug)]
#[must_use = "a verdict that nobody looks at protects nothing"]
#[expect(
    clippy::large_enum_variant,
    reason = "a verdict is made once a session and taken apart at once; no collection holds any"
)]
pub enum Verdict<B> {
    /// The domain accepts this evidence.
    Accepted(Accepted<B>),
    /// It does not, for all these reasons; the nearest miss is first.
    Denied(Vec<DenyReason>),
}

/// Evidence that a domain accepts. Only [`crate::appraise`] makes one; it can't be copied.
#[derive(Debug)]
pub struct Accepted<B> {
    authenticated: Authenticated<B>,
    keep: Keep,
    domain_digest: Digest,
    expires: UnixTime,
}

impl<B> Accepted<B> {
    pub(crate) const fn new(
        authenticated: Authenticated<B>,
        keep: Keep,
        domain_digest: Digest,
        expires: UnixTime,
    ) -> Self {
        Self { authenticated, keep, domain_digest, expires }
    }

    /// What the evidence was bound to: it names the session.
    #[must_use]
    pub const fn binding(&self) -> &B {
        self.authenticated.binding()
    }

    /// What the evidence says.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        self.authenticated.claims()
    }

    /// What runs, as the evidence tells it.
    #[must_use]
    pub const fn keep(&self) -> &Keep {
        &self.keep
    }

    /// The digest of the domain that accepted it.
    #[must_use]
    pub const fn domain_digest(&self) -> Digest {
        self.domain_digest
    }

    /// SHA-256 of the framed evidence.
    #[must_use]
    pub const fn evidence_digest(&self) -> Digest {
        self.authenticated.evidence_digest()
    }

    /// The last second in which this counts.
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }
}

/// One condition of a domain that evidence does not meet. Exhaustive, so that a new one breaks every consumer at
/// compile time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DenyReason {
    /// The keep runs in debug mode, which no domain can admit yet.
    /// Fault: whoever launched it. Remedy: launch it without.
    Debug,
    /// No domain can say yet which keeps of this format to accept.
    /// Fault: nobody's. Remedy: an isolation that domains know.
    Format {
        /// The evidence's format.
        actual: Format,
    },
    /// The domain does not accept this isolation.
    /// Fault: the runner's choice of host. Remedy: another isolation, or a line in the domain.
    Isolation {
        /// The keep's isolation.
        actual: Isolation,
        /// Those that the domain accepts.
        accepted: Vec<Isolation>,
    },
    /// The machine did not give something, and the domain does not accept that.
    /// Fault: the host's operator. Remedy: the lack's own, or a word in the domain.
    Lack {
        /// What was lacking.
        actual: Lack,
        /// The lacks that the domain accepts.
        accepted: Vec<Lack>,
    },
    /// The domain does not name this launcher.
    /// Fault: the runner's choice of host. Remedy: another host, or an entry in the domain.
    Launcher {
        /// The launcher's key.
        actual: PublicKey,
        /// The launchers that the domain names.
        accepted: Vec<domain::Launcher>,
    },
    /// The domain does not name this runtime.
    /// Fault: the runner's version. Remedy: a version that the domain names, or an entry in the domain.
    Runtime {
        /// The runtime's digest.
        actual: Digest,
        /// The runtimes that the domain names.
        accepted: Vec<domain::Runtime>,
    },
    /// The evidence is from too long before or after the appraisal.
    /// Fault: a slow run, or a clock. Remedy: new evidence.
    Time {
        /// The time of appraisal.
        at: UnixTime,
        /// The time of the evidence.
        actual: UnixTime,
    },
}

impl DenyReason {
    /// The reason in the form in which it travels.
    #[must_use]
    pub fn reason(&self) -> Reason {
        Reason::new(self.rule(), self.expected(), self.actual(), self.remedy())
    }

    /// The rule that was not met, a stable name.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Debug => "domain-debug",
            Self::Format { .. } => "domain-format",
            Self::Isolation { .. } => "domain-isolation",
            Self::Lack { .. } => "domain-lack",
            Self::Launcher { .. } => "domain-launcher",
            Self::Runtime { .. } => "domain-runtime",
            Self::Time { .. } => "domain-time",
        }
    }

    /// What would have been accepted.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Debug => "a keep without debug mode".to_owned(),
            Self::Format { .. } => "evidence of format `software`".to_owned(),
            Self::Isolation { accepted, .. } => one_of("isolation", accepted, |isolation| format!("`{isolation}`")),
            Self::Lack { accepted, .. } => one_of("lack", accepted, |lack| format!("`{lack}`")),
            Self::Launcher { accepted, .. } => {
                one_of("launcher", accepted, |launcher| format!("`{}` {}", launcher.name, launcher.key))
            }
            Self::Runtime { accepted, .. } => {
                one_of("runtime", accepted, |runtime| format!("`{}` {}", runtime.name, runtime.digest))
            }
            Self::Time { at, .. } => format!("a time within {} s of {at}", crate::ACCEPTED_FOR_S),
        }
    }

    /// What was found.
    #[must_use]
    pub fn actual(&self) -> String {
        match self {
            Self::Debug => "a keep in debug mode".to_owned(),
            Self::Format { actual } => format!("evidence of format `{actual}`"),
            Self::Isolation { actual, .. } => format!("isolation `{actual}`"),
            Self::Lack { actual, .. } => format!("lack `{actual}`: {}", actual.explain().means),
            Self::Launcher { actual, .. } => actual.to_string(),
            Self::Runtime { actual, .. } => actual.to_string(),
            Self::Time { actual, .. } => actual.to_string(),
        }
    }

    /// Whose move it is, and what to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Debug => "launch the keep without debug mode".to_owned(),
            Self::Format { .. } => {
                "run in an isolation that domains know; for looking at it, `casemate verify`".to_owned()
            }
            Self::Isolation { actual, .. } => {
                format!("run with an accepted isolation, or add a table `[{actual}]` to domain.toml")
            }
            Self::Lack { actual, .. } => format!(
                "{}; or add \"{actual}\" to `accept_lacks` under `[process]` in domain.toml",
                actual.explain().remedy
            ),
            Self::Launcher { .. } => {
                "run on a host that domain.toml names, or add this key to it as a `[[launcher]]`".to_owned()
            }
            Self::Runtime { .. } => {
                "run a version of Casemate that domain.toml names, or add this digest to it as a `[[runtime]]`"
                    .to_owned()
            }
            Self::Time { .. } => "start the run again; if it was fast, set both machines' clocks by NTP".to_owned(),
        }
    }
}

impl From<&DenyReason> for Reason {
    fn from(reason: &DenyReason) -> Self {
        reason.reason()
    }
}

fn one_of<T>(what: &str, accepted: &[T], name: impl Fn(&T) -> String) -> String {
    match accepted {
        [] => format!("no {what}: the domain accepts none"),
        [one] => format!("{what} {}", name(one)),
        several => format!("one {what} of {}", several.iter().map(name).collect::<Vec<_>>().join(", ")),
    }
}

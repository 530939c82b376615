//! Why evidence was denied: one reason for each condition that it does not meet.

use std::fmt;

use casemate_cose::{Digest, PublicKey, UnixTime};
use casemate_evidence::{Isolation, Lack};

use super::{
    danger::{dangerous, mend, safe},
    remedy::{is_for_better, relax},
};
use crate::{
    Reason,
    component::registry::{self, Property},
    domain,
    lapsed::DELEGATION,
    printable::{called, printable, quoted},
    proof::State,
    statement::{Allowance, Kind, Subject, Test, Value},
};

/// Where in a domain a condition comes from.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// What who says it calls the statement.
    pub label: String,
    /// The line of `domain.toml`, where the domain was read from text.
    pub line: Option<usize>,
    /// Who says it, in plain words, where that is not the domain's owner.
    pub speaker: Option<String>,
    /// The statement.
    pub statement: Digest,
}

impl Place {
    /// Where to look: the line or, without one, the entry.
    fn whereabouts(&self) -> String {
        match (self.line, &self.speaker) {
            (Some(line), None) => format!("in line {line}"),
            (_, Some(_)) => format!("in {self}"),
            (None, None) => format!("of {self}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.speaker {
            Some(speaker) => {
                write!(f, "statement {} of {speaker}, called {}", self.statement.short(), called(&self.label))?;
            }
            None => f.write_str(&quoted(&self.label))?,
        }
        self.line.map_or(Ok(()), |line| write!(f, " (line {line})"))
    }
}

/// One condition of a domain that evidence does not meet. Exhaustive, so that a new one breaks every consumer at
/// compile time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DenyReason {
    /// The domain does not believe whoever vouches for a component.
    /// Fault: the runner's choice of host. Remedy: another host, or an entry in the domain.
    Attester {
        /// The component.
        component: String,
        /// Its kind.
        kind: Kind,
        /// Who vouches.
        actual: Subject,
    },
    /// Fewer components of a kind are presented beside this one than the rule asks for: a part was cut out of a whole, or the
    /// machine has not what it should have.
    /// Fault: whoever made the evidence. Remedy: evidence of all components, or another word in the domain.
    Beside {
        /// The component.
        component: String,
        /// The rule.
        place: Place,
        /// The kind of which there are too few.
        kind: Kind,
        /// How many there are.
        actual: u64,
        /// How many there have to be at least.
        demanded: u64,
    },
    /// Something dangerous about a component that the rule does not admit by name.
    /// Fault: whoever launched it. Remedy: launch it otherwise, or a word in the domain.
    Danger {
        /// The component.
        component: String,
        /// The rule.
        place: Place,
        /// What is so.
        actual: Allowance,
    },
    /// The keep runs in debug mode, which isolation `process` has no word to admit.
    /// Fault: whoever launched it. Remedy: launch it without.
    Debug,
    /// A component is none of the hardware that the rule lists.
    /// Fault: the runner's choice of host. Remedy: another host, or its identity in the list.
    Identity {
        /// The component.
        component: String,
        /// Its kind.
        kind: Kind,
        /// The rule.
        place: Place,
        /// Which hardware it is, if it says so.
        actual: Option<Vec<u8>>,
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
    /// A statement would accept it and does not count at this time.
    /// Fault: whoever maintains the domain, or runs what it has left behind. Remedy: a new statement, or a later release.
    Lapsed {
        /// The component.
        component: String,
        /// The statement.
        place: Place,
        /// What the statement is about: `attester`, `platform`, `runtime`; `delegation` where somebody else's statement would do and
        /// may be published no more.
        what: &'static str,
        /// How the statement stands.
        state: State,
    },
    /// The domain does not name this launcher.
    /// Fault: the runner's choice of host. Remedy: another host, or an entry in the domain.
    Launcher {
        /// The launcher's key.
        actual: PublicKey,
        /// The launchers that the domain names.
        accepted: Vec<domain::Launcher>,
    },
    /// The domain names nothing that may run on components of this kind.
    /// Fault: whoever wrote the domain. Remedy: an entry in it.
    NoRuntime {
        /// The component.
        component: String,
        /// Its kind.
        kind: Kind,
    },
    /// Somebody says what would accept it, who may publish, but not this.
    /// Fault: whoever published it, or the domain's limits. Remedy: another publisher, or wider limits.
    Outside {
        /// The component.
        component: String,
        /// The statement.
        place: Place,
        /// What the statement is about: `attester`, `platform`, `runtime`; `delegation` where it is one by which its speaker hands on
        /// more than there is to hand on, to who says what would do.
        what: &'static str,
        /// What it does: which right it hands on, of which line of releases it says so. `None`: it says so, of no release.
        says: Option<String>,
        /// What its speaker may publish, each in plain words.
        rights: Vec<String>,
    },
    /// The domain has no rule for platforms of this kind.
    /// Fault: the runner's choice of host. Remedy: another host, or an entry in the domain.
    Platform {
        /// The component.
        component: String,
        /// Its kind.
        actual: Kind,
        /// The kinds for which it has rules.
        accepted: Vec<Kind>,
    },
    /// Everything holds, and no proof of it was accepted; or what follows from the domain could not be computed.
    /// Fault: the domain's, or Casemate's. Remedy: a smaller domain, or a report of this.
    Proof {
        /// What the checker, or the prover, says.
        why: String,
    },
    /// A property is not what the rule demands.
    /// Fault: mostly the host's operator. Remedy: the property's own, or another demand.
    Property {
        /// The component.
        component: String,
        /// Its kind.
        kind: Kind,
        /// The rule.
        place: Place,
        /// The property's name.
        property: String,
        /// Its value; `None` where nothing says one.
        actual: Option<Value>,
        /// What is demanded.
        demanded: Test,
    },
    /// A register has another value than in the nearest measurement that the domain names.
    /// Fault: the runner's version. Remedy: a version that the domain names, or an entry in the domain.
    Register {
        /// The component.
        component: String,
        /// The measurement.
        place: Place,
        /// The register's name.
        register: String,
        /// Its value; `None` where the evidence has no such register.
        actual: Option<Vec<u8>>,
        /// The measurement's.
        demanded: Vec<u8>,
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

    /// The component that it is about; `None` for what is of the evidence as a whole.
    #[must_use]
    pub fn component(&self) -> Option<&str> {
        match self {
            Self::Attester { component, .. }
            | Self::Beside { component, .. }
            | Self::Danger { component, .. }
            | Self::Identity { component, .. }
            | Self::Lapsed { component, .. }
            | Self::NoRuntime { component, .. }
            | Self::Outside { component, .. }
            | Self::Platform { component, .. }
            | Self::Property { component, .. }
            | Self::Register { component, .. } => Some(component),
            Self::Debug
            | Self::Isolation { .. }
            | Self::Lack { .. }
            | Self::Launcher { .. }
            | Self::Proof { .. }
            | Self::Runtime { .. }
            | Self::Time { .. } => None,
        }
    }

    /// The line of `domain.toml` that the condition comes from, from 1, where the domain was read from text.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.place().and_then(|place| place.line)
    }

    /// The property or register that it is about.
    #[must_use]
    pub fn property(&self) -> Option<&str> {
        match self {
            Self::Property { property: name, .. } | Self::Register { register: name, .. } => Some(name),
            _ => None,
        }
    }

    /// Where in the domain the condition comes from.
    #[must_use]
    pub const fn place(&self) -> Option<&Place> {
        match self {
            Self::Beside { place, .. }
            | Self::Danger { place, .. }
            | Self::Identity { place, .. }
            | Self::Lapsed { place, .. }
            | Self::Outside { place, .. }
            | Self::Property { place, .. }
            | Self::Register { place, .. } => Some(place),
            _ => None,
        }
    }

    /// The rule that was not met, a stable name.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Attester { .. } => "domain-attester",
            Self::Beside { .. } => "domain-beside",
            Self::Danger { actual, .. } => match actual {
                Allowance::Debug => "domain-debug",
                Allowance::HostOperatedTpm => "domain-host-operated-tpm",
                Allowance::MaskedChip => "domain-masked-chip",
                Allowance::Migratable => "domain-migratable",
                Allowance::ServiceDomain => "domain-service-domain",
                Allowance::VmplAboveZero => "domain-vmpl-above-zero",
            },
            Self::Debug => "domain-debug",
            Self::Identity { .. } => "domain-identity",
            Self::Isolation { .. } => "domain-isolation",
            Self::Lack { .. } => "domain-lack",
            Self::Lapsed { state: State::BelowFloor { .. }, .. } => "domain-floor",
            Self::Lapsed { state: State::Revoked(_), .. } => "domain-revoked",
            Self::Lapsed { .. } => "domain-lapsed",
            Self::Launcher { .. } => "domain-launcher",
            Self::NoRuntime { .. } | Self::Runtime { .. } => "domain-runtime",
            Self::Outside { .. } => "domain-delegate",
            Self::Platform { .. } => "domain-platform",
            Self::Proof { .. } => "domain-proof",
            Self::Property { .. } => "domain-property",
            Self::Register { .. } => "domain-register",
            Self::Time { .. } => "domain-time",
        }
    }

    /// How far a miss it is, for sorting: first what a word in the domain or a new try mends, last what nothing does. Numbers and
    /// times that fall short by less are nearer.
    pub(crate) fn distance(&self) -> (u8, u64) {
        match self {
            Self::Lack { .. } => (0, 0),
            Self::Property { actual, demanded, .. } => (1, short_by(actual.as_ref(), demanded)),
            Self::Time { .. } => (2, 0),
            Self::Lapsed { .. } => (3, 0),
            Self::Outside { .. } => (3, 1),
            Self::Register { .. } | Self::Runtime { .. } => (4, 0),
            Self::NoRuntime { .. } => (4, 1),
            Self::Beside { .. } | Self::Identity { .. } => (5, 0),
            Self::Attester { .. } | Self::Launcher { .. } => (6, 0),
            Self::Isolation { .. } | Self::Platform { .. } => (7, 0),
            Self::Danger { .. } => (8, 0),
            Self::Debug => (8, 1),
            Self::Proof { .. } => (9, 0),
        }
    }

    /// What would have been accepted.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Beside { place, kind, demanded, .. } => format!("{demanded} `{kind}` beside it at least, by {place}"),
            Self::Attester { kind, .. } => format!("someone whom the domain believes about `{kind}`"),
            Self::Danger { actual, place, .. } => format!("{}, by {place}", safe(*actual)),
            Self::Debug => "a keep without debug mode".to_owned(),
            Self::Identity { kind, place, .. } => format!("one of the `{kind}` hardware that {place} lists"),
            Self::Isolation { accepted, .. } => one_of("isolation", accepted, |isolation| format!("`{isolation}`")),
            Self::Lack { accepted, .. } => one_of("lack", accepted, |lack| format!("`{lack}`")),
            Self::Lapsed { what: DELEGATION, .. } => "a right to publish that counts now".to_owned(),
            Self::Lapsed { what, .. } => format!("a statement about its {what} that counts now"),
            Self::Launcher { accepted, .. } => {
                one_of("launcher", accepted, |launcher| format!("{} {}", quoted(&launcher.name), launcher.key))
            }
            Self::NoRuntime { kind, .. } => format!("a runtime for `{kind}`: the domain names none"),
            Self::Outside { .. } => "the word of somebody who may publish it".to_owned(),
            Self::Platform { accepted, .. } => one_of("platform", accepted, |kind| format!("`{kind}`")),
            Self::Proof { .. } => "a proof that the checker accepts".to_owned(),
            Self::Property { kind, property, demanded, place, .. } => {
                format!("{}, by {place}", demanded_words(registry::property(*kind, property), demanded))
            }
            Self::Register { demanded, place, .. } => format!("{}, by {place}", registry::hex(demanded)),
            Self::Runtime { accepted, .. } => {
                one_of("runtime", accepted, |runtime| format!("{} {}", quoted(&runtime.name), runtime.digest))
            }
            Self::Time { at, .. } => format!("a time within {} s of {at}", crate::ACCEPTED_FOR_S),
        }
    }

    /// What was found.
    #[must_use]
    pub fn actual(&self) -> String {
        let of = |component: &str| if component == "cpu" { String::new() } else { format!("{component}: ") };
        match self {
            Self::Attester { component, actual, .. } => format!("{}the word of {}", of(component), who(actual)),
            Self::Beside { component, kind, actual, .. } => format!("{}{actual} `{kind}` beside it", of(component)),
            Self::Danger { component, actual, .. } => format!("{}{}", of(component), dangerous(*actual)),
            Self::Debug => "a keep in debug mode".to_owned(),
            Self::Identity { component, kind, actual, .. } => {
                let name = registry::identity(*kind)
                    .and_then(|identity| identity.names.first().copied())
                    .unwrap_or("hardware");
                let actual = actual.as_ref().map_or_else(|| "that it does not tell".to_owned(), |id| registry::hex(id));
                format!("{}{name} {actual}", of(component))
            }
            Self::Isolation { actual, .. } => format!("isolation `{actual}`"),
            Self::Lack { actual, .. } => format!("lack `{actual}`: {}", actual.explain().means),
            Self::Lapsed { component, place, state, .. } => format!("{}{place}, which {state}", of(component)),
            Self::Launcher { actual, .. } => actual.to_string(),
            Self::NoRuntime { component, kind } => format!("{}registers of `{kind}`", of(component)),
            Self::Outside { component, place, rights, says, .. } => {
                let says = says.as_deref().unwrap_or("says so");
                let rights = rights.iter().map(|right| format!("only {right}")).collect::<Vec<_>>().join(", and ");
                format!("{}{place} {says}, but may publish {rights}", of(component))
            }
            Self::Platform { component, actual, .. } => format!("{}platform `{actual}`", of(component)),
            Self::Proof { why } => why.clone(),
            Self::Property { component, kind, property, actual, .. } => {
                let row = registry::property(*kind, property);
                let actual = actual.as_ref().map_or_else(|| "not stated".to_owned(), |value| show(row, value));
                format!("{}{property} {actual}", of(component))
            }
            Self::Register { component, register, actual, .. } => {
                let actual = actual.as_ref().map_or_else(|| "not there".to_owned(), |value| registry::hex(value));
                format!("{}{register} {actual}", of(component))
            }
            Self::Runtime { actual, .. } => actual.to_string(),
            Self::Time { actual, .. } => actual.to_string(),
        }
    }

    /// Whose move it is, and what to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Attester { kind, actual, .. } => match actual {
                Subject::Key(_) => format!(
                    "if you know better whose key this is, name it among `attesters` of a `[[platform]]` of kind `{kind}`"
                ),
                _ => format!("add a `[[platform]]` of kind `{kind}` to domain.toml: it believes the kind's vendor"),
            },
            Self::Beside { kind, place, .. } => {
                format!("present the evidence whole, its `{kind}` with it, or shorten `with` {}", place.whereabouts())
            }
            Self::Danger { actual, place, .. } => {
                format!("{}; or add \"{actual}\" to `allow` of {place}", mend(*actual))
            }
            Self::Debug => "launch the keep without debug mode".to_owned(),
            Self::Identity { place, .. } => {
                format!("run on hardware that is listed, or add this one to {place}")
            }
            Self::Isolation { actual, .. } => {
                format!("run with an accepted isolation, or add a table `[{actual}]` to domain.toml")
            }
            Self::Lack { actual, .. } => format!(
                "{}; or add \"{actual}\" to `accept_lacks` under `[process]` in domain.toml",
                actual.explain().remedy
            ),
            Self::Lapsed { what, state, place, .. } => renew(what, *state, place),
            Self::Launcher { .. } => {
                "run on a host that domain.toml names, or add this key to it as a `[[launcher]]`".to_owned()
            }
            Self::NoRuntime { kind, .. } => format!("add a `[[runtime]]` with registers of `{kind}` to domain.toml"),
            Self::Outside { .. } => {
                "have it published by a key that may, or widen the limits of this one's `[[delegate]]`".to_owned()
            }
            Self::Platform { actual, .. } => {
                format!("run on an accepted platform, or add a `[[platform]]` of kind `{actual}` to domain.toml")
            }
            Self::Proof { .. } => {
                "remove statements that no longer matter; if this stays, report it as a bug".to_owned()
            }
            Self::Property { kind, property, actual, demanded, place, .. } => {
                let remedy = match registry::property(*kind, property) {
                    Some(row) if row.is_mended_by_update() && !is_for_better(actual.as_ref(), demanded) => {
                        format!("run where `{property}` is {}", demanded_words(Some(row), demanded))
                    }
                    Some(row) => row.remedy.to_owned(),
                    None => "have it said by someone whom the domain believes".to_owned(),
                };
                format!("{remedy}, or {} {}", relax(demanded), place.whereabouts())
            }
            Self::Register { .. } => {
                "run a version that domain.toml names, or add these registers to it as a `[[runtime]]`".to_owned()
            }
            Self::Runtime { .. } => {
                "run a version of Casemate that domain.toml names, or add this digest to it as a `[[runtime]]`"
                    .to_owned()
            }
            Self::Time { .. } => "judge new evidence, or a recording at the time it was made; if it is new, one of the two clocks is wrong"
                .to_owned(),
        }
    }
}

impl fmt::Display for DenyReason {
    /// One sentence: what was found, what the domain demands, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = format!("{}, domain demands {}: {}", self.actual(), self.expected(), self.remedy());
        f.write_str(&printable(&line))
    }
}

impl From<&DenyReason> for Reason {
    fn from(reason: &DenyReason) -> Self {
        reason.reason()
    }
}

/// What to do about a statement that counts no more, or not yet.
fn renew(what: &str, state: State, place: &Place) -> String {
    match state {
        State::BelowFloor { floor } => format!("run version {floor} or a later one"),
        State::NotYet => format!("wait until it begins, or let {place} begin earlier"),
        State::Revoked(_) if what == DELEGATION => {
            "do not let it in again unless you know why it was revoked: what it published counts no more".to_owned()
        }
        State::Revoked(_) => format!("use another {what}: this one was revoked"),
        State::Expired if what == DELEGATION => {
            format!("renew {place}, if who it is about may still publish: what it published counts no more")
        }
        _ => format!("use another {what}, or renew {place}"),
    }
}

fn who(subject: &Subject) -> String {
    match subject {
        Subject::Key(digest) => format!("the key `{digest}`"),
        Subject::Vendor(vendor) => format!("`{vendor}`"),
        _ => "somebody".to_owned(),
    }
}

fn show(row: Option<&Property>, value: &Value) -> String {
    row.map_or_else(|| registry::show(value), |row| row.show(value))
}

fn demanded_words(row: Option<&Property>, demanded: &Test) -> String {
    let show = |value: &Value| show(row, value);
    match demanded {
        Test::AtLeast(least) => format!("at least {}", show(least)),
        Test::AtMost(most) => format!("at most {}", show(most)),
        Test::Equals(expected) => show(expected),
        Test::NotEquals(refused) => format!("anything but {}", show(refused)),
        Test::OneOf(accepted) => format!("one of {}", accepted.iter().map(show).collect::<Vec<_>>().join(", ")),
        Test::SubsetOf(accepted) if accepted.is_empty() => "none".to_owned(),
        Test::SubsetOf(accepted) => {
            format!("none but {}", accepted.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
        }
    }
}

/// By how much a number or a time misses; nothing else has an order.
fn short_by(actual: Option<&Value>, demanded: &Test) -> u64 {
    match (actual, demanded) {
        (Some(Value::Number(actual)), Test::AtLeast(Value::Number(limit)) | Test::AtMost(Value::Number(limit))) => {
            actual.abs_diff(*limit)
        }
        (Some(Value::Time(actual)), Test::AtLeast(Value::Time(limit)) | Test::AtMost(Value::Time(limit))) => {
            actual.0.abs_diff(limit.0)
        }
        _ => u64::MAX,
    }
}

fn one_of<T>(what: &str, accepted: &[T], name: impl Fn(&T) -> String) -> String {
    match accepted {
        [] => format!("no {what}: the domain accepts none"),
        [one] => format!("{what} {}", name(one)),
        several => format!("one {what} of {}", several.iter().map(name).collect::<Vec<_>>().join(", ")),
    }
}

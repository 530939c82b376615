//! How patched a platform is: statuses, levels, and what is missing [Intel Quote Verification Library, §4.1.2.5.1 and .2].
//!
//! The first level that the platform reaches in every component is the platform's. From it, from the TDX module's level and
//! from the quoting enclave's the status of all is made: the oldest counts, and whatever needs configuration or hardening.
//! A platform that reaches no level is `BelowLowest`.
//!
//! Where Intel's library (2026) is laxer: a quoting enclave that needs configuration counts here; and a domain whose TDX module
//! was replaced by a worse one stands as that one does.

use casemate_cose::UnixTime;

use super::{
    Pck, QeIdentity, TcbInfo,
    claims::{Enclave, TrustDomain},
    tcb_info::{ModuleIdentity, TcbComponent, TcbLevel},
};
use crate::{Facts, named::named};

/// How a platform, a module or an enclave stands. Exhaustive, so that a new one breaks every consumer at compile time.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TcbStatus {
    /// Below the lowest level that Intel lists.
    BelowLowest,
    /// Both of these.
    ConfigurationAndSwHardeningNeeded,
    /// The platform may be configured in a way that leaves it open.
    ConfigurationNeeded,
    /// Not patched against something that is known.
    OutOfDate,
    /// Both of these.
    OutOfDateConfigurationNeeded,
    /// Keys of this version may be known to others.
    Revoked,
    /// Patched, if the software inside was hardened too.
    SwHardeningNeeded,
    /// Patched since the domain was launched: launched anew, it would be up to date.
    TdRelaunchAdvised,
    /// The same, and needs configuration.
    TdRelaunchAdvisedConfigurationNeeded,
    /// Patched against all that is known.
    UpToDate,
}

named!(TcbStatus, UnknownTcbStatus, "TCB status", [
    BelowLowest => "BelowLowest",
    ConfigurationAndSwHardeningNeeded => "ConfigurationAndSWHardeningNeeded",
    ConfigurationNeeded => "ConfigurationNeeded",
    OutOfDate => "OutOfDate",
    OutOfDateConfigurationNeeded => "OutOfDateConfigurationNeeded",
    Revoked => "Revoked",
    SwHardeningNeeded => "SWHardeningNeeded",
    TdRelaunchAdvised => "TDRelaunchAdvised",
    TdRelaunchAdvisedConfigurationNeeded => "TDRelaunchAdvisedConfigurationNeeded",
    UpToDate => "UpToDate",
]);

/// How old something is; the later, the worse.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Age {
    Current,
    Old,
    Revoked,
    Unlisted,
}

impl TcbStatus {
    /// Whether a level of a vendor's can have it.
    pub(super) const fn is_of_a_level(self) -> bool {
        !matches!(self, Self::BelowLowest | Self::TdRelaunchAdvised | Self::TdRelaunchAdvisedConfigurationNeeded)
    }

    const fn age(self) -> Age {
        match self {
            Self::UpToDate
            | Self::SwHardeningNeeded
            | Self::ConfigurationNeeded
            | Self::ConfigurationAndSwHardeningNeeded => Age::Current,
            Self::OutOfDate
            | Self::OutOfDateConfigurationNeeded
            | Self::TdRelaunchAdvised
            | Self::TdRelaunchAdvisedConfigurationNeeded => Age::Old,
            Self::Revoked => Age::Revoked,
            Self::BelowLowest => Age::Unlisted,
        }
    }

    const fn needs_configuration(self) -> bool {
        matches!(
            self,
            Self::ConfigurationNeeded
                | Self::ConfigurationAndSwHardeningNeeded
                | Self::OutOfDateConfigurationNeeded
                | Self::TdRelaunchAdvisedConfigurationNeeded
        )
    }

    const fn needs_hardening(self) -> bool {
        matches!(self, Self::SwHardeningNeeded | Self::ConfigurationAndSwHardeningNeeded)
    }

    /// Of two parts that both count.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let needs_configuration = self.needs_configuration() || other.needs_configuration();
        let needs_hardening = self.needs_hardening() || other.needs_hardening();
        match (self.age().max(other.age()), needs_configuration, needs_hardening) {
            (Age::Unlisted, _, _) => Self::BelowLowest,
            (Age::Revoked, _, _) => Self::Revoked,
            (Age::Old, true, _) => Self::OutOfDateConfigurationNeeded,
            (Age::Old, false, _) => Self::OutOfDate,
            (Age::Current, true, true) => Self::ConfigurationAndSwHardeningNeeded,
            (Age::Current, true, false) => Self::ConfigurationNeeded,
            (Age::Current, false, true) => Self::SwHardeningNeeded,
            (Age::Current, false, false) => Self::UpToDate,
        }
    }

    /// Of a domain that was launched under one TDX module and runs under another [§4.1.2.5.1.20].
    #[must_use]
    pub fn since_launch(self, current: Self) -> Self {
        match (self.age(), current.age()) {
            (Age::Old, Age::Current) if self.needs_configuration() || current.needs_configuration() => {
                Self::TdRelaunchAdvisedConfigurationNeeded
            }
            (Age::Old, Age::Current) => Self::TdRelaunchAdvised,
            (launched, now) if now > launched => self.and(current),
            _ => self,
        }
    }
}

/// How the whole stands, and each of its parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tcb {
    /// The status of all.
    pub status: TcbStatus,
    /// The oldest date of its parts; `None` if one of them is below its lowest level.
    pub date: Option<UnixTime>,
    /// All of its parts, sorted, each once.
    pub advisories: Vec<String>,
    /// The platform's firmware; of a trust domain, where it was launched.
    pub platform: Part,
    /// The TDX module under which the domain was launched; of TDX from 1.5 on.
    pub module: Option<Part>,
    /// The quoting enclave.
    pub qe: Part,
    /// The platform with the TDX module that runs now; where the domain says it.
    pub current_platform: Option<Part>,
    /// The TDX module that runs now; where the domain says it.
    pub current_module: Option<Part>,
    /// What is older than in the newest level.
    pub shortfalls: Vec<Shortfall>,
    /// `tcbEvaluationDataNumber` of the TCB info.
    pub tcb_info_number: u32,
    /// `tcbEvaluationDataNumber` of the QE identity.
    pub qe_identity_number: u32,
}

/// How one part stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// Its status.
    pub status: TcbStatus,
    /// Which level it has, 0 being the newest; `None` below the lowest.
    pub level: Option<usize>,
    /// When that level was the newest.
    pub date: Option<UnixTime>,
    /// Why it stands so.
    pub advisories: Vec<String>,
}

/// A component older than in the newest level.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shortfall {
    /// Which component.
    pub component: Component,
    /// Its security version.
    pub actual: u16,
    /// That of the newest level.
    pub newest: u16,
    /// What Intel calls it: category and type, where it says them.
    pub name: Option<String>,
}

/// A component of the TCB.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Component {
    /// SGX component 1 to 16.
    Sgx(u8),
    /// The provisioning certification enclave.
    Pce,
    /// Byte 0 to 15 of TEE_TCB_SVN.
    Tdx(u8),
    /// Byte 0 to 15 of TEE_TCB_SVN_2.
    CurrentTdx(u8),
    /// The TDX module at launch, its minor version.
    Module,
    /// The TDX module now, its minor version.
    CurrentModule,
    /// The quoting enclave.
    Qe,
}

impl std::fmt::Display for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sgx(number) => write!(f, "SGX component {number}"),
            Self::Pce => f.write_str("PCE"),
            Self::Tdx(place) => write!(f, "TDX component {place}"),
            Self::CurrentTdx(place) => write!(f, "current TDX component {place}"),
            Self::Module => f.write_str("TDX module"),
            Self::CurrentModule => f.write_str("current TDX module"),
            Self::Qe => f.write_str("quoting enclave"),
        }
    }
}

impl std::fmt::Display for Shortfall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} where the newest is {}", self.component, self.actual, self.newest)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}

/// A TDX module's versions as a TD report has them, and its identity: none of TDX 1.0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Module<'a> {
    pub(super) svn: [u8; 16],
    pub(super) identity: Option<&'a ModuleIdentity>,
}

/// What of a quote decides about its TCB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured<'a> {
    pub(super) pck: &'a Pck,
    pub(super) qe: &'a Enclave,
    /// Of a trust domain: at launch, and now.
    pub(super) modules: Option<(Module<'a>, Option<Module<'a>>)>,
}

/// How it stands by `info` and `identity`.
pub(super) fn tcb(measured: &Measured<'_>, info: &TcbInfo, identity: &QeIdentity) -> Tcb {
    let qe = qe(measured.qe, identity);
    let launch = measured.modules.map(|(launch, _)| launch);
    let current = measured.modules.and_then(|(_, current)| current);
    let platform = platform(measured.pck, launch, info);
    let module = launch.and_then(module);
    let current_platform = current.map(|current| self::platform(measured.pck, Some(current), info));
    let current_module = current.and_then(self::module);

    let all = |platform: &Part, module: Option<&Part>| {
        module.map_or(platform.status, |module| platform.status.and(module.status)).and(qe.status)
    };
    let launched = all(&platform, module.as_ref());
    let status = current_platform
        .as_ref()
        .map_or(launched, |platform| launched.since_launch(all(platform, current_module.as_ref())));

    let parts = [Some(&platform), module.as_ref(), Some(&qe), current_platform.as_ref(), current_module.as_ref()];
    let mut advisories: Vec<String> = parts.iter().flatten().flat_map(|part| part.advisories.iter().cloned()).collect();
    advisories.sort_unstable();
    advisories.dedup();
    let dates: Option<Vec<UnixTime>> = parts.iter().flatten().map(|part| part.date).collect();
    let shortfalls = shortfalls(measured, info, identity);
    Tcb {
        status,
        date: dates.and_then(|dates| dates.into_iter().min()),
        advisories,
        platform,
        module,
        qe,
        current_platform,
        current_module,
        shortfalls,
        tcb_info_number: info.tcb_evaluation_data_number,
        qe_identity_number: identity.tcb_evaluation_data_number,
    }
}

fn platform(pck: &Pck, module: Option<Module<'_>>, info: &TcbInfo) -> Part {
    let found = info.levels.iter().enumerate().find(|(_, level)| reaches(pck, module, level));
    part(found.map(|(place, level)| (place, level.status, level.date, &level.advisories)))
}

/// Whether every component is at least the level's.
fn reaches(pck: &Pck, module: Option<Module<'_>>, level: &TcbLevel) -> bool {
    let all = |actual: &[u8], least: &[u8]| actual.iter().zip(least).all(|(actual, least)| actual >= least);
    let tdx = match (module, &level.tdx) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(module), Some(least)) => {
            let from = from(&module.svn);
            all(module.svn.get(from..).unwrap_or_default(), least.get(from..).unwrap_or_default())
        }
    };
    all(&pck.components, &level.sgx) && pck.pce_svn >= level.pce_svn && tdx
}

/// From TDX 1.5 on, minor and major version of the module are not the platform's but the module's own level's business.
const fn from(svn: &[u8; 16]) -> usize {
    let [_, major, ..] = svn;
    if *major > 0 { 2 } else { 0 }
}

fn module(module: Module<'_>) -> Option<Part> {
    let [minor, ..] = module.svn;
    let found = module.identity?.levels.iter().enumerate().find(|(_, level)| minor >= level.isv_svn);
    Some(part(found.map(|(place, level)| (place, level.status, level.date, &level.advisories))))
}

fn qe(qe: &Enclave, identity: &QeIdentity) -> Part {
    let found = identity.levels.iter().enumerate().find(|(_, level)| qe.isv_svn >= level.isv_svn);
    part(found.map(|(place, level)| (place, level.status, level.date, &level.advisories)))
}

fn part(found: Option<(usize, TcbStatus, UnixTime, &Vec<String>)>) -> Part {
    match found {
        Some((level, status, date, advisories)) => {
            Part { status, level: Some(level), date: Some(date), advisories: advisories.clone() }
        }
        None => Part { status: TcbStatus::BelowLowest, level: None, date: None, advisories: Vec::new() },
    }
}

/// A component, its SVN, that of the newest level, and its place among the names of components.
type Row = (Component, u16, u16, Option<usize>);

fn shortfalls(measured: &Measured<'_>, info: &TcbInfo, identity: &QeIdentity) -> Vec<Shortfall> {
    let (launch, current) = measured.modules.map_or((None, None), |(launch, current)| (Some(launch), current));
    let mut rows = Vec::new();
    if let Some(newest) = info.levels.first() {
        rows.extend(sgx_rows(measured.pck, newest));
        rows.extend(launch.iter().flat_map(|module| tdx_rows(module, newest, Component::Tdx)));
        rows.extend(current.iter().flat_map(|module| tdx_rows(module, newest, Component::CurrentTdx)));
    }
    rows.extend(launch.and_then(|module| module_row(module, Component::Module)));
    rows.extend(current.and_then(|module| module_row(module, Component::CurrentModule)));
    rows.extend(identity.levels.first().map(|newest| (Component::Qe, measured.qe.isv_svn, newest.isv_svn, None)));
    let short = rows.into_iter().filter(|(_, actual, newest, _)| actual < newest);
    short
        .map(|(component, actual, newest, place)| {
            let name = place.and_then(|place| info.component_names.get(place)).and_then(name);
            Shortfall { component, actual, newest, name }
        })
        .collect()
}

fn sgx_rows(pck: &Pck, newest: &TcbLevel) -> impl Iterator<Item = Row> {
    let svns = pck.components.into_iter().zip(newest.sgx);
    let rows = (1..)
        .zip(0..)
        .zip(svns)
        .map(|((number, place), (actual, newest))| (Component::Sgx(number), actual.into(), newest.into(), Some(place)));
    rows.chain([(Component::Pce, pck.pce_svn, newest.pce_svn, None)])
}

fn tdx_rows(module: &Module<'_>, newest: &TcbLevel, kind: fn(u8) -> Component) -> impl Iterator<Item = Row> {
    let svns = module.svn.into_iter().zip(newest.tdx.unwrap_or_default());
    let rows = (0..).zip(16..).zip(svns).skip(from(&module.svn));
    rows.map(move |((byte, place), (actual, newest))| (kind(byte), actual.into(), newest.into(), Some(place)))
}

fn module_row(module: Module<'_>, component: Component) -> Option<Row> {
    let [minor, ..] = module.svn;
    let newest = module.identity?.levels.first()?;
    Some((component, minor.into(), newest.isv_svn.into(), None))
}

fn name(component: &TcbComponent) -> Option<String> {
    let parts: Vec<&str> = [&component.category, &component.kind].into_iter().flatten().map(String::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

/// The TDX modules that a domain names, with their identities.
pub(super) fn modules<'a, E>(
    domain: &TrustDomain,
    identity: impl Fn(&'static str, u8) -> Result<Option<&'a ModuleIdentity>, E>,
) -> Result<(Module<'a>, Option<Module<'a>>), E> {
    let module = |field, svn: [u8; 16]| {
        let [_, major, ..] = svn;
        Ok(Module { svn, identity: identity(field, major)? })
    };
    let launch = module("TEE_TCB_SVN", domain.tee_tcb_svn)?;
    let current = domain.preserving.map(|preserving| module("TEE_TCB_SVN_2", preserving.tee_tcb_svn_2)).transpose()?;
    Ok((launch, current))
}

impl Tcb {
    pub(super) fn facts(&self, facts: &mut Facts) {
        facts.add("tcb-status", self.status);
        if let Some(date) = self.date {
            facts.add("tcb-date", date);
        }
        facts.add("tcb-advisories", self.advisories.join(", "));
        for (name, part) in [
            ("tcb-platform", Some(&self.platform)),
            ("tcb-module", self.module.as_ref()),
            ("tcb-qe", Some(&self.qe)),
            ("tcb-current-platform", self.current_platform.as_ref()),
            ("tcb-current-module", self.current_module.as_ref()),
        ] {
            if let Some(part) = part {
                part.facts(name, facts);
            }
        }
        for shortfall in &self.shortfalls {
            facts.add("tcb-shortfall", shortfall);
        }
        facts.add("tcb-info-evaluation-data-number", self.tcb_info_number);
        facts.add("qe-identity-evaluation-data-number", self.qe_identity_number);
    }
}

impl Part {
    fn facts(&self, name: &str, facts: &mut Facts) {
        let level = self.level.map_or("below the lowest level".to_owned(), |level| format!("level {level}"));
        let date = self.date.map_or(String::new(), |date| format!(", {date}"));
        facts.add(name, format_args!("{} ({level}{date})", self.status));
    }
}

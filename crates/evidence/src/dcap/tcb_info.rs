//! Intel's TCB info, versions 2 and 3 [PCS API v3 and v4, `/tcb`].
//!
//! Version 1 has levels without dates and without the number of their evaluation: it is refused, Intel serves it no more.

use std::fmt;

use casemate_cose::UnixTime;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use super::{
    Flaw, TcbStatus, Tee,
    json::{Date, Hex, Signed, Text, bounded},
};
use crate::Window;

/// What Intel says about the firmware of one kind of platform.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TcbInfo {
    /// Version 2 is always of SGX.
    pub tee: Tee,
    /// 2 or 3.
    pub version: u32,
    /// When it was issued.
    pub issue_date: UnixTime,
    /// Until when it holds.
    pub next_update: UnixTime,
    /// Family, model, stepping, platform type and custom SKU of the processors that it is about.
    pub fmspc: [u8; 6],
    /// The provisioning certification enclave; without it, it is about no platform.
    pub pce_id: Option<[u8; 2]>,
    /// Which evaluation it comes from: rises with every recovery.
    pub tcb_evaluation_data_number: u32,
    /// The TDX 1.0 module; of TDX only.
    pub module: Option<TdxModule>,
    /// Later TDX modules, by major version.
    pub module_identities: Vec<ModuleIdentity>,
    /// Levels, the newest first.
    pub levels: Vec<TcbLevel>,
    /// The names of the newest level's components: 16 of SGX, 16 of TDX.
    pub component_names: Vec<TcbComponent>,
}

/// A TDX module: who signed it, and its attributes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TdxModule {
    /// What MRSIGNERSEAM has to be.
    pub mr_signer: [u8; 48],
    /// What SEAMATTRIBUTES has to be, where the mask has ones.
    pub attributes: [u8; 8],
    /// Which of the attributes count.
    pub attributes_mask: [u8; 8],
}

/// A TDX module of one major version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ModuleIdentity {
    /// The major version: 3 of `TDX_03`.
    pub major: u8,
    /// Signer and attributes.
    pub module: TdxModule,
    /// Levels, the newest first.
    pub levels: Vec<ModuleLevel>,
}

/// A level of a TDX module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ModuleLevel {
    /// The least minor version.
    pub isv_svn: u8,
    /// When this was the newest.
    pub date: UnixTime,
    /// How such a module stands.
    pub status: TcbStatus,
    /// Why it stands so.
    pub advisories: Vec<String>,
}

/// A level of the platform.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TcbLevel {
    /// The least SVN of each SGX component.
    pub sgx: [u8; 16],
    /// The least SVN of each TDX component; of TDX only.
    pub tdx: Option<[u8; 16]>,
    /// The least SVN of the provisioning certification enclave.
    pub pce_svn: u16,
    /// When this was the newest.
    pub date: UnixTime,
    /// How such a platform stands.
    pub status: TcbStatus,
    /// Why it stands so.
    pub advisories: Vec<String>,
}

/// What a component is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TcbComponent {
    /// Who updates it: `BIOS`, `OS/VMM`.
    pub category: Option<String>,
    /// What it is: `Early Microcode Update`.
    pub kind: Option<String>,
}

impl TcbInfo {
    /// Reads TCB info, `{"tcbInfo":…,"signature":…}`. Its signature is not looked at.
    ///
    /// # Errors
    /// [`Flaw::TcbInfoJson`].
    pub fn read(bytes: &[u8]) -> Result<Self, Flaw> {
        Signed::tcb_info(bytes).and_then(|signed| Self::of(&signed)).map_err(|error| Flaw::TcbInfoJson { error })
    }

    /// When it holds.
    #[must_use]
    pub const fn window(&self) -> Window {
        Window { not_before: self.issue_date, not_after: self.next_update }
    }

    pub(super) fn of(signed: &Signed<'_>) -> Result<Self, String> {
        let file: File<'_> = signed.read()?;
        let tee = match (file.version, file.id) {
            (2, None) => Tee::Sgx,
            (3, Some(tee)) => tee,
            (2 | 3, _) => return Err("`id` is missing, or there in version 2".to_owned()),
            (version, _) => return Err(format!("version {version} is not read, 2 and 3 are")),
        };
        if file.tcb_type != 0 {
            return Err(format!("`tcbType` is {}, 0 is read", file.tcb_type));
        }
        let identities = file.tdx_module_identities.unwrap_or_default();
        if (tee == Tee::Tdx) != file.tdx_module.is_some() || (tee == Tee::Sgx && !identities.is_empty()) {
            return Err("`tdxModule` is missing, or there for SGX".to_owned());
        }
        if file.version == 3 && file.pce_id.is_none() {
            return Err("`pceId` is missing".to_owned());
        }
        bounded("tcbLevels", &file.tcb_levels)?;
        bounded("tdxModuleIdentities", &identities)?;
        let component_names = file.tcb_levels.first().map(names).unwrap_or_default();
        let levels =
            file.tcb_levels.into_iter().map(|level| level.read(file.version, tee)).collect::<Result<Vec<_>, _>>()?;
        check_order(&levels)?;
        Ok(Self {
            tee,
            version: file.version,
            issue_date: file.issue_date.0,
            next_update: file.next_update.0,
            fmspc: file.fmspc.0,
            pce_id: file.pce_id.map(|id| id.0),
            tcb_evaluation_data_number: file.tcb_evaluation_data_number,
            module: file.tdx_module.map(ModuleFile::read),
            module_identities: identities.into_iter().map(IdentityFile::read).collect::<Result<_, _>>()?,
            levels,
            component_names,
        })
    }
}

/// What TCB info is about, read without the rest.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(super) struct About {
    #[serde(default)]
    id: Option<Tee>,
    pub(super) fmspc: Hex<6>,
}

impl About {
    pub(super) fn of(signed: &Signed<'_>) -> Result<Self, String> {
        signed.read()
    }

    pub(super) const fn of_read(info: &TcbInfo) -> Self {
        Self { id: Some(info.tee), fmspc: Hex(info.fmspc) }
    }

    pub(super) fn tee(self) -> Tee {
        self.id.unwrap_or(Tee::Sgx)
    }
}

/// There are levels, and none comes after one that everything matches that matches it.
fn check_order(levels: &[TcbLevel]) -> Result<(), String> {
    if levels.is_empty() {
        return Err("`tcbLevels` is empty".to_owned());
    }
    let reaches = |high: &TcbLevel, low: &TcbLevel| {
        let all = |high: &[u8; 16], low: &[u8; 16]| high.iter().zip(low).all(|(high, low)| high >= low);
        let tdx = high.tdx.zip(low.tdx).is_none_or(|(high, low)| all(&high, &low));
        all(&high.sgx, &low.sgx) && tdx && high.pce_svn >= low.pce_svn
    };
    for (place, level) in levels.iter().enumerate() {
        if levels.iter().take(place).any(|earlier| reaches(level, earlier)) {
            return Err(format!("`tcbLevels` are not in descending order: nothing can match level {place}"));
        }
    }
    Ok(())
}

/// The same for levels of one number.
pub(super) fn check_descending<T: PartialOrd>(name: &str, svns: impl Iterator<Item = T>) -> Result<(), String> {
    let svns: Vec<T> = svns.collect();
    bounded(name, &svns)?;
    if svns.is_empty() || !svns.is_sorted_by(|one, next| one > next) {
        return Err(format!("`{name}` is empty or not in descending order"));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File<'a> {
    id: Option<Tee>,
    version: u32,
    issue_date: Date,
    next_update: Date,
    fmspc: Hex<6>,
    pce_id: Option<Hex<2>>,
    tcb_type: u32,
    tcb_evaluation_data_number: u32,
    tdx_module: Option<ModuleFile>,
    tdx_module_identities: Option<Vec<IdentityFile>>,
    #[serde(borrow)]
    tcb_levels: Vec<LevelFile<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ModuleFile {
    mrsigner: Hex<48>,
    attributes: Hex<8>,
    attributes_mask: Hex<8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IdentityFile {
    id: String,
    mrsigner: Hex<48>,
    attributes: Hex<8>,
    attributes_mask: Hex<8>,
    tcb_levels: Vec<SvnLevelFile<u8>>,
}

/// A level of an enclave or a TDX module.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SvnLevelFile<T> {
    pub(super) tcb: SvnFile<T>,
    pub(super) tcb_date: Date,
    pub(super) tcb_status: TcbStatus,
    #[serde(default, rename = "advisoryIDs")]
    pub(super) advisories: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SvnFile<T> {
    pub(super) isvsvn: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LevelFile<'a> {
    #[serde(borrow)]
    tcb: TcbFile<'a>,
    tcb_date: Date,
    tcb_status: TcbStatus,
    #[serde(default, rename = "advisoryIDs")]
    advisories: Vec<String>,
}

/// `tcb` of either version: components by number (2), or in lists (3).
#[derive(Default)]
struct TcbFile<'a> {
    numbered: [Option<u8>; 16],
    sgx: Option<Vec<ComponentFile<'a>>>,
    tdx: Option<Vec<ComponentFile<'a>>>,
    pce_svn: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentFile<'a> {
    svn: u8,
    #[serde(borrow, default)]
    category: Option<Text<'a>>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<Text<'a>>,
}

impl ModuleFile {
    const fn read(self) -> TdxModule {
        TdxModule { mr_signer: self.mrsigner.0, attributes: self.attributes.0, attributes_mask: self.attributes_mask.0 }
    }
}

impl IdentityFile {
    fn read(self) -> Result<ModuleIdentity, String> {
        let digits = self.id.strip_prefix("TDX_").and_then(|digits| hex::decode(digits).ok());
        let [major] = digits.as_deref().unwrap_or_default() else {
            return Err(format!("`{}` names no TDX module", self.id.escape_debug()));
        };
        check_descending("tdxModuleIdentities.tcbLevels", self.tcb_levels.iter().map(|level| level.tcb.isvsvn))?;
        let Self { mrsigner, attributes, attributes_mask, .. } = self;
        let levels = self.tcb_levels.into_iter().map(module_level).collect::<Result<_, _>>()?;
        Ok(ModuleIdentity {
            major: *major,
            module: ModuleFile { mrsigner, attributes, attributes_mask }.read(),
            levels,
        })
    }
}

fn module_level(level: SvnLevelFile<u8>) -> Result<ModuleLevel, String> {
    let status = level.tcb_status;
    if !matches!(status, TcbStatus::UpToDate | TcbStatus::OutOfDate | TcbStatus::Revoked) {
        return Err(format!("`{status}` is no status of a TDX module"));
    }
    bounded("advisoryIDs", &level.advisories)?;
    Ok(ModuleLevel { isv_svn: level.tcb.isvsvn, date: level.tcb_date.0, status, advisories: level.advisories })
}

impl LevelFile<'_> {
    fn read(self, version: u32, tee: Tee) -> Result<TcbLevel, String> {
        let numbered: Option<Vec<u8>> = self.tcb.numbered.into_iter().collect();
        let has_numbered = self.tcb.numbered.iter().any(Option::is_some);
        let svns =
            |list: Option<Vec<ComponentFile<'_>>>| list.map(|list| list.iter().map(|one| one.svn).collect::<Vec<_>>());
        let (sgx, tdx) = match version {
            2 if self.tcb.sgx.is_none() && self.tcb.tdx.is_none() => (numbered, None),
            3 if !has_numbered && (tee == Tee::Tdx) == self.tcb.tdx.is_some() => {
                (svns(self.tcb.sgx), svns(self.tcb.tdx))
            }
            _ => return Err(format!("`tcb` has components of another version or TEE than {version}, {tee}")),
        };
        let sixteen = |list: Vec<u8>| {
            <[u8; 16]>::try_from(list).map_err(|list| format!("{} components, 16 are there", list.len()))
        };
        bounded("advisoryIDs", &self.advisories)?;
        Ok(TcbLevel {
            sgx: sixteen(sgx.unwrap_or_default())?,
            tdx: tdx.map(sixteen).transpose()?,
            pce_svn: self.tcb.pce_svn.ok_or("`pcesvn` is missing")?,
            date: self.tcb_date.0,
            status: self.tcb_status,
            advisories: self.advisories,
        })
    }
}

/// The names of a level's components.
fn names(level: &LevelFile<'_>) -> Vec<TcbComponent> {
    let lists = [&level.tcb.sgx, &level.tcb.tdx];
    let owned = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.0.to_string());
    let name = |one: &ComponentFile<'_>| TcbComponent { category: owned(&one.category), kind: owned(&one.kind) };
    lists.into_iter().flatten().flatten().map(name).collect()
}

impl<'de: 'a, 'a> Deserialize<'de> for TcbFile<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsTcb;

        impl<'de> Visitor<'de> for AsTcb {
            type Value = TcbFile<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the SVNs of a TCB level")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TcbFile<'de>, A::Error> {
                let mut tcb = TcbFile::default();
                while let Some(Text(name)) = map.next_key()? {
                    let is_new = match name.as_ref() {
                        "pcesvn" => tcb.pce_svn.replace(map.next_value()?).is_none(),
                        "sgxtcbcomponents" => tcb.sgx.replace(map.next_value()?).is_none(),
                        "tdxtcbcomponents" => tcb.tdx.replace(map.next_value()?).is_none(),
                        name => {
                            let slot = number(name).and_then(|number| tcb.numbered.get_mut(number));
                            let slot = slot.ok_or_else(|| {
                                A::Error::custom(format_args!("unknown field `{}`", name.escape_debug()))
                            })?;
                            slot.replace(map.next_value()?).is_none()
                        }
                    };
                    if !is_new {
                        return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
                    }
                }
                Ok(tcb)
            }
        }

        deserializer.deserialize_map(AsTcb)
    }
}

/// 0 of `sgxtcbcomp01svn`.
fn number(name: &str) -> Option<usize> {
    let digits = name.strip_prefix("sgxtcbcomp")?.strip_suffix("svn")?;
    let is_two_digits = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_two_digits.then(|| digits.parse::<usize>().ok()).flatten()?.checked_sub(1)
}

impl<'de> Deserialize<'de> for Tee {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

//! Intel's identities of quoting enclaves, version 2 [PCS API v3 and v4, `/qe/identity`].
//!
//! Version 1 (`qeIdentity`) has no levels and no number of its evaluation: it is refused, Intel serves it no more.

use casemate_cose::UnixTime;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    Flaw, TcbStatus, Tee,
    json::{Date, Hex, Signed, Text, bounded},
    tcb_info::{SvnLevelFile, check_descending},
};
use crate::{Window, named::named};

/// Which enclave an identity is of.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum EnclaveId {
    /// The quoting enclave for SGX.
    Qe,
    /// The quote verification enclave: it signs no quotes.
    Qve,
    /// The quoting enclave for TDX.
    TdQe,
}

named!(EnclaveId, UnknownEnclaveId, "enclave identity", [
    Qe => "QE",
    Qve => "QVE",
    TdQe => "TD_QE",
]);

impl EnclaveId {
    /// The one that quotes for `tee`.
    #[must_use]
    pub const fn of(tee: Tee) -> Self {
        match tee {
            Tee::Sgx => Self::Qe,
            Tee::Tdx => Self::TdQe,
        }
    }
}

/// How Intel's own enclave is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QeIdentity {
    /// Which enclave it is.
    pub id: EnclaveId,
    /// When it was issued.
    pub issue_date: UnixTime,
    /// Until when it holds.
    pub next_update: UnixTime,
    /// Which evaluation it comes from: rises with every recovery.
    pub tcb_evaluation_data_number: u32,
    /// What MISCSELECT has to be, masked.
    pub misc_select: [u8; 4],
    /// Which of MISCSELECT counts.
    pub misc_select_mask: [u8; 4],
    /// What ATTRIBUTES have to be, masked.
    pub attributes: [u8; 16],
    /// Which of ATTRIBUTES count.
    pub attributes_mask: [u8; 16],
    /// What MRSIGNER has to be.
    pub mr_signer: [u8; 32],
    /// What ISVPRODID has to be.
    pub isv_prod_id: u16,
    /// Levels, the newest first.
    pub levels: Vec<QeLevel>,
}

/// A level of an enclave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QeLevel {
    /// The least ISVSVN.
    pub isv_svn: u16,
    /// When this was the newest.
    pub date: UnixTime,
    /// How such an enclave stands.
    pub status: TcbStatus,
    /// Why it stands so.
    pub advisories: Vec<String>,
}

impl QeIdentity {
    /// Reads an identity, `{"enclaveIdentity":…,"signature":…}`. Its signature is not looked at.
    ///
    /// # Errors
    /// [`Flaw::QeIdentityJson`].
    pub fn read(bytes: &[u8]) -> Result<Self, Flaw> {
        Signed::qe_identity(bytes).and_then(|signed| Self::of(&signed)).map_err(|error| Flaw::QeIdentityJson { error })
    }

    /// When it holds.
    #[must_use]
    pub const fn window(&self) -> Window {
        Window { not_before: self.issue_date, not_after: self.next_update }
    }

    pub(super) fn of(signed: &Signed<'_>) -> Result<Self, String> {
        let file: File = signed.read()?;
        if file.version != 2 {
            return Err(format!("version {} is not read, 2 is", file.version));
        }
        check_descending("tcbLevels", file.tcb_levels.iter().map(|level| level.tcb.isvsvn))?;
        Ok(Self {
            id: file.id,
            issue_date: file.issue_date.0,
            next_update: file.next_update.0,
            tcb_evaluation_data_number: file.tcb_evaluation_data_number,
            misc_select: file.miscselect.0,
            misc_select_mask: file.miscselect_mask.0,
            attributes: file.attributes.0,
            attributes_mask: file.attributes_mask.0,
            mr_signer: file.mrsigner.0,
            isv_prod_id: file.isvprodid,
            levels: file.tcb_levels.into_iter().map(level).collect::<Result<_, _>>()?,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    id: EnclaveId,
    version: u32,
    issue_date: Date,
    next_update: Date,
    tcb_evaluation_data_number: u32,
    miscselect: Hex<4>,
    miscselect_mask: Hex<4>,
    attributes: Hex<16>,
    attributes_mask: Hex<16>,
    mrsigner: Hex<32>,
    isvprodid: u16,
    tcb_levels: Vec<SvnLevelFile<u16>>,
}

fn level(level: SvnLevelFile<u16>) -> Result<QeLevel, String> {
    bounded("advisoryIDs", &level.advisories)?;
    let (isv_svn, date) = (level.tcb.isvsvn, level.tcb_date.0);
    Ok(QeLevel { isv_svn, date, status: level.tcb_status, advisories: level.advisories })
}

impl<'de> Deserialize<'de> for EnclaveId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

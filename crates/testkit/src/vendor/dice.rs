//! A maker of DICE devices of our own: its root, and chains IDevID → LDevID → FMC alias → RT alias as Caliptra makes them.

use crate::{
    der,
    pki::{Algorithm, Authority, Certificate, Key},
};

/// Names of extensions.
pub mod oid {
    #![allow(missing_docs, reason = "the names are the specification's")]
    pub const TCB_INFO: &str = "2.23.133.5.4.1";
    pub const UEID: &str = "2.23.133.5.4.4";
    pub const MULTI_TCB_INFO: &str = "2.23.133.5.4.5";
    pub const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
    pub const KP_ATTEST_LOC: &str = "2.23.133.5.4.100.9";
    pub const KP_ECA: &str = "2.23.133.5.4.100.12";
}

/// A FWID of SHA-384.
#[must_use]
pub fn fwid(digest: &[u8]) -> Vec<u8> {
    der::sequence(&[der::oid("2.16.840.1.101.3.4.2.2"), der::octets(digest)])
}

/// The fields of a TcbInfo, each with its implicit tag, in the order in which they stand.
#[must_use]
pub fn tcb_info(fields: &[(u8, &[u8])]) -> Vec<u8> {
    der::sequence(&fields.iter().map(|(tag, content)| der::element(*tag, content)).collect::<Vec<_>>())
}

/// What Caliptra's FMC alias certificate measures: device and FMC.
#[must_use]
pub fn fmc_infos(flags: [u8; 4]) -> Vec<u8> {
    let flags = [&[0], flags.as_slice()].concat();
    let (device, fmc) = (fwid(&[0xde; 48]), fwid(&[0xfc; 48]));
    let mask = [0, 0xd0, 0, 0, 1];
    der::sequence(&[
        tcb_info(&[(0x83, &[1, 5]), (0xa6, &device), (0x87, &flags), (0x89, b"DEVICE_INFO"), (0x8a, &mask)]),
        tcb_info(&[(0x83, &[1, 7]), (0xa6, &fmc), (0x89, b"FMC_INFO")]),
    ])
}

/// What Caliptra's RT alias certificate measures.
#[must_use]
pub fn rt_info() -> Vec<u8> {
    tcb_info(&[(0x83, &[1, 9]), (0xa6, &fwid(&[0x27; 48])), (0x89, b"RT_INFO")])
}

/// A UEID.
#[must_use]
pub fn ueid(bytes: &[u8]) -> Vec<u8> {
    der::sequence(&[der::octets(bytes)])
}

/// The keys of one device, and its maker's.
#[derive(Debug)]
pub struct Device {
    /// The maker's root.
    pub root: Authority,
    /// Initial device identity.
    pub idevid: Authority,
    /// Local device identity.
    pub ldevid: Authority,
    /// First mutable code.
    pub fmc: Authority,
    /// Runtime: it signs report data.
    pub rt: Authority,
}

impl Default for Device {
    fn default() -> Self {
        let new = |name| Authority::new(name, Algorithm::P384);
        Self { root: new("Root"), idevid: new("IDevID"), ldevid: new("LDevID"), fmc: new("FMC"), rt: new("RT") }
    }
}

/// Honest flags: of fixed width, all else zero.
pub const FLAGS: [u8; 4] = [0, 0, 0, 1];

impl Device {
    /// The certificates before they are issued, from the runtime's up to IDevID. Serials are 14 down to 11.
    #[must_use]
    pub fn certificates(&self) -> [Certificate; 4] {
        let ca = |own: &Authority, serial, length| {
            let certificate = Certificate { ca: Some(length), ..Certificate::of_ca(&own.name, serial, &own.key) };
            certificate.with_extension(oid::UEID, false, ueid(&[1; 17]))
        };
        let rt = Certificate::of(&self.rt.name, 14, &self.rt.key);
        [
            rt.with_extension(oid::UEID, false, ueid(&[1; 17])).with_extension(oid::TCB_INFO, false, rt_info()),
            ca(&self.fmc, 13, 0).with_extension(oid::MULTI_TCB_INFO, true, fmc_infos(FLAGS)),
            ca(&self.ldevid, 12, 1),
            ca(&self.idevid, 11, 2),
        ]
    }
}

/// `[chain, report data, signature]`, signed by `key`.
#[must_use]
pub fn frame(chain: &[u8], report_data: &[u8], key: &Key) -> Vec<u8> {
    let message = [b"casemate/dice/1", report_data].concat();
    let parts = [bytes(chain), bytes(report_data), bytes(&key.sign_fixed(&message))];
    [&[0x83], parts.concat().as_slice()].concat()
}

/// A byte string in CBOR.
#[must_use]
pub fn bytes(content: &[u8]) -> Vec<u8> {
    let head = match u16::try_from(content.len()).unwrap() {
        length @ 0..24 => vec![0x40 | u8::try_from(length).unwrap()],
        length @ 24..256 => vec![0x58, u8::try_from(length).unwrap()],
        length => [&[0x59], length.to_be_bytes().as_slice()].concat(),
    };
    [head.as_slice(), content].concat()
}

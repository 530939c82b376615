//! An AMD of our own: ARK, ASK, ASVK, VCEKs, VLEKs, revocation lists, attestation reports and certificate tables.

use std::collections::BTreeMap;

use crate::{
    der,
    pki::{Algorithm, Authority, Certificate, Key},
};

/// Where fields of a report lie [AMD 56860 §7.3].
pub mod at {
    #![allow(missing_docs, reason = "the names are the specification's")]
    pub const VERSION: usize = 0x000;
    pub const GUEST_SVN: usize = 0x004;
    pub const POLICY: usize = 0x008;
    pub const VMPL: usize = 0x030;
    pub const SIGNATURE_ALGO: usize = 0x034;
    pub const CURRENT_TCB: usize = 0x038;
    pub const PLATFORM_INFO: usize = 0x040;
    pub const FLAGS: usize = 0x048;
    pub const REPORT_DATA: usize = 0x050;
    pub const MEASUREMENT: usize = 0x090;
    pub const HOST_DATA: usize = 0x0c0;
    pub const ID_KEY_DIGEST: usize = 0x0e0;
    pub const AUTHOR_KEY_DIGEST: usize = 0x110;
    pub const REPORT_ID: usize = 0x140;
    pub const REPORT_ID_MA: usize = 0x160;
    pub const REPORTED_TCB: usize = 0x180;
    pub const CPUID: usize = 0x188;
    pub const CHIP_ID: usize = 0x1a0;
    pub const COMMITTED_TCB: usize = 0x1e0;
    pub const CURRENT_BUILD: usize = 0x1e8;
    pub const COMMITTED_BUILD: usize = 0x1ec;
    pub const LAUNCH_TCB: usize = 0x1f0;
    pub const MIT_VECTORS: usize = 0x1f8;
    pub const SIGNATURE: usize = 0x2a0;
}

/// A product line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Line {
    /// Family 0x19, model 0x11.
    Genoa,
    /// Family 0x19, model 0x01.
    Milan,
    /// Family 0x1a, model 0x02.
    Turin,
}

impl Line {
    /// The name in certificates.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Genoa => "Genoa",
            Self::Milan => "Milan",
            Self::Turin => "Turin",
        }
    }
}

/// The signed part of a report, 672 bytes. [`Report::of`] is honest; [`Report::put`] changes a field.
#[derive(Clone, Debug)]
pub struct Report(pub Vec<u8>);

impl Report {
    /// A report of a chip of this line, in the version that its firmware makes: VCEK-signed, VMPL 0.
    #[must_use]
    pub fn of(line: Line) -> Self {
        let (version, cpuid, tcb): (u32, [u8; 3], [u8; 8]) = match line {
            Line::Genoa => (3, [0x19, 0x11, 0x01], [10, 0, 0, 0, 0, 0, 23, 84]),
            Line::Milan => (3, [0x19, 0x01, 0x01], [4, 0, 0, 0, 0, 0, 24, 219]),
            Line::Turin => (5, [0x1a, 0x02, 0x01], [1, 2, 3, 4, 0, 0, 0, 81]),
        };
        let mut report = Self(vec![0; at::SIGNATURE]);
        report.put(at::VERSION, &version.to_le_bytes()).put(at::POLICY, &0x3_001f_u64.to_le_bytes());
        report.put(at::SIGNATURE_ALGO, &[1]).put(at::PLATFORM_INFO, &[0x25]);
        report.put(at::REPORT_DATA, &[7; 64]).put(at::MEASUREMENT, &[0x3e; 48]).put(at::HOST_DATA, &[0x40; 32]);
        report.put(at::REPORT_ID, &[0x1d; 32]).put(at::REPORT_ID_MA, &[0xff; 32]).put(at::CPUID, &cpuid);
        let chip = if line == Line::Turin { 8 } else { 64 };
        report.put(at::CHIP_ID, &vec![0xc1; chip]);
        report.put(at::CURRENT_BUILD, &[29, 55, 1]).put(at::COMMITTED_BUILD, &[29, 55, 1]);
        for place in [at::CURRENT_TCB, at::REPORTED_TCB, at::COMMITTED_TCB, at::LAUNCH_TCB] {
            report.put(place, &tcb);
        }
        report
    }

    /// Overwrites the bytes at `place`.
    pub fn put(&mut self, place: usize, bytes: &[u8]) -> &mut Self {
        self.0[place..place + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Takes a version-2 report's form: no CPUID.
    pub fn version_2(&mut self) -> &mut Self {
        self.put(at::VERSION, &[2]).put(at::CPUID, &[0; 3])
    }

    /// The reported TCB.
    #[must_use]
    pub fn reported_tcb(&self) -> [u8; 8] {
        self.0[at::REPORTED_TCB..at::REPORTED_TCB + 8].try_into().unwrap()
    }

    /// The report, signed by `key`: 1184 bytes.
    #[must_use]
    pub fn sign(&self, key: &Key) -> Vec<u8> {
        let fixed = key.sign_fixed(&self.0);
        let scalar = |big: &[u8]| {
            let mut little: Vec<u8> = big.iter().rev().copied().collect();
            little.resize(72, 0);
            little
        };
        let mut bytes = [self.0.clone(), scalar(&fixed[..48]), scalar(&fixed[48..])].concat();
        bytes.resize(0x4a0, 0);
        bytes
    }
}

/// A signing key's certificate before it is issued.
#[derive(Clone, Debug)]
pub struct Vek {
    /// Names, dates and key.
    pub certificate: Certificate,
    /// The vendor's extensions, content of the OCTET STRING by what follows 1.3.6.1.4.1.3704.1 in their names.
    pub extensions: BTreeMap<&'static str, Vec<u8>>,
}

impl Vek {
    /// The certificate, DER.
    #[must_use]
    pub fn issue(&self, issuer: &Authority) -> Vec<u8> {
        let mut certificate = self.certificate.clone();
        for (name, value) in &self.extensions {
            certificate = certificate.with_extension(&format!("1.3.6.1.4.1.3704.1.{name}"), false, value.clone());
        }
        issuer.issue(&certificate)
    }
}

/// A vendor's keys for one product line.
#[derive(Debug)]
pub struct Amd {
    /// The product line.
    pub line: Line,
    /// ARK.
    pub ark: Authority,
    /// Issuer of VCEKs.
    pub ask: Authority,
    /// Issuer of VLEKs.
    pub asvk: Authority,
    /// A chip's key.
    pub vcek: Key,
    /// A cloud's key.
    pub vlek: Key,
}

impl Amd {
    /// New keys.
    #[must_use]
    pub fn new(line: Line) -> Self {
        let authority = |prefix: &str| Authority::new(&format!("{prefix}{}", line.name()), Algorithm::RsaPssSha384);
        Self {
            line,
            ark: authority("ARK-"),
            ask: authority("SEV-"),
            asvk: authority("SEV-VLEK-"),
            vcek: Key::new(Algorithm::P384),
            vlek: Key::new(Algorithm::P384),
        }
    }

    /// The certificate of the ASK, to be issued by the ARK. Its serial is 2.
    #[must_use]
    pub fn ask_certificate(&self) -> Certificate {
        Certificate { ca: Some(0), ..Certificate::of_ca(&self.ask.name, 2, &self.ask.key) }
    }

    /// The certificate of the ASVK, to be issued by the ARK. Its serial is 3.
    #[must_use]
    pub fn asvk_certificate(&self) -> Certificate {
        Certificate { ca: Some(0), ..Certificate::of_ca(&self.asvk.name, 3, &self.asvk.key) }
    }

    /// The certificate of the VCEK for chip and TCB of `report`, to be issued by the ASK.
    #[must_use]
    pub fn vcek(&self, report: &Report) -> Vek {
        let hwid = if self.line == Line::Turin { 8 } else { 64 };
        let mut vek = self.vek("SEV-VCEK", &self.vcek, "-B0", report);
        vek.extensions.insert("4", report.0[at::CHIP_ID..at::CHIP_ID + hwid].to_vec());
        vek
    }

    /// The certificate of the VLEK for the TCB of `report`, to be issued by the ASVK.
    #[must_use]
    pub fn vlek(&self, report: &Report) -> Vek {
        let mut vek = self.vek("SEV-VLEK", &self.vlek, "", report);
        vek.extensions.insert("5", der::element(0x16, b"CN=cc-xx-test-1.example.com"));
        vek
    }

    fn vek(&self, subject: &str, key: &Key, stepping: &str, report: &Report) -> Vek {
        let [a, b, c, d, .., snp, microcode] = report.reported_tcb();
        let mut levels = vec![("3.5", 0), ("3.6", 0), ("3.7", 0), ("3.8", microcode)];
        match self.line {
            Line::Turin => levels.extend([("3.9", a), ("3.1", b), ("3.2", c), ("3.3", d)]),
            _ => levels.extend([("3.1", a), ("3.2", b), ("3.3", snp), ("3.4", 0)]),
        }
        let mut extensions: BTreeMap<_, _> =
            levels.into_iter().map(|(name, level)| (name, der::integer(level.into()))).collect();
        extensions.insert("1", der::integer(u64::from(self.line == Line::Turin)));
        extensions.insert("2", der::element(0x16, format!("{}{stepping}", self.line.name()).as_bytes()));
        Vek { certificate: Certificate::of(subject, 0, key), extensions }
    }
}

/// Labels of a certificate table: GUIDs.
pub mod guid {
    #![allow(missing_docs, reason = "the names are the specification's")]
    pub const ARK: u128 = 0xc0b406a4_a803_4952_9743_3fb6014cd0ae;
    pub const ASK: u128 = 0x4ab7b379_bbac_4fe4_a02f_05aef327c782;
    pub const CRL: u128 = 0x92f81bc3_5811_4d3d_97ff_d19f88dc67ea;
    pub const VCEK: u128 = 0x63da758d_e664_4564_adc5_f4b93be8accd;
    pub const VLEK: u128 = 0xa8074bc2_a25a_483e_aae6_39c045a0b8a1;
}

/// A certificate table of these entries, padded to a whole page [AMD 56421 §4.1.8.1].
#[must_use]
pub fn table(entries: &[(u128, &[u8])]) -> Vec<u8> {
    let mut header = Vec::new();
    let mut offset = 24 * (entries.len() + 1);
    for (label, content) in entries {
        header.extend(label.to_be_bytes());
        header.extend(u32::try_from(offset).unwrap().to_le_bytes());
        header.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        offset += content.len();
    }
    header.extend([0; 24]);
    let contents: Vec<u8> = entries.iter().flat_map(|(_, content)| content.iter().copied()).collect();
    let mut table = [header, contents].concat();
    table.resize(table.len().next_multiple_of(4096), 0);
    table
}

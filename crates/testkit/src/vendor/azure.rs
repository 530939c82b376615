//! An Azure of our own: paravisor reports over an SNP report, each field open to a crime.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    amd::{self, Amd, Line, Report},
    eventlog::{self, Log},
    tpm::{PcrRow, Quote, Tpm, rows},
};
use crate::{cbor, pki::Algorithm};

/// A VM's hardware and vTPM.
#[derive(Debug)]
pub struct Azure {
    /// Who makes the CPU.
    pub amd: Amd,
    /// The vTPM: an RSA key, no certificate.
    pub tpm: Tpm,
}

impl Default for Azure {
    fn default() -> Self {
        Self { amd: Amd::new(Line::Milan), tpm: Tpm::new(Algorithm::RsaPkcs1Sha256) }
    }
}

/// `azure` evidence before it is encoded. [`Evidence::of`] is honest.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The HCL report's header.
    pub hcl: Hcl,
    /// The hardware report, 1184 bytes.
    pub hardware: Vec<u8>,
    /// Runtime data.
    pub runtime_data: Vec<u8>,
    /// `TPMS_ATTEST`.
    pub quote: Vec<u8>,
    /// The RSA signature alone.
    pub signature: Vec<u8>,
    /// PCR values.
    pub pcrs: Vec<PcrRow>,
    /// A TD quote.
    pub td_quote: Vec<u8>,
    /// VCEK, ASK, ARK.
    pub certificates: Vec<Vec<u8>>,
    /// The log.
    pub log: Vec<u8>,
    /// The command line.
    pub command_line: String,
}

/// What stands around hardware report and runtime data.
#[derive(Clone, Debug)]
pub struct Hcl {
    /// `HCLA`.
    pub signature: [u8; 4],
    /// 1 or 2.
    pub version: u32,
    /// What is added to the right `reportSize`.
    pub size_off_by: u32,
    /// 2.
    pub request: u32,
    /// 0.
    pub status: u32,
    /// 2: SNP, 4: TDX.
    pub kind: u32,
    /// 1: SHA-256.
    pub hash: u32,
    /// What is added to the right `dataSize`.
    pub data_size_off_by: u32,
    /// What follows the runtime data.
    pub padding: Vec<u8>,
}

impl Default for Hcl {
    fn default() -> Self {
        Self {
            signature: *b"HCLA",
            version: 2,
            size_off_by: 0,
            request: 2,
            status: 0,
            kind: 2,
            hash: 1,
            data_size_off_by: 0,
            padding: vec![0; 100],
        }
    }
}

impl Azure {
    /// The vTPM's key as a JWK named `kid` for `operation`.
    #[must_use]
    pub fn jwk(&self, kid: &str, operation: &str) -> String {
        let n = URL_SAFE_NO_PAD.encode(&self.tpm.ak.public()[9..265]);
        format!(r#"{{"kid":"{kid}","key_ops":["{operation}"],"kty":"RSA","e":"AQAB","n":"{n}"}}"#)
    }

    /// Runtime data with these keys.
    #[must_use]
    pub fn runtime_data(&self, keys: &[String]) -> Vec<u8> {
        let vm = r#"{"console-enabled":true,"secure-boot":true,"tpm-enabled":true,"vmUniqueId":"6332533D-5649-4D02-8AA7-8F64B7C3EE21"}"#;
        format!(r#"{{"keys":[{}],"vm-configuration":{vm},"user-data":"{}"}}"#, keys.join(","), "00".repeat(64))
            .into_bytes()
    }

    /// Honest runtime data.
    #[must_use]
    pub fn honest_runtime_data(&self) -> Vec<u8> {
        self.runtime_data(&[self.jwk("HCLAkPub", "sign"), self.jwk("HCLEkPub", "encrypt")])
    }

    /// The report that the paravisor asks for over this report data, before it is signed.
    #[must_use]
    pub fn report(&self, runtime_data: &[u8]) -> Report {
        let mut report = Report::of(self.amd.line);
        let digest = eventlog::hash(eventlog::SHA256, runtime_data);
        report.put(amd::at::REPORT_DATA, &[digest, vec![0; 32]].concat());
        report
    }

    /// VCEK, ASK and ARK for `report`.
    #[must_use]
    pub fn certificates(&self, report: &Report) -> Vec<Vec<u8>> {
        vec![
            self.amd.vcek(report).issue(&self.amd.ask),
            self.amd.ark.issue(&self.amd.ask_certificate()),
            self.amd.ark.root(),
        ]
    }

    /// The RSA signature of the vTPM's key.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.tpm.ak.sign(message)
    }

    /// Honest evidence.
    #[must_use]
    pub fn evidence(&self, quote: &Quote, log: &Log, line: &str) -> Evidence {
        let runtime_data = self.honest_runtime_data();
        let report = self.report(&runtime_data);
        let attest = quote.encode();
        Evidence {
            hcl: Hcl::default(),
            hardware: report.sign(&self.amd.vcek),
            runtime_data,
            signature: self.sign(&attest),
            quote: attest,
            pcrs: quote.pcrs.clone(),
            td_quote: Vec::new(),
            certificates: self.certificates(&report),
            log: log.encode(),
            command_line: line.to_owned(),
        }
    }
}

impl Evidence {
    /// The HCL report.
    #[must_use]
    pub fn hcl_report(&self) -> Vec<u8> {
        let hcl = &self.hcl;
        let length = u32::try_from(self.runtime_data.len()).unwrap();
        let data_size = length + 20;
        let report_size = data_size + 32 + 1184;
        let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        [
            hcl.signature.to_vec(),
            numbers(&[hcl.version, report_size.wrapping_add(hcl.size_off_by), hcl.request, hcl.status, 0, 0, 0]),
            self.hardware.clone(),
            numbers(&[data_size.wrapping_add(hcl.data_size_off_by), 1, hcl.kind, hcl.hash, length]),
            self.runtime_data.clone(),
            hcl.padding.clone(),
        ]
        .concat()
    }

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let certificates: Vec<_> = self.certificates.iter().map(|der| cbor::bytes(der)).collect();
        cbor::array(&[
            cbor::bytes(&self.hcl_report()),
            cbor::bytes(&self.quote),
            cbor::bytes(&self.signature),
            rows(&self.pcrs),
            cbor::bytes(&self.td_quote),
            cbor::array(&certificates),
            cbor::bytes(&self.log),
            cbor::text(&self.command_line),
        ])
    }
}

//! An Intel of our own: a root, a PCK CA, a TCB signer and a platform that quotes, for SGX and TDX.
//!
//! A [`Case`] holds all that is signed, each field open to a crime; [`Intel::make`] signs it. What comes out ([`Made`]) is open
//! to crimes after the fact.

use crate::{
    NOW, der,
    pki::{Algorithm, Authority, Certificate, Key},
};

/// The name of the PCK CA.
pub const PCK_CA: &str = "Intel SGX PCK Platform CA";
/// The name of the TCB signer.
pub const TCB_SIGNER: &str = "Intel SGX TCB Signing";

const QE_VENDOR: [u8; 16] =
    [0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07];
const SGX_EXTENSION: &str = "1.2.840.113741.1.13.1";

/// Everybody's keys.
#[derive(Debug)]
pub struct Intel {
    /// Signs the PCK CA, the TCB signer and its list.
    pub root: Authority,
    /// Signs PCK certificates and their list.
    pub pck_ca: Authority,
    /// Signs TCB info and QE identity.
    pub tcb_signer: Key,
    /// The platform's provisioning certification key.
    pub pck: Key,
    /// The quoting enclave's.
    pub attestation: Key,
}

/// What a PCK certificate's extension says.
#[derive(Clone, Debug)]
pub struct Sgx {
    /// 1: PPID.
    pub ppid: Vec<u8>,
    /// 2.1 to 2.16.
    pub components: Vec<u64>,
    /// 2.17.
    pub pce_svn: u64,
    /// 2.18.
    pub cpu_svn: Vec<u8>,
    /// 3.
    pub pce_id: Vec<u8>,
    /// 4.
    pub fmspc: Vec<u8>,
    /// 5.
    pub sgx_type: u8,
    /// 6.
    pub platform_instance_id: Option<Vec<u8>>,
    /// 7: dynamic platform, cached keys, SMT.
    pub configuration: Option<[bool; 3]>,
}

/// A revocation list.
#[derive(Clone, Debug)]
pub struct List {
    /// Serial numbers.
    pub revoked: Vec<u64>,
    /// First second.
    pub this_update: u64,
    /// Last second.
    pub next_update: u64,
}

/// All that is signed. [`Intel::sgx`] and [`Intel::tdx`] are honest.
#[derive(Clone, Debug)]
pub struct Case {
    /// The quote's header.
    pub header: Vec<u8>,
    /// Of a version 5 quote: type and length.
    pub body_header: Vec<u8>,
    /// An SGX report or a TD report.
    pub body: Vec<u8>,
    /// The quoting enclave's report; where its report data is zero it is filled in.
    pub qe_report: Vec<u8>,
    /// Authentication data of the quoting enclave.
    pub auth_data: Vec<u8>,
    /// The type of the outer certification data, from version 4.
    pub outer_type: u16,
    /// Certification data instead of the chain.
    pub certification: Option<(u16, Vec<u8>)>,
    /// The PCK certificate, without its extension.
    pub pck: Certificate,
    /// Its extension.
    pub sgx: Sgx,
    /// The PCK CA's certificate.
    pub pck_ca: Certificate,
    /// The TCB signer's certificate.
    pub tcb_signer: Certificate,
    /// The root's list.
    pub root_crl: List,
    /// The PCK CA's list.
    pub pck_crl: List,
    /// The text that is signed as TCB info.
    pub tcb_info: String,
    /// The text that is signed as QE identity.
    pub qe_identity: String,
}

/// What a verifier gets.
#[derive(Clone, Debug)]
pub struct Made {
    /// The quote.
    pub quote: Vec<u8>,
    /// The PCK certificate, the PCK CA's.
    pub pck_chain: Vec<Vec<u8>>,
    /// The root's certificate.
    pub root: Vec<u8>,
    /// The TCB signer's certificate.
    pub tcb_signer: Vec<u8>,
    /// The root's list and the PCK CA's.
    pub crls: Vec<Vec<u8>>,
    /// TCB info with its signature.
    pub tcb_info: String,
    /// QE identity with its signature.
    pub qe_identity: String,
}

impl Default for Intel {
    fn default() -> Self {
        Self {
            root: Authority::new("Casemate Test SGX Root CA", Algorithm::P256),
            pck_ca: Authority::new(PCK_CA, Algorithm::P256),
            tcb_signer: Key::new(Algorithm::P256),
            pck: Key::new(Algorithm::P256),
            attestation: Key::new(Algorithm::P256),
        }
    }
}

impl Intel {
    /// An enclave's quote, version 3 to 5.
    #[must_use]
    pub fn sgx(&self, version: u16) -> Case {
        let mut report = report(0x05, [0x66; 32], 7, 3);
        report[64..96].fill(0xe1);
        report[192..224].fill(0xc5);
        report[320..384].fill(0xda);
        self.case("SGX", version, 0, 1, report)
    }

    /// A trust domain's quote: version 4 with body type 2, or 5 with 2 to 4.
    #[must_use]
    pub fn tdx(&self, version: u16, body_type: u16) -> Case {
        let length = match body_type {
            2 => 584,
            3 => 648,
            _ => 885,
        };
        let mut body = vec![0; length];
        body[..16].copy_from_slice(&svn([6, 1, 3]));
        body[16..64].fill(0x5e);
        body[120..128].copy_from_slice(&(1_u64 << 28).to_le_bytes());
        body[128..136].copy_from_slice(&0x0006_1ae7_u64.to_le_bytes());
        body[136..184].fill(0x7d);
        body[184..216].fill(0xc5);
        for register in 0..4_u8 {
            let start = 328 + 48 * usize::from(register);
            body[start..start + 48].fill(0xf0 + register);
        }
        body[520..584].fill(0xda);
        if length > 584 {
            body[584..600].copy_from_slice(&svn([6, 1, 3]));
        }
        if length > 648 {
            body[649..681].fill(0x1d);
        }
        self.case("TDX", version, 0x81, body_type, body)
    }

    fn case(&self, tee: &str, version: u16, tee_type: u32, body_type: u16, body: Vec<u8>) -> Case {
        let numbers = [version.to_le_bytes(), 2_u16.to_le_bytes()].concat();
        let header = [numbers.as_slice(), &tee_type.to_le_bytes(), &[0; 4], &QE_VENDOR, &[0x0d; 20]].concat();
        let body_length = u32::try_from(body.len()).unwrap().to_le_bytes();
        let body_header =
            if version == 5 { [body_type.to_le_bytes().as_slice(), &body_length].concat() } else { Vec::new() };
        let is_tdx = tee == "TDX";
        let year = 365 * crate::DAY_S;
        let long =
            |certificate: Certificate| Certificate { not_before: NOW.0 - year, not_after: NOW.0 + year, ..certificate };
        let list = List { revoked: vec![999], this_update: NOW.0 - 3600, next_update: NOW.0 + 3600 };
        Case {
            header,
            body_header,
            body,
            qe_report: report(0x15, [0xdc; 32], if is_tdx { 2 } else { 1 }, 7),
            auth_data: (0..32).collect(),
            outer_type: 6,
            certification: None,
            pck: long(Certificate::of("Intel SGX PCK Certificate", 30, &self.pck)),
            sgx: Sgx::default(),
            pck_ca: long(Certificate { ca: Some(0), ..Certificate::of_ca(PCK_CA, 20, &self.pck_ca.key) }),
            tcb_signer: long(Certificate::of(TCB_SIGNER, 21, &self.tcb_signer)),
            root_crl: list.clone(),
            pck_crl: list,
            tcb_info: tcb_info(tee),
            qe_identity: qe_identity(if is_tdx { "TD_QE" } else { "QE" }, if is_tdx { 2 } else { 1 }),
        }
    }

    /// Signs a case.
    #[must_use]
    pub fn make(&self, case: &Case) -> Made {
        let pck = case.pck.clone().with_extension(SGX_EXTENSION, false, case.sgx.to_der());
        let pck_chain = vec![self.pck_ca.issue(&pck), self.root.issue(&case.pck_ca)];
        let root = self.root.root();
        let crl = |authority: &Authority, list: &List| authority.crl(&list.revoked, list.this_update, list.next_update);
        Made {
            quote: self.quote(case, &[pck_chain[0].clone(), pck_chain[1].clone(), root.clone()]),
            pck_chain,
            root,
            tcb_signer: self.root.issue(&case.tcb_signer),
            crls: vec![crl(&self.root, &case.root_crl), crl(&self.pck_ca, &case.pck_crl)],
            tcb_info: self.sign_json("tcbInfo", &case.tcb_info),
            qe_identity: self.sign_json("enclaveIdentity", &case.qe_identity),
        }
    }

    /// `{"name":text,"signature":…}`, as Intel's service answers.
    #[must_use]
    pub fn sign_json(&self, name: &str, text: &str) -> String {
        let signature = hex::encode(self.tcb_signer.sign_fixed(text.as_bytes()));
        format!("{{\"{name}\":{text},\"signature\":\"{signature}\"}}")
    }

    fn quote(&self, case: &Case, chain: &[Vec<u8>]) -> Vec<u8> {
        let key = &self.attestation.public()[1..];
        let mut qe_report = case.qe_report.clone();
        if qe_report[320..384] == [0; 64] {
            let digest = casemate_cose::Digest::of(&[key, &case.auth_data].concat());
            qe_report[320..352].copy_from_slice(digest.as_bytes());
        }
        let (kind, data) = case.certification.clone().unwrap_or_else(|| {
            let pem: String = chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect();
            (5, [pem.as_bytes(), &[0]].concat())
        });
        let certified = [
            qe_report.as_slice(),
            &self.pck.sign_fixed(&qe_report),
            &u16::try_from(case.auth_data.len()).unwrap().to_le_bytes(),
            &case.auth_data,
            &typed(kind, &data),
        ]
        .concat();
        let signed = [case.header.as_slice(), &case.body_header, &case.body].concat();
        let signature = self.attestation.sign_fixed(&signed);
        let certified = if case.header[0] == 3 { certified } else { typed(case.outer_type, &certified) };
        let signature_data = [signature.as_slice(), key, &certified].concat();
        [signed.as_slice(), &length(&signature_data), &signature_data].concat()
    }
}

impl Default for Sgx {
    fn default() -> Self {
        let components = [3, 3, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
        Self {
            ppid: vec![0x11; 16],
            components: components.map(u64::from).to_vec(),
            pce_svn: 11,
            cpu_svn: components.to_vec(),
            pce_id: vec![0, 0],
            fmspc: vec![0xb0, 0xc0, 0x6f, 0, 0, 0],
            sgx_type: 1,
            platform_instance_id: Some(vec![0x22; 16]),
            configuration: Some([true, true, false]),
        }
    }
}

impl Sgx {
    /// The extension's value.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let pair =
            |number: &str, value: Vec<u8>| der::sequence(&[der::oid(&format!("{SGX_EXTENSION}.{number}")), value]);
        let mut tcb: Vec<_> =
            (1..).zip(&self.components).map(|(n, svn)| pair(&format!("2.{n}"), der::integer(*svn))).collect();
        tcb.push(pair("2.17", der::integer(self.pce_svn)));
        tcb.push(pair("2.18", der::octets(&self.cpu_svn)));
        let mut fields = vec![
            pair("1", der::octets(&self.ppid)),
            pair("2", der::sequence(&tcb)),
            pair("3", der::octets(&self.pce_id)),
            pair("4", der::octets(&self.fmspc)),
            pair("5", der::element(0x0a, &[self.sgx_type])),
        ];
        fields.extend(self.platform_instance_id.as_ref().map(|id| pair("6", der::octets(id))));
        fields.extend(self.configuration.map(|flags| {
            let flag = |(n, flag): (u8, bool)| pair(&format!("7.{n}"), der::element(1, &[if flag { 0xff } else { 0 }]));
            pair("7", der::sequence(&(1..).zip(flags).map(flag).collect::<Vec<_>>()))
        }));
        der::sequence(&fields)
    }
}

/// An SGX report with these attributes (flags, low byte), MRSIGNER, ISVPRODID and ISVSVN, its report data zero.
fn report(flags: u8, mr_signer: [u8; 32], isv_prod_id: u8, isv_svn: u8) -> Vec<u8> {
    let mut report = vec![0; 384];
    report[..8].copy_from_slice(&[3, 3, 2, 2, 4, 1, 0, 5]);
    report[48] = flags;
    report[56] = 0xe7;
    report[128..160].copy_from_slice(&mr_signer);
    report[256] = isv_prod_id;
    report[258] = isv_svn;
    report
}

/// 16 bytes of SVNs that begin so.
#[must_use]
pub fn svn(first: [u8; 3]) -> [u8; 16] {
    let mut svn = [0; 16];
    svn[..3].copy_from_slice(&first);
    svn
}

/// TCB info, version 3, of platform `b0c06f000000`: three levels, for TDX two module identities with three levels each.
#[must_use]
pub fn tcb_info(tee: &str) -> String {
    let is_tdx = tee == "TDX";
    let zeros = "00".repeat(48);
    let module =
        format!("\"mrsigner\":\"{zeros}\",\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\"");
    let svn_level = |svn: u8, date: &str, status: &str, advisory: &str| {
        format!(
            "{{\"tcb\":{{\"isvsvn\":{svn}}},\"tcbDate\":\"{date}\",\"tcbStatus\":\"{status}\"{}}}",
            advisories(advisory)
        )
    };
    let identity = |major: u8| {
        let levels = [
            svn_level(6, "2024-11-13T00:00:00Z", "UpToDate", ""),
            svn_level(4, "2024-03-13T00:00:00Z", "OutOfDate", "INTEL-SA-01099"),
            svn_level(2, "2023-08-09T00:00:00Z", "Revoked", "INTEL-SA-01036"),
        ];
        format!("{{\"id\":\"TDX_{major:02}\",{module},\"tcbLevels\":[{}]}}", levels.join(","))
    };
    let modules = format!("\"tdxModule\":{{{module}}},\"tdxModuleIdentities\":[{},{}],", identity(3), identity(1));
    let levels = [
        ([3, 3, 2, 2, 4, 1, 0, 5], [6, 0, 3], 11, "2024-11-13T00:00:00Z", "UpToDate", ""),
        ([3, 3, 2, 2, 3, 1, 0, 4], [5, 0, 2], 10, "2023-08-09T00:00:00Z", "OutOfDate", "INTEL-SA-00960"),
        (
            [2, 2, 1, 1, 1, 0, 0, 1],
            [3, 0, 1],
            5,
            "2018-01-04T00:00:00Z",
            "OutOfDateConfigurationNeeded",
            "INTEL-SA-00106",
        ),
    ];
    let level = |(sgx, tdx, pce, date, status, advisory): ([u8; 8], [u8; 3], u16, &str, &str, &str)| {
        let tdx = if is_tdx { format!(",\"tdxtcbcomponents\":{}", components(&svn(tdx))) } else { String::new() };
        let mut all = [0; 16];
        all[..8].copy_from_slice(&sgx);
        let sgx = components(&all);
        let rest = format!("\"tcbDate\":\"{date}\",\"tcbStatus\":\"{status}\"{}", advisories(advisory));
        format!("{{\"tcb\":{{\"sgxtcbcomponents\":{sgx},\"pcesvn\":{pce}{tdx}}},{rest}}}")
    };
    let levels: Vec<String> = levels.into_iter().map(level).collect();
    format!(
        "{{\"id\":\"{tee}\",\"version\":3,{},\"fmspc\":\"b0c06f000000\",\"pceId\":\"0000\",\"tcbType\":0,\
         \"tcbEvaluationDataNumber\":18,{}\"tcbLevels\":[{}]}}",
        dates(),
        if is_tdx { modules } else { String::new() },
        levels.join(",")
    )
}

/// A QE identity, version 2: three levels.
#[must_use]
pub fn qe_identity(id: &str, isv_prod_id: u16) -> String {
    let signer = "dc".repeat(32);
    let level = |svn: u8, date: &str, status: &str, advisory: &str| {
        format!(
            "{{\"tcb\":{{\"isvsvn\":{svn}}},\"tcbDate\":\"{date}\",\"tcbStatus\":\"{status}\"{}}}",
            advisories(advisory)
        )
    };
    let levels = [
        level(7, "2024-11-13T00:00:00Z", "UpToDate", ""),
        level(4, "2020-11-11T00:00:00Z", "OutOfDate", "INTEL-SA-00477"),
        level(2, "2019-05-15T00:00:00Z", "Revoked", "INTEL-SA-00219"),
    ];
    format!(
        "{{\"id\":\"{id}\",\"version\":2,{},\"tcbEvaluationDataNumber\":17,\"miscselect\":\"00000000\",\
         \"miscselectMask\":\"FFFFFFFF\",\"attributes\":\"11000000000000000000000000000000\",\
         \"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":\"{signer}\",\"isvprodid\":{isv_prod_id},\
         \"tcbLevels\":[{}]}}",
        dates(),
        levels.join(",")
    )
}

fn dates() -> String {
    let day = crate::DAY_S;
    let time = |seconds| casemate_cose::UnixTime(seconds).to_string();
    format!("\"issueDate\":\"{}\",\"nextUpdate\":\"{}\"", time(NOW.0 - day), time(NOW.0 + day))
}

fn components(svns: &[u8; 16]) -> String {
    let named = |(place, svn): (usize, &u8)| match place {
        0 => format!("{{\"svn\":{svn},\"category\":\"BIOS\",\"type\":\"Early Microcode Update\"}}"),
        1 => format!("{{\"svn\":{svn},\"category\":\"OS/VMM\"}}"),
        _ => format!("{{\"svn\":{svn}}}"),
    };
    format!("[{}]", svns.iter().enumerate().map(named).collect::<Vec<_>>().join(","))
}

fn advisories(advisory: &str) -> String {
    if advisory.is_empty() { String::new() } else { format!(",\"advisoryIDs\":[\"{advisory}\"]") }
}

fn typed(kind: u16, data: &[u8]) -> Vec<u8> {
    [kind.to_le_bytes().as_slice(), &length(data), data].concat()
}

fn length(data: &[u8]) -> [u8; 4] {
    u32::try_from(data.len()).unwrap().to_le_bytes()
}

/// A PEM block [RFC 7468].
#[must_use]
pub fn pem(label: &str, bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for place in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap();
            text.push(if place <= chunk.len() { char::from(DIGITS[digit]) } else { '=' });
        }
    }
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

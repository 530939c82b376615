//! An NVIDIA of our own: devices that answer for their measurements, signed reference manifests, OCSP answers.

use aws_lc_rs::digest;

use crate::{
    NOW, der,
    pki::{Algorithm, Authority, Certificate, Key},
};

/// A device hierarchy and a manifest hierarchy.
#[derive(Debug)]
pub struct Nvidia {
    /// The device root.
    pub root: Authority,
    /// Issues devices' identities.
    pub provisioner: Authority,
    /// The chip: its boot ROM.
    pub identity: Authority,
    /// The firmware's key, which signs reports.
    pub firmware: Key,
    /// The root of manifests.
    pub rim_root: Authority,
    /// Signs manifests.
    pub rim_signer: Key,
}

impl Default for Nvidia {
    fn default() -> Self {
        Self {
            root: Authority::new("device root", Algorithm::P384),
            provisioner: Authority::new("provisioner", Algorithm::P384),
            identity: Authority::new("boot ROM", Algorithm::P384),
            firmware: Key::new(Algorithm::P384),
            rim_root: Authority::new("manifest root", Algorithm::P384),
            rim_signer: Key::new(Algorithm::P384),
        }
    }
}

/// Certificates of one device, each open to a crime.
#[derive(Clone, Debug)]
pub struct Device {
    /// Above the identity.
    pub provisioner: Certificate,
    /// The boot ROM's.
    pub identity: Certificate,
    /// The firmware's.
    pub leaf: Certificate,
}

/// The digest of the firmware that the honest leaf was issued for.
pub const FIRMWARE_ID: [u8; 48] = [0x2a; 48];
/// The honest driver's version.
pub const DRIVER: &str = "550.1.2";

impl Nvidia {
    /// Honest certificates: serial numbers 11, 12, 13 from the top.
    #[must_use]
    pub fn device(&self) -> Device {
        let mut provisioner = Certificate::of_ca("provisioner", 11, &self.provisioner.key);
        provisioner.ca = Some(4);
        Device {
            provisioner,
            identity: Certificate::of_ca("boot ROM", 12, &self.identity.key),
            leaf: Certificate::of("firmware", 13, &self.firmware).with_extension(
                "2.23.133.5.4.1",
                false,
                tcb_info(&FIRMWARE_ID),
            ),
        }
    }

    /// PEM of `device`, the leaf first, the root's own certificate last.
    #[must_use]
    pub fn chain(&self, device: &Device) -> Vec<Vec<u8>> {
        vec![
            self.identity.issue(&device.leaf),
            self.provisioner.issue(&device.identity),
            self.root.issue(&device.provisioner),
            self.root.root(),
        ]
    }

    /// Signs a report.
    #[must_use]
    pub fn sign(&self, report: &Report) -> Vec<u8> {
        let mut bytes = report.bytes();
        bytes.extend(self.firmware.sign_fixed(&bytes));
        bytes
    }

    /// Signs a manifest with the certificates of `signer`.
    #[must_use]
    pub fn manifest(&self, manifest: &Manifest, signer: &Certificate) -> String {
        let chain = [self.rim_root.issue(signer), self.rim_root.root()];
        manifest.sign(&self.rim_signer, &chain)
    }

    /// An honest certificate of the manifests' signer.
    #[must_use]
    pub fn rim_certificate(&self) -> Certificate {
        Certificate::of("manifest signer", 21, &self.rim_signer)
    }
}

/// DER to PEM.
#[must_use]
pub fn pem(ders: &[Vec<u8>]) -> Vec<u8> {
    let blocks =
        ders.iter().map(|der| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", base64(der)));
    blocks.collect::<String>().into_bytes()
}

/// Base64 with padding.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A `tcg-dice-TcbInfo` with one SHA-384 digest.
#[must_use]
pub fn tcb_info(digest: &[u8]) -> Vec<u8> {
    let fwid = der::sequence(&[der::oid("2.16.840.1.101.3.4.2.2"), der::octets(digest)]);
    der::sequence(&[der::element(0x80, b"NVIDIA"), der::context(6, &fwid)])
}

/// A report: request and answer before the signature.
#[derive(Clone, Debug)]
pub struct Report {
    /// The first four bytes of the request.
    pub request: [u8; 4],
    /// The requester's nonce.
    pub nonce: [u8; 32],
    /// The first four bytes of the answer.
    pub answer: [u8; 4],
    /// How many blocks it says there are, if not as many as there are.
    pub blocks: Option<u8>,
    /// Index, specification, value.
    pub measurements: Vec<(u8, u8, Vec<u8>)>,
    /// Type and data.
    pub opaque: Vec<(u16, Vec<u8>)>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            request: [0x11, 0xe0, 0x01, 0xff],
            nonce: [5; 32],
            answer: [0x11, 0x60, 0, 0],
            blocks: None,
            measurements: (1..=4).map(|index| (index, 1, vec![index; 48])).collect(),
            opaque: vec![
                (3, format!("{DRIVER}\0").into_bytes()),
                (6, vec![0, 0x5e, 0, 0x96, 1, 0, 0, 0]),
                (11, vec![0xaa]),
                (20, FIRMWARE_ID.to_vec()),
            ],
        }
    }
}

impl Report {
    fn bytes(&self) -> Vec<u8> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_le_bytes();
        let mut record = Vec::new();
        for (index, specification, value) in &self.measurements {
            let block = [&[1], length(value).as_slice(), value].concat();
            record.extend([[*index, *specification].as_slice(), &length(&block), &block].concat());
        }
        let opaque: Vec<u8> = self
            .opaque
            .iter()
            .flat_map(|(kind, data)| [kind.to_le_bytes().as_slice(), &length(data), data].concat())
            .collect();
        let blocks = self.blocks.unwrap_or_else(|| u8::try_from(self.measurements.len()).unwrap());
        let record_length = u32::try_from(record.len()).unwrap().to_le_bytes();
        [
            self.request.as_slice(),
            &self.nonce,
            &[0],
            &self.answer,
            &[blocks],
            &record_length[..3],
            &record,
            &[7; 32],
            &length(&opaque),
            &opaque,
        ]
        .concat()
    }
}

/// A reference manifest. Its text is canonical as it is written, so that no canonicaliser of the tests' own is needed.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The version that it is for.
    pub version: String,
    /// Index, activity, values.
    pub references: Vec<(u8, &'static str, Vec<Vec<u8>>)>,
    /// The `URI` of the reference.
    pub uri: &'static str,
    /// The transforms.
    pub transforms: Vec<&'static str>,
    /// The canonicalisation of `SignedInfo`.
    pub canonicalisation: &'static str,
    /// The signature's method.
    pub method: &'static str,
    /// The digest's method.
    pub digest: &'static str,
    /// Replaces text in the finished file: before, after.
    pub forgery: Option<(String, String)>,
    /// The same before it is signed.
    pub shape: Option<(String, String)>,
}

/// Exclusive canonicalisation.
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// Canonical XML 1.1.
pub const INCLUSIVE: &str = "http://www.w3.org/2006/12/xml-c14n11";
/// The enveloped-signature transform.
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

impl Default for Manifest {
    fn default() -> Self {
        let references = Report::default().measurements.into_iter();
        Self {
            version: DRIVER.to_owned(),
            references: references.map(|(index, _, value)| (index - 1, "True", vec![value])).collect(),
            uri: "",
            transforms: vec![ENVELOPED, INCLUSIVE],
            canonicalisation: INCLUSIVE,
            method: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
            digest: "http://www.w3.org/2001/04/xmldsig-more#sha384",
            forgery: None,
            shape: None,
        }
    }
}

const SWID: &str = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd";
const XMLENC: &str = "http://www.w3.org/2001/04/xmlenc#sha384";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

impl Manifest {
    fn sign(&self, key: &Key, chain: &[Vec<u8>]) -> String {
        let mut body = format!("<Meta colloquialVersion=\"{}\"></Meta><Payload>", self.version);
        for (index, active, values) in &self.references {
            let hashes: String = values
                .iter()
                .enumerate()
                .map(|(alternative, value)| format!(" h:Hash{alternative}=\"{}\"", hex::encode(value)))
                .collect();
            body.push_str(&format!(
                "<Resource active=\"{active}\" alternatives=\"{}\" index=\"{index}\" type=\"Measurement\"{hashes}></Resource>",
                values.len()
            ));
        }
        body.push_str("</Payload>");
        if let Some((before, after)) = &self.shape {
            body = body.replace(before, after);
        }
        let namespaces = format!("xmlns=\"{SWID}\" xmlns:h=\"{XMLENC}\"");
        let head = |namespaces: &str| format!("<SoftwareIdentity {namespaces} name=\"GH100\" tagId=\"tag\">");
        let is_exclusive = self.transforms.get(1) == Some(&EXCLUSIVE);
        let document = if is_exclusive {
            // `h` is written where it is used.
            let body = body.replace("<Resource active", &format!("<Resource xmlns:h=\"{XMLENC}\" active"));
            format!("{}{body}</SoftwareIdentity>", head(&format!("xmlns=\"{SWID}\"")))
        } else {
            format!("{}{body}</SoftwareIdentity>", head(&namespaces))
        };
        let algorithm = match self.digest {
            "http://www.w3.org/2001/04/xmlenc#sha256" => &digest::SHA256,
            _ => &digest::SHA384,
        };
        let digest = base64(digest::digest(algorithm, document.as_bytes()).as_ref());
        let transforms: String =
            self.transforms.iter().map(|name| format!("<ds:Transform Algorithm=\"{name}\"></ds:Transform>")).collect();
        let info = |namespaces: &str| {
            format!(
                "<ds:SignedInfo{namespaces}><ds:CanonicalizationMethod Algorithm=\"{}\"></ds:CanonicalizationMethod>\
                 <ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod><ds:Reference URI=\"{}\"><ds:Transforms>{transforms}\
                 </ds:Transforms><ds:DigestMethod Algorithm=\"{}\"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue>\
                 </ds:Reference></ds:SignedInfo>",
                self.canonicalisation, self.method, self.uri, self.digest
            )
        };
        let in_scope = if self.canonicalisation == EXCLUSIVE {
            format!(" xmlns:ds=\"{DSIG}\"")
        } else {
            format!(" xmlns=\"{SWID}\" xmlns:ds=\"{DSIG}\" xmlns:h=\"{XMLENC}\"")
        };
        let value = base64(&key.sign_fixed(info(&in_scope).as_bytes()));
        let certificates: String =
            chain.iter().map(|der| format!("<ds:X509Certificate>{}</ds:X509Certificate>", base64(der))).collect();
        let signature = format!(
            "<ds:Signature xmlns:ds=\"{DSIG}\">{}<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>\
             {certificates}</ds:X509Data></ds:KeyInfo></ds:Signature>",
            info("")
        );
        let mut file = format!("{}{body}{signature}</SoftwareIdentity>", head(&namespaces));
        if let Some((before, after)) = &self.forgery {
            assert!(file.contains(before.as_str()), "`{before}` is not in the manifest");
            file = file.replacen(before, after, 1);
        }
        file
    }
}

/// An OCSP answer about the certificate of `serial` that `issuer` issued.
#[derive(Clone, Debug)]
pub struct Ocsp {
    /// The serial number asked about.
    pub serial: u64,
    /// `certStatus`, DER.
    pub status: Vec<u8>,
    /// `thisUpdate`.
    pub this_update: u64,
    /// `nextUpdate`; `None` leaves it out.
    pub next_update: Option<u64>,
    /// What the responder's certificate is for.
    pub usage: &'static str,
}

impl Ocsp {
    /// A current answer `good`.
    #[must_use]
    pub fn good(serial: u64) -> Self {
        Self {
            serial,
            status: der::element(0x80, &[]),
            this_update: NOW.0 - 60,
            next_update: Some(NOW.0 + 60),
            usage: "1.3.6.1.5.5.7.3.9",
        }
    }

    /// `revoked`, with a reason.
    #[must_use]
    pub fn revoked(serial: u64, reason: u8) -> Self {
        let info = [der::time(NOW.0 - 120), der::context(0, &der::element(0x0a, &[reason]))].concat();
        Self { status: der::element(0xa1, &info), ..Self::good(serial) }
    }

    /// Signs the answer with `responder`, whom `authority` names; `issuer` is who issued the certificate asked about.
    #[must_use]
    pub fn sign(&self, issuer: &Authority, authority: &Authority, responder: &Key) -> Vec<u8> {
        let usage = der::sequence(&[der::oid(self.usage)]);
        let certificate = Certificate::of("responder", 77, responder).with_extension("2.5.29.37", false, usage);
        let certificate = authority.issue(&certificate);
        let sha256 = |bytes: &[u8]| der::octets(digest::digest(&digest::SHA256, bytes).as_ref());
        let id = der::sequence(&[
            der::sequence(&[der::oid("2.16.840.1.101.3.4.2.1"), vec![5, 0]]),
            sha256(&issuer.subject()),
            sha256(&issuer.key.public()),
            der::integer(self.serial),
        ]);
        let mut single = vec![id, self.status.clone(), der::time(self.this_update)];
        single.extend(self.next_update.map(|next| der::context(0, &der::time(next))));
        let data = der::sequence(&[
            der::context(1, &authority.subject()),
            der::time(self.this_update),
            der::sequence(&[der::sequence(&single)]),
        ]);
        let signature = der::bits(&responder.sign(&data));
        let basic = der::sequence(&[
            data,
            responder.signature_algorithm(),
            signature,
            der::context(0, &der::sequence(&[certificate])),
        ]);
        let typed = der::sequence(&[der::oid("1.3.6.1.5.5.7.48.1.1"), der::octets(&basic)]);
        der::sequence(&[der::element(0x0a, &[0]), der::context(0, &typed)])
    }
}

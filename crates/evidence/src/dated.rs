//! What an endorsement is called and when it holds, read from its own bytes and not yet verified: for showing and packing.

use casemate_cose::{Digest, UnixTime};
use serde::Deserialize;

use crate::{
    Endorsement, Window, WireError,
    gpu::responder_window,
    pem::base64,
    wire::der::{Der, ENUMERATED, GENERALIZED_TIME, OCTET_STRING, SEQUENCE, context},
    x509::{Certificate, Crl, Spki, common_name, rfc3339, time},
};

/// As many as a signature may carry.
const RIM_CERTIFICATES_MAX: usize = 8;

/// An endorsement's name, dates and hash.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DatedItem {
    /// `certificate`, `crl`, `tcb-info`, …
    pub kind: &'static str,
    /// Whom or what it speaks of.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// When it holds, by its own words. [`Window::ALWAYS`] for what has no dates.
    pub window: Window,
}

/// Reads name and dates of `item`.
///
/// # Errors
/// The item is not what it says it is.
pub fn dated(item: &Endorsement) -> Result<DatedItem, WireError> {
    let kind = item.kind();
    let row = |name: String, bytes: &[u8], window| DatedItem { kind, name, digest: Digest::of(bytes), window };
    Ok(match item {
        Endorsement::Anchor(anchor) => {
            anchor.spki()?;
            row(format!("{} ({})", anchor.name(), anchor.vendor()), &anchor.to_bytes(), Window::ALWAYS)
        }
        Endorsement::Certificate(bytes) => {
            let certificate = Certificate::parse(bytes)?;
            let window = Window { not_before: certificate.not_before, not_after: certificate.not_after };
            row(certificate.common_name(), bytes, window)
        }
        Endorsement::Crl(bytes) => {
            let list = Crl::parse(bytes)?;
            row(common_name(list.issuer), bytes, list.window())
        }
        Endorsement::Launcher(key) => row(key.to_string(), key.as_bytes(), Window::ALWAYS),
        Endorsement::Ocsp(bytes) => {
            let window = ocsp(bytes)?.intersect(responder_window(bytes).unwrap_or(Window::ALWAYS));
            row("OCSP answer".to_owned(), bytes, window)
        }
        Endorsement::QeIdentity(bytes) => {
            let identity = json::<QeIdentity>(bytes, "enclaveIdentity")?.identity;
            let window = identity.dates.window("enclaveIdentity")?;
            row(identity.id.unwrap_or_else(|| "QE".to_owned()), bytes, window)
        }
        Endorsement::Rim(bytes) => row(rim(bytes)?, bytes, rim_window(bytes)),
        Endorsement::TcbInfo(bytes) => {
            let info = json::<TcbInfo>(bytes, "tcbInfo")?.info;
            let window = info.dates.window("tcbInfo")?;
            row(format!("{} {}", info.id.as_deref().unwrap_or("SGX"), info.fmspc), bytes, window)
        }
        Endorsement::Key { id, spki, .. } => {
            Spki::parse(spki)?;
            row(if id.is_empty() { "any".to_owned() } else { hex::encode(id) }, spki, Window::ALWAYS)
        }
    })
}

#[derive(Deserialize)]
struct TcbInfo {
    #[serde(rename = "tcbInfo")]
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    id: Option<String>,
    fmspc: String,
    #[serde(flatten)]
    dates: Dates,
}

#[derive(Deserialize)]
struct QeIdentity {
    #[serde(rename = "enclaveIdentity")]
    identity: Identity,
}

#[derive(Deserialize)]
struct Identity {
    id: Option<String>,
    #[serde(flatten)]
    dates: Dates,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dates {
    issue_date: String,
    next_update: String,
}

impl Dates {
    fn window(&self, field: &'static str) -> Result<Window, WireError> {
        let read = |text: &str| -> Result<UnixTime, WireError> {
            rfc3339(text).ok_or_else(|| WireError::Value { field, expected: "a time in UTC", actual: text.to_owned() })
        };
        Ok(Window { not_before: read(&self.issue_date)?, not_after: read(&self.next_update)? })
    }
}

fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8], field: &'static str) -> Result<T, WireError> {
    serde_json::from_slice(bytes).map_err(|error| WireError::Value {
        field,
        expected: "Intel's JSON",
        actual: error.to_string(),
    })
}

/// The dates of a basic OCSP response's answers [RFC 6960 §4.2.1].
fn ocsp(bytes: &[u8]) -> Result<Window, WireError> {
    const FIELD: &str = "OCSPResponse";
    let mut response = Der::only(bytes, FIELD, SEQUENCE)?;
    if response.expect(FIELD, ENUMERATED)? != [0] {
        return Err(WireError::Value { field: FIELD, expected: "a successful answer", actual: "an error".to_owned() });
    }
    let mut typed = Der::only(response.expect(FIELD, context(0))?, FIELD, SEQUENCE)?;
    typed.next(FIELD)?;
    let mut basic = Der::only(typed.expect(FIELD, OCTET_STRING)?, FIELD, SEQUENCE)?;
    let mut data = basic.sequence(FIELD)?;
    while matches!(data.peek(), Some(0xa0..=0xa2)) {
        data.next(FIELD)?;
    }
    data.expect(FIELD, GENERALIZED_TIME)?;
    let mut answers = data.sequence(FIELD)?;
    let mut window = Window::ALWAYS;
    while !answers.is_empty() {
        let mut answer = answers.sequence(FIELD)?;
        answer.next(FIELD)?;
        answer.next(FIELD)?;
        let not_before = time(&mut answer, FIELD)?;
        let not_after = match answer.optional(FIELD, context(0))? {
            Some(next) => time(&mut Der::new(next), FIELD)?,
            None => UnixTime(u64::MAX),
        };
        window = window.intersect(Window { not_before, not_after });
    }
    Ok(window)
}

/// A manifest's name, for people.
pub(crate) fn rim_name(bytes: &[u8]) -> String {
    rim(bytes).unwrap_or_else(|_| Digest::of(bytes).to_string())
}

/// When the certificates of its signer hold, the root's own left out: found by what stands around them in the text, since the
/// document is read as XML where it is verified.
fn rim_window(bytes: &[u8]) -> Window {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let texts = text.split("X509Certificate>").skip(1).step_by(2).take(RIM_CERTIFICATES_MAX);
    let ders = texts.filter_map(|text| base64(text.split('<').next().unwrap_or_default()));
    ders.fold(Window::ALWAYS, |window, der| match Certificate::parse(&der) {
        Ok(own) if own.issuer != own.subject => {
            window.intersect(Window { not_before: own.not_before, not_after: own.not_after })
        }
        _ => window,
    })
}

/// The name of a SWID tag: the `name` of its root element.
fn rim(bytes: &[u8]) -> Result<String, WireError> {
    let refuse =
        |actual: &str| WireError::Value { field: "rim", expected: "a SWID tag in XML", actual: actual.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|error| refuse(&error.to_string()))?;
    let (_, root) = text.split_once("SoftwareIdentity").ok_or_else(|| refuse("no SoftwareIdentity"))?;
    let head = root.split('>').next().unwrap_or_default();
    let name = head.split_once(" name=\"").and_then(|(_, rest)| rest.split('"').next());
    name.map(str::to_owned).ok_or_else(|| refuse("a SoftwareIdentity without a name"))
}

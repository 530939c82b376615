//! Evidence in the JSON of common tools.

use serde::Deserialize;
use serde_json::Value;

use super::{Recognised, Unrecognised, marks};
use crate::{
    Endorsement, Evidence, Hash, azure, gpu,
    pem::{base64, blocks, hexadecimal},
    tpm::PcrValue,
};

/// The most devices in one file.
const DEVICES_MAX: usize = 16;
/// Fields in which tools put raw evidence, the most telling first.
const FIELDS: [&str; 10] = [
    "quote",
    "attestation_report",
    "report",
    "attestation_document",
    "document",
    "token",
    "cca_token",
    "psa_token",
    "attestation",
    "evidence",
];

pub(super) fn of_text(text: &str) -> Result<Recognised, Unrecognised> {
    let value: Value = serde_json::from_str(text).map_err(|_| Unrecognised::Unknown)?;
    of_value(&value, 0)
}

fn of_value(value: &Value, depth: u8) -> Result<Recognised, Unrecognised> {
    if let Ok(devices) = Vec::<NvidiaDevice>::deserialize(value) {
        return nvidia(&devices).ok_or(Unrecognised::Unknown);
    }
    if let Ok(device) = NvidiaDevice::deserialize(value) {
        return nvidia(&[device]).ok_or(Unrecognised::Unknown);
    }
    if let Ok(azure) = Azure::deserialize(value) {
        return azure.recognised().ok_or(Unrecognised::Unknown);
    }
    let object = value.as_object().ok_or(Unrecognised::Unknown)?;
    for field in FIELDS {
        let found = match object.get(field) {
            Some(Value::String(text)) => field_text(text, depth),
            // Some tools nest what they wrap once.
            Some(nested @ Value::Object(_)) if depth < 2 => of_value(nested, depth + 1).ok(),
            _ => None,
        };
        if let Some(mut found) = found {
            found.what.push_str(&format!(", in the field `{field}` of JSON"));
            found.carried.extend(carried(object));
            return Ok(found);
        }
    }
    Err(Unrecognised::Unknown)
}

fn field_text(text: &str, depth: u8) -> Option<Recognised> {
    if text.trim_start().starts_with('{') && depth < 2 {
        return of_value(&serde_json::from_str(text).ok()?, depth + 1).ok();
    }
    let decodings = [hexadecimal(text), base64(text)];
    decodings.into_iter().flatten().find_map(|bytes| marks::raw(&bytes).ok().flatten())
}

/// Certificates beside the evidence: a list or a text of PEM, or base64 of DER.
fn carried(object: &serde_json::Map<String, Value>) -> Vec<Endorsement> {
    let fields = ["cert_chain", "certificates", "vcek", "vlek", "ask", "aux_blob"];
    let texts = fields.iter().filter_map(|field| object.get(*field)).flat_map(|value| match value {
        Value::String(text) => vec![text.as_str()],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    });
    texts.flat_map(certificates).collect()
}

fn certificates(text: &str) -> Vec<Endorsement> {
    if text.contains("-----BEGIN ") {
        let blocks = blocks(text).unwrap_or_default().into_iter();
        return blocks
            .filter(|block| block.label == "CERTIFICATE")
            .map(|block| Endorsement::Certificate(block.bytes))
            .collect();
    }
    let bytes = base64(text).filter(|bytes| crate::dated(&Endorsement::Certificate(bytes.clone())).is_ok());
    bytes.map(Endorsement::Certificate).into_iter().collect()
}

/// One device of NVIDIA's attestation SDK.
#[derive(Deserialize)]
struct NvidiaDevice {
    evidence: String,
    certificate: String,
}

fn nvidia(devices: &[NvidiaDevice]) -> Option<Recognised> {
    if devices.is_empty() || devices.len() > DEVICES_MAX {
        return None;
    }
    let evidence =
        devices.iter().map(|device| Some(gpu::evidence(&base64(&device.evidence)?, &base64(&device.certificate)?)));
    let evidence = evidence.collect::<Option<Vec<Evidence>>>()?;
    let what = match evidence.len() {
        1 => "an NVIDIA GPU's report and certificates, in JSON".to_owned(),
        devices => format!("reports and certificates of {devices} NVIDIA GPUs, in JSON"),
    };
    Some(Recognised { what, evidence, carried: Vec::new() })
}

/// What the crates `az-snp-vtpm` and `az-tdx-vtpm` write.
#[derive(Deserialize)]
struct Azure {
    hcl_report: String,
    tpm_quote: TpmQuote,
    #[serde(default)]
    td_quote: Option<String>,
    #[serde(default)]
    vcek: Option<String>,
}

#[derive(Deserialize)]
struct TpmQuote {
    message: String,
    signature: String,
    /// SHA-256, from PCR 0.
    pcrs: Vec<String>,
}

impl Azure {
    fn recognised(&self) -> Option<Recognised> {
        let pcrs: Vec<Vec<u8>> =
            self.tpm_quote.pcrs.iter().map(|text| hex::decode(text).ok()).collect::<Option<_>>()?;
        let hcl = base64(&self.hcl_report)?;
        let quote = hex::decode(&self.tpm_quote.message).ok()?;
        let signature = hex::decode(&self.tpm_quote.signature).ok()?;
        let td_quote = self.td_quote.as_deref().map_or(Some(Vec::new()), base64)?;
        let vcek = self.vcek.as_deref().map_or(Some(Vec::new()), base64)?;
        let values = pcrs.iter().zip(0..).map(|(value, index)| PcrValue { bank: Hash::Sha256, index, value });
        let parts = azure::Parts {
            hcl: &hcl,
            quote: &quote,
            signature: &signature,
            pcrs: values.collect(),
            td_quote: &td_quote,
            certificates: [vcek.as_slice()].into_iter().filter(|der| !der.is_empty()).collect(),
            ..azure::Parts::default()
        };
        let what = "an Azure confidential VM's evidence, in JSON".to_owned();
        Some(Recognised { what, evidence: vec![parts.evidence()], carried: Vec::new() })
    }
}

//! Evidence in the JSON of common tools.

use std::collections::BTreeSet;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::{Recognised, Unrecognised, marks};
use crate::{
    Endorsement, Evidence, Hash, azure, gpu,
    pem::{base64, blocks, hexadecimal},
    tpm::PcrValue,
};

/// The most devices in one file.
const DEVICES_MAX: usize = 16;
/// How much of a field's name is repeated to its reader.
const NAME_CHARS_MAX: usize = 64;
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
    of_value(&parsed(text)?, 0)
}

/// Of two fields of one name readers take one or the other: neither is taken here.
fn parsed(text: &str) -> Result<Value, Unrecognised> {
    let value = serde_json::from_str(text).map_err(|_| Unrecognised::Unknown)?;
    serde_json::from_str::<EachOnce>(text).map_err(|error| Unrecognised::Twice { field: error.to_string() })?;
    Ok(value)
}

fn of_value(value: &Value, depth: u8) -> Result<Recognised, Unrecognised> {
    if let Value::Array(list) = value {
        let devices = Vec::<NvidiaDevice>::deserialize(value).map_err(|_| Unrecognised::Unknown)?;
        let found = nvidia(&devices).ok_or(Unrecognised::Unknown)?;
        for object in list {
            of_fields(object.as_object().ok_or(Unrecognised::Unknown)?, Some("evidence"), depth)?;
        }
        return Ok(found);
    }
    let object = value.as_object().ok_or(Unrecognised::Unknown)?;
    let whole = if let Ok(device) = NvidiaDevice::deserialize(value) {
        Some(("evidence", nvidia(&[device])))
    } else if let Ok(azure) = Azure::deserialize(value) {
        Some(("hcl_report", azure.recognised()))
    } else {
        None
    };
    if let Some((field, found)) = whole {
        let found = found.ok_or(Unrecognised::Unknown)?;
        of_fields(object, Some(field), depth)?;
        return Ok(found);
    }
    let (field, mut found) = of_fields(object, None, depth)?.ok_or(Unrecognised::Unknown)?;
    found.what.push_str(&format!(", in the field `{field}` of JSON"));
    found.carried.extend(carried(object));
    Ok(found)
}

/// The one statement in an object's fields. `known` is the field of one that was found already: then there is no other.
fn of_fields(
    object: &serde_json::Map<String, Value>,
    known: Option<&'static str>,
    depth: u8,
) -> Result<Option<(&'static str, Recognised)>, Unrecognised> {
    let mut first: Option<(&'static str, Recognised)> = None;
    for field in FIELDS.into_iter().filter(|field| known != Some(*field)) {
        let found = match object.get(field) {
            Some(Value::String(text)) => field_text(text, depth)?,
            // Some tools nest what they wrap once.
            Some(nested @ Value::Object(_)) if depth < 2 => found(of_value(nested, depth + 1))?,
            _ => None,
        };
        let Some(found) = found else { continue };
        let one = known.or_else(|| first.as_ref().map(|(field, _)| *field));
        match one {
            None => first = Some((field, found)),
            // The same once more says nothing else.
            Some(_) if first.as_ref().is_some_and(|(_, one)| one.evidence == found.evidence) => {}
            Some(one) => return Err(Unrecognised::Several { one, other: field }),
        }
    }
    Ok(first)
}

fn field_text(text: &str, depth: u8) -> Result<Option<Recognised>, Unrecognised> {
    if text.trim_start().starts_with('{') && depth < 2 {
        return found(parsed(text).and_then(|value| of_value(&value, depth + 1)));
    }
    let decodings = [hexadecimal(text), base64(text)];
    Ok(decodings.into_iter().flatten().find_map(|bytes| marks::raw(&bytes).ok().flatten()))
}

/// What can't be read is no evidence; what can be read in two ways stays refused.
fn found(recognised: Result<Recognised, Unrecognised>) -> Result<Option<Recognised>, Unrecognised> {
    match recognised {
        Ok(found) => Ok(Some(found)),
        Err(error @ (Unrecognised::Several { .. } | Unrecognised::Twice { .. })) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Any JSON in which no object has two fields of one name.
struct EachOnce;

impl<'de> Deserialize<'de> for EachOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for EachOnce {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = object.next_key::<String>()? {
            if names.contains(&name) {
                let name: String = name.chars().take(NAME_CHARS_MAX).collect();
                return Err(A::Error::custom(format_args!("`{}`", name.escape_debug())));
            }
            names.insert(name);
            object.next_value::<Self>()?;
        }
        Ok(self)
    }
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
    Some(Recognised { what, evidence, carried: Vec::new(), parts: Vec::new() })
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
        Some(Recognised { what, evidence: vec![parts.evidence()], carried: Vec::new(), parts: Vec::new() })
    }
}

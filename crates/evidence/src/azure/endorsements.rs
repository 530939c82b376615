//! Who vouches for a vTPM's attestation key: the runtime data, whose digest the CPU signs.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use casemate_cose::Digest;
use serde::Deserialize;

use super::{Flaw, VmConfiguration};
use crate::{
    Hash, Window,
    crypto::ParsedKey,
    tpm::{PublicKey, SignatureKind, rsa},
};

/// The name of the attestation key among the keys.
const AK: &str = "HCLAkPub";
const KEYS_MAX: usize = 8;

/// Runtime data, read, with the key ready to verify.
#[derive(Debug)]
pub(super) struct RuntimeData {
    pub(super) key: ParsedKey,
    pub(super) digest: Digest,
    pub(super) vm: VmConfiguration,
    pub(super) user_data: Vec<u8>,
}

/// Runtime data as they are written. Azure adds fields over time; all are under the CPU's signature.
#[derive(Deserialize)]
struct Json {
    keys: Vec<Jwk>,
    #[serde(rename = "vm-configuration")]
    vm: Vm,
    #[serde(default, rename = "user-data")]
    user_data: String,
}

/// A JSON Web Key [RFC 7517]; of the keys here only one is looked at.
#[derive(Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
    #[serde(default)]
    key_ops: Vec<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Vm {
    console_enabled: Option<bool>,
    root_cert_thumbprint: Option<String>,
    secure_boot: bool,
    tpm_enabled: bool,
    tpm_persisted: Option<bool>,
    #[serde(rename = "vmUniqueId")]
    unique_id: String,
}

impl RuntimeData {
    /// Step 5. It depends on these bytes alone.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, Window), Flaw> {
        let json: Json =
            serde_json::from_slice(bytes).map_err(|error| Flaw::RuntimeData { error: error.to_string() })?;
        if json.keys.len() > KEYS_MAX {
            return Err(Flaw::RuntimeData {
                error: format!("{} keys where at most {KEYS_MAX} are read", json.keys.len()),
            });
        }
        let mut named = json.keys.iter().filter(|key| key.kid == AK);
        let (Some(jwk), None) = (named.next(), named.next()) else {
            return Err(Flaw::AkCount { actual: json.keys.iter().filter(|key| key.kid == AK).count() });
        };
        let public = ak(jwk)?;
        let key = public
            .parse(SignatureKind::RsaPkcs1, Hash::Sha256)
            .map_err(|_| Flaw::Ak { actual: "an RSA key that is not of 2048 to 8192 bits".to_owned() })?;
        let user_data = hex::decode(&json.user_data)
            .map_err(|error| Flaw::RuntimeData { error: format!("`user-data`: {error}") })?;
        let vm = VmConfiguration {
            console_enabled: json.vm.console_enabled,
            root_certificate_thumbprint: json.vm.root_cert_thumbprint,
            secure_boot: json.vm.secure_boot,
            tpm_enabled: json.vm.tpm_enabled,
            tpm_persisted: json.vm.tpm_persisted,
            unique_id: json.vm.unique_id,
        };
        let digest = public.digest();
        Ok((Self { key, digest, vm, user_data }, Window::ALWAYS))
    }
}

fn ak(jwk: &Jwk) -> Result<PublicKey, Flaw> {
    if jwk.kty != "RSA" {
        return Err(Flaw::Ak { actual: format!("a key of type `{}`", jwk.kty.escape_default()) });
    }
    if jwk.key_ops != ["sign"] {
        return Err(Flaw::Ak { actual: format!("a key for `{}`", jwk.key_ops.join(",").escape_default()) });
    }
    let decode = |name: &str, text: &str| {
        URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|error| Flaw::Ak { actual: format!("a key whose `{name}` is no base64url: {error}") })
    };
    Ok(rsa(&decode("n", &jwk.n)?, &decode("e", &jwk.e)?))
}

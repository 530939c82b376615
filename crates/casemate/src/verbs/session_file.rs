//! A broker's session in a file: what a keep's evidence was made for. Nothing in it is secret, and nobody has to believe who wrote it: the
//! evidence holds the digest of all of it, or is not of this session. [docs/formats/binding.md]
//!
//! ```toml
//! nonce = "…"         hex, 32 bytes: the broker's challenge
//! exporter = "…"      hex, 32 bytes: the TLS session's exporter value
//! manifest = "sha256:…"
//! keep = "sha256:…"   SHA-256 of the keep's SubjectPublicKeyInfo
//! broker = "sha256:…" SHA-256 of the broker's
//! ```

use std::path::Path;

use casemate_cose::Digest;
use casemate_evidence::{Binding, Bound, Role};
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, files};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SessionFile {
    nonce: String,
    exporter: String,
    manifest: String,
    keep: String,
    broker: String,
}

/// The text of a session of a keep with a broker.
pub(super) fn text(session: &Bound) -> Result<String, Failure> {
    let binding = session.binding();
    let file = SessionFile {
        nonce: hex::encode(binding.nonce),
        exporter: hex::encode(binding.exporter),
        manifest: binding.manifest.to_string(),
        keep: binding.own_key.to_string(),
        broker: binding.peer_key.to_string(),
    };
    toml::to_string(&file).map_err(|error| Failure::machine(error.to_string()))
}

/// Reads one.
pub(super) fn read(path: &Path) -> Result<Bound, Failure> {
    let bad = |what: String| {
        Failure::input(format!("`{}` is no session: {what}", path.display()))
            .help("give the file that `casemate proof kept --out` wrote beside the proof")
    };
    let file: SessionFile = toml::from_str(&files::read_text(path)?).map_err(|error| bad(error.to_string()))?;
    let bytes = |word: &str, text: &str| {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|error| bad(format!("{word}: {error}")))?;
        Ok(bytes)
    };
    let digest = |word: &str, text: &str| text.parse::<Digest>().map_err(|error| bad(format!("{word}: {error}")));
    Ok(Bound::new(Binding {
        role: Role::Keep,
        nonce: bytes("nonce", &file.nonce)?,
        manifest: digest("manifest", &file.manifest)?,
        exporter: bytes("exporter", &file.exporter)?,
        own_key: digest("keep", &file.keep)?,
        peer_key: digest("broker", &file.broker)?,
    }))
}

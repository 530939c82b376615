//! `casemate explain` of what is signed for others: statements and attestation results. Of results nothing is verified here.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use casemate_cose::UnixTime;
use casemate_trust::{result::TOKEN_BYTES_MAX, statement::Signed};
use serde_json::Value;

use crate::screen::{Screen, plain};

/// How a CWT begins: COSE_Sign1 with its tag. [RFC 9052 §4.2]
const SIGN1: &[u8] = &[0xd2, 0x84];

/// A signed statement.
pub(super) fn statement(bytes: &[u8], screen: Screen) -> Option<&'static str> {
    let signed = Signed::verify(bytes).ok()?;
    screen
        .line(format!("a statement, signed by {}: it counts where a domain lets that key publish it", signed.signer()));
    screen.line(format!("  says       {}", plain(&signed.statement().to_string())));
    screen.line(format!("  statement  {}", signed.digest()));
    Some("signed statement")
}

/// An attestation result as a token.
pub(super) fn result(bytes: &[u8], screen: Screen) -> Option<&'static str> {
    if bytes.len() > TOKEN_BYTES_MAX {
        return None;
    }
    if bytes.starts_with(SIGN1) {
        screen.line("a COSE_Sign1 with its tag, as CWTs are: an attestation result, or another's token; nothing of it is verified here");
        return Some("CWT");
    }
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let [_, claims, _] = text.split('.').collect::<Vec<_>>().try_into().ok()?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let profile = claims.get("eat_profile").and_then(Value::as_str);
    let Some(components) = claims.get("submods").and_then(Value::as_object).filter(|_| profile.is_some()) else {
        screen.line("a JSON Web Token; nothing of it is verified here");
        return Some("JWT");
    };
    screen.line(
        "an attestation result (EAR), a JSON Web Token; nothing of it is verified here: it is worth its signer's key",
    );
    screen.line(format!("  profile    {}", plain(profile.unwrap_or_default())));
    let time = |claim: &str| claims.get(claim).and_then(Value::as_u64).map(UnixTime);
    if let Some((issued, ends)) = time("iat").zip(time("exp")) {
        screen.line(format!("  issued     at {issued}, ends at {ends}"));
    }
    for (name, component) in components {
        let status = ["ear_status", "ear.status"].iter().find_map(|claim| component.get(claim)?.as_str());
        screen.line(format!("  component  {}: {}", plain(name), plain(status.unwrap_or("no status"))));
    }
    Some("attestation result")
}

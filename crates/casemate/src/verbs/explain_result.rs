//! `casemate explain` of what is signed for others: statements, attestation results and SVIDs. Of results and SVIDs nothing is verified here.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Endorsement, loose};
use casemate_trust::{
    result::{Authority, CERTIFICATE_BYTES_MAX, SpiffeId, TOKEN_BYTES_MAX, X509Svid},
    statement::Signed,
};
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
    let claims = claims(bytes)?;
    if let Some(svid) = svid_of(&claims) {
        return Some(token(&svid, screen));
    }
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

/// What a JWT-SVID claims.
pub(crate) struct SvidClaims {
    id: SpiffeId,
    audience: String,
    window: (UnixTime, UnixTime),
    evidence: String,
    verdict: String,
}

/// What `bytes` claim, if they are a JWT-SVID as Casemate writes it.
pub(crate) fn svid_claims(bytes: &[u8]) -> Option<SvidClaims> {
    if bytes.len() > TOKEN_BYTES_MAX {
        return None;
    }
    svid_of(&claims(bytes)?)
}

/// The claims of a JSON Web Token.
fn claims(bytes: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let [_, claims, _] = text.split('.').collect::<Vec<_>>().try_into().ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

fn svid_of(claims: &Value) -> Option<SvidClaims> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let seconds = |name: &str| claims.get(name).and_then(Value::as_u64).map(UnixTime);
    Some(SvidClaims {
        id: text("sub")?.parse().ok()?,
        audience: claims.get("aud")?.get(0)?.as_str()?.to_owned(),
        window: (seconds("iat")?, UnixTime(seconds("exp")?.0.saturating_sub(1))),
        evidence: text("casemate_evidence")?,
        verdict: text("casemate_verdict")?,
    })
}

fn token(svid: &SvidClaims, screen: Screen) -> &'static str {
    screen.line("a JWT-SVID; nothing of it is verified here: `casemate admission check` does that");
    screen.line(format!("  names      {}, and whoever holds it is taken for that keep", svid.id));
    screen.line(format!("  for        {}", plain(&svid.audience)));
    screen.line(format!("  counts     from {} until {}", svid.window.0, svid.window.1));
    screen.line(format!("  evidence   {}", plain(&svid.evidence)));
    screen.line(format!("  verdict    {}", plain(&svid.verdict)));
    "JWT-SVID"
}

/// A certificate of a keep, or of the authority that names keeps.
pub(super) fn certificate(bytes: &[u8], screen: Screen) -> Option<&'static str> {
    // As text it is longer.
    if bytes.len() > 2 * CERTIFICATE_BYTES_MAX {
        return None;
    }
    let items = loose(bytes).ok()?;
    let [Endorsement::Certificate(der)] = items.as_slice() else { return None };
    if let Ok(authority) = Authority::read(der) {
        screen.line(format!(
            "the certificate of the authority of {}, signed by its own key",
            authority.trust_domain.id()
        ));
        screen.line(format!("  key        {}", authority.key));
        screen.line(format!("  holds      from {} until {}", authority.from, authority.until));
        screen.line("  whoever holds its key can name anything there: believe it if you got it from whom you believe");
        return Some("authority");
    }
    let svid = X509Svid::claimed(der).ok()?;
    screen.line("an X.509-SVID; nothing of it is verified here: `casemate admission check` does that");
    screen.line(format!("  names      {}", svid.id));
    svid.dns_names.iter().for_each(|host| screen.line(format!("  serves     {host}")));
    screen.line(format!("  key        {}", Digest::of(&svid.spki)));
    screen.line(format!("  counts     from {} until {}", svid.from, svid.until));
    screen.line(format!("  evidence   {}", svid.evidence));
    screen.line(format!("  verdict    {}", svid.verdict));
    screen.line(format!("  domain     {}", svid.domain));
    Some("X.509-SVID")
}

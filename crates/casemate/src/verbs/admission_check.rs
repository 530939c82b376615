//! `casemate admission check`: an SVID by its authority's certificate alone, as whoever is shown one does it.

use casemate_cose::{Digest, UnixTime};
use casemate_trust::{
    Reason,
    result::{ResultError, X509Svid, read_jwt_svid},
};
use serde_json::json;

use crate::{
    cli::admission::AdmissionCheckArgs,
    clock,
    failure::{Failure, Outcome},
    files,
    screen::Screen,
};

use super::{admission, explain_result};

/// What an SVID says, of either form.
struct Said {
    form: &'static str,
    id: String,
    dns: Vec<String>,
    key: Option<Digest>,
    window: (UnixTime, UnixTime),
    evidence: Digest,
    verdict: Digest,
    domain: Option<Digest>,
}

/// Checks an SVID.
pub(crate) fn check(args: &AdmissionCheckArgs, screen: Screen) -> Outcome {
    let at = args.at.unwrap_or_else(clock::now);
    let authority = admission::authority_of(&args.authority)?;
    let bytes = files::read(&args.svid)?;
    let refuse = |error: ResultError| refused(args, &error);
    let said = if explain_result::svid_claims(&bytes).is_some() {
        let audience = args
            .audience
            .as_deref()
            .ok_or_else(|| Failure::input("a token is for somebody").help("say who you are with --audience"))?;
        let text = String::from_utf8_lossy(&bytes);
        let token =
            read_jwt_svid(text.trim(), &authority.key, &authority.trust_domain, audience, at).map_err(refuse)?;
        Said {
            form: "jwt",
            id: token.id.to_string(),
            dns: Vec::new(),
            key: None,
            window: (token.from, token.until),
            evidence: token.evidence,
            verdict: token.verdict,
            domain: None,
        }
    } else {
        let der = admission::certificate_in(&args.svid, &bytes)?;
        let svid = X509Svid::read(&der, &authority, at).map_err(refuse)?;
        Said {
            form: "x509",
            id: svid.id.to_string(),
            dns: svid.dns_names,
            key: Some(Digest::of(&svid.spki)),
            window: (svid.from, svid.until),
            evidence: svid.evidence,
            verdict: svid.verdict,
            domain: Some(svid.domain),
        }
    };
    tell(args, &said, at, screen);
    Ok(())
}

fn tell(args: &AdmissionCheckArgs, said: &Said, at: UnixTime, screen: Screen) {
    let (from, until) = said.window;
    screen.line(format!("holds at {at}, in the word of {}", args.authority.display()));
    screen.line(format!("  named      {}", said.id));
    said.dns.iter().for_each(|host| screen.line(format!("  serves     {host}")));
    match said.key {
        Some(key) => screen.line(format!("  key        {key}")),
        None => screen.line("  key        none: whoever holds it is taken for the keep"),
    }
    screen.line(format!("  counts     from {from} until {until}"));
    screen.line(format!("  evidence   {}", said.evidence));
    screen.line(format!("  verdict    {}", said.verdict));
    said.domain.iter().for_each(|domain| screen.line(format!("  domain     {domain}")));
    screen.object(&json!({
        "svid": args.svid, "holds": true, "at": at.0, "form": said.form, "spiffe_id": said.id, "dns": said.dns,
        "key": said.key.map(|key| key.to_string()), "from": from.0, "until": until.0,
        "evidence": said.evidence.to_string(), "verdict": said.verdict.to_string(),
        "domain": said.domain.map(|domain| domain.to_string()),
    }));
}

fn refused(args: &AdmissionCheckArgs, error: &ResultError) -> Failure {
    const AGAIN: &str = "have the keep attested again, and take its SVID from this authority";
    const UNCHANGED: &str =
        "take an SVID of this authority, unchanged; or name the authority that made this one, if you believe it";
    let (rule, expected, remedy) = match error {
        ResultError::Audience { .. } => (
            "svid-audience",
            "a token for this audience",
            "ask for a token for this audience, or say with --audience who you are",
        ),
        ResultError::Expired { .. } => ("svid-expired", "an SVID and an authority that are not over", AGAIN),
        ResultError::Invalid { .. } => ("svid-name", "a name in the trust domain of the authority", UNCHANGED),
        ResultError::NotYet { .. } => ("svid-not-yet", "an SVID and an authority that have begun", "set the clock"),
        ResultError::Algorithm { .. } | ResultError::KeyId { .. } | ResultError::Signature => {
            ("svid-signature", "the signature of this authority", UNCHANGED)
        }
        _ => ("svid-form", "an SVID of this authority, as Casemate writes it", UNCHANGED),
    };
    let reason = Reason::new(rule, expected, error.to_string(), remedy);
    Failure::refused(format!("`{}` does not hold", args.svid.display()), vec![reason])
}

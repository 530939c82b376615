//! JWT-SVIDs: tokens that name an accepted keep for one audience. [JWT-SVID; docs/formats/svid.md]
//!
//! ```text
//! {"sub":"spiffe://DOMAIN/keep/WORKLOAD","aud":[AUDIENCE],"exp":…,"iat":…,"casemate_evidence":"sha256:…","casemate_verdict":"sha256:…"}
//! ```
//! Unlike a certificate it proves no key: whoever holds it is taken for the keep until it ends.

use aws_lc_rs::rand::SecureRandom;
use casemate_cose::{Digest, Signer, UnixTime, VerifyingKey};

use super::{
    Admission, Keyed, ResultError, SpiffeId, TrustDomain,
    ear::check_window,
    jwt::{self, Typ},
    told::digest_of_accepted,
    tree::{Key, Tree},
};
use crate::Accepted;

const AUDIENCE_BYTES_MAX: usize = 2048;

/// What a JWT-SVID says, once it was believed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JwtSvid {
    /// The keep's name.
    pub id: SpiffeId,
    /// The digest of the evidence that was accepted.
    pub evidence: Digest,
    /// The digest of the verdict.
    pub verdict: Digest,
    /// When it was issued.
    pub from: UnixTime,
    /// The last second in which it counts.
    pub until: UnixTime,
}

/// A JWT-SVID of the accepted keep for one audience. Whoever holds it is taken for the keep until it ends.
///
/// # Errors
/// [`ResultError::AlgorithmOfSvid`] for an Ed25519 key, which the standard leaves out; [`ResultError::Invalid`] for no audience, or one that no screen shows as it is;
/// those of [`Admission::name`]; [`ResultError::Expired`]; [`ResultError::Signer`].
pub fn jwt_svid<B: Keyed>(
    accepted: &Accepted<B>,
    audience: &str,
    admission: &Admission,
    authority: &Signer,
    random: &dyn SecureRandom,
    at: UnixTime,
) -> Result<String, ResultError> {
    check_svid_key(&authority.public())?;
    let is_printable = !audience.chars().any(crate::printable::hides_or_moves);
    if audience.is_empty() || audience.len() > AUDIENCE_BYTES_MAX || !is_printable {
        let start: String = audience.chars().take(64).collect();
        let (actual, rule) = (crate::printable::printable(&start), "1 to 2048 bytes, without control characters");
        return Err(ResultError::Invalid { what: "the audience", actual, rule });
    }
    let claims = SvidClaims {
        subject: admission.name(accepted)?.0.to_string(),
        audience: audience.to_owned(),
        ends: admission.until(accepted, at)?.plus_s(1),
        issued: at,
        evidence: accepted.evidence_digest().to_string(),
        verdict: digest_of_accepted(accepted).to_string(),
    };
    jwt::sign(Typ::Svid, &claims.to_json()?, authority, random)
}

/// Reads a JWT-SVID that [`jwt_svid`] made, for `audience`, signed by `key`, the authority of `trust_domain`.
///
/// # Errors
/// [`ResultError`]: another key, algorithm, audience or trust domain, or a token that is over.
pub fn read_jwt_svid(
    token: &str,
    key: &VerifyingKey,
    trust_domain: &TrustDomain,
    audience: &str,
    at: UnixTime,
) -> Result<JwtSvid, ResultError> {
    check_svid_key(key)?;
    let bytes = jwt::verify(token, Typ::Svid, key)?;
    let claims = SvidClaims::from_json(&bytes)?;
    if claims.audience != audience {
        let actual = crate::printable::printable(&claims.audience);
        return Err(ResultError::Audience { expected: audience.to_owned(), actual });
    }
    check_window(claims.issued, claims.ends, at)?;
    let id: SpiffeId = claims.subject.parse()?;
    // An authority names what is in its own trust domain, and nothing else.
    if id.trust_domain() != trust_domain {
        let rule = "in the trust domain of the key";
        return Err(ResultError::Invalid { what: "the SPIFFE ID", actual: id.to_string(), rule });
    }
    let digest = |text: &str| text.parse().map_err(|_| ResultError::Form("not the claims of an SVID"));
    let (evidence, verdict) = (digest(&claims.evidence)?, digest(&claims.verdict)?);
    Ok(JwtSvid { id, evidence, verdict, from: claims.issued, until: UnixTime(claims.ends.0.saturating_sub(1)) })
}

fn check_svid_key(key: &VerifyingKey) -> Result<(), ResultError> {
    match key {
        VerifyingKey::Ed25519(_) => Err(ResultError::AlgorithmOfSvid(jwt::algorithm(key))),
        VerifyingKey::P256(_) | VerifyingKey::P384(_) => Ok(()),
    }
}

/// The claims of a JWT-SVID.
struct SvidClaims {
    subject: String,
    audience: String,
    ends: UnixTime,
    issued: UnixTime,
    evidence: String,
    verdict: String,
}

impl SvidClaims {
    fn to_json(&self) -> Result<Vec<u8>, ResultError> {
        let member = |name: &str, value| (Key::Name(name.to_owned()), value);
        let seconds = |time: UnixTime| {
            i64::try_from(time.0).map(Tree::Integer).map_err(|_| ResultError::Form("a time beyond this era"))
        };
        Tree::Map(vec![
            member("sub", Tree::text(&self.subject)),
            member("aud", Tree::List(vec![Tree::text(&self.audience)])),
            member("exp", seconds(self.ends)?),
            member("iat", seconds(self.issued)?),
            member("casemate_evidence", Tree::text(&self.evidence)),
            member("casemate_verdict", Tree::text(&self.verdict)),
        ])
        .to_json()
    }

    fn from_json(bytes: &[u8]) -> Result<Self, ResultError> {
        const OTHER: ResultError = ResultError::Form("not the claims of an SVID");
        let Tree::Map(members) = Tree::from_json(bytes)? else { return Err(OTHER) };
        let values: Vec<&Tree> = members.iter().map(|(_, value)| value).collect();
        let [
            Tree::Text(subject),
            Tree::List(audience),
            Tree::Integer(ends),
            Tree::Integer(issued),
            Tree::Text(evidence),
            Tree::Text(verdict),
        ] = values.as_slice()
        else {
            return Err(OTHER);
        };
        let [Tree::Text(audience)] = audience.as_slice() else { return Err(OTHER) };
        let seconds = |number: &i64| u64::try_from(*number).map(UnixTime).map_err(|_| OTHER);
        let claims = Self {
            subject: subject.clone(),
            audience: audience.clone(),
            ends: seconds(ends)?,
            issued: seconds(issued)?,
            evidence: evidence.clone(),
            verdict: verdict.clone(),
        };
        // Names and order as well.
        if claims.to_json()? == bytes { Ok(claims) } else { Err(OTHER) }
    }
}

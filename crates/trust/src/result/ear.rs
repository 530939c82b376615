//! Attestation results as an EAT: which claim is called what, and how it is read back.
//! [draft-ietf-rats-ear-04 §3; the dotted names: draft-fv-rats-ear-00 to -05]
//!
//! 1. The profile is the one that is expected.
//! 2. Issued by now (give or take [`CLOCK_SKEW_S_MAX`]), not expired, for the expected nonce.
//! 3. Every claim is there, of its type, within limits; no status is better than what it rests on.
//! 4. Written again, it gives the same bytes: no other claim, no other order, nothing twice.

use std::{collections::BTreeMap, str::FromStr};

use casemate_cose::{Digest, UnixTime, VerifyingKey};

use super::{
    AttestationResult, ClaimValue, ComponentResult, Judgement, ResultError, Tier, Trustworthiness, VerifierId,
    base64url,
    tree::{Key, Tree},
    trustworthiness::Aspect,
};
use crate::{Reason, statement::Kind};

/// The profile of results with the names of draft-ietf-rats-ear-04.
pub const EAR_PROFILE: &str = "tag:ietf.org,2026:rats/ear#04";
/// The profile of results with the earlier, dotted names.
pub const DOTTED_PROFILE: &str = "tag:github.com,2023:veraison/ear";
/// By how much, in seconds, the issuer's clock may be ahead of the reader's: 60.
pub const CLOCK_SKEW_S_MAX: u64 = 60;

/// Which names the claims have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Names {
    /// `ear.status`, `ear.verifier-id`: drafts before `draft-ietf-rats-ear-03`, and software of that time.
    Dotted,
    /// `ear_status`, `ear_verifier_id`: draft-ietf-rats-ear-04.
    Ietf,
}

impl Names {
    /// The profile that says which names they are.
    #[must_use]
    pub const fn profile(self) -> &'static str {
        match self {
            Self::Dotted => DOTTED_PROFILE,
            Self::Ietf => EAR_PROFILE,
        }
    }
}

/// What a reader expects of a token. There is no way not to name a key.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The verifier's key.
    pub key: &'a VerifyingKey,
    /// The names, and with them the profile.
    pub names: Names,
    /// What shows that it is fresh.
    pub freshness: Freshness<'a>,
    /// The reader's time.
    pub at: UnixTime,
}

/// What shows that a token was not kept for this occasion.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness<'a> {
    /// The nonce that it was asked for with.
    Nonce(&'a [u8]),
    /// Its own time alone: whoever has it can show it until it ends.
    Time,
}

/// A result that a verifier's signature stands for. Not evidence, and nothing that Casemate releases a key on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Received(AttestationResult);

impl Received {
    /// What the verifier says.
    #[must_use]
    pub const fn result(&self) -> &AttestationResult {
        &self.0
    }
}

/// JSON or CBOR: names or labels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    Cbor,
    Json,
}

/// How the claims are called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) names: Names,
    pub(super) encoding: Encoding,
}

#[derive(Clone, Copy, Debug)]
enum Claim {
    AttesterClaims,
    Build,
    Developer,
    Evidence,
    Expires,
    IssuedAt,
    Nonce,
    PolicyIds,
    Profile,
    Status,
    Submodules,
    Vector,
    Verdict,
    VerifierClaims,
    VerifierId,
}

impl Claim {
    const fn name(self, names: Names) -> &'static str {
        match (self, names) {
            (Self::AttesterClaims, Names::Ietf) => "ear_attester_claims",
            (Self::AttesterClaims, Names::Dotted) => "ear.veraison.annotated-evidence",
            (Self::Build, _) => "build",
            (Self::Developer, _) => "developer",
            (Self::Evidence, Names::Ietf) => "casemate_evidence",
            (Self::Evidence, Names::Dotted) => "casemate.evidence",
            (Self::Expires, _) => "exp",
            (Self::IssuedAt, _) => "iat",
            (Self::Nonce, _) => "eat_nonce",
            (Self::PolicyIds, Names::Ietf) => "ear_appraisal_policy_ids",
            (Self::PolicyIds, Names::Dotted) => "ear.appraisal-policy-id",
            (Self::Profile, _) => "eat_profile",
            (Self::Status, Names::Ietf) => "ear_status",
            (Self::Status, Names::Dotted) => "ear.status",
            (Self::Submodules, _) => "submods",
            (Self::Vector, Names::Ietf) => "ear_trustworthiness_vector",
            (Self::Vector, Names::Dotted) => "ear.trustworthiness-vector",
            (Self::Verdict, Names::Ietf) => "casemate_verdict",
            (Self::Verdict, Names::Dotted) => "casemate.verdict",
            (Self::VerifierClaims, Names::Ietf) => "ear_verifier_claims",
            (Self::VerifierClaims, Names::Dotted) => "ear.veraison.policy-claims",
            (Self::VerifierId, Names::Ietf) => "ear_verifier_id",
            (Self::VerifierId, Names::Dotted) => "ear.verifier-id",
        }
    }

    const fn label(self, names: Names) -> i64 {
        match (self, names) {
            (Self::AttesterClaims, Names::Ietf) => 1005,
            (Self::AttesterClaims, Names::Dotted) => -70_000,
            (Self::Build, _) => 1,
            (Self::Developer, _) => 0,
            (Self::Evidence, _) => -76_101,
            (Self::Expires, _) => 4,
            (Self::IssuedAt, _) => 6,
            (Self::Nonce, _) => 10,
            (Self::PolicyIds, _) => 1003,
            (Self::Profile, _) => 265,
            (Self::Status, _) => 1000,
            (Self::Submodules, _) => 266,
            (Self::Vector, _) => 1001,
            (Self::Verdict, _) => -76_102,
            (Self::VerifierClaims, Names::Ietf) => 1006,
            (Self::VerifierClaims, Names::Dotted) => -70_001,
            (Self::VerifierId, _) => 1004,
        }
    }
}

impl Form {
    /// The claim set of `result`.
    ///
    /// # Errors
    /// Those of [`AttestationResult::check`], and [`ResultError::TooMany`] bytes.
    pub(super) fn write(self, result: &AttestationResult) -> Result<Vec<u8>, ResultError> {
        result.check()?;
        let tree = self.tree(result);
        let bytes = match self.encoding {
            Encoding::Cbor => tree.to_cbor(),
            Encoding::Json => tree.to_json()?,
        };
        super::at_most("bytes of claims", bytes.len(), super::TOKEN_BYTES_MAX)?;
        Ok(bytes)
    }

    /// Reads a claim set whose signature was verified.
    ///
    /// # Errors
    /// [`ResultError`], the first step that fails.
    pub(super) fn read(self, bytes: &[u8], expected: &Expected<'_>) -> Result<Received, ResultError> {
        let tree = match self.encoding {
            Encoding::Cbor => Tree::from_cbor(bytes)?,
            Encoding::Json => Tree::from_json(bytes)?,
        };
        let claims = Reader { form: self, members: members(&tree)? };
        // 1
        let profile = claims.text(Claim::Profile)?;
        if profile != self.names.profile() {
            return Err(ResultError::Profile {
                expected: self.names.profile(),
                actual: crate::printable::printable(profile),
            });
        }
        // 2
        let issued = claims.time(Claim::IssuedAt)?;
        let ends = claims.time(Claim::Expires)?;
        check_window(issued, ends, expected.at)?;
        let nonce = claims.nonce()?;
        if let Freshness::Nonce(asked) = expected.freshness
            && nonce.as_deref() != Some(asked)
        {
            return Err(ResultError::Nonce);
        }
        // 3
        let result = claims.result(issued, ends, nonce)?;
        // 4
        if self.write(&result)? != bytes {
            return Err(ResultError::Form("it has other claims, or not all"));
        }
        Ok(Received(result))
    }

    fn key(self, claim: Claim) -> Key {
        match self.encoding {
            Encoding::Cbor => Key::Label(claim.label(self.names)),
            Encoding::Json => Key::Name(claim.name(self.names).to_owned()),
        }
    }

    fn member(self, claim: Claim, value: Tree) -> (Key, Tree) {
        (self.key(claim), value)
    }

    fn tree(self, result: &AttestationResult) -> Tree {
        let verifier = Tree::Map(vec![
            self.member(Claim::Developer, Tree::text(&result.verifier.developer)),
            self.member(Claim::Build, Tree::text(&result.verifier.build)),
        ]);
        let submodules = result.components.iter();
        let submodules = submodules
            .map(|(name, component)| (Key::Name(name.clone()), self.component(component, result.domain)))
            .collect();
        let mut members = vec![
            self.member(Claim::Profile, Tree::text(self.names.profile())),
            self.member(Claim::IssuedAt, seconds(result.at)),
            // The claim is the first second in which the token counts no more. [RFC 7519 §4.1.4]
            self.member(Claim::Expires, seconds(result.expires.plus_s(1))),
            self.member(Claim::VerifierId, verifier),
            self.member(Claim::Evidence, Tree::text(result.evidence.to_string())),
            self.member(Claim::Verdict, Tree::text(result.verdict.to_string())),
            self.member(Claim::Submodules, Tree::Map(submodules)),
        ];
        if self.names == Names::Ietf {
            members.push(self.member(Claim::Status, self.tier(result.status())));
        }
        if let Some(nonce) = &result.nonce {
            members.push(self.member(Claim::Nonce, self.bytes(nonce)));
        }
        Tree::Map(members)
    }

    fn component(self, component: &ComponentResult, domain: Digest) -> Tree {
        let policy = Tree::text(domain.to_string());
        let vector = component.trustworthiness.iter().map(|(aspect, judgement)| {
            let key = match self.encoding {
                Encoding::Cbor => Key::Label(aspect.label()),
                Encoding::Json => Key::Name(aspect.as_str().to_owned()),
            };
            (key, Tree::Integer(judgement.value.into()))
        });
        let claims = component.claims.iter().map(|(name, value)| (Key::Name(name.clone()), claim_tree(value)));
        let mut members = vec![
            self.member(Claim::Status, self.tier(component.status)),
            self.member(Claim::Vector, Tree::Map(vector.collect())),
            self.member(Claim::PolicyIds, if self.names == Names::Ietf { Tree::List(vec![policy]) } else { policy }),
            self.member(Claim::VerifierClaims, verifier_claims(component)),
        ];
        if !component.claims.is_empty() {
            members.push(self.member(Claim::AttesterClaims, Tree::Map(claims.collect())));
        }
        Tree::Map(members)
    }

    fn tier(self, tier: Tier) -> Tree {
        match self.encoding {
            Encoding::Cbor => Tree::Integer(tier.value()),
            Encoding::Json => Tree::text(tier.as_str()),
        }
    }

    fn bytes(self, bytes: &[u8]) -> Tree {
        match self.encoding {
            Encoding::Cbor => Tree::Bytes(bytes.to_vec()),
            Encoding::Json => Tree::Text(base64url(bytes)),
        }
    }
}

/// Whether a token that was issued and ends then counts at `at`.
pub(super) fn check_window(issued: UnixTime, ends: UnixTime, at: UnixTime) -> Result<(), ResultError> {
    if at >= ends {
        return Err(ResultError::Expired { expires: ends, at });
    }
    if issued > at.plus_s(CLOCK_SKEW_S_MAX) {
        return Err(ResultError::NotYet { issued, at });
    }
    Ok(())
}

fn seconds(time: UnixTime) -> Tree {
    // What is written was checked to fit.
    Tree::Integer(i64::try_from(time.0).unwrap_or(i64::MAX))
}

fn claim_tree(value: &ClaimValue) -> Tree {
    match value {
        ClaimValue::Bool(value) => Tree::Bool(*value),
        ClaimValue::Number(number) => Tree::Integer(i64::try_from(*number).unwrap_or(i64::MAX)),
        ClaimValue::Set(names) => Tree::List(names.iter().map(Tree::text).collect()),
        ClaimValue::Text(text) => Tree::text(text),
    }
}

fn named(name: &str, value: Tree) -> (Key, Tree) {
    (Key::Name(name.to_owned()), value)
}

fn verifier_claims(component: &ComponentResult) -> Tree {
    let reasons = component
        .trustworthiness
        .iter()
        .map(|(aspect, judgement)| named(aspect.as_str(), Tree::text(&judgement.reason)));
    let mut members =
        vec![named("kind", Tree::text(component.kind.as_str())), named("reasons", Tree::Map(reasons.collect()))];
    if !component.unmet.is_empty() {
        let unmet = component.unmet.iter().map(|reason| {
            Tree::Map(vec![
                named("rule", Tree::text(&reason.rule)),
                named("expected", Tree::text(&reason.expected)),
                named("actual", Tree::text(&reason.actual)),
                named("remedy", Tree::text(&reason.remedy)),
            ])
        });
        members.push(named("unmet", Tree::List(unmet.collect())));
    }
    Tree::Map(members)
}

/// The members of a claim set, by what they are called in one form.
struct Reader<'a> {
    form: Form,
    members: &'a [(Key, Tree)],
}

impl<'a> Reader<'a> {
    fn optional(&self, claim: Claim) -> Option<&'a Tree> {
        let wanted = self.form.key(claim);
        self.members.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value)
    }

    fn required(&self, claim: Claim) -> Result<&'a Tree, ResultError> {
        self.optional(claim).ok_or(ResultError::Form("a claim is absent, or has another name"))
    }

    fn text(&self, claim: Claim) -> Result<&'a str, ResultError> {
        text(self.required(claim)?)
    }

    fn time(&self, claim: Claim) -> Result<UnixTime, ResultError> {
        let Tree::Integer(seconds) = self.required(claim)? else {
            return Err(ResultError::Form("a time is no number"));
        };
        u64::try_from(*seconds).map(UnixTime).map_err(|_| ResultError::Form("a time before 1970"))
    }

    fn nonce(&self) -> Result<Option<Vec<u8>>, ResultError> {
        let Some(nonce) = self.optional(Claim::Nonce) else { return Ok(None) };
        Ok(Some(match nonce {
            Tree::Bytes(bytes) => bytes.clone(),
            other => super::from_base64url(text(other)?).ok_or(ResultError::Form("a nonce is not base64url"))?,
        }))
    }

    fn tier(&self) -> Result<Tier, ResultError> {
        let value = self.required(Claim::Status)?;
        Tier::ALL
            .into_iter()
            .find(|tier| match value {
                Tree::Integer(number) => *number == tier.value(),
                Tree::Text(name) => name == tier.as_str(),
                _ => false,
            })
            .ok_or(ResultError::Form("a status is no tier"))
    }

    fn reader(&self, claim: Claim) -> Result<Self, ResultError> {
        Ok(Self { form: self.form, members: members(self.required(claim)?)? })
    }

    fn result(&self, at: UnixTime, ends: UnixTime, nonce: Option<Vec<u8>>) -> Result<AttestationResult, ResultError> {
        let verifier = self.reader(Claim::VerifierId)?;
        let mut domain = None;
        let mut components = BTreeMap::new();
        let submodules = members(self.required(Claim::Submodules)?)?;
        super::at_most("components", submodules.len(), super::COMPONENTS_MAX)?;
        for (key, value) in submodules {
            let Key::Name(name) = key else { return Err(ResultError::Form("a component has no name")) };
            let submodule = Self { form: self.form, members: members(value)? };
            domain = Some(submodule.domain()?);
            components.insert(name.clone(), submodule.component()?);
        }
        let result = AttestationResult {
            verifier: VerifierId {
                developer: verifier.text(Claim::Developer)?.to_owned(),
                build: verifier.text(Claim::Build)?.to_owned(),
            },
            domain: domain.ok_or(ResultError::Form("it has no components"))?,
            evidence: parsed(self.text(Claim::Evidence)?)?,
            verdict: parsed(self.text(Claim::Verdict)?)?,
            at,
            expires: UnixTime(ends.0.saturating_sub(1)),
            nonce,
            components,
        };
        if self.form.names == Names::Ietf {
            let (actual, worst) = (self.tier()?, result.status());
            if actual < worst {
                return Err(ResultError::Status { actual, worst });
            }
        }
        Ok(result)
    }

    fn domain(&self) -> Result<Digest, ResultError> {
        match self.required(Claim::PolicyIds)? {
            Tree::List(ids) => match ids.as_slice() {
                [id] => parsed(text(id)?),
                _ => Err(ResultError::Form("not one policy")),
            },
            other => parsed(text(other)?),
        }
    }

    fn component(&self) -> Result<ComponentResult, ResultError> {
        let said = members(self.required(Claim::VerifierClaims)?)?;
        let reasons = members(by_name(said, "reasons").ok_or(ResultError::Form("values without reasons"))?)?;
        let mut judgements = BTreeMap::new();
        for (key, value) in members(self.required(Claim::Vector)?)? {
            let aspect = Aspect::ALL
                .into_iter()
                .find(|aspect| match key {
                    Key::Label(label) => *label == aspect.label(),
                    Key::Name(name) => name == aspect.as_str(),
                })
                .ok_or(ResultError::Form("a value of no aspect of AR4SI"))?;
            let Tree::Integer(value) = value else { return Err(ResultError::Form("a value is no number")) };
            let value = i8::try_from(*value).map_err(|_| ResultError::Form("a value of more than eight bits"))?;
            let reason = text(by_name(reasons, aspect.as_str()).ok_or(ResultError::Form("a value without a reason"))?)?;
            judgements.insert(aspect, Judgement { value, reason: reason.to_owned() });
        }
        let kind = text(by_name(said, "kind").ok_or(ResultError::Form("a component without a kind"))?)?;
        let mut claims = BTreeMap::new();
        if let Some(tree) = self.optional(Claim::AttesterClaims) {
            for (key, value) in members(tree)? {
                let Key::Name(name) = key else { return Err(ResultError::Form("a claim without a name")) };
                claims.insert(name.clone(), claim_value(value)?);
            }
        }
        Ok(ComponentResult {
            kind: parsed::<Kind>(kind)?,
            status: self.tier()?,
            trustworthiness: Trustworthiness::new(judgements),
            claims,
            unmet: unmet(said)?,
        })
    }
}

fn unmet(said: &[(Key, Tree)]) -> Result<Vec<Reason>, ResultError> {
    let Some(unmet) = by_name(said, "unmet") else { return Ok(Vec::new()) };
    let Tree::List(items) = unmet else { return Err(ResultError::Form("unmet conditions are no list")) };
    let part = |item: &[(Key, Tree)], name: &str| -> Result<String, ResultError> {
        text(by_name(item, name).ok_or(ResultError::Form("an unmet condition lacks a part"))?).map(str::to_owned)
    };
    let reason = |item| {
        let item = members(item)?;
        let (rule, expected) = (part(item, "rule")?, part(item, "expected")?);
        Ok(Reason::new(rule, expected, part(item, "actual")?, part(item, "remedy")?))
    };
    items.iter().map(reason).collect()
}

fn claim_value(tree: &Tree) -> Result<ClaimValue, ResultError> {
    Ok(match tree {
        Tree::Bool(value) => ClaimValue::Bool(*value),
        Tree::Integer(number) => {
            ClaimValue::Number(u64::try_from(*number).map_err(|_| ResultError::Form("a claim below zero"))?)
        }
        Tree::List(items) => {
            ClaimValue::Set(items.iter().map(|item| text(item).map(str::to_owned)).collect::<Result<_, _>>()?)
        }
        other => ClaimValue::Text(text(other)?.to_owned()),
    })
}

fn members(tree: &Tree) -> Result<&[(Key, Tree)], ResultError> {
    if let Tree::Map(members) = tree { Ok(members) } else { Err(ResultError::Form("a part is no map")) }
}

fn by_name<'a>(members: &'a [(Key, Tree)], name: &str) -> Option<&'a Tree> {
    members.iter().find(|(key, _)| matches!(key, Key::Name(other) if other == name)).map(|(_, value)| value)
}

fn text(tree: &Tree) -> Result<&str, ResultError> {
    if let Tree::Text(text) = tree { Ok(text) } else { Err(ResultError::Form("a part is no text")) }
}

fn parsed<T: FromStr>(text: &str) -> Result<T, ResultError> {
    text.parse().map_err(|_| ResultError::Form("a digest or kind is not written as one"))
}

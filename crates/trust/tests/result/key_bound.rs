//! Names for keys that evidence speaks for in no session: certificates, Nitro documents, report data.

use casemate_cose::{Digest, SigningKey, UnixTime};
use casemate_evidence::{
    Authenticated, BoundToKey, Endorsement, Endorsements, Evidence, Format, Hash, Refusal, Tie, authenticate,
};
use casemate_testkit::{
    NOW, cbor,
    vendor::{
        amd::{Amd, Line, Report, at},
        aws::Aws,
        ratls::RaTls,
    },
};
use casemate_trust::{
    Accepted, Domain, Verdict, appraise, draft,
    result::{Admission, ResultError, jwt_svid, what_runs, x509_svid},
    statement::Statement,
};

use crate::admitted::{ed25519, p256, random};

pub(crate) fn anchor(vendor: casemate_evidence::Vendor, root: &[u8]) -> Endorsement {
    Endorsement::Anchor(casemate_evidence::Anchor::of_certificate(vendor, root).unwrap())
}

pub(crate) fn own() -> Vec<u8> {
    SigningKey::from_seed(&[1; 32]).public().spki()
}

pub(crate) fn neighbours() -> Vec<u8> {
    SigningKey::from_seed(&[2; 32]).public().spki()
}

/// What a vendor of our own vouches for, and with what.
pub(crate) struct Made {
    pub(crate) evidence: Evidence,
    pub(crate) endorsements: Endorsements,
}

impl Made {
    fn for_key(&self, spki: &[u8]) -> Result<Authenticated<BoundToKey>, Refusal> {
        self.for_key_at(spki, NOW)
    }

    fn for_key_at(&self, spki: &[u8], at: UnixTime) -> Result<Authenticated<BoundToKey>, Refusal> {
        authenticate(&self.evidence, &self.endorsements, &BoundToKey::new(spki.to_vec()).unwrap(), at)
    }

    /// What a domain says that was drafted from it.
    pub(crate) fn statements(&self, spki: &[u8]) -> Vec<Statement> {
        draft(&self.for_key(spki).unwrap(), "ours").statements
    }

    /// Accepted by a domain that was drafted from it.
    fn accepted(&self, spki: &[u8]) -> Accepted<BoundToKey> {
        self.accepted_by(spki, self.statements(spki), NOW)
    }

    /// Accepted by a domain that says this.
    pub(crate) fn accepted_by(&self, spki: &[u8], said: Vec<Statement>, at: UnixTime) -> Accepted<BoundToKey> {
        let domain = Domain::of("clinic", 0, said, Vec::new(), Vec::new()).unwrap();
        match appraise(self.for_key_at(spki, at).unwrap(), &domain, at) {
            Verdict::Accepted(accepted) => accepted,
            Verdict::Denied(reasons) => panic!("denied: {reasons:?}"),
        }
    }
}

/// A guest whose report states these 64 bytes, or fewer and then zeros.
pub(crate) fn snp(stated: &[u8], policy: Option<u64>) -> Made {
    let amd = Amd::new(Line::Milan);
    let mut report = Report::of(Line::Milan);
    report.put(at::REPORT_DATA, &[0; 64]).put(at::REPORT_DATA, stated);
    if let Some(policy) = policy {
        report.put(at::POLICY, &policy.to_le_bytes());
    }
    let endorsements = Endorsements::default().with_all([
        anchor(casemate_evidence::Vendor::Amd, &amd.ark.root()),
        Endorsement::Certificate(amd.ark.issue(&amd.ask_certificate())),
        Endorsement::Certificate(amd.vcek(&report).issue(&amd.ask)),
    ]);
    Made { evidence: Evidence::new(Format::Snp, report.sign(&amd.vcek)), endorsements }
}

pub(crate) fn ratls(maker: &RaTls) -> Made {
    let made = maker.intel.make(&maker.intel.sgx(3));
    let endorsements = Endorsements::default()
        .with(anchor(casemate_evidence::Vendor::Intel, &made.root))
        .with(Endorsement::Certificate(made.tcb_signer))
        .with_all(made.crls.into_iter().map(Endorsement::Crl))
        .with(Endorsement::TcbInfo(made.tcb_info.into_bytes()))
        .with(Endorsement::QeIdentity(made.qe_identity.into_bytes()));
    Made { evidence: Evidence::new(Format::Ratls, maker.interoperable(&maker.claims())), endorsements }
}

pub(crate) fn digest(hash: Hash, spki: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Sha384 => aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA384, spki).as_ref().to_vec(),
        Hash::Sha512 => aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, spki).as_ref().to_vec(),
        _ => Digest::of(spki).as_bytes().to_vec(),
    }
}

/// The one thing that an accepted keep runs.
pub(crate) fn what(accepted: &Accepted<BoundToKey>) -> Digest {
    let runs = what_runs(accepted).unwrap();
    let [what] = runs[..] else { panic!("{runs:?}") };
    what
}

/// A file of names: what runs is called `cohort`, and may or may not state its key as report data.
pub(crate) fn names(what: Digest, more: &str) -> Admission {
    let text =
        format!("[admission]\ntrust_domain = \"clinic\"\n[[workload]]\nname = \"cohort\"\nruns = \"{what}\"\n{more}");
    Admission::parse(&text).unwrap()
}

pub(crate) const STATED: &str = "report_data = \"key-digest\"";

pub(crate) fn svid(
    accepted: &Accepted<BoundToKey>,
    key: &[u8],
    admission: &Admission,
    at: UnixTime,
) -> Result<Vec<u8>, ResultError> {
    x509_svid(accepted, key, admission, &ed25519(20), &random(), at)
}

#[test]
fn digests_of_the_key_as_report_data_tie_it() {
    for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        let made = snp(&digest(hash, &own()), None);
        let accepted = made.accepted(&own());
        assert_eq!(accepted.binding().tie(accepted.claims()), Some(Tie::ReportData));
        let admission = names(what(&accepted), STATED);
        assert!(svid(&accepted, &own(), &admission, NOW).is_ok(), "{hash:?}");
        // The crime: the neighbour brings this keep's evidence for its own key.
        let refused = made.for_key(&neighbours()).unwrap_err();
        assert!(matches!(refused, Refusal::OtherKey { .. }), "{refused}");
        assert_eq!(
            svid(&accepted, &neighbours(), &admission, NOW),
            Err(ResultError::Key { attested: Digest::of(&own()), actual: Digest::of(&neighbours()) })
        );
    }
}

#[test]
fn what_is_nearly_the_digest_ties_nothing() {
    let whole = digest(Hash::Sha512, &own());
    let mut last = whole.clone();
    last[63] ^= 1;
    let tail = [digest(Hash::Sha256, &own()), vec![0; 31], vec![1]].concat();
    for (crime, stated) in [
        ("another last byte", last),
        ("a cut digest", whole[..63].to_vec()),
        ("something after the digest", tail),
        ("nothing", vec![0; 64]),
        ("a nonce", vec![7; 64]),
    ] {
        let refused = snp(&stated, None).for_key(&own()).unwrap_err();
        assert_eq!(refused.rule(), "evidence-key", "{crime}");
    }
}

/// A workload that states what others ask for: anybody asks for the digest of a key of his own.
#[test]
fn report_data_tie_a_key_only_where_somebody_said_so() {
    let accepted = snp(&digest(Hash::Sha512, &own()), None).accepted(&own());
    let what = what(&accepted);
    // With the word for it, the crime succeeds: the name is as good as the program.
    assert!(svid(&accepted, &own(), &names(what, STATED), NOW).is_ok());
    assert_eq!(svid(&accepted, &own(), &names(what, ""), NOW), Err(ResultError::StatedKey { what }));
    let open = Admission::new("clinic".parse().unwrap(), 60).unwrap();
    assert_eq!(svid(&accepted, &own(), &open, NOW), Err(ResultError::StatedKey { what }));
    let token = jwt_svid(&accepted, "reports", &names(what, ""), &p256(), &random(), NOW);
    assert_eq!(token, Err(ResultError::StatedKey { what }));
}

#[test]
fn what_has_no_name_gets_none() {
    let accepted = snp(&digest(Hash::Sha512, &own()), None).accepted(&own());
    let what = what(&accepted);
    let other = names(Digest::of(b"another program"), STATED);
    assert_eq!(svid(&accepted, &own(), &other, NOW), Err(ResultError::Unnamed { what }));
}

/// The host chooses `HOST_DATA`: it puts the manifest of a workload with a name beside a guest that never looks at it.
#[test]
fn no_name_follows_from_a_manifest_that_the_host_chose() {
    let manifest = Digest::of(b"the manifest of cohort");
    let amd = Amd::new(Line::Milan);
    let mut report = Report::of(Line::Milan);
    report.put(at::REPORT_DATA, &digest(Hash::Sha512, &own())).put(at::HOST_DATA, manifest.as_bytes());
    let endorsements = Endorsements::default().with_all([
        anchor(casemate_evidence::Vendor::Amd, &amd.ark.root()),
        Endorsement::Certificate(amd.ark.issue(&amd.ask_certificate())),
        Endorsement::Certificate(amd.vcek(&report).issue(&amd.ask)),
    ]);
    let made = Made { evidence: Evidence::new(Format::Snp, report.sign(&amd.vcek)), endorsements };
    let accepted = made.accepted(&own());
    assert_eq!(accepted.claims().manifest, Some(manifest));
    let what = accepted.keep().unwrap().runtime;
    assert_eq!(svid(&accepted, &own(), &names(manifest, STATED), NOW), Err(ResultError::Unnamed { what }));
}

#[test]
fn certificates_tie_their_own_key_and_no_other() {
    let (maker, other) = (RaTls::default(), RaTls::default());
    let made = ratls(&maker);
    let spki = maker.own.key.spki();
    let accepted = made.accepted(&spki);
    assert_eq!(accepted.binding().tie(accepted.claims()), Some(Tie::Certificate));
    let admission = names(what(&accepted), STATED);
    let der = svid(&accepted, &spki, &admission, NOW).unwrap();
    assert!(der.windows(spki.len()).any(|window| window == spki));
    assert_eq!(made.for_key(&other.own.key.spki()).unwrap_err().rule(), "evidence-key", "another's certificate");
    let with_nonce = BoundToKey::new(spki).unwrap().with_nonce(vec![7; 32]);
    let refused = authenticate(&made.evidence, &made.endorsements, &with_nonce, NOW).unwrap_err();
    assert!(matches!(refused, Refusal::Binding { field: "nonce", .. }), "it has none: {refused}");
}

#[test]
fn documents_tie_the_key_in_them() {
    let aws = Aws::new();
    let made = |key: Option<Vec<u8>>, user_data: Vec<u8>| {
        let mut document = aws.document();
        document.set("public_key", key.map_or_else(cbor::null, |key| cbor::bytes(&key)));
        document.set("user_data", cbor::bytes(&user_data));
        document.set("nonce", cbor::bytes(&digest(Hash::Sha512, &own())));
        let endorsements = Endorsements::default().with(anchor(casemate_evidence::Vendor::Aws, &aws.root.root()));
        Made { evidence: Evidence::new(Format::Nitro, aws.sign(&document)), endorsements }
    };
    let named = made(Some(own()), vec![0; 64]);
    let accepted = named.accepted(&own());
    assert_eq!(accepted.binding().tie(accepted.claims()), Some(Tie::Field));
    assert!(svid(&accepted, &own(), &names(what(&accepted), ""), NOW).is_ok());
    assert!(named.for_key(&neighbours()).is_err());
    // The nonce is the verifier's: whoever asks with the digest of a key is not answered with its name.
    assert!(made(None, vec![0; 64]).for_key(&own()).is_err());
    assert!(made(Some(neighbours()), digest(Hash::Sha512, &own())).for_key(&own()).is_err(), "two keys");
    let stated = made(None, digest(Hash::Sha512, &own())).accepted(&own());
    assert_eq!(stated.binding().tie(stated.claims()), Some(Tie::ReportData));
}

#[test]
fn debug_and_ends() {
    let stated = digest(Hash::Sha512, &own());
    assert_eq!(snp(&stated, Some(0xb_001f)).for_key(&own()).unwrap_err(), Refusal::Debug);
    let accepted = snp(&stated, None).accepted(&own());
    let admission = names(what(&accepted), STATED);
    let last = accepted.expires();
    assert!(svid(&accepted, &own(), &admission, last).is_ok());
    let late = last.plus_s(1);
    assert_eq!(svid(&accepted, &own(), &admission, late), Err(ResultError::Expired { expires: late, at: late }));
}

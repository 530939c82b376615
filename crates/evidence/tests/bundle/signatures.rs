//! What is said of endorsements' signatures without evidence: right, wrong, or that the issuer is not here.

use std::sync::LazyLock;

use casemate_cose::SigningKey;
use casemate_evidence::{Anchor, Endorsement, Endorsements, KeyOwner, Signature, Vendor, loose, signatures};
use casemate_testkit::{
    NOW,
    pki::{Algorithm, Authority, Certificate, Key},
    vectors,
    vendor::{
        amd::{Amd, Line, Report},
        intel::{Intel, Made},
        nvidia::{self, Manifest, Nvidia, Ocsp},
    },
};

static AMD: LazyLock<Amd> = LazyLock::new(|| Amd::new(Line::Milan));
static INTEL: LazyLock<(Intel, Made)> = LazyLock::new(|| {
    let intel = Intel::default();
    let made = intel.make(&intel.tdx(4, 2));
    (intel, made)
});
static NVIDIA: LazyLock<Nvidia> = LazyLock::new(Nvidia::default);

fn root(vendor: Vendor, der: &[u8]) -> Endorsement {
    Endorsement::Anchor(Anchor::of_certificate(vendor, der).unwrap())
}

fn roots() -> Vec<Endorsement> {
    vec![
        root(Vendor::Amd, &AMD.ark.root()),
        root(Vendor::Intel, &INTEL.1.root),
        root(Vendor::NvidiaDevice, &NVIDIA.root.root()),
        root(Vendor::NvidiaRim, &NVIDIA.rim_root.root()),
    ]
}

fn ask() -> Vec<u8> {
    AMD.ark.issue(&AMD.ask_certificate())
}

fn vcek() -> Vec<u8> {
    AMD.vcek(&Report::of(Line::Milan)).issue(&AMD.ask)
}

fn rim() -> String {
    NVIDIA.manifest(&Manifest::default(), &NVIDIA.rim_certificate())
}

fn ocsp() -> Vec<u8> {
    Ocsp::good(11).sign(&NVIDIA.root, &NVIDIA.root, &Key::new(Algorithm::P384))
}

/// One of everything that vendors sign, each with its issuer.
fn everything() -> Vec<Endorsement> {
    let made = &INTEL.1;
    let mut items: Vec<Endorsement> = [ask(), vcek(), made.tcb_signer.clone()]
        .into_iter()
        .chain(made.pck_chain.iter().cloned())
        .map(Endorsement::Certificate)
        .collect();
    items.extend(made.crls.iter().cloned().map(Endorsement::Crl));
    items.push(Endorsement::Crl(AMD.ark.crl_now(&[])));
    items.push(Endorsement::TcbInfo(made.tcb_info.clone().into_bytes()));
    items.push(Endorsement::QeIdentity(made.qe_identity.clone().into_bytes()));
    items.push(Endorsement::Rim(rim().into_bytes()));
    items.push(Endorsement::Ocsp(ocsp()));
    items
}

/// What is said of each of `items`, with the roots among the endorsements.
fn judge(items: &[Endorsement]) -> Vec<Signature> {
    let endorsements = Endorsements::default().with_all(roots()).with_all(items.iter().cloned());
    signatures(&endorsements).split_off(roots().len())
}

/// Of one item beside its issuers.
fn judge_one(item: Endorsement, issuers: &[Vec<u8>]) -> Signature {
    let issuers = issuers.iter().cloned().map(Endorsement::Certificate);
    judge(&std::iter::once(item).chain(issuers).collect::<Vec<_>>()).swap_remove(0)
}

#[test]
fn all_that_vendors_signed_is_right() {
    let items = everything();
    for order in [items.clone(), items.iter().rev().cloned().collect()] {
        for (item, signature) in order.iter().zip(judge(&order)) {
            assert!(matches!(signature, Signature::Right { .. }), "{}: {signature}", item.kind());
        }
    }
    let names: Vec<String> = judge(&items[..2]).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["signed by `ARK-Milan`", "signed by `SEV-Milan`"]);
}

#[test]
fn what_nobody_signs_is_said_to_be_so() {
    let items = [
        Endorsement::Launcher(SigningKey::from_seed(&[1; 32]).public()),
        Endorsement::Key { owner: KeyOwner::Tpm, id: vec![], spki: Key::new(Algorithm::P256).spki() },
        root(Vendor::Tpm, &Authority::new("a maker", Algorithm::P256).root()),
    ];
    assert!(judge(&items).iter().all(|signature| *signature == Signature::Unsigned));
}

fn flipped(mut bytes: Vec<u8>, place: usize) -> Vec<u8> {
    bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1);
    bytes
}

fn flipped_at_its_end(bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 1;
    flipped(bytes, end)
}

/// A crime: an item of which one thing is not as it should be, its issuers, and a part of what is said.
type Crime = (&'static str, Endorsement, Vec<Vec<u8>>, &'static str);

#[track_caller]
fn assert_wrong(crimes: Vec<Crime>) {
    for (crime, item, issuers, says) in crimes {
        let signature = judge_one(item, &issuers);
        assert!(signature.is_wrong(), "`{crime}`: {signature}");
        assert!(signature.to_string().contains(says), "`{crime}`: {signature}");
    }
}

#[test]
fn forged_certificates_and_lists_are_wrong() {
    use Endorsement::{Certificate as Issued, Crl};
    let stranger = Authority::new("ARK-Milan", Algorithm::RsaPssSha384);
    let made = &INTEL.1;
    let ca = made.pck_chain[1].clone();
    let another = stranger.issue(&AMD.ask_certificate());
    assert_wrong(vec![
        ("certificate_flipped", Issued(flipped_at_its_end(ask())), vec![], "did not sign it"),
        ("certificate_of_another_ark", Issued(another), vec![], "`ARK-Milan` did not sign it"),
        ("root_of_the_same_name", Issued(stranger.root()), vec![], "did not sign it"),
        ("below_a_forged_issuer", Issued(vcek()), vec![flipped_at_its_end(ask())], "`SEV-Milan` is not genuine"),
        ("list_flipped", Crl(flipped_at_its_end(AMD.ark.crl_now(&[3]))), vec![], "did not sign it"),
        ("list_of_another_ark", Crl(stranger.crl_now(&[])), vec![], "`ARK-Milan` did not sign it"),
        ("list_of_a_pck_ca", Crl(flipped_at_its_end(made.crls[1].clone())), vec![ca], "did not sign it"),
    ]);
    // A key that may sign reports only signs a certificate.
    let leaf = Authority { name: "SEV-VCEK".to_owned(), key: Key::new(Algorithm::P384) };
    let below = Issued(leaf.issue(&Certificate::of("below", 9, &Key::new(Algorithm::P384))));
    let said = judge_one(below, &[ask(), vcek()]);
    assert_eq!(said, Signature::IssuerAbsent { issuer: "SEV-VCEK".to_owned() }, "a leaf issues nothing");
}

#[test]
fn forged_collateral_manifests_and_answers_are_wrong() {
    use Endorsement::{Ocsp as Answer, QeIdentity, Rim, TcbInfo};
    let made = &INTEL.1;
    let json = |text: &str| text.replacen("2", "3", 1).into_bytes();
    let signer = || vec![made.tcb_signer.clone()];
    // The signer's certificate is another root's; the root in the manifest is the genuine one.
    let other_signer = NVIDIA.provisioner.issue(&NVIDIA.rim_certificate());
    let text = rim();
    let certificate = text.split("X509Certificate>").nth(1).unwrap().split('<').next().unwrap();
    let unordered = text.replacen(certificate, &nvidia::base64(&other_signer), 1);
    let (middle, key) = (ocsp().len() / 3, Key::new(Algorithm::P384));
    let unnamed = Ocsp::good(11).sign(&NVIDIA.root, &NVIDIA.provisioner, &key);
    assert_wrong(vec![
        ("tcb_info_changed", TcbInfo(json(&made.tcb_info)), signer(), "did not sign it"),
        ("qe_identity_changed", QeIdentity(json(&made.qe_identity)), signer(), "did not sign it"),
        ("tcb_info_without_a_signature", TcbInfo(br#"{"tcbInfo":{}}"#.to_vec()), signer(), "signature"),
        ("manifest_changed", Rim(rim().replacen("True", "true", 1).into_bytes()), vec![], "differs"),
        ("manifest_of_another_signer", Rim(unordered.into_bytes()), vec![], "no chain"),
        ("manifest_that_is_no_xml", Rim(b"<SoftwareIdentity".to_vec()), vec![], "XML"),
        ("answer_flipped", Answer(flipped(ocsp(), middle)), vec![], ""),
        ("answer_of_a_responder_that_nobody_named", Answer(unnamed), vec![], "was not named"),
    ]);
}

/// A root counts for what its vendor makes; one that nobody believes is said to be none.
#[test]
fn a_manifest_of_another_vendor_s_root_is_wrong() {
    let other = Nvidia::default();
    let foreign = Endorsement::Rim(other.manifest(&Manifest::default(), &other.rim_certificate()).into_bytes());
    let amd = judge(&[foreign.clone(), root(Vendor::Amd, &other.rim_root.root())]).swap_remove(0);
    assert!(amd.is_wrong() && amd.to_string().contains("is of `amd`, not of `nvidia-rim`"), "{amd}");
    let alone = signatures(&Endorsements::default().with(foreign));
    assert_eq!(alone, [Signature::Unanchored { root: "manifest root".to_owned() }]);
}

#[test]
fn an_issuer_that_is_not_here_is_named() {
    let made = &INTEL.1;
    let absent = |issuer: &str| Signature::IssuerAbsent { issuer: issuer.to_owned() };
    assert_eq!(judge_one(Endorsement::Certificate(vcek()), &[]), absent("SEV-Milan"));
    assert_eq!(judge_one(Endorsement::Crl(made.crls[1].clone()), &[]), absent("Intel SGX PCK Platform CA"));
    let tcb_info = Endorsement::TcbInfo(made.tcb_info.clone().into_bytes());
    assert_eq!(judge_one(tcb_info.clone(), &[]), absent("Intel SGX TCB Signing"));
    let provisioner = Ocsp::good(12).sign(&NVIDIA.provisioner, &NVIDIA.provisioner, &Key::new(Algorithm::P384));
    assert_eq!(judge_one(Endorsement::Ocsp(provisioner), &[]), absent("provisioner"));
    // Without Intel's root its signer leads nowhere.
    let items = [tcb_info, Endorsement::Certificate(made.tcb_signer.clone())];
    let alone = signatures(&Endorsements::default().with_all(items.clone()));
    assert_eq!(alone, [absent("Casemate Test SGX Root CA"), absent("Casemate Test SGX Root CA")]);
    // A root that nobody believes, and what is below it.
    let rooted = Endorsements::default().with_all(items).with(Endorsement::Certificate(made.root.clone()));
    let unanchored = Signature::Unanchored { root: "Casemate Test SGX Root CA".to_owned() };
    assert_eq!(signatures(&rooted), [unanchored.clone(), unanchored.clone(), unanchored]);
    let mut broken = made.root.clone();
    *broken.last_mut().unwrap() ^= 1;
    let broken = Endorsements::default().with(Endorsement::Certificate(broken));
    assert!(signatures(&broken)[0].is_wrong());
    // Two that name each other.
    let (one, two) = (Authority::new("one", Algorithm::P256), Authority::new("two", Algorithm::P256));
    let circle =
        [two.issue(&Certificate::of_ca("one", 1, &one.key)), one.issue(&Certificate::of_ca("two", 2, &two.key))];
    assert_eq!(judge(&circle.map(Endorsement::Certificate)), [absent("two"), absent("one")]);
}

/// A chain as long as is read is right; anchors found late don't change that.
#[test]
fn long_chains_and_crowds() {
    let mut authorities = vec![Authority::new("ARK-Milan", Algorithm::P256)];
    let mut items = Vec::new();
    for level in 1..=8 {
        let next = Authority::new(&format!("level {level}"), Algorithm::P256);
        let above = authorities.last().unwrap();
        items.push(Endorsement::Certificate(above.issue(&Certificate::of_ca(&next.name, level, &next.key))));
        authorities.push(next);
    }
    items.reverse();
    let anchor = root(Vendor::Dice, &authorities[0].root());
    let judged = signatures(&Endorsements::default().with_all(items).with(anchor));
    assert!(judged[..8].iter().all(|signature| matches!(signature, Signature::Right { .. })), "{judged:?}");
    // Renewals of one key, and impostors of one name: 4 genuine, 12 not; nobody of them hides the genuine.
    let genuine = (0..4).map(|serial| AMD.ark.issue(&Certificate { serial, ..AMD.ask_certificate() }));
    let impostors = (0..12).map(|_| AMD.ark.issue(&Certificate::of_ca("SEV-Milan", 5, &Key::new(Algorithm::P256))));
    let crowd: Vec<Vec<u8>> = impostors.chain(genuine).collect();
    assert!(matches!(judge_one(Endorsement::Certificate(vcek()), &crowd), Signature::Right { .. }));
}

/// Dates of a manifest are its signer's.
#[test]
fn a_manifest_expires_with_its_signer() {
    let bundle = |signer: Certificate| {
        let rim = Endorsement::Rim(NVIDIA.manifest(&Manifest::default(), &signer).into_bytes());
        casemate_evidence::dated(&rim).unwrap().window
    };
    let honest = NVIDIA.rim_certificate();
    assert_eq!(bundle(honest.clone()).not_after.0, NOW.0 + 86_400);
    assert_eq!(bundle(Certificate { not_after: NOW.0 + 7, ..honest.clone() }).not_after.0, NOW.0 + 7);
    assert_eq!(bundle(Certificate { not_before: NOW.0 - 7, ..honest }).not_before.0, NOW.0 - 7);
    let answer = casemate_evidence::dated(&Endorsement::Ocsp(ocsp())).unwrap().window;
    assert_eq!((answer.not_before.0, answer.not_after.0), (NOW.0 - 60, NOW.0 + 60));
}

/// What vendors published, and what others forged in their name.
#[test]
fn recorded_endorsements() {
    let Some(vectors) = vectors("bundle::recorded_endorsements") else { return };
    let judge = |files: &[&str]| {
        let read = |file: &&str| {
            let bytes = std::fs::read(vectors.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            loose(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"))
        };
        let items: Vec<Endorsement> = files.iter().flat_map(read).collect();
        let roots = Endorsements::of_vendors();
        let count = roots.items().len();
        signatures(&roots.with_all(items)).split_off(count)
    };
    let genuine: &[&[&str]] = &[
        &["dcap/phala/tdx_quote_collateral.json"],
        &["dcap/phala/sgx_quote_collateral.json"],
        &["dcap/phala/tdx_quote_outdated_collateral.json"],
        &["dcap/openenclave/endorsements"],
        &["snp/ms-milan/ask.pem", "snp/ms-milan/vcek.pem"],
        &["snp/ms-genoa/ask.pem", "snp/ms-genoa/vcek.pem"],
        &["snp/ms-turin/ask.pem", "snp/ms-turin/vcek.pem"],
        &["snp/aws-vlek/vlek.der", "snp/roots/ask_ark_milan_vlek.pem"],
        &["gpu/NV_GPU_DRIVER_GH100_550.144.03.xml"],
    ];
    for files in genuine {
        for signature in judge(files) {
            assert!(matches!(signature, Signature::Right { .. }), "{files:?}: {signature}");
        }
    }
    let wrong = |files: &[&str]| judge(files).iter().filter(|signature| signature.is_wrong()).count();
    for file in ["snp/milan-v2/wrong-chip-legacy.vcek.der", "snp/milan-v2/wrong-chip-new.vcek.der"] {
        assert_eq!(wrong(&[file, "snp/roots/ask_ark_milan.pem"]), 1, "{file}");
        assert_eq!(wrong(&[file]), 0, "{file}: nobody can say without its issuer");
    }
    for file in ["gpu/incorrect_signature_driver_rim.xml", "gpu/incorrect_cert_chain_driver_rim.xml"] {
        assert_eq!(wrong(&[file]), 1, "{file}");
    }
}

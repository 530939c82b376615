//! Endorsement bundles: what is packed comes out, and nothing else does.
#![expect(clippy::disallowed_methods, reason = "tests read recorded endorsements from files")]
#![expect(clippy::type_complexity, clippy::unwrap_used, reason = "tables of crimes, and what prepares them")]

#[path = "bundle/rollback.rs"]
mod rollback;
#[path = "bundle/signatures.rs"]
mod signatures;

use casemate_cose::{CborError, Digest, Kind, SigningKey, UnixTime, decode, encode};
use casemate_evidence::{Anchor, Bundle, BundleError, Endorsement, Endorsements, KeyOwner, Publisher, Vendor, dated};
use casemate_testkit::{
    NOW,
    pki::{Algorithm, Authority, Certificate, Key},
};
use minicbor::{Decode, Encode};

fn publisher() -> SigningKey {
    SigningKey::from_seed(&[3; 32])
}

struct World {
    authority: Authority,
    certificate: Vec<u8>,
    crl: Vec<u8>,
}

fn world() -> World {
    let authority = Authority::new("a maker", Algorithm::P256);
    let leaf = Key::new(Algorithm::P256);
    let certificate = authority.issue(&Certificate::of("a leaf", 7, &leaf));
    let crl = authority.crl(&[9], NOW.0 - 60, NOW.0 + 60);
    World { authority, certificate, crl }
}

fn vendors_items(world: &World) -> Vec<Endorsement> {
    vec![Endorsement::Certificate(world.certificate.clone()), Endorsement::Crl(world.crl.clone())]
}

fn pack(items: &[Endorsement]) -> Vec<u8> {
    Bundle::pack("a platform", NOW, items, &publisher()).unwrap()
}

#[test]
fn what_is_packed_comes_out() {
    let world = world();
    let spki = world.authority.key.spki();
    let mut items = vendors_items(&world);
    items.push(Endorsement::Anchor(Anchor::of_certificate(Vendor::Tpm, &world.authority.root()).unwrap()));
    items.push(Endorsement::Key { owner: KeyOwner::Cca, id: vec![1, 2], spki });
    items.push(Endorsement::Launcher(publisher().public()));
    let bytes = pack(&items);
    let bundle = Bundle::open(&bytes, Publisher::Known(&[publisher().public()])).unwrap();
    assert_eq!(bundle.items(), items);
    assert_eq!((bundle.platform(), bundle.made()), ("a platform", NOW));
    assert_eq!(bundle.digest(), Digest::of(&bytes));
    assert_eq!((bundle.window().not_before.0, bundle.window().not_after.0), (NOW.0 - 60, NOW.0 + 60));
    let endorsements = bundle.endorsements(Endorsements::default());
    assert_eq!(endorsements.bundle(), Some(bundle.digest()));
    assert_eq!(endorsements.items(), items);
    assert_eq!(bundle.dated()[0].name, "a leaf");
    assert_eq!(bundle.dated()[1].name, "a maker");
}

#[test]
fn anybody_may_pack_what_vendors_signed_and_nothing_else() {
    let world = world();
    assert!(Bundle::open(&pack(&vendors_items(&world)), Publisher::Anyone).is_ok());
    let anchor = Anchor::of_certificate(Vendor::Amd, &world.authority.root()).unwrap();
    let key = Endorsement::Key { owner: KeyOwner::Psa, id: vec![], spki: world.authority.key.spki() };
    for (crime, item) in [
        ("root_of_a_stranger", Endorsement::Anchor(anchor)),
        ("key_of_a_stranger", key),
        ("launcher_of_a_stranger", Endorsement::Launcher(publisher().public())),
    ] {
        let opened = Bundle::open(&pack(&[item]), Publisher::Anyone);
        assert!(matches!(opened, Err(BundleError::Unvouched { index: 0, .. })), "{crime}: {opened:?}");
    }
    let stranger = SigningKey::from_seed(&[4; 32]).public();
    let opened = Bundle::open(&pack(&vendors_items(&world)), Publisher::Known(&[stranger]));
    assert_eq!(opened.unwrap_err(), BundleError::Publisher { actual: publisher().public() });
}

#[test]
fn an_older_bundle_than_one_seen_is_refused() {
    let bundle = Bundle::open(&pack(&[]), Publisher::Anyone).unwrap();
    assert_eq!(bundle.not_older_than(NOW), Ok(()));
    let refused = bundle.not_older_than(UnixTime(NOW.0 + 1)).unwrap_err();
    assert!(matches!(refused, BundleError::RolledBack { .. }), "{refused}");
}

/// The content as a criminal writes it.
#[derive(Clone, Decode, Encode)]
#[cbor(map)]
struct Forged {
    #[n(0)]
    version: u64,
    #[n(1)]
    platform: String,
    #[n(2)]
    made: UnixTime,
    #[n(3)]
    items: Vec<ForgedItem>,
}

#[derive(Clone, Decode, Encode)]
struct ForgedItem {
    #[n(0)]
    kind: String,
    #[n(1)]
    digest: Digest,
    #[cbor(n(2), with = "minicbor::bytes")]
    id: Vec<u8>,
    #[cbor(n(3), with = "minicbor::bytes")]
    bytes: Vec<u8>,
}

fn forge(crime: impl FnOnce(&mut Forged)) -> Result<Bundle, BundleError> {
    let world = world();
    let honest = pack(&vendors_items(&world));
    let payload = casemate_cose::verify(Kind::Endorsements, &honest, &publisher().public()).unwrap();
    let mut forged: Forged = decode(payload.payload(), 1 << 20).unwrap();
    crime(&mut forged);
    let signed = casemate_cose::sign(Kind::Endorsements, &encode(&forged), &publisher());
    Bundle::open(&signed, Publisher::Known(&[publisher().public()]))
}

#[test]
fn refuses_what_is_not_a_bundle() {
    assert!(forge(|_| ()).is_ok());
    let crimes: [(&str, Box<dyn FnOnce(&mut Forged)>, fn(&BundleError) -> bool); 8] = [
        ("version", Box::new(|f| f.version = 2), |e| matches!(e, BundleError::Version { actual: 2 })),
        ("digest_of_another", Box::new(|f| f.items[0].digest = f.items[1].digest), |e| {
            matches!(e, BundleError::Digest { index: 0, .. })
        }),
        ("unknown_kind", Box::new(|f| f.items[0].kind = "cert".to_owned()), |e| {
            matches!(e, BundleError::Kind { index: 0, .. })
        }),
        ("crl_called_certificate", Box::new(|f| f.items[1].kind = "certificate".to_owned()), |e| {
            matches!(e, BundleError::Item { index: 1, .. })
        }),
        ("id_where_none_belongs", Box::new(|f| f.items[0].id = vec![1]), |e| {
            matches!(e, BundleError::Item { index: 0, .. })
        }),
        ("unknown_owner_of_a_key", Box::new(|f| f.items[0].kind = "key-sgx".to_owned()), |e| {
            matches!(e, BundleError::Kind { index: 0, .. })
        }),
        (
            "truncated_item",
            Box::new(|f| {
                f.items[0].bytes.pop();
                f.items[0].digest = Digest::of(&f.items[0].bytes);
            }),
            |e| matches!(e, BundleError::Item { index: 0, .. }),
        ),
        ("too_many", Box::new(|f| f.items = vec![f.items[0].clone(); 4097]), |e| {
            matches!(e, BundleError::TooMany { actual: 4097 })
        }),
    ];
    for (crime, mutation, is_expected) in crimes {
        let refused = forge(mutation).unwrap_err();
        assert!(is_expected(&refused), "{crime}: {refused}");
    }
    let world = world();
    let honest = pack(&vendors_items(&world));
    for at in (0..honest.len()).step_by(7) {
        let mut flipped = honest.clone();
        flipped[at] ^= 1;
        assert!(Bundle::open(&flipped, Publisher::Known(&[publisher().public()])).is_err(), "bit {at}");
        assert!(Bundle::open(&honest[..at], Publisher::Anyone).is_err());
    }
    let as_contract = casemate_cose::sign(Kind::Contract, &encode(&1_u8), &publisher());
    assert!(matches!(Bundle::open(&as_contract, Publisher::Anyone), Err(BundleError::Cose(_))));
    let no_map = casemate_cose::sign(Kind::Endorsements, &encode(&1_u8), &publisher());
    assert!(matches!(Bundle::open(&no_map, Publisher::Anyone), Err(BundleError::Content(CborError::Malformed(_)))));
}

#[test]
fn items_that_are_not_what_they_say_are_not_packed() {
    for (crime, item) in [
        ("no_certificate", Endorsement::Certificate(vec![1])),
        ("no_list", Endorsement::Crl(vec![0x30, 0])),
        ("no_ocsp_answer", Endorsement::Ocsp(vec![0x30, 0])),
        ("no_tcb_info", Endorsement::TcbInfo(b"{}".to_vec())),
        (
            "tcb_info_without_a_zone",
            Endorsement::TcbInfo(
                br#"{"tcbInfo":{"fmspc":"00","issueDate":"2025-01-01T00:00:00","nextUpdate":"2025-01-01T00:00:00Z"}}"#
                    .to_vec(),
            ),
        ),
        ("no_identity", Endorsement::QeIdentity(b"[]".to_vec())),
        ("no_rim", Endorsement::Rim(b"<a/>".to_vec())),
        ("no_key", Endorsement::Key { owner: KeyOwner::Tpm, id: vec![], spki: vec![0x30, 0] }),
    ] {
        assert!(dated(&item).is_err(), "{crime}");
        assert!(
            matches!(Bundle::pack("p", NOW, &[item], &publisher()), Err(BundleError::Item { index: 0, .. })),
            "{crime}"
        );
    }
}

//! Signatures under a contract: everyone's, nobody else's, and under this contract only.

use casemate_contract::{FullySigned, SignatureError, SignedContract};
use casemate_cose::{Digest, Kind, SigningKey, encode, sign};
use minicbor::Encode;

use crate::study::{clinic, compiled_from, edited, key, registry, researcher, signed, toml};

#[derive(Encode)]
#[cbor(map)]
struct Agreement {
    #[n(0)]
    contract: Digest,
    #[n(1)]
    party: String,
}

#[derive(Encode)]
#[cbor(map)]
struct File {
    #[n(0)]
    format: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    contract: Vec<u8>,
    #[n(2)]
    signatures: Vec<Entry>,
}

#[derive(Encode)]
#[cbor(map)]
struct Entry {
    #[n(0)]
    party: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    object: Vec<u8>,
}

fn unsigned() -> SignedContract {
    SignedContract::new(compiled_from(&toml()))
}

fn agreement(contract: Digest, party: &str, kind: Kind, key: &SigningKey) -> Vec<u8> {
    sign(kind, &encode(&Agreement { contract, party: party.to_owned() }), key)
}

/// A file with these signatures, whatever they are.
fn file(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let signatures =
        entries.iter().map(|(party, object)| Entry { party: (*party).to_owned(), object: object.to_vec() });
    let contract = unsigned().compiled().bytes().to_vec();
    encode(&File { format: "casemate/signed-contract/1".to_owned(), contract, signatures: signatures.collect() })
}

fn good(party: &str, key: &SigningKey) -> Vec<u8> {
    agreement(unsigned().compiled().digest(), party, Kind::Contract, key)
}

#[test]
fn all_have_signed() {
    let signed = signed();
    assert!(signed.signed().missing().is_empty());
    let bytes = signed.signed().to_bytes();
    assert_eq!(FullySigned::from_bytes(&bytes).unwrap(), signed);
    let by_hand = file(&[
        ("clinic", &good("clinic", &clinic())),
        ("registry", &good("registry", &registry())),
        ("researcher", &good("researcher", &researcher())),
    ]);
    assert_eq!(by_hand, bytes);
}

#[test]
fn nothing_less_than_all_will_do() {
    for absent in ["clinic", "registry", "researcher"] {
        let mut signed = unsigned();
        for (party, key) in [("clinic", clinic()), ("registry", registry()), ("researcher", researcher())] {
            if party != absent {
                assert_eq!(signed.sign(&key).unwrap().as_str(), party);
            }
        }
        let missing = vec![absent.parse().unwrap()];
        assert_eq!(signed.missing(), missing);
        assert_eq!(FullySigned::check(signed.clone()), Err(SignatureError::Missing(missing.clone())));
        assert_eq!(FullySigned::from_bytes(&signed.to_bytes()), Err(SignatureError::Missing(missing)));
    }
}

#[test]
fn copies_are_merged() {
    let (mut ours, mut theirs) = (unsigned(), unsigned());
    ours.sign(&clinic()).unwrap();
    theirs.sign(&registry()).unwrap();
    theirs.sign(&clinic()).unwrap();
    assert_eq!(ours.merge(&theirs).unwrap(), vec!["registry".parse().unwrap()]);
    assert_eq!(ours.merge(&theirs).unwrap(), vec![]);
    assert_eq!(ours.signed().count(), 2);
    let other = SignedContract::new(compiled_from(&edited("max_rows = 10,", "max_rows = 11,")));
    assert!(matches!(ours.merge(&other), Err(SignatureError::DifferentContract { .. })));
}

#[test]
fn refuses_each_false_signature() {
    let this = unsigned().compiled().digest();
    let other = compiled_from(&edited("max_rows = 10,", "max_rows = 11,")).digest();
    let mut altered = good("clinic", &clinic());
    *altered.last_mut().unwrap() ^= 1;
    let not_an_agreement = sign(Kind::Contract, b"\x01", &clinic());
    type Is = fn(&SignatureError) -> bool;
    let crimes: [(&str, Vec<u8>, Is); 7] = [
        ("a_stranger's", good("clinic", &key(99)), |e| matches!(e, SignatureError::Stranger(_))),
        ("the_broker's_key", good("clinic", &key(11)), |e| matches!(e, SignatureError::Stranger(_))),
        ("under_another_contract", agreement(other, "clinic", Kind::Contract, &clinic()), |e| {
            matches!(e, SignatureError::WrongContract { .. })
        }),
        ("in_another's_name", good("registry", &clinic()), |e| matches!(e, SignatureError::Party { .. })),
        ("altered", altered, |e| matches!(e, SignatureError::Invalid(_))),
        ("of_no_agreement", not_an_agreement, |e| matches!(e, SignatureError::Payload(_))),
        ("no_signature", b"signed, the clinic".to_vec(), |e| matches!(e, SignatureError::Invalid(_))),
    ];
    for (crime, object, is_it) in crimes {
        let error = unsigned().add_signature(object.clone()).expect_err(crime);
        assert!(is_it(&error), "{crime}: {error}");
        assert!(!error.help().is_empty());
        assert!(SignedContract::from_bytes(&file(&[("clinic", &object)])).is_err(), "{crime} in a file");
    }
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Contract) {
        let object = agreement(this, "clinic", kind, &clinic());
        assert!(matches!(unsigned().add_signature(object), Err(SignatureError::Invalid(_))), "{}", kind.as_str());
    }
}

#[test]
fn refuses_each_false_set() {
    let (a, b, c) = (good("clinic", &clinic()), good("registry", &registry()), good("researcher", &researcher()));
    let all: [(&str, &[u8]); 3] = [("clinic", &a), ("registry", &b), ("researcher", &c)];
    assert!(FullySigned::from_bytes(&file(&all)).is_ok());
    type Crime<'a> = (&'a str, Vec<(&'a str, &'a [u8])>);
    let crimes: [Crime; 5] = [
        ("one_signature_thrice", vec![("clinic", &a), ("registry", &a), ("researcher", &a)]),
        ("two_swapped", vec![("clinic", &b), ("registry", &a), ("researcher", &c)]),
        ("one_twice", vec![("clinic", &a), ("clinic", &a), ("registry", &b), ("researcher", &c)]),
        ("out_of_order", vec![("registry", &b), ("clinic", &a), ("researcher", &c)]),
        ("under_a_strange_name", vec![("clinic", &a), ("registry", &b), ("researcher", &c), ("state", &c)]),
    ];
    for (crime, entries) in crimes {
        assert!(FullySigned::from_bytes(&file(&entries)).is_err(), "{crime}");
    }
    let bytes = file(&all);
    for end in 0..bytes.len() {
        assert!(SignedContract::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
    }
    assert!(SignedContract::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
    let renamed = String::from_utf8_lossy(&bytes).contains("signed-contract/1");
    assert!(renamed);
    let mut other_format = bytes;
    let at = other_format.windows(17).position(|window| window == b"signed-contract/1").unwrap();
    other_format[at + 16] = b'2';
    assert!(matches!(SignedContract::from_bytes(&other_format), Err(SignatureError::File(_))));
}

//! `nitro` evidence.

mod certificates;
mod crimes;
mod real;

use casemate_evidence::{Anchor, DangerouslyUnbound, Endorsement, Endorsements, Format, Platform, Vendor, nitro};
use casemate_testkit::{NOW, vendor::aws::Aws};

use super::{assert_accepted, assert_refused, noise::Accepted, unbound};

/// Endorses the root of an AWS of our own.
fn endorsements(aws: &Aws) -> Endorsements {
    let anchor = Anchor::of_certificate(Vendor::Aws, &aws.root.root()).unwrap();
    Endorsements::default().with(Endorsement::Anchor(anchor))
}

/// A crime, what it does, the rule that refuses it, and a word of the message.
type Crime<T> = (&'static str, fn(&Aws, &mut T), &'static str, &'static str);

#[track_caller]
fn refused(crime: &str, bytes: &[u8], endorsements: &Endorsements, (rule, word): (&str, &str)) {
    let outcome = unbound(Format::Nitro, bytes, endorsements, NOW);
    if let Err(refusal) = &outcome {
        assert!(refusal.to_string().contains(word), "`{crime}`: {refusal}");
    }
    assert_refused(crime, outcome, rule);
}

fn claims(outcome: &casemate_evidence::Authenticated<DangerouslyUnbound>) -> &nitro::Claims {
    let Platform::Nitro(claims) = &outcome.claims().platform else { panic!("no nitro claims") };
    claims
}

#[test]
fn an_honest_document_says_what_was_put_in() {
    let aws = Aws::new();
    let outcome = unbound(Format::Nitro, &aws.sign(&aws.document()), &endorsements(&aws), NOW).unwrap();
    assert_eq!(outcome.claims().report_data.bytes, [0x5a; 64]);
    assert_eq!(outcome.claims().at, NOW);
    assert!(!outcome.claims().debug);
    let claims = claims(&outcome);
    assert_eq!(claims.pcrs.len(), 16);
    assert_eq!(claims.pcr(8), Some([0x48; 48].as_slice()));
    assert_eq!(claims.nonce.as_deref(), Some(b"nonce".as_slice()));
    assert_eq!(claims.public_key, None);
    assert_eq!(claims.root, "aws.nitro-enclaves");
    assert!(!claims.revocation_checked);
    assert_eq!(outcome.support().used.len(), 5);
}

#[test]
fn equal_documents_of_other_spellings_are_accepted() {
    let aws = Aws::new();
    let mut reversed = aws.document();
    reversed.map.0.reverse();
    let mut definite = aws.document();
    definite.is_indefinite = false;
    let mut tagged = aws.document();
    tagged.envelope.tag = Some(18);
    let mut without_options = aws.document();
    for field in ["public_key", "user_data", "nonce"] {
        without_options.remove(field);
    }
    for (case, document) in
        [("reversed", reversed), ("definite", definite), ("tagged", tagged), ("without_options", without_options)]
    {
        assert_accepted(case, unbound(Format::Nitro, &aws.sign(&document), &endorsements(&aws), NOW));
    }
}

#[test]
fn revocation_counts_as_checked_with_a_list_of_each_issuer_only() {
    let aws = Aws::new();
    let bytes = aws.sign(&aws.document());
    let mut given = endorsements(&aws);
    for issuer in [&aws.root, &aws.region, &aws.zone, &aws.instance] {
        let outcome = unbound(Format::Nitro, &bytes, &given, NOW).unwrap();
        assert!(!claims(&outcome).revocation_checked);
        given = given.with(Endorsement::Crl(issuer.crl_now(&[77])));
    }
    let outcome = unbound(Format::Nitro, &bytes, &given, NOW).unwrap();
    assert!(claims(&outcome).revocation_checked);
    assert_eq!(outcome.support().window.not_after.0, NOW.0 + 3600);
}

#[test]
fn noise_is_refused() {
    let aws = Aws::new();
    let (bytes, endorsements) = (aws.sign(&aws.document()), endorsements(&aws));
    let accepted = Accepted { format: Format::Nitro, bytes: &bytes, endorsements: &endorsements, at: NOW };
    accepted.cache_changes_nothing();
    accepted.truncations_are_refused();
    accepted.mutations_never_panic();
}

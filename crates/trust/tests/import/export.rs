//! Reference values as CoRIM: what is exported is read back as the same statements.

use casemate_cose::UnixTime;
use casemate_evidence::Vendor;
use casemate_trust::{
    component::registry,
    export::corim::export,
    import::corim::{PROFILE, import},
    statement::{Kind, Measurement, Purpose, Register, Release, Sentence, Statement, Subject, Validity},
};
use proptest::prelude::*;

use crate::{one_refusal, refusals};

fn measurement(kind: Kind, registers: &[(&str, u8)], release: Option<Release>) -> Sentence {
    let registers: Vec<Register> =
        registers.iter().map(|(name, byte)| Register { name: (*name).to_owned(), value: vec![*byte; 48] }).collect();
    Sentence::Trusted {
        subject: Subject::Measurement(Measurement { kind, registers }),
        purpose: Purpose::Execution(release),
    }
}

fn release(version: u64) -> Option<Release> {
    Some(Release { line: "casemate".to_owned(), version })
}

#[test]
fn what_is_exported_is_read_back() {
    let until = Validity { not_before: UnixTime(5), not_after: UnixTime(1_900_000_000) };
    let vendor = Sentence::Trusted { subject: Subject::Vendor(Vendor::Amd), purpose: Purpose::Attestation(None) };
    let statements = [
        Statement::always("casemate 0.1.0", measurement(Kind::Snp, &[("measurement", 1)], release(1))),
        Statement::always("AMD", vendor),
        Statement {
            validity: until,
            ..Statement::always("old", measurement(Kind::Tdx, &[("mr-td", 2), ("rtmr-1", 3)], None))
        },
        Statement::always("casemate 0.1.0", measurement(Kind::Tdx, &[("mr-td", 4)], release(u64::MAX))),
    ];
    let exported = export("clinic", &statements);
    assert_eq!(exported.left_out, ["AMD"]);
    assert_eq!(exported.documents.iter().map(|(validity, _)| *validity).collect::<Vec<_>>(), [Validity::ALWAYS, until]);
    let read: Vec<Statement> =
        exported.documents.iter().flat_map(|(_, bytes)| import(bytes, None).unwrap().statements).collect();
    assert_eq!(read, [statements[0].clone(), statements[3].clone(), statements[2].clone()]);
    assert_eq!(export("clinic", &[]).documents, []);
}

#[test]
fn crimes_against_the_own_profile() {
    let bytes = |sentence: Sentence| export("x", &[Statement::always("casemate", sentence)]).documents.remove(0).1;
    let honest = bytes(measurement(Kind::Snp, &[("measurement", 1)], release(3)));
    let swapped = |from: &[u8], to: &[u8]| {
        assert_eq!(from.len(), to.len());
        let at = honest.windows(from.len()).position(|window| window == from).unwrap();
        [&honest[..at], to, &honest[at + from.len()..]].concat()
    };
    assert!(import(&honest, None).is_ok());
    for (crime, document, why) in [
        ("another vendor", swapped(b"hcasemate", b"hcasemite"), "no environment of this profile"),
        ("another kind", swapped(b"csnp", b"csmp"), "no environment of this profile"),
        ("register of another kind", swapped(b"csnp", b"ctdx"), "no register of that kind"),
        ("version of no number", swapped(b"a3", b"ax"), "no decimal version"),
        ("value of another tag", swapped(&[0xd9, 0x02, 0x30], &[0xd9, 0x02, 0x33]), "has to be bytes of tag 560"),
    ] {
        let refused = refusals(import(&document, None));
        assert!(refused.iter().any(|line| line.contains(why)), "{crime}: {refused:#?}");
    }
    assert!(PROFILE.ends_with("/corim/1"));
    let other = swapped(b"/corim/1", b"/corim/2");
    assert_eq!(refusals(import(&other, None)).len(), 2, "profile and environment");
    let twice = bytes(measurement(Kind::Snp, &[("measurement", 1), ("measurement", 2)], None));
    one_refusal("two values", import(&twice, None), "tags[0]/triples/reference-triples[0]", "two values");
}

proptest! {
    #[test]
    fn any_reference_values_are_read_back(
        values in prop::collection::vec((0_u64..4, prop::collection::vec(any::<u8>(), 1..64), "[ -~]{1,20}", prop::option::of(("[a-z]{1,9}", any::<u64>()))), 0..8),
        ends in prop::option::of(1_u64..u64::MAX),
    ) {
        let validity = Validity { not_before: UnixTime(0), not_after: UnixTime(ends.unwrap_or(u64::MAX)) };
        let mut statements: Vec<Statement> = Vec::new();
        for (number, mut value, label, release) in values {
            let (kind, name) = [(Kind::Snp, "measurement"), (Kind::Nitro, "pcr0"), (Kind::Tpm, "pcr.sha256.7"), (Kind::Sgx, "mr-enclave")][usize::try_from(number).unwrap()];
            // Of a length that there is: others are not read back.
            value.resize(registry::register(kind, name).unwrap().bytes_of(name)[0], 7);
            let measurement = Measurement { kind, registers: vec![Register { name: name.to_owned(), value }] };
            let release = release.map(|(line, version)| Release { line, version });
            let sentence = Sentence::Trusted { subject: Subject::Measurement(measurement), purpose: Purpose::Execution(release) };
            let statement = Statement { label, sentence, validity };
            if !statements.contains(&statement) {
                statements.push(statement);
            }
        }
        let exported = export("x", &statements);
        let read: Vec<Statement> = exported.documents.iter().flat_map(|(_, bytes)| import(bytes, None).unwrap().statements).collect();
        prop_assert_eq!(read, statements);
    }
}

//! What an appraisal looks up is what a walk over everything finds.

use std::collections::BTreeSet;

use casemate_trust::{
    proof::Effective,
    statement::{
        Identities, Kind, Measurement, PlatformRule, Purpose, Register, Release, Said, Sentence, Subject, Topic,
    },
};
use proptest::prelude::*;

use crate::rig::{Rig, publishes, region, subject, trusted};

fn registers() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let register = ((0..4_u8).prop_map(|name| format!("rtmr-{name}")), (0..2_u8).prop_map(|value| vec![value]));
    prop::collection::btree_map(register.0, register.1, 1..4).prop_map(|registers| registers.into_iter().collect())
}

fn runs(kind: Kind, registers: Vec<(String, Vec<u8>)>) -> Sentence {
    let registers = registers.into_iter().map(|(name, value)| Register { name, value }).collect();
    let subject = Subject::Measurement(Measurement { kind, registers });
    Sentence::Trusted { subject, purpose: Purpose::Execution(None) }
}

fn carries(identities: Identities) -> Sentence {
    let rule = PlatformRule { kind: Kind::Snp, identities, demands: vec![], allow: BTreeSet::new() };
    Sentence::Trusted { subject: Subject::Platform(rule), purpose: Purpose::Execution(None) }
}

fn sentences<'e>(found: impl Iterator<Item = &'e Said>) -> BTreeSet<Sentence> {
    found.map(|said| said.statement().sentence.clone()).collect()
}

proptest! {
    #[test]
    fn measurements_are_those_that_are_met(
        stated in prop::collection::vec((registers(), prop::sample::select(vec![Kind::Tdx, Kind::Snp])), 0..12),
        actual in registers(),
    ) {
        let rig = stated.into_iter().fold(Rig::new(), |rig, (registers, kind)| rig.root(runs(kind, registers)));
        let effective = rig.effective();
        for kind in [Kind::Tdx, Kind::Snp, Kind::Sgx] {
            let all = effective.all_measurements(kind);
            let expected = sentences(all.filter(|(.., own)| own.is_met_by(kind, &actual)).map(|(_, said, _)| said));
            let found = effective.measurements(kind, &actual);
            prop_assert_eq!(found.len(), expected.len());
            prop_assert_eq!(sentences(found.into_iter().map(|(_, said)| said)), expected);
        }
    }

    #[test]
    fn rules_for_an_identity_are_those_that_may_be_met(
        lists in prop::collection::vec(prop::collection::btree_set(0..4_u8, 0..3), 0..8),
        identity in 0..5_u8,
    ) {
        let rule = |list: &BTreeSet<u8>| match list.len() {
            0 => carries(Identities::AnyGenuineChip),
            _ => carries(Identities::Listed(list.iter().map(|identity| vec![*identity].into()).collect())),
        };
        let rig = lists.iter().fold(Rig::new(), |rig, list| rig.root(rule(list)));
        let effective = rig.effective();
        let found = |identity: Option<u8>| {
            let identity = identity.map(|identity| vec![identity]);
            sentences(effective.platform_rules_for(Kind::Snp, identity.as_deref()).map(|(_, said)| said))
        };
        let meets = |list: &&BTreeSet<u8>| list.is_empty() || list.contains(&identity);
        prop_assert_eq!(found(Some(identity)), lists.iter().filter(meets).map(rule).collect());
        prop_assert_eq!(found(None), lists.iter().map(rule).collect());
        prop_assert_eq!(effective.platform_rules(Kind::Tdx).count(), 0);
    }
}

#[test]
fn trust_covers_what_is_less() {
    let release = |version| Purpose::Execution(Some(Release { line: "runtime".into(), version }));
    let program = Subject::Program(casemate_cose::Digest::of(b"program"));
    let rig = Rig::new()
        .root(publishes(1, Topic::Keys, 2))
        .root(Sentence::Trusted { subject: program.clone(), purpose: release(3) })
        .root(trusted(2, Purpose::Contracts))
        .root(region(2, "EU"));
    let effective: Effective = rig.effective();
    let holds = |subject: &Subject, purpose: Purpose| effective.is_trusted(subject, &purpose).is_some();
    for (depth, held) in [(0, true), (2, true), (3, false)] {
        assert_eq!(holds(&subject(1), Purpose::Publishing { topic: Topic::Keys, depth, limits: None }), held);
    }
    assert!(!holds(&subject(1), Purpose::Publishing { topic: Topic::Programs, depth: 0, limits: None }));
    assert!(holds(&program, Purpose::Execution(None)) && holds(&program, release(3)));
    assert!(!holds(&program, release(2)));
    assert!(holds(&subject(2), Purpose::Contracts) && !holds(&subject(2), Purpose::Attestation(None)));
    assert_eq!(effective.properties(&subject(2)).count(), 1);
    assert_eq!(effective.properties(&subject(1)).count(), 0);
}

//! What AR4SI's eight words say of each kind of component.

use super::*;

fn component(kind: Kind) -> Component {
    Component { kind, properties: Vec::new(), ..snp() }
}

const KINDS: [Kind; 11] = [
    Kind::Cca,
    Kind::Dice,
    Kind::Gpu,
    Kind::Keystone,
    Kind::Nitro,
    Kind::Psa,
    Kind::Sgx,
    Kind::Snp,
    Kind::Software,
    Kind::Tdx,
    Kind::Tpm,
];

fn values(vector: &Trustworthiness) -> Vec<(Aspect, i8)> {
    vector.iter().map(|(aspect, judgement)| (aspect, judgement.value)).collect()
}

#[test]
fn tiers_are_those_of_the_draft() {
    for value in i8::MIN..=i8::MAX {
        let tier = match value {
            -1..=1 => Tier::None,
            -128..=-97 | 96..=127 => Tier::Contraindicated,
            -96..=-33 | 32..=95 => Tier::Warning,
            _ => Tier::Affirming,
        };
        assert_eq!(Tier::of(value), tier, "{value}");
    }
}

#[test]
fn accepted_hardware_is_affirmed_as_far_as_it_goes() {
    use Aspect::{Configuration, Executables, InstanceIdentity, RuntimeOpaque};
    let named = Trustworthiness::accepted(&component(Kind::Snp), Hardware::Listed);
    let all = [(InstanceIdentity, 2), (Configuration, 2), (Executables, 3), (Aspect::Hardware, 2), (RuntimeOpaque, 2)];
    assert_eq!(values(&named), all);
    assert!(named.iter().all(|(_, judgement)| !judgement.reason.is_empty()));

    let any = Trustworthiness::accepted(&component(Kind::Snp), Hardware::AnyGenuine);
    assert_eq!(values(&any), all[1..], "who accepts any chip recognises none");

    let host = Component { attester: Subject::Key(Digest::of(b"launcher")), ..component(Kind::Software) };
    let software = Trustworthiness::accepted(&host, Hardware::AnyGenuine);
    let expected = [(InstanceIdentity, 2), (Configuration, 2), (Executables, 3), (RuntimeOpaque, 32)];
    assert_eq!(values(&software), expected, "a launcher says nothing of hardware, and root can look into memory");
    assert_eq!(software.tier(), Tier::Warning);
}

#[test]
fn memory_is_called_opaque_only_where_it_is_encrypted() {
    for kind in KINDS {
        let value = Trustworthiness::accepted(&component(kind), Hardware::Listed).value(Aspect::RuntimeOpaque);
        let expected = match kind {
            Kind::Cca | Kind::Sgx | Kind::Snp | Kind::Tdx => 2,
            Kind::Keystone | Kind::Software => 32,
            Kind::Dice | Kind::Gpu | Kind::Nitro | Kind::Psa | Kind::Tpm => 0,
        };
        assert_eq!(value, expected, "{kind}");
    }
}

#[test]
fn what_had_to_be_admitted_is_said() {
    let with = |danger| Component { dangers: [danger].into(), ..component(Kind::Snp) };
    let of = |danger| Trustworthiness::accepted(&with(danger), Hardware::Listed);
    for danger in [Allowance::Migratable, Allowance::ServiceDomain, Allowance::VmplAboveZero] {
        assert_eq!((of(danger).value(Aspect::Configuration), of(danger).tier()), (32, Tier::Warning), "{danger}");
    }
    assert_eq!(of(Allowance::Debug).value(Aspect::RuntimeOpaque), 96);
    assert_eq!(of(Allowance::Debug).tier(), Tier::Contraindicated, "whatever the domain admits");

    let vtpm = Component { dangers: [Allowance::HostOperatedTpm].into(), ..component(Kind::Tpm) };
    let vector = Trustworthiness::accepted(&vtpm, Hardware::Listed);
    assert_eq!(vector.value(Aspect::Hardware), 0);
    assert!(vector.iter().any(|(_, judgement)| judgement.reason.contains("the host runs this TPM")));
}

#[test]
fn known_vulnerabilities_warn_although_the_domain_accepts_them() {
    let of = |name: &'static str, value| {
        let component = Component { properties: vec![(name.into(), value)], ..component(Kind::Tdx) };
        Trustworthiness::accepted(&component, Hardware::Listed).value(Aspect::Hardware)
    };
    assert_eq!(of("tcb-status", Value::Text("UpToDate".to_owned())), 2);
    assert_eq!(of("tcb-status", Value::Text("SWHardeningNeeded".to_owned())), 32);
    assert_eq!(of("tcb-advisories", Value::Set(vec![])), 2);
    assert_eq!(of("tcb-advisories", Value::Set(vec!["INTEL-SA-00615".to_owned()])), 32);
}

#[test]
fn denied_evidence_has_no_good_word() {
    let faults = [
        AspectFault::Attester,
        AspectFault::Configuration,
        AspectFault::Floor,
        AspectFault::Hardware,
        AspectFault::Identity,
        AspectFault::Measurement,
        AspectFault::Memory,
        AspectFault::Platform,
    ];
    let reason = Reason::new("a", "b", "c", "d");
    for kind in KINDS {
        for fault in faults {
            let denied = ComponentResult::denied(&component(kind), vec![(fault, reason.clone())]);
            assert_eq!(denied.status, Tier::Contraindicated);
            assert!(denied.trustworthiness.iter().all(|(_, judgement)| Tier::of(judgement.value) != Tier::Affirming));
            let Some((aspect, value)) = fault.judged() else { panic!("{fault:?}") };
            assert_eq!(denied.trustworthiness.value(aspect), value);
            assert!(Tier::of(value) >= Tier::Warning);
        }
        let whole = ComponentResult::denied(&component(kind), vec![(AspectFault::Whole, reason.clone())]);
        assert_eq!((whole.status, whole.trustworthiness.tier()), (Tier::Contraindicated, Tier::None));
        let bystander = ComponentResult::denied(&component(kind), vec![]);
        assert_eq!(bystander.status, Tier::None, "nothing is said of what was another's fault");
        assert!(bystander.trustworthiness.iter().all(|(_, judgement)| judgement.value == 0));
    }
    assert_eq!(denied().status(), Tier::Contraindicated);
}

/// Of two faults with one aspect the worse one is told, whatever their order.
#[test]
fn the_worse_fault_is_told() {
    let (old, unknown) = (Reason::new("floor", "", "", ""), Reason::new("measurement", "", "", ""));
    let faults = [(AspectFault::Floor, &old), (AspectFault::Measurement, &unknown)];
    for faults in [faults, [faults[1], faults[0]]] {
        assert_eq!(Trustworthiness::denied(faults).value(Aspect::Executables), 96);
    }
}

/// The published table has a row for every value that can come out.
#[test]
fn the_document_has_every_aspect() {
    let document = include_str!("../../../../../docs/formats/attestation-result.md");
    for aspect in Aspect::ALL {
        assert!(document.contains(&format!("| `{aspect}` |")), "{aspect}");
    }
}

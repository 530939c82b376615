//! Attacks that a domain written in haste would let through: refused by name, and accepted only where the name is there.

use casemate_testkit::{NOW, vendor::amd::at};
use casemate_trust::{
    DenyReason, Reason,
    statement::{Allowance, Identities, Kind},
};

use super::{
    accepted, allowing, denied, domain, hasty,
    machines::{Unbound, certificate, certified_tpm, given_tpm, snp, snp_of_cloud, tdx},
    rules,
};

const POLICY: u64 = 0x3_001f;
/// ATTRIBUTES of a trust domain: pending pages raise no exception.
const TD: u64 = 1 << 28;

/// The crime, the danger's name, the evidence, and what the verdict says where the domain admits it.
type Crime = (&'static str, Allowance, fn() -> Unbound, &'static str);

const CRIMES: &[Crime] = &[
    (
        "the_host_reads_the_guests_memory",
        Allowance::Debug,
        || snp(&[(at::POLICY, &(POLICY | 1 << 19).to_le_bytes())]),
        "cpu: debug",
    ),
    (
        "an_agent_may_move_the_guest",
        Allowance::Migratable,
        || snp(&[(at::POLICY, &(POLICY | 1 << 18).to_le_bytes())]),
        "cpu: migratable",
    ),
    ("an_agent_has_the_guest", Allowance::Migratable, || snp(&[(at::REPORT_ID_MA, &[0x11; 32])]), "cpu: migratable"),
    (
        "a_lower_privilege_level_asks",
        Allowance::VmplAboveZero,
        || snp(&[(at::VMPL, &[2])]),
        "cpu: privilege level above zero",
    ),
    ("the_host_debugs_the_domain", Allowance::Debug, || tdx(2, &[(120, &(TD | 1).to_le_bytes())]), "cpu: debug"),
    (
        "the_domain_can_be_moved",
        Allowance::Migratable,
        || tdx(2, &[(120, &(TD | 1 << 29).to_le_bytes())]),
        "cpu: migratable",
    ),
    (
        "a_service_domain_acts_in_its_name",
        Allowance::ServiceDomain,
        || tdx(3, &[(600, &[0x5d; 48])]),
        "cpu: service domain bound",
    ),
    (
        "it_was_launched_with_a_service_domain",
        Allowance::ServiceDomain,
        || tdx(4, &[(729, &[0x5d; 48])]),
        "cpu: service domain bound",
    ),
    (
        "a_service_domain_came_later",
        Allowance::ServiceDomain,
        || tdx(4, &[(829, &[0x5d; 48])]),
        "cpu: service domain bound",
    ),
    ("the_host_runs_the_tpm", Allowance::HostOperatedTpm, given_tpm, "vtpm: host-operated"),
];

#[test]
fn each_danger_is_refused_unless_its_name_is_there() {
    for (crime, danger, evidence, note) in CRIMES {
        let hasty = hasty(&evidence());
        // The attack: with this one check off, it succeeds.
        let verdict = accepted(evidence(), allowing(hasty.clone(), *danger));
        assert_eq!(verdict.notes().iter().map(ToString::to_string).collect::<Vec<_>>(), [*note], "{crime}");
        // The check.
        let reasons = denied(evidence(), &domain(hasty.clone()), NOW);
        assert!(
            matches!(&reasons[..], [DenyReason::Danger { actual, .. }] if actual == danger),
            "{crime}: {reasons:?}"
        );
        let reason = Reason::from(&reasons[0]);
        assert_eq!(reason.rule, format!("domain-{danger}"));
        assert!(reason.remedy.contains(&format!("add \"{danger}\" to `allow`")), "{crime}: {}", reason.remedy);
        // Another's name does not stand for it.
        for other in Allowance::ALL.iter().filter(|other| *other != danger) {
            let reasons = denied(evidence(), &domain(allowing(hasty.clone(), *other)), NOW);
            assert!(matches!(&reasons[..], [DenyReason::Danger { actual, .. }] if actual == danger), "{crime} {other}");
        }
    }
}

#[test]
fn honest_machines_need_no_names() {
    for evidence in [|| snp(&[]), || tdx(2, &[]), || tdx(3, &[]), || tdx(4, &[]), certified_tpm, snp_of_cloud] {
        let hasty = hasty(&evidence());
        assert!(accepted(evidence(), hasty).notes().is_empty());
    }
}

#[test]
fn a_masked_chip_gets_past_no_list_but_by_name() {
    // The list is of another host's chip: the cloud's operator runs the guest on whichever it likes.
    let listed = [vec![0xc1; 64].into()].into();
    let listing = rules(hasty(&snp_of_cloud()), |rule| rule.identities = Identities::Listed(Clone::clone(&listed)));
    let reasons = denied(snp_of_cloud(), &domain(listing.clone()), NOW);
    assert!(matches!(&reasons[..], [DenyReason::Danger { actual: Allowance::MaskedChip, .. }]), "{reasons:?}");
    let notes = accepted(snp_of_cloud(), allowing(listing.clone(), Allowance::MaskedChip)).notes();
    assert_eq!(notes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["cpu: chip masked"]);
    // A report that masks the chip is signed by the chip's own key all the same: the certificate says which it is.
    let masked: &[(usize, &[u8])] = &[(at::CHIP_ID, &[0; 64])];
    assert!(accepted(snp(masked), listing.clone()).notes().is_empty());
    let other = [vec![0xc2; 64].into()].into();
    let reasons = denied(
        snp(masked),
        &domain(rules(listing, |rule| rule.identities = Identities::Listed(Clone::clone(&other)))),
        NOW,
    );
    let [DenyReason::Identity { actual, .. }] = &reasons[..] else { panic!("{reasons:?}") };
    assert_eq!(actual.as_deref(), Some(&[0xc1; 64][..]));
}

#[test]
fn who_knows_a_key_only_by_itself_does_not_know_a_maker() {
    // The domain believes the maker's root; the host brings the same key, unvouched for.
    let reasons = denied(given_tpm(), &domain(hasty(&certified_tpm())), NOW);
    let rules: Vec<_> = reasons.iter().map(DenyReason::rule).collect();
    assert_eq!(rules, ["domain-attester", "domain-host-operated-tpm"]);
}

#[test]
fn a_quote_in_a_certificate_is_judged_as_a_quote_and_said_to_be_relayable() {
    let verdict = accepted(certificate(), hasty(&certificate()));
    let notes: Vec<_> = verdict.notes().iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["bound to a certificate's key alone, which can be relayed"]);
    assert_eq!(verdict.components()[0].kind, Kind::Sgx);
}

//! Rollback: an item that is older than the one seen before about the same, in a bundle that is otherwise accepted.

use casemate_cose::{SigningKey, UnixTime};
use casemate_evidence::{Bundle, BundleError, Endorsement, Publisher, lists_gone, older};
use casemate_testkit::{
    NOW, der,
    pki::{Algorithm, Authority},
    vendor::{
        intel::{Intel, qe_identity, tcb_info},
        nvidia::{Nvidia, Ocsp},
    },
};

const NUMBER: &str = "\"tcbEvaluationDataNumber\":";
const ISSUED: &str = "\"issueDate\":\"";

fn bundle(platform: &str, made: u64, items: &[Endorsement]) -> Bundle {
    let bytes = Bundle::pack(platform, UnixTime(made), items, &SigningKey::from_seed(&[3; 32])).unwrap();
    Bundle::open(&bytes, Publisher::Anyone).unwrap()
}

/// A list with a number of its own.
fn crl(issuer: &Authority, number: u64, this_update: u64) -> Endorsement {
    let number = der::sequence(&[der::oid("2.5.29.20"), der::octets(&der::integer(number))]);
    let fields = [
        der::integer(1),
        issuer.key.signature_algorithm(),
        issuer.subject(),
        der::time(this_update),
        der::time(NOW.0 + 3600),
        der::context(0, &der::sequence(&[number])),
    ];
    Endorsement::Crl(issuer.seal(der::sequence(&fields)))
}

fn text_after<'a>(text: &'a str, mark: &str) -> &'a str {
    let (_, rest) = text.split_once(mark).unwrap();
    rest.split([',', '"', '}']).next().unwrap()
}

/// `text` with another evaluation number, or another issue date.
fn collateral(text: &str, number: u32, day: u32) -> String {
    let old_number = format!("{NUMBER}{}", text_after(text, NUMBER));
    let old_day = format!("{ISSUED}{}", text_after(text, ISSUED));
    assert!(text.contains(&old_number) && text.contains(&old_day), "{text}");
    text.replacen(&old_number, &format!("{NUMBER}{number}"), 1).replacen(
        &old_day,
        &format!("{ISSUED}2026-05-{day:02}T00:00:00Z"),
        1,
    )
}

struct World {
    intel: Intel,
    root: Authority,
    nvidia: Nvidia,
}

impl World {
    fn new() -> Self {
        Self { intel: Intel::default(), root: Authority::new("a root", Algorithm::P256), nvidia: Nvidia::default() }
    }

    fn tcb(&self, tee: &str, number: u32, day: u32) -> Endorsement {
        let text = collateral(&tcb_info(tee), number, day);
        Endorsement::TcbInfo(self.intel.sign_json("tcbInfo", &text).into_bytes())
    }

    fn identity(&self, number: u32, day: u32) -> Endorsement {
        let text = collateral(&qe_identity("TD_QE", 2), number, day);
        Endorsement::QeIdentity(self.intel.sign_json("enclaveIdentity", &text).into_bytes())
    }

    fn answer(&self, serial: u64, this_update: u64) -> Endorsement {
        let answer = Ocsp { this_update, ..Ocsp::good(serial) };
        Endorsement::Ocsp(answer.sign(&self.nvidia.root, &self.nvidia.root, &self.nvidia.provisioner.key))
    }

    /// TCB info of both TEEs, identity, list, answer.
    fn seen(&self) -> [Endorsement; 5] {
        [
            self.tcb("TDX", 18, 10),
            self.tcb("SGX", 18, 10),
            self.identity(18, 10),
            crl(&self.root, 300, NOW.0 - 600),
            self.answer(11, NOW.0 - 600),
        ]
    }
}

#[test]
fn the_same_and_newer_items_are_no_rollback() {
    let world = World::new();
    let seen = world.seen();
    assert_eq!(older(&seen, &seen), []);
    let newer = [
        world.tcb("TDX", 19, 11),
        world.tcb("SGX", 18, 11),
        world.identity(19, 10),
        crl(&world.root, 301, NOW.0 - 599),
        world.answer(11, NOW.0 - 599),
    ];
    assert_eq!(older(&newer, &seen), []);
    let stranger = crl(&Authority::new("another root", Algorithm::P256), 1, NOW.0 - 900);
    assert_eq!(older(&[stranger, world.answer(12, NOW.0 - 900)], &seen), [], "about something else");
    let (seen, newer) = (bundle("tdx", NOW.0, &seen), bundle("tdx", NOW.0 + 1, &newer));
    assert_eq!((newer.not_older_than_seen(&seen), seen.not_older_than_seen(&seen)), (Ok(()), Ok(())));
}

#[test]
fn an_older_item_is_named() {
    let world = World::new();
    let seen = world.seen();
    let crimes: [(&str, usize, Endorsement, &str); 9] = [
        ("tcb_info_of_an_earlier_evaluation", 0, world.tcb("TDX", 17, 20), "tcb-info TDX"),
        ("tcb_info_issued_earlier", 0, world.tcb("TDX", 18, 9), "issued at 2026-05-09T00:00:00Z"),
        ("tcb_info_of_sgx", 1, world.tcb("SGX", 17, 10), "tcb-info SGX"),
        ("identity_of_an_earlier_evaluation", 2, world.identity(17, 10), "qe-identity TD_QE"),
        ("identity_issued_earlier", 2, world.identity(18, 9), "qe-identity TD_QE"),
        ("list_of_a_lower_number", 3, crl(&world.root, 299, NOW.0), "number 299"),
        ("list_of_a_number_of_fewer_bytes", 3, crl(&world.root, 255, NOW.0), "number 255"),
        ("list_issued_earlier", 3, crl(&world.root, 300, NOW.0 - 601), "crl `a root`"),
        ("answer_given_earlier", 4, world.answer(11, NOW.0 - 601), "ocsp answer"),
    ];
    for (crime, place, item, says) in crimes {
        let mut items = seen.to_vec();
        items[place] = item.clone();
        let found = older(&items, &seen);
        assert_eq!(found.len(), 1, "{crime}: {found:?}");
        assert!(found[0].to_string().contains(says), "{crime}: {}", found[0]);
        // Packed later all the same.
        let rolled_back = bundle("tdx", NOW.0 + 1, &items).not_older_than_seen(&bundle("tdx", NOW.0, &seen));
        assert!(matches!(rolled_back, Err(BundleError::ItemRolledBack { .. })), "{crime}: {rolled_back:?}");
        // A newer one beside it, which a forger can make up, hides it not.
        items.push(crl(&Authority::new("a root", Algorithm::P256), 999, NOW.0));
        items.push(world.tcb("TDX", 99, 30));
        assert!(older(&items, &seen).iter().any(|older| older.to_string().contains(says)), "{crime}");
        // For another platform's bundle it counts as well: a list is its issuer's.
        let elsewhere = bundle("other", NOW.0 - 9, &items).not_older_than_seen(&bundle("tdx", NOW.0, &seen));
        assert!(matches!(elsewhere, Err(BundleError::ItemRolledBack { .. })), "{crime}: {elsewhere:?}");
    }
}

#[test]
fn a_list_that_is_gone_is_missed_where_the_platform_is_the_same() {
    let world = World::new();
    let seen = world.seen();
    let without: Vec<Endorsement> = seen.iter().filter(|item| !matches!(item, Endorsement::Crl(_))).cloned().collect();
    assert_eq!(older(&without, &seen), []);
    let gone = lists_gone(&without, &seen);
    assert_eq!(gone.len(), 1);
    assert!(
        gone[0].to_string().starts_with("crl `a root` is gone, one was seen: number 300, issued at"),
        "{}",
        gone[0]
    );
    let before = bundle("tdx", NOW.0, &seen);
    let after = bundle("tdx", NOW.0, &without).not_older_than_seen(&before);
    assert!(matches!(after, Err(BundleError::ItemRolledBack { .. })), "{after:?}");
    assert_eq!(bundle("other", NOW.0, &without).not_older_than_seen(&before), Ok(()));
    let packed_before = bundle("tdx", NOW.0 - 1, &seen).not_older_than_seen(&before);
    assert!(matches!(packed_before, Err(BundleError::RolledBack { .. })), "{packed_before:?}");
    assert_eq!(bundle("other", NOW.0 - 1, &seen).not_older_than_seen(&before), Ok(()));
}

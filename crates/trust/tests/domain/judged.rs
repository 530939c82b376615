//! What is suspicious in a domain, what changed between two, and what follows from one.

use std::sync::Arc;

use casemate_cose::UnixTime;
use casemate_trust::{Domain, domain::Change};

use crate::{full, long, published, signed_entry};

/// 2026-11-22.
const NOW: UnixTime = UnixTime(1_795_305_600);

fn warned(text: &str) -> Vec<String> {
    Domain::parse(text).unwrap().warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_suspicious_is_told_with_its_line() {
    let warnings = warned(&full());
    let line =
        |head: &str, nth: usize| full().lines().enumerate().filter(|(_, line)| *line == head).nth(nth).unwrap().0 + 1;
    for (line, what) in [
        (line("[[platform]]", 0), "`AMD Milan, patched` allows `migratable`: it can be moved"),
        (
            line("[[platform]]", 1),
            "`Intel` accepts any genuine tdx chip: one extracted attestation key forges them all",
        ),
        (line("[[platform]]", 2), "`Nitro` demands no property"),
        (line("[[revoke]]", 0), "which is no statement of this domain"),
        (line("[[platform]]", 0), "accepts evidence from which the tpm was left out"),
        (line("[[platform]]", 1), "accepts evidence from which the tpm was left out"),
        (line("[[key]]", 0), "is trusted for authentication, which nothing asks of a domain"),
    ] {
        let found =
            warnings.iter().any(|warning| warning.starts_with(&format!("line {line}: ")) && warning.contains(what));
        assert!(found, "line {line}: {what}\n{warnings:#?}");
    }
    assert_eq!(warnings.len(), 8, "{warnings:#?}");
}

#[test]
fn each_suspicion_goes_with_its_cause() {
    for (good, bad, what) in [
        ("until = 2027-03-31\n", "", "`release team` may publish without end"),
        (
            "may_publish = [\"measurements\"]\nreleases = [\"casemate\"]",
            "may_publish = [\"keys\"]",
            "whom this domain believes is then theirs to say",
        ),
        ("allow = [\"migratable\"]", "allow = [\"debug\"]", "allows `debug`: the host can look into the keep"),
    ] {
        let honest = warned(&full());
        assert!(!honest.iter().any(|warning| warning.contains(what)), "{what}");
        let warnings = warned(&full().replace(good, bad));
        assert!(warnings.iter().any(|warning| warning.contains(what)), "{what}: {warnings:#?}");
    }
    let nobody = warned("[domain]\nowner = \"clinic\"\n[process]\n");
    assert_eq!(nobody, ["line 3: isolation `process` is accepted, and no `[[launcher]]` is named"]);
}

#[test]
fn what_strangers_signed_is_suspicious_unless_somebody_lets_them() {
    let stranger = full() + &signed_entry(&published());
    let what = "nothing makes what key";
    assert!(warned(&stranger).iter().any(|warning| warning.contains(what)));
    let key = published().speaker().to_string();
    let named = stranger.clone()
        + &format!("[[delegate]]\nname = \"x\"\nkey = \"{key}\"\nmay_publish = [\"programs\"]\nuntil = 2027-01-01\n");
    assert!(!warned(&named).iter().any(|warning| warning.contains(what)));
    // That somebody might hand on is nobody's word that they did: `unmatched.rs`.
    let handed_on = stranger.replace("depth = 0", "depth = 1");
    assert!(warned(&handed_on).iter().any(|warning| warning.contains(what)));
}

#[test]
fn what_has_ended_or_not_begun_depends_on_the_time() {
    let text = full().replace("until = 2027-03-31", "from = 2026-01-01\nuntil = 2027-03-31");
    let domain = Domain::parse(&text).unwrap();
    let at =
        |seconds| domain.warnings_at(UnixTime(seconds)).iter().map(|warning| warning.what.clone()).collect::<Vec<_>>();
    assert!(domain.warnings_at(NOW).is_empty());
    assert_eq!(at(1_700_000_000), ["`release team` counts only from 2026-01-01T00:00:00Z on"]);
    assert_eq!(at(1_806_537_600), ["`release team` counted until 2027-03-31T23:59:59Z: it can be removed"]);
    assert!(at(1_806_537_599).is_empty());
}

#[test]
fn nothing_changed_is_no_change() {
    let domain = Domain::parse(&full()).unwrap();
    assert_eq!(domain.diff(&Domain::parse(&domain.to_toml()).unwrap()), []);
}

#[test]
fn each_change_is_told_once_and_both_ways() {
    let words = |good: &str, bad: &str| {
        let (old, new) = (Domain::parse(&full()).unwrap(), Domain::parse(&full().replace(good, bad)).unwrap());
        let (there, back) = (old.diff(&new), new.diff(&old));
        assert_eq!(there.len(), back.len(), "{bad}");
        assert_eq!(there, old.diff(&new));
        (there.iter().map(ToString::to_string).collect::<Vec<_>>(), there)
    };
    let (text, changes) = words("0xdb", "0xdc");
    assert!(matches!(&changes[..], [Change::Changed { .. }]), "{text:?}");
    let (text, changes) = words("name = \"registry\"", "name = \"the registry\"");
    assert!(
        matches!(&changes[..], [Change::Relabelled { old, new, .. }] if old == "registry" && new == "the registry"),
        "{text:?}"
    );
    let (text, changes) = words("version = 2", "version = 3");
    assert!(matches!(&changes[..], [Change::Changed { .. }]), "{text:?}");
    let (text, changes) = words("owner = \"clinic\"", "owner = \"registry\"\nsequence = 2");
    assert!(matches!(&changes[..], [Change::Owner { .. }, Change::Sequence { old: 0, new: 2 }]), "{text:?}");
    let (text, changes) = words(&long("nitro = { pcr0 = \"00\" }\n"), "");
    assert!(matches!(&changes[..], [Change::Removed { .. }]), "{text:?}");
    assert!(text[0].starts_with("removed: `casemate 0.1.0`: "), "{text:?}");
    let (text, changes) = words("may_publish = [\"measurements\"]", "may_publish = [\"measurements\", \"programs\"]");
    assert!(matches!(&changes[..], [Change::Added { .. }]), "{text:?}");
}

#[test]
fn what_follows_is_computed_once_for_the_time_in_which_nothing_changes() {
    let domain = Domain::parse(&full()).unwrap();
    let first = domain.effective(NOW).unwrap();
    let window = first.standing().window();
    assert!(window.holds(NOW));
    assert!(Arc::ptr_eq(&first, &domain.clone().effective(NOW).unwrap()), "clones share it");
    // The release team's mandate ends within all time: what follows after it is something else.
    let later = domain.effective(UnixTime(1_806_537_600)).unwrap();
    assert!(!Arc::ptr_eq(&first, &later));
    assert_eq!(domain.effective(NOW).unwrap().standing().window(), window);
}

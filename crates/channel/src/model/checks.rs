//! What the model says. docs/handshake.md tells it, and the tests compare: row by row, and attack by attack.

use std::collections::BTreeSet;

use super::{
    cast::{Client, Ingredient, Key, Place, Setup},
    explore::{attack, explore, smallest_gaps},
    properties::{NOT_DECEIVED, SECRECY},
};

use Ingredient::{Exporter, Nonce, OwnKey, PeerKey, Role};

const DOCUMENT: &str = include_str!("../../../../docs/handshake.md");

const KEEP: Place = Place { client: Client::Keep(Key::Keep), server: Key::Broker };
const KEEP_TO_HER: Place = Place { client: Client::Keep(Key::Keep), server: Key::Colluder };
const OTHER: Place = Place { client: Client::Keep(Key::Other), server: Key::Broker };
const OTHER_TO_HER: Place = Place { client: Client::Keep(Key::Other), server: Key::Colluder };
const MALLORY: Place = Place { client: Client::Mallory, server: Key::Broker };

/// Brokers run isolated too, and show it.
fn mutual(setup: Setup) -> Setup {
    Setup { brokers_attest: true, ..setup }
}

/// Mallory has the key of another chip than the listed one.
fn chip(admits_any_chip: bool) -> Setup {
    let setup = Setup::all_tls_keys(&[KEEP, KEEP_TO_HER, MALLORY]);
    Setup { owns_chip: true, admits_any_chip, ..setup }
}

/// Every run is searched, nothing is broken, the honest keep can get its key, and docs/handshake.md has the numbers.
fn holds(letter: char, setup: Setup) -> BTreeSet<String> {
    let outcome = explore(setup);
    assert_eq!(outcome.broken, BTreeSet::new(), "{letter}: something does not hold");
    assert!(outcome.honest_run, "{letter}: a broker that never releases proves nothing");
    let numbers = format!("{} | {} | {} |", outcome.states, outcome.moves, outcome.longest);
    let row = DOCUMENT.lines().find(|line| line.starts_with(&format!("| {letter} |")));
    assert!(row.is_some_and(|row| row.ends_with(&numbers)), "docs/handshake.md, row {letter}: {numbers}");
    outcome.faults
}

/// The model finds it, and docs/handshake.md tells it in the same words. Everything else being equal, it is not there with
/// any of `left_out` put back.
fn finds(setup: &Setup, left_out: &[Ingredient], property: &'static str) {
    let steps = attack(&setup.clone().without(left_out), property).expect("the attack");
    let numbered: String = (1..).zip(&steps).map(|(number, step)| format!("{number}. {step}\n")).collect();
    assert!(DOCUMENT.contains(&numbered), "docs/handshake.md, without {left_out:?}:\n{numbered}");
    for put_back in left_out {
        let fewer: Vec<_> = left_out.iter().copied().filter(|one| one != put_back).collect();
        assert_eq!(explore(setup.clone().without(&fewer)).broken, BTreeSet::new(), "{put_back} stops it");
    }
}

/// What Mallory tries is looked at and refused for its own reason, each of these.
fn refused_for(faults: &BTreeSet<String>, rules: &[&str]) {
    for rule in rules {
        assert!(faults.iter().any(|fault| fault.starts_with(rule)), "nothing was refused for `{rule}`: {faults:?}");
    }
}

#[test]
fn with_the_tls_keys_of_all_other_keeps_she_gets_nothing() {
    let faults = holds('A', Setup::other_keeps(&[KEEP, KEEP_TO_HER, OTHER, OTHER_TO_HER, MALLORY]));
    refused_for(
        &faults,
        &[
            "evidence-binding",
            "evidence-debug",
            "domain-runtime",
            "the manifest is not",
            "the challenge was refused",
            "`decisions` came where `attest`",
            "`permit request` came where `attest`",
        ],
    );
    holds('B', mutual(Setup::other_keeps(&[KEEP, OTHER, OTHER_TO_HER, MALLORY])));
}

#[test]
fn with_every_tls_key_she_gets_nothing() {
    holds('C', Setup::all_tls_keys(&[KEEP, KEEP_TO_HER, MALLORY, MALLORY]));
    holds('D', mutual(Setup::all_tls_keys(&[KEEP, KEEP_TO_HER, MALLORY])));
}

#[test]
fn with_the_key_of_a_chip_that_is_not_listed_she_gets_nothing() {
    refused_for(&holds('E', chip(false)), &["software-launcher"]);
}

#[test]
fn with_the_key_of_a_chip_that_is_admitted_she_gets_the_key() {
    finds(&chip(true), &[], SECRECY);
}

#[test]
fn without_the_exporter_she_relays() {
    finds(&Setup::all_tls_keys(&[KEEP, KEEP_TO_HER, MALLORY]), &[Exporter], SECRECY);
    // With no key but her own, it takes more: the exporter or either key digest stops it.
    let own = vec![Key::Mallory, Key::Colluder];
    let setup = Setup { owned: own, ..Setup::other_keeps(&[KEEP, KEEP_TO_HER, MALLORY]) };
    finds(&setup, &[Exporter, OwnKey, PeerKey], SECRECY);
}

#[test]
fn without_the_role_she_reflects() {
    finds(&mutual(Setup::all_tls_keys(&[KEEP, KEEP_TO_HER, MALLORY])), &[Role], SECRECY);
    let setup = mutual(Setup::other_keeps(&[KEEP, KEEP_TO_HER, MALLORY]));
    finds(&setup, &[OwnKey, PeerKey, Role], SECRECY);
    finds(&setup, &[OwnKey, PeerKey, Role], NOT_DECEIVED);
}

#[test]
fn without_the_nonce_she_replays() {
    finds(&Setup::other_keeps(&[KEEP, OTHER, MALLORY]), &[Exporter, Nonce], SECRECY);
}

#[test]
fn without_the_peer_key_she_diverts() {
    finds(&Setup::other_keeps(&[KEEP, OTHER_TO_HER, MALLORY]), &[Exporter, PeerKey], SECRECY);
}

#[test]
fn without_the_own_key_her_broker_passes_for_another() {
    finds(&mutual(Setup::other_keeps(&[KEEP, OTHER_TO_HER, MALLORY])), &[Exporter, OwnKey], NOT_DECEIVED);
}

/// The smallest gaps are these, and docs/handshake.md lists them in one line that begins with `attacker`.
fn gaps_are(attacker: &str, setup: Setup, gaps: &[&[Ingredient]]) {
    let found: Vec<_> = smallest_gaps(&mutual(setup)).into_iter().collect();
    let mut expected: Vec<_> = gaps.iter().map(|gap| gap.to_vec()).collect();
    expected.sort();
    assert_eq!(found, expected, "{attacker}");
    let words = |gap: &&[Ingredient]| gap.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ");
    let row = format!("| {attacker} | {} |", gaps.iter().map(words).collect::<Vec<_>>().join("; "));
    assert!(DOCUMENT.contains(&row), "docs/handshake.md: {row}");
}

#[test]
fn what_can_be_left_out_before_something_breaks() {
    let own = vec![Key::Mallory, Key::Colluder];
    let setup = Setup { owned: own, ..Setup::other_keeps(&[KEEP, KEEP_TO_HER, MALLORY]) };
    let gaps: &[&[Ingredient]] = &[&[Exporter, Nonce, OwnKey], &[Exporter, OwnKey, PeerKey], &[OwnKey, PeerKey, Role]];
    gaps_are("no TLS key but her own", setup, gaps);
    gaps_are("all other keeps' TLS keys", Setup::other_keeps(&[OTHER, OTHER_TO_HER, MALLORY]), GAPS_OF_OTHER_KEEPS);
    let setup = Setup::all_tls_keys(&[KEEP, KEEP_TO_HER, MALLORY]);
    gaps_are("every TLS key there is", setup, GAPS_OF_ALL_KEYS);
}

const GAPS_OF_OTHER_KEEPS: &[&[Ingredient]] =
    &[&[Exporter, Nonce], &[Exporter, OwnKey], &[Exporter, PeerKey], &[OwnKey, PeerKey, Role]];
const GAPS_OF_ALL_KEYS: &[&[Ingredient]] = &[&[Exporter], &[Role]];

#[test]
#[ignore = "long: a minute or more"]
fn with_more_sessions_and_attested_brokers_she_gets_nothing() {
    holds('F', mutual(Setup::other_keeps(&[KEEP, KEEP_TO_HER, OTHER, OTHER_TO_HER, MALLORY])));
}

#[test]
#[ignore = "long: a minute or more"]
fn with_every_tls_key_and_attested_brokers_she_gets_nothing() {
    holds('G', mutual(Setup::all_tls_keys(&[KEEP, KEEP_TO_HER, MALLORY, MALLORY])));
}

#[test]
#[ignore = "long: a minute or more"]
fn with_every_tls_key_and_a_keep_that_comes_again_she_gets_nothing() {
    holds('H', Setup::all_tls_keys(&[KEEP, KEEP, KEEP_TO_HER, MALLORY, MALLORY]));
}

#[test]
#[ignore = "long: the gaps again, with more sessions"]
fn with_more_sessions_the_gaps_are_the_same() {
    let setup = Setup::other_keeps(&[KEEP, OTHER, OTHER_TO_HER, MALLORY]);
    gaps_are("all other keeps' TLS keys", setup, GAPS_OF_OTHER_KEEPS);
}

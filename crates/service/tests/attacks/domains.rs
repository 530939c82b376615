//! Whom an owner believes is its own file, read for every session. Where it says nothing, nobody is believed.

use casemate_cose::{Digest, SigningKey};
use casemate_evidence::Lack;
use casemate_trust::{
    Domain,
    domain::{Launcher, Process, Runtime},
};

use crate::{
    keep::{Script, assert_undecided, attest, finish},
    study::{PARTIES, RUNTIME, keys, stranger},
    world::{World, domain},
};

fn of(launcher: &SigningKey, runtime: &[u8], lacks: &[Lack]) -> String {
    let launcher = Launcher { name: "host".into(), key: launcher.public() };
    let runtime = Runtime { name: "casemate".into(), digest: Digest::of(runtime) };
    let process = Process { accept_lacks: lacks.iter().copied().collect() };
    Domain::new("clinic", vec![launcher], vec![runtime], Some(process)).unwrap().to_toml()
}

#[tokio::test]
async fn a_domain_that_cannot_be_read_believes_nobody() {
    let world = World::new().await;
    let clinic = world.clinic();
    let honest = domain("clinic").to_toml();
    for (run, (crime, text)) in (1..).zip([
        ("empty", String::new()),
        ("no_toml", "[domain".to_owned()),
        ("an_unknown_word", format!("{honest}\naccept_everything = true\n")),
        ("cut_off", honest[..honest.len() / 2].to_owned()),
        ("of_another_owner", domain("registry").to_toml()),
        ("too_long", format!("{honest}\n#{}", "x".repeat(16 << 20))),
    ]) {
        clinic.write_domain(&text);
        assert_undecided(clinic, &Script::honest(&world.contract, run), &["domain"], crime).await;
    }
    std::fs::remove_file(clinic.folder.join("domain.toml")).unwrap();
    assert_undecided(clinic, &Script::honest(&world.contract, 100), &["domain"], "missing").await;
    clinic.write_domain(&honest);
    finish(&world, &Script::honest(&world.contract, 200)).await;
}

#[tokio::test]
async fn a_domain_believes_what_it_names_and_nothing_else() {
    let world = World::new().await;
    let (clinic, researcher) = (world.clinic(), keys("researcher"));
    let nobody = Domain::new("clinic", vec![], vec![], None).unwrap().to_toml();
    for (run, (crime, text, rule)) in (1..).zip([
        ("another_launcher", of(&stranger(), RUNTIME, &[Lack::SecretPlaintext]), "software-launcher"),
        (
            "the_researchers_other_key",
            of(researcher.identity(), RUNTIME, &[Lack::SecretPlaintext]),
            "software-launcher",
        ),
        ("nobody", nobody, "software-launcher"),
        ("another_runtime", of(researcher.launcher(), b"older", &[Lack::SecretPlaintext]), "domain-runtime"),
        ("no_lack", of(researcher.launcher(), RUNTIME, &[]), "domain-lack"),
    ]) {
        clinic.write_domain(&text);
        assert_undecided(clinic, &Script::honest(&world.contract, run), &[rule], crime).await;
    }
}

#[tokio::test]
async fn an_edit_counts_at_once() {
    let world = World::new().await;
    let clinic = world.clinic();
    attest(clinic, &Script::honest(&world.contract, 1)).await.unwrap();
    clinic.write_domain(&of(&stranger(), RUNTIME, &[Lack::SecretPlaintext]));
    assert_undecided(clinic, &Script::honest(&world.contract, 2), &["software-launcher"], "after the edit").await;
}

/// The clinic's domain with a signer for each of these parties' keys, and words of the entry.
fn with_signers(signers: &[(&str, String, &str)]) -> String {
    let entry = |(name, key, words): &(&str, String, &str)| {
        format!("\n[[signer]]\nname = \"{name}\"\nkey = \"{key}\"\n{words}\n")
    };
    domain("clinic").to_toml() + &signers.iter().map(entry).collect::<String>()
}

fn signer(party: &str) -> (&str, String, &'static str) {
    (party, keys(party).public().to_string(), "")
}

#[tokio::test]
async fn a_domain_that_names_signers_takes_no_contract_of_others() {
    let world = World::new().await;
    let clinic = world.clinic();
    let others: Vec<&str> = PARTIES.into_iter().filter(|party| *party != "clinic").collect();
    let all: Vec<_> = others.iter().map(|party| signer(party)).collect();
    let (last, rest) = all.split_last().unwrap();
    let digest = keys(last.0).public().spki_digest().to_string();
    for (run, (crime, signers)) in (1..).zip([
        ("one_party_is_not_named", rest.to_vec()),
        ("another_key_of_that_name", [rest, &[(last.0, stranger().public().to_string(), "")]].concat()),
        ("the_signer_has_ended", [rest, &[(last.0, last.1.clone(), "until = 2026-11-20")]].concat()),
        ("the_signer_has_not_begun", [rest, &[(last.0, last.1.clone(), "from = 2027-01-01")]].concat()),
    ]) {
        clinic.write_domain(&with_signers(&signers));
        assert_undecided(clinic, &Script::honest(&world.contract, run), &["domain-signer"], crime).await;
    }
    // By its digest a key is named as well; the owner need not name itself, nor any domain its signers.
    let by_digest = [rest, &[(last.0, digest, "")]].concat();
    for (run, text) in (100..).zip([with_signers(&all), with_signers(&by_digest), domain("clinic").to_toml()]) {
        clinic.write_domain(&text);
        attest(clinic, &Script::honest(&world.contract, run)).await.unwrap();
    }
    finish(&world, &Script::honest(&world.contract, 200)).await;
}

#[tokio::test]
async fn a_domain_whose_only_signer_is_revoked_takes_no_contract() {
    let world = World::new().await;
    let clinic = world.clinic();
    let all: Vec<_> = PARTIES.into_iter().filter(|party| *party != "clinic").map(signer).collect();
    let text = with_signers(&all);
    clinic.write_domain(&text);
    attest(clinic, &Script::honest(&world.contract, 1)).await.unwrap();
    let named = Domain::parse(&text).unwrap();
    let signers = named.own().filter(|said| said.statement().label == all[0].0);
    let revoked: String =
        signers.map(|said| format!("\n[[revoke]]\nstatement = \"{}\"\nfrom = 2026-01-01\n", said.digest())).collect();
    clinic.write_domain(&(text + &revoked));
    assert_undecided(clinic, &Script::honest(&world.contract, 2), &["domain-signer"], "revoked").await;
}

/// A revoked party is told so, whether the domain names signers or not: a `[[signer]]` for it would contradict the revocation.
#[tokio::test]
async fn a_party_whose_key_is_revoked_is_told_so() {
    let world = World::new().await;
    let clinic = world.clinic();
    let all: Vec<_> = PARTIES.into_iter().filter(|party| *party != "clinic").map(signer).collect();
    let (last, rest) = all.split_last().unwrap();
    let revoked = format!("\n[[revoke]]\nkey = \"{}\"\nfrom = 2026-01-01\n", last.1);
    for (run, text) in (1..).zip([with_signers(rest), domain("clinic").to_toml()]) {
        clinic.write_domain(&text);
        // Without the revocation the one names no such signer, and the other takes everybody's signature.
        if run == 1 {
            assert_undecided(clinic, &Script::honest(&world.contract, run), &["domain-signer"], "not named").await;
        } else {
            attest(clinic, &Script::honest(&world.contract, run)).await.unwrap();
        }
        clinic.write_domain(&(text + &revoked));
        assert_undecided(clinic, &Script::honest(&world.contract, run + 50), &["domain-revoked"], "revoked").await;
    }
}

/// A `[[program]]` for it would contradict the revocation.
#[tokio::test]
async fn a_program_that_is_revoked_is_told_so() {
    let world = World::new().await;
    let clinic = world.clinic();
    let own = Script::honest(&world.contract, 1).program;
    let named = format!("\n[[program]]\nname = \"survival\"\ndigest = \"{own}\"\n");
    let revoked = format!("\n[[revoke]]\nprogram = \"{own}\"\nfrom = 2026-01-01\n");
    for (run, programs) in (1..).zip(["", &named]) {
        clinic.write_domain(&(domain("clinic").to_toml() + programs + &revoked));
        assert_undecided(clinic, &Script::honest(&world.contract, run), &["domain-revoked"], "revoked").await;
    }
}

#[tokio::test]
async fn a_domain_that_names_programs_runs_no_others() {
    let world = World::new().await;
    let clinic = world.clinic();
    let program = |digest: Digest, words: &str| {
        domain("clinic").to_toml() + &format!("\n[[program]]\nname = \"survival\"\ndigest = \"{digest}\"\n{words}\n")
    };
    let own = Script::honest(&world.contract, 1).program;
    // Without programs, any that the contract names will do.
    attest(clinic, &Script::honest(&world.contract, 1)).await.unwrap();
    for (run, (crime, text)) in (2..).zip([
        ("another_program", program(Digest::of(b"another program"), "")),
        ("the_program_has_ended", program(own, "until = 2026-11-20")),
        ("the_program_has_not_begun", program(own, "from = 2027-01-01")),
    ]) {
        clinic.write_domain(&text);
        assert_undecided(clinic, &Script::honest(&world.contract, run), &["domain-program"], crime).await;
    }
    for (run, words) in (100..).zip(["", "release = \"survival\"\nversion = 2"]) {
        clinic.write_domain(&program(own, words));
        attest(clinic, &Script::honest(&world.contract, run)).await.unwrap();
    }
}

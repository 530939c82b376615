//! Whom an owner believes is its own file, read for every session. Where it says nothing, nobody is believed.

use casemate_cose::{Digest, SigningKey};
use casemate_evidence::Lack;
use casemate_trust::{
    Domain,
    domain::{Launcher, Process, Runtime},
};

use crate::{
    keep::{Script, assert_undecided, attest, finish},
    study::{RUNTIME, keys, stranger},
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
        ("too_long", format!("{honest}\n#{}", "x".repeat(1 << 20))),
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

//! A Wasm program's run: every receipt says whose word its output is, and no other output passes for it.

use casemate_contract::{FREE_FORM, FullySigned, GateOutcome, Output, OutputFile, ResultBody, RunBundle};
use casemate_cose::{Digest, encode};
use casemate_ledger::Event;
use casemate_service::{verify_result, verify_run};

use crate::{
    keep::{Script, release_all, result, rules},
    study::{edited, passed, signed},
    world::World,
};

/// The study with a program in place of its query.
fn toml() -> String {
    let sql = edited(&[]);
    let (start, end) = (sql.find("sql = \"\"\"").unwrap(), sql.find("runners = [\"researcher\"]\nrecip").unwrap());
    let program = format!(
        r#"wasm = "{}"
inputs = {{ "radii.csv" = "SELECT radius FROM measurements" }}
outputs = {{ "model.csv" = {{ radius = "float64" }}, "report.txt" = "text" }}
max_output_bytes = 64
clock_rounds_to_s = 3600
seed = 7
limits = {{ memory_mib = 64, seconds = 10 }}
free_form = true
"#,
        Digest::of(b"program")
    );
    edited(&[(&sql[start..end], &program)])
}

async fn world() -> World {
    World { contract: signed(&toml()), ..World::new().await }
}

fn files(files: &[(&str, &[u8])]) -> Output {
    let file = |(name, bytes): &(&str, &[u8])| OutputFile { name: name.parse().unwrap(), bytes: bytes.to_vec() };
    Output::Files(files.iter().map(file).collect())
}

/// What every gate says of a program's output.
fn outcomes(contract: &FullySigned) -> Vec<GateOutcome> {
    let contract = contract.contract();
    let computation = &contract.computations()[0];
    let outcomes = contract.reads(computation).flat_map(|(dataset, _)| {
        let rules = dataset.gate.rules_for(&computation.program);
        rules.into_iter().map(|rule| GateOutcome::passed(dataset.name.clone(), rule))
    });
    outcomes.collect()
}

/// A run that ends in `output`: its record, and the result signed by the keep.
async fn finish(world: &World, run: u8, output: Output) -> (Vec<u8>, Vec<u8>) {
    let script = Script::honest(&world.contract, run);
    let body = ResultBody { output, ..result(&world.contract, script.run) };
    let gates = encode(&outcomes(&world.contract));
    let mut records = Vec::new();
    for keyed in release_all(world, &script).await.unwrap() {
        records.push(keyed.permit(body.digest(), gates.clone()).await.unwrap().1);
    }
    let bundle = RunBundle::new(script.contract.clone(), script.manifest.clone(), script.key.public(), records);
    (bundle.to_bytes(), body.sign(&script.key))
}

#[tokio::test]
async fn an_honest_run_says_everywhere_whose_word_its_output_is() {
    let world = world().await;
    let output = files(&[("model.csv", b"radius\n1\n"), ("report.txt", b"fine")]);
    let (bundle, object) = finish(&world, 1, output.clone()).await;
    let run = verify_run(&bundle, Some(world.contract.digest())).unwrap();
    assert_eq!(run.free_form(), Some(FREE_FORM));
    assert_eq!(verify_result(&object, &run).unwrap().output, output);
    for owner in &run.owners {
        for receipt in [&owner.release, &owner.permit] {
            assert!(receipt.body().reasons.iter().any(|reason| reason == FREE_FORM), "{:?}", receipt.body());
        }
        assert_eq!(owner.permit.body().event, Event::Permit);
        let gates = &owner.permit.body().gates;
        assert!(
            gates.iter().any(|gate| gate.contains("free-form output of a program that every signer trusts: passed"))
        );
    }
}

/// A keep is measured, so it checks its own output; a record of one that did not is refused all the same.
#[tokio::test]
async fn an_output_that_was_not_declared_is_refused_though_every_owner_permitted_it() {
    let world = world().await;
    let honest: [(&str, &[u8]); 2] = [("model.csv", b"radius\n1\n"), ("report.txt", b"fine")];
    for (run, crime, output, said) in [
        (1, "an_undeclared_file", files(&[honest[0], honest[1], ("x.csv", b"secret")]), "`x.csv` is not among"),
        (2, "a_missing_file", files(&honest[..1]), "`report.txt` is not there"),
        (3, "a_table", Output::Table(b"ARROW1".to_vec()), "`a table` of a computation in wasm"),
        (4, "too_many_bytes", files(&[honest[0], ("report.txt", &[b'a'; 64])]), "more than 64 bytes"),
        (5, "bytes_that_are_no_text", files(&[honest[0], ("report.txt", &[0xff])]), "`report.txt` is not UTF-8"),
    ] {
        let (bundle, object) = finish(&world, run, output).await;
        let run = verify_run(&bundle, None).unwrap();
        let error = verify_result(&object, &run).unwrap_err().to_string();
        assert!(error.contains(said), "{crime}: {error}");
    }
}

#[tokio::test]
async fn no_permit_without_saying_that_the_output_is_free_form() {
    let world = world().await;
    let honest = outcomes(&world.contract);
    let unsaid: Vec<_> = honest.iter().filter(|outcome| !outcome.gate.starts_with("free-form")).cloned().collect();
    for (run, crime, gates) in [(1, "unsaid", unsaid), (2, "called a query's", passed(&world.contract))] {
        let keyed = release_all(&world, &Script::honest(&world.contract, run)).await.unwrap();
        for one in keyed {
            let permit = one.permit(Digest::of(b"result"), encode(&gates)).await;
            assert_eq!(rules(permit, crime), ["gate-missing"]);
        }
    }
}

#[tokio::test]
async fn another_program_gets_no_key() {
    let world = world().await;
    let mut script = Script::honest(&world.contract, 1);
    script.program = Digest::of(b"the artifact of another");
    let refused = release_all(&world, &script).await;
    assert_eq!(rules(refused, "another program"), ["program-digest", "contract-cedar"]);
}

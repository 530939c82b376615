//! A stock nginx and a stock curl, with what `casemate admission` wrote and no knowledge of attestation.

use std::{path::Path, process::Command};

use casemate_testkit::{
    tool,
    web::{ANSWER, HOST, Nginx},
};

use super::{LATER, STARTS, World};
use crate::party::{Answer, Party};

/// Serves with this certificate and this key, to whom the clinic's authority names; its clock starts at `starts`.
fn serve(nginx: &Path, world: &World, [certificate, key]: [&str; 2], starts: &str) -> Nginx {
    let files = [certificate, key, "state/authority.pem"];
    Nginx::start(&world.clinic.folder, files, || world.at(starts, Command::new(nginx)))
}

/// What curl says, with this certificate and this key: its exit code and the answer.
fn ask(curl: &Path, world: &World, nginx: &Nginx, client: Option<[&str; 2]>) -> (Option<i32>, String) {
    let client = client.map(|names| names.map(|name| world.clinic.join(name)));
    let client = client.as_ref().map(|paths| paths.each_ref().map(|path| path.as_path()));
    nginx.ask(world.at(LATER, Command::new(curl)), &world.clinic.join("state/authority.pem"), client)
}

/// Another party, which accepts the same enclave and calls it the same, but in its own trust domain.
fn bank(world: &World, runs: &str) {
    let bank = Party::new(world.folder.path(), "bank");
    bank.expect(&["init", "--name", "bank"]);
    let call = |args: &[&str]| {
        let answer = Answer::of(world.at(STARTS, bank.command(args)));
        assert_eq!(answer.code, Some(0), "{answer:?}");
    };
    call(&["admission", "init", "--trust-domain", "bank.example"]);
    let path = bank.join("state/admission.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let workload = format!(
        "[[workload]]\nname = \"cohort\"\nruns = \"{runs}\"\ndns = [\"{HOST}\"]\nreport_data = \"key-digest\"\n"
    );
    std::fs::write(path, format!("{text}\n{workload}")).unwrap();
    let args = ["admission", "issue", "../clinic/client.ratls", "--domain", "../clinic/domain.toml"];
    let endorsed = ["--endorsements", "../clinic/collateral", "--trust-root", "intel=../clinic/root.der"];
    call(&[&args, &endorsed[..], &["--out", "../clinic/bank.pem"]].concat());
}

#[test]
fn nginx_and_curl_admit_attested_keys_and_no_others() {
    const TEST: &str = "admission: nginx and curl";
    let (Some(nginx), Some(curl)) = (tool(TEST, "nginx", "nginx-light"), tool(TEST, "curl", "curl")) else {
        return;
    };
    let Some(world) = World::new("admission-mtls") else { return };
    let runs = world.name_it();
    for name in ["server", "client"] {
        let made = world.issue(&format!("{name}.ratls"), &format!("{name}.pem"), &[]);
        assert_eq!(made.code, Some(0), "{made:?}");
    }
    bank(&world, &runs);
    world
        .clinic
        .write("client.raw.pem", super::pem("CERTIFICATE", &std::fs::read(world.clinic.join("client.ratls")).unwrap()));

    let server = serve(&nginx, &world, ["server.pem", "server.key"], LATER);
    let admitted = |client| ask(&curl, &world, &server, client);
    assert_eq!(admitted(Some(["client.pem", "client.key"])), (Some(0), ANSWER.to_owned()), "two attested keys");
    // 22: the server answered with an error, as nginx tells it over HTTP.
    let refused = (Some(22), String::new());
    assert_eq!(admitted(None), refused, "nobody");
    assert_eq!(admitted(Some(["bank.pem", "client.key"])), refused, "the same key, named by another authority");
    assert_eq!(admitted(Some(["client.raw.pem", "client.key"])), refused, "evidence is no name: nginx can't judge it");
    // 58: curl itself finds that key and certificate are no pair.
    assert_eq!(admitted(Some(["client.pem", "server.key"])).0, Some(58), "another's certificate");

    // The verdicts ended a minute ago, by the server's clock.
    let late = serve(&nginx, &world, ["server.pem", "server.key"], "@2026-11-22 02:01:30");
    assert_eq!(ask(&curl, &world, &late, Some(["client.pem", "client.key"])), refused, "replayed after its end");
    // 60: the peer's certificate is not believed.
    let impostor = serve(&nginx, &world, ["bank.pem", "client.key"], LATER);
    let answer = ask(&curl, &world, &impostor, Some(["client.pem", "client.key"]));
    assert_eq!(answer, (Some(60), String::new()), "a server of another authority");
}

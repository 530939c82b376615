//! A stock nginx and a stock curl, with what `casemate admission` wrote and no knowledge of attestation.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use casemate_testkit::tool;

use super::{LATER, STARTS, World};
use crate::party::{Answer, Party};

const HOST: &str = "cohort.clinic.example";
const ANSWER: &str = "from one attested keep to another";

/// An nginx that ends with the test.
struct Nginx {
    child: Child,
    port: u16,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Nginx {
    /// Serves with this certificate and this key, and asks every client for one of the clinic's authority; its clock starts at `starts`.
    fn start(nginx: &Path, world: &World, [certificate, key]: [&str; 2], starts: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let home = world.clinic.folder.display();
        let config = format!(
            "daemon off; master_process off; pid {home}/{port}.pid; error_log stderr; events {{}}
            http {{
              access_log off;
              client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
              uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
              server {{
                listen 127.0.0.1:{port} ssl;
                ssl_protocols TLSv1.3;
                ssl_certificate {home}/{certificate};
                ssl_certificate_key {home}/{key};
                ssl_client_certificate {home}/state/authority.pem;
                ssl_verify_client on;
                ssl_verify_depth 1;
                location / {{ return 200 \"{ANSWER}\"; }}
              }}
            }}"
        );
        let file = world.clinic.write(&format!("{port}.conf"), config);
        let mut command = world.at(starts, Command::new(nginx));
        command.args(["-e", "stderr", "-c"]).arg(world.clinic.join(&file)).stderr(Stdio::piped());
        let mut nginx = Self { child: command.spawn().unwrap(), port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return nginx;
            }
            assert!(nginx.child.try_wait().unwrap().is_none(), "nginx ended");
            sleep(Duration::from_millis(50));
        }
        panic!("nginx does not listen");
    }
}

/// What curl says, with this certificate and this key: its exit code and the answer.
fn curl(curl: &Path, world: &World, nginx: &Nginx, client: Option<[&str; 2]>) -> (Option<i32>, String) {
    let port = nginx.port;
    let mut command = world.at(LATER, Command::new(curl));
    command.args(["--silent", "--fail", "--noproxy", "*", "--max-time", "20", "--cacert", "state/authority.pem"]);
    command.args(["--resolve", &format!("{HOST}:{port}:127.0.0.1")]).current_dir(&world.clinic.folder);
    if let Some([certificate, key]) = client {
        command.args(["--cert", certificate, "--key", key]);
    }
    let output = command.arg(format!("https://{HOST}:{port}/")).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
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
    let (Some(nginx), Some(curl_path)) = (tool(TEST, "nginx", "nginx-light"), tool(TEST, "curl", "curl")) else {
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

    let server = Nginx::start(&nginx, &world, ["server.pem", "server.key"], LATER);
    let ask = |client| curl(&curl_path, &world, &server, client);
    assert_eq!(ask(Some(["client.pem", "client.key"])), (Some(0), ANSWER.to_owned()), "two attested keys");
    // 22: the server answered with an error, as nginx tells it over HTTP.
    let refused = (Some(22), String::new());
    assert_eq!(ask(None), refused, "nobody");
    assert_eq!(ask(Some(["bank.pem", "client.key"])), refused, "the same key, named by another authority");
    assert_eq!(ask(Some(["client.raw.pem", "client.key"])), refused, "evidence is no name: nginx can't judge it");
    // 58: curl itself finds that key and certificate are no pair.
    assert_eq!(ask(Some(["client.pem", "server.key"])).0, Some(58), "another's certificate");

    // The verdicts ended a minute ago, by the server's clock.
    let late = Nginx::start(&nginx, &world, ["server.pem", "server.key"], "@2026-11-22 02:01:30");
    assert_eq!(curl(&curl_path, &world, &late, Some(["client.pem", "client.key"])), refused, "replayed after its end");
    // 60: the peer's certificate is not believed.
    let impostor = Nginx::start(&nginx, &world, ["bank.pem", "client.key"], LATER);
    let answer = curl(&curl_path, &world, &impostor, Some(["client.pem", "client.key"]));
    assert_eq!(answer, (Some(60), String::new()), "a server of another authority");
}

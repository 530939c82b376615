//! A stock nginx and a stock curl, each for an attested keep, with no configuration but files.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, SystemTime},
};

use casemate_cose::{SigningKey, UnixTime};
use casemate_testkit::{Folder, tool};

use crate::admitted::{ed25519, pem, root, svid};

const HOST: &str = "cohort.clinic.example";
const ANSWER: &str = "from one attested keep to another";

/// nginx and curl look at the clock, so their certificates are of this very minute.
fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
}

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
    /// Serves as `name`, and asks every client for a certificate of clinic's authority.
    fn start(nginx: &Path, folder: &Folder, name: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let home = folder.path().display();
        let config = format!(
            "daemon off; master_process off; pid {home}/{name}.pid; error_log stderr; events {{}}
            http {{
              access_log off;
              client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
              uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
              server {{
                listen 127.0.0.1:{port} ssl;
                ssl_protocols TLSv1.3;
                ssl_certificate {home}/{name}.pem;
                ssl_certificate_key {home}/{name}.key;
                ssl_client_certificate {home}/clinic.pem;
                ssl_verify_client on;
                ssl_verify_depth 1;
                location / {{ return 200 \"{ANSWER}\"; }}
              }}
            }}"
        );
        let file = folder.write(&format!("{name}.conf"), &config).unwrap();
        let child =
            Command::new(nginx).arg("-e").arg("stderr").arg("-c").arg(file).stderr(Stdio::piped()).spawn().unwrap();
        let mut nginx = Self { child, port };
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

/// What curl says, with the certificate of `client` and the key of `holder`: its exit code and the answer.
fn curl(curl: &Path, folder: &Folder, nginx: &Nginx, client: Option<[&str; 2]>) -> (Option<i32>, String) {
    let port = nginx.port;
    let mut command = Command::new(curl);
    command
        .args(["--silent", "--fail", "--noproxy", "*", "--max-time", "20", "--cacert"])
        .arg(folder.join("clinic.pem"));
    command.args(["--resolve", &format!("{HOST}:{port}:127.0.0.1")]);
    if let Some([certificate, key]) = client {
        command.arg("--cert").arg(folder.join(&format!("{certificate}.pem")));
        command.arg("--key").arg(folder.join(&format!("{key}.key")));
    }
    let output = command.arg(format!("https://{HOST}:{port}/")).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Writes certificate and key of an accepted keep.
fn keep(folder: &Folder, name: &str, seed: u8, trust_domain: &str, at: UnixTime) {
    let authority = ed25519(if trust_domain == "clinic" { 20 } else { 30 });
    let key = SigningKey::from_seed(&[seed; 32]);
    let svid = svid(&key, trust_domain, &authority, at);
    folder.write(&format!("{name}.pem"), pem("CERTIFICATE", &svid)).unwrap();
    folder.write(&format!("{name}.key"), pem("PRIVATE KEY", &key.pkcs8())).unwrap();
}

#[test]
fn nginx_and_curl_trust_keeps_of_one_domain_and_nobody_else() {
    const TEST: &str = "trust::result::mtls";
    let (Some(nginx), Some(curl_path)) = (tool(TEST, "nginx", "nginx-light"), tool(TEST, "curl", "curl")) else {
        return;
    };
    let folder = Folder::new("svid-mtls");
    folder.write("clinic.pem", pem("CERTIFICATE", &root("clinic", &ed25519(20), now()))).unwrap();
    keep(&folder, "server", 1, "clinic", now());
    keep(&folder, "client", 2, "clinic", now());
    keep(&folder, "bank", 3, "bank", now());
    keep(&folder, "late", 4, "clinic", UnixTime(now().0 - 1000));
    let server = Nginx::start(&nginx, &folder, "server");
    let ask = |client| curl(&curl_path, &folder, &server, client);

    assert_eq!(ask(Some(["client", "client"])), (Some(0), ANSWER.to_owned()), "two attested keeps");
    // 22: the server answered with an error, as nginx tells it over HTTP.
    let refused = (Some(22), String::new());
    assert_eq!(ask(None), refused, "without an SVID");
    assert_eq!(ask(Some(["bank", "bank"])), refused, "an SVID of another domain");
    assert_eq!(ask(Some(["late", "late"])), refused, "an SVID that is over");
    // 58: curl itself finds that key and certificate are no pair.
    assert_eq!(ask(Some(["client", "bank"])).0, Some(58), "another's SVID without its key");

    let impostor = Nginx::start(&nginx, &folder, "bank");
    // 60: the peer's certificate is not believed.
    let answer = curl(&curl_path, &folder, &impostor, Some(["client", "client"]));
    assert_eq!(answer, (Some(60), String::new()), "a server of another domain");
}

//! A stock nginx and a stock curl, each for an attested keep, with no configuration but files.

use std::{path::Path, process::Command, time::SystemTime};

use casemate_cose::{SigningKey, UnixTime};
use casemate_testkit::{
    Folder, tool,
    web::{ANSWER, Nginx},
};

use crate::admitted::{ed25519, pem, root, svid};

/// nginx and curl look at the clock, so their certificates are of this very minute.
fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
}

/// Serves as `name`, to whom the clinic's authority names.
fn serve(nginx: &Path, folder: &Folder, name: &str) -> Nginx {
    let files = [&format!("{name}.pem"), &format!("{name}.key"), "clinic.pem"];
    Nginx::start(folder.path(), files, || Command::new(nginx))
}

/// What curl says, with the certificate of the one and the key of the other: its exit code and the answer.
fn ask(curl: &Path, folder: &Folder, nginx: &Nginx, client: Option<[&str; 2]>) -> (Option<i32>, String) {
    let client =
        client.map(|[named, holder]| [folder.join(&format!("{named}.pem")), folder.join(&format!("{holder}.key"))]);
    let client = client.as_ref().map(|paths| paths.each_ref().map(|path| path.as_path()));
    nginx.ask(Command::new(curl), &folder.join("clinic.pem"), client)
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
    let (Some(nginx), Some(curl)) = (tool(TEST, "nginx", "nginx-light"), tool(TEST, "curl", "curl")) else {
        return;
    };
    let folder = Folder::new("svid-mtls");
    folder.write("clinic.pem", pem("CERTIFICATE", &root("clinic", &ed25519(20), now()))).unwrap();
    keep(&folder, "server", 1, "clinic", now());
    keep(&folder, "client", 2, "clinic", now());
    keep(&folder, "bank", 3, "bank", now());
    keep(&folder, "late", 4, "clinic", UnixTime(now().0 - 1000));
    let server = serve(&nginx, &folder, "server");
    let trusted = |client| ask(&curl, &folder, &server, client);

    assert_eq!(trusted(Some(["client", "client"])), (Some(0), ANSWER.to_owned()), "two attested keeps");
    // 22: the server answered with an error, as nginx tells it over HTTP.
    let refused = (Some(22), String::new());
    assert_eq!(trusted(None), refused, "without an SVID");
    assert_eq!(trusted(Some(["bank", "bank"])), refused, "an SVID of another domain");
    assert_eq!(trusted(Some(["late", "late"])), refused, "an SVID that is over");
    // 58: curl itself finds that key and certificate are no pair.
    assert_eq!(trusted(Some(["client", "bank"])).0, Some(58), "another's SVID without its key");

    let impostor = serve(&nginx, &folder, "bank");
    // 60: the peer's certificate is not believed.
    let answer = ask(&curl, &folder, &impostor, Some(["client", "client"]));
    assert_eq!(answer, (Some(60), String::new()), "a server of another domain");
}

//! The host's libraries in a keep: each is digested, and nothing that the runtime does not name gets in.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use casemate_cose::{Digest, SigningKey};
use casemate_evidence::{Authenticated, DangerouslyUnbound, Endorsements, Evidence, authenticate};
use casemate_launch::{LaunchError, Libraries, Presence};
use casemate_trust::{DenyReason, Domain, Verdict, appraise};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

use crate::launcher::{AT, answer, as_ordinary_user, broker, run, spec};

#[test]
fn every_library_is_digested_as_the_file_that_it_is() {
    let (_, report) = answer(spec("look"));
    let names: Vec<&str> = report.libraries.iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"libc.so.6") && names.iter().any(|name| name.starts_with("ld-linux")), "{names:?}");
    for (name, library) in report.libraries.iter() {
        assert_eq!(library.digest, Digest::of(&fs::read(&library.path).unwrap()), "{name}");
    }
    // What evidence states is these.
    let stated = evidence().claims().software().unwrap().libraries;
    assert_eq!(stated, report.libraries.digest());
    // This program calls for the same ones as the probe.
    assert_eq!(casemate_launch::libraries().unwrap(), report.libraries);
}

#[test]
fn an_ordinary_users_launcher_sees_them_too() {
    as_ordinary_user("libraries::every_library_is_digested_as_the_file_that_it_is");
}

#[test]
fn a_library_that_the_host_preloads_is_refused_by_its_name() {
    const NAME: &str = "a_library_that_the_host_preloads_is_refused_by_its_name";
    let libraries = casemate_launch::libraries().unwrap();
    let (_, libm) = libraries.iter().find(|(name, _)| *name == "libm.so.6").unwrap();
    // The second calls itself by the name of a library that the runtime calls for, and brings that along: all that is called is there.
    let (harmless, impostor) = (compiled("preloaded.so", None), compiled("libm.so.6", Some(&libm.path)));
    on_another_host(NAME, move |host| {
        let library = host.etc.join("preloaded.so");
        fs::write(&library, harmless).unwrap();
        let in_keep = || run(spec("look"));
        assert!(in_keep().is_ok(), "as long as nobody preloads it");

        fs::write(host.etc.join("ld.so.preload"), "/etc/preloaded.so\n").unwrap();
        // The attack: every program of this host has it, a keep as well.
        let maps = Command::new("/bin/cat").arg("/proc/self/maps").output().unwrap().stdout;
        assert!(String::from_utf8_lossy(&maps).contains("/etc/preloaded.so"));
        let error = in_keep().unwrap_err();
        assert!(matches!(error, LaunchError::Unmeasured(_)), "{error:?}");
        assert_eq!(
            error.to_string(),
            "the keep runs more than what is measured: `/etc/preloaded.so` is mapped into it, which the measured runtime does \
             not call for"
        );
        assert!(error.remedy().contains("/etc/ld.so.preload"), "{}", error.remedy());
        let rows = casemate_launch::probe();
        let row = rows.iter().find(|row| row.what == "no preloaded libraries").unwrap();
        assert_eq!(row.presence, Presence::Absent);
        assert!(
            row.detail.contains("`/etc/preloaded.so`") && row.remedy.contains("/etc/ld.so.preload"),
            "{}",
            row.detail
        );

        fs::write(&library, impostor).unwrap();
        let error = in_keep().unwrap_err();
        assert!(matches!(error, LaunchError::Unmeasured(_)), "{error:?}");
        let told = error.to_string();
        assert!(told.contains("both mapped into it as `libm.so.6`") && told.contains("`/etc/preloaded.so`"), "{told}");
    });
}

#[test]
fn another_c_library_is_another_digest_which_a_domain_that_names_them_denies() {
    const NAME: &str = "another_c_library_is_another_digest_which_a_domain_that_names_them_denies";
    on_another_host(NAME, |host| {
        let known = evidence();
        let accepts = known.claims().software().unwrap().libraries;
        let libm = host.libraries.iter().find(|(name, _)| *name == "libm.so.6").unwrap().1.path.clone();
        let copy = host.etc.join("libm.so.6");
        fs::copy(&libm, &copy).unwrap();
        let mut bytes = fs::read(&copy).unwrap();
        bytes.extend(b"patched");
        fs::write(&copy, &bytes).unwrap();
        bind(&copy, &libm);

        let other = evidence();
        let stated = other.claims().software().unwrap().libraries;
        assert_ne!(stated, accepts);
        assert_eq!(other.claims().software().unwrap().runtime, known.claims().software().unwrap().runtime);
        let domain = domain(&known, &format!("require = {{ libraries = [\"{accepts}\"] }}\n"));
        assert!(matches!(appraise(known, &domain, AT), Verdict::Accepted(_)));
        let Verdict::Denied(reasons) = appraise(other, &domain, AT) else { panic!("accepted") };
        let [DenyReason::Property { property, .. }] = reasons.as_slice() else { panic!("{reasons:?}") };
        assert_eq!(property, "libraries");
        let reason = reasons[0].reason();
        assert!(reason.actual.contains(&stated.to_string()), "{reason:?}");
        assert!(reason.expected.contains(&accepts.to_string()), "{reason:?}");
        // A domain that names none of them accepts what it is told.
        let lenient = self::domain(&evidence(), "");
        assert!(matches!(appraise(evidence(), &lenient, AT), Verdict::Accepted(_)));
    });
}

/// A host whose files a test may change, as its root: a mount namespace with an empty `/etc`.
struct Host {
    etc: PathBuf,
    libraries: Libraries,
}

/// Runs `test` on a thread with such a host. Threads that it starts, and keeps, have the same.
fn on_another_host(name: &str, test: impl FnOnce(&Host) + Send + 'static) {
    let made = thread::spawn(move || {
        let libraries = casemate_launch::libraries().unwrap();
        if unshare(CloneFlags::CLONE_NEWNS).is_err() {
            return false;
        }
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(Some("none"), "/etc", Some("tmpfs"), MsFlags::empty(), Some("mode=755")).unwrap();
        test(&Host { etc: "/etc".into(), libraries });
        true
    });
    match made.join() {
        Ok(true) => {}
        Ok(false) => casemate_testkit::skip(name, "no mount namespace for this user", "run the tests as root as well"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn bind(from: &Path, to: &Path) {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
}

/// A library that does nothing but be there, and calls itself `name`.
fn compiled(name: &str, brings: Option<&Path>) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("library.c"), folder.path().join("library.so"));
    fs::write(&source, "__attribute__((constructor)) static void loaded(void) {}\n").unwrap();
    let mut command = Command::new("cc");
    command.args(brings.map(|other| format!("-Wl,-f,{}", other.display())));
    command.args(["-shared", "-fPIC", &format!("-Wl,-soname,{name}"), "-o"]).arg(&library).arg(&source);
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("the C compiler `cc`, which building Casemate needs too: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read(library).unwrap()
}

/// What the launcher signs for a keep of this host.
fn evidence() -> Authenticated<DangerouslyUnbound> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut asking = spec("evidence 1");
    asking.brokers = vec![broker("owner", listener.local_addr().unwrap())];
    let (digits, _) = answer(asking);
    let digits: Vec<char> = digits.trim().chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    let evidence = Evidence::from_bytes(&digits.chunks(2).map(byte).collect::<Vec<u8>>()).unwrap();
    let endorsements = Endorsements::of_launchers([SigningKey::from_seed(&[9; 32]).public()]);
    authenticate(&evidence, &endorsements, &DangerouslyUnbound, AT).unwrap()
}

/// A domain that accepts a keep with this evidence, whatever it lacks, and asks `more` of it.
fn domain(evidence: &Authenticated<DangerouslyUnbound>, more: &str) -> Domain {
    let software = evidence.claims().software().unwrap();
    let lacks: Vec<String> = casemate_evidence::Lack::ALL.iter().map(|lack| format!("\"{lack}\"")).collect();
    let text = format!(
        "[domain]\nowner = \"clinic\"\n\n[[launcher]]\nname = \"host\"\nkey = \"{}\"\n\n[[runtime]]\nname = \"casemate\"\n\
         digest = \"{}\"\n\n[process]\naccept_lacks = [{}]\n{more}",
        software.launcher,
        software.runtime,
        lacks.join(", ")
    );
    Domain::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

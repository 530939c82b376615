//! What is measured is what runs; what is signed is what was measured.

use std::{
    collections::BTreeSet, fs, io::Write as _, net::TcpListener, os::unix::fs::PermissionsExt as _, process::Command,
};

use casemate_cose::{Digest, SigningKey};
use casemate_evidence::{AllowDebug, DangerouslyUnbound, Endorsements, Evidence, Lack, authenticate};
use casemate_launch::{Debug, Isolation as _, LaunchError, Outcome, Process};

use crate::launcher::{AT, answer, as_ordinary_user, broker, probe, probe_with, run, spec};

#[test]
fn one_more_byte_is_another_digest() {
    let (_, honest) = answer(spec("look"));
    let (_folder, runtime) = probe_with(b"x");
    let (_, altered) = answer(casemate_launch::Spec { runtime, ..spec("look") });
    assert_eq!(honest.runtime, Digest::of(&fs::read(probe()).unwrap()));
    assert_ne!(honest.runtime, altered.runtime);
}

#[test]
fn replacing_the_file_after_measuring_has_no_effect() {
    let (_folder, path) = probe_with(b"");
    let expected = Digest::of(&fs::read(&path).unwrap());
    let measured = casemate_launch::Spec { runtime: path.clone(), ..spec("look") }.measure().unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "#!/bin/sh\nexit 42\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    // The attack: whoever measures the file and then executes its path runs something else.
    assert_eq!(Command::new(&path).status().unwrap().code(), Some(42));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(async { Process.start(measured).await.unwrap().run(|_| {}).await.unwrap() });
    let Outcome::Done { bundle, report, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(report.runtime, expected);
    assert!(String::from_utf8(bundle).unwrap().contains("arguments=1"));
}

#[test]
fn a_runtime_that_lies_about_its_isolation_is_seen_through() {
    let (_folder, runtime) = probe_with(b"\ncasemate-liar\n");
    let mut lying = spec("look");
    lying.runtime = runtime;
    lying.accept_lacks = vec![Lack::SecretPlaintext];
    let error = run(lying).unwrap_err();
    if nix::unistd::geteuid().is_root() {
        // It keeps root's capabilities, or the one to lock memory, or looks undumpable as root's: refused all the same.
        assert!(matches!(error, LaunchError::Inspection(_) | LaunchError::Lacks(_)), "{error}");
        return;
    }
    let LaunchError::Lacks(found) = error else { panic!("{error}") };
    let found: BTreeSet<Lack> = found.into_iter().collect();
    for lack in [
        Lack::EmptyRoot,
        Lack::IpcNamespace,
        Lack::MountNamespace,
        Lack::NetworkNamespace,
        Lack::PidNamespace,
        Lack::ResourceLimits,
        Lack::Seccomp,
        Lack::Undumpable,
        Lack::UserNamespace,
    ] {
        assert!(found.contains(&lack), "{lack} was not noticed");
    }
}

#[test]
fn an_ordinary_user_sees_through_it_too() {
    as_ordinary_user("runtime::a_runtime_that_lies_about_its_isolation_is_seen_through");
}

#[test]
fn a_binary_that_is_no_keep_is_refused() {
    for runtime in ["/bin/true", "/bin/false"] {
        let error = run(casemate_launch::Spec { runtime: runtime.into(), ..spec("look") }).unwrap_err();
        assert!(matches!(error, LaunchError::Died { .. } | LaunchError::Control(_)), "{runtime}: {error}");
    }
    let absent = casemate_launch::Spec { runtime: "/no/such/binary".into(), ..spec("look") };
    assert!(matches!(run(absent), Err(LaunchError::Measure { .. })));
    // The C library hands what is not executable to a shell, which is no keep either.
    let empty = casemate_launch::Spec { runtime: "/dev/null".into(), ..spec("look") };
    let error = run(empty).unwrap_err();
    assert!(matches!(error, LaunchError::Died { .. } | LaunchError::Spawn(_)), "{error:?}");
}

#[test]
fn a_dead_broker_is_named_with_its_address() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut dead = spec("look");
    dead.brokers = vec![broker("clinic", address)];
    let error = run(dead).unwrap_err();
    assert!(error.to_string().contains("`clinic`") && error.to_string().contains(&address.to_string()), "{error}");
    assert!(error.remedy().contains("casemate broker run"));
}

#[test]
fn each_socket_leads_to_its_own_broker() {
    let mut relayed = spec("echo");
    let mut talkers = Vec::new();
    for owner in ["clinic", "registry"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        relayed.brokers.push(broker(owner, listener.local_addr().unwrap()));
        talkers.push(std::thread::spawn(move || {
            listener.accept().unwrap().0.write_all(format!("i am {owner}").as_bytes()).unwrap();
        }));
    }
    let (heard, _) = answer(relayed);
    assert_eq!(heard, "clinic:i am clinic,registry:i am registry");
    talkers.into_iter().for_each(|talker| talker.join().unwrap());
}

/// What a keep gets that asks `count` times, with `brokers` brokers.
fn evidence(count: u32, brokers: usize, debug: Debug) -> Vec<Vec<u8>> {
    let listeners: Vec<TcpListener> = (0..brokers).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let mut asking = spec(&format!("evidence {count}"));
    asking.debug = debug;
    asking.brokers = listeners.iter().map(|listener| broker("owner", listener.local_addr().unwrap())).collect();
    let (answers, _) = answer(asking);
    answers
        .lines()
        .map(|line| {
            let digits: Vec<char> = line.chars().collect();
            digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
        })
        .collect()
}

#[test]
fn evidence_states_what_was_measured_once_for_each_broker() {
    let answers = evidence(3, 2, Debug::Forbidden);
    let endorsements = Endorsements::of_launchers([SigningKey::from_seed(&[9; 32]).public()]);
    for (number, answer) in (0..).zip(&answers[..2]) {
        let evidence = Evidence::from_bytes(answer).unwrap();
        let authentic = authenticate(&evidence, &endorsements, &DangerouslyUnbound, AT).unwrap();
        let claims = authentic.claims();
        let software = claims.software().unwrap();
        assert_eq!(claims.report_data.bytes, [number; 64]);
        assert_eq!(software.runtime, Digest::of(&fs::read(probe()).unwrap()));
        assert_eq!(software.program, Digest::of(b"evidence 3"));
        assert_eq!(claims.manifest, Some(Digest::of(b"manifest")));
        assert!(!claims.debug);
        let fits = software.secret_bytes > spec("look").limits.memory_bytes;
        assert_eq!(software.lacks.contains(&Lack::SecretPlaintext), !fits);
    }
    assert!(String::from_utf8_lossy(&answers[2]).contains("used up"));
}

#[test]
fn evidence_of_a_keep_for_debugging_says_so_and_is_refused_elsewhere() {
    let answers = evidence(1, 1, Debug::Allowed);
    let endorsements = Endorsements::of_launchers([SigningKey::from_seed(&[9; 32]).public()]);
    let evidence = Evidence::from_bytes(&answers[0]).unwrap();
    assert!(authenticate(&evidence, &endorsements, &DangerouslyUnbound, AT).is_err());
    let authentic = authenticate(&evidence, &endorsements, &AllowDebug::new(DangerouslyUnbound), AT).unwrap();
    let claims = authentic.claims();
    assert!(claims.debug && claims.software().unwrap().lacks.contains(&Lack::Undumpable));
}

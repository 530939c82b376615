//! What is imported judges evidence: a domain of nothing but imported statements accepts recorded evidence, and a change of one word
//! in the imported document denies it for that reason.

use std::{collections::BTreeMap, fs, path::Path};

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, Authenticated, DangerouslyUnbound, Endorsement, Endorsements, Evidence, authenticate, loose, recognise,
    rfc3339,
};
use casemate_testkit::vectors;
use casemate_trust::{
    Domain, Verdict, appraise,
    component::{Component, components},
    import::{Imported, azure_release, certifier, corim, rvps},
    statement::Value,
};
use serde_json::json;

/// Evidence of a file, authenticated.
fn evidence(
    vectors: &Path,
    file: &str,
    endorsed: &[Endorsement],
    at: UnixTime,
) -> Authenticated<AllowDebug<DangerouslyUnbound>> {
    let found = recognise(&fs::read(vectors.join(file)).unwrap()).unwrap();
    let [evidence]: [Evidence; 1] = found.evidence.try_into().unwrap();
    let endorsements = Endorsements::of_vendors().with_all(endorsed.iter().cloned()).with_all(found.carried);
    authenticate(&evidence, &endorsements, &AllowDebug::new(DangerouslyUnbound), at).unwrap()
}

/// The reasons of a denial; none, if it is accepted. The domain goes through its text, as a person would keep it.
#[track_caller]
fn denied(imported: &Imported, evidence: Authenticated<AllowDebug<DangerouslyUnbound>>) -> Vec<String> {
    let domain = Domain::of("clinic", 0, imported.statements.clone(), Vec::new(), Vec::new()).unwrap();
    let text = domain.to_toml();
    let domain = Domain::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let at = evidence.claims().at;
    match appraise(evidence, &domain, at) {
        Verdict::Accepted(_) => Vec::new(),
        Verdict::Denied(reasons) => reasons.iter().map(ToString::to_string).collect(),
    }
}

/// The same bytes with another word in every place of one.
fn swapped(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        out[at..at + to.len()].copy_from_slice(to);
    }
    out
}

#[test]
fn a_psa_corim_judges_the_token_that_it_was_made_for() {
    let Some(vectors) = vectors("a PSA CoRIM and the token of its device") else { return };
    let document = fs::read(vectors.join("psa/corim-corim-psa-valid.cbor")).unwrap();
    let at = rfc3339("2026-01-01T00:00:00Z").unwrap();
    let token = |imported: &Imported| evidence(&vectors, "psa/psaintegtoken.cbor", &imported.endorsements, at);
    // Veraison's token names another signer than its CoRIM, component by component.
    let imported = corim::import(&document, None).unwrap();
    let reasons = denied(&imported, token(&imported));
    assert_eq!(reasons.len(), 3, "{reasons:#?}");
    assert!(
        reasons.iter().enumerate().all(|(place, reason)| reason.contains(&format!("software{place}.signer"))),
        "{reasons:#?}"
    );
    let [ours, theirs] = [
        "5378796307535df3ec8d8b15a2e2dc5641419c3d3060cfe32238c0fa973f7aa3",
        "acbb11c7e4da217205523ce4ce1a245ae1a239ae3c6bfd9e7871f7e5d8bae86b",
    ]
    .map(|id| hex::decode(id).unwrap());
    let document = swapped(&document, &ours, &theirs);
    let imported = corim::import(&document, None).unwrap();
    assert_eq!(denied(&imported, token(&imported)), [""; 0]);
    // One word each.
    let digest = hex::decode("0263829989b6fd95").unwrap();
    for (from, to, why) in [
        (digest.as_slice(), &[0; 8][..], "software1.measurement"),
        (b"dPRoT", b"dProT", "software1.type"),
        (b"acme-implementation-id-000000001", b"acme-implementation-id-000000002", "implementation-id"),
        (&hex::decode("01ceebae7b8927a3").unwrap(), &hex::decode("01ceebae7b8927a4").unwrap(), "instance-id"),
    ] {
        let imported = corim::import(&swapped(&document, from, to), None).unwrap();
        let reasons = denied(&imported, token(&self::known(&imported)));
        assert!(!reasons.is_empty() && reasons.iter().any(|reason| reason.contains(why)), "{why}: {reasons:#?}");
    }
}

/// The same import with the device's key known whatever the document calls the device.
fn known(imported: &Imported) -> Imported {
    let mut imported = imported.clone();
    let own = hex::decode("01ceebae7b8927a3227e5303cf5e0f1f7b34bb542ad7250ac03fbcde36ec2f1508").unwrap();
    if let Some(Endorsement::Key { id, .. }) = imported.endorsements.first_mut() {
        *id = own;
    }
    imported
}

/// Numbers of the recorded report, as an operator reads them off `casemate verify`.
struct Guest {
    component: Component,
}

impl Guest {
    fn number(&self, name: &str) -> u64 {
        match self.component.property(name) {
            Some(Value::Number(number)) => *number,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn yes(&self, name: &str) -> bool {
        self.component.property(name) == Some(&Value::Bool(true))
    }

    fn level(&self, name: &str) -> u64 {
        self.number(&format!("reported-tcb.{name}"))
    }

    fn measurement(&self) -> String {
        hex::encode(self.component.register("measurement").unwrap())
    }
}

#[test]
fn three_policies_of_others_judge_the_same_guest() {
    let Some(vectors) = vectors("policies of others and a recorded guest") else { return };
    let at = rfc3339("2026-06-01T00:00:00Z").unwrap();
    let folder = fs::read_dir(vectors.join("snp/ms-milan")).unwrap();
    let files = folder.map(|file| fs::read(file.unwrap().path()).unwrap());
    let endorsed: Vec<Endorsement> = files.filter_map(|bytes| loose(&bytes).ok()).flatten().collect();
    let report = || evidence(&vectors, "snp/ms-milan/report.bin", &endorsed, at);
    let guest = Guest { component: components(report().claims()).remove(0) };
    assert!(guest.component.dangers.is_empty(), "{:?}", guest.component.dangers);

    // Trustee.
    let trustee = |microcode: u64| {
        let values = json!({
            "snp_launch_measurement": [guest.measurement()],
            "snp_bootloader": [guest.level("boot-loader")], "snp_microcode": [microcode],
            "snp_snp_svn": [guest.level("snp")], "snp_tee_svn": [guest.level("tee")],
            "snp_smt_enabled": guest.yes("platform-info.smt-en"), "snp_tsme_enabled": guest.yes("platform-info.tsme-en"),
            "snp_guest_abi_major": guest.number("policy.abi-min.major"), "snp_guest_abi_minor": guest.number("policy.abi-min.minor"),
            "snp_single_socket": guest.yes("policy.single-socket"), "snp_smt_allowed": guest.yes("policy.smt"),
        });
        rvps::import(values.to_string().as_bytes(), rfc3339("2026-01-01T00:00:00Z").unwrap()).unwrap()
    };
    let microcode = guest.level("microcode");
    assert_eq!(denied(&trustee(microcode), report()), [""; 0]);
    let reasons = denied(&trustee(microcode + 1), report());
    assert!(reasons.len() == 1 && reasons[0].contains("reported-tcb.microcode"), "{reasons:#?}");

    // Azure.
    let azure = |microcode: u64, measurement: &str| {
        let policy = json!({"version": "1.0.0", "anyOf": [{"authority": "https://sharedeus.eus.attest.azure.net/", "allOf": [
            {"claim": "x-ms-isolation-tee.x-ms-attestation-type", "equals": "sevsnpvm"},
            {"claim": "x-ms-isolation-tee.x-ms-sevsnpvm-microcode-svn", "greaterOrEquals": microcode},
            {"claim": "x-ms-isolation-tee.x-ms-sevsnpvm-is-debuggable", "equals": "false"},
            {"claim": "x-ms-isolation-tee.x-ms-sevsnpvm-launchmeasurement", "equals": measurement},
        ]}]});
        azure_release::import(policy.to_string().as_bytes()).unwrap()
    };
    assert_eq!(denied(&azure(microcode, &guest.measurement()), report()), [""; 0]);
    let reasons = denied(&azure(microcode + 1, &guest.measurement()), report());
    assert!(reasons.len() == 1 && reasons[0].contains("reported-tcb.microcode"), "{reasons:#?}");
    let reasons = denied(&azure(microcode, &"00".repeat(48)), report());
    assert!(reasons.len() == 1 && reasons[0].contains("measurement"), "{reasons:#?}");

    // The Certifier Framework, with AMD's root for Milan.
    let roots = fs::read_to_string(vectors.join("snp/roots/ask_ark_milan.pem")).unwrap();
    let ark = roots.split_inclusive("-----END CERTIFICATE-----").nth(1).unwrap();
    let files = BTreeMap::from([("ark_cert.der".to_owned(), ark.as_bytes().to_vec())]);
    let version = |microcode: u64| {
        guest.level("boot-loader") | guest.level("tee") << 8 | guest.level("snp") << 48 | microcode << 56
    };
    let framework = |microcode: u64, smt: bool| {
        let word = if smt { "yes" } else { "no" };
        let policy = json!({"policyKey": "policy_key_file.bin", "measurements": [guest.measurement()],
            "platforms": [{"type": "amd-sev-snp", "props": [
                {"name": "debug", "type": "string", "comparator": "eq", "value": "no"},
                {"name": "smt", "type": "string", "comparator": "eq", "value": word},
                {"name": "tcb-version", "type": "int", "comparator": "eq", "value": format!("0x{:016x}", version(microcode))},
            ]}],
            "claims": [{"keySubject": "policy_key_file.bin", "verb": "says",
                "unaryClause": {"certSubject": "ark_cert.der", "verb": "is-trusted-for-attestation"}}]});
        certifier::policy(policy.to_string().as_bytes(), &files).unwrap()
    };
    let smt = guest.yes("policy.smt");
    assert_eq!(denied(&framework(microcode, smt), report()), [""; 0]);
    let reasons = denied(&framework(microcode - 1, smt), report());
    assert!(reasons.len() == 1 && reasons[0].contains("reported-tcb.microcode"), "{reasons:#?}");
    let reasons = denied(&framework(microcode, !smt), report());
    assert!(reasons.len() == 1 && reasons[0].contains("policy.smt"), "{reasons:#?}");
}

//! Azure's release policies, after the documented grammar and examples.

use casemate_evidence::Vendor;
use casemate_trust::{
    import::{ImportError, Imported, azure_release::import},
    statement::{Kind, Register, Subject, Test, Value},
};

use crate::{any_genuine, attesters, demand, measurements, number, one_refusal, refusals, rules};

const AUTHORITY: &str = "https://sharedeus2.eus2.attest.azure.net";
const SIGNER: &str = "9fa48b1629bd246a1de3d38fb7df97f6554cd65d6b3b72e85b86848ae6b578ba";

/// A policy of one authority whose conditions all have to hold.
fn all_of(conditions: &str) -> String {
    policy(&format!(r#"{{"authority":"{AUTHORITY}","allOf":[{conditions}]}}"#))
}

fn policy(authorities: &str) -> String {
    format!(r#"{{"version":"1.0.0","anyOf":[{authorities}]}}"#)
}

fn claim(name: &str, operator: &str, value: &str) -> String {
    format!(r#"{{"claim":"{name}","{operator}":{value}}}"#)
}

fn imported(policy: &str) -> Imported {
    import(policy.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{policy}"))
}

#[test]
fn an_enclave_by_signer_and_security_version() {
    let policy = all_of(&format!(
        r#"{{"claim":"x-ms-sgx-mrsigner","equals":"{SIGNER}"}},
           {{"claim":"x-ms-sgx-svn","greaterOrEquals":3}},{{"claim":"x-ms-sgx-product-id","equals":"4639"}},
           {{"claim":"x-ms-sgx-is-debuggable","equals":"false"}}"#
    ));
    let imported = imported(&policy);
    assert_eq!(attesters(&imported), [&Subject::Vendor(Vendor::Intel)]);
    let [measurement] = measurements(&imported)[..] else { panic!() };
    assert_eq!(measurement.kind, Kind::Sgx);
    assert_eq!(measurement.registers, [Register { name: "mr-signer".to_owned(), value: hex::decode(SIGNER).unwrap() }]);
    let expected = vec![demand("isv-svn", Test::AtLeast(number(3))), demand("isv-prod-id", Test::Equals(number(4639)))];
    assert_eq!(rules(&imported), [&any_genuine(Kind::Sgx, expected)]);
    assert!(imported.notes.iter().any(|note| note.starts_with("`sharedeus2.eus2.attest.azure.net` is not asked")));
    assert!(imported.notes.iter().any(|note| note.contains("any genuine chip")));
}

#[test]
fn a_confidential_vm_by_what_the_hardware_says() {
    let policy = all_of(
        r#"{"claim":"x-ms-isolation-tee.x-ms-attestation-type","equals":"sevsnpvm"},
           {"claim":"x-ms-isolation-tee.x-ms-sevsnpvm-bootloader-svn","greaterOrEquals":3},
           {"claim":"x-ms-isolation-tee.x-ms-sevsnpvm-microcode-svn","greater":"206"},
           {"claim":"x-ms-isolation-tee.x-ms-sevsnpvm-tee-svn","less":1},
           {"claim":"x-ms-sevsnpvm-vmpl","equals":0},{"claim":"x-ms-sevsnpvm-guestsvn","notEquals":2},
           {"claim":"x-ms-sevsnpvm-snpfw-svn","lessOrEquals":255},
           {"claim":"x-ms-sevsnpvm-migration-allowed","equals":false}"#,
    );
    let imported = imported(&policy);
    assert_eq!(attesters(&imported), [&Subject::Vendor(Vendor::Amd)]);
    let expected = vec![
        demand("guest-svn", Test::NotEquals(number(2))),
        demand("reported-tcb.boot-loader", Test::AtLeast(number(3))),
        demand("reported-tcb.microcode", Test::AtLeast(number(207))),
        demand("reported-tcb.snp", Test::AtMost(number(255))),
        demand("reported-tcb.tee", Test::AtMost(number(0))),
        demand("vmpl", Test::Equals(number(0))),
    ];
    assert_eq!(rules(&imported), [&any_genuine(Kind::Snp, expected)]);
    assert!(measurements(&imported).is_empty());
    assert!(imported.notes.iter().any(|note| note.contains("nothing is said about what runs")));
    assert!(imported.notes.iter().any(|note| note.contains("has a vTPM besides")));
}

#[test]
fn several_platforms_become_several_rules() {
    let tdx = "ab".repeat(48);
    let policy = format!(
        r#"{{"anyOf":[
            {{"authority":"{AUTHORITY}/","anyOf":[
                {{"allOf":[{{"claim":"x-ms-attestation-type","equals":"sevsnpvm"}},
                           {{"anyOf":[{{"claim":"x-ms-sevsnpvm-smt-allowed","equals":true}},
                                      {{"claim":"x-ms-sevsnpvm-tee-svn","greater":0}}]}}]}},
                {{"allOf":[{{"claim":"x-ms-attestation-type","equals":"tdxvm"}},
                           {{"claim":"tdx_mrtd","equals":"{tdx}"}}]}}]}},
            {{"authority":"https://other.weu.attest.azure.net","allof":[{{"claim":"$sgx-mrenclave","equals":"{SIGNER}"}}]}}],
          "version":"1.0.0"}}"#
    );
    let imported = imported(&policy);
    let kinds: Vec<Kind> = rules(&imported).iter().map(|rule| rule.kind).collect();
    assert_eq!(kinds, [Kind::Sgx, Kind::Snp, Kind::Snp, Kind::Tdx]);
    assert_eq!(measurements(&imported).iter().map(|own| own.kind).collect::<Vec<_>>(), [Kind::Sgx, Kind::Tdx]);
    assert_eq!(attesters(&imported).len(), 3, "Intel for SGX and for TDX, AMD for SEV-SNP");
}

#[test]
fn alternatives_come_apart_only_where_that_says_the_same() {
    let enclave = |byte: u8| hex::encode([byte; 32]);
    let pair = |byte: u8, version: u64| {
        format!(
            r#"{{"allOf":[{{"claim":"x-ms-sgx-mrenclave","equals":"{}"}},{{"claim":"x-ms-sgx-svn","greaterOrEquals":{version}}}]}}"#,
            enclave(byte)
        )
    };
    let any = |pairs: &[String]| policy(&format!(r#"{{"authority":"{AUTHORITY}","anyOf":[{}]}}"#, pairs.join(",")));
    // Every program on every platform.
    let all = imported(&any(&[pair(1, 2), pair(1, 5), pair(2, 2), pair(2, 5)]));
    assert_eq!((measurements(&all).len(), rules(&all).len()), (2, 2));
    assert_eq!(rules(&imported(&any(&[pair(1, 2), pair(2, 2)]))).len(), 1);
    // Program 2 only on patched platforms: taken apart, it would run on any.
    let tied = any(&[pair(1, 2), pair(2, 5)]);
    one_refusal("tied", import(tied.as_bytes()), ": `sgx`", "ties what runs to a platform's conditions");
    let bare = any(&[pair(1, 2), claim("x-ms-sgx-svn", "greaterOrEquals", "2")]);
    one_refusal("any", import(bare.as_bytes()), ": `sgx`", "lets anything run in one alternative");
}

#[test]
fn the_documented_example_is_refused_for_azures_own_judgement_alone() {
    let policy = all_of(
        r#"{"claim":"x-ms-isolation-tee.x-ms-attestation-type","equals":"sevsnpvm"},
           {"claim":"x-ms-isolation-tee.x-ms-compliance-status","equals":"azure-compliant-cvm"}"#,
    );
    one_refusal(
        "compliance",
        import(policy.as_bytes()),
        "/anyOf/0/allOf/1: `x-ms-isolation-tee.x-ms-compliance-status`",
        "a judgement of Azure's service",
    );
}

#[test]
fn everything_is_named_not_only_the_first() {
    let policy = r#"{"version":"2.0","comment":"x","anyOf":[{"authority":"https://evil.example","anyOf":[
        {"claim":"x-ms-policy-hash","equals":"x"},{"claim":"x-ms-sgx-svn","like":"1*"},{"claim":"x-ms-made-up","exists":true}]}]}"#;
    let refused = refusals(import(policy.as_bytes()));
    for start in [
        "/version: `2.0`",
        "/comment: `comment`",
        "/anyOf/0/authority: `https://evil.example`",
        "/anyOf/0/anyOf/1/like: `like`",
        "/anyOf/0/anyOf/1: `x-ms-sgx-svn`: has to have exactly one operator",
        "/anyOf/0/anyOf/0: `x-ms-policy-hash`",
        "/anyOf/0/anyOf/2: `x-ms-made-up`",
    ] {
        assert!(refused.iter().any(|line| line.starts_with(start)), "{start}: {refused:#?}");
    }
}

#[test]
fn crimes_against_authorities_and_values() {
    let enclave = claim("x-ms-sgx-mrenclave", "equals", &format!("\"{SIGNER}\""));
    let one = |condition: String| all_of(&format!("{enclave},{condition}"));
    let second = "/anyOf/0/allOf/1";
    for (crime, policy, start, why) in [
        ("no authority", policy(&format!(r#"{{"allOf":[{enclave}]}}"#)), "/anyOf/0/authority", "is missing"),
        (
            "authority of a look-alike",
            policy(&format!(r#"{{"authority":"https://attest.azure.net.evil.example","allOf":[{enclave}]}}"#)),
            "/anyOf/0/authority",
            "no attestation service of Azure",
        ),
        (
            "authority with a path before the name",
            policy(&format!(r#"{{"authority":"https://evil.example/x.attest.azure.net","allOf":[{enclave}]}}"#)),
            "/anyOf/0/authority",
            "no attestation service of Azure",
        ),
        (
            "authority without TLS",
            policy(&format!(r#"{{"authority":"http://a.eus.attest.azure.net","allOf":[{enclave}]}}"#)),
            "/anyOf/0/authority",
            "no attestation service of Azure",
        ),
        (
            "authority without conditions",
            policy(&format!(r#"{{"authority":"{AUTHORITY}"}}"#)),
            "/anyOf/0: `anyOf`",
            "exactly one of",
        ),
        ("debuggable enclave", one(claim("x-ms-sgx-is-debuggable", "equals", "true")), second, "not imported"),
        ("not undebuggable", one(claim("is-debuggable", "notEquals", "\"false\"")), second, "not imported"),
        ("perhaps debuggable", one(claim("x-ms-sgx-is-debuggable", "equals", "1")), second, "no yes or no"),
        ("measurement cut", one(claim("x-ms-sgx-mrsigner", "equals", "\"9fa4\"")), second, "32 bytes in hexadecimal"),
        (
            "measurement ordered",
            one(claim("x-ms-sgx-mrsigner", "greater", &format!("\"{SIGNER}\""))),
            second,
            "no order",
        ),
        (
            "measurement excluded",
            one(claim("x-ms-sgx-mrsigner", "notEquals", &format!("\"{SIGNER}\""))),
            second,
            "register",
        ),
        (
            "two measurements at once",
            one(claim("sgx-mrenclave", "equals", &format!("\"{}\"", "00".repeat(32)))),
            second,
            "two values",
        ),
        (
            "two kinds at once",
            one(claim("x-ms-attestation-type", "equals", "\"tdxvm\"")),
            "/anyOf/0/allOf/0",
            "sgx and tdx at once",
        ),
        ("no such kind", one(claim("x-ms-attestation-type", "equals", "\"sgx2\"")), second, "no kind of platform"),
    ] {
        one_refusal(crime, import(policy.as_bytes()), start, why);
    }
}

#[test]
fn crimes_against_comparisons() {
    let enclave = claim("x-ms-sgx-mrenclave", "equals", &format!("\"{SIGNER}\""));
    let one = |condition: String| all_of(&format!("{enclave},{condition}"));
    let second = "/anyOf/0/allOf/1";
    for (crime, policy, start, why) in [
        (
            "kind by what it is not",
            one(claim("x-ms-attestation-type", "notEquals", "\"sgx\"")),
            second,
            "only be compared with",
        ),
        (
            "a VM of no isolation",
            one(claim("x-ms-attestation-type", "equals", "\"azurevm\"")),
            second,
            "name the hardware's",
        ),
        ("fraction", one(claim("x-ms-sgx-svn", "greater", "1.5")), second, "a whole number"),
        ("negative", one(claim("x-ms-sgx-svn", "greater", "-1")), second, "a whole number"),
        ("below nothing", one(claim("x-ms-sgx-svn", "less", "0")), second, "beyond any number"),
        (
            "above everything",
            one(claim("x-ms-sgx-svn", "greater", "18446744073709551615")),
            second,
            "beyond any number",
        ),
        ("absent", one(claim("x-ms-sgx-svn", "exists", "false")), second, "can never hold"),
        (
            "empty list",
            policy(&format!(r#"{{"authority":"{AUTHORITY}","allOf":[]}}"#)),
            "/anyOf/0/allOf",
            "at least one",
        ),
        (
            "a claim and a list",
            one(r#"{"claim":"x-ms-sgx-svn","equals":1,"anyOf":[]}"#.to_owned()),
            second,
            "nothing besides",
        ),
        (
            "two operators",
            one(r#"{"claim":"x-ms-sgx-svn","equals":1,"less":3}"#.to_owned()),
            second,
            "exactly one operator",
        ),
        (
            "claim of no name",
            one(r#"{"claim":1,"equals":1}"#.to_owned()),
            &format!("{second}/claim"),
            "no claim's name",
        ),
        (
            "runtime's word",
            one(claim("x-ms-runtime.client-payload.nonce", "equals", "\"x\"")),
            second,
            "guest's runtime",
        ),
    ] {
        one_refusal(crime, import(policy.as_bytes()), start, why);
    }
}

#[test]
fn crimes_against_conditions() {
    let enclave = claim("x-ms-sgx-mrenclave", "equals", &format!("\"{SIGNER}\""));
    for (crime, policy, start, why) in [
        (
            "other privilege level",
            all_of(&claim("x-ms-sevsnpvm-vmpl", "lessOrEquals", "3")),
            "/anyOf/0/allOf/0",
            "unless a person admits",
        ),
        (
            "all of two authorities",
            format!(
                r#"{{"version":"1.0.0","allOf":[{{"authority":"{AUTHORITY}","allOf":[{enclave}]}},{{"authority":"{AUTHORITY}","allOf":[{enclave}]}}]}}"#
            ),
            "/allOf",
            "several authorities at once",
        ),
        (
            "nothing says which platform",
            all_of(r#"{"allOf":[{"claim":"x-ms-ver","equals":"1.0"}]}"#),
            "/anyOf/0/allOf/0/allOf/0: `x-ms-ver`",
            "no claim that a property here",
        ),
    ] {
        one_refusal(crime, import(policy.as_bytes()), start, why);
    }
}

#[test]
fn what_is_no_json_is_no_policy() {
    for (crime, text, why) in [
        ("field twice", r#"{"version":"1.0.0","version":"1.0.0","anyOf":[]}"#, "appears twice"),
        ("not JSON", "anyOf: []", "not the JSON"),
        ("no bytes", "", "not the JSON"),
    ] {
        let error = import(text.as_bytes()).unwrap_err();
        assert!(matches!(error, ImportError::Malformed { .. }) && error.to_string().contains(why), "{crime}: {error}");
    }
}

#[test]
fn a_policy_that_unfolds_without_end_is_refused() {
    // Thirty choices of two are a thousand million alternatives.
    let choice = r#"{"anyOf":[{"claim":"x-ms-sgx-svn","equals":1},{"claim":"x-ms-sgx-svn","equals":2}]}"#;
    let policy = all_of(&vec![choice; 30].join(","));
    let refused = refusals(import(policy.as_bytes()));
    assert!(refused.iter().any(|line| line.contains("more than 256 alternatives")), "{refused:#?}");
    let wide = all_of(&vec![claim("x-ms-sgx-svn", "notEquals", "1"); 1100].join(","));
    assert!(refusals(import(wide.as_bytes())).iter().any(|line| line.contains("more than 1024 conditions")));
    let deep =
        all_of(&format!("{}{}{}", r#"{"allOf":["#.repeat(40), claim("x-ms-sgx-svn", "equals", "1"), "]}".repeat(40)));
    assert!(import(deep.as_bytes()).unwrap_err().to_string().contains("deeper than"));
}

#[test]
fn what_the_paravisor_says_of_a_vm_is_demanded_of_its_vtpm() {
    let snp = r#"{"claim":"x-ms-attestation-type","equals":"sevsnpvm"}"#;
    let boot = r#"{"claim":"x-ms-runtime.vm-configuration.secure-boot","equals":true}"#;
    let imported = imported(&all_of(&format!("{snp},{boot}")));
    assert_eq!(
        rules(&imported),
        [
            &any_genuine(Kind::Snp, vec![]),
            &any_genuine(Kind::Tpm, vec![demand("vm.secure-boot", Test::Equals(Value::Bool(true)))]),
        ]
    );
    let alone = all_of(boot);
    one_refusal("vTPM alone", import(alone.as_bytes()), "/anyOf/0/allOf/0", "no claim says which kind of platform");
    let either = policy(&format!(
        r#"{{"authority":"{AUTHORITY}","anyOf":[{{"allOf":[{snp},{boot}]}},{{"allOf":[{{"claim":"x-ms-attestation-type","equals":"tdxvm"}}]}}]}}"#
    ));
    one_refusal("now and then", import(either.as_bytes()), ": `x-ms-runtime.vm-configuration`", "in one alternative");
}

#[test]
fn values_have_the_propertys_type() {
    let policy = all_of(&claim("x-ms-sevsnpvm-smt-allowed", "equals", "\"true\""));
    let imported = imported(&policy);
    assert_eq!(rules(&imported)[0].demands, [demand("policy.smt", Test::Equals(Value::Bool(true)))]);
}

#[test]
fn every_claim_of_the_table_has_its_property() {
    let hex = |size: usize| format!("\"{}\"", "ab".repeat(size));
    let numbers = ["product-id", "$product-id", "x-ms-sgx-product-id", "svn", "$svn", "x-ms-sgx-svn"];
    let snp = ["bootloader-svn", "guestsvn", "microcode-svn", "snpfw-svn", "tee-svn"];
    let enclave = ["mrenclave", "mrsigner"]
        .into_iter()
        .flat_map(|name| ["x-ms-sgx-", "sgx-", "$sgx-"].map(|prefix| format!("{prefix}{name}")));
    let domain = [
        "mrconfigid",
        "mrowner",
        "mrownerconfig",
        "mrseam",
        "mrsignerseam",
        "mrtd",
        "rtmr0",
        "rtmr1",
        "rtmr2",
        "rtmr3",
    ];
    let attributes = ["key_locker", "perfmon", "protection_keys", "septve_disable", "debug"];
    let own = |name: &str| format!("x-ms-sevsnpvm-{name}");
    let claims: Vec<(String, String)> = numbers
        .map(|name| (name.to_owned(), "7".to_owned()))
        .into_iter()
        .chain(snp.map(|name| (own(name), "7".to_owned())))
        .chain(enclave.map(|name| (name, hex(32))))
        .chain(domain.map(|name| (format!("tdx_{name}"), hex(48))))
        .chain(attributes.map(|name| (format!("tdx_td_attributes_{name}"), "false".to_owned())))
        .chain(["authorkeydigest", "idkeydigest", "launchmeasurement"].map(|name| (own(name), hex(48))))
        .chain([("familyId", 16), ("imageId", 16), ("hostdata", 32)].map(|(name, size)| (own(name), hex(size))))
        .chain(["smt-allowed", "is-debuggable", "migration-allowed"].map(|name| (own(name), "false".to_owned())))
        .collect();
    for (name, value) in &claims {
        for prefix in ["", "x-ms-isolation-tee."] {
            let imported = imported(&all_of(&claim(&format!("{prefix}{name}"), "equals", value)));
            assert!(!imported.statements.is_empty(), "{name}");
        }
    }
    let snp = claim("tee", "equals", "\"sevsnpvm\"");
    for (name, value) in
        [("console-enabled", "true"), ("tpm-enabled", "true"), ("tpm-persisted", "false"), ("vmUniqueId", "\"A-B\"")]
    {
        let vm = claim(&format!("x-ms-runtime.vm-configuration.{name}"), "equals", value);
        assert_eq!(rules(&imported(&all_of(&format!("{snp},{vm}")))).len(), 2, "{name}");
    }
}

//! Trustee's reference values, after its documentation.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_cose::UnixTime;
use casemate_evidence::{Vendor, rfc3339};
use casemate_testkit::NOW;
use casemate_trust::{
    import::{Imported, rvps},
    statement::{Kind, Subject, Test, Value},
};
use serde_json::{Value as Json, json};

use crate::{any_genuine, attesters, demand, measurements, number, one_refusal, refusals, rules};

fn import(document: &Json) -> Result<Imported, casemate_trust::import::ImportError> {
    rvps::import(document.to_string().as_bytes(), NOW)
}

fn snp() -> Json {
    json!({
        "snp_launch_measurement": ["aa".repeat(48), STANDARD.encode([0xbb; 48])],
        "snp_bootloader": [3, 4], "snp_microcode": [209], "snp_snp_svn": [22], "snp_tee_svn": [0],
    })
}

fn tdx() -> Json {
    json!({
        "mr_td": ["01".repeat(48)], "rtmr_1": ["02".repeat(48), "03".repeat(48)], "rtmr_2": ["04".repeat(48)],
        "xfam": ["e742060000000000"],
    })
}

fn with(document: &Json, name: &str, value: Json) -> Json {
    let mut document = document.clone();
    document[name] = value;
    document
}

fn without(document: &Json, name: &str) -> Json {
    let mut document = document.clone();
    document.as_object_mut().unwrap().remove(name);
    document
}

#[test]
fn the_simple_form_ends_after_twelve_months() {
    let imported = import(&snp()).unwrap();
    assert_eq!(measurements(&imported).iter().map(|own| own.registers[0].value[0]).collect::<Vec<_>>(), [0xaa, 0xbb]);
    assert_eq!(attesters(&imported), [&Subject::Vendor(Vendor::Amd)]);
    let expected = vec![
        demand("policy.migrate-ma", Test::Equals(Value::Bool(false))),
        demand("reported-tcb.boot-loader", Test::OneOf(vec![number(3), number(4)])),
        demand("reported-tcb.microcode", Test::OneOf(vec![number(209)])),
        demand("reported-tcb.snp", Test::OneOf(vec![number(22)])),
        demand("reported-tcb.tee", Test::OneOf(vec![number(0)])),
    ];
    assert_eq!(rules(&imported), [&any_genuine(Kind::Snp, expected)]);
    let ends = rfc3339("2027-11-22T01:54:56Z").unwrap();
    assert!(imported.statements.iter().all(|statement| statement.validity.not_after == ends));
    assert!(imported.notes.iter().any(|note| note.contains("`policy.migrate-ma` is demanded to be false")));
}

#[test]
fn a_message_carries_the_same() {
    let payload = STANDARD.encode(snp().to_string());
    let message = json!({"version": "0.1.0", "type": "sample", "payload": payload});
    assert_eq!(import(&message).unwrap().statements, import(&snp()).unwrap().statements);
}

#[test]
fn what_runs_is_every_combination_of_its_registers() {
    let imported = import(&tdx()).unwrap();
    let seen: Vec<Vec<u8>> = measurements(&imported)
        .iter()
        .map(|own| own.registers.iter().map(|register| register.value[0]).collect())
        .collect();
    assert_eq!(seen, [vec![1, 2, 4], vec![1, 3, 4]]);
    let [rule] = rules(&imported)[..] else { panic!() };
    assert!(rule.demands.contains(&demand("tcb-status", Test::Equals(Value::Text("UpToDate".to_owned())))));
    // Evidence has its bytes least first; as a number they are written the other way.
    let xfam = Value::Bytes(vec![0, 0, 0, 0, 0, 6, 0x42, 0xe7]);
    assert!(rule.demands.contains(&demand("xfam", Test::OneOf(vec![xfam]))));
}

#[test]
fn the_internal_form_has_its_own_expiry() {
    let value = |name: &str, time: &str, value: Json| json!({"version": "0.1.0", "name": name, "expiration": time, "value": value});
    let old = json!({"version": "0.1.0", "name": "mr_td", "expired": "2027-01-01T00:00:00Z",
        "hash-value": [{"alg": "sha384", "value": "01".repeat(48)}]});
    let document = json!([
        old,
        value("rtmr_1", "2027-06-01T00:00:00Z", json!(["02".repeat(48)])),
        value("rtmr_2", "2028-01-01T00:00:00Z", json!(["03".repeat(48)])),
    ]);
    let imported = import(&document).unwrap();
    assert_eq!(measurements(&imported).len(), 1);
    assert_eq!(
        imported.statements[0].validity.not_after,
        rfc3339("2027-01-01T00:00:00Z").unwrap(),
        "the first to expire"
    );
    assert!(
        rules(&imported).is_empty()
            && imported.notes.iter().any(|note| note.contains("nothing is said about platforms"))
    );
    let single = value("snp_launch_measurement", "2027-01-01T00:00:00Z", json!(["aa".repeat(48)]));
    assert_eq!(measurements(&import(&single).unwrap()).len(), 1);
}

#[test]
fn names_that_nothing_asks_for_are_refused_not_kept() {
    let sample = json!({"test-binary-1": ["reference-value-1"], "snp_pcr11": ["00"], "tdvfkernel": ["00"], "svn": [1]});
    let refused = refusals(import(&sample));
    for start in [
        "/test-binary-1: `test-binary-1`: is no name that Trustee's default policy asks for",
        "/snp_pcr11: `snp_pcr11`: is of a VM of Azure",
        "/tdvfkernel: `tdvfkernel`: is compared with an event of the log",
        "/svn: `svn`: is of Trustee's sample platform",
    ] {
        assert!(refused.iter().any(|line| line.starts_with(start)), "{start}: {refused:#?}");
    }
    assert_eq!(refused.len(), 4);
}

#[test]
fn crimes_against_values() {
    let message = |version: &str, kind: &str| json!({"version": version, "type": kind, "payload": "e30="});
    for (crime, document, start, why) in [
        ("one name of four missing", without(&snp(), "snp_tee_svn"), ": `snp_tee_svn`", "would accept nothing"),
        ("register missing", without(&tdx(), "rtmr_2"), ": `rtmr_2`", "would accept nothing"),
        (
            "no measurement",
            without(&snp(), "snp_launch_measurement"),
            ": `snp_launch_measurement`",
            "would accept nothing",
        ),
        (
            "one value where a list is looked into",
            with(&snp(), "snp_microcode", json!(209)),
            "/snp_microcode",
            "finds nothing",
        ),
        ("empty list", with(&snp(), "snp_microcode", json!([])), "/snp_microcode", "is a list of 0"),
        ("text for a number", with(&snp(), "snp_microcode", json!(["209"])), "/snp_microcode/0", "a whole number"),
        ("fraction", with(&snp(), "snp_microcode", json!([209.5])), "/snp_microcode/0", "a whole number"),
        ("negative", with(&snp(), "snp_microcode", json!([-1])), "/snp_microcode/0", "a whole number"),
        (
            "number for bytes",
            with(&snp(), "snp_launch_measurement", json!([1])),
            "/snp_launch_measurement/0",
            "48 bytes",
        ),
        (
            "bytes cut",
            with(&snp(), "snp_launch_measurement", json!(["aa".repeat(47)])),
            "/snp_launch_measurement/0",
            "48 bytes",
        ),
        (
            "bytes padded",
            with(&snp(), "snp_launch_measurement", json!(["aa".repeat(49)])),
            "/snp_launch_measurement/0",
            "48 bytes",
        ),
        (
            "list for one value",
            json!({"snp_smt_enabled": [true], "snp_launch_measurement": ["aa".repeat(48)], "snp_tsme_enabled": true,
            "snp_guest_abi_major": 1, "snp_guest_abi_minor": 55, "snp_single_socket": false, "snp_smt_allowed": true}),
            "/snp_smt_enabled",
            "true or false",
        ),
        ("provenance of another kind", message("0.1.0", "in-toto"), "/type", "no kind of provenance"),
        ("message of another version", message("9", "sample"), "/version", "no version"),
    ] {
        let result = import(&document);
        let refused = refusals(result);
        assert!(refused.iter().any(|line| line.starts_with(start) && line.contains(why)), "{crime}: {refused:#?}");
    }
}

#[test]
fn crimes_against_forms() {
    let internal = |time: &str| json!([{"name": "mr_td", "expiration": time, "value": ["00"]}]);
    let hashed = |algorithm: &str, value: &str| json!([{"name": "snp_launch_measurement", "expired": "2027-01-01T00:00:00Z", "hash-value": [{"alg": algorithm, "value": value}]}]);
    for (crime, document, start, why) in [
        ("no time", internal("tomorrow"), "/0/expiration", "no time"),
        ("hash unknown", hashed("md5", "00"), "/0/hash-value/0/alg", "no hash known"),
        ("hash of another length", hashed("sha384", &"00".repeat(32)), "/0/hash-value/0/value", "no hash of 48 bytes"),
        ("no reference values", json!(7), ": `7`", "holds no reference values"),
    ] {
        let result = import(&document);
        let refused = refusals(result);
        assert!(refused.iter().any(|line| line.starts_with(start) && line.contains(why)), "{crime}: {refused:#?}");
    }
}

#[test]
fn names_twice_and_too_many_combinations() {
    let twice = json!([
        {"name": "snp_launch_measurement", "expiration": "2027-01-01T00:00:00Z", "value": ["aa".repeat(48)]},
        {"name": "snp_launch_measurement", "expiration": "2027-01-01T00:00:00Z", "value": ["bb".repeat(48)]},
    ]);
    one_refusal("name twice", import(&twice), "/1: `snp_launch_measurement`", "appears twice");
    let many: Vec<String> = (0..40_u8).map(|byte| hex::encode([byte; 48])).collect();
    let wide = with(&with(&tdx(), "rtmr_1", json!(many)), "rtmr_2", json!(many));
    one_refusal("combinations", import(&wide), ": `tdx`", "more than 1024 combinations");
    let broken = json!({"version": "0.1.0", "type": "sample", "payload": "!"});
    assert!(import(&broken).unwrap_err().to_string().contains("/payload: not base64"));
    assert!(rvps::import(br#"{"a":1,"a":2}"#, NOW).unwrap_err().to_string().contains("appears twice"));
    assert!(rvps::import(snp().to_string().as_bytes(), UnixTime(u64::MAX)).is_err());
}

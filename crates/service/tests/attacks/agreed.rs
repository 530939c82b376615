//! Crimes at what was agreed: the manifest, the contract, its place in the study, its signatures, its datasets.

use casemate_contract::{FullySigned, Limits, ManifestFields, Variable};
use casemate_cose::{Digest, Kind, SigningKey, decode, encode, sign};
use minicbor::{Decode, Encode, bytes::ByteVec};

use crate::{
    keep::{Script, assert_undecided, assert_unheard, attest, finish, release_all, rules},
    study::{data_key, edited, keys, signed, signed_by, stranger, successor, toml, version_of},
    world::{World, sealed},
};

type FieldCrime = (&'static str, fn(&mut ManifestFields), &'static str);

/// Every field that a contract implies. The run's identifier is the one that it does not.
const FIELDS: [FieldCrime; 20] = [
    ("format", |m| m.format = "casemate/manifest/2".into(), "manifest-field"),
    ("isolation", |m| m.isolation = casemate_evidence::Isolation::Snp, "contract-isolation"),
    ("contract", |m| m.contract = Digest::of(b"other"), "manifest-field"),
    ("study", |m| m.study = "another".parse().unwrap(), "manifest-field"),
    ("sequence", |m| m.sequence = 2, "manifest-field"),
    ("computation", |m| m.computation = "by-age".parse().unwrap(), "contract-computation"),
    ("program", |m| m.program = Digest::of(b"other"), "manifest-field"),
    ("runner", |m| m.runner = "clinic".parse().unwrap(), "contract-runner"),
    ("brokers", |m| drop(m.brokers.pop()), "manifest-field"),
    ("brokers", |m| m.brokers[0].key = Digest::of(b"other"), "manifest-field"),
    ("datasets", |m| drop(m.datasets.pop()), "manifest-field"),
    ("datasets", |m| m.datasets[0].digest = Digest::of(b"other file"), "manifest-field"),
    ("datasets", |m| m.datasets[0].version = m.datasets[1].version, "manifest-field"),
    ("datasets", |m| m.datasets[0].columns.push("name".parse().unwrap()), "manifest-field"),
    ("recipients", |m| m.recipients[0].recipient = keys("eve").recipient().unwrap().parse().unwrap(), "manifest-field"),
    ("recipients", |m| m.recipients.clear(), "manifest-field"),
    ("limits", |m| m.limits = Limits { wall_s: u64::MAX, ..Limits::SQL }, "manifest-field"),
    ("arguments", |m| m.arguments.push("--verbose".into()), "manifest-field"),
    (
        "environment",
        |m| m.environment.push(Variable { name: "RUST_LOG".into(), value: "trace".into() }),
        "manifest-field",
    ),
    ("limits", |m| m.limits.memory_bytes += 1, "manifest-field"),
];

#[tokio::test]
async fn a_manifest_has_no_field_that_the_contract_does_not_imply() {
    let world = World::new().await;
    for (run, (field, change, rule)) in (1..).zip(FIELDS) {
        let mut script = Script::honest(&world.contract, run);
        let mut fields = ManifestFields::claimed(&script.manifest).unwrap();
        change(&mut fields);
        // The keep runs under these bytes and the launcher measured them: all is true but what they say.
        script.manifest = encode(&fields);
        assert_undecided(world.clinic(), &script, &[rule], field).await;
        if rule == "manifest-field" {
            let reason = world.clinic().ledger().await.pop().unwrap().reasons.pop().unwrap();
            assert!(reason.contains(&format!("expected {field} = ")), "{field}: {reason}");
        }
    }
}

#[tokio::test]
async fn a_manifest_has_one_encoding() {
    let world = World::new().await;
    for (run, (crime, change)) in (1..).zip([
        ("trailing_byte", (|bytes| [bytes, &[0]].concat()) as fn(&[u8]) -> Vec<u8>),
        ("cut_off", |bytes| bytes[..bytes.len() - 1].to_vec()),
        ("empty", |_| Vec::new()),
        ("indefinite_length", |bytes| [&[0xbf], &bytes[1..], &[0xff]].concat()),
    ]) {
        let mut script = Script::honest(&world.contract, run);
        script.manifest = change(&script.manifest);
        assert_undecided(world.clinic(), &script, &["manifest-readable"], crime).await;
    }
}

/// The file of a signed contract, with nothing verified.
#[derive(Decode, Encode)]
#[cbor(map)]
struct File {
    #[n(0)]
    format: String,
    #[n(1)]
    contract: ByteVec,
    #[n(2)]
    signatures: Vec<Signature>,
}

#[derive(Clone, Decode, Encode)]
#[cbor(map)]
struct Signature {
    #[n(0)]
    party: String,
    #[n(1)]
    object: ByteVec,
}

#[derive(Encode)]
#[cbor(map)]
struct Agreement {
    #[n(0)]
    contract: Digest,
    #[n(1)]
    party: String,
}

/// A signature under the honest contract, in the name of `party`, by whatever key and as whatever kind.
fn signature(kind: Kind, party: &str, key: &SigningKey) -> Signature {
    let agreement = Agreement { contract: signed(&toml()).digest(), party: party.into() };
    Signature { party: party.into(), object: sign(kind, &encode(&agreement), key).into() }
}

fn replace(file: &mut File, by: Signature) {
    let place = file.signatures.iter_mut().find(|signature| signature.party == by.party).unwrap();
    *place = by;
}

type FileCrime = (&'static str, fn(&mut File));

const FILES: [FileCrime; 14] = [
    ("one_signature_missing", |f| drop(f.signatures.pop())),
    ("the_owners_own_signature_missing", |f| f.signatures.retain(|signature| signature.party != "clinic")),
    ("no_signature", |f| f.signatures.clear()),
    ("foreign_signature_besides", |f| f.signatures.push(signature(Kind::Contract, "stranger", &stranger()))),
    ("signed_by_another_key", |f| replace(f, signature(Kind::Contract, "registry", &stranger()))),
    ("signed_by_another_party", |f| replace(f, signature(Kind::Contract, "registry", keys("researcher").identity()))),
    ("signed_by_the_partys_broker_key", |f| {
        replace(f, signature(Kind::Contract, "registry", keys("registry").broker()))
    }),
    ("signed_as_a_decision", |f| replace(f, signature(Kind::Decision, "registry", keys("registry").identity()))),
    ("signed_as_a_card", |f| replace(f, signature(Kind::Party, "registry", keys("registry").identity()))),
    ("signatures_swapped", |f| {
        let first = f.signatures[0].object.clone();
        f.signatures[0].object = std::mem::replace(&mut f.signatures[1].object, first);
    }),
    ("one_signature_twice", |f| f.signatures[1] = f.signatures[0].clone()),
    ("contract_altered", |f| {
        let text = b"Compare measurements by diagnosis.";
        let at = f.contract.windows(text.len()).position(|window| window == text).unwrap();
        f.contract[at] = b'D';
    }),
    ("signatures_of_another_contract", |f| {
        f.contract = signed(&edited(&[("min_entities = 10", "min_entities = 2")])).compiled().bytes().to_vec().into();
    }),
    ("another_format", |f| f.format = "casemate/signed-contract/2".into()),
];

#[tokio::test]
async fn all_have_signed_this_contract_or_nothing_runs() {
    let world = World::new().await;
    for (run, (crime, change)) in (1..).zip(FILES) {
        let mut script = Script::honest(&world.contract, run);
        let mut file: File = decode(&script.contract, 1 << 20).unwrap();
        change(&mut file);
        script.contract = encode(&file);
        assert_unheard(world.clinic(), &script, &["contract-signatures"], crime).await;
    }
    finish(&world, &Script::honest(&world.contract, 100)).await;
}

#[tokio::test]
async fn a_contract_binds_the_owner_by_its_own_keys() {
    let world = World::new().await;
    // Somebody else signs as `clinic`, with an identity of their own: to them the contract is complete.
    let (clinic, stranger) = (keys("clinic").public().to_string(), keys("eve").public().to_string());
    let mut file = signed_by(&edited(&[(&clinic, &stranger)]), &["hospital", "registry", "researcher"]);
    file.sign(keys("eve").identity()).unwrap();
    let script = Script::honest(&FullySigned::check(file).unwrap(), 1);
    assert_unheard(world.clinic(), &script, &["contract-signatures"], "another identity").await;

    let (broker, other) = (keys("clinic").broker().public().to_string(), stranger_broker());
    let script = Script::honest(&signed(&edited(&[(&broker, &other)])), 2);
    assert_undecided(world.clinic(), &script, &["contract-broker-key"], "another broker key").await;

    // A party, but without anything that the computation reads.
    let unread = signed(&edited(&[
        ("avg(s.days) AS days", "1 AS days"),
        (" JOIN stays AS s ON m.patient_id = s.patient_id", ""),
        (", stays = [\"patient_id\", \"days\"]", ""),
    ]));
    assert_undecided(&world.owners[1], &Script::honest(&unread, 3), &["contract-owner"], "nothing of this owner's")
        .await;
}

fn stranger_broker() -> String {
    keys("eve").broker().public().to_string()
}

#[tokio::test]
async fn a_studys_contracts_only_move_forward() {
    let world = World::new().await;
    let (first, clinic) = (world.contract.clone(), world.clinic());
    let forked = signed(&edited(&[("Compare measurements", "Compare all measurements")]));
    let second = successor(&first);
    let of_the_fork = successor(&forked);

    attest(clinic, &Script::honest(&first, 1)).await.unwrap();
    assert_undecided(clinic, &Script::honest(&forked, 2), &["contract-forked"], "forked").await;
    assert_undecided(clinic, &Script::honest(&of_the_fork, 3), &["contract-supersedes"], "successor of a fork").await;
    attest(clinic, &Script::honest(&second, 4)).await.unwrap();
    assert_undecided(clinic, &Script::honest(&first, 5), &["contract-superseded"], "older").await;
    // A broker that has seen none of them believes its owner's signature.
    attest(&world.owners[1], &Script::honest(&of_the_fork, 6)).await.unwrap();
}

#[tokio::test]
async fn a_contract_names_what_the_owner_has_sealed() {
    let world = World::new().await;
    let version = |owner| casemate_contract::RunId::from_bytes(version_of(owner).version).to_string();
    let (own, swapped) = (version("clinic"), version("registry"));
    let digest = crate::study::file_digest("clinic").to_string();
    let renamed = [
        ("datasets.measurements", "datasets.values"),
        ("FROM measurements", "FROM values"),
        ("{ measurements", "{ values"),
    ];
    for (run, (crime, edits, rule)) in (1..).zip([
        ("version_never_sealed", vec![(own.as_str(), "ffffffffffffffffffffffffffffffff")], "dataset-key"),
        (
            "versions_swapped",
            vec![(own.as_str(), "a version"), (swapped.as_str(), own.as_str()), ("a version", swapped.as_str())],
            "dataset-key",
        ),
        (
            "id_never_sealed",
            vec![("id = \"01010101010101010101010101010101\"", "id = \"09090909090909090909090909090909\"")],
            "dataset-key",
        ),
        ("another_file", vec![(digest.as_str(), Digest::of(b"another").to_string().leak() as &str)], "dataset-digest"),
        ("under_another_name", renamed.to_vec(), "dataset-name"),
    ]) {
        // Each in a study of its own: none is refused for the one before it.
        let study = format!("id = \"study-{run}\"");
        let edits: Vec<_> = edits.into_iter().chain([("id = \"outcomes\"", study.as_str())]).collect();
        let contract = signed(&edited(&edits));
        assert_undecided(world.clinic(), &Script::honest(&contract, run), &[rule], crime).await;
    }
}

#[tokio::test]
async fn a_wrapped_key_that_does_not_unwrap_releases_nothing() {
    let world = World::new().await;
    let version = version_of("clinic");
    let (of_another_party, of_another_version) = (
        keys("registry").wrap(&version.id, &version.version, &data_key("clinic"), [8; 12]).unwrap(),
        keys("clinic").wrap(&version.id, &[0; 16], &data_key("clinic"), [8; 12]).unwrap(),
    );
    for (run, wrapped) in (1..).zip([encode(&of_another_party), encode(&of_another_version), b"no key".to_vec()]) {
        world.clinic().store.rewrap_keys(&[(version, wrapped)]).await.unwrap();
        let refused = release_all(&world, &Script::honest(&world.contract, run)).await;
        assert_eq!(rules(refused, "wrapped"), ["dataset-key"]);
        world.clinic().assert_refusal(&["dataset-key"], "wrapped").await;
    }
    world.clinic().store.rewrap_keys(&[(version, sealed("clinic").wrapped_key)]).await.unwrap();
    finish(&world, &Script::honest(&world.contract, 100)).await;
}

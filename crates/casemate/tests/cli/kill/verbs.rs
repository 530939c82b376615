//! Every verb that writes, killed at its every step: run again as its user would, it leaves what it leaves undisturbed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use casemate_contract::SignedContract;
use casemate_ledger::{Event, ReceiptBody};
use casemate_store::{Dataset, Store};

use super::{
    choose::{Extent, Plan},
    trace::{Traced, Whose, can_trace, kinds},
};
use crate::{
    party::{Answer, Party},
    study::{Study, free_address},
};

/// Steps of each verb at which it is killed, if not at all of them.
const SAMPLE: usize = 7;
const TABLE: &str = "id,age\n1,31415926535\n2,60\n3,70\n";

/// A verb, how its user takes up the work after it was killed, and what counts.
struct Verb<'a> {
    party: &'a Party,
    args: &'a [&'a str],
    /// Exit code and words with which the verb says that it was done already.
    done: Option<(i32, &'a str)>,
    /// What there is in the end, as far as it is the same each time.
    view: &'a dyn Fn(&Party) -> String,
}

impl Verb<'_> {
    /// Kills it at its steps, one after another, each time from the same beginning.
    fn survives(&self, extent: Extent) {
        let Self { party, args, .. } = self;
        let beginning = Beginning::of(&party.folder);
        let calm = Traced::start(party.command(args), Whose::Own, None).wait();
        assert_eq!(calm.code, Some(0), "{args:?}: {calm:?}");
        let expected = (self.view)(party);
        let files = files(party);
        let mut plan = Plan::new(&calm.steps, extent);
        assert!(kinds(&calm.steps).len() >= 5, "{args:?} has hardly any steps: {:?}", calm.steps);
        while let Some(step) = plan.next() {
            beginning.restore();
            let end = Traced::start(party.command(args), Whose::Own, Some(step.clone())).wait();
            plan.note(&step, end.is_hit);
            assert_eq!(end.code, if end.is_hit { None } else { Some(0) }, "{args:?} at {step}: {end:?}");
            no_plaintext(party, &files, &format!("{args:?} killed at {step}"));
            let again = party.call(args);
            self.done(&again, &format!("{args:?} again, after a kill at {step}"));
            assert_eq!((self.view)(party), expected, "{args:?} after a kill at {step}");
            assert_eq!(self::files(party), files, "{args:?} after a kill at {step}");
        }
    }

    #[track_caller]
    fn done(&self, again: &Answer, when: &str) {
        if again.code == Some(0) {
            return;
        }
        let (code, words) = self.done.unwrap_or_else(|| panic!("{when}: {again:?}"));
        let said = format!("{} {}", again.text("message"), again.text("help"));
        assert!(again.code == Some(code) && said.contains(words), "{when}: {again:?}");
    }
}

/// A folder as it was, to begin again from.
struct Beginning {
    folder: PathBuf,
    copy: PathBuf,
}

impl Beginning {
    fn of(folder: &Path) -> Self {
        let beginning = Self { folder: folder.to_owned(), copy: folder.with_extension("beginning") };
        let _ = fs::remove_dir_all(&beginning.copy);
        copy(folder, &beginning.copy);
        beginning
    }

    fn restore(&self) {
        fs::remove_dir_all(&self.folder).unwrap();
        copy(&self.copy, &self.folder);
    }
}

/// With modes and times.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// The files of a party, without SQLite's side files.
fn files(party: &Party) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![party.folder.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if !entry.file_name().to_string_lossy().starts_with("state.db-") {
                found.insert(entry.path().strip_prefix(&party.folder).unwrap().to_owned());
            }
        }
    }
    found
}

/// No file that is not there in the end holds any data, result or key in the clear.
fn no_plaintext(party: &Party, expected: &BTreeSet<PathBuf>, when: &str) {
    for path in files(party).difference(expected) {
        let text = fs::read(party.join(path.to_str().unwrap())).unwrap();
        let is_telling =
            [&b"31415926535"[..], b"patients,radius", b"AGE-SECRET-KEY"].iter().any(|part| contains(&text, part));
        assert!(!is_telling, "{when}: `{}` lies there", path.display());
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn read<T>(party: &Party, look: impl AsyncFnOnce(&Store) -> T) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Store::open(&party.join("state")).await.unwrap();
        store.check_ledgers().await.unwrap();
        let seen = look(&store).await;
        store.close().await;
        seen
    })
}

/// Each dataset that is current, with its plaintext; the file is the one of the store.
fn datasets(party: &Party) -> String {
    let all = read(party, async |store| store.datasets().await.unwrap());
    let current: Vec<&Dataset> = all.iter().filter(|dataset| dataset.superseded_at.is_none()).collect();
    let ids: BTreeSet<_> = all.iter().map(|dataset| (&dataset.sealed.name, dataset.sealed.version.id)).collect();
    assert_eq!(ids.len(), current.len(), "a dataset keeps its id, and is there once");
    let mut view = String::new();
    for dataset in current {
        let _ = fs::remove_file(party.join("back.csv"));
        party.expect(&["dataset", "open", &dataset.sealed.name, "--out", "back.csv"]);
        let text = fs::read_to_string(party.join("back.csv")).unwrap();
        fs::remove_file(party.join("back.csv")).unwrap();
        view += &format!("{} revoked {} {text}\n", dataset.sealed.name, dataset.revoked_at.is_some());
    }
    view
}

fn events(party: &Party) -> Vec<Event> {
    let receipts = read(party, async |store| store.receipts().await.unwrap());
    receipts.iter().map(|receipt| ReceiptBody::from_bytes(&receipt.body).unwrap().event).collect()
}

/// Who has signed what the store and the file hold.
fn contracts(party: &Party, file: &str) -> String {
    let signed = |bytes: &[u8]| {
        let signed = SignedContract::from_bytes(bytes).unwrap();
        let digest = signed.compiled().digest();
        format!("{digest} {:?}\n", signed.signed().collect::<Vec<_>>())
    };
    let stored = read(party, async |store| store.contracts().await.unwrap());
    let stored: String = stored.iter().map(|contract| signed(&contract.bytes)).collect();
    stored + &fs::read(party.join(file)).map_or_else(|error| error.to_string(), |bytes| signed(&bytes))
}

fn file(party: &Party, path: &str) -> String {
    fs::read_to_string(party.join(path)).unwrap()
}

/// A party and its folder, before anything is in it.
struct Alone {
    _folder: casemate_testkit::Folder,
    party: Party,
}

fn alone(name: &str) -> Alone {
    let folder = casemate_testkit::Folder::new(name);
    let party = Party::new(folder.path(), "clinic");
    party.write("ages.csv", TABLE);
    Alone { party, _folder: folder }
}

fn sealed(name: &str) -> Alone {
    let alone = alone(name);
    alone.party.expect(&["init", "--name", "clinic", "--address", "127.0.0.1:7701"]);
    alone.party.expect(&["dataset", "seal", "ages.csv", "--entity", "id"]);
    alone
}

fn init(extent: Extent) {
    let Alone { party, _folder } = alone("kill-init");
    let address = free_address();
    let view = |party: &Party| {
        let card = party.expect(&["key", "card"]);
        assert!(file(party, "state/party.toml").contains(card["identity"].as_str().unwrap()));
        party.expect(&["dataset", "list"]);
        format!("{} {}", card["party"], file(party, "state/party.toml").contains(&address))
    };
    let args = ["init", "--name", "clinic", "--address", &address];
    Verb { party: &party, args: &args, done: Some((2, "already holds a party")), view: &view }.survives(extent);
}

fn seal(extent: Extent) {
    let Alone { party, _folder } = alone("kill-seal");
    party.expect(&["init", "--name", "clinic"]);
    let args = ["dataset", "seal", "ages.csv", "--entity", "id"];
    Verb { party: &party, args: &args, done: None, view: &datasets }.survives(extent);
    // A new version over the old one.
    party.write("ages.csv", format!("{TABLE}4,80\n"));
    Verb { party: &party, args: &args, done: None, view: &datasets }.survives(extent);
}

fn open(extent: Extent) {
    let Alone { party, _folder } = sealed("kill-open");
    let args = ["dataset", "open", "ages", "--out", "opened.csv"];
    fs::remove_file(party.join("ages.csv")).unwrap();
    let view = |party: &Party| file(party, "opened.csv");
    Verb { party: &party, args: &args, done: Some((2, "`opened.csv` exists")), view: &view }.survives(extent);
}

fn revoke(extent: Extent) {
    let Alone { party, _folder } = sealed("kill-revoke");
    let view = |party: &Party| format!("{} {:?}", datasets(party), events(party));
    Verb { party: &party, args: &["dataset", "revoke", "ages"], done: None, view: &view }.survives(extent);
    assert_eq!(events(&party), [Event::Revocation]);
}

fn domain(extent: Extent) {
    let Alone { party, _folder } = sealed("kill-domain");
    party.expect(&["key", "card", "own.card"]);
    let args = ["domain", "init", "--host", "own.card"];
    let view = |party: &Party| party.expect(&["domain", "show"]).to_string();
    Verb { party: &party, args: &args, done: Some((2, "domain.toml` exists")), view: &view }.survives(extent);
}

fn sign(extent: Extent) {
    let Alone { party, _folder } = sealed("kill-sign");
    party.expect(&["key", "card", "own.card"]);
    party.expect(&["domain", "init", "--host", "own.card"]);
    party.expect(&["domain", "sign"]);
    // The next one over it: what is there is whole, the one before or this.
    let text = file(&party, "state/domain.toml");
    party.write("state/domain.toml", text.replacen("[domain]\n", "[domain]\nsequence = 1\n", 1));
    let view = |party: &Party| party.expect(&["domain", "show"]).to_string();
    Verb { party: &party, args: &["domain", "sign"], done: None, view: &view }.survives(extent);
    assert_eq!(party.expect(&["domain", "show"])["broker"]["signed"], "same");
}

fn rotate(extent: Extent) {
    let Alone { party, _folder } = sealed("kill-rotate");
    Verb { party: &party, args: &["key", "rotate"], done: None, view: &datasets }.survives(extent);
    // With a new launcher's key: card and party.toml tell of the one that is in force.
    let view = |party: &Party| {
        let card = party.expect(&["key", "card"]);
        assert!(file(party, "state/party.toml").contains(card["launcher"].as_str().unwrap()));
        datasets(party)
    };
    Verb { party: &party, args: &["key", "rotate", "--launcher"], done: None, view: &view }.survives(extent);
}

fn backup(extent: Extent) {
    let Alone { party, _folder } = sealed("kill-backup");
    let view = |party: &Party| {
        fs::remove_file(party.join("state/keys.age")).unwrap();
        party.expect(&["key", "restore", "backup.age"]);
        datasets(party)
    };
    let args = ["key", "backup", "backup.age"];
    Verb { party: &party, args: &args, done: Some((2, "replaces no file")), view: &view }.survives(extent);
}

fn restore(extent: Extent) {
    let Alone { party, _folder } = sealed("kill-restore");
    party.expect(&["key", "backup", "backup.age"]);
    party.expect(&["key", "rotate"]);
    fs::remove_file(party.join("state/keys.age")).unwrap();
    let args = ["key", "restore", "backup.age"];
    Verb { party: &party, args: &args, done: Some((2, "keys.age` is there")), view: &datasets }.survives(extent);
}

fn admission(extent: Extent) {
    let Alone { party, _folder } = sealed("kill-admission");
    // Key file, certificate and names are of one authority, and everything else that the key file opens is still there.
    let view = |party: &Party| {
        let (shown, renewed) = (party.expect(&["admission", "show"]), party.expect(&["admission", "renew"]));
        assert_eq!(shown["key"], renewed["key"]);
        format!("{} {}", shown["trust_domain"], datasets(party))
    };
    let args = ["admission", "init", "--trust-domain", "clinic.example"];
    Verb { party: &party, args: &args, done: Some((2, "has an authority")), view: &view }.survives(extent);
    let args = ["admission", "renew", "--new-key"];
    Verb { party: &party, args: &args, done: None, view: &view }.survives(extent);
}

fn contract(extent: Extent) {
    let study = Study::sealed("kill-contract");
    study.write_contract(crate::study::COMPUTATIONS);
    let _brokers = study.brokers();
    let Study { researcher, clinic, registry, .. } = &study;
    let known = |party: &Party| {
        let list = party.expect(&["party", "list"]);
        let known = list["parties"].as_array().unwrap().iter();
        format!("{:?}", known.map(|party| (&party["name"], &party["key"], &party["broker"])).collect::<Vec<_>>())
    };
    let add = [&["party", "add"][..], &crate::study::CARDS].concat();
    Verb { party: researcher, args: &add, done: None, view: &known }.survives(extent);
    let view = |party: &Party| contracts(party, "study.contract");
    let sign = ["contract", "sign", "study.toml", "--out", "study.contract", "--yes"];
    Verb { party: researcher, args: &sign, done: None, view: &view }.survives(extent);
    let send = ["contract", "send", "study.contract"];
    let sent = |party: &Party| format!("{} {} {}", view(party), contracts(clinic, ""), contracts(registry, ""));
    Verb { party: researcher, args: &send, done: None, view: &sent }.survives(extent);
    for owner in [clinic, registry] {
        owner.expect(&["contract", "receive"]);
        owner.expect(&["contract", "sign", "cohort.contract", "--yes"]);
    }
    let receive = ["contract", "receive", "study.contract"];
    Verb { party: researcher, args: &receive, done: None, view: &view }.survives(extent);
    let waiting = |party: &Party| contracts(party, "cohort.contract");
    fs::remove_file(clinic.join("cohort.contract")).unwrap();
    Verb { party: clinic, args: &["contract", "receive"], done: None, view: &waiting }.survives(extent);
    assert!(waiting(clinic).contains("researcher"));
}

fn result(extent: Extent) {
    let study = Study::signed("kill-result");
    let brokers = study.brokers();
    assert_eq!(study.run().code, Some(0));
    drop(brokers);
    let args = ["result", "open", "results/researcher.result", "--csv", "table.csv"];
    let view = |party: &Party| file(party, "table.csv");
    Verb { party: &study.researcher, args: &args, done: None, view: &view }.survives(extent);
}

/// For each verb one test with a sample of its steps, and one with all.
macro_rules! tests {
    ($($verb:ident: $sample:ident, $all:ident;)+) => {
        $(
            #[test]
            fn $sample() {
                if can_trace(concat!("kills within `", stringify!($verb), "`")) {
                    $verb(Extent::Some(SAMPLE));
                }
            }

            #[test]
            #[ignore = "long: two or more processes for each system call of the verb"]
            fn $all() {
                if can_trace(concat!("kills at every step of `", stringify!($verb), "`")) {
                    $verb(Extent::All);
                }
            }
        )+
    };
}

tests! {
    init: init_is_run_again, init_is_run_again_after_every_step;
    seal: seal_is_run_again, seal_is_run_again_after_every_step;
    open: open_is_run_again, open_is_run_again_after_every_step;
    revoke: revoke_is_run_again, revoke_is_run_again_after_every_step;
    domain: domain_is_run_again, domain_is_run_again_after_every_step;
    sign: sign_is_run_again, sign_is_run_again_after_every_step;
    rotate: rotate_is_run_again, rotate_is_run_again_after_every_step;
    backup: backup_is_run_again, backup_is_run_again_after_every_step;
    restore: restore_is_run_again, restore_is_run_again_after_every_step;
    admission: admission_is_run_again, admission_is_run_again_after_every_step;
    contract: contract_is_run_again, contract_is_run_again_after_every_step;
    result: result_is_run_again, result_is_run_again_after_every_step;
}

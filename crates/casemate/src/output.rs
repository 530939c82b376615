//! What options write, and what they never replace: one rule for every verb.
//!
//! 1. The files of a party's state folder are its verbs' own. No option writes over one, nor puts one there.
//! 2. What is no file stays: a folder, a pipe, a device, a link to nowhere.
//! 3. A file is replaced where it is recognisably what this option writes: the same verb again does what it did. Any other file stays, and
//!    the refusal names it.
//! 4. What nobody recognises, as plaintext and tables, is written once. The same bytes again are no failure.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use casemate_contract::{PartyCard, SignedContract};
use casemate_cose::claimed_signer;
use casemate_evidence::{Bundle, Endorsement, Publisher, loose};
use casemate_trust::{
    Domain, explain,
    proof::Proof,
    result::{self, X509Svid},
    statement::Signed,
};
use serde_json::Value;

use crate::{
    failure::{Failure, Outcome},
    files,
    screen::Screen,
    verbs::svid_claims,
};

/// The files of a state folder. Whoever goes by one of them would go by what an option put there.
const STATE_FILES: [&str; 12] = [
    "admission.toml",
    "authority.pem",
    "bundle.json",
    "domain.signed",
    "domain.toml",
    "keys.age",
    "keys.age.next",
    "party.toml",
    "party.toml.next",
    "state.db",
    "state.db-shm",
    "state.db-wal",
];
/// By which a state folder is known: the first is there once it is complete.
const STATE_MARKS: [&str; 3] = ["party.toml", "party.toml.next", "keys.age"];
/// How a lock of a state folder ends.
const LOCK_ENDING: &str = "lock";
/// How an unsigned CoRIM begins: its tag. [draft-ietf-rats-corim-10 §4.1]
const CORIM: &[u8] = &[0xd9, 0x01, 0xf5];
/// An ELF file, and at byte 7 for which system: Wasmtime's own number. [System V ABI, ELF header; wasmtime `obj.rs`]
const ELF: &[u8] = b"\x7fELF";
const ELF_WASMTIME: u8 = 200;

/// What an option writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Written {
    /// A compiled Wasm program.
    Artifact,
    /// A bundle of endorsements.
    Bundle,
    /// A party's card.
    Card,
    CompiledDomain,
    Contract,
    Corim,
    /// A domain as a person writes it.
    Domain,
    Ear,
    JsonDomain,
    Picture,
    Proof,
    SignedDomain,
    /// A signed statement.
    Statement,
    /// The name of a keep: a certificate or a token.
    Svid,
}

impl Written {
    const fn name(self) -> &'static str {
        match self {
            Self::Artifact => "compiled program",
            Self::Bundle => "bundle of endorsements",
            Self::Card => "party's card",
            Self::CompiledDomain => "compiled domain",
            Self::Contract => "contract",
            Self::Corim => "unsigned CoRIM",
            Self::Domain => "domain in TOML",
            Self::Ear => "EAR",
            Self::JsonDomain => "domain in JSON",
            Self::Picture => "picture of Casemate's",
            Self::Proof => "proof",
            Self::SignedDomain => "signed domain",
            Self::Statement => "signed statement",
            Self::Svid => "SVID",
        }
    }

    fn is(self, bytes: &[u8]) -> bool {
        let text = || std::str::from_utf8(bytes).ok();
        match self {
            Self::Artifact => bytes.starts_with(ELF) && bytes.get(7) == Some(&ELF_WASMTIME),
            Self::Bundle => {
                claimed_signer(bytes).is_ok_and(|signer| Bundle::open(bytes, Publisher::Known(&[signer])).is_ok())
            }
            Self::Card => PartyCard::open(bytes).is_ok(),
            Self::CompiledDomain => Domain::from_bytes(bytes).is_ok(),
            Self::Contract => SignedContract::from_bytes(bytes).is_ok(),
            Self::Corim => bytes.starts_with(CORIM),
            Self::Domain => text().is_some_and(|text| Domain::parse(text).is_ok()),
            Self::Ear => result::is_ear(bytes),
            Self::JsonDomain => is_json_domain(bytes),
            Self::Picture => explain::is_picture(bytes),
            Self::Proof => Proof::from_bytes(bytes).is_ok(),
            Self::SignedDomain => claimed_signer(bytes).is_ok_and(|signer| Domain::open(bytes, &signer).is_ok()),
            Self::Statement => Signed::verify(bytes).is_ok(),
            Self::Svid => is_x509_svid(bytes) || svid_claims(bytes).is_some(),
        }
    }

    /// The one file of a state folder that this is.
    const fn of_state(self) -> Option<&'static str> {
        match self {
            Self::Domain => Some("domain.toml"),
            Self::SignedDomain => Some("domain.signed"),
            _ => None,
        }
    }
}

/// Whether `path` may become this; nothing changes.
pub(crate) fn check(path: &Path, written: Written) -> Outcome {
    found(path, written).map(drop)
}

/// Takes away what this option wrote before, so that none is there where nothing new is written.
pub(crate) fn clear(path: &Path, written: Written) -> Outcome {
    match found(path, written)? {
        Found::Nothing => Ok(()),
        Found::Same => files::remove(path),
    }
}

/// Writes it, in place of nothing but such a file.
pub(crate) fn write(path: &Path, written: Written, bytes: &[u8]) -> Outcome {
    match found(path, written)? {
        Found::Nothing => files::write_new(path, bytes),
        Found::Same => files::write(path, bytes),
    }
}

/// Writes each of several: the first where the caller said, the others beside it. Either all of them may be written, or none is.
pub(crate) fn write_all(out: &Path, written: Written, all: &[Vec<u8>]) -> Result<Vec<PathBuf>, Failure> {
    let paths: Vec<PathBuf> = (0..all.len()).map(|place| numbered(out, place)).collect();
    paths.iter().try_for_each(|path| check(path, written))?;
    paths.iter().zip(all).try_for_each(|(path, bytes)| write(path, written, bytes))?;
    Ok(paths)
}

/// Tells what lies where one more than `count` would be: whoever reads them all would take it for one of them.
pub(crate) fn tell_left_over(out: &Path, count: usize, screen: Screen) {
    let next = numbered(out, count);
    if next.exists() {
        screen.line(format!("note: `{}` is there from before, and is none of these", next.display()));
    }
}

/// `out`, `out.2`, `out.3`, …
fn numbered(out: &Path, place: usize) -> PathBuf {
    if place == 0 {
        return out.to_owned();
    }
    let mut name = out.as_os_str().to_owned();
    name.push(format!(".{}", place + 1));
    name.into()
}

/// Whether nothing is at `path`, and it is no state folder's. `help` says what to do where something is.
pub(crate) fn check_new(path: &Path, written: Option<Written>, help: &str) -> Outcome {
    check_place(path, written.and_then(Written::of_state))?;
    if is_absent(path)? {
        return Ok(());
    }
    Err(Failure::input(format!("`{}` exists", path.display())).help(help.to_owned()))
}

/// Writes what nobody could recognise again: over nothing, but the same bytes.
pub(crate) fn write_once(path: &Path, bytes: &[u8]) -> Outcome {
    check_place(path, None)?;
    if is_absent(path)? {
        return files::write_new(path, bytes);
    }
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) && files::read(path)? == bytes {
        return Ok(());
    }
    Err(Failure::input(format!("`{}` is there already, and is something else", path.display()))
        .help("name another place for it, or move that one away"))
}

/// What is where something would be written.
enum Found {
    Nothing,
    /// What the same option wrote, or could have.
    Same,
}

fn found(path: &Path, written: Written) -> Result<Found, Failure> {
    check_place(path, written.of_state())?;
    if is_absent(path)? {
        return Ok(Found::Nothing);
    }
    let is_file = fs::metadata(path).is_ok_and(|found| found.is_file());
    // What is too long to be read is none either.
    if is_file && files::read(path).is_ok_and(|bytes| written.is(&bytes)) {
        return Ok(Found::Same);
    }
    let name = written.name();
    Err(Failure::input(format!("`{}` exists and is no {name}", path.display()))
        .help(format!("name another file for the {name}, or move that one away")))
}

fn is_absent(path: &Path) -> Result<bool, Failure> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Failure::io("write", path, &error)),
    }
}

/// 1
fn check_place(path: &Path, own: Option<&str>) -> Outcome {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    let is_lock = name == ".lock" || path.extension().is_some_and(|ending| ending == LOCK_ENDING);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_state = || STATE_MARKS.iter().any(|mark| folder.join(mark).exists());
    if own == Some(name) || !(STATE_FILES.contains(&name) || is_lock) || !is_state() {
        return Ok(());
    }
    let message = format!("`{}` is a file of a party's state folder", path.display());
    Err(Failure::input(message).help("name another file: those are written by the verbs that they belong to alone"))
}

/// As `casemate domain export --as json` writes it.
fn is_json_domain(bytes: &[u8]) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_slice(bytes) else { return false };
    let names = ["digest", "keys", "owner", "sequence", "statements"];
    members.len() == names.len() && names.iter().all(|name| members.contains_key(*name))
}

/// As `casemate admission issue` writes it.
fn is_x509_svid(bytes: &[u8]) -> bool {
    matches!(loose(bytes).as_deref(), Ok([Endorsement::Certificate(der)]) if X509Svid::claimed(der).is_ok())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, path::PathBuf};

    use super::*;

    const ALL: [Written; 14] = [
        Written::Artifact,
        Written::Bundle,
        Written::Card,
        Written::CompiledDomain,
        Written::Contract,
        Written::Corim,
        Written::Domain,
        Written::Ear,
        Written::JsonDomain,
        Written::Picture,
        Written::Proof,
        Written::SignedDomain,
        Written::Statement,
        Written::Svid,
    ];
    const DOMAIN: &str = "[domain]\nowner = \"clinic\"\n";

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }
    }

    #[track_caller]
    fn stays(path: &Path, written: Written, part: &str) {
        let before = fs::read(path).ok();
        for refused in [write(path, written, b"new"), clear(path, written), check(path, written)] {
            let failure = refused.unwrap_err();
            assert!(failure.to_string().contains(part), "{written:?}: {failure}");
            assert_eq!(failure.exit_code(), 2);
        }
        assert_eq!(fs::read(path).ok(), before, "{written:?}");
    }

    #[test]
    fn nothing_replaces_what_is_something_else() {
        let place = Place::new();
        let others: [&[u8]; 8] = [
            b"",
            b"notes of a person\n",
            b"age-encryption.org/v1\n-> X25519",
            b"-----BEGIN CERTIFICATE-----\n",
            b"{\"keys\": []}",
            b"\x7fELF\x02\x01\x01\x00",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\"></svg>",
            &[0xd2, 0x84, 0x43],
        ];
        for other in others {
            let path = place.at("other");
            fs::write(&path, other).unwrap();
            ALL.into_iter().for_each(|written| stays(&path, written, "exists and is no "));
        }
    }

    #[test]
    fn a_state_folder_is_its_verbs_own() {
        let place = Place::new();
        // Elsewhere they are names like others.
        write(&place.at("bundle.json"), Written::Corim, CORIM).unwrap();
        fs::write(place.at("party.toml"), b"name = \"clinic\"").unwrap();
        for name in STATE_FILES.into_iter().chain([".lock", "key.lock"]) {
            for written in ALL.into_iter().filter(|written| written.of_state() != Some(name)) {
                stays(&place.at(name), written, "state folder");
            }
            assert!(write_once(&place.at(name), b"x").is_err() && !place.at("keys.age").exists());
        }
        assert!(check_new(&place.at("keys.age"), None, "").is_err());
        // By another way to the same folder.
        let way = Place::new();
        symlink(place.0.path(), way.at("way")).unwrap();
        stays(&way.at("way/keys.age"), Written::Ear, "state folder");
        // A domain may become the party's, but takes the place of no other file.
        write(&place.at("domain.toml"), Written::Domain, DOMAIN.as_bytes()).unwrap();
        write(&place.at("domain.toml"), Written::Domain, DOMAIN.as_bytes()).unwrap();
        write(&place.at("picture.svg"), Written::Picture, b"<svg").unwrap();
    }

    #[test]
    fn what_the_option_wrote_is_replaced_and_taken_away() {
        let place = Place::new();
        let path = place.at("domain");
        let domain = Domain::parse(DOMAIN).unwrap();
        let json = br#"{"owner":"clinic","sequence":0,"digest":"sha256:00","statements":[],"keys":[]}"#;
        let signed = domain.sign(&casemate_cose::SigningKey::from_seed(&[7; 32]));
        for (written, bytes) in [
            (Written::Domain, DOMAIN.as_bytes()),
            (Written::CompiledDomain, &domain.to_bytes()),
            (Written::JsonDomain, json),
            (Written::SignedDomain, &signed),
        ] {
            write(&path, written, bytes).unwrap();
            write(&path, written, bytes).unwrap();
            for other in ALL.into_iter().filter(|other| *other != written) {
                stays(&path, other, "exists and is no ");
            }
            clear(&path, written).unwrap();
            clear(&path, written).unwrap();
            assert!(!path.exists());
        }
    }

    #[test]
    fn several_are_written_or_none() {
        let place = Place::new();
        let out = place.at("site.v2");
        let all = [CORIM.to_vec(), [CORIM, b"2"].concat(), [CORIM, b"3"].concat()];
        let names = ["site.v2", "site.v2.2", "site.v2.3"].map(|name| place.at(name));
        fs::write(&names[2], b"notes of a person").unwrap();
        assert!(write_all(&out, Written::Corim, &all).is_err() && !names[0].exists() && !names[1].exists());
        fs::remove_file(&names[2]).unwrap();
        for _ in 0..2 {
            assert_eq!(write_all(&out, Written::Corim, &all).unwrap(), names);
            assert!(names.iter().zip(&all).all(|(path, bytes)| fs::read(path).unwrap() == *bytes));
        }
        fs::write(place.at("party.toml"), b"name = \"clinic\"").unwrap();
        assert!(write_all(&place.at("keys.age"), Written::Corim, &all).is_err());
    }

    #[test]
    fn what_is_no_file_stays() {
        let place = Place::new();
        fs::create_dir(place.at("folder")).unwrap();
        symlink(place.at("nowhere"), place.at("link")).unwrap();
        symlink("/dev/null", place.at("null")).unwrap();
        nix::unistd::mkfifo(&place.at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for name in ["folder", "link", "null", "pipe"] {
            let path = place.at(name);
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            for written in ALL {
                assert!(
                    write(&path, written, b"new").is_err() && clear(&path, written).is_err(),
                    "{name}: {written:?}"
                );
            }
            assert!(write_once(&path, b"new").is_err() && check_new(&path, None, "").is_err(), "{name}");
            assert_eq!(fs::symlink_metadata(&path).unwrap().file_type(), kind, "{name}");
        }
    }

    #[test]
    fn what_nobody_recognises_is_written_once() {
        let place = Place::new();
        let path = place.at("table.csv");
        write_once(&path, b"a\n1\n").unwrap();
        write_once(&path, b"a\n1\n").unwrap();
        let failure = write_once(&path, b"a\n2\n").unwrap_err();
        assert!(failure.to_string().contains("is there already"), "{failure}");
        assert_eq!(fs::read(&path).unwrap(), b"a\n1\n");
    }
}

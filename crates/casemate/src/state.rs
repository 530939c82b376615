//! A party's state folder: who it is, its keys under a passphrase, its store.
//!
//! ```text
//! DIR/party.toml    name, broker address, public keys: nothing secret
//! DIR/keys.age      every secret key, under the passphrase
//! DIR/domain.toml   whom this owner believes
//! DIR/state.db      datasets, contracts, runs, ledger
//! DIR/datasets/     sealed files       DIR/results/  what runs left
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
};

use casemate_contract::{Address, Broker, PartyName};
use casemate_cose::decode;
use casemate_keyring::{PartyKeys, WrappedKey};
use casemate_store::{StateLock, Store, StoreError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{cli::Global, failure::Failure, files};

const WRAPPED_BYTES_MAX: usize = 1024;

/// An existing party.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) dir: PathBuf,
    pub(crate) name: PartyName,
    pub(crate) address: Option<Address>,
    passphrase_file: Option<PathBuf>,
}

/// `party.toml`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PartyFile {
    name: String,
    address: Option<String>,
    identity: String,
    broker: String,
    launcher: String,
    recipient: String,
}

impl State {
    /// Opens the party of the folder that `global` names.
    pub(crate) fn open(global: &Global) -> Result<Self, Failure> {
        let path = global.state.join("party.toml");
        if !path.exists() {
            return Err(Failure::input(format!("`{}` is no party's state folder", global.state.display()))
                .help("make one with `casemate init --name NAME`, or name another with --state"));
        }
        let text = files::read_text(&path)?;
        let bad = |what: String| Failure::input(format!("`{}`: {what}", path.display()));
        let file: PartyFile = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
        let name = file.name.parse().map_err(|error| bad(format!("name: {error}")))?;
        let address = file.address.map(|address| address.parse()).transpose();
        let address = address.map_err(|error| bad(format!("address: {error}")))?;
        Ok(Self { dir: global.state.clone(), name, address, passphrase_file: global.passphrase_file.clone() })
    }

    /// Makes a party; `party.toml` is written last, so that a folder that has one is complete.
    pub(crate) fn create(
        global: &Global,
        name: PartyName,
        address: Option<Address>,
        keys: &PartyKeys,
        locked: &str,
    ) -> Result<Self, Failure> {
        let dir = &global.state;
        let file = PartyFile {
            name: name.to_string(),
            address: address.as_ref().map(ToString::to_string),
            identity: keys.public().to_string(),
            broker: keys.broker().public().to_string(),
            launcher: keys.launcher().public().to_string(),
            recipient: keys.recipient().map_err(keyring)?,
        };
        let text = toml::to_string(&file).map_err(|error| Failure::machine(error.to_string()))?;
        files::write(&dir.join("keys.age"), locked.as_bytes())?;
        files::write(&dir.join("party.toml"), text.as_bytes())?;
        Ok(Self { dir: dir.clone(), name, address, passphrase_file: global.passphrase_file.clone() })
    }

    /// Unlocks the party's keys and opens its store. Ends a rotation of keys that a crash interrupted.
    pub(crate) async fn unlock(&self) -> Result<(PartyKeys, Store), Failure> {
        let passphrase = passphrase(self.passphrase_file.as_deref(), &format!("Passphrase of {}", self.name))?;
        let store = self.store().await?;
        let (current, next) = (self.dir.join("keys.age"), self.next_keys());
        if next.exists() {
            let wrapped = wrapped(&store).await?;
            let opens = |keys: &PartyKeys| wrapped.iter().all(|key| keys.unwrap(key).is_ok());
            match read_keys(&current, &passphrase) {
                Ok(keys) if opens(&keys) => fs::remove_file(&next).map_err(|e| Failure::io("remove", &next, &e))?,
                _ if opens(&read_keys(&next, &passphrase)?) => self.take_next_keys()?,
                _ => {}
            }
        }
        Ok((read_keys(&current, &passphrase)?, store))
    }

    /// Where the keys of a rotation wait for the store.
    pub(crate) fn next_keys(&self) -> PathBuf {
        self.dir.join("keys.age.next")
    }

    /// Puts the keys of a rotation into force.
    pub(crate) fn take_next_keys(&self) -> Result<(), Failure> {
        let next = self.next_keys();
        fs::rename(&next, self.dir.join("keys.age")).map_err(|error| Failure::io("rename", &next, &error))
    }

    /// Opens the party's store.
    pub(crate) async fn store(&self) -> Result<Store, Failure> {
        Store::open(&self.dir).await.map_err(store)
    }

    /// Keeps a second process of the same role out for as long as the lock lives.
    pub(crate) fn lock(&self, role: &str) -> Result<StateLock, Failure> {
        StateLock::acquire(&self.dir, role).map_err(store)
    }

    /// This party's broker as contracts name it.
    pub(crate) fn broker(&self, keys: &PartyKeys) -> Option<Broker> {
        self.address.clone().map(|address| Broker { key: keys.broker().public(), address })
    }
}

fn read_keys(path: &Path, passphrase: &str) -> Result<PartyKeys, Failure> {
    PartyKeys::unlock(&files::read_text(path)?, passphrase).map_err(|error| in_file(path, error))
}

/// The dataset keys that the store holds, wrapped.
pub(crate) async fn wrapped(state: &Store) -> Result<Vec<WrappedKey>, Failure> {
    let datasets = state.datasets().await.map_err(store)?;
    let read = |bytes: &[u8]| {
        decode(bytes, WRAPPED_BYTES_MAX).map_err(|error| Failure::machine(format!("a stored dataset key: {error}")))
    };
    datasets.iter().map(|dataset| read(&dataset.sealed.wrapped_key)).collect()
}

/// Makes the state folder, or accepts an empty one.
pub(crate) fn prepare_new(dir: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    if dir.join("party.toml").exists() || dir.join("keys.age").exists() {
        return Err(Failure::input(format!("`{}` already holds a party", dir.display()))
            .help("its keys are not replaced; choose another folder with --state"));
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .and_then(|()| fs::set_permissions(dir, fs::Permissions::from_mode(0o700)))
        .map_err(|error| Failure::io("create", dir, &error).help("name a folder that can be written with --state"))
}

/// The passphrase from a file's first line, or asked for.
pub(crate) fn passphrase(file: Option<&Path>, prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if let Some(path) = file {
        let text = Zeroizing::new(files::read_text(path)?);
        let line = text.lines().next().unwrap_or_default().trim_end_matches('\r');
        if line.is_empty() {
            return Err(Failure::input(format!("the first line of `{}` is empty", path.display()))
                .help("write the passphrase into its first line"));
        }
        return Ok(Zeroizing::new(line.to_owned()));
    }
    rpassword::prompt_password(format!("{prompt}: ")).map(Zeroizing::new).map_err(|error| {
        Failure::input(format!("no passphrase could be asked for: {error}"))
            .help("without a terminal, name a file with --passphrase-file or CASEMATE_PASSPHRASE_FILE")
    })
}

/// A new passphrase: from a file, or asked for twice.
pub(crate) fn new_passphrase(file: Option<&Path>, prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let first = passphrase(file, prompt)?;
    if file.is_none() {
        let second = passphrase(None, "The same again")?;
        if *first != *second {
            return Err(Failure::input("the two passphrases differ").help("type the same twice"));
        }
    }
    Ok(first)
}

/// A failure of the store, with its remedy.
pub(crate) fn store(error: StoreError) -> Failure {
    let failure = match &error {
        StoreError::Dataset(_) | StoreError::Floor(_) | StoreError::Run(_) => {
            Failure::refused(error.to_string(), Vec::new())
        }
        StoreError::Newer { .. } | StoreError::NotAFolder { .. } | StoreError::Foreign { .. } => {
            Failure::input(error.to_string())
        }
        _ => Failure::machine(error.to_string()),
    };
    match error.remedy() {
        Some(remedy) => failure.help(remedy),
        None => failure,
    }
}

/// A failure of the key file.
pub(crate) fn keyring(error: casemate_keyring::KeyringError) -> Failure {
    use casemate_keyring::KeyringError as E;
    let failure = Failure::input(error.to_string());
    match error {
        E::WrongPassphrase => failure.help("try again; without the passphrase the keys can only come from a backup"),
        E::NotForThisKey => failure.help("open it with the state folder of the party that it was encrypted to"),
        _ => failure,
    }
}

pub(crate) fn in_file(path: &Path, error: casemate_keyring::KeyringError) -> Failure {
    let what = format!("`{}`: {error}", path.display());
    match keyring(error) {
        failure if failure.exit_code() == 2 => failure.renamed(what),
        failure => failure,
    }
}

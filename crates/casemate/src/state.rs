//! A party's state folder: who it is, its keys under a passphrase, its store.
//!
//! ```text
//! DIR/party.toml    name, broker address, public keys: nothing secret
//! DIR/keys.age      every secret key, under the passphrase
//! DIR/domain.toml   whom this owner believes
//! DIR/admission.toml, authority.pem, bundle.json   how keeps are called, by which authority
//! DIR/state.db      datasets, contracts, runs, ledger
//! DIR/datasets/     sealed files       DIR/results/  what runs left
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use casemate_contract::{Address, Broker, PartyName};
use casemate_cose::{PublicKey, decode};
use casemate_keyring::{PartyKeys, WrappedKey};
use casemate_store::{StateLock, Store, StoreError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{cli::Global, failure::Failure, files};

const WRAPPED_BYTES_MAX: usize = 1024;
/// The lock that all share who use the party's keys, and that whoever replaces them has alone.
const KEY_LOCK: &str = "key";

/// An existing party.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) dir: PathBuf,
    pub(crate) name: PartyName,
    pub(crate) address: Option<Address>,
    passphrase_file: Option<PathBuf>,
    /// Held from [`State::unlock`] on.
    shared: OnceLock<StateLock>,
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
        Ok(Self {
            dir: global.state.clone(),
            name,
            address,
            passphrase_file: global.passphrase_file.clone(),
            shared: OnceLock::new(),
        })
    }

    /// Whether the folder that `global` names holds a party.
    pub(crate) fn is_party(global: &Global) -> bool {
        global.state.join("party.toml").exists()
    }

    /// Makes a party; `party.toml` gets its name last, so that a folder that has one is complete. Until then it lies there
    /// as `party.toml.next`: [`interrupted`] knows by it whose keys those are.
    pub(crate) fn create(
        global: &Global,
        name: PartyName,
        address: Option<Address>,
        keys: &PartyKeys,
        locked: &str,
    ) -> Result<Self, Failure> {
        let passphrase_file = global.passphrase_file.clone();
        let state = Self { dir: global.state.clone(), name, address, passphrase_file, shared: OnceLock::new() };
        let next = next_party(&state.dir);
        files::write(&next, state.description(keys)?.as_bytes())?;
        files::write(&state.dir.join("keys.age"), locked.as_bytes())?;
        files::rename(&next, &state.dir.join("party.toml"))?;
        Ok(state)
    }

    /// Writes `party.toml`: who this is, by these keys.
    pub(crate) fn describe(&self, keys: &PartyKeys) -> Result<(), Failure> {
        files::write(&self.dir.join("party.toml"), self.description(keys)?.as_bytes())
    }

    fn description(&self, keys: &PartyKeys) -> Result<String, Failure> {
        let file = PartyFile {
            name: self.name.to_string(),
            address: self.address.as_ref().map(ToString::to_string),
            identity: keys.public().to_string(),
            broker: keys.broker().public().to_string(),
            launcher: keys.launcher().public().to_string(),
            recipient: keys.recipient().map_err(keyring)?,
        };
        toml::to_string(&file).map_err(|error| Failure::machine(error.to_string()))
    }

    /// This party's identity key, as `party.toml` has it.
    pub(crate) fn identity(&self) -> Result<PublicKey, Failure> {
        let path = self.dir.join("party.toml");
        let bad = |what: String| Failure::input(format!("`{}`: {what}", path.display()));
        let file: PartyFile = toml::from_str(&files::read_text(&path)?).map_err(|error| bad(error.to_string()))?;
        file.identity.parse().map_err(|error| bad(format!("identity: {error}")))
    }

    /// Unlocks the party's keys and opens its store. Ends a rotation of keys that a crash interrupted; as long as this value
    /// lives, no other begins, so that nothing is wrapped under a key that is about to go.
    pub(crate) async fn unlock(&self) -> Result<(PartyKeys, Store), Failure> {
        let passphrase = passphrase(self.passphrase_file.as_deref(), &format!("Passphrase of {}", self.name))?;
        let opened = self.store().await?;
        if self.next_keys().exists() {
            let _alone = self.alone()?;
            self.end_rotation(&opened, &passphrase).await?;
        }
        let shared = StateLock::share(&self.dir, KEY_LOCK).map_err(store)?;
        let keys = read_keys(&self.dir.join("keys.age"), &passphrase)?;
        let _first = self.shared.set(shared);
        Ok((keys, opened))
    }

    /// [`State::unlock`] for whoever is alone: it holds the lock of [`State::alone`].
    pub(crate) async fn unlock_alone(&self) -> Result<(PartyKeys, Store), Failure> {
        let passphrase = passphrase(self.passphrase_file.as_deref(), &format!("Passphrase of {}", self.name))?;
        let opened = self.store().await?;
        self.end_rotation(&opened, &passphrase).await?;
        Ok((read_keys(&self.dir.join("keys.age"), &passphrase)?, opened))
    }

    /// Keeps out everybody who uses the party's keys, for as long as the lock lives.
    pub(crate) fn alone(&self) -> Result<StateLock, Failure> {
        let help = "wait until no other `casemate` works on this state folder, then run this again";
        self.lock(KEY_LOCK).map_err(|failure| failure.help(help))
    }

    async fn end_rotation(&self, opened: &Store, passphrase: &str) -> Result<(), Failure> {
        let (current, next) = (self.dir.join("keys.age"), self.next_keys());
        if !next.exists() {
            return Ok(());
        }
        let wrapped = wrapped(opened).await?;
        let opens = |keys: &PartyKeys| wrapped.iter().all(|key| keys.unwrap(key).is_ok());
        match read_keys(&current, passphrase) {
            Ok(keys) if opens(&keys) => files::remove(&next)?,
            _ if opens(&read_keys(&next, passphrase)?) => self.take_next_keys()?,
            _ => {}
        }
        self.describe(&read_keys(&current, passphrase)?)
    }

    /// Where the keys of a rotation wait for the store.
    pub(crate) fn next_keys(&self) -> PathBuf {
        self.dir.join("keys.age.next")
    }

    /// Puts the keys of a rotation into force.
    pub(crate) fn take_next_keys(&self) -> Result<(), Failure> {
        files::rename(&self.next_keys(), &self.dir.join("keys.age"))
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
    // Nobody names this file: where it is gone, the machine lost it.
    fs::metadata(path).map_err(|error| Failure::io("read", path, &error))?;
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

/// Where `party.toml` waits for the keys.
fn next_party(dir: &Path) -> PathBuf {
    dir.join("party.toml.next")
}

/// Makes the state folder, or accepts one that holds no party. What is returned keeps a second `init` out.
pub(crate) fn prepare_new(dir: &Path) -> Result<StateLock, Failure> {
    refuse_party(dir)?;
    make_folder(dir)?;
    let lock = StateLock::acquire(dir, KEY_LOCK).map_err(store)?;
    refuse_party(dir)?;
    Ok(lock)
}

fn refuse_party(dir: &Path) -> Result<(), Failure> {
    let is_begun = next_party(dir).exists() && !dir.join("party.toml").exists();
    if is_begun || !(dir.join("party.toml").exists() || dir.join("keys.age").exists()) {
        return Ok(());
    }
    Err(Failure::input(format!("`{}` already holds a party", dir.display()))
        .help("its keys are not replaced: go on with them, or choose another folder with --state"))
}

/// The keys of an `init` that was killed before it was done. Nobody was told of them, but no key is ever overwritten.
pub(crate) fn interrupted(dir: &Path, passphrase: &str) -> Result<Option<PartyKeys>, Failure> {
    let (path, next) = (dir.join("keys.age"), next_party(dir));
    if !path.exists() {
        return Ok(None);
    }
    let help = "run it again with the same passphrase, or choose another folder with --state";
    let keys = read_keys(&path, passphrase).map_err(|failure| failure.help(help))?;
    let file: PartyFile = toml::from_str(&files::read_text(&next)?)
        .map_err(|error| Failure::input(format!("`{}`: {error}", next.display())).help(help))?;
    if file.identity == keys.public().to_string() {
        return Ok(Some(keys));
    }
    Err(Failure::input(format!("`{}` holds the keys of another party", path.display()))
        .help("they are not replaced; choose another folder with --state"))
}

/// Forgets that an `init` was interrupted: the keys that come now are others.
pub(crate) fn forget_interrupted(dir: &Path) -> Result<(), Failure> {
    files::remove(&next_party(dir))
}

fn make_folder(dir: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
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
        StoreError::Dataset(_)
        | StoreError::Floor(_)
        | StoreError::Party(_)
        | StoreError::Quota(_)
        | StoreError::Run(_) => Failure::refused(error.to_string(), Vec::new()),
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

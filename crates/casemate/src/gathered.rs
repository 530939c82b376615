//! Endorsements that the caller names: from bundles, files and folders, each kept once, and what was passed over on the way.

use std::{
    fs,
    path::{Path, PathBuf},
};

use casemate_cose::{CoseError, Digest, PublicKey, claimed_signer};
use casemate_evidence::{
    Anchor, Bundle, BundleError, DatedItem, Endorsement, Endorsements, KeyOwner, LooseError, Publisher, Signature,
    Vendor, dated, dcap, loose, public_key, recognise, signatures,
};
use casemate_trust::Reason;

use crate::{cli::verify::Floor, failure::Failure, files, verbs::verify::plain};

/// How deep folders are looked through.
const DEPTH_MAX: usize = 8;

/// Endorsements from several places, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    items: Vec<Endorsement>,
    bundles: Vec<Bundle>,
    /// Files in folders that are something else.
    passed_over: Vec<PassedOver>,
}

/// A file in a folder that endorses nothing.
#[derive(Debug)]
pub(crate) struct PassedOver {
    pub(crate) path: PathBuf,
    /// What is wrong with it; `None` if it is simply something else.
    pub(crate) why: Option<String>,
}

/// Which bundles are opened.
struct Rules<'a> {
    publishers: &'a [PublicKey],
    oldest: Option<Oldest<'a>>,
}

/// What no bundle may be older than.
enum Oldest<'a> {
    Time(&'a casemate_cose::UnixTime),
    Seen(Box<Bundle>),
}

/// Whether the caller named a file, or a folder that it lies in.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Named {
    File,
    Folder,
}

impl Rules<'_> {
    const fn publisher(&self) -> Publisher<'_> {
        if self.publishers.is_empty() { Publisher::Anyone } else { Publisher::Known(self.publishers) }
    }

    fn check_age(&self, bundle: &Bundle) -> Result<(), BundleError> {
        match &self.oldest {
            None => Ok(()),
            Some(Oldest::Time(seen)) => bundle.not_older_than(**seen),
            Some(Oldest::Seen(seen)) => bundle.not_older_than_seen(seen),
        }
    }
}

impl Gathered {
    /// Reads bundles, files and folders.
    pub(crate) fn of_paths(
        paths: &[PathBuf],
        publishers: &[PublicKey],
        not_older_than: Option<&Floor>,
    ) -> Result<Self, Failure> {
        let mut rules = Rules { publishers, oldest: None };
        rules.oldest = match not_older_than {
            None => None,
            Some(Floor::Time(time)) => Some(Oldest::Time(time)),
            Some(Floor::Seen(path)) => Some(Oldest::Seen(Box::new(seen(path, rules.publisher())?))),
        };
        let mut gathered = Self::default();
        for path in paths {
            gathered.path(path, &rules, Named::File, 0)?;
        }
        let unused = [("--publisher", !publishers.is_empty()), ("--not-older-than", not_older_than.is_some())];
        if let Some((option, _)) = unused.iter().find(|(_, is_given)| *is_given && gathered.bundles.is_empty()) {
            let message = format!("`{option}` says which bundles are taken, and no bundle was given");
            return Err(Failure::input(message)
                .help("give a bundle (casemate endorsements pack makes one), or leave the option out"));
        }
        Ok(gathered)
    }

    fn path(&mut self, path: &Path, rules: &Rules<'_>, named: Named, depth: usize) -> Result<(), Failure> {
        if !path.is_dir() {
            return self.file(path, rules, named);
        }
        if depth > DEPTH_MAX {
            self.pass_over(path, format!("it lies more than {DEPTH_MAX} folders deep"));
            return Ok(());
        }
        let entries = fs::read_dir(path).map_err(|error| Failure::io("read", path, &error))?;
        let mut inside: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        inside.sort();
        inside.iter().try_for_each(|path| self.path(path, rules, Named::Folder, depth + 1))
    }

    /// Reads a file. One that the caller named has to endorse something; a folder may hold the evidence itself, what describes
    /// it, and what is broken: whoever needs that misses it when evidence is judged.
    fn file(&mut self, path: &Path, rules: &Rules<'_>, named: Named) -> Result<(), Failure> {
        let is_named = named == Named::File;
        // A pipe, a device, a link to nothing: nothing that a vendor gave lies there.
        if !is_named && !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
            self.passed_over.push(PassedOver { path: path.to_owned(), why: None });
            return Ok(());
        }
        let bytes = match files::read(path) {
            Err(failure) if !is_named && failure.is_of_input() => {
                self.pass_over(path, failure.to_string());
                return Ok(());
            }
            read => read?,
        };
        match Bundle::open(&bytes, rules.publisher()) {
            Ok(bundle) => {
                rules.check_age(&bundle).map_err(|error| refused(path, &error))?;
                bundle.items().iter().for_each(|item| self.add(item.clone()));
                self.bundles.push(bundle);
                Ok(())
            }
            // Not a signed bundle at all: perhaps something that a vendor gave.
            Err(BundleError::Cose(_)) if claimed_signer(&bytes).is_err() => match loose(&bytes) {
                Ok(items) => {
                    items.into_iter().for_each(|item| self.add(item));
                    Ok(())
                }
                Err(error) if is_named => Err(endorses_nothing(path, &bytes, &error)),
                Err(LooseError::Unknown) => {
                    self.passed_over.push(PassedOver { path: path.to_owned(), why: None });
                    Ok(())
                }
                Err(error) => {
                    self.pass_over(path, error.to_string());
                    Ok(())
                }
            },
            Err(error) => {
                let failure = refused(path, &error);
                if is_named || !failure.is_of_input() {
                    return Err(failure);
                }
                self.pass_over(path, error.to_string());
                Ok(())
            }
        }
    }

    fn pass_over(&mut self, path: &Path, why: String) {
        self.passed_over.push(PassedOver { path: path.to_owned(), why: Some(why) });
    }

    fn add(&mut self, item: Endorsement) {
        if !self.items.contains(&item) {
            self.items.push(item);
        }
    }

    /// The built-in roots and everything gathered. They name a bundle if they are one bundle's and nothing else.
    pub(crate) fn endorsements(&self) -> Endorsements {
        let endorsements = Endorsements::of_vendors().with_all(self.items.iter().cloned());
        match self.bundle() {
            Some(bundle) => endorsements.from_bundle(bundle),
            None => endorsements,
        }
    }

    /// What was gathered.
    pub(crate) fn items(&self) -> &[Endorsement] {
        &self.items
    }

    /// The bundles among it.
    pub(crate) fn bundles(&self) -> &[Bundle] {
        &self.bundles
    }

    /// The one bundle that all came from.
    pub(crate) fn bundle(&self) -> Option<Digest> {
        match self.bundles.as_slice() {
            [bundle] if bundle.items().len() == self.items.len() => Some(bundle.digest()),
            _ => None,
        }
    }

    /// Each item's name, dates and signature, by the built-in roots and all else that was gathered.
    pub(crate) fn judged(&self) -> Vec<(DatedItem, Signature)> {
        let roots = Endorsements::of_vendors().items().len();
        let signatures = signatures(&self.endorsements()).into_iter().skip(roots);
        self.items.iter().zip(signatures).filter_map(|(item, signature)| Some((dated(item).ok()?, signature))).collect()
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        let passed_over = match self.passed_over.len() {
            0 => String::new(),
            1 => "; 1 other file passed over".to_owned(),
            files => format!("; {files} other files passed over"),
        };
        self.describe_items() + &passed_over
    }

    fn describe_items(&self) -> String {
        match (self.bundle(), self.items.len()) {
            (Some(digest), items) => format!("the built-in roots and the {items} items of bundle {digest}"),
            (None, 0) => "the built-in roots and what the evidence carries".to_owned(),
            (None, _) => format!("the built-in roots and {}", count(&self.items)),
        }
    }

    /// Refuses what has nothing in it to check.
    pub(crate) fn checkable(self) -> Result<Self, Failure> {
        if self.items.is_empty() {
            return Err(Failure::input("there is nothing to check: nothing there that vendors sign")
                .help("give a bundle, or certificates, revocation lists, collateral or manifests"));
        }
        Ok(self)
    }

    /// Files in folders that endorse nothing.
    pub(crate) fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    /// What is broken and was not refused for it, since nothing may need it: files in folders, and collateral.
    pub(crate) fn notes(&self) -> Vec<String> {
        let files = self.passed_over.iter().filter_map(|PassedOver { path, why }| {
            Some(format!("{} was passed over: {}", path.display(), why.as_ref()?))
        });
        let collateral = self.items.iter().filter_map(|item| {
            let error = match item {
                Endorsement::QeIdentity(bytes) => dcap::QeIdentity::read(bytes).err()?,
                Endorsement::TcbInfo(bytes) => dcap::TcbInfo::read(bytes).err()?,
                _ => return None,
            };
            let name = dated(item).map(|row| row.name).unwrap_or_default();
            Some(format!(
                "{} `{name}` counts only for a platform that needs it, and then against it: {error}",
                item.kind()
            ))
        });
        files.chain(collateral).map(|note| plain(&note)).collect()
    }
}

/// The bundle that was seen before.
fn seen(path: &Path, publisher: Publisher<'_>) -> Result<Bundle, Failure> {
    let help = "give --not-older-than the bundle that you saw last, or a time such as 2026-06-01T00:00:00Z";
    let bytes = files::read(path).map_err(|failure| failure.help(help))?;
    match Bundle::open(&bytes, publisher) {
        Err(BundleError::Cose(_)) if claimed_signer(&bytes).is_err() => {
            Err(Failure::input(format!("`{}` is no bundle", path.display())).help(help))
        }
        opened => opened.map_err(|error| refused(path, &error)),
    }
}

/// How many there are of each kind, such as "2 certificates and 1 crl".
pub(crate) fn count(items: &[Endorsement]) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for item in items {
        match kinds.iter_mut().find(|(kind, _)| *kind == item.kind()) {
            Some((_, count)) => *count += 1,
            None => kinds.push((item.kind(), 1)),
        }
    }
    let words: Vec<String> =
        kinds.iter().map(|(kind, count)| format!("{count} {kind}{}", if *count == 1 { "" } else { "s" })).collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// Adds roots and keys that the caller believes.
pub(crate) fn trust(gathered: &mut Gathered, roots: &[String], keys: &[String]) -> Result<(), Failure> {
    for text in roots {
        let (vendor, path) = split(text, "--trust-root", "VENDOR=FILE")?;
        let vendor: Vendor = vendor.parse().map_err(|_| {
            let known: Vec<&str> = Vendor::ALL.iter().map(|vendor| vendor.as_str()).collect();
            Failure::input(format!("`--trust-root {text}`: `{vendor}` is no vendor"))
                .help(format!("one of {}", known.join(", ")))
        })?;
        let items = loose(&files::read(path)?).map_err(|error| unreadable(path, &error))?;
        let [Endorsement::Certificate(der)] = items.as_slice() else {
            let message = format!("`{}` holds {}, not one root", path.display(), count(&items));
            return Err(Failure::input(message).help("give the root alone; what it issued goes with --endorsements"));
        };
        let anchor = Anchor::of_certificate(vendor, der).map_err(|error| unreadable(path, &error))?;
        gathered.add(Endorsement::Anchor(anchor));
    }
    for text in keys {
        let (owner, path) = split(text, "--trust-key", "OWNER[:ID]=FILE")?;
        let (owner, id) = owner.split_once(':').unwrap_or((owner, ""));
        let owner: KeyOwner = owner.parse().map_err(|_| {
            let known: Vec<&str> = KeyOwner::ALL.iter().map(|owner| owner.as_str()).collect();
            Failure::input(format!("`--trust-key {text}`: `{owner}` owns no keys here"))
                .help(format!("one of {}", known.join(", ")))
        })?;
        let id = hex::decode(id).map_err(|error| {
            Failure::input(format!("the id in `--trust-key {text}` is not hexadecimal: {error}"))
                .help("write --trust-key OWNER:ID=FILE, the id in hex digits")
        })?;
        if id.is_empty() && matches!(owner, KeyOwner::Cca | KeyOwner::Psa) {
            let message = format!("`--trust-key {text}` needs the id of the instance that the key is of");
            return Err(
                Failure::input(message).help(format!("write --trust-key {owner}:ID=FILE, the id in hex digits"))
            );
        }
        let spki = public_key(&files::read(path)?).map_err(|error| unreadable(path, &error))?;
        gathered.add(Endorsement::Key { owner, id, spki });
    }
    Ok(())
}

fn split<'a>(text: &'a str, option: &str, shape: &str) -> Result<(&'a str, &'a Path), Failure> {
    let (name, path) = text.split_once('=').ok_or_else(|| {
        Failure::input(format!("`{option} {text}` has no `=`")).help(format!("write {option} {shape}"))
    })?;
    Ok((name, Path::new(path)))
}

/// Whom the bundle is from, how old it is and what it brings can be refused; the rest can't be understood.
fn refused(path: &Path, error: &BundleError) -> Failure {
    let (rule, expected, remedy) = match error {
        BundleError::Cose(CoseError::Signature { .. } | CoseError::Signer { .. }) => {
            ("bundle-signature", "an endorsement bundle that its publisher signed", "get the bundle again")
        }
        BundleError::Digest { .. } => ("bundle-digest", "items with the digests that it lists", "get another bundle"),
        BundleError::Publisher { .. } => (
            "bundle-publisher",
            "a publisher named with --publisher",
            "compare that key with its holder over another channel; if you believe it, add --publisher KEY",
        ),
        BundleError::ItemRolledBack { .. } | BundleError::RolledBack { .. } => {
            ("bundle-rolled-back", "a bundle at least as new as the newest one seen", "get the newest bundle")
        }
        BundleError::Unvouched { .. } => (
            "bundle-unvouched",
            "nothing but what vendors signed, from a publisher that is not named",
            "name its publisher with --publisher if you believe it, or use a bundle without roots and keys",
        ),
        _ => {
            return Failure::input(format!("the bundle `{}` is not understood: {error}", path.display()))
                .help("get the bundle again, or update Casemate");
        }
    };
    let reason = Reason {
        rule: rule.to_owned(),
        expected: expected.to_owned(),
        actual: plain(&error.to_string()),
        remedy: remedy.to_owned(),
    };
    Failure::refused(format!("the bundle `{}` is refused", path.display()), vec![reason])
}

fn endorses_nothing(path: &Path, bytes: &[u8], error: &LooseError) -> Failure {
    let failure = Failure::input(format!("`{}` endorses nothing: {error}", path.display()));
    match recognise(bytes) {
        Ok(found) => failure.help(format!("it is {}: give it to `casemate verify`", found.what)),
        Err(_) => {
            failure.help("give certificates, revocation lists, collateral or manifests as their vendor publishes them")
        }
    }
}

fn unreadable(path: &Path, error: &impl std::fmt::Display) -> Failure {
    Failure::input(format!("`{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use casemate_cose::{SigningKey, UnixTime};
    use casemate_testkit::vendor::amd::{Amd, Line};
    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    #[test]
    fn options_about_bundles_need_one() {
        let folder = tempfile::tempdir().unwrap();
        let amd = Amd::new(Line::Milan);
        fs::write(folder.path().join("ask.der"), amd.ark.issue(&amd.ask_certificate())).unwrap();
        let paths = [folder.path().to_owned()];
        let publisher = SigningKey::from_seed(&[3; 32]);
        let publishers = [publisher.public()];
        assert!(Gathered::of_paths(&paths, &[], None).is_ok());
        for (option, publishers, time) in
            [("--publisher", &publishers[..], None), ("--not-older-than", &[], Some(Floor::Time(UnixTime(1))))]
        {
            let error = Gathered::of_paths(&paths, publishers, time.as_ref()).unwrap_err().to_string();
            assert_eq!(error, format!("`{option}` says which bundles are taken, and no bundle was given"));
        }
        let bundle = Bundle::pack("milan", UnixTime(9), &[], &publisher).unwrap();
        fs::write(folder.path().join("a.endorsements"), bundle).unwrap();
        assert!(Gathered::of_paths(&paths, &publishers, Some(&Floor::Time(UnixTime(9)))).is_ok());
    }

    #[test]
    fn pipes_in_folders_are_passed_over_and_nothing_is_not_all() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let gathered = Gathered::of_paths(&[folder.path().to_owned()], &[], None).unwrap();
        assert_eq!(gathered.passed_over().iter().map(|it| &it.path).collect::<Vec<_>>(), [&pipe]);
        let error = gathered.checkable().unwrap_err().to_string();
        assert_eq!(error, "there is nothing to check: nothing there that vendors sign");
        let error = Gathered::of_paths(&[pipe], &[], None).unwrap_err().to_string();
        assert!(error.contains("is not a file"), "{error}");
    }

    /// What is broken in a folder is told and refuses nothing; by its name it is refused.
    #[test]
    fn odd_files_in_folders_are_passed_over_with_a_note() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let amd = Amd::new(Line::Milan);
        fs::write(path("ask.der"), amd.ark.issue(&amd.ask_certificate())).unwrap();
        std::os::unix::fs::symlink(path("gone"), path("link")).unwrap();
        let odd: [(&str, &[u8], &str); 5] = [
            ("key.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "PRIVATE KEY"),
            ("tcb.json", br#"{"tcbInfo":{"fmspc":"b0c06f000000"},"signature":"00"}"#, "tcb-info in it is malformed"),
            ("half.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n", "PEM block"),
            ("half.json", b"{\"tcbInfo\":", "JSON"),
            ("turned\u{202e}.xml", b"<a>\x1b[31m</a>", "rim"),
        ];
        for (name, bytes, _) in odd {
            fs::write(path(name), bytes).unwrap();
        }
        let gathered = Gathered::of_paths(&[folder.path().to_owned()], &[], None).unwrap();
        assert_eq!((gathered.items.len(), gathered.passed_over().len()), (1, 6));
        let notes = gathered.notes();
        assert_eq!(notes.len(), 5, "a link to nothing is not worth one: {notes:?}");
        for (name, _, says) in odd {
            let name = plain(name);
            assert!(notes.iter().any(|note| note.contains(&name) && note.contains(says)), "{name}: {notes:?}");
        }
        assert!(notes.iter().all(|note| !note.contains(['\u{202e}', '\u{1b}'])), "{notes:?}");
        for (name, ..) in odd {
            let error = Gathered::of_paths(&[path(name)], &[], None).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{name}");
        }
    }
}

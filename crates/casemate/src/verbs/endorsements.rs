//! `casemate endorsements`: what vendors vouch with, from bundles, files and folders; and packing it into one bundle.

use std::{
    fs,
    path::{Path, PathBuf},
};

use casemate_cose::{CoseError, Digest, PublicKey, UnixTime, claimed_signer};
use casemate_evidence::{
    Anchor, Bundle, BundleError, DatedItem, Endorsement, Endorsements, KeyOwner, LooseError, Publisher, Vendor, dated,
    loose, public_key, recognise,
};
use casemate_trust::Reason;
use serde_json::{Value, json};

use crate::{
    cli::{
        Global,
        verify::{EndorsementsArgs, EndorsementsCheckArgs, EndorsementsPackArgs, EndorsementsVerb},
    },
    clock,
    failure::{Failure, Outcome},
    files,
    screen::Screen,
    state::State,
};

use super::verify::{plain, until};

/// How deep folders are looked through.
const DEPTH_MAX: usize = 8;

/// Dispatches `casemate endorsements`.
pub(crate) async fn endorsements(verb: &EndorsementsVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        EndorsementsVerb::Show(args) => show(args, screen),
        EndorsementsVerb::Check(args) => check(args, screen),
        EndorsementsVerb::Pack(args) => pack(args, global, screen).await,
    }
}

/// Endorsements from several places, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    items: Vec<Endorsement>,
    bundles: Vec<Bundle>,
    /// Files in folders that are something else.
    passed_over: Vec<PathBuf>,
}

/// Whether the caller named a file, or a folder that it lies in.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Named {
    File,
    Folder,
}

impl Gathered {
    /// Reads bundles, files and folders.
    pub(crate) fn of_paths(
        paths: &[PathBuf],
        publishers: &[PublicKey],
        not_older_than: Option<UnixTime>,
    ) -> Result<Self, Failure> {
        let mut gathered = Self::default();
        for path in paths {
            gathered.path(path, publishers, not_older_than, Named::File, 0)?;
        }
        let unused = [("--publisher", !publishers.is_empty()), ("--not-older-than", not_older_than.is_some())];
        if let Some((option, _)) = unused.iter().find(|(_, is_given)| *is_given && gathered.bundles.is_empty()) {
            let message = format!("`{option}` says which bundles are taken, and no bundle was given");
            return Err(Failure::input(message)
                .help("give a bundle (casemate endorsements pack makes one), or leave the option out"));
        }
        Ok(gathered)
    }

    fn path(
        &mut self,
        path: &Path,
        publishers: &[PublicKey],
        not_older_than: Option<UnixTime>,
        named: Named,
        depth: usize,
    ) -> Result<(), Failure> {
        if !path.is_dir() {
            return self.file(path, publishers, not_older_than, named);
        }
        if depth > DEPTH_MAX {
            return Err(Failure::input(format!("`{}` lies more than {DEPTH_MAX} folders deep", path.display())));
        }
        let entries = fs::read_dir(path).map_err(|error| Failure::io("read", path, &error))?;
        let mut inside: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        inside.sort();
        inside.iter().try_for_each(|path| self.path(path, publishers, not_older_than, Named::Folder, depth + 1))
    }

    fn file(
        &mut self,
        path: &Path,
        publishers: &[PublicKey],
        not_older_than: Option<UnixTime>,
        named: Named,
    ) -> Result<(), Failure> {
        // A pipe or a device: nothing that a vendor gave lies there.
        if named == Named::Folder && fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            self.passed_over.push(path.to_owned());
            return Ok(());
        }
        let bytes = files::read(path)?;
        let publisher = if publishers.is_empty() { Publisher::Anyone } else { Publisher::Known(publishers) };
        match Bundle::open(&bytes, publisher) {
            Ok(bundle) => {
                let at_least = not_older_than.unwrap_or(UnixTime(0));
                bundle.not_older_than(at_least).map_err(|error| refused(path, &error))?;
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
                // A folder may hold the evidence itself, and what describes it.
                Err(LooseError::Unknown) if named == Named::Folder => {
                    self.passed_over.push(path.to_owned());
                    Ok(())
                }
                Err(error) => Err(endorses_nothing(path, &bytes, &error)),
            },
            Err(error) => Err(refused(path, &error)),
        }
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

    /// The one bundle that all came from.
    pub(crate) fn bundle(&self) -> Option<Digest> {
        match self.bundles.as_slice() {
            [bundle] if bundle.items().len() == self.items.len() => Some(bundle.digest()),
            _ => None,
        }
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
    fn checkable(self) -> Result<Self, Failure> {
        if self.items.is_empty() {
            return Err(Failure::input("there is nothing to check: nothing there that vendors sign")
                .help("give a bundle, or certificates, revocation lists, collateral or manifests"));
        }
        Ok(self)
    }

    /// Files in folders that endorse nothing.
    pub(crate) fn passed_over(&self) -> &[PathBuf] {
        &self.passed_over
    }

    fn dated(&self) -> Vec<DatedItem> {
        self.items.iter().filter_map(|item| dated(item).ok()).collect()
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

fn show(args: &EndorsementsArgs, screen: Screen) -> Outcome {
    let gathered = Gathered::of_paths(&args.paths, &args.publisher, None)?;
    print(&gathered, clock::now(), screen);
    screen.object(&json!({
        "bundles": bundles(&gathered), "items": items(&gathered), "passed_over": passed_over(&gathered),
    }));
    Ok(())
}

fn check(args: &EndorsementsCheckArgs, screen: Screen) -> Outcome {
    let at = args.at.unwrap_or_else(clock::now);
    let until_at = at.plus_s(args.for_s);
    let period = if at == until_at { format!("at {at}") } else { format!("from {at} to {until_at}") };
    let gathered = Gathered::of_paths(&args.what.paths, &args.what.publisher, None)?.checkable()?;
    let failing: Vec<DatedItem> = gathered
        .dated()
        .into_iter()
        .filter(|item| !item.window.contains(at) || !item.window.contains(until_at))
        .collect();
    print(&gathered, at, screen);
    let names: Vec<String> = failing.iter().map(|item| format!("{} `{}`", item.kind, plain(&item.name))).collect();
    screen.object(&json!({
        "at": at.0, "until": until_at.0, "holds": failing.is_empty(), "failing": names, "bundles": bundles(&gathered),
        "items": items(&gathered), "passed_over": passed_over(&gathered),
    }));
    if failing.is_empty() {
        screen
            .line(format!("\nall of it holds {period}, by its dates; signatures are judged when evidence is verified"));
        return Ok(());
    }
    let message = format!("{} of {} do not hold {period}", failing.len(), gathered.items.len());
    Err(Failure::refused(format!("{message}: {}", names.join(", ")), Vec::new())
        .help("fetch them again from their vendor, and pack a new bundle")
        .in_object())
}

async fn pack(args: &EndorsementsPackArgs, global: &Global, screen: Screen) -> Outcome {
    let mut gathered = Gathered::of_paths(&args.paths, &[], None)?;
    trust(&mut gathered, &args.trust_root, &args.trust_key)?;
    if gathered.items.is_empty() {
        return Err(Failure::input("there is nothing to pack: no file there endorses anything")
            .help("give certificates, revocation lists, collateral or manifests as their vendor publishes them"));
    }
    let (keys, _store) = State::open(global)?.unlock().await?;
    let made = clock::now();
    let bytes = Bundle::pack(&args.platform, made, &gathered.items, keys.identity())
        .map_err(|error| Failure::input(format!("no bundle was packed: {error}")))?;
    files::write(&args.out, &bytes)?;
    let digest = Digest::of(&bytes);
    let publisher = keys.identity().public();
    print(&gathered, made, screen);
    screen.line(format!(
        "\nwrote {}: {} for `{}`\n  {digest}\nits readers name you: --publisher {publisher}",
        args.out.display(),
        count(&gathered.items),
        plain(&args.platform)
    ));
    screen.object(&json!({
        "file": args.out.display().to_string(), "platform": args.platform, "digest": digest.to_string(), "publisher": publisher.to_string(),
        "made": made.0, "items": items(&gathered), "passed_over": passed_over(&gathered),
    }));
    Ok(())
}

fn print(gathered: &Gathered, at: UnixTime, screen: Screen) {
    for bundle in &gathered.bundles {
        screen.line(format!(
            "bundle for `{}`, packed at {} by {}",
            plain(bundle.platform()),
            bundle.made(),
            bundle.publisher()
        ));
        screen.line(format!("  {}", bundle.digest()));
    }
    let mut rows = gathered.dated();
    rows.sort_by_key(|row| row.window.not_after);
    for row in rows {
        let state = if at < row.window.not_before {
            "not yet"
        } else if at > row.window.not_after {
            "EXPIRED"
        } else {
            "holds  "
        };
        screen.line(format!("  {state}  {:26}  {:11}  {}", until(row.window.not_after), row.kind, plain(&row.name)));
    }
    for path in &gathered.passed_over {
        screen.line(format!("passed over {}: it endorses nothing", path.display()));
    }
}

/// How many there are of each kind, such as "2 certificates and 1 crl".
pub(super) fn count(items: &[Endorsement]) -> String {
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

fn passed_over(gathered: &Gathered) -> Vec<String> {
    gathered.passed_over.iter().map(|path| path.display().to_string()).collect()
}

fn bundles(gathered: &Gathered) -> Vec<Value> {
    let row = |bundle: &Bundle| {
        json!({
            "platform": bundle.platform(), "made": bundle.made().0, "publisher": bundle.publisher().to_string(),
            "digest": bundle.digest().to_string(),
        })
    };
    gathered.bundles.iter().map(row).collect()
}

fn items(gathered: &Gathered) -> Vec<Value> {
    let row = |item: DatedItem| {
        json!({
            "kind": item.kind, "name": item.name, "digest": item.digest.to_string(),
            "not_before": item.window.not_before.0, "not_after": item.window.not_after.0,
        })
    };
    gathered.dated().into_iter().map(row).collect()
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
        BundleError::RolledBack { .. } => {
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
    use casemate_cose::SigningKey;
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
            [("--publisher", &publishers[..], None), ("--not-older-than", &[], Some(UnixTime(1)))]
        {
            let error = Gathered::of_paths(&paths, publishers, time).unwrap_err().to_string();
            assert_eq!(error, format!("`{option}` says which bundles are taken, and no bundle was given"));
        }
        let bundle = Bundle::pack("milan", UnixTime(9), &[], &publisher).unwrap();
        fs::write(folder.path().join("a.endorsements"), bundle).unwrap();
        assert!(Gathered::of_paths(&paths, &publishers, Some(UnixTime(9))).is_ok());
    }

    #[test]
    fn pipes_in_folders_are_passed_over_and_nothing_is_not_all() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let gathered = Gathered::of_paths(&[folder.path().to_owned()], &[], None).unwrap();
        assert_eq!(gathered.passed_over(), std::slice::from_ref(&pipe));
        let error = gathered.checkable().unwrap_err().to_string();
        assert_eq!(error, "there is nothing to check: nothing there that vendors sign");
        let error = Gathered::of_paths(&[pipe], &[], None).unwrap_err().to_string();
        assert!(error.contains("is not a file"), "{error}");
    }
}

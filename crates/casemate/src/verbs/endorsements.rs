//! `casemate endorsements`: what vendors vouch with, from bundles, files and folders; and packing it into one bundle.

use std::{
    fs,
    path::{Path, PathBuf},
};

use casemate_cose::{Digest, PublicKey, UnixTime};
use casemate_evidence::{
    Anchor, Bundle, BundleError, DatedItem, Endorsement, Endorsements, KeyOwner, Publisher, Vendor, dated, loose,
    public_key,
};
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

use super::verify::until;

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
            gathered.path(path, publishers, not_older_than, 0)?;
        }
        Ok(gathered)
    }

    fn path(
        &mut self,
        path: &Path,
        publishers: &[PublicKey],
        not_older_than: Option<UnixTime>,
        depth: usize,
    ) -> Result<(), Failure> {
        if !path.is_dir() {
            return self.file(path, publishers, not_older_than);
        }
        if depth > DEPTH_MAX {
            return Err(Failure::input(format!("`{}` lies more than {DEPTH_MAX} folders deep", path.display())));
        }
        let entries = fs::read_dir(path).map_err(|error| Failure::io("read", path, &error))?;
        let mut inside: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        inside.sort();
        inside.iter().try_for_each(|path| self.path(path, publishers, not_older_than, depth + 1))
    }

    fn file(&mut self, path: &Path, publishers: &[PublicKey], not_older_than: Option<UnixTime>) -> Result<(), Failure> {
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
            Err(BundleError::Cose(_)) => {
                let items = loose(&bytes).map_err(|error| {
                    Failure::input(format!("`{}` endorses nothing: {error}", path.display())).help(
                        "give certificates, revocation lists, collateral or manifests as their vendor publishes them",
                    )
                })?;
                items.into_iter().for_each(|item| self.add(item));
                Ok(())
            }
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
        match (self.bundle(), self.items.len()) {
            (Some(digest), items) => format!("the built-in roots and the {items} items of bundle {digest}"),
            (None, 0) => "the built-in roots and what the evidence carries".to_owned(),
            (None, items) => format!("the built-in roots and {items} endorsements"),
        }
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
            Failure::input(format!("`{vendor}` is no vendor")).help(format!("one of {}", known.join(", ")))
        })?;
        let items = loose(&files::read(path)?).map_err(|error| unreadable(path, &error))?;
        for item in items {
            let Endorsement::Certificate(der) = item else { continue };
            let anchor = Anchor::of_certificate(vendor, &der).map_err(|error| unreadable(path, &error))?;
            gathered.add(Endorsement::Anchor(anchor));
        }
    }
    for text in keys {
        let (owner, path) = split(text, "--trust-key", "OWNER[:ID]=FILE")?;
        let (owner, id) = owner.split_once(':').unwrap_or((owner, ""));
        let owner: KeyOwner = owner.parse().map_err(|_| {
            let known: Vec<&str> = KeyOwner::ALL.iter().map(|owner| owner.as_str()).collect();
            Failure::input(format!("`{owner}` owns no keys here")).help(format!("one of {}", known.join(", ")))
        })?;
        let id = hex::decode(id).map_err(|error| Failure::input(format!("the id in `{text}` is not hex: {error}")))?;
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
    screen.object(&json!({"bundles": bundles(&gathered), "items": items(&gathered)}));
    Ok(())
}

fn check(args: &EndorsementsCheckArgs, screen: Screen) -> Outcome {
    let at = args.at.unwrap_or_else(clock::now);
    let until_at = at.plus_s(args.for_s);
    let gathered = Gathered::of_paths(&args.what.paths, &args.what.publisher, None)?;
    let failing: Vec<DatedItem> = gathered
        .dated()
        .into_iter()
        .filter(|item| !item.window.contains(at) || !item.window.contains(until_at))
        .collect();
    print(&gathered, at, screen);
    let names: Vec<String> = failing.iter().map(|item| format!("{} `{}`", item.kind, item.name)).collect();
    screen.object(&json!({
        "at": at.0, "until": until_at.0, "holds": failing.is_empty(), "failing": names, "bundles": bundles(&gathered),
        "items": items(&gathered),
    }));
    if failing.is_empty() {
        screen.line(format!("\nall of it holds from {at} to {until_at}"));
        return Ok(());
    }
    let message = format!("{} of {} do not hold from {at} to {until_at}", failing.len(), gathered.items.len());
    Err(Failure::refused(format!("{message}: {}", names.join(", ")), Vec::new())
        .help("fetch them again from their vendor, and pack a new bundle")
        .in_object())
}

async fn pack(args: &EndorsementsPackArgs, global: &Global, screen: Screen) -> Outcome {
    let mut gathered = Gathered::of_paths(&args.paths, &[], None)?;
    trust(&mut gathered, &args.trust_root, &args.trust_key)?;
    let (keys, _store) = State::open(global)?.unlock().await?;
    let made = clock::now();
    let bytes = Bundle::pack(&args.platform, made, &gathered.items, keys.identity())
        .map_err(|error| Failure::input(format!("no bundle was packed: {error}")))?;
    files::write(&args.out, &bytes)?;
    let digest = Digest::of(&bytes);
    let publisher = keys.identity().public();
    print(&gathered, made, screen);
    screen.line(format!(
        "\nwrote {}: {} items for `{}`, {digest}\nits readers name you: --publisher {publisher}",
        args.out.display(),
        gathered.items.len(),
        args.platform
    ));
    screen.object(&json!({
        "file": args.out, "platform": args.platform, "digest": digest.to_string(), "publisher": publisher.to_string(),
        "made": made.0, "items": items(&gathered),
    }));
    Ok(())
}

fn print(gathered: &Gathered, at: UnixTime, screen: Screen) {
    for bundle in &gathered.bundles {
        screen.line(format!(
            "bundle for `{}`, packed at {} by {}",
            bundle.platform(),
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
        screen.line(format!("  {state}  until {}  {:11}  {}", until(row.window.not_after), row.kind, row.name));
    }
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

fn refused(path: &Path, error: &BundleError) -> Failure {
    Failure::refused(format!("the bundle `{}` is refused: {error}", path.display()), Vec::new())
}

fn unreadable(path: &Path, error: &impl std::fmt::Display) -> Failure {
    Failure::input(format!("`{}`: {error}", path.display()))
}

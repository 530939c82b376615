//! Dependencies' licences, bans and sources against `deny.toml`, offline.
//!
//! This executes the part of cargo-deny's format that needs no network and that the project uses: `[licenses] allow` and
//! `exceptions`, `[bans] deny` with `wrappers`, `[sources] allow-registry`. A key that is not understood here is an error, so that no rule
//! is written down and not executed.

mod spdx;

use std::{collections::BTreeMap, fs};

use toml::{Table, Value};

use crate::{
    complaint::{Complaint, conclude},
    failure::Failure,
    metadata::{self, Package},
    process::root,
};

/// The keys of `deny.toml` that this file executes, or that only `cargo deny` does.
const KEYS: [&str; 15] = [
    "advisories.version",
    "bans.allow-wildcard-paths",
    "bans.deny",
    "bans.multiple-versions",
    "bans.wildcards",
    "graph.targets",
    "licenses.allow",
    "licenses.exceptions",
    "licenses.version",
    "sources.allow-git",
    "sources.allow-registry",
    "sources.unknown-git",
    "sources.unknown-registry",
    "advisories.ignore",
    "advisories.yanked",
];

/// `cargo xtask licences`.
pub(crate) fn check() -> Result<(), Failure> {
    let path = root().join("deny.toml");
    let rules = Rules::parse(&fs::read_to_string(&path).map_err(Failure::of_file(&path))?)?;
    let packages = metadata::packages_for(&rules.targets)?;
    let mut complaints = Vec::new();
    for package in &packages {
        complaints.extend(licence(&rules, package));
        complaints.extend(source(&rules, package));
        if let Some(ban) = rules.bans.iter().find(|ban| ban.name == package.name) {
            complaints.extend(banned(ban, package, &metadata::users(package)?));
        }
    }
    let repeated = repeated(&packages);
    if !repeated.is_empty() {
        println!("licences: in more than one version, which only costs time: {}", repeated.join(", "));
    }
    conclude("licences", &format!("{} packages", packages.len()), complaints)
}

/// A banned crate; `wrappers` may use it all the same.
#[derive(Debug)]
struct Ban {
    name: String,
    wrappers: Vec<String>,
    reason: String,
}

#[derive(Debug)]
struct Rules {
    targets: Vec<String>,
    licences: Vec<String>,
    /// Licences that one crate may have, by the crate.
    exceptions: BTreeMap<String, Vec<String>>,
    bans: Vec<Ban>,
    registries: Vec<String>,
}

impl Rules {
    fn parse(text: &str) -> Result<Self, Failure> {
        let table: Table = text.parse().map_err(|error| Failure::new(format!("`deny.toml`: {error}")))?;
        for (section, keys) in &table {
            for key in keys.as_table().into_iter().flat_map(Table::keys) {
                if !KEYS.contains(&format!("{section}.{key}").as_str()) {
                    return Err(Failure::with_remedy(
                        format!("`deny.toml`: `{section}.{key}` is not executed by `cargo xtask licences`"),
                        "execute it there, or take it out",
                    ));
                }
            }
        }
        let bans = match table.get("bans").and_then(|bans| bans.get("deny")) {
            Some(Value::Array(bans)) => bans.iter().map(ban).collect::<Result<_, _>>()?,
            _ => return Err(Failure::new("`deny.toml`: `bans.deny` is missing")),
        };
        Ok(Self {
            targets: strings(&table, "graph", "targets")?,
            licences: strings(&table, "licenses", "allow")?,
            exceptions: exceptions(&table)?,
            bans,
            registries: strings(&table, "sources", "allow-registry")?,
        })
    }
}

fn ban(value: &Value) -> Result<Ban, Failure> {
    let text = |key| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let missing = || Failure::new("`deny.toml`: an entry of `bans.deny` needs `crate` and `reason`");
    let wrappers = value.get("wrappers").and_then(Value::as_array).into_iter().flatten();
    Ok(Ban {
        name: text("crate").ok_or_else(missing)?,
        wrappers: wrappers.filter_map(Value::as_str).map(str::to_owned).collect(),
        reason: text("reason").ok_or_else(missing)?,
    })
}

fn exceptions(table: &Table) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let listed = table.get("licenses").and_then(|section| section.get("exceptions")).and_then(Value::as_array);
    let read = |entry: &Value| {
        let entry = entry.as_table()?;
        let allowed = entry.get("allow")?.as_array()?.iter().map(|licence| licence.as_str().map(str::to_owned));
        Some((entry.get("crate")?.as_str()?.to_owned(), allowed.collect::<Option<_>>()?))
    };
    let missing = || Failure::new("`deny.toml`: an entry of `licenses.exceptions` needs `crate` and `allow`");
    listed.into_iter().flatten().map(|entry| read(entry).ok_or_else(missing)).collect()
}

fn strings(table: &Table, section: &str, key: &str) -> Result<Vec<String>, Failure> {
    let list = table.get(section).and_then(|section| section.get(key)).and_then(Value::as_array);
    list.map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .ok_or_else(|| Failure::new(format!("`deny.toml`: `{section}.{key}` is not a list of strings")))
}

fn licence(rules: &Rules, package: &Package) -> Option<Complaint> {
    let what = match &package.licence {
        None => "names no licence".to_owned(),
        Some(expression) => match spdx::satisfied(expression, &|licence| {
            let excepted = rules.exceptions.get(&package.name).into_iter().flatten();
            rules.licences.iter().chain(excepted).any(|allowed| allowed == licence)
        }) {
            Some(true) => return None,
            Some(false) => format!("licence `{expression}` is not covered by `licenses.allow`"),
            None => format!("licence `{expression}` is not an SPDX expression"),
        },
    };
    Some(Complaint::new(named(package), what, "use another crate; widen deny.toml only with a lawyer's reason"))
}

fn source(rules: &Rules, package: &Package) -> Option<Complaint> {
    let source = package.source.as_deref()?;
    let known = source.strip_prefix("registry+").is_some_and(|url| rules.registries.iter().any(|known| known == url));
    (!known).then(|| Complaint::new(named(package), format!("comes from `{source}`"), "depend on a published version"))
}

fn banned(ban: &Ban, package: &Package, users: &[String]) -> Option<Complaint> {
    let others: Vec<&str> =
        users.iter().map(String::as_str).filter(|user| !ban.wrappers.iter().any(|w| w == user)).collect();
    let what = format!("banned ({}), and used by {}", ban.reason, others.join(", "));
    let remedy = "turn off the feature that brings it; `cargo tree --workspace -i` shows the way";
    (!others.is_empty()).then(|| Complaint::new(named(package), what, remedy))
}

fn repeated(packages: &[Package]) -> Vec<String> {
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for package in packages {
        *versions.entry(&package.name).or_default() += 1;
    }
    versions.into_iter().filter(|(_, count)| *count > 1).map(|(name, count)| format!("{name} ×{count}")).collect()
}

fn named(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        graph.targets = []
        licenses.allow = ["MIT", "ISC"]
        licenses.exceptions = [{ crate = "weak", allow = ["MPL-2.0"] }]
        bans.deny = [{ crate = "ring", wrappers = ["parquet"], reason = "r" }, { crate = "openssl", reason = "r" }]
        sources.allow-registry = ["https://github.com/rust-lang/crates.io-index"]
    "#;

    fn package(name: &str, licence: Option<&str>, source: Option<&str>) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.map(str::to_owned),
            source: source.map(str::to_owned),
            folder: ".".into(),
            dependencies: Vec::new(),
        }
    }

    #[test]
    fn licences_one_crime_each() {
        let rules = Rules::parse(RULES).unwrap();
        for (crime, name) in [
            (None, "names no licence"),
            (Some("GPL-3.0-only"), "is not covered"),
            (Some("MIT AND GPL-3.0-only"), "is not covered"),
            (Some("MIT OR"), "not an SPDX expression"),
        ] {
            let complaint = licence(&rules, &package("a", crime, None)).unwrap();
            assert!(complaint.what.contains(name), "{complaint}");
        }
        assert_eq!(licence(&rules, &package("a", Some("GPL-3.0-only OR ISC"), None)), None);
        assert_eq!(licence(&rules, &package("weak", Some("MPL-2.0"), None)), None);
        assert!(licence(&rules, &package("a", Some("MPL-2.0"), None)).is_some());
        assert!(licence(&rules, &package("weak", Some("GPL-3.0-only"), None)).is_some());
    }

    #[test]
    fn sources_one_crime_each() {
        let rules = Rules::parse(RULES).unwrap();
        for crime in
            ["git+https://example.invalid/a", "registry+https://example.invalid", "sparse+https://example.invalid"]
        {
            assert!(source(&rules, &package("a", None, Some(crime))).is_some(), "{crime}");
        }
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        assert_eq!(source(&rules, &package("a", None, Some(registry))), None);
        assert_eq!(source(&rules, &package("a", None, None)), None);
    }

    #[test]
    fn bans_one_crime_each() {
        let rules = Rules::parse(RULES).unwrap();
        let complains = |name: &str, users: &[&str]| {
            let ban = rules.bans.iter().find(|ban| ban.name == name).unwrap();
            let users: Vec<String> = users.iter().map(|user| (*user).to_owned()).collect();
            banned(ban, &package(name, None, None), &users).is_some()
        };
        assert!(complains("openssl", &["a"]));
        assert!(complains("ring", &["parquet", "rustls"]));
        assert!(!complains("ring", &["parquet"]));
        // In the lockfile, and built for nobody.
        assert!(!complains("openssl", &[]));
    }

    #[test]
    fn a_rule_that_is_not_executed_is_refused() {
        assert!(Rules::parse(&format!("{RULES}\nbans.skip = []")).is_err());
        assert!(Rules::parse("graph.targets = []").is_err());
        assert!(Rules::parse(&RULES.replace("crate = \"weak\", ", "")).is_err());
    }
}

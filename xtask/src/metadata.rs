//! What `cargo metadata` says about the workspace and its dependencies.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{
    failure::Failure,
    process::{self, cargo},
};

/// Why a package is depended on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Use {
    Build,
    Dev,
    Normal,
}

/// A dependency as a manifest declares it.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Use,
}

/// A package of the workspace or of the dependency graph.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    /// `None` for what lies in the workspace.
    pub(crate) source: Option<String>,
    /// The folder of its manifest.
    pub(crate) folder: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// The workspace's own packages, and the target folder.
pub(crate) fn members() -> Result<(Vec<Package>, PathBuf), Failure> {
    let metadata = query(&["--no-deps"])?;
    let target = text(&metadata, "target_directory")?;
    Ok((packages(&metadata)?, PathBuf::from(target)))
}

/// Every package that may be built for one of `targets`.
pub(crate) fn packages_for(targets: &[String]) -> Result<Vec<Package>, Failure> {
    let mut arguments = vec!["--locked"];
    for target in targets {
        arguments.extend(["--filter-platform", target]);
    }
    packages(&query(&arguments)?)
}

/// The names of the packages that use this one, on any target.
///
/// `cargo tree` knows them; `cargo metadata` also counts optional dependencies that only a weak feature (`ring?/std`) names.
pub(crate) fn users(package: &Package) -> Result<Vec<String>, Failure> {
    let wanted = format!("{}@{}", package.name, package.version);
    let shape = ["--workspace", "--target", "all", "--edges", "normal,build,dev", "--depth", "1", "--prefix", "none"];
    let mut tree = cargo(&["tree", "--quiet", "--locked", "--format", "{p}", "--invert", &wanted]);
    let printed = process::output(tree.args(shape), "cargo tree")?;
    // The first line is the package itself.
    let names = printed.lines().skip(1).filter_map(|line| line.split(' ').next());
    Ok(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

fn query(arguments: &[&str]) -> Result<Value, Failure> {
    let what = "cargo metadata";
    let printed = process::output(cargo(&["metadata", "--format-version", "1"]).args(arguments), what)?;
    serde_json::from_str(&printed).map_err(|error| Failure::new(format!("{what}: {error}")))
}

fn packages(metadata: &Value) -> Result<Vec<Package>, Failure> {
    list(metadata, "packages")?.iter().map(package).collect()
}

fn package(value: &Value) -> Result<Package, Failure> {
    let optional = |field| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let manifest = Path::new(text(value, "manifest_path")?);
    Ok(Package {
        name: text(value, "name")?.to_owned(),
        version: text(value, "version")?.to_owned(),
        licence: optional("license"),
        source: optional("source"),
        folder: manifest.parent().unwrap_or(manifest).to_owned(),
        dependencies: list(value, "dependencies")?.iter().map(dependency).collect::<Result<_, _>>()?,
    })
}

fn dependency(value: &Value) -> Result<Dependency, Failure> {
    let kind = match value.get("kind").and_then(Value::as_str) {
        None => Use::Normal,
        Some("build") => Use::Build,
        Some("dev") => Use::Dev,
        Some(other) => return Err(Failure::new(format!("cargo metadata: unknown dependency kind `{other}`"))),
    };
    Ok(Dependency { name: text(value, "name")?.to_owned(), kind })
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, Failure> {
    value.get(field).and_then(Value::as_str).ok_or_else(|| missing(field))
}

fn list<'a>(value: &'a Value, field: &str) -> Result<&'a Vec<Value>, Failure> {
    value.get(field).and_then(Value::as_array).ok_or_else(|| missing(field))
}

fn missing(field: &str) -> Failure {
    Failure::new(format!("cargo metadata: `{field}` is missing"))
}

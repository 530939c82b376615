//! `domain.toml`: what a person writes.

use std::{collections::BTreeSet, ops::Range};

use casemate_evidence::Lack;
use serde::Deserialize;
use toml::Spanned;

use super::{DOMAIN_BYTES_MAX, Domain, DomainError, Launcher, Process, Runtime};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    domain: Head,
    #[serde(default)]
    launcher: Vec<LauncherEntry>,
    #[serde(default)]
    runtime: Vec<RuntimeEntry>,
    process: Option<ProcessTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    owner: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LauncherEntry {
    name: Spanned<String>,
    key: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeEntry {
    name: Spanned<String>,
    digest: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProcessTable {
    #[serde(default)]
    accept_lacks: Vec<Spanned<String>>,
}

pub(super) fn parse(text: &str) -> Result<Domain, DomainError> {
    if text.len() > DOMAIN_BYTES_MAX {
        return Err(DomainError::TooLong { actual: text.len() });
    }
    let file: File = toml::from_str(text)
        .map_err(|error| DomainError::Syntax { message: error.message().to_owned(), span: error.span() })?;
    let spans = spans(&file);
    check_once(&file)?;
    let launchers = file.launcher.iter().map(launcher).collect::<Result<Vec<_>, _>>()?;
    let runtimes = file.runtime.iter().map(runtime).collect::<Result<Vec<_>, _>>()?;
    let process = file.process.as_ref().map(process).transpose()?;
    let unused = file.launcher.first().map(|launcher| launcher.name.span());
    Domain::new(file.domain.owner.into_inner(), launchers, runtimes, process)
        .map_err(|error| placed(error, &spans, unused))
}

pub(super) fn write(domain: &Domain) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut text = format!("[domain]\nowner = {}\n", quoted(&domain.owner));
    for launcher in &domain.launchers {
        text.push_str(&format!("\n[[launcher]]\nname = {}\nkey = \"{}\"\n", quoted(&launcher.name), launcher.key));
    }
    for runtime in &domain.runtimes {
        text.push_str(&format!("\n[[runtime]]\nname = {}\ndigest = \"{}\"\n", quoted(&runtime.name), runtime.digest));
    }
    if let Some(process) = &domain.process {
        let lacks: Vec<String> = process.accept_lacks.iter().map(|lack| format!("\"{lack}\"")).collect();
        text.push_str(&format!("\n[process]\naccept_lacks = [{}]\n", lacks.join(", ")));
    }
    text
}

fn launcher(entry: &LauncherEntry) -> Result<Launcher, DomainError> {
    let text = entry.key.get_ref();
    let key = text.parse().map_err(|_| DomainError::Key { actual: text.clone(), span: Some(entry.key.span()) })?;
    Ok(Launcher { name: entry.name.get_ref().clone(), key })
}

fn runtime(entry: &RuntimeEntry) -> Result<Runtime, DomainError> {
    let text = entry.digest.get_ref();
    let digest =
        text.parse().map_err(|_| DomainError::Digest { actual: text.clone(), span: Some(entry.digest.span()) })?;
    Ok(Runtime { name: entry.name.get_ref().clone(), digest })
}

fn process(table: &ProcessTable) -> Result<Process, DomainError> {
    let lacks = table.accept_lacks.iter().map(|name| {
        let text = name.get_ref();
        text.parse().map_err(|_| DomainError::Lack { actual: text.clone(), span: Some(name.span()) })
    });
    Ok(Process { accept_lacks: lacks.collect::<Result<BTreeSet<Lack>, _>>()? })
}

/// Refuses any value that appears twice in its list, marking the second.
fn check_once(file: &File) -> Result<(), DomainError> {
    let no_lacks = Vec::new();
    let lacks = file.process.as_ref().map_or(&no_lacks, |process| &process.accept_lacks);
    once(file.launcher.iter().map(|entry| &entry.name))?;
    once(file.launcher.iter().map(|entry| &entry.key))?;
    once(file.runtime.iter().map(|entry| &entry.name))?;
    once(file.runtime.iter().map(|entry| &entry.digest))?;
    once(lacks.iter())
}

fn once<'a>(values: impl Iterator<Item = &'a Spanned<String>>) -> Result<(), DomainError> {
    let mut seen = BTreeSet::new();
    for value in values {
        if !seen.insert(value.get_ref()) {
            return Err(DomainError::Twice { actual: value.get_ref().clone(), span: Some(value.span()) });
        }
    }
    Ok(())
}

/// Where each name of the file is.
fn spans(file: &File) -> Vec<(String, Range<usize>)> {
    let names = file.launcher.iter().map(|entry| &entry.name).chain(file.runtime.iter().map(|entry| &entry.name));
    std::iter::once(&file.domain.owner).chain(names).map(|name| (name.get_ref().clone(), name.span())).collect()
}

/// Adds to an error of the domain as a whole the place in the text that it is about.
fn placed(error: DomainError, names: &[(String, Range<usize>)], unused: Option<Range<usize>>) -> DomainError {
    match error {
        DomainError::Name { actual, .. } => {
            let span = names.iter().find(|(name, _)| *name == actual).map(|(_, span)| span.clone());
            DomainError::Name { actual, span }
        }
        DomainError::Unused { .. } => DomainError::Unused { span: unused },
        error => error,
    }
}

//! A contract for people: as text to read before signing, and back as TOML. Both are made from the compiled contract, so
//! that what is shown is what is signed.

use std::fmt::{Display, Write};

use crate::{
    compiled::Compiled,
    contract::{Computation, Content, Contract, Dataset, Party, Study},
    program::{
        Program,
        show::{show_wasm, toml_files, toml_wasm},
    },
};

impl Compiled {
    /// What the bytes say, for a person to read before signing.
    #[must_use]
    pub fn show(&self) -> String {
        let contract = self.contract();
        let mut page = Page::default();
        show_study(&mut page, contract.study());
        page.field("digest", self.digest());
        page.field("bytes", self.bytes().len());
        for party in contract.parties() {
            show_party(&mut page, party);
        }
        for dataset in contract.datasets() {
            show_dataset(&mut page, dataset);
        }
        for computation in contract.computations() {
            show_computation(&mut page, contract, computation);
        }
        page.0
    }

    /// The contract as `study.toml`, in one layout: parsing it gives these bytes again.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let contract = self.contract();
        let mut page = Page::default();
        toml_study(&mut page, contract.study());
        for party in contract.parties() {
            toml_party(&mut page, party);
        }
        for dataset in contract.datasets() {
            toml_dataset(&mut page, dataset);
        }
        for computation in contract.computations() {
            toml_computation(&mut page, computation);
        }
        page.0
    }
}

#[derive(Default)]
pub(crate) struct Page(String);

impl Page {
    pub(crate) fn line(&mut self, line: impl Display) {
        let written = writeln!(self.0, "{line}");
        debug_assert!(written.is_ok(), "writing to a string can't fail");
    }

    pub(crate) fn field(&mut self, name: &str, value: impl Display) {
        let text = value.to_string();
        let mut lines = text.lines();
        self.line(format_args!("  {name:<14} {}", lines.next().unwrap_or_default()));
        for line in lines {
            self.line(format_args!("  {:<14} {line}", ""));
        }
    }

    pub(crate) fn key(&mut self, name: &str, value: impl Display) {
        self.line(format_args!("{name} = {value}"));
    }
}

fn show_study(page: &mut Page, study: &Study) {
    page.line(format_args!("Study `{}`, contract number {}", study.id, study.sequence));
    if let Some(supersedes) = study.supersedes {
        page.field("supersedes", supersedes);
    }
    page.field("purpose", &study.purpose);
    page.field("legal basis", &study.legal_basis);
    page.field("expires", study.expires);
    for isolation in &study.isolations {
        page.field("isolation", format_args!("{isolation}"));
        page.field("", format_args!("keeps out: {}", isolation.keeps_out()));
        page.field("", format_args!("does not keep out: {}", isolation.does_not_keep_out()));
    }
    for lack in &study.accept_lacks {
        page.field("accepted lack", format_args!("{lack}: {}", lack.explain().means));
    }
    page.field("regions", comma(&study.regions));
}

fn show_party(page: &mut Page, party: &Party) {
    page.line(format_args!("\nParty `{}`", party.name));
    page.field("signs with", party.key);
    if let Some(recipient) = &party.recipient {
        page.field("receives at", recipient);
    }
    if let Some(broker) = &party.broker {
        page.field("broker", format_args!("{} at {}", broker.key, broker.address));
    }
    for launcher in &party.launchers {
        page.field("runs by", format_args!("the launcher {launcher}"));
    }
}

fn show_dataset(page: &mut Page, dataset: &Dataset) {
    page.line(format_args!("\nDataset `{}` of `{}`", dataset.name, dataset.owner));
    page.field("identifier", dataset.id);
    page.field("version", dataset.version);
    page.field("sealed file", dataset.digest);
    match &dataset.content {
        Content::Blob => page.field("holds", "a file of any kind, sealed by age"),
        Content::Table { entity, columns } => {
            page.field("entity", format_args!("`{entity}` tells the persons or things in it apart"));
            for column in columns {
                page.field("column", format_args!("{}: {}", column.name, column.kind));
            }
        }
    }
    for rule in dataset.gate.rules() {
        page.field("gate", rule);
    }
}

fn show_computation(page: &mut Page, contract: &Contract, computation: &Computation) {
    page.line(format_args!("\nComputation `{}`", computation.name));
    page.field("run by", comma(&computation.runners));
    page.field("result for", comma(&computation.recipients));
    for read in &computation.reads {
        let owner = contract.dataset(read.dataset.as_str()).map(|dataset| dataset.owner.as_str()).unwrap_or_default();
        page.field("reads", format_args!("{} of `{owner}`: {}", read.dataset, comma(&read.columns)));
    }
    page.field("program", contract.program_digest(computation).map_or_else(String::new, |digest| digest.to_string()));
    match &computation.program {
        Program::Sql { text } => page.field("SQL", text.as_str().trim_matches('\n')),
        Program::Wasm(program) => show_wasm(page, contract, program),
    }
}

fn comma<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn toml_study(page: &mut Page, study: &Study) {
    page.line("[study]");
    page.key("id", quoted(&study.id));
    page.key("sequence", study.sequence);
    if let Some(supersedes) = study.supersedes {
        page.key("supersedes", quoted(supersedes));
    }
    page.key("purpose", text_value(study.purpose.as_str()));
    page.key("legal_basis", text_value(study.legal_basis.as_str()));
    page.key("expires", study.expires);
    page.key("isolations", list(&study.isolations));
    page.key("accept_lacks", list(&study.accept_lacks));
    page.key("regions", list(&study.regions));
}

fn toml_party(page: &mut Page, party: &Party) {
    page.line(format_args!("\n[parties.{}]", party.name));
    page.key("key", quoted(party.key));
    if let Some(recipient) = &party.recipient {
        page.key("recipient", quoted(recipient));
    }
    if let Some(broker) = &party.broker {
        page.key("broker", format_args!("{{ key = \"{}\", address = \"{}\" }}", broker.key, broker.address));
    }
    if !party.launchers.is_empty() {
        page.key("launchers", list(&party.launchers));
    }
}

fn toml_dataset(page: &mut Page, dataset: &Dataset) {
    page.line(format_args!("\n[datasets.{}]", dataset.name));
    page.key("owner", quoted(&dataset.owner));
    page.key("id", quoted(dataset.id));
    page.key("version", quoted(dataset.version));
    page.key("digest", quoted(dataset.digest));
    let gate = dataset.gate;
    let gate = format!(
        "{{ min_entities = {}, max_rows = {}, max_bytes = {} }}",
        gate.min_entities, gate.max_rows, gate.max_bytes
    );
    match &dataset.content {
        Content::Blob => {
            page.key("format", "\"age\"");
            page.key("gate", gate);
        }
        Content::Table { entity, columns } => {
            page.key("format", "\"parquet\"");
            page.key("entity", quoted(entity));
            page.key("gate", gate);
            page.line(format_args!("\n[datasets.{}.columns]", dataset.name));
            for column in columns {
                page.key(&column_key(column.name.as_str()), quoted(column.kind));
            }
        }
    }
}

fn toml_computation(page: &mut Page, computation: &Computation) {
    page.line(format_args!("\n[computations.{}]", computation.name));
    match &computation.program {
        Program::Sql { text } => page.key("sql", text_value(text.as_str())),
        Program::Wasm(program) => toml_wasm(page, program),
    }
    page.key("runners", list(&computation.runners));
    page.key("recipients", list(&computation.recipients));
    if let Program::Wasm(program) = &computation.program {
        toml_files(page, computation.name.as_str(), program);
    }
    page.line(format_args!("\n[computations.{}.reads]", computation.name));
    for read in &computation.reads {
        page.key(read.dataset.as_str(), list(&read.columns));
    }
}

fn list<T: Display>(items: &[T]) -> String {
    format!("[{}]", items.iter().map(quoted).collect::<Vec<_>>().join(", "))
}

/// For values of alphabets without quotes and backslashes.
pub(crate) fn quoted(value: impl Display) -> String {
    format!("\"{value}\"")
}

pub(crate) fn column_key(name: &str) -> String {
    let is_bare = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if is_bare { name.to_owned() } else { quoted(name) }
}

/// A text as TOML: literal and over several lines where that keeps it as it is, else escaped on one line.
pub(crate) fn text_value(text: &str) -> String {
    if text.contains('\n') && !text.contains("'''") && !text.ends_with('\'') {
        return format!("'''\n{text}'''");
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{escaped}\"")
}

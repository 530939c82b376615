//! A first `study.toml`, made from the parties' cards: complete, commented, and passing every check.

use std::fmt::Write;

use casemate_cose::UnixTime;
use casemate_evidence::Lack;
use thiserror::Error;

use crate::{
    card::{CardDataset, PartyCard},
    contract::{Column, ColumnType, Content, Contract, Study},
    name::{ColumnName, Prose, StudyId},
    problem::ContractErrors,
    show::{column_key, quoted, text_value},
};

/// What stands for the purpose until somebody says it.
const PURPOSE: &str = "Say here what the study wants to find out.";
/// What stands for the legal basis until somebody says it.
const LEGAL_BASIS: &str = "Say here on what legal basis each owner takes part.";
/// How many columns the example averages.
const MEASURES_MAX: usize = 3;

/// What a template is made from, besides cards.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TemplateSpec {
    /// The study's name.
    pub study: StudyId,
    /// What it wants to find out; a text that nobody can sign otherwise.
    pub purpose: Option<Prose>,
    /// On what legal basis; a text that nobody can sign otherwise.
    pub legal_basis: Option<Prose>,
    /// When the contract is to expire.
    pub expires: UnixTime,
    /// What a machine may lack; `secret-plaintext` is lacking everywhere at this stage.
    pub accept_lacks: Vec<Lack>,
    /// The time at which the template is made.
    pub at: UnixTime,
}

/// Why no template can be made from these cards.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum TemplateError {
    /// The cards do not fit together.
    #[error("these cards do not make a contract: {0}")]
    Contract(#[from] ContractErrors),
    /// No card offers a table.
    #[error("none of these cards offers a table")]
    NoTable,
    /// No card names a recipient.
    #[error("none of these cards says where a result could be encrypted to")]
    NoRecipient,
}

/// A table that a card offers, with what the example does with it.
struct Table<'a> {
    alias: char,
    dataset: &'a CardDataset,
    entity: &'a ColumnName,
    columns: &'a [Column],
    used: Vec<&'a ColumnName>,
}

/// Writes a `study.toml` for the parties of `cards`. It passes [`Contract::parse`].
///
/// # Errors
/// [`TemplateError`]: nothing to compute on, nobody to receive, or cards that don't fit together.
pub fn template(cards: &[PartyCard], spec: &TemplateSpec) -> Result<String, TemplateError> {
    let runner = cards
        .iter()
        .filter(|card| card.recipient.is_some())
        .min_by_key(|card| !card.datasets.is_empty())
        .ok_or(TemplateError::NoRecipient)?;
    let mut tables = joinable(cards);
    if tables.is_empty() {
        return Err(TemplateError::NoTable);
    }
    let mut text = study(spec);
    for card in cards {
        party(&mut text, card);
    }
    for card in cards {
        for offered in &card.datasets {
            dataset(&mut text, card, offered);
        }
    }
    let sql = query(&mut tables);
    computation(&mut text, runner, &tables, &sql);
    Contract::parse(&text, spec.at)?;
    Ok(text)
}

/// The fields of the study in which the template's own text still stands: nobody has said what is agreed.
#[must_use]
pub fn untouched(study: &Study) -> Vec<&'static str> {
    let fields = [("purpose", &study.purpose, PURPOSE), ("legal_basis", &study.legal_basis, LEGAL_BASIS)];
    let stands = |(_, text, placeholder): &(&str, &Prose, &str)| text.as_str().contains(placeholder);
    fields.into_iter().filter(stands).map(|(field, ..)| field).collect()
}

/// The first table, and the first of another party whose entities have the same type.
fn joinable(cards: &[PartyCard]) -> Vec<Table<'_>> {
    let offered = cards.iter().flat_map(|card| card.datasets.iter().map(move |dataset| (card, dataset)));
    let mut tables: Vec<(&PartyCard, Table)> = Vec::new();
    for (card, dataset) in offered {
        let Content::Table { entity, columns } = &dataset.content else { continue };
        let table =
            Table { alias: if tables.is_empty() { 'a' } else { 'b' }, dataset, entity, columns, used: vec![entity] };
        match tables.as_slice() {
            [] => tables.push((card, table)),
            [(first, one)] if first.name != card.name && entity_type(one) == entity_type(&table) => {
                tables.push((card, table));
            }
            _ => {}
        }
    }
    tables.into_iter().map(|(_, table)| table).collect()
}

fn entity_type(table: &Table) -> Option<ColumnType> {
    table.columns.iter().find(|column| column.name == *table.entity).map(|column| column.kind)
}

fn put(text: &mut String, line: impl std::fmt::Display) {
    let written = writeln!(text, "{line}");
    debug_assert!(written.is_ok(), "writing to a string can't fail");
}

fn study(spec: &TemplateSpec) -> String {
    let lacks: Vec<String> = spec.accept_lacks.iter().map(quoted).collect();
    format!(
        r#"# A contract between the parties below. Change what you need, then:
#   casemate contract check study.toml     finds what is wrong
#   casemate contract show study.toml      shows what everybody will sign
#   casemate contract sign study.toml      signs it

[study]
id = "{id}"
# 1 for the first contract of the study. Each later one counts on, and names by digest the one it replaces:
#   supersedes = "sha256:…"
sequence = 1
purpose = {purpose}
legal_basis = {legal_basis}
# From this second on nothing runs, and nothing leaves a keep.
expires = {expires}
# How a keep may be isolated. `process` does not keep out root on the runner's host.
isolations = ["process"]
# What the runner's machine may lack of that; `casemate doctor` there says what it lacks.
accept_lacks = [{lacks}]
regions = ["any"]
"#,
        id = spec.study,
        purpose = text_value(spec.purpose.as_ref().map_or(PURPOSE, Prose::as_str)),
        legal_basis = text_value(spec.legal_basis.as_ref().map_or(LEGAL_BASIS, Prose::as_str)),
        expires = spec.expires,
        lacks = lacks.join(", "),
    )
}

fn party(text: &mut String, card: &PartyCard) {
    put(text, format_args!("\n[parties.{}]", card.name));
    put(text, "# Compare this key with its owner over another channel.");
    put(text, format_args!("key = \"{}\"", card.key));
    if let Some(recipient) = &card.recipient {
        put(text, format_args!("recipient = \"{recipient}\""));
    }
    if let Some(broker) = &card.broker {
        put(text, format_args!("broker = {{ key = \"{}\", address = \"{}\" }}", broker.key, broker.address));
    }
    if let Some(launcher) = &card.launcher {
        put(
            text,
            "# Where it runs a computation: keeps in its name count only with evidence by one of these launchers.",
        );
        put(text, format_args!("launchers = [\"{launcher}\"]"));
    }
}

fn dataset(text: &mut String, card: &PartyCard, dataset: &CardDataset) {
    put(text, format_args!("\n[datasets.{}]", dataset.name));
    put(text, format_args!("owner = \"{}\"", card.name));
    put(text, format_args!("id = \"{}\"", dataset.id));
    put(text, format_args!("version = \"{}\"", dataset.version));
    put(text, format_args!("digest = \"{}\"", dataset.digest));
    match &dataset.content {
        Content::Blob => put(text, "format = \"age\""),
        Content::Table { entity, .. } => {
            put(text, "format = \"parquet\"");
            put(text, "# The column that tells the persons or things in the table apart; gates count by it.");
            put(text, format_args!("entity = \"{entity}\""));
        }
    }
    put(
        text,
        "# What must hold of every result before it leaves: this many distinct entities behind each row, and no more",
    );
    put(text, "# rows and bytes than these.");
    put(text, "gate = { min_entities = 10, max_rows = 1000, max_bytes = 262144 }");
    if let Content::Table { columns, .. } = &dataset.content {
        put(text, format_args!("\n[datasets.{}.columns]", dataset.name));
        for column in columns {
            put(text, format_args!("{} = \"{}\"", column_key(column.name.as_str()), column.kind));
        }
    }
}

/// Counts, and averages a few measurements, by the first column that looks like a group.
fn query<'a>(tables: &mut [Table<'a>]) -> String {
    let group = pick(tables, &[ColumnType::Utf8, ColumnType::Boolean], 1);
    let measures = pick(tables, &[ColumnType::Float64, ColumnType::Int64], MEASURES_MAX);
    for (at, name) in group.iter().chain(&measures) {
        if let Some(table) = tables.get_mut(*at) {
            table.used.push(name);
        }
    }
    let column = |tables: &[Table<'a>], at: usize, name: &ColumnName| {
        let alias = tables.get(at).map_or('a', |table| table.alias);
        format!("{alias}.\"{name}\"")
    };
    let group: Vec<String> = group.iter().map(|(at, name)| column(tables, *at, name)).collect();
    let measures = measures.iter().map(|(at, name)| {
        let column = column(tables, *at, name);
        format!("avg({column}) AS \"mean {name}\"")
    });
    let outputs: Vec<String> = group.iter().cloned().chain(["count(*) AS n".to_owned()]).chain(measures).collect();
    let mut sql = format!("SELECT {}\n", outputs.join(",\n       "));
    let mut first: Option<&Table> = None;
    for table in tables.iter() {
        let (name, alias) = (&table.dataset.name, table.alias);
        match first {
            None => put(&mut sql, format_args!("FROM {name} AS {alias}")),
            Some(one) => put(
                &mut sql,
                format_args!(
                    "JOIN {name} AS {alias} ON {}.\"{}\" = {alias}.\"{}\"",
                    one.alias, one.entity, table.entity
                ),
            ),
        }
        first = first.or(Some(table));
    }
    if !group.is_empty() {
        put(&mut sql, format_args!("GROUP BY {0}\nORDER BY {0}", group.join(", ")));
    }
    sql
}

/// Up to `max` columns of the `kinds`, none of them an entity column, those of the preferred kind first.
fn pick<'a>(tables: &[Table<'a>], kinds: &[ColumnType], max: usize) -> Vec<(usize, &'a ColumnName)> {
    let of_kind = |kind: &ColumnType| {
        let kind = *kind;
        tables.iter().enumerate().flat_map(move |(at, table)| {
            let fitting =
                table.columns.iter().filter(move |column| column.kind == kind && column.name != *table.entity);
            fitting.map(move |column| (at, &column.name))
        })
    };
    kinds.iter().flat_map(of_kind).take(max).collect()
}

fn computation(text: &mut String, runner: &PartyCard, tables: &[Table], sql: &str) {
    put(text, "\n[computations.example]");
    put(
        text,
        "# One query. Only aggregates leave, and only of the columns under `reads`. In its place, a Wasm program, whose output",
    );
    put(text, "# no gate reads: `wasm = \"sha256:…\"`, `inputs`, `outputs` and more; see docs/formats/contract.md.");
    put(text, format_args!("sql = '''\n{sql}'''"));
    put(text, "# Who may run it, and who gets the result.");
    put(text, format_args!("runners = [\"{}\"]", runner.name));
    put(text, format_args!("recipients = [\"{}\"]", runner.name));
    put(text, "\n# The view: no other column exists for the program. The entity column is always part of it.");
    put(text, "[computations.example.reads]");
    for table in tables {
        let columns: Vec<String> = table.used.iter().map(quoted).collect();
        put(text, format_args!("{} = [{}]", table.dataset.name, columns.join(", ")));
    }
}

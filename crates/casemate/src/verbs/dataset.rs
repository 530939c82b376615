//! `casemate dataset`: what this party has sealed.

use std::{fs::File, io::BufWriter, path::Path};

use casemate_contract::{Column as ContractColumn, ColumnType, Content};
use casemate_cose::{decode, encode};
use casemate_keyring::WrappedKey;
use casemate_seal::{Column, SealError, aad_prefix, blob, table};
use casemate_store::Dataset;
use serde_json::{Value, json};

use crate::{
    cli::{DatasetNameArgs, DatasetOpenArgs, DatasetVerb, Global},
    clock,
    failure::{Failure, Outcome},
    files, output,
    random::random,
    screen::Screen,
    state::{self, State},
};

use super::{dataset_adopt, dataset_seal};

const COLUMNS_BYTES_MAX: usize = 1 << 20;
const WRAPPED_BYTES_MAX: usize = 1024;

/// Dispatches `casemate dataset`.
pub(crate) async fn dataset(verb: &DatasetVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        DatasetVerb::Seal(args) => dataset_seal::seal(args, global, screen).await,
        DatasetVerb::Prepare(args) => dataset_adopt::prepare(args, global, screen).await,
        DatasetVerb::Adopt(args) => dataset_adopt::adopt(args, global, screen).await,
        DatasetVerb::List => list(global, screen).await,
        DatasetVerb::Show(args) => show(args, global, screen).await,
        DatasetVerb::Open(args) => open(args, global, screen).await,
        DatasetVerb::Revoke(args) => revoke(args, global, screen).await,
    }
}

/// Columns as the store keeps them.
pub(crate) fn encode_columns(columns: &[Column]) -> Result<Vec<u8>, Failure> {
    let columns: Result<Vec<_>, Failure> = columns
        .iter()
        .map(|column| {
            let name = column.name.parse().map_err(|error| {
                Failure::input(format!("column `{}`: {error}", column.name)).help("rename the column in the input")
            })?;
            Ok(ContractColumn { name, kind: contract_type(column.kind) })
        })
        .collect();
    let mut columns = columns?;
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(encode(&columns))
}

/// What a stored dataset holds, as contracts say it.
pub(crate) fn content(dataset: &Dataset) -> Result<Content, Failure> {
    let bad = |error: &dyn std::fmt::Display| Failure::machine(format!("dataset `{}`: {error}", dataset.sealed.name));
    let Some(entity) = &dataset.sealed.entity else { return Ok(Content::Blob) };
    let columns = decode(&dataset.sealed.columns, COLUMNS_BYTES_MAX).map_err(|error| bad(&error))?;
    Ok(Content::Table { entity: entity.parse().map_err(|error| bad(&error))?, columns })
}

/// What a sealed file holds, in words.
pub(crate) fn in_words(content: &Content) -> String {
    let Content::Table { entity, columns } = content else { return "a file".to_owned() };
    let columns: Vec<_> = columns.iter().map(|column| format!("{} {}", column.name, column.kind)).collect();
    format!("a table, entity `{entity}`, columns {}", columns.join(", "))
}

const fn contract_type(kind: casemate_seal::ColumnType) -> ColumnType {
    use casemate_seal::ColumnType as Sealed;
    match kind {
        Sealed::Boolean => ColumnType::Boolean,
        Sealed::Date => ColumnType::Date32,
        Sealed::Float64 => ColumnType::Float64,
        Sealed::Int64 => ColumnType::Int64,
        Sealed::Timestamp => ColumnType::Timestamp,
        Sealed::Utf8 => ColumnType::Utf8,
    }
}

async fn list(global: &Global, screen: Screen) -> Outcome {
    let datasets = State::open(global)?.store().await?.datasets().await.map_err(state::store)?;
    if datasets.is_empty() {
        screen.line("nothing is sealed here; begin with `casemate dataset seal FILE`");
    }
    for dataset in &datasets {
        let sealed = &dataset.sealed;
        let (at, path) = (sealed.sealed_at, &sealed.sealed_path);
        screen.line(format!("{:<24} {:<8} {:<11} {at}  {path}", sealed.name, sealed.format, standing(dataset)));
    }
    screen.object(&json!({"datasets": datasets.iter().map(object).collect::<Vec<_>>()}));
    Ok(())
}

async fn show(args: &DatasetNameArgs, global: &Global, screen: Screen) -> Outcome {
    let dataset = find(&State::open(global)?, &args.name).await?;
    let sealed = &dataset.sealed;
    screen.line(format!("{} ({}), {}", sealed.name, sealed.format, standing(&dataset)));
    screen.line(format!("  file     {}", sealed.sealed_path));
    screen.line(format!("  digest   {}", sealed.digest));
    screen.line(format!("  id       {}", hex::encode(sealed.version.id)));
    screen.line(format!("  version  {}   sealed {}", hex::encode(sealed.version.version), sealed.sealed_at));
    if let Content::Table { entity, columns } = content(&dataset)? {
        for column in &columns {
            let mark = if column.name == entity { "   the entity" } else { "" };
            screen.line(format!("  {:<32} {}{mark}", column.name, column.kind));
        }
    }
    screen.object(&object(&dataset));
    Ok(())
}

async fn open(args: &DatasetOpenArgs, global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let (keys, _store) = state.unlock().await?;
    let dataset = find(&state, &args.name).await?;
    let sealed = &dataset.sealed;
    let wrapped: WrappedKey = decode(&sealed.wrapped_key, WRAPPED_BYTES_MAX)
        .map_err(|error| Failure::machine(format!("the key of `{}`: {error}", sealed.name)))?;
    let key = keys.unwrap(&wrapped).map_err(state::keyring)?;
    output::check_new(&args.out, None, "plaintext replaces no file")?;
    let path = Path::new(&sealed.sealed_path);
    let file = File::open(path).map_err(|error| Failure::reading(path, &error))?;
    let temporary = files::temporary(&args.out)?;
    let output = BufWriter::new(temporary.as_file());
    let opened = if sealed.entity.is_some() {
        let prefix = aad_prefix(&sealed.version.id, &sealed.version.version);
        table::unseal_to_csv(file, output, &key, &prefix, |_| ()).map(drop)
    } else {
        blob::open(file, output, &key).map(drop)
    };
    opened.map_err(|error| seal_error(path, &args.out, &error))?;
    files::persist_new(temporary, &args.out)?;
    screen.line(format!("decrypted `{}` into {}; it lies there in the clear", sealed.name, args.out.display()));
    screen.object(&json!({"name": sealed.name, "plaintext": args.out}));
    Ok(())
}

async fn revoke(args: &DatasetNameArgs, global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let (keys, store) = state.unlock().await?;
    let revoked =
        casemate_service::revoke_dataset(&store, &keys, state.name.as_str(), &args.name, random()?, clock::now()).await;
    let receipt = revoked.map_err(state::store)?;
    screen.line(format!("revoked `{}`: entry {} of this broker's ledger", args.name, receipt.index));
    screen.line("No key of it is released any more, and no result that uses it is permitted. Keys that were released");
    screen.line("before cannot be recalled, nor can results that were permitted.");
    screen.object(&json!({"revoked": args.name, "entry": receipt.index}));
    Ok(())
}

async fn find(state: &State, name: &str) -> Result<Dataset, Failure> {
    let found = state.store().await?.dataset(name).await.map_err(state::store)?;
    found.ok_or_else(|| {
        Failure::input(format!("{} has no dataset `{name}`", state.name)).help("see `casemate dataset list`")
    })
}

fn standing(dataset: &Dataset) -> &'static str {
    match (dataset.revoked_at, dataset.superseded_at) {
        (Some(_), _) => "revoked",
        (None, Some(_)) => "superseded",
        (None, None) => "current",
    }
}

fn object(dataset: &Dataset) -> Value {
    let sealed = &dataset.sealed;
    let columns = match content(dataset) {
        Ok(Content::Table { columns, .. }) => columns,
        _ => Vec::new(),
    };
    json!({
        "name": sealed.name, "format": sealed.format, "standing": standing(dataset), "entity": sealed.entity,
        "sealed": sealed.sealed_path, "digest": sealed.digest.to_string(), "id": hex::encode(sealed.version.id),
        "version": hex::encode(sealed.version.version), "sealed_at": sealed.sealed_at.to_string(),
        "columns": columns.iter().map(|c| json!({"name": c.name.as_str(), "type": c.kind.as_str()})).collect::<Vec<_>>(),
    })
}

/// A failure of sealing or opening, with the file that it is about.
pub(crate) fn seal_error(input: &Path, output: &Path, error: &SealError) -> Failure {
    match error {
        SealError::Read(error) => Failure::io("read", input, error),
        SealError::Write(error) => Failure::io("write", output, error),
        error => Failure::input(format!("`{}`: {error}", input.display())),
    }
}

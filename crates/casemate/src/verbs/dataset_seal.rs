//! `casemate dataset seal`: encrypt a table or any other file; its key goes into the own store, wrapped.
//!
//! 1. Read the whole input once and say what is wrong with it, with line and column.
//! 2. Encrypt into a temporary file beside the target.
//! 3. Record key, ids and digest in the store, then give the file its name. A crash before leaves no dataset; a crash
//!    between the two leaves the old file and a version that nobody has, which sealing again supersedes.

use std::{
    fs::File,
    io::{BufReader, Seek as _},
    path::{Path, PathBuf},
};

use casemate_contract::DatasetName;
use casemate_cose::encode;
use casemate_keyring::PartyKeys;
use casemate_seal::{Column, Schema, SealError, aad_prefix, blob, table};
use casemate_store::{DatasetVersion, SealedDataset, Store};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    cli::{Global, SealArgs},
    clock,
    failure::{Failure, Outcome},
    files, output,
    random::random,
    screen::Screen,
    state::{self, State},
};

use super::dataset::{encode_columns, seal_error};

/// What kind of input it is.
enum Input {
    Blob,
    Csv { schema: Schema, rows: u64 },
    Parquet { schema: Schema },
}

impl Input {
    const fn schema(&self) -> Option<&Schema> {
        match self {
            Self::Blob => None,
            Self::Csv { schema, .. } | Self::Parquet { schema } => Some(schema),
        }
    }
}

/// What was sealed.
struct Sealed {
    rows: Option<u64>,
    file: casemate_seal::Fingerprint,
}

/// Seals one file.
pub(crate) async fn seal(args: &SealArgs, global: &Global, screen: Screen) -> Outcome {
    let name = name(args)?;
    let input = examine(&args.file, screen)?;
    check_entity(args, &input)?;
    if args.dry_run {
        return dry_run(args, &name, &input, screen);
    }
    let state = State::open(global)?;
    let (keys, store) = state.unlock().await?;
    if let Some(out) = &args.out {
        check_place(out, &store, &name).await?;
    }
    let version = DatasetVersion { id: known_id(&store, &name).await?, version: random()? };
    let out = args.out.clone().unwrap_or_else(|| state.dir.join("datasets").join(file_name(&name, &input)));
    let temporary = files::temporary(&out)?;
    let key = Zeroizing::new(random::<32>()?);
    let prefix = aad_prefix(&version.id, &version.version);
    let sealed = encrypt(args, &input, temporary.as_file(), &key, &prefix, screen)
        .map_err(|error| seal_error(&args.file, &out, &error))?;
    let record = record(&name, args, &input, &keys, version, &key, &out, &sealed)?;
    store.put_dataset(&record).await.map_err(state::store)?;
    files::persist(temporary, &out)?;
    report(&name, &out, &input, &sealed, version, screen);
    Ok(())
}

/// A sealed file replaces nothing but the same dataset's.
async fn check_place(out: &Path, store: &Store, name: &DatasetName) -> Outcome {
    let path = std::path::absolute(out).map_err(|error| Failure::io("find", out, &error))?;
    let before = store.dataset(name.as_str()).await.map_err(state::store)?;
    if before.is_some_and(|before| Path::new(&before.sealed.sealed_path) == path) {
        return Ok(());
    }
    output::check_new(out, None, "a sealed file replaces none but the same dataset's: name another with --out")
}

fn name(args: &SealArgs) -> Result<DatasetName, Failure> {
    let stem = args.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let text = args.name.clone().unwrap_or(stem);
    text.parse().map_err(|error| Failure::input(format!("the dataset's name: {error}")).help("choose one with --name"))
}

/// Reads the whole input where its kind asks for it, so that nothing is written of one that is wrong.
fn examine(path: &Path, screen: Screen) -> Result<Input, Failure> {
    let file = open(path)?;
    let failed = |error: SealError| seal_error(path, path, &error);
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => {
            let bar = screen.bar(length(&file), "checking");
            let inferred = table::infer_csv(bar.wrap_read(BufReader::new(file))).map_err(failed)?;
            bar.finish_and_clear();
            Ok(Input::Csv { schema: inferred.schema, rows: inferred.rows })
        }
        Some("parquet") => Ok(Input::Parquet { schema: table::parquet_schema(&file).map_err(failed)? }),
        _ if length(&file) == 0 => Err(Failure::input(format!("`{}` is empty", path.display()))),
        _ => Ok(Input::Blob),
    }
}

fn check_entity(args: &SealArgs, input: &Input) -> Result<(), Failure> {
    let Some(schema) = input.schema() else { return Ok(()) };
    let names: Vec<_> = schema.columns().iter().map(|column| column.name.as_str()).collect();
    let Some(entity) = &args.entity else {
        return Err(Failure::input(format!("`{}` is a table, and no entity column is named", args.file.display()))
            .help(format!("say whom a row is about: --entity COLUMN, one of {}", names.join(", "))));
    };
    if names.contains(&entity.as_str()) {
        return Ok(());
    }
    Err(Failure::input(format!("`{}` has no column `{entity}`", args.file.display()))
        .help(format!("--entity takes one of {}", names.join(", "))))
}

fn encrypt(
    args: &SealArgs,
    input: &Input,
    output: &File,
    key: &[u8; 32],
    prefix: &[u8; 32],
    screen: Screen,
) -> Result<Sealed, SealError> {
    let mut file = File::open(&args.file).map_err(SealError::Read)?;
    file.rewind().map_err(SealError::Read)?;
    let sealed = match input {
        Input::Blob => {
            let bar = screen.bar(length(&file), "sealing");
            Sealed { rows: None, file: blob::seal(bar.wrap_read(file), output, key)? }
        }
        Input::Csv { schema, rows } => {
            let bar = screen.bar(*rows, "sealing");
            let sealed =
                table::seal_csv(BufReader::new(file), output, schema, key, prefix, |row| bar.set_position(row))?;
            bar.finish_and_clear();
            Sealed { rows: Some(sealed.rows), file: sealed.file }
        }
        Input::Parquet { .. } => {
            let bar = screen.bar(0, "sealing");
            let sealed = table::seal_parquet(file, output, key, prefix, |row| bar.set_position(row))?;
            bar.finish_and_clear();
            Sealed { rows: Some(sealed.rows), file: sealed.file }
        }
    };
    Ok(sealed)
}

#[expect(clippy::too_many_arguments, reason = "each is one fact of the record, and it is built in one place")]
fn record(
    name: &DatasetName,
    args: &SealArgs,
    input: &Input,
    keys: &PartyKeys,
    version: DatasetVersion,
    key: &[u8; 32],
    out: &Path,
    sealed: &Sealed,
) -> Result<SealedDataset, Failure> {
    let wrapped = keys.wrap(&version.id, &version.version, key, random()?).map_err(state::keyring)?;
    let columns: &[Column] = input.schema().map_or(&[], Schema::columns);
    let path = std::path::absolute(out).map_err(|error| Failure::io("find", out, &error))?;
    Ok(SealedDataset {
        name: name.to_string(),
        version,
        format: if input.schema().is_some() { "parquet" } else { "age" }.to_owned(),
        entity: args.entity.clone().filter(|_| input.schema().is_some()),
        columns: encode_columns(columns)?,
        sealed_path: path.display().to_string(),
        digest: sealed.file.digest,
        wrapped_key: encode(&wrapped),
        sealed_at: clock::now(),
    })
}

/// A dataset keeps its id through all its versions.
pub(crate) async fn known_id(store: &Store, name: &DatasetName) -> Result<[u8; 16], Failure> {
    match store.dataset(name.as_str()).await.map_err(state::store)? {
        Some(dataset) => Ok(dataset.sealed.version.id),
        None => random(),
    }
}

fn file_name(name: &DatasetName, input: &Input) -> PathBuf {
    let ending = if input.schema().is_some() { "parquet" } else { "age" };
    PathBuf::from(format!("{name}.{ending}"))
}

fn dry_run(args: &SealArgs, name: &DatasetName, input: &Input, screen: Screen) -> Outcome {
    screen.line(format!("would seal `{}` as dataset `{name}`; nothing was written", args.file.display()));
    for column in input.schema().map_or(&[][..], Schema::columns) {
        let mark = if Some(&column.name) == args.entity.as_ref() { "   the entity" } else { "" };
        screen.line(format!("  {:<32} {}{mark}", column.name, column.kind));
    }
    let columns: Vec<_> = input
        .schema()
        .map_or(&[][..], Schema::columns)
        .iter()
        .map(|c| json!({"name": c.name, "type": c.kind.name()}))
        .collect();
    screen.object(&json!({"name": name.as_str(), "dry_run": true, "columns": columns, "entity": args.entity}));
    Ok(())
}

fn report(name: &DatasetName, out: &Path, input: &Input, sealed: &Sealed, version: DatasetVersion, screen: Screen) {
    let columns = input.schema().map_or(0, |schema| schema.columns().len());
    match sealed.rows {
        Some(rows) => {
            screen.line(format!("sealed `{name}`: {rows} rows, {columns} columns, {} bytes", sealed.file.bytes))
        }
        None => screen.line(format!("sealed `{name}`: {} bytes", sealed.file.bytes)),
    }
    screen.line(format!("  file     {}", out.display()));
    screen.line(format!("  digest   {}", sealed.file.digest));
    screen.line(format!("  id       {}   version {}", hex::encode(version.id), hex::encode(version.version)));
    screen.line("  the key stays in this party's store; give the file to whoever runs the study");
    screen.object(&json!({
        "name": name.as_str(), "sealed": out, "rows": sealed.rows, "columns": columns, "bytes": sealed.file.bytes,
        "digest": sealed.file.digest.to_string(), "id": hex::encode(version.id), "version": hex::encode(version.version),
    }));
}

fn open(path: &Path) -> Result<File, Failure> {
    let file = File::open(path).map_err(|error| Failure::reading(path, &error))?;
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    if is_file { Ok(file) } else { Err(Failure::input(format!("`{}` is not a file", path.display()))) }
}

fn length(file: &File) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

//! `casemate dataset prepare` and `adopt`: tables that another tool seals with Parquet Modular Encryption.
//!
//! The AAD prefix binds a file to its dataset and version, so both are drawn before the file is sealed. What was sealed is
//! checked as strictly as in a keep: encrypted footer, AES-GCM, every column under the one key, this prefix, not stored.

use std::{fs::File, path::Path};

use casemate_contract::DatasetName;
use casemate_cose::encode;
use casemate_seal::{aad_prefix, fingerprint, table};
use casemate_store::{DatasetVersion, SealedDataset};
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    cli::{AdoptArgs, Global, PrepareArgs},
    clock,
    failure::{Failure, Outcome},
    files, output,
    random::random,
    screen::Screen,
    state::{self, State},
};

use super::{
    dataset::{encode_columns, seal_error},
    dataset_seal::known_id,
};

/// What `prepare` writes and `adopt` reads: all in lower-case hex.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Prepared {
    name: String,
    id: String,
    version: String,
    key: String,
    aad_prefix: String,
}

/// Draws key and ids.
pub(crate) async fn prepare(args: &PrepareArgs, global: &Global, screen: Screen) -> Outcome {
    let name: DatasetName =
        args.name.parse().map_err(|error| Failure::input(format!("the dataset's name: {error}")))?;
    output::check_new(&args.out, None, "a key replaces no file: name another with --out")?;
    let store = State::open(global)?.store().await?;
    let (id, version, key) = (known_id(&store, &name).await?, random::<16>()?, Zeroizing::new(random::<32>()?));
    let prepared = Prepared {
        name: name.to_string(),
        id: hex::encode(id),
        version: hex::encode(version),
        key: hex::encode(*key),
        aad_prefix: hex::encode(aad_prefix(&id, &version)),
    };
    let text = toml::to_string(&prepared).map_err(|error| Failure::machine(error.to_string()))?;
    let temporary = files::temporary(&args.out)?;
    std::io::Write::write_all(&mut temporary.as_file(), text.as_bytes())
        .map_err(|error| Failure::io("write", &args.out, &error))?;
    files::persist_new(temporary, &args.out)?;
    screen.line(format!(
        "wrote {}; the key lies there in the clear: remove it after `dataset adopt`",
        args.out.display()
    ));
    screen.line("In Python, with p = tomllib.load(open(FILE, 'rb')):");
    screen.line("  properties = pyarrow.parquet.encryption.create_encryption_properties(");
    screen.line(
        "      footer_key=bytes.fromhex(p['key']), aad_prefix=bytes.fromhex(p['aad_prefix']), store_aad_prefix=False)",
    );
    screen.line("  pyarrow.parquet.write_table(table, 'sealed.parquet', encryption_properties=properties)");
    screen.object(&json!({"name": prepared.name, "prepared": args.out}));
    Ok(())
}

/// Takes a sealed file.
pub(crate) async fn adopt(args: &AdoptArgs, global: &Global, screen: Screen) -> Outcome {
    let prepared = read(&args.prepared)?;
    let name: DatasetName = prepared.name.parse().map_err(|error| bad(&args.prepared, "name", &error))?;
    let version = DatasetVersion {
        id: bytes(&args.prepared, "id", &prepared.id)?,
        version: bytes(&args.prepared, "version", &prepared.version)?,
    };
    let key = Zeroizing::new(bytes::<32>(&args.prepared, "key", &prepared.key)?);
    let file = File::open(&args.file).map_err(|error| Failure::reading(&args.file, &error))?;
    let checked = table::check_sealed(&file, &key, &aad_prefix(&version.id, &version.version))
        .map_err(|error| seal_error(&args.file, &args.file, &error))?;
    if !checked.schema.columns().iter().any(|column| column.name == args.entity) {
        return Err(Failure::input(format!("`{}` has no column `{}`", args.file.display(), args.entity))
            .help("name another with --entity"));
    }
    let print = fingerprint(&file).map_err(|error| Failure::io("read", &args.file, &error))?;
    let state = State::open(global)?;
    let (keys, store) = state.unlock().await?;
    let wrapped = keys.wrap(&version.id, &version.version, &key, random()?).map_err(state::keyring)?;
    let path = std::path::absolute(&args.file).map_err(|error| Failure::io("find", &args.file, &error))?;
    let record = SealedDataset {
        name: name.to_string(),
        version,
        format: "parquet".to_owned(),
        entity: Some(args.entity.clone()),
        columns: encode_columns(checked.schema.columns())?,
        sealed_path: path.display().to_string(),
        digest: print.digest,
        wrapped_key: encode(&wrapped),
        sealed_at: clock::now(),
    };
    store.put_dataset(&record).await.map_err(state::store)?;
    screen.line(format!(
        "adopted `{name}`: {} rows, {} columns, {}",
        checked.rows,
        checked.schema.columns().len(),
        print.digest
    ));
    screen.line(format!("  its key is wrapped in this party's store now: remove {}", args.prepared.display()));
    screen.object(
        &json!({"name": name.as_str(), "sealed": path, "rows": checked.rows, "digest": print.digest.to_string()}),
    );
    Ok(())
}

fn read(path: &Path) -> Result<Prepared, Failure> {
    toml::from_str(&Zeroizing::new(files::read_text(path)?))
        .map_err(|error| Failure::input(format!("`{}` is not what `dataset prepare` wrote: {error}", path.display())))
}

fn bytes<const N: usize>(path: &Path, field: &str, text: &str) -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|error| bad(path, field, &error)).map(|()| bytes)
}

fn bad(path: &Path, field: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::input(format!("`{}`: {field}: {error}", path.display()))
        .help("write it anew with `casemate dataset prepare`")
}

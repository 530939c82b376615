//! What gates and sealing cost: the same query over plaintext Parquet by DataFusion alone and over the sealed file.
//!
//! `cargo run -p casemate-query --example overhead [ROWS]`; the figures of an unoptimised build compare only with each other.

use std::{error::Error, io::Write, sync::Arc, time::Instant};

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray},
    util::pretty::pretty_format_batches,
};
use casemate_query::{ColumnType, Gate, Limits, Sealed, Table, check, run, to_pretty};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use parquet::{arrow::ArrowWriter, encryption::encrypt::FileEncryptionProperties, file::properties::WriterProperties};

const SQL: &str = "SELECT ward, count(*) AS n, avg(amount) AS mean, stddev(amount) AS deviation FROM visits \
     WHERE amount > 5 GROUP BY ward ORDER BY ward";
const ROUNDS: u32 = 5;
const THREADS: u32 = 2;
const KEY: [u8; 32] = [1; 32];
const AAD_PREFIX: [u8; 32] = [2; 32];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let rows: i64 = std::env::args().nth(1).map_or(Ok(1_500_000), |text| text.parse())?;
    let batch = visits(rows)?;
    let plain = tempfile::Builder::new().suffix(".parquet").tempfile()?;
    write(&batch, plain.as_file(), WriterProperties::new())?;
    let sealed = tempfile::NamedTempFile::new()?;
    let encryption = FileEncryptionProperties::builder(KEY.to_vec())
        .with_aad_prefix(AAD_PREFIX.to_vec())
        .with_aad_prefix_storage(false)
        .build()?;
    write(&batch, sealed.as_file(), WriterProperties::builder().with_file_encryption_properties(encryption).build())?;

    let table = Table {
        name: "visits".into(),
        entity: "person".into(),
        columns: vec![
            ("person".into(), ColumnType::Int64),
            ("ward".into(), ColumnType::Utf8),
            ("amount".into(), ColumnType::Float64),
        ],
        gate: Gate { min_entities: 10, max_rows: 100, max_bytes: 1 << 16 },
    };
    let explanation = check(SQL, std::slice::from_ref(&table)).await.map_err(|refusals| format!("{refusals:?}"))?;
    say(&explanation.plan)?;

    let path = plain.path().to_str().ok_or("a path that isn't text")?;
    let (mut fastest_plain, mut fastest_sealed) = (f64::MAX, f64::MAX);
    for round in 0..ROUNDS {
        let start = Instant::now();
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(THREADS as usize));
        context.register_parquet("visits", path, ParquetReadOptions::default()).await?;
        let answer = context.sql(SQL).await?.collect().await?;
        fastest_plain = fastest_plain.min(start.elapsed().as_secs_f64());

        let start = Instant::now();
        let file = Sealed { file: sealed.reopen()?, key: Box::new(KEY), aad_prefix: AAD_PREFIX };
        let limits = Limits { memory_bytes: 1 << 30, threads: THREADS };
        let output = run(SQL, vec![(table.clone(), file)], limits).await?;
        fastest_sealed = fastest_sealed.min(start.elapsed().as_secs_f64());
        if round == 0 {
            say(&format!("{}\n{}", pretty_format_batches(&answer)?, to_pretty(&output.ipc)?))?;
        }
    }
    say(&format!(
        "plain {:.0} ms, sealed and gated {:.0} ms, ratio {:.3}",
        fastest_plain * 1e3,
        fastest_sealed * 1e3,
        fastest_sealed / fastest_plain
    ))?;
    Ok(())
}

fn say(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}

fn visits(rows: i64) -> Result<RecordBatch, Box<dyn Error>> {
    const WARDS: [&str; 5] = ["ears", "eyes", "heart", "knees", "lungs"];
    let person: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|row| (row * 7919) % 2_500)));
    let ward: ArrayRef =
        Arc::new((0..rows).map(|row| WARDS.get(usize::try_from(row % 5).ok()?)).collect::<StringArray>());
    let amount: ArrayRef =
        Arc::new((0..rows).map(|row| Some(((row * 31) % 10_007) as f64 / 13.0)).collect::<Float64Array>());
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("person", person, true),
        ("ward", ward, true),
        ("amount", amount, true),
    ])?)
}

fn write(batch: &RecordBatch, file: &std::fs::File, properties: WriterProperties) -> Result<(), Box<dyn Error>> {
    let mut writer = ArrowWriter::try_new(file.try_clone()?, batch.schema(), Some(properties))?;
    writer.write(batch)?;
    writer.close()?;
    Ok(())
}

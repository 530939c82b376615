//! `casemate program …`: what a person types about Wasm programs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

/// `casemate program …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProgramVerb {
    /// Say what a Wasm program is and what it asks of a keep, and print the lines for a contract.
    #[command(after_help = "Example:\n  casemate program show logistic.wasm")]
    Show(ProgramFileArgs),
    /// Run a program on this machine, outside any keep, on data that need no protection: to try it before anybody signs.
    ///
    /// The program sees exactly what it would see in a keep: its arguments, its inputs, one output folder.
    #[command(
        after_help = "Example:\n  casemate program try logistic.wasm --in patients.csv --out tried/ -- --label diagnosis"
    )]
    Try(ProgramTryArgs),
    /// Compile a program ahead of time: an artifact for a contract to pin, so that a keep needs not compile it.
    ///
    /// Whoever signs such a contract compiles the program again, and signs only if the artifact is the same.
    #[command(after_help = "Example:\n  casemate program compile app.wasm --out app.cwasm")]
    Compile(ProgramCompileArgs),
}

/// A Wasm program.
#[derive(Args, Debug)]
pub(crate) struct ProgramFileArgs {
    /// A component (WASI 0.2) or a module (WASI preview 1), in binary form.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// `casemate program try`.
#[derive(Args, Debug)]
pub(crate) struct ProgramTryArgs {
    /// A component (WASI 0.2) or a module (WASI preview 1), in binary form.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// A file that the program sees as `/in/NAME`, by its own name. Several are allowed.
    #[arg(long = "in", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) inputs: Vec<PathBuf>,
    /// Where the files that it leaves in `/out` are written.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// A file that it has to leave, as the contract would declare it: UTF-8 text. Several are allowed.
    #[arg(long = "text", value_name = "NAME")]
    pub(crate) texts: Vec<String>,
    /// A CSV file that it has to leave, with its columns: `model.csv=feature:utf8,coefficient:float64`. Several are allowed.
    #[arg(long = "csv", value_name = "NAME=COLUMN:TYPE,…")]
    pub(crate) tables: Vec<String>,
    /// The most bytes in all files together.
    #[arg(long, default_value_t = 1 << 20, value_name = "BYTES")]
    pub(crate) max_output_bytes: u64,
    /// The program's memory.
    #[arg(long, default_value_t = 256, value_name = "MIB")]
    pub(crate) memory_mib: u64,
    /// The program's time.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) seconds: u64,
    /// The seed of its random numbers.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// What its clock is rounded down to.
    #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
    pub(crate) clock_rounds_to_s: u64,
    /// The program's arguments, after `--`.
    #[arg(last = true)]
    pub(crate) arguments: Vec<String>,
}

/// `casemate program compile`.
#[derive(Args, Debug)]
pub(crate) struct ProgramCompileArgs {
    /// A component (WASI 0.2) or a module (WASI preview 1), in binary form.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Where the artifact is written.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
}

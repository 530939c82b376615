//! The project's own tools, run as `cargo xtask VERB`. Few dependencies: this is compiled first on a fresh machine.
//!
//! Each verb is a file. The checks (`layers`, `licences`, `tidy`) find all that is wrong before they fail.

mod bench;
mod complaint;
mod failure;
mod layers;
mod licences;
mod metadata;
mod process;
mod suite;
mod tidy;

use std::{env, process::ExitCode};

use failure::Failure;

const USAGE: &str = "\
usage: cargo xtask VERB

  test [--full] [FILTER]...       run everything that tests the project; --full adds the long runs
  bench NAME [--json] [--write]   measure NAME against its targets; --write keeps the result in docs/benchmarks.md
  layers [--print]                check that crates depend on each other as the table of layers says; --print shows it
  tidy                            check the rules of style that no compiler checks
  licences                        check dependencies' licences, bans and sources against deny.toml, offline

benches: evidence, keep, study";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Failure> {
    match arguments {
        ["bench", rest @ ..] => bench::run(rest),
        ["layers"] => layers::check(),
        ["layers", "--print"] => layers::print(),
        ["licences"] => licences::check(),
        ["test", rest @ ..] => suite::run(rest),
        ["tidy"] => tidy::check(),
        ["--help" | "-h" | "help"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(Failure::new(USAGE)),
    }
}

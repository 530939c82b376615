//! `casemate completions`.

use std::io::Write as _;

use clap::CommandFactory as _;

use crate::{
    cli::{Cli, CompletionsArgs},
    failure::Outcome,
};

/// Prints the completions of a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "casemate", &mut script);
    // A closed pipe ends this quietly, as it does for every other verb.
    let _ = std::io::stdout().write_all(&script);
    Ok(())
}

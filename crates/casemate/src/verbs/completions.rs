//! `casemate completions`.

use std::io::Write as _;

use clap::{Command, CommandFactory as _};

use crate::{
    cli::{Cli, CompletionsArgs},
    failure::Outcome,
};

/// Prints the completions of a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut visible(&Cli::command()), "casemate", &mut script);
    // A closed pipe ends this quietly, as it does for every other verb.
    let _ = std::io::stdout().write_all(&script);
    Ok(())
}

/// The command with what `--help` shows: shells offer no verb that it hides.
fn visible(full: &Command) -> Command {
    let mut command = Command::new("casemate").version(env!("CARGO_PKG_VERSION")).propagate_version(true);
    if let Some(about) = full.get_about() {
        command = command.about(about.clone());
    }
    let verbs = full.get_subcommands().filter(|verb| !verb.is_hide_set());
    command.args(full.get_arguments()).subcommands(verbs)
}

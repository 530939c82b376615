//! The `casemate` command. A process is a keep, and then never comes back from the first line of `main`, or runs one verb.

mod cli;
mod clock;
mod demo;
mod excerpt;
mod failure;
mod files;
mod gathered;
mod output;
mod random;
mod runtime;
mod screen;
mod sql_check;
mod state;
mod verbs;

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Cli, Verb};
use failure::{Failure, Outcome};
use screen::Screen;

fn main() -> ExitCode {
    casemate_keep::main_if_keep();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let screen = Screen::new(cli.global.json);
    match dispatch(&cli, screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.exit_code();
            if screen.is_json() {
                if !failure.is_in_object() {
                    // The exit code tells of it too, and is not to get lost.
                    screen.of_service().object(&failure.json());
                }
            } else {
                screen.step(format!("{:?}", miette::Report::new(failure)));
            }
            ExitCode::from(code)
        }
    }
}

/// What was typed is no verb, or asks for help. Under `--json` a mistake is one object, as every failure is.
fn usage(error: &clap::Error) -> ExitCode {
    let is_json = std::env::args_os().skip(1).take_while(|word| word != "--").any(|word| word == "--json");
    if !is_json || !error.use_stderr() {
        error.exit();
    }
    let text = error.to_string();
    let (message, help) = text.trim_end().split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let message = message.trim_start_matches("error: ");
    let failure = Failure::input(message).help(if help.is_empty() { "see `casemate --help`" } else { help });
    Screen::new(true).of_service().object(&failure.json());
    ExitCode::from(failure.exit_code())
}

fn dispatch(cli: &Cli, screen: Screen) -> Outcome {
    match &cli.verb {
        Verb::Demo(args) => demo::demo(args, screen),
        Verb::Completions(args) => verbs::completions::completions(args),
        Verb::Explain(args) => verbs::explain::explain(args, screen),
        Verb::Program(verb) => verbs::program::program(verb, screen),
        Verb::Receipt(verb) => verbs::receipt::receipt(verb, screen),
        Verb::Verify(args) => verbs::verify::verify(args, screen),
        _ => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::machine(format!("the runtime did not start: {error}")))?
            .block_on(dispatch_async(cli, screen)),
    }
}

async fn dispatch_async(cli: &Cli, screen: Screen) -> Outcome {
    let global = &cli.global;
    match &cli.verb {
        Verb::Admission(verb) => verbs::admission::admission(verb, global, screen).await,
        Verb::Appraise(args) => verbs::appraise::appraise(args, global, screen).await,
        Verb::Domain(verb) => verbs::domain::domain(verb, global, screen).await,
        Verb::Init(args) => verbs::init::init(args, global, screen).await,
        Verb::Key(verb) => verbs::key::key(verb, global, screen).await,
        Verb::Endorsements(verb) => verbs::endorsements::endorsements(verb, global, screen).await,
        Verb::Dataset(verb) => verbs::dataset::dataset(verb, global, screen).await,
        Verb::Party(verb) => verbs::party::party(verb, global, screen).await,
        Verb::Proof(verb) => verbs::proof::proof(verb, global, screen).await,
        Verb::Contract(verb) => verbs::contract::contract(verb, global, screen).await,
        Verb::Broker(verb) => verbs::broker::broker(verb, global, screen).await,
        Verb::Run(args) => verbs::run::run(args, global, screen).await,
        Verb::Result(verb) => verbs::result::result(verb, global, screen).await,
        Verb::Doctor => verbs::doctor::doctor(screen).await,
        Verb::Attack(args) => verbs::attack::attack(&args.attack, global, screen).await,
        Verb::Completions(_)
        | Verb::Demo(_)
        | Verb::Explain(_)
        | Verb::Program(_)
        | Verb::Receipt(_)
        | Verb::Verify(_) => Ok(()),
    }
}

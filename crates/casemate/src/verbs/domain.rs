//! `casemate domain`: whom this owner believes.

use casemate_contract::PartyCard;
use casemate_cose::Digest;
use casemate_evidence::Lack;
use casemate_trust::{Domain, domain};
use serde_json::json;

use crate::{
    cli::{DomainInitArgs, DomainVerb, Global},
    failure::{Failure, Outcome},
    files, runtime,
    screen::Screen,
    state::State,
};

use super::explain;

/// Dispatches `casemate domain`.
pub(crate) fn domain(verb: &DomainVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        DomainVerb::Init(args) => init(args, global, screen),
        DomainVerb::Show => show(global, screen),
    }
}

fn init(args: &DomainInitArgs, global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let path = state.dir.join("domain.toml");
    if path.exists() {
        return Err(Failure::input(format!("`{}` exists", path.display()))
            .help("edit it, or move it away: the broker reads it again for every run"));
    }
    let (digest, source) = match &args.runtime {
        Some(text) => {
            (text.parse::<Digest>().map_err(|error| Failure::input(format!("--runtime: {error}")))?, "--runtime")
        }
        None => (runtime::digest()?, "this program"),
    };
    let mut launchers = Vec::new();
    for path in &args.hosts {
        let card = read_card(path)?;
        launchers.push(launcher(&card)?);
        if card.runtime.is_some_and(|runtime| runtime != digest) {
            screen.step(format!(
                "warning: {} runs another build than {source}; keeps on its host will be refused",
                card.name
            ));
        }
    }
    let lacks = read_lacks(&args.accept_lacks)?;
    let runtime = domain::Runtime { name: format!("casemate {}", env!("CARGO_PKG_VERSION")), digest };
    let domain = Domain::new(
        state.name.to_string(),
        launchers,
        vec![runtime],
        Some(domain::Process { accept_lacks: lacks.into_iter().collect() }),
    )
    .map_err(|error| Failure::input(error.to_string()))?;
    files::write(&path, domain.to_toml().as_bytes())?;
    screen.line(format!("wrote {}", path.display()));
    explain::domain(&domain, screen);
    screen.object(&json!({"path": path, "digest": domain.digest().to_string()}));
    Ok(())
}

fn launcher(card: &PartyCard) -> Result<domain::Launcher, Failure> {
    match card.launcher {
        Some(key) => Ok(domain::Launcher { name: format!("host of {}", card.name), key }),
        None => Err(Failure::input(format!("the card of {} names no launcher", card.name))),
    }
}

fn show(global: &Global, screen: Screen) -> Outcome {
    let path = State::open(global)?.dir.join("domain.toml");
    let text = files::read_text(&path)?;
    let domain = Domain::parse(&text).map_err(|error| {
        let failure = Failure::input(format!("`{}`: {error}", path.display()));
        match error.span() {
            Some(span) => failure.marked(&path, &text, vec![(span, "here".to_owned())]),
            None => failure,
        }
    })?;
    explain::domain(&domain, screen);
    screen.object(&json!({"path": path, "digest": domain.digest().to_string(), "owner": domain.owner()}));
    Ok(())
}

/// Reads and verifies a party's card.
pub(crate) fn read_card(path: &std::path::Path) -> Result<PartyCard, Failure> {
    PartyCard::open(&files::read(path)?)
        .map_err(|error| Failure::input(format!("`{}` is no party's card: {error}", path.display())))
}

/// Lacks by their names on the command line.
pub(crate) fn read_lacks(names: &[String]) -> Result<Vec<Lack>, Failure> {
    names.iter().map(|lack| lack.parse()).collect::<Result<_, _>>().map_err(|error| {
        let known: Vec<_> = Lack::ALL.iter().map(ToString::to_string).collect();
        Failure::input(format!("--accept-lack: {error}")).help(format!("one of {}", known.join(", ")))
    })
}

//! `casemate broker run`: this owner's broker, until it is interrupted.

use std::sync::Arc;

use casemate_cose::Digest;
use casemate_service::{Broker, Event, serve};
use casemate_store::Seal;
use serde_json::json;
use tokio::{net::TcpListener, signal, sync::watch};

use crate::{
    cli::{BrokerRunArgs, BrokerVerb, Global},
    clock,
    failure::{Failure, Outcome, reason_json},
    screen::{Screen, plain},
    state::{self, State},
};

/// Dispatches `casemate broker`.
pub(crate) async fn broker(verb: &BrokerVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        BrokerVerb::Run(args) => run(args, global, screen).await,
    }
}

async fn run(args: &BrokerRunArgs, global: &Global, screen: Screen) -> Outcome {
    let screen = screen.of_service();
    let state = State::open(global)?;
    let address = args.listen.clone().or_else(|| state.address.as_ref().map(ToString::to_string)).ok_or_else(|| {
        Failure::input(format!("{} has no address to listen on", state.name)).help("name one with --listen HOST:PORT")
    })?;
    let _lock = state.lock("broker")?;
    let (keys, store) = state.unlock().await?;
    let listener = TcpListener::bind(&address).await.map_err(|error| {
        Failure::machine(format!("cannot listen on `{address}`: {error}"))
            .help("stop what listens there, or choose another address with --listen")
    })?;
    let domain = state.dir.join("domain.toml");
    if !domain.exists() && !state.dir.join("domain.signed").exists() {
        screen.step("warning: this owner has no domain yet, so every keep is refused; see `casemate domain init`");
    }
    if store.parties().await.map_err(state::store)?.is_empty() {
        screen
            .step("warning: no party is known yet, so every stranger's contract is refused; see `casemate party add`");
    }
    let on_event = Box::new(move |event: &Event| tell(screen, event));
    let broker = Broker::new(state.name.clone(), keys, store, domain, clock::now, on_event);
    screen.line(format!("the broker of {} is listening on {address}; Ctrl-C stops it", state.name));
    screen.object(&json!({"broker": state.name.as_str(), "event": "listening", "address": address}));
    broker.tell_domain().await;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        interrupted().await;
        let _ = stop.send(true);
    });
    serve(Arc::new(broker), listener, stopped).await;
    screen.line("stopped; every decision is in the ledger");
    Ok(())
}

async fn interrupted() {
    let mut terminate = match signal::unix::signal(signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(_) => return drop(signal::ctrl_c().await),
    };
    tokio::select! {
        _ = signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

fn tell(screen: Screen, event: &Event) {
    let at = clock::now();
    match event {
        Event::Decided { run } => screen.line(format!("{at}  run {run}: believed, waiting for the other owners")),
        Event::Delivered { study, contract } => screen.line(format!("{at}  contract of {study} received: {contract}")),
        Event::Domain { digest, sequence, seal } => {
            screen.line(format!("{at}  {}", in_force(digest, *sequence, *seal)))
        }
        Event::Ended { run, why } => screen.line(format!("{at}  run {run}: ended by its keep: {why}")),
        Event::Failed { why } => screen.line(format!("{at}  a connection ended: {why}")),
        Event::NoDomain { reason, detail } => {
            screen.line(format!("{at}  no domain is in force, so that every keep is refused: {}", plain(detail)));
            screen.line(format!("{at}  remedy: {}", reason.remedy));
        }
        Event::Permitted { run } => screen.line(format!("{at}  run {run}: permitted its result")),
        Event::Refused { reasons } => {
            for reason in reasons {
                screen.line(format!("{at}  refused: {reason}"));
            }
        }
        Event::Released { run, datasets } => {
            screen.line(format!("{at}  run {run}: released the key of {}", datasets.join(", ")));
        }
        Event::StoreFailed { cause, remedy } => {
            screen.line(format!("{at}  this broker's own store fails, so that it refuses everything: {cause}"));
            screen.line(format!("{at}  remedy: {remedy}"));
        }
        Event::TurnedAway { source, why, untold } => {
            screen.line(format!("{at}  a connection from {source} was turned away: {why}{}", more(*untold)));
        }
        Event::Unlogged { reasons, count } => {
            for reason in reasons {
                screen.line(format!("{at}  refused, not in the ledger ({count} so far): {reason}"));
            }
        }
    }
    screen.object(&event_json(event));
}

fn in_force(digest: &Digest, sequence: u64, seal: Seal) -> String {
    let (file, seal) = match seal {
        Seal::Plain => ("domain.toml", "not signed"),
        Seal::Signed => ("domain.signed", "signed by this owner"),
    };
    format!("the domain in force is {file}: sequence {sequence}, {seal}, {digest}")
}

fn more(untold: u64) -> String {
    if untold == 0 { String::new() } else { format!("; {untold} more were not shown") }
}

fn event_json(event: &Event) -> serde_json::Value {
    match event {
        Event::Decided { run } => json!({"event": "decided", "run": run}),
        Event::Delivered { study, contract } => json!({"event": "delivered", "study": study, "contract": contract}),
        Event::Domain { digest, sequence, seal } => {
            let signed = *seal == Seal::Signed;
            json!({"event": "domain", "digest": digest.to_string(), "sequence": sequence, "signed": signed})
        }
        Event::Ended { run, why } => json!({"event": "ended", "run": run, "why": why}),
        Event::Failed { why } => json!({"event": "failed", "why": why}),
        Event::NoDomain { reason, detail } => {
            json!({"event": "no-domain", "reasons": [reason_json(reason)], "detail": detail})
        }
        Event::Permitted { run } => json!({"event": "permitted", "run": run}),
        Event::Refused { reasons } => {
            json!({"event": "refused", "reasons": reasons.iter().map(reason_json).collect::<Vec<_>>()})
        }
        Event::Released { run, datasets } => json!({"event": "released", "run": run, "datasets": datasets}),
        Event::StoreFailed { cause, remedy } => json!({"event": "store-failed", "cause": cause, "remedy": remedy}),
        Event::TurnedAway { source, why, untold } => {
            json!({"event": "turned-away", "source": source.to_string(), "why": why, "untold": untold})
        }
        Event::Unlogged { reasons, count } => {
            let reasons: Vec<_> = reasons.iter().map(reason_json).collect();
            json!({"event": "unlogged", "reasons": reasons, "count": count})
        }
    }
}

//! The server: who gets a place, and for how long before it is known who it is.
//!
//! 1. A connection takes one of [`STRANGERS_MAX`] places until the keep has shown what it claims to be, at most
//!    [`STRANGERS_PER_SOURCE_MAX`] for one source; who holds most makes room (`door.rs`).
//! 2. A keep's claim takes one of [`KEEPS_MAX`] places until its run has ended.
//! 3. Mail has places of its own, so that neither keeps out the other.

use std::{net::IpAddr, sync::Arc, time::Duration};

use casemate_channel::{
    ChannelError,
    broker_side::{Claimed, Incoming, accept},
    mail::Mailbox,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    Broker, Event,
    door::{Door, Guest},
    mail, session,
};

/// Connections at once that have not shown a claim.
const STRANGERS_MAX: usize = 64;
/// Of these from one source: an IPv4 address, or 64 bits of an IPv6 address.
const STRANGERS_PER_SOURCE_MAX: usize = 8;
/// Keeps at once that have shown one.
const KEEPS_MAX: usize = 64;
/// Exchanges of mail at once.
const MAIL_MAX: usize = 32;
/// Of these with one source.
const MAIL_PER_SOURCE_MAX: usize = 8;
/// How long running sessions may take to end once the server is told to stop.
const DRAIN_S_MAX: u64 = 10;

struct Places {
    strangers: Arc<Door>,
    keeps: Semaphore,
    mail: Arc<Door>,
}

/// Serves until `stop` turns true, then lets running sessions end.
pub async fn serve(broker: Arc<Broker>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Places {
        strangers: Door::new(STRANGERS_MAX, STRANGERS_PER_SOURCE_MAX),
        keeps: Semaphore::new(KEEPS_MAX),
        mail: Door::new(MAIL_MAX, MAIL_PER_SOURCE_MAX),
    });
    let mut sessions = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while sessions.try_join_next().is_some() {}
        match accepted {
            Ok((stream, from)) => match places.strangers.enter(from.ip()) {
                Ok(guest) => {
                    let (broker, places) = (Arc::clone(&broker), Arc::clone(&places));
                    sessions.spawn(async move { one(&broker, &places, stream, from.ip(), guest).await });
                }
                Err(full) => turned_away(&broker, from.ip(), &full.to_string()),
            },
            // Out of descriptors, or the peer is gone already: wait, so that the loop does not spin.
            Err(error) => {
                let why = format!("accepting a connection: {error}");
                broker.tell_of_strangers("accept", |_| Event::Failed { why });
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    let drain = async { while sessions.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_secs(DRAIN_S_MAX), drain).await;
}

/// Who has come in, as far as it takes to find that out.
enum Visitor {
    Keep(Box<Claimed<TcpStream>>),
    Mail(Box<Mailbox<TcpStream>>),
}

async fn one(broker: &Broker, places: &Places, stream: TcpStream, from: IpAddr, guest: Guest) {
    let _ = stream.set_nodelay(true);
    let done = match guest.unless_evicted(hear(broker, stream)).await {
        None => return turned_away(broker, from, "its place went to another address, for this one held the most"),
        Some(Err(error)) => Err(error),
        Some(Ok(Visitor::Keep(claimed))) => {
            let place = places.keeps.try_acquire();
            drop(guest);
            session::serve_keep(broker, *claimed, place.ok()).await
        }
        Some(Ok(Visitor::Mail(mailbox))) => {
            let entered = places.mail.enter(from);
            drop(guest);
            match entered {
                Ok(_place) => mail::serve_mail(broker, *mailbox).await,
                Err(full) => return turned_away(broker, from, &full.to_string()),
            }
        }
    };
    if let Err(error) = done {
        broker.tell_of_strangers("failed", |untold| {
            let more = if untold > 0 { format!("; {untold} more were not shown") } else { String::new() };
            Event::Failed { why: format!("{error}{more}") }
        });
    }
}

async fn hear(broker: &Broker, stream: TcpStream) -> Result<Visitor, ChannelError> {
    match accept(stream, broker.key()).await? {
        Incoming::Keep(arrived) => Ok(Visitor::Keep(Box::new(session::hear(broker, arrived).await?))),
        Incoming::Mail(mailbox) => Ok(Visitor::Mail(Box::new(mailbox))),
    }
}

fn turned_away(broker: &Broker, source: IpAddr, why: &str) {
    broker.tell_of_strangers("turned away", |untold| Event::TurnedAway { source, why: why.to_owned(), untold });
}

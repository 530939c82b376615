//! An owner's broker: what it holds, and the server that lets keeps and parties in.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use casemate_channel::broker_side::{Incoming, accept};
use casemate_contract::PartyName;
use casemate_cose::{Digest, PublicKey, SigningKey, UnixTime};
use casemate_keyring::PartyKeys;
use casemate_ledger::Origin;
use casemate_store::{LogSigner, Store};
use casemate_trust::{Domain, Reason};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use crate::{mail, session};

/// Sessions that are served at once; more wait in the listener's queue.
const SESSIONS_MAX: usize = 64;
/// How long running sessions may take to end once the server is told to stop.
const DRAIN_S_MAX: u64 = 10;

/// One owner's broker. It never serves another owner.
pub struct Broker {
    pub(crate) owner: PartyName,
    pub(crate) keys: PartyKeys,
    pub(crate) store: Store,
    pub(crate) domain: PathBuf,
    pub(crate) clock: fn() -> UnixTime,
    pub(crate) on_event: OnEvent,
    origin: Origin,
}

/// Told of everything that happens, for the operator's screen.
pub type OnEvent = Box<dyn Fn(&Event) + Send + Sync>;

/// Something happened at a broker.
#[derive(Clone, Debug)]
pub enum Event {
    /// A keep was believed, and this owner decided to release if all others do.
    Decided {
        /// The run, in hex.
        run: String,
    },
    /// Mail came in.
    Delivered {
        /// The study.
        study: String,
        /// The contract's digest.
        contract: String,
    },
    /// A connection broke or spoke out of turn.
    Failed {
        /// Why.
        why: String,
    },
    /// A result may leave.
    Permitted {
        /// The run, in hex.
        run: String,
    },
    /// Something was refused.
    Refused {
        /// All reasons.
        reasons: Vec<Reason>,
    },
    /// Keys were released.
    Released {
        /// The run, in hex.
        run: String,
        /// Whose keys.
        datasets: Vec<String>,
    },
}

impl Broker {
    /// The broker of `owner`, whose dataset keys unwrap with `keys`. `domain` is where `domain.toml` is: it is read for
    /// every session, so that an edit counts at once.
    #[must_use]
    pub fn new(
        owner: PartyName,
        keys: PartyKeys,
        store: Store,
        domain: PathBuf,
        clock: fn() -> UnixTime,
        on_event: OnEvent,
    ) -> Self {
        let origin = Origin::of_key(&keys.broker().public());
        Self { owner, keys, store, domain, clock, on_event, origin }
    }

    pub(crate) const fn key(&self) -> &SigningKey {
        self.keys.broker()
    }

    pub(crate) fn public(&self) -> PublicKey {
        self.key().public()
    }

    /// The broker's time.
    pub(crate) fn now(&self) -> UnixTime {
        (self.clock)()
    }

    /// The domain in force. None that can be read means that nobody is believed. The details are for the operator's screen:
    /// whoever asks learns nothing of this machine's files.
    pub(crate) fn read_domain(&self) -> Result<Domain, Reason> {
        let refuse = |detail: String| {
            self.tell(&Event::Failed { why: format!("`{}`: {detail}", self.domain.display()) });
            let expected = format!("a domain of `{}`", self.owner);
            Reason::new("domain", expected, "none that can be read", "the owner writes it with `casemate domain init`")
        };
        let text = fs::read_to_string(&self.domain).map_err(|error| refuse(error.to_string()))?;
        let domain = Domain::parse(&text).map_err(|error| refuse(error.to_string()))?;
        if domain.owner() == self.owner.as_str() {
            Ok(domain)
        } else {
            Err(refuse(format!("a domain of `{}`", domain.owner())))
        }
    }

    /// Refuses where the owner has changed the domain since `appraised`: what was struck from it counts at once.
    pub(crate) fn check_domain(&self, appraised: Digest) -> Result<(), Vec<Reason>> {
        let actual = self.read_domain().map_err(|reason| vec![reason])?.digest();
        if actual == appraised {
            return Ok(());
        }
        let remedy = "start the run again: it is judged under the new domain";
        Err(vec![Reason::new("domain-changed", appraised.to_string(), actual.to_string(), remedy)])
    }

    /// What the ledger's checkpoints are signed with.
    pub(crate) fn log_signer(&self) -> LogSigner<'_> {
        LogSigner { origin: &self.origin, key: self.key() }
    }

    pub(crate) fn tell(&self, event: &Event) {
        (self.on_event)(event);
    }
}

/// Serves until `stop` turns true, then lets running sessions end.
pub async fn serve(broker: Arc<Broker>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(SESSIONS_MAX));
    let mut sessions = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while sessions.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let broker = Arc::clone(&broker);
                sessions.spawn(async move {
                    let _ = stream.set_nodelay(true);
                    one(&broker, stream).await;
                    drop(place);
                });
            }
            // Out of descriptors, or the peer is gone already: wait, so that the loop does not spin.
            Err(error) => {
                broker.tell(&Event::Failed { why: format!("accepting a connection: {error}") });
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    let drain = async { while sessions.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_secs(DRAIN_S_MAX), drain).await;
}

async fn one(broker: &Broker, stream: tokio::net::TcpStream) {
    let done = match accept(stream, broker.key()).await {
        Ok(Incoming::Keep(arrived)) => session::serve_keep(broker, arrived).await,
        Ok(Incoming::Mail(mailbox)) => mail::serve_mail(broker, mailbox).await,
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        broker.tell(&Event::Failed { why: error.to_string() });
    }
}

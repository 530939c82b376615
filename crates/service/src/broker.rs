//! An owner's broker: what it holds, and what it tells its operator.

use std::{
    net::IpAddr,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use casemate_contract::PartyName;
use casemate_cose::{Digest, PublicKey, SigningKey, UnixTime};
use casemate_keyring::PartyKeys;
use casemate_ledger::Origin;
use casemate_store::{DomainMark, LogSigner, Seal, Store};
use casemate_trust::Reason;

use crate::{domain_file::DomainFile, quota::Quota, refuse::Claims, vault::Vault};

/// How often an hour the operator is told of one kind of thing that strangers can cause. Above it, at each doubling.
const TOLD_PER_HOUR_MAX: u64 = 60;

/// One owner's broker. It never serves another owner.
pub struct Broker {
    pub(crate) owner: PartyName,
    pub(crate) keys: Vault,
    pub(crate) store: Store,
    pub(crate) domain: DomainFile,
    pub(crate) clock: fn() -> UnixTime,
    pub(crate) on_event: OnEvent,
    pub(crate) claims: Claims,
    origin: Origin,
    told: Quota<&'static str>,
    /// What the store last failed with, until it works again.
    trouble: Mutex<Option<String>>,
    /// What the operator was told last of the domain.
    told_of_domain: Mutex<Option<Result<DomainMark, (Reason, String)>>>,
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
    /// A domain came into force: the first one that this broker reads, or another than before.
    Domain {
        /// Its digest.
        digest: Digest,
        /// Its sequence number.
        sequence: u64,
        /// Whether it is signed.
        seal: Seal,
    },
    /// A keep that was decided for ended its run without a result. It is in the ledger.
    Ended {
        /// The run, in hex.
        run: String,
        /// Why.
        why: String,
    },
    /// A connection broke or spoke out of turn.
    Failed {
        /// Why.
        why: String,
    },
    /// No domain is in force, so that every keep is refused. Told once, and again for another reason.
    NoDomain {
        /// Why, as keeps are told.
        reason: Reason,
        /// What is wrong with which file.
        detail: String,
    },
    /// A result may leave.
    Permitted {
        /// The run, in hex.
        run: String,
    },
    /// Something was refused. It is in the ledger, unless a reason says that this failed, or it was mail.
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
    /// The broker's own store fails, so that everything is refused. Told once, and again after it has worked.
    StoreFailed {
        /// What is wrong, with the path.
        cause: String,
        /// What to do.
        remedy: String,
    },
    /// A connection was turned away, or lost its place to one of another address.
    TurnedAway {
        /// From where.
        source: IpAddr,
        /// Why.
        why: String,
        /// How many were turned away without being told of, since the start.
        untold: u64,
    },
    /// A stranger was refused, and the ledger does not say so: no contract of this owner's, or too many of one in an hour.
    Unlogged {
        /// All reasons.
        reasons: Vec<Reason>,
        /// How many there were since the start: of this contract, or of none that this owner signed.
        count: u64,
    },
}

impl Broker {
    /// The broker of `owner`, whose dataset keys unwrap with `keys`. `domain` is where `domain.toml` is, and `domain.signed` where there is
    /// one: both are read for every session, so that an edit counts at once.
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
        let domain = DomainFile::new(domain, keys.public());
        let (keys, claims, told) = (Vault::new(keys), Claims::new(), Quota::new());
        let (trouble, told_of_domain) = (Mutex::default(), Mutex::default());
        Self { owner, keys, store, domain, clock, on_event, claims, origin, told, trouble, told_of_domain }
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

    /// What the ledger's checkpoints are signed with.
    pub(crate) fn log_signer(&self) -> LogSigner<'_> {
        LogSigner { origin: &self.origin, key: self.key() }
    }

    pub(crate) fn tell(&self, event: &Event) {
        (self.on_event)(event);
    }

    /// Tells of something that anybody can cause as often as he likes. `event` is given how many of its kind were not told.
    pub(crate) fn tell_of_strangers(&self, kind: &'static str, event: impl FnOnce(u64) -> Event) {
        match self.told.take(kind, TOLD_PER_HOUR_MAX, self.now()) {
            Ok(()) => self.tell(&event(0)),
            Err(untold) if untold.is_power_of_two() => self.tell(&event(untold)),
            Err(_) => {}
        }
    }

    /// Whether the operator was told otherwise of the domain, or nothing. From now on it counts as told.
    pub(crate) fn is_news(&self, of_domain: &Result<DomainMark, (Reason, String)>) -> bool {
        let mut told = self.told_of_domain.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = told.as_ref() != Some(of_domain);
        *told = Some(of_domain.clone());
        is_news
    }

    /// Tells what is wrong with the store, once.
    pub(crate) fn store_fails(&self, cause: String, remedy: String) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.as_ref() != Some(&cause) {
            *trouble = Some(cause.clone());
            drop(trouble);
            self.tell(&Event::StoreFailed { cause, remedy });
        }
    }

    /// The store has worked: what fails from now on is news.
    pub(crate) fn store_works(&self) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

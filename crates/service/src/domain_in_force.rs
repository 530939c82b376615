//! The domain that a broker goes by. It never goes back: the store remembers it before anything is decided under it.
//!
//! 1. The files are a domain: `domain_file.rs`.
//! 2. It is this owner's.
//! 3. What follows from it can be computed now.
//! 4. Once a signed domain was in force, no other counts, and none that is older: a lower sequence number, the same with another content,
//!    a floor of the owner's that is lower, gone or begins later. What else a domain may drop, its owner has signed. A domain that
//!    is not signed has no lower sequence number than the highest that was in force; the rest of it is whatever the file says.
//! 5. That it is in force is durable.

use std::sync::Arc;

use casemate_cose::UnixTime;
use casemate_evidence::Bound;
use casemate_store::{DomainMark, DomainMarkError, RaiseError, StoreError};
use casemate_trust::{Accepted, Domain, DomainError, Reason};

use crate::{Broker, Event, decide_run::Agreed, domain_file::FileError, refuse::failed};

impl Broker {
    /// Tells the operator which domain is in force, or why none is. Sessions do so when that changes.
    pub async fn tell_domain(&self) {
        let _told = self.domain_in_force(self.now()).await;
    }

    /// The domain in force. None means that nobody is believed. The details are for the operator's screen: whoever asks learns nothing
    /// of this machine's files.
    pub(crate) async fn domain_in_force(&self, at: UnixTime) -> Result<Arc<Domain>, Reason> {
        match self.accepted_domain(at).await {
            Ok((domain, mark)) => {
                self.tell_of_domain(Ok(mark));
                Ok(domain)
            }
            Err((reason, detail)) => {
                self.tell_of_domain(Err((reason.clone(), detail)));
                Err(reason)
            }
        }
    }

    /// Refuses where the domain is another than the verdict's, or says something else than it did at the decision: what was struck from it,
    /// was revoked or has ended counts at once.
    pub(crate) async fn check_domain(
        &self,
        agreed: &Agreed,
        verdict: &Accepted<Bound>,
        at: UnixTime,
    ) -> Result<(), Vec<Reason>> {
        let (appraised, since) = (verdict.domain_digest(), agreed.allow.statement().at);
        let changed = |expected: String, actual: String| {
            let remedy = "start the run again: it is judged under the domain as it is now";
            Err(vec![Reason::new("domain-changed", expected, actual, remedy)])
        };
        let domain = self.domain_in_force(at).await.map_err(|reason| vec![reason])?;
        if domain.digest() != appraised {
            return changed(appraised.to_string(), domain.digest().to_string());
        }
        // Clocks are set back, too.
        let (first, last) = (since.min(at), since.max(at));
        let is_as_it_was = domain.effective(at).and_then(|now| {
            // Nothing at all began or ended, or nothing that may matter.
            Ok(now.standing().window().holds(since) || domain.effective(first)?.lasts(last) >= last)
        });
        if is_as_it_was.is_ok_and(|is_as_it_was| is_as_it_was) {
            return Ok(());
        }
        changed(format!("what the domain said at {since}"), format!("an entry of it began or ended by {at}"))
    }

    async fn accepted_domain(&self, at: UnixTime) -> Result<(Arc<Domain>, DomainMark), (Reason, String)> {
        // 1
        let (domain, seal) = self.domain.read().map_err(|error| (self.no_file(&error), error.to_string()))?;
        // 2
        if domain.owner() != self.owner.as_str() {
            return Err((self.none(), format!("it is the domain of `{}`", domain.owner())));
        }
        // 3
        if let Err(error) = domain.effective(at) {
            return Err((self.unprovable(), error.to_string()));
        }
        // 4, 5
        let mark = DomainMark { digest: domain.digest(), sequence: domain.sequence(), seal };
        let supersedes = |old: &[u8]| {
            match Domain::from_bytes(old) {
                // As `casemate domain sign --drop` asks: the signature under a higher sequence number says that it was said.
                Ok(old) => domain.supersedes_as_signed(&old),
                // Another version of Casemate compiled it. That the sequence number is higher, the store has seen.
                Err(DomainError::Version { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        };
        match self.store.raise_domain(mark, || domain.to_bytes(), at, supersedes).await {
            Ok(()) => Ok((domain, mark)),
            Err(error) => Err(self.not_raised(error)),
        }
    }

    fn no_file(&self, error: &FileError) -> Reason {
        match error {
            FileError::Domain { .. } => self.none(),
            FileError::Signature { .. } => Reason::new(
                "domain-signature",
                format!("a domain that `{}` signed", self.owner),
                "one that does not verify with the owner's key",
                "the owner signs it with `casemate domain sign`",
            ),
            FileError::Unsigned { .. } => Reason::new(
                "domain-unsigned",
                "a `domain.toml` that says what is signed",
                "one that says something else",
                "the owner signs it with `casemate domain sign`, or puts back what is signed",
            ),
        }
    }

    fn unprovable(&self) -> Reason {
        let expected = format!("a domain of `{}` from which it can be computed what follows", self.owner);
        Reason::new(
            "domain-proof",
            expected,
            "more than is computed",
            "the owner makes it simpler, and runs `casemate domain check`",
        )
    }

    fn none(&self) -> Reason {
        let expected = format!("a domain of `{}`", self.owner);
        Reason::new("domain", expected, "none that can be read", "the owner writes it with `casemate domain init`")
    }

    fn not_raised(&self, error: RaiseError<DomainError>) -> (Reason, String) {
        let rollback = |detail: String| {
            let remedy =
                "the owner puts the latest domain back, or raises `sequence`: the broker's own output says more";
            let expected = "a domain that takes nothing back that was in force";
            (Reason::new("domain-rollback", expected, "one that does", remedy), detail)
        };
        match error {
            RaiseError::Check(error) => rollback(error.to_string()),
            RaiseError::Store(StoreError::Domain(error @ DomainMarkError::Unsigned(_))) => {
                let reason = Reason::new(
                    "domain-signed-missing",
                    "a signed domain, as was in force",
                    "none",
                    "the owner puts `domain.signed` back, or signs with `casemate domain sign`",
                );
                (reason, format!("`{}` is not there: {error}", self.domain.signed_path().display()))
            }
            RaiseError::Store(StoreError::Domain(error)) => rollback(error.to_string()),
            RaiseError::Store(error) => (failed(self, &error), error.to_string()),
        }
    }

    /// Tells the operator, where it is news.
    fn tell_of_domain(&self, outcome: Result<DomainMark, (Reason, String)>) {
        if self.is_news(&outcome) {
            self.tell(&match outcome {
                Ok(mark) => Event::Domain { digest: mark.digest, sequence: mark.sequence, seal: mark.seal },
                Err((reason, detail)) => Event::NoDomain { reason, detail },
            });
        }
    }
}

//! Why a run ends without a result. No reason carries a value of sealed data.

use casemate_attester::control::Refused;
use casemate_channel::ChannelError;
use casemate_contract::DenyReason;
use casemate_query::QueryRefusal;
use casemate_trust::Reason;

/// The most reasons that are passed on.
const REASONS_MAX: usize = 64;

/// What ends a run.
#[derive(Debug)]
pub(super) enum Stop {
    /// There is nobody to tell.
    LauncherGone,
    /// The launcher is told why.
    Refused(Refusal),
}

/// A refusal, and whose.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    broker: Option<u32>,
    unreachable: bool,
    reasons: Vec<Reason>,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Stop {
    /// The one that says most: a broker's refusal before a broken connection, which often only follows from it.
    pub(super) fn first(stops: Vec<Self>) -> Option<Self> {
        let rank = |stop: &Self| match stop {
            Self::LauncherGone => 0,
            Self::Refused(refusal) if refusal.unreachable => 2,
            Self::Refused(_) => 1,
        };
        stops.into_iter().min_by_key(rank)
    }
}

impl Refusal {
    /// The keep's own.
    pub(super) fn own(reasons: Vec<Reason>) -> Self {
        Self { broker: None, unreachable: false, reasons }
    }

    pub(super) fn one(rule: &str, expected: &str, actual: &str, remedy: &str) -> Self {
        Self::own(vec![Reason::new(rule, expected, actual, remedy)])
    }

    /// The kernel gave no memory or no randomness.
    pub(super) fn machine() -> Self {
        Self::one("keep-machine", "memory and randomness of the kernel", "none", "run it on a machine that has both")
    }

    pub(super) fn denied(reason: &DenyReason) -> Self {
        Self::own(vec![reason.reason()])
    }

    pub(super) fn query(refusal: &QueryRefusal) -> Self {
        let (rule, expected, actual, remedy) = refusal.reason();
        Self::one(&rule, &expected, &actual, &remedy)
    }

    /// What the channel to the broker of this index ended with.
    pub(super) fn channel(broker: u32, error: ChannelError) -> Self {
        let (unreachable, reasons) = match error {
            ChannelError::Refused(reasons) => (false, reasons),
            ChannelError::Certificate(fault) => {
                let reason = Reason::new(
                    "broker-key",
                    "the broker key that the contract names",
                    fault.to_string(),
                    "ask the owner for its broker's key; someone else may be listening at this address",
                );
                (false, vec![reason])
            }
            error => {
                let reason = Reason::new(
                    "broker-connection",
                    "a broker that answers",
                    error.to_string(),
                    "ask the owner whether its broker runs, then run it again",
                );
                (true, vec![reason])
            }
        };
        Self { broker: Some(broker), unreachable, reasons }
    }

    pub(super) fn by(mut self, broker: u32) -> Self {
        self.broker = Some(broker);
        self
    }

    pub(super) const fn is_unreachable(&self) -> bool {
        self.unreachable
    }

    pub(super) fn into_message(mut self) -> Refused {
        self.reasons.truncate(REASONS_MAX);
        Refused { broker: self.broker, reasons: self.reasons }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(broker: u32) -> Stop {
        Refusal::channel(broker, ChannelError::Refused(vec![Reason::new("rule", "a", "b", "c")])).into()
    }

    fn unreachable(broker: u32) -> Stop {
        Refusal::channel(broker, ChannelError::Truncated).into()
    }

    #[test]
    fn a_brokers_own_words_count_more_than_a_broken_connection() {
        let Some(Stop::Refused(first)) = Stop::first(vec![unreachable(0), refused(1), unreachable(2)]) else {
            panic!("no refusal")
        };
        assert_eq!((first.broker, first.unreachable), (Some(1), false));
        assert!(Stop::first(Vec::new()).is_none());
    }

    #[test]
    fn no_more_reasons_pass_than_a_screen_takes() {
        let reasons = vec![Reason::new("rule", "a", "b", "c"); 1000];
        let refusal = Refusal::channel(0, ChannelError::Refused(reasons));
        assert_eq!(refusal.into_message().reasons.len(), REASONS_MAX);
    }
}

//! What an owner wants to know of a keep that it had decided for: that it got no further. One entry a run at most.

use casemate_channel::ChannelError;
use casemate_ledger::{Event as Logged, ReceiptBody};

use crate::{Broker, Event, random::random, refuse::failed};

/// Logs that the session of a decided run ended by `error`, unless the run has ended already: a permit, a refusal and an
/// end are each the last of a run.
pub(crate) async fn end_run(broker: &Broker, facts: ReceiptBody, error: &ChannelError) {
    let Some(run) = facts.run else { return };
    let why = format!("{}: {error}", rule(error));
    let body = ReceiptBody { event: Logged::End, reasons: vec![why.clone()], at: broker.now(), ..facts };
    let Ok(salt) = random() else { return };
    match broker.store.commit_end(&body, &salt, &broker.log_signer()).await {
        Ok(Some(_)) => {
            broker.store_works();
            broker.tell(&Event::Ended { run: casemate_contract::RunId::from_bytes(run).to_string(), why });
        }
        Ok(None) => {}
        Err(error) => drop(failed(broker, &error)),
    }
}

const fn rule(error: &ChannelError) -> &'static str {
    match error {
        ChannelError::Abandoned(_) => "keep-abandoned",
        ChannelError::FrameTooLong { .. } | ChannelError::Message(_) | ChannelError::Unexpected { .. } => {
            "keep-out-of-turn"
        }
        ChannelError::Closed { .. }
        | ChannelError::Io(_)
        | ChannelError::TimedOut { .. }
        | ChannelError::Tls(_)
        | ChannelError::Truncated => "keep-lost",
        _ => "run-stopped",
    }
}

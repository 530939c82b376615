//! One keep's session with this broker, from its arrival to the permit. Nothing in here decides; each step asks its use case.

use std::time::Duration;

use casemate_channel::{ChannelError, broker_side::Arrived};
use casemate_contract::ChallengeStatement;
use casemate_ledger::{Event as Logged, ReceiptBody};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Broker, Event,
    decide_run::{Agreed, decide_run},
    permit_result::permit_result,
    random::random,
    refuse::{log_refusal, log_refused_claim},
    release_key::release_key,
};

/// How long a keep may take to show its evidence, in seconds.
const ATTEST_S_MAX: u64 = 60;
/// How long the other brokers' decisions may take, in seconds.
const DECISIONS_S_MAX: u64 = 120;

/// Serves one keep.
pub(crate) async fn serve_keep<S: AsyncRead + AsyncWrite + Unpin>(
    broker: &Broker,
    arrived: Arrived<S>,
) -> Result<(), ChannelError> {
    let (nonce, session) = match random().and_then(|nonce| random().map(|session| (nonce, session))) {
        Ok(drawn) => drawn,
        Err(reason) => return arrived.refuse(vec![reason]).await,
    };
    let challenge = ChallengeStatement { nonce, session, at: broker.now(), owner: broker.owner.clone() };
    let challenging = arrived.challenge(challenge.sign(broker.key()), nonce).await?;
    let claimed = challenging.claimed(Duration::from_secs(ATTEST_S_MAX)).await?;

    let at = broker.now();
    let mut facts = ReceiptBody::new(Logged::Refusal, broker.owner.as_str(), at);
    let (agreed, verdict, statement) = match decide_run(broker, &claimed, &mut facts, at).await {
        Ok(decided) => decided,
        Err(reasons) => return claimed.refuse(log_refused_claim(broker, facts, reasons).await).await,
    };
    let admitted = claimed.admit(verdict, at)?;
    broker.tell(&Event::Decided { run: agreed.run_id().to_string() });
    let decided = admitted.decide(statement).await?;

    let assembled = decided.assembled(Duration::from_secs(DECISIONS_S_MAX)).await?;
    let released = match release_key(broker, &agreed, &assembled, broker.now()).await {
        Ok((receipt, keys)) => assembled.release(receipt, keys, broker.now()).await?,
        Err(reasons) => return assembled.refuse(log_refusal(broker, facts, reasons).await).await,
    };
    broker.tell(&Event::Released { run: agreed.run_id().to_string(), datasets: agreed.dataset_names() });

    let asked = released.permit_asked(wall(&agreed)).await?;
    match permit_result(broker, &agreed, asked.verdict(), asked.request(), broker.now()).await {
        Ok((permit, receipt)) => asked.permit(permit, receipt).await?,
        Err(reasons) => return asked.refuse(log_refusal(broker, facts, reasons).await).await,
    }
    broker.tell(&Event::Permitted { run: agreed.run_id().to_string() });
    Ok(())
}

fn wall(agreed: &Agreed) -> Duration {
    Duration::from_secs(agreed.manifest().fields().limits.wall_s)
}

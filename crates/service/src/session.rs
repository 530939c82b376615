//! One keep's session with this broker, from its arrival to the permit. Nothing in here decides; each step asks its use case.

use std::time::Duration;

use casemate_channel::{
    ChannelError,
    broker_side::{Admitted, Arrived, Claimed},
};
use casemate_contract::ChallengeStatement;
use casemate_ledger::{Event as Logged, ReceiptBody};
use casemate_trust::Reason;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::SemaphorePermit,
};

use crate::{
    Broker, Event,
    decide_run::{Agreed, decide_run},
    end_run::end_run,
    permit_result::permit_result,
    random::random,
    refuse::{Claimant, log_refusal, refuse_claim},
    release_key::{Stopped, body, release_key},
};

/// How long a keep may take to show its evidence, in seconds.
const ATTEST_S_MAX: u64 = 30;
/// How long the other brokers' decisions may take, in seconds.
const DECISIONS_S_MAX: u64 = 120;

/// Challenges whoever has arrived, and hears what it claims to be.
pub(crate) async fn hear<S: AsyncRead + AsyncWrite + Unpin>(
    broker: &Broker,
    arrived: Arrived<S>,
) -> Result<Claimed<S>, ChannelError> {
    let (nonce, session) = match random().and_then(|nonce| random().map(|session| (nonce, session))) {
        Ok(drawn) => drawn,
        Err(reason) => {
            arrived.refuse(vec![reason.clone()]).await?;
            return Err(ChannelError::Refused(vec![reason]));
        }
    };
    let challenge = ChallengeStatement { nonce, session, at: broker.now(), owner: broker.owner.clone() };
    let challenging = arrived.challenge(challenge.sign(broker.key()), nonce).await?;
    challenging.claimed(Duration::from_secs(ATTEST_S_MAX)).await
}

/// Serves one keep that has shown its claim, where there is a place for it.
pub(crate) async fn serve_keep<S: AsyncRead + AsyncWrite + Unpin>(
    broker: &Broker,
    claimed: Claimed<S>,
    place: Option<SemaphorePermit<'_>>,
) -> Result<(), ChannelError> {
    let Some(place) = place else {
        let reasons = vec![busy()];
        broker.tell_of_strangers("busy", |_| Event::Refused { reasons: reasons.clone() });
        return claimed.refuse(reasons).await;
    };
    let at = broker.now();
    let mut claimant = Claimant::new(broker, at);
    let (agreed, verdict, statement) = match decide_run(broker, &claimed, &mut claimant, at).await {
        Ok(decided) => decided,
        Err(reasons) => {
            drop(place);
            return claimed.refuse(refuse_claim(broker, claimant, reasons).await).await;
        }
    };
    broker.tell(&Event::Decided { run: agreed.run_id().to_string() });
    let facts = body(broker, &agreed, &verdict, Logged::Refusal, at);
    let conducted = match claimed.admit(verdict, at) {
        Ok(admitted) => conduct(broker, agreed, admitted, statement, &facts).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &conducted {
        end_run(broker, facts, error).await;
    }
    drop(place);
    conducted
}

/// From this owner's decision to its permit. Whatever fails ends the run.
async fn conduct<S: AsyncRead + AsyncWrite + Unpin>(
    broker: &Broker,
    agreed: Agreed,
    admitted: Admitted<S>,
    statement: Vec<u8>,
    facts: &ReceiptBody,
) -> Result<(), ChannelError> {
    let decided = admitted.decide(statement).await?;
    let assembled = decided.assembled(Duration::from_secs(DECISIONS_S_MAX)).await?;
    let released = match release_key(broker, &agreed, assembled, broker.now()).await {
        Ok(released) => released,
        Err(Stopped::Broken(error)) => return Err(error),
        Err(Stopped::Refused(assembled, reasons)) => {
            return assembled.refuse(log_refusal(broker, facts.clone(), reasons).await).await;
        }
    };
    broker.tell(&Event::Released { run: agreed.run_id().to_string(), datasets: agreed.dataset_names() });

    let asked = released.permit_asked(wall(&agreed)).await?;
    match permit_result(broker, &agreed, asked.verdict(), asked.request(), broker.now()).await {
        Ok((permit, receipt)) => asked.permit(permit, receipt).await?,
        Err(reasons) => return asked.refuse(log_refusal(broker, facts.clone(), reasons).await).await,
    }
    broker.tell(&Event::Permitted { run: agreed.run_id().to_string() });
    Ok(())
}

fn busy() -> Reason {
    Reason::new("broker-busy", "a place for one more keep", "none", "start the run again when others have ended")
}

fn wall(agreed: &Agreed) -> Duration {
    Duration::from_secs(agreed.manifest().fields().limits.wall_s)
}

//! One run of one study, from the keep's side.
//!
//! 1. Contract, manifest and program agree: [`terms`]. Nothing of them was believed before.
//! 2. Each sealed file has the digest that the contract names: [`data`]. A Wasm program is compiled: [`program`].
//! 3. TLS to each owner's broker, all at once, by the key that the contract names; evidence for each: [`brokers`].
//! 4. All brokers decided, for this run and this keep; their clocks agree within ten minutes.
//! 5. Each broker sees all decisions and releases its keys, into secret memory.
//! 6. The query runs under every owner's gate, or the program over its views: [`data`], [`program`].
//! 7. Each broker permits this one result, and is told how much lay outside secret memory.
//! 8. The result, signed by the keep's key and encrypted to each recipient, is handed to the launcher: [`deliver`].
//!
//! Any refusal ends the run for all: the other brokers are told that it is given up, and nothing leaves.

mod brokers;
mod data;
mod deliver;
mod program;
mod refusal;
mod terms;

use std::{sync::Arc, thread::available_parallelism};

use casemate_attester::{
    control::{Done, FromKeep, Step},
    software::LauncherSocket,
};
use casemate_channel::message::AbandonReason;
use casemate_contract::ResultBody;
use casemate_cose::SigningKey;
use tokio::runtime::{Builder, Runtime};

pub use deliver::{RESULT_FILE_BYTES_MAX, ResultFile};

use crate::{
    Exit, Inside,
    secret::{SecretPool, ordinary_bytes_told},
};
use brokers::Party;
use data::Opened;
use program::Prepared;
use refusal::{Refusal, Stop};
use terms::Terms;

/// The workload of [`crate::main_if_keep`].
pub(crate) fn run(inside: Inside) -> Exit {
    let Ok(runtime) = runtime() else { return Exit::Broken };
    runtime.block_on(async {
        let Inside { start, datasets, brokers, control, secrets } = inside;
        let Ok(launcher) = LauncherSocket::new(control) else { return Exit::Broken };
        let run = Run { launcher: Arc::new(launcher), secrets, start };
        match run.study(datasets, brokers).await {
            Ok(done) => match run.launcher.send(&FromKeep::Done(done)).await {
                Ok(()) => Exit::Done,
                Err(_) => Exit::Broken,
            },
            Err(Stop::Refused(refusal)) => match run.launcher.send(&FromKeep::Refused(refusal.into_message())).await {
                Ok(()) => Exit::Refused,
                Err(_) => Exit::Broken,
            },
            Err(Stop::LauncherGone) => Exit::Broken,
        }
    })
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(threads()).max_blocking_threads(16).enable_all().build()
}

fn threads() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What every step uses.
struct Run {
    launcher: Arc<LauncherSocket>,
    secrets: SecretPool,
    start: casemate_attester::control::Start,
}

impl Run {
    async fn study(
        &self,
        datasets: Vec<(String, std::fs::File)>,
        sockets: Vec<(String, std::os::unix::net::UnixStream)>,
    ) -> Result<Done, Stop> {
        let terms = Terms::check(&self.start)?;
        self.step(Step::Checked, None).await?;
        let files = data::check_files(&terms, datasets).await?;
        let prepared = Prepared::before_keys(&terms, &self.start)?;
        self.step(Step::DataChecked, None).await?;

        let keep_key = self.keep_key()?;
        let parties = brokers::parties(&terms, sockets)?;
        let attested = self.all(parties, |party| party.attest(self, &terms, &keep_key)).await?;
        let (decided, at) = brokers::all_decided(self, &terms, &keep_key, attested).await?;
        let all: Vec<Vec<u8>> = decided.iter().map(|party| party.state.statement().to_vec()).collect();
        let mut released = self.all(decided, |party| party.release(self, &terms, &all)).await?;

        let mut keys = Vec::new();
        for party in &mut released {
            keys.append(&mut party.record.keys);
        }
        let opened = Opened { files, keys };
        let (released, computed) = match data::compute(&terms, prepared, opened, threads(), at.now()).await {
            Ok(computed) => (released, computed),
            Err((reason, refusal)) => {
                brokers::abandon_all(released, reason).await;
                return Err(refusal.into());
            }
        };
        self.step(Step::Computed, None).await?;

        let body = self.body(&terms, computed, at.now())?;
        // One number for all: each owner signs it, and the runner is told no other.
        let asked = (&body, ordinary_bytes_told());
        let permitted = self.all(released, |party| party.permit(self, &terms, &keep_key, asked)).await?;
        let done = deliver::deliver(&terms, &keep_key, asked, permitted)?;
        self.step(Step::Delivered, None).await?;
        Ok(done)
    }

    /// Takes a step with every broker at once. If one fails, the run is given up with all others.
    async fn all<A, B, F>(&self, parties: Vec<Party<A>>, step: impl Fn(Party<A>) -> F) -> Result<Vec<Party<B>>, Stop>
    where
        F: Future<Output = Result<Party<B>, Stop>>,
        Party<B>: brokers::Abandon,
    {
        let (mut went, mut stopped) = (Vec::new(), Vec::new());
        for ended in futures::future::join_all(parties.into_iter().map(step)).await {
            match ended {
                Ok(party) => went.push(party),
                Err(stop) => stopped.push(stop),
            }
        }
        match Stop::first(stopped) {
            None => Ok(went),
            Some(stop) => {
                let reason = match &stop {
                    Stop::Refused(refusal) if refusal.is_unreachable() => AbandonReason::BrokerUnreachable,
                    Stop::LauncherGone => AbandonReason::Stopped,
                    Stop::Refused(_) => AbandonReason::BrokerRefused,
                };
                brokers::abandon_all(went, reason).await;
                Err(stop)
            }
        }
    }

    async fn step(&self, step: Step, broker: Option<u32>) -> Result<(), Stop> {
        self.launcher.progress(step, broker).await.map_err(|_| Stop::LauncherGone)
    }

    /// A fresh key, whose public half the evidence is bound to.
    fn keep_key(&self) -> Result<SigningKey, Refusal> {
        let mut seed = self.secrets.take(32).ok_or_else(Refusal::machine)?;
        aws_lc_rs::rand::fill(seed.as_mut()).map_err(|_| Refusal::machine())?;
        let seed: &[u8; 32] = seed.as_ref().try_into().map_err(|_| Refusal::machine())?;
        Ok(SigningKey::from_seed(seed))
    }

    fn body(
        &self,
        terms: &Terms,
        computed: data::Computed,
        at: casemate_cose::UnixTime,
    ) -> Result<ResultBody, Refusal> {
        let mut salt = [0; 32];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| Refusal::machine())?;
        let fields = terms.manifest.fields();
        Ok(ResultBody {
            salt,
            study: fields.study.clone(),
            contract: fields.contract,
            computation: fields.computation.clone(),
            run: fields.run,
            output: computed.output,
            gates: computed.gates,
            at,
        })
    }
}

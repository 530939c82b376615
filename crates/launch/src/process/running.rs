//! A keep that runs: its launcher answers requests for evidence, and waits.

use std::{collections::BTreeSet, os::fd::OwnedFd, time::Duration};

use casemate_attester::{
    control::{ControlError, Done, FromKeep, Refused, Start, ToKeep},
    software::{read, write},
};
use casemate_evidence::{
    Isolation,
    software::{Statement, sign},
};
use tokio::{net::UnixStream, time::timeout};

use super::{
    guardian::{Ends, Leash, Order, Prepared, guard},
    inspect::{Inode, Subject, descriptors},
    relay::{Relay, connect},
};
use crate::{Debug as DebugMode, Ending, Event, LaunchError, Measured, Outcome, Report, Spec};

/// An isolated keep that has what it needs. Dropping it ends the keep.
#[derive(Debug)]
pub struct Running {
    control: UnixStream,
    report: Report,
    // The process, and the descriptors that it was given; until they were compared.
    holds: Option<(Subject, BTreeSet<Inode>)>,
    spec: Terms,
    ends: Ends,
    // Held for their `Drop`.
    _relays: Vec<Relay>,
    _leash: Leash,
}

/// What of the specification still matters.
#[derive(Debug)]
struct Terms {
    owners: Vec<String>,
    launcher_key: casemate_cose::SigningKey,
    debug: DebugMode,
    clock: fn() -> casemate_cose::UnixTime,
    wall_s: u64,
    signed: u32,
}

impl Running {
    /// Steps 1 to 6 of the back end.
    pub(super) async fn start(measured: Measured) -> Result<Self, LaunchError> {
        let (runtime, program, manifest) = (measured.runtime(), measured.program(), measured.manifest());
        let Measured { spec, image, .. } = measured;
        let (relays, brokers) = connect_all(&spec).await?;
        let launcher = spec.launcher_key.public();
        let (order, terms) = split(spec, image, brokers);
        let (leash, prepares, ends) = guard(order)?;
        let Prepared { control, lacks, secret_bytes, libraries, subject, given } =
            prepares.await.map_err(|_| Ending::Unknown("unknown".into()).into_error())??;
        control.set_nonblocking(true).map_err(ControlError::from)?;
        let control = UnixStream::from_std(control).map_err(ControlError::from)?;
        let report = Report {
            isolation: Isolation::Process,
            lacks,
            secret_bytes,
            runtime,
            libraries,
            program,
            manifest,
            launcher,
        };
        let holds = Some((subject, given));
        Ok(Self { control, report, holds, spec: terms, ends, _relays: relays, _leash: leash })
    }

    /// How it is isolated.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Serves the keep until it is done, refused, dead or out of time.
    ///
    /// # Errors
    /// [`LaunchError`].
    pub async fn run(mut self, mut on_event: impl FnMut(Event)) -> Result<Outcome, LaunchError> {
        let wall_s = self.spec.wall_s;
        let limit = if wall_s == 0 { Duration::MAX } else { Duration::from_secs(wall_s) };
        match timeout(limit, self.serve(&mut on_event)).await {
            Ok(Err(LaunchError::Control(ControlError::Closed))) => {
                let ending = self.ends.await.unwrap_or_else(|_| Ending::Unknown("unknown".into()));
                Err(ending.into_error())
            }
            Ok(ended) => ended,
            Err(_) => Err(LaunchError::TimedOut { wall_s }),
        }
    }

    async fn serve(&mut self, on_event: &mut impl FnMut(Event)) -> Result<Outcome, LaunchError> {
        loop {
            let message = read(&mut self.control).await?;
            // Its first words say that it has received everything.
            if let Some((subject, given)) = self.holds.take() {
                descriptors(subject, &given)?;
            }
            match message {
                FromKeep::EvidenceRequest(report_data) => {
                    let evidence = self.evidence(report_data);
                    let signed = !evidence.is_empty();
                    write(&mut self.control, &ToKeep::Evidence(evidence)).await?;
                    if signed {
                        on_event(Event::EvidenceSigned { count: self.spec.signed });
                    }
                }
                FromKeep::Progress(progress) => {
                    on_event(Event::Step { step: progress.step, owner: self.owner(progress.broker)? });
                }
                FromKeep::Done(Done { results, bundle, ordinary_bytes }) => {
                    return Ok(Outcome::Done { results, bundle, report: self.report.clone(), ordinary_bytes });
                }
                FromKeep::Refused(Refused { broker, reasons }) => {
                    return Ok(Outcome::Refused { owner: self.owner(broker)?, reasons, report: self.report.clone() });
                }
                FromKeep::Hardened(_) | FromKeep::Isolated(_) => return Err(LaunchError::OutOfTurn),
            }
        }
    }

    /// Signed evidence; empty once there is one statement for each broker.
    fn evidence(&mut self, report_data: [u8; 64]) -> Vec<u8> {
        if usize::try_from(self.spec.signed).is_ok_and(|signed| signed >= self.spec.owners.len()) {
            return Vec::new();
        }
        self.spec.signed += 1;
        let statement = Statement {
            isolation: self.report.isolation,
            runtime: self.report.runtime,
            libraries: self.report.libraries.digest(),
            program: self.report.program,
            manifest: self.report.manifest,
            report_data,
            lacks: self.report.lacks.clone(),
            secret_bytes: self.report.secret_bytes,
            debug: self.spec.debug == DebugMode::Allowed,
            at: (self.spec.clock)(),
        };
        sign(&statement, &self.spec.launcher_key).to_bytes()
    }

    fn owner(&self, broker: Option<u32>) -> Result<Option<String>, LaunchError> {
        let Some(index) = broker else { return Ok(None) };
        let owner = usize::try_from(index).ok().and_then(|index| self.spec.owners.get(index));
        owner.cloned().map(Some).ok_or(LaunchError::OutOfTurn)
    }
}

async fn connect_all(spec: &Spec) -> Result<(Vec<Relay>, Vec<OwnedFd>), LaunchError> {
    let (mut relays, mut descriptors) = (Vec::new(), Vec::new());
    for broker in &spec.brokers {
        let (relay, descriptor) = connect(broker).await?;
        relays.push(relay);
        descriptors.push(descriptor);
    }
    Ok((relays, descriptors))
}

fn split(spec: Spec, image: OwnedFd, brokers: Vec<OwnedFd>) -> (Order, Terms) {
    let Spec {
        contract, manifest, program, artifact, limits, accept_lacks, datasets, launcher_key, debug, clock, ..
    } = spec;
    let owners: Vec<String> = spec.brokers.into_iter().map(|broker| broker.owner).collect();
    let (names, files): (Vec<_>, Vec<_>) =
        datasets.into_iter().map(|dataset| (dataset.name, OwnedFd::from(dataset.file))).unzip();
    let start = Start { contract, manifest, program, datasets: names, brokers: owners.clone(), artifact };
    let descriptors = files.into_iter().chain(brokers).collect();
    let order = Order { image, limits, accept_lacks, debug: debug == DebugMode::Allowed, start, descriptors };
    (order, Terms { owners, launcher_key, debug, clock, wall_s: limits.wall_s, signed: 0 })
}

//! Why a run could not be made.

use std::{io, path::PathBuf};

use casemate_attester::control::ControlError;
use casemate_evidence::Lack;
use nix::sys::signal::Signal;
use thiserror::Error;

use crate::Ending;

/// Why a run could not be made. Whose fault it is and what to do: [`LaunchError::remedy`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The broker's address did not answer.
    #[error("the broker of `{owner}` at `{address}` cannot be reached: {source}")]
    Broker {
        /// Whose broker.
        owner: String,
        /// Where it should listen.
        address: String,
        /// What the network said.
        source: io::Error,
    },
    /// The control socket failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The keep ended without an outcome.
    #[error("the keep ended before its run did (status `{ending}`)")]
    Died {
        /// How its process ended.
        ending: Ending,
    },
    /// The keep had used up the memory of its limit.
    #[error("the keep needed more memory than its limit, and was ended")]
    Exhausted,
    /// What the launcher saw from outside is not a keep that it started.
    #[error("the keep is not as it should be: {0}")]
    Inspection(String),
    /// The machine lacks something that the contract does not accept to be lacking.
    #[error("this machine's isolation lacks {}, which the contract does not accept", names(.0))]
    Lacks(Vec<Lack>),
    /// The runtime could not be copied and sealed.
    #[error("the runtime `{path}` could not be measured: {source}")]
    Measure {
        /// The binary.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file of a sealed program could not be read.
    #[error("the sealed program `{dataset}` could not be measured: {source}")]
    MeasureProgram {
        /// Its name in the contract.
        dataset: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The keep said something out of turn.
    #[error("the keep said something out of turn")]
    OutOfTurn,
    /// The keep's process could not be started.
    #[error("the keep could not be started: {0}")]
    Spawn(io::Error),
    /// The run took longer than its limit.
    #[error("the run took longer than its limit of `{wall_s}` seconds and was ended")]
    TimedOut {
        /// The limit.
        wall_s: u64,
    },
    /// The kernel ended the keep for a system call that its sandbox does not admit.
    #[error("the keep did what its sandbox does not admit, and was ended by the kernel")]
    Trespassed,
    /// Code or data lies in the keep that is neither the measured runtime's nor a library's that it names.
    #[error("the keep runs more than what is measured: {0}")]
    Unmeasured(String),
}

impl LaunchError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Broker { owner, .. } => {
                format!("ask `{owner}` to start `casemate broker run`, and check the address in the contract")
            }
            Self::Exhausted => "sign a successor of the contract with a higher memory limit, or a computation that needs less".into(),
            Self::Lacks(lacks) => {
                let mut remedy =
                    String::from("use a machine that gives it, or list it under `accept_lacks` in the contract");
                for lack in lacks {
                    remedy.push_str(&format!("\n{lack}: {}", lack.explain().remedy));
                }
                remedy
            }
            Self::Measure { .. } => "the binary must be readable and the kernel must allow sealed memory files".into(),
            Self::MeasureProgram { .. } => "give its sealed file, as its author sent it, with --data".into(),
            Self::Spawn(_) => "see `casemate doctor`: the kernel must allow memory files to be executed".into(),
            Self::TimedOut { .. } => "use a faster machine or a smaller computation".into(),
            Self::Trespassed => "do not run it again before you know why: the program or the runtime was attacked, or needs \
                                 a system call that keeps do not have; the kernel's log names it (`type=1326`, `syscall=`)"
                .into(),
            Self::Unmeasured(_) => "take it out of what this machine loads into every program (`/etc/ld.so.preload`, a security agent, a \
                                    tracer): `casemate doctor` names it; if a library is being updated, run it again afterwards"
                .into(),
            Self::Died { ending: Ending::OutOfTime { .. } } => {
                "sign a successor of the contract with a higher limit of time, or a computation that needs less; if it had not used the \
                 limit up, see the kernel's log (out of memory?)"
                    .into()
            }
            Self::Died { ending: Ending::Killed(Signal::SIGKILL) | Ending::OutOfMemory } => {
                "run it again; if it stays, the kernel or somebody on this machine kills it: see the kernel's log (out of memory?)"
                    .into()
            }
            Self::Control(_) | Self::Died { .. } | Self::Inspection(_) | Self::OutOfTurn => {
                "run it again; if it stays, the machine kills processes (out of memory?) or the runtime was altered"
                    .into()
            }
        }
    }
}

fn names(lacks: &[Lack]) -> String {
    lacks.iter().map(|lack| format!("`{lack}`")).collect::<Vec<_>>().join(", ")
}

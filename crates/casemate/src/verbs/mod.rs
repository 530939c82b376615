//! One file a verb. Each takes its arguments and the screen, and returns what became of it.

pub(crate) mod attack;
pub(crate) mod broker;
pub(crate) mod completions;
pub(crate) mod contract;
mod contract_artifact;
pub(crate) mod contract_mail;
mod contract_sign;
mod contract_terms;
pub(crate) mod dataset;
pub(crate) mod dataset_adopt;
pub(crate) mod dataset_seal;
pub(crate) mod doctor;
pub(crate) mod domain;
pub(crate) mod endorsements;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod party;
pub(crate) mod program;
pub(crate) mod receipt;
pub(crate) mod result;
mod result_files;
pub(crate) mod run;
mod run_program;
mod run_report;
pub(crate) mod verify;

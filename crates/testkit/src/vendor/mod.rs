//! Vendors of our own: an AMD, an Intel, an AWS, an Arm, an NVIDIA, a TPM maker, that sign any evidence, right or wrong.

pub mod amd;
pub mod arm;
pub mod aws;
pub mod azure;
pub mod dice;
pub mod eventlog;
pub mod go_tpm_tools;
pub mod intel;
pub mod keystone;
pub mod nvidia;
pub mod ratls;
pub mod tpm;

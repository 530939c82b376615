//! What is to be run: everything the launcher needs, given by its caller.

use std::{fs::File, path::PathBuf};

use casemate_attester::control::Limits;
use casemate_cose::{SigningKey, UnixTime};
use casemate_evidence::Lack;

/// One run. The launcher checks none of the bytes: the keep and the brokers do, and refuse what does not fit.
#[derive(Debug)]
pub struct Spec {
    /// The binary that becomes the keep: it must call `casemate_keep::main_if_keep` first thing in `main`.
    pub runtime: PathBuf,
    /// The signed contract file.
    pub contract: Vec<u8>,
    /// The manifest.
    pub manifest: Vec<u8>,
    /// The program: for SQL, its UTF-8 text; for Wasm, its bytes; empty where it is sealed.
    pub program: Vec<u8>,
    /// The name of the dataset whose sealed file is the program, where it is: that file is measured.
    pub sealed_program: Option<String>,
    /// Code compiled ahead of time; empty where there is none.
    pub artifact: Vec<u8>,
    /// What the keep may use: from the manifest.
    pub limits: Limits,
    /// The lacks that the contract accepts.
    pub accept_lacks: Vec<Lack>,
    /// The sealed files.
    pub datasets: Vec<Dataset>,
    /// Where the owners' brokers listen.
    pub brokers: Vec<Broker>,
    /// Signs the evidence.
    pub launcher_key: SigningKey,
    /// Whether evidence says that this keep can be looked into.
    pub debug: Debug,
    /// The host's clock.
    pub clock: fn() -> UnixTime,
}

/// One sealed file, opened for reading.
#[derive(Debug)]
pub struct Dataset {
    /// Its name in the contract.
    pub name: String,
    /// The open file.
    pub file: File,
}

/// One owner's broker.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Broker {
    /// The owner.
    pub owner: String,
    /// `host:port`, as the contract names it.
    pub address: String,
}

/// Whether a keep can be looked into. No broker releases a key to one that can.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Debug {
    /// Dumpable and traceable, and its evidence says so.
    Allowed,
    /// Closed.
    Forbidden,
}

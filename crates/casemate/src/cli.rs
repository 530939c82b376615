//! What a person types: every verb, its options and an example. Parsing only.

pub(crate) mod admission;
pub(crate) mod domain;
pub(crate) mod program;
pub(crate) mod verify;

use std::path::PathBuf;

use admission::AdmissionVerb;
use clap::{Args, Parser, Subcommand, ValueHint};
use domain::{AppraiseArgs, DomainVerb, ExplainArgs, ProofVerb};
use program::ProgramVerb;
use verify::{EndorsementsVerb, VerifyArgs};

/// Run programs on data that nobody else can see, and prove it.
///
/// Owners of data give keys only to a program, in a keep, under a contract that they signed. Only what all agreed to
/// leaves, with a receipt that anyone can check offline. Start with `casemate demo`.
#[derive(Debug, Parser)]
#[command(name = "casemate", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 refused (the reasons are printed), 2 not understood, 3 this machine failed."
)]
pub(crate) struct Cli {
    /// Options of every verb.
    #[command(flatten)]
    pub(crate) global: Global,
    /// The verb.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options that every verb takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// The party's state folder: keys, datasets, ledger.
    #[arg(long, global = true, env = "CASEMATE_STATE", default_value = "casemate-state", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) state: PathBuf,
    /// Read the passphrase from the first line of this file instead of asking for it.
    #[arg(long, global = true, env = "CASEMATE_PASSPHRASE_FILE", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Print one JSON object instead of text for people.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a whole study on real data on this machine, then three attacks on it.
    #[command(after_help = "Example:\n  casemate demo --clean")]
    Demo(DemoArgs),
    /// Become a party: make keys, a broker's state and a card for the others.
    #[command(after_help = "Example:\n  casemate init --name clinic --address clinic.example:7701")]
    Init(InitArgs),
    /// Back up, restore or rotate this party's keys.
    #[command(subcommand)]
    Key(KeyVerb),
    /// Seal data, list, show and open what is sealed, revoke it.
    #[command(subcommand)]
    Dataset(DatasetVerb),
    /// Say whom this owner believes for what: platforms, runtimes, programs, hosts, delegates.
    #[command(subcommand)]
    Domain(DomainVerb),
    /// Say whom this party knows: whose keys it has compared.
    #[command(subcommand)]
    Party(PartyVerb),
    /// Write, check, show, sign and exchange contracts.
    #[command(subcommand)]
    Contract(ContractVerb),
    /// Run this owner's broker: it releases keys on a verdict, and nothing else does.
    #[command(subcommand)]
    Broker(BrokerVerb),
    /// Run a computation of a signed contract in a keep on this host.
    #[command(after_help = "Example:\n  casemate run study.contract --computation by-diagnosis --data sealed/")]
    Run(RunArgs),
    /// Look at a Wasm program, try it on data that need no protection, compile it ahead of time.
    #[command(subcommand)]
    Program(ProgramVerb),
    /// Open a result: decrypt it, verify it, show its tables.
    #[command(subcommand)]
    Result(ResultVerb),
    /// Show and verify receipts, offline.
    #[command(subcommand)]
    Receipt(ReceiptVerb),
    /// Say whether evidence of any TEE is authentic, check by check. Exit code 0 authentic, 1 refused, 2 not understood.
    #[command(after_help = verify::EXAMPLES)]
    Verify(VerifyArgs),
    /// Show, check and pack what vendors vouch with: certificates, revocation lists, collateral, manifests.
    #[command(subcommand)]
    Endorsements(EndorsementsVerb),
    /// Say whether a domain accepts evidence: with a proof, or with every condition that is not met. Exit code 0 accepted, 1 denied, 2 not
    /// understood.
    #[command(after_help = domain::APPRAISE_EXAMPLES)]
    Appraise(AppraiseArgs),
    /// Check proofs that `casemate appraise` wrote.
    #[command(subcommand)]
    Proof(ProofVerb),
    /// Name accepted keeps to software that knows nothing of attestation: an authority, certificates and tokens (SPIFFE).
    #[command(subcommand)]
    Admission(AdmissionVerb),
    /// Say in words what a file is: evidence, decision, permit, manifest, contract, receipt, card, domain, proof,
    /// denial or SVID.
    #[command(
        after_help = "Examples:\n  casemate explain results/1f…/run.receipt\n  casemate explain quote.proof --domain domain.toml --svg quote.svg"
    )]
    Explain(ExplainArgs),
    /// Say what this machine can isolate with, row by row, with remedies.
    #[command(after_help = "Example:\n  casemate doctor --json")]
    Doctor,
    /// Print shell completions.
    #[command(after_help = "Example:\n  casemate completions bash > /etc/bash_completion.d/casemate")]
    Completions(CompletionsArgs),
    /// What `casemate demo` does to attack its own study. Not for daily use.
    #[command(hide = true)]
    Attack(AttackArgs),
}

/// `casemate demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Where everything is written.
    #[arg(long, default_value = "casemate-demo", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// Remove what an earlier demo left in the folder first.
    #[arg(long)]
    pub(crate) clean: bool,
}

/// `casemate init`.
#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// The party's name in contracts: lower-case letters, digits and hyphens.
    #[arg(long)]
    pub(crate) name: String,
    /// Where this party's broker can be reached. Owners of data need one.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) address: Option<String>,
}

/// `casemate key …`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// Write one encrypted file that holds every key of this party.
    #[command(after_help = "Example:\n  casemate key backup clinic-keys.age")]
    Backup(KeyFileArgs),
    /// Bring keys back from a backup into a state folder that has none.
    #[command(after_help = "Example:\n  casemate --state restored key restore clinic-keys.age")]
    Restore(KeyFileArgs),
    /// Draw a new wrapping key and wrap every dataset key again; with --new-passphrase-file also change the passphrase.
    ///
    /// Contracts and domains know a party's other keys by name: they stay. With --launcher the key that signs the evidence of
    /// keeps on this host is new as well; then each contract that names the old one needs a successor with a higher
    /// sequence, and each owner's domain the new key.
    #[command(after_help = "Example:\n  casemate key rotate")]
    Rotate(KeyRotateArgs),
    /// Print this party's public keys and write its card.
    #[command(after_help = "Example:\n  casemate key card clinic.card")]
    Card(CardArgs),
}

/// A key backup.
#[derive(Args, Debug)]
pub(crate) struct KeyFileArgs {
    /// The backup.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// `casemate key rotate`.
#[derive(Args, Debug)]
pub(crate) struct KeyRotateArgs {
    /// The new passphrase is the first line of this file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) new_passphrase_file: Option<PathBuf>,
    /// Also draw a new launcher key: contracts that name the old one need a successor with a higher sequence.
    #[arg(long)]
    pub(crate) launcher: bool,
}

/// `casemate key card`.
#[derive(Args, Debug)]
pub(crate) struct CardArgs {
    /// Where to write the card; standard output shows it in words.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
}

/// `casemate dataset …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DatasetVerb {
    /// Encrypt a CSV or Parquet table (Parquet Modular Encryption) or any other file (age); the key goes to the own broker.
    #[command(after_help = "Example:\n  casemate dataset seal visits.csv --entity patient_id")]
    Seal(SealArgs),
    /// Draw a key and ids for a table that another tool (pyarrow, Spark) will seal, and write them into a file.
    #[command(after_help = "Example:\n  casemate dataset prepare visits --out visits.key.toml")]
    Prepare(PrepareArgs),
    /// Take a Parquet file that another tool sealed with a prepared key.
    #[command(
        after_help = "Example:\n  casemate dataset adopt visits.parquet --prepared visits.key.toml --entity patient_id"
    )]
    Adopt(AdoptArgs),
    /// List what this party has sealed.
    #[command(after_help = "Example:\n  casemate dataset list")]
    List,
    /// Show one dataset: columns, digest, versions.
    #[command(after_help = "Example:\n  casemate dataset show visits")]
    Show(DatasetNameArgs),
    /// Decrypt a dataset of one's own.
    #[command(after_help = "Example:\n  casemate dataset open visits --out visits.csv")]
    Open(DatasetOpenArgs),
    /// Release no key of this dataset any more, and permit no result that used it.
    #[command(after_help = "Example:\n  casemate dataset revoke visits")]
    Revoke(DatasetNameArgs),
}

/// `casemate dataset seal`.
#[derive(Args, Debug)]
pub(crate) struct SealArgs {
    /// The table (.csv, .parquet) or any other file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The dataset's name; the file's name without its ending otherwise.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The column that says whom a row is about. Tables need one.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) entity: Option<String>,
    /// Where to write the sealed file; `datasets/` in the state folder otherwise.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// Read and check the whole input, say what would be sealed, write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `casemate dataset prepare`.
#[derive(Args, Debug)]
pub(crate) struct PrepareArgs {
    /// The dataset's name.
    pub(crate) name: String,
    /// Where to write key, ids and AAD prefix. The key lies there in the clear.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
}

/// `casemate dataset adopt`.
#[derive(Args, Debug)]
pub(crate) struct AdoptArgs {
    /// The sealed Parquet file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// What `dataset prepare` wrote.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) prepared: PathBuf,
    /// The column that says whom a row is about.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) entity: String,
}

/// One dataset by name.
#[derive(Args, Debug)]
pub(crate) struct DatasetNameArgs {
    /// The dataset.
    pub(crate) name: String,
}

/// `casemate dataset open`.
#[derive(Args, Debug)]
pub(crate) struct DatasetOpenArgs {
    /// The dataset.
    pub(crate) name: String,
    /// Where to write the plaintext (a table as CSV). It must not exist.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
}

/// `casemate party …`.
#[derive(Debug, Subcommand)]
pub(crate) enum PartyVerb {
    /// Remember parties by their cards, once their keys were compared over another channel. The broker takes contracts only
    /// from parties that are known, and only contracts between known parties are signed.
    #[command(after_help = "Example:\n  casemate party add registry.card researcher.card")]
    Add(PartyAddArgs),
    /// List the parties that are known.
    #[command(after_help = "Example:\n  casemate party list")]
    List,
    /// Forget a party. Contracts that are signed stay signed.
    #[command(after_help = "Example:\n  casemate party remove registry")]
    Remove(PartyNameArgs),
}

/// `casemate party add`.
#[derive(Args, Debug)]
pub(crate) struct PartyAddArgs {
    /// The parties' cards.
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub(crate) cards: Vec<PathBuf>,
}

/// One party by name.
#[derive(Args, Debug)]
pub(crate) struct PartyNameArgs {
    /// The party.
    pub(crate) name: String,
}

/// `casemate contract …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ContractVerb {
    /// Write a commented study.toml from the parties' cards, and remember the parties.
    #[command(
        after_help = "Example:\n  casemate contract new --study cohort clinic.card registry.card researcher.card"
    )]
    New(ContractNewArgs),
    /// Find what is wrong with a study.toml before anyone signs.
    #[command(after_help = "Example:\n  casemate contract check study.toml")]
    Check(ContractFileArgs),
    /// Show what is signed, from the signed bytes.
    #[command(after_help = "Example:\n  casemate contract show study.contract --cedar")]
    Show(ContractShowArgs),
    /// Compile a study.toml, or take a .contract; compare it with the known parties and the own datasets, show what is
    /// agreed, ask, and sign its bytes.
    #[command(after_help = "Example:\n  casemate contract sign study.toml")]
    Sign(ContractSignArgs),
    /// Send a contract to every owner's broker that it names.
    #[command(after_help = "Example:\n  casemate contract send study.contract")]
    Send(ContractFileArgs),
    /// Collect contracts and signatures: from this party's broker, or from all brokers that a contract names.
    #[command(after_help = "Example:\n  casemate contract receive study.contract")]
    Receive(ContractReceiveArgs),
    /// Throw away a contract that came to this party's broker and that it has not signed.
    #[command(after_help = "Example:\n  casemate contract discard cohort.contract")]
    Discard(ContractFileArgs),
}

/// `casemate contract new`.
#[derive(Args, Debug)]
pub(crate) struct ContractNewArgs {
    /// The study's id.
    #[arg(long)]
    pub(crate) study: String,
    /// What the study wants to find out. Without it, to be filled in before anyone can sign.
    #[arg(long, value_name = "TEXT")]
    pub(crate) purpose: Option<String>,
    /// On what legal basis the owners take part. Without it, to be filled in before anyone can sign.
    #[arg(long, value_name = "TEXT")]
    pub(crate) legal_basis: Option<String>,
    /// The cards of all parties.
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub(crate) cards: Vec<PathBuf>,
    /// What the runner's machine may lack of its isolation, by name; `secret-plaintext` otherwise.
    #[arg(long = "accept-lack", value_name = "LACK")]
    pub(crate) accept_lacks: Vec<String>,
    /// Where to write it.
    #[arg(long, default_value = "study.toml", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
}

/// A contract, as TOML or compiled.
#[derive(Args, Debug)]
pub(crate) struct ContractFileArgs {
    /// A study.toml or a .contract.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// `casemate contract show`.
#[derive(Args, Debug)]
pub(crate) struct ContractShowArgs {
    /// A study.toml or a .contract.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Print each owner's Cedar policies as well.
    #[arg(long)]
    pub(crate) cedar: bool,
}

/// `casemate contract sign`.
#[derive(Args, Debug)]
pub(crate) struct ContractSignArgs {
    /// A study.toml or a .contract.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Where to write the signed contract; beside the input as .contract otherwise.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// Sign without asking: for scripts, and where there is no terminal.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// `casemate contract receive`.
#[derive(Args, Debug)]
pub(crate) struct ContractReceiveArgs {
    /// A .contract to complete with the signatures that its brokers hold; without it, what waits at the own broker.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
}

/// `casemate broker …`.
#[derive(Debug, Subcommand)]
pub(crate) enum BrokerVerb {
    /// Serve until interrupted.
    #[command(after_help = "Example:\n  casemate broker run --listen 0.0.0.0:7701")]
    Run(BrokerRunArgs),
}

/// `casemate broker run`.
#[derive(Args, Debug)]
pub(crate) struct BrokerRunArgs {
    /// Where to listen; the address given to `init` otherwise.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
}

/// `casemate run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The contract, signed by all.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) contract: PathBuf,
    /// Which computation; needed where the contract has several.
    #[arg(long)]
    pub(crate) computation: Option<String>,
    /// A sealed file, or a folder of them; each is recognised by its digest. The current folder otherwise.
    #[arg(long = "data", value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) data: Vec<PathBuf>,
    /// The Wasm program, where the contract names one by its digest; otherwise a *.wasm file of that digest beside the contract,
    /// in the current folder, or in a folder of the data.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) program: Option<PathBuf>,
    /// Where result and receipts of this run go; a folder that holds another run's is refused. Without it each run gets a
    /// folder of its own, `results/RUN` in the state folder.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
}

/// `casemate result …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ResultVerb {
    /// Decrypt a result, verify its signature, receipts and permits, show its tables.
    #[command(after_help = "Example:\n  casemate result open results/1f…/researcher.result --csv table.csv")]
    Open(ResultOpenArgs),
}

/// `casemate result open`.
#[derive(Args, Debug)]
pub(crate) struct ResultOpenArgs {
    /// The result.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Also write the table as CSV.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) csv: Option<PathBuf>,
    /// Where a program's files go; a folder beside the result that ends in `.files` otherwise. Nothing there is replaced.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
}

/// `casemate receipt …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptVerb {
    /// Show what a receipt says.
    #[command(after_help = "Example:\n  casemate receipt show results/1f…/run.receipt")]
    Show(ReceiptArgs),
    /// Verify it with the brokers' public keys alone.
    #[command(after_help = "Example:\n  casemate receipt verify results/1f…/run.receipt --contract study.contract")]
    Verify(ReceiptVerifyArgs),
}

/// A receipt.
#[derive(Args, Debug)]
pub(crate) struct ReceiptArgs {
    /// The receipts of a run, or one receipt.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// `casemate receipt verify`.
#[derive(Args, Debug)]
pub(crate) struct ReceiptVerifyArgs {
    /// The receipts of a run, or one receipt.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The contract that one believes in. Without it the one inside is taken, and its parties' keys are printed to compare.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) contract: Option<PathBuf>,
    /// A broker's public key, for a single receipt.
    #[arg(long, value_name = "KEY")]
    pub(crate) broker_key: Option<String>,
}

/// `casemate completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// `casemate attack`.
#[derive(Args, Debug)]
pub(crate) struct AttackArgs {
    /// Which attack.
    #[command(subcommand)]
    pub(crate) attack: Attack,
}

/// The demo's attacks that need a client of their own.
#[derive(Debug, Subcommand)]
pub(crate) enum Attack {
    /// Present a contract with one byte of its query changed, with evidence that the launcher's key signed for it.
    AlterQuery {
        /// The receipts of the earlier run.
        receipt: PathBuf,
        /// Whose broker.
        owner: String,
    },
    /// Present the evidence of an earlier run to an owner's broker.
    Replay {
        /// The receipts of the earlier run.
        receipt: PathBuf,
        /// Whose broker.
        owner: String,
    },
}

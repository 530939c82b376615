//! Arguments of `casemate domain`, `appraise`, `proof` and `explain`.

use std::path::PathBuf;

use casemate_contract::RunId;
use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::verify::{EndorsedArgs, ExpectedArgs};

/// `casemate domain …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DomainVerb {
    /// Write `domain.toml`: believe the launchers on other parties' cards and the runtime of this `casemate`; or what authentic
    /// evidence shows, as a draft to be read.
    #[command(after_help = "Examples:
  casemate domain init --host researcher.card --host institute.card
  casemate domain init --from report.bin --endorsements certificates/ --owner clinic --out domain.toml")]
    Init(DomainInitArgs),
    /// Find what is wrong with a domain: errors and warnings, each with its line. Exit code 2 if there is an error.
    #[command(after_help = "Example:\n  casemate domain check domain.toml")]
    Check(DomainFileArgs),
    /// Sign the domain with this party's identity key, into `domain.signed`. Refuses a lower sequence or floor than it signed before.
    #[command(after_help = "Example:\n  casemate domain sign")]
    Sign(DomainSignArgs),
    /// Sign what entries of a `domain.toml` say with this party's identity key, for others' domains to hold: a runtime, a floor, a region, a
    /// revocation. It counts where a `[[delegate]]` lets this party publish that. One signed statement a file.
    #[command(after_help = "Example:\n  casemate domain say runtime.toml --out runtime.statement")]
    Say(DomainSayArgs),
    /// Show a domain in words: whom its owner believes for what, and its digest.
    #[command(after_help = "Example:\n  casemate domain show --digests")]
    Show(DomainShowArgs),
    /// Take over what others wrote: policies of other verifiers, reference values, signed statements. What can't be said here is refused
    /// by name, and nothing is written.
    #[command(after_help = "Examples:
  casemate domain import corim reference-values.cbor --into domain.toml
  casemate domain import certifier policy.json --owner clinic --out domain.toml
  casemate domain import statement runtime.statement --into domain.toml")]
    Import(DomainImportArgs),
    /// Write a domain in another form: text, compiled, or JSON.
    #[command(after_help = "Example:\n  casemate domain export domain.signed --as toml --out domain.toml")]
    Export(DomainExportArgs),
    /// Say what changed between two domains, and which of the evidence seen so far would be judged differently.
    ///
    /// Evidence is what this party's broker judged and kept in the state folder (each at the time and for the session of then), what
    /// --evidence names, and what the records of runs in the state folder hold (`results/`).
    #[command(after_help = "Examples:
  casemate domain diff domain.toml new.toml
  casemate domain diff domain.toml new.toml --evidence report.bin --endorsements certificates/")]
    Diff(DomainDiffArgs),
}

/// `casemate domain init`.
#[derive(Args, Debug)]
pub(crate) struct DomainInitArgs {
    /// The card of a party on whose host keeps may run. May be given several times.
    #[arg(long = "host", required_unless_present = "from", value_name = "CARD", value_hint = ValueHint::FilePath)]
    pub(crate) hosts: Vec<PathBuf>,
    /// Accept this runtime digest instead of the one of the `casemate` that runs now.
    #[arg(long, value_name = "DIGEST", conflicts_with = "from")]
    pub(crate) runtime: Option<String>,
    /// Accept this lack of the host's isolation, by name; `casemate doctor` names them.
    #[arg(long = "accept-lack", value_name = "LACK", conflicts_with = "from")]
    pub(crate) accept_lacks: Vec<String>,
    /// Draft a domain that accepts this evidence and nothing less, if it is authentic. Read it before you rely on it.
    #[arg(long, value_name = "EVIDENCE", conflicts_with = "hosts", value_hint = ValueHint::FilePath)]
    pub(crate) from: Option<PathBuf>,
    /// Which piece of evidence, by number or name, where --from holds several; `casemate verify` shows each.
    #[arg(long, value_name = "PIECE", requires = "from")]
    pub(crate) piece: Option<String>,
    /// Draft from evidence of a keep that can be looked into: the draft admits debug mode by name.
    #[arg(long, requires = "from")]
    pub(crate) allow_debug: bool,
    /// Whose domain a draft is; this party's by default.
    #[arg(long, value_name = "NAME", requires = "from")]
    pub(crate) owner: Option<String>,
    /// Where to write it; `domain.toml` in the state folder by default.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// With what the evidence is judged.
    #[command(flatten)]
    pub(crate) endorsed: EndorsedArgs,
}

/// A domain.
#[derive(Args, Debug)]
pub(crate) struct DomainFileArgs {
    /// The domain: text, compiled or signed; `domain.toml` in the state folder by default.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
}

/// `casemate domain show`.
#[derive(Args, Debug)]
pub(crate) struct DomainShowArgs {
    /// The domain.
    #[command(flatten)]
    pub(crate) what: DomainFileArgs,
    /// Show the digest of each statement: `[[revoke]]` names one by it.
    #[arg(long)]
    pub(crate) digests: bool,
}

/// `casemate domain say`.
#[derive(Args, Debug)]
pub(crate) struct DomainSayArgs {
    /// What is said: entries in the words of `domain.toml`, without `[domain]`.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Where to write it; of several statements, the others beside it: `FILE.2`, `FILE.3`.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
}

/// `casemate domain sign`.
#[derive(Args, Debug)]
pub(crate) struct DomainSignArgs {
    /// The domain; `domain.toml` in the state folder by default.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Something by which the last one refused and that goes on purpose: `signers`, `programs`, or the digest of a statement that was
    /// revoked or was a delegate's floor. Without it, a domain that drops such a thing is not signed.
    #[arg(long, value_name = "WHAT")]
    pub(crate) drop: Vec<String>,
    /// Where to write it; `domain.signed` in the state folder by default.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
}

/// Whose document is imported.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// Release policy of Azure Key Vault or Managed HSM (JSON).
    AzureKeyRelease,
    /// Policy of the Certifier Framework (JSON; the certificates that it names lie beside it), or its signed claims.
    Certifier,
    /// Concise Reference Integrity Manifest (CBOR), signed or not.
    Corim,
    /// Reference values of Trustee (JSON).
    Rvps,
    /// A statement that another party signed (`casemate domain say`): kept as it is, under `[[signed]]`.
    Statement,
}

/// `casemate domain import`.
#[derive(Args, Debug)]
pub(crate) struct DomainImportArgs {
    /// What the document is.
    pub(crate) format: ImportFormat,
    /// The document.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Add it to this `domain.toml`.
    #[arg(long, value_name = "FILE", conflicts_with = "owner", value_hint = ValueHint::FilePath)]
    pub(crate) into: Option<PathBuf>,
    /// Whose domain it becomes, where it is added to none; this party's by default.
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,
    /// Where to write the domain; standard output by default.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// The key that signed the document, or its certificate, in a file: PEM, DER or JSON Web Key. Of claims of the Certifier Framework also
    /// the key's digest itself, `sha256:…`, as a refusal names it.
    #[arg(long, value_name = "KEY", value_hint = ValueHint::FilePath)]
    pub(crate) signer: Option<PathBuf>,
    /// Take a signed document without verifying who signed it: it is your word then.
    #[arg(long, conflicts_with = "signer")]
    pub(crate) dangerously_unverified: bool,
}

/// A form of a domain.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum DomainForm {
    /// Deterministic CBOR: what counts, and has the digest.
    Compiled,
    /// Its reference values as Concise Reference Integrity Manifests: one file for each period in which some count.
    Corim,
    /// Statements as JSON, for other programs to read.
    Json,
    /// What a person writes.
    Toml,
}

/// `casemate domain export`.
#[derive(Args, Debug)]
pub(crate) struct DomainExportArgs {
    /// The domain: text, compiled or signed; `domain.toml` in the state folder by default.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// The form to write.
    #[arg(long = "as", value_name = "FORM", default_value = "toml")]
    pub(crate) form: DomainForm,
    /// Where to write it; standard output by default, where the form is text. Of several CoRIMs, the others beside it: `FILE.2`, `FILE.3`.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
}

/// `casemate domain diff`.
#[derive(Args, Debug)]
pub(crate) struct DomainDiffArgs {
    /// The domain so far: text, compiled or signed.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) old: PathBuf,
    /// The domain that would follow.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) new: PathBuf,
    /// Evidence, or the record of a run, to judge under both. Repeatable.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) evidence: Vec<PathBuf>,
    /// Accept evidence of a keep that can be looked into.
    #[arg(long)]
    pub(crate) allow_debug: bool,
    /// With what the evidence is judged; each at its own time where it has one, and at --at or now where it has none.
    #[command(flatten)]
    pub(crate) endorsed: EndorsedArgs,
}

/// `casemate appraise`.
#[derive(Args, Debug)]
pub(crate) struct AppraiseArgs {
    /// The evidence: raw, hex, base64, PEM, or the JSON of common tools.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) evidence: PathBuf,
    /// The domain: text, compiled or signed.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) domain: PathBuf,
    /// Which piece of evidence, by number or name, where the file holds several; `casemate verify` shows each.
    #[arg(long, value_name = "PIECE")]
    pub(crate) piece: Option<String>,
    /// Write the proof of an acceptance. A proof of before is taken away first; no other file is replaced.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) proof: Option<PathBuf>,
    /// Write the outcome as an EAR, a denial too; one of before is taken away first, no other file is replaced. Signed with this party's identity key: the state folder has to hold a party.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ear: Option<PathBuf>,
    /// The names of its claims.
    #[arg(long, value_name = "NAMES", default_value = "ietf", requires = "ear")]
    pub(crate) ear_names: EarNames,
    /// JSON Web Token or CBOR Web Token.
    #[arg(long, value_name = "FORM", default_value = "jwt", requires = "ear")]
    pub(crate) ear_form: EarForm,
    /// Draw who said what and what followed, or what is missing. A picture of before is taken away first, no other file is replaced.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) svg: Option<PathBuf>,
    /// With what the evidence is judged.
    #[command(flatten)]
    pub(crate) endorsed: EndorsedArgs,
    /// What it has to be bound to.
    #[command(flatten)]
    pub(crate) expected: ExpectedArgs,
}

/// What the claims of an EAR are called.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum EarNames {
    /// `ear.status`: earlier drafts, and software of that time.
    Dotted,
    /// `ear_status`: draft-ietf-rats-ear-04.
    Ietf,
}

/// In which form an EAR is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum EarForm {
    /// CBOR Web Token.
    Cwt,
    /// JSON Web Token.
    Jwt,
}

/// How `casemate appraise` is typed.
pub(crate) const APPRAISE_EXAMPLES: &str = "Examples:
  casemate appraise report.bin --domain domain.toml --endorsements certificates/ --report-data 00ff…
  casemate appraise quote.hex --domain domain.toml --endorsements collateral.json --dangerously-unbound --at 2026-06-01T00:00:00Z \\
    --proof quote.proof --svg quote.svg

Exit codes: 0 accepted, 1 not authentic or denied (every unmet condition is printed), 2 not understood, 3 this machine failed.";

/// `casemate proof …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProofVerb {
    /// Check that a proof shows that a domain trusts the evidence, without searching for another. Exit code 1 if it shows anything else, or
    /// nothing.
    #[command(
        after_help = "Example:\n  casemate proof check quote.proof --domain domain.toml --evidence quote.hex --endorsements c.json --dangerously-unbound"
    )]
    Check(Box<ProofCheckArgs>),
    /// Check the proofs by which this party's broker believed the keeps of a run, with the evidence, the session and the domain that it
    /// kept of them. Exit code 1 if one doesn't hold.
    #[command(after_help = "Example:\n  casemate proof kept 5f0d1c9e2b7a4d3c8e6f1a2b3c4d5e6f --out proofs/")]
    Kept(ProofKeptArgs),
}

/// `casemate proof check`.
#[derive(Args, Debug)]
pub(crate) struct ProofCheckArgs {
    /// The proof.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) proof: PathBuf,
    /// The domain: text, compiled or signed.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) domain: PathBuf,
    /// The evidence that it is about.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) evidence: PathBuf,
    /// Which piece of evidence, by number or name, where the file holds several.
    #[arg(long, value_name = "PIECE")]
    pub(crate) piece: Option<String>,
    /// The session that a broker asked in, as `casemate proof kept --out` writes it: the proof is of its key.
    #[arg(
        long,
        value_name = "FILE",
        group = "binding",
        conflicts_with_all = ["nonce", "report_data", "dangerously_unbound", "allow_debug"],
        value_hint = ValueHint::FilePath
    )]
    pub(crate) session: Option<PathBuf>,
    /// With what the evidence is judged; --at demands that the proof is of that time, otherwise its own counts.
    #[command(flatten)]
    pub(crate) endorsed: EndorsedArgs,
    /// What it has to be bound to.
    #[command(flatten)]
    pub(crate) expected: ExpectedArgs,
}

/// `casemate proof kept`.
#[derive(Args, Debug)]
pub(crate) struct ProofKeptArgs {
    /// The run, as the broker's output and receipts name it.
    pub(crate) run: RunId,
    /// The domain that the broker went by then, where it keeps it no more: text, compiled or signed.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) domain: Option<PathBuf>,
    /// Write evidence, proof, session and compiled domain into this folder, named by digests: with them anybody can run `casemate proof
    /// check`.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
}

/// `casemate explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The domain that a proof may be about: its names and lines are told. Nothing is checked: `casemate proof check` does.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) domain: Option<PathBuf>,
    /// Draw a proof or a denial.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) svg: Option<PathBuf>,
}

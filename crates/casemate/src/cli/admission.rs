//! Arguments of `casemate admission`.

use std::path::PathBuf;

use casemate_cose::UnixTime;
use clap::{Args, Subcommand, ValueHint};

use super::verify::{EndorsedArgs, time};

/// The longest that an authority's certificate holds, in days: ten years.
const DAYS_MAX: i64 = 3653;

/// `casemate admission …`.
#[derive(Debug, Subcommand)]
pub(crate) enum AdmissionVerb {
    /// Make an authority: its key, its certificate `authority.pem`, the same as a SPIFFE bundle in `bundle.json`, and `admission.toml`, which
    /// says how keeps are called.
    #[command(after_help = "Example:\n  casemate admission init --trust-domain clinic.example")]
    Init(AdmissionInitArgs),
    /// Write the authority's certificate anew, for another while; with --new-key for another key.
    #[command(after_help = "Example:\n  casemate admission renew --days 90")]
    Renew(AdmissionRenewArgs),
    /// Show the authority, and who has a name in `admission.toml`.
    #[command(after_help = "Example:\n  casemate admission show")]
    Show,
    /// Write a certificate (X.509-SVID) or a token (JWT-SVID) for the key that accepted evidence names. It counts as long as the verdict, 300
    /// seconds at most, and no longer than the authority or anything that the evidence rests on. Exit code 1 if evidence, domain or authority say no; then nothing is written, and
    /// an SVID of before is taken away.
    #[command(after_help = ISSUE_EXAMPLES)]
    Issue(Box<AdmissionIssueArgs>),
    /// Check an SVID by its authority's certificate alone, and show what it says: who it names, until when, on which evidence and verdict.
    #[command(after_help = "Example:\n  casemate admission check cohort.pem --authority authority.pem")]
    Check(AdmissionCheckArgs),
}

/// How `casemate admission issue` is typed.
const ISSUE_EXAMPLES: &str = "Examples:
  casemate admission issue ra-tls.pem --domain domain.toml --endorsements collateral/ --out cohort.pem
  casemate admission issue report.bin --domain domain.toml --endorsements certificates/ --key key.pem --out cohort.pem
  casemate admission issue report.bin --domain domain.toml --endorsements certificates/ --key key.pem --jwt --audience reports --out cohort.jwt

The key is the public key in a Nitro document, that of an RA-TLS certificate, or the one of which other evidence has the digest as report data
(SHA-256, SHA-384 or SHA-512 of its SubjectPublicKeyInfo, then zeros): the last two only for workloads with `report_data = \"key-digest\"` in
admission.toml, since report data may be what somebody asked for. Evidence of several components (Azure, a CPU with a GPU) leads to no name.";

/// `casemate admission init`.
#[derive(Args, Debug)]
pub(crate) struct AdmissionInitArgs {
    /// In which trust domain keeps get names: `spiffe://NAME/keep/WORKLOAD`.
    #[arg(long, value_name = "NAME")]
    pub(crate) trust_domain: String,
    /// For how many days the authority's certificate holds.
    #[arg(long, value_name = "N", default_value = "365", value_parser = clap::value_parser!(u16).range(1..=DAYS_MAX))]
    pub(crate) days: u16,
}

/// `casemate admission renew`.
#[derive(Args, Debug)]
pub(crate) struct AdmissionRenewArgs {
    /// For how many days the authority's certificate holds.
    #[arg(long, value_name = "N", default_value = "365", value_parser = clap::value_parser!(u16).range(1..=DAYS_MAX))]
    pub(crate) days: u16,
    /// Draw another key: for when the old one may be known to others, or for another trust domain. Nothing is signed with the old one any more,
    /// and bundle.json no longer names it; who believed that one goes on until it is given the new certificate.
    #[arg(long)]
    pub(crate) new_key: bool,
}

/// `casemate admission issue`.
#[derive(Args, Debug)]
pub(crate) struct AdmissionIssueArgs {
    /// The evidence: raw, hex, base64, PEM, or the JSON of common tools.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) evidence: PathBuf,
    /// The domain: text, compiled or signed.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) domain: PathBuf,
    /// The attested key: a public key, a certificate or a request for one, as PEM, DER or JSON Web Key; the one in the evidence, where that holds
    /// one.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
    /// Which piece of evidence, by number or name, where the file holds several; `casemate verify` shows each.
    #[arg(long, value_name = "PIECE")]
    pub(crate) piece: Option<String>,
    /// The nonce that you asked for evidence with, in hex, where the format has one beside the key: RA-TLS certificates, Nitro documents.
    #[arg(long, value_name = "HEX")]
    pub(crate) nonce: Option<String>,
    /// Write a token instead of a certificate: whoever holds it is taken for the keep.
    #[arg(long, requires = "audience")]
    pub(crate) jwt: bool,
    /// For whom the token is.
    #[arg(long, value_name = "NAME", requires = "jwt")]
    pub(crate) audience: Option<String>,
    /// Where to write it. What is there already has to be an SVID.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
    /// With what the evidence is judged. --at is when the SVID begins, too, and never in the future.
    #[command(flatten)]
    pub(crate) endorsed: EndorsedArgs,
}

/// `casemate admission check`.
#[derive(Args, Debug)]
pub(crate) struct AdmissionCheckArgs {
    /// The SVID: a certificate as PEM or DER, or a token.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) svid: PathBuf,
    /// The certificate of the authority that you believe.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) authority: PathBuf,
    /// Who you are: a token has to be for you.
    #[arg(long, value_name = "NAME")]
    pub(crate) audience: Option<String>,
    /// The time to check at, such as 2026-06-01T00:00:00Z; now by default.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<UnixTime>,
}

//! `casemate admission init`, `renew` and `show`: a party's authority, and who has a name with it.
//!
//! ```text
//! DIR/admission.toml   how keeps are called        DIR/authority.pem   the authority's certificate
//! DIR/keys.age         holds its key as well       DIR/bundle.json     the same for software that knows SPIFFE
//! ```

use std::path::{Path, PathBuf};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_cose::Signer;
use casemate_evidence::{Endorsement, loose};
use casemate_keyring::{PartyKeys, WORK_FACTOR_DEFAULT};
use casemate_trust::result::{self, Admission, Authority, ResultError, TrustDomain};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    cli::{
        Global,
        admission::{AdmissionInitArgs, AdmissionRenewArgs, AdmissionVerb},
    },
    clock,
    failure::{Failure, Outcome},
    files,
    screen::{Screen, plain},
    state::{self, State},
};

use super::{admission_check, admission_issue, domain_file::line_of};

const DAY_S: u64 = 86_400;

/// Dispatches `casemate admission`.
pub(crate) async fn admission(verb: &AdmissionVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        AdmissionVerb::Init(args) => init(args, global, screen).await,
        AdmissionVerb::Renew(args) => renew(args, global, screen).await,
        AdmissionVerb::Show => show(global, screen),
        AdmissionVerb::Issue(args) => admission_issue::issue(args, global, screen).await,
        AdmissionVerb::Check(args) => admission_check::check(args, screen),
    }
}

async fn init(args: &AdmissionInitArgs, global: &Global, screen: Screen) -> Outcome {
    let trust_domain: TrustDomain =
        args.trust_domain.parse().map_err(|error| Failure::input(format!("--trust-domain: {error}")))?;
    let state = State::open(global)?;
    let path = names_path(&state);
    if path.exists() {
        let message = format!("`{}` is there: this party has an authority", path.display());
        return Err(
            Failure::input(message).help("`casemate admission show` shows it, `renew` writes its certificate anew")
        );
    }
    let _alone = state.alone()?;
    let (keys, _store) = state.unlock_alone().await?;
    let signer = match keys.authority().map_err(state::keyring)? {
        Some(signer) if own_if_any(&state).is_some_and(|own| own.key == signer.public()) => {
            check_trust_domain(&state, &trust_domain)?;
            signer
        }
        // One without a certificate is of an `init` that was killed: nobody was told of it, or nobody knows in which trust domain.
        Some(_) | None => replace(&state, &keys, global)?,
    };
    let written = certificate(&state, &trust_domain, &signer, args.days)?;
    files::write(&path, template(&trust_domain).as_bytes())?;
    screen.line(format!("{} names keeps in {trust_domain} now", state.name, trust_domain = trust_domain.id()));
    tell(&written, &state, screen);
    screen.line(format!("  names      {}: nobody has one yet; read it", path.display()));
    screen.line("");
    screen.line("Whoever holds the authority's key can name anything in its trust domain. It lies in keys.age: make a backup now.");
    screen.object(&written.json(&path));
    Ok(())
}

async fn renew(args: &AdmissionRenewArgs, global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let names = names(&state)?;
    let _alone = state.alone()?;
    let (keys, _store) = state.unlock_alone().await?;
    let signer = if args.new_key {
        replace(&state, &keys, global)?
    } else {
        let signer = signer(&keys)?;
        check_trust_domain(&state, names.trust_domain())?;
        check_key(&own(&state)?, &signer)?;
        signer
    };
    let written = certificate(&state, names.trust_domain(), &signer, args.days)?;
    let what = if args.new_key { "has another key" } else { "has another certificate for the same key" };
    screen.line(format!("the authority of {} {what}", names.trust_domain().id()));
    tell(&written, &state, screen);
    screen.line("Give the certificate to whoever believes this authority.");
    screen.object(&written.json(&names_path(&state)));
    Ok(())
}

fn show(global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let names = names(&state)?;
    check_trust_domain(&state, names.trust_domain())?;
    let authority = own(&state)?;
    screen.line(format!("the authority of {}, of {}", names.trust_domain().id(), state.name));
    screen.line(format!("  key        {}", authority.key));
    screen.line(format!("  holds      from {} until {}", authority.from, authority.until));
    screen.line(format!("  SVIDs      count for {} s, and never longer than their verdict", names.lifetime_s()));
    let mut workloads = Vec::new();
    for (what, workload, dns) in names.workloads() {
        let hosts = if dns.is_empty() { String::new() } else { format!(", serves {}", dns.join(", ")) };
        screen.line(format!("  {}  {what}{hosts}", workload.as_str()));
        workloads.push(json!({"name": workload.as_str(), "runs": what.to_string(), "dns": dns}));
    }
    screen.object(&json!({
        "trust_domain": names.trust_domain().as_str(), "key": authority.key.to_string(), "from": authority.from.0,
        "until": authority.until.0, "lifetime_s": names.lifetime_s(), "workloads": workloads,
    }));
    Ok(())
}

/// Draws a key for the authority and locks it up with the others.
fn replace(state: &State, keys: &PartyKeys, global: &Global) -> Result<Signer, Failure> {
    let random = SystemRandom::new();
    let drawn = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        .map_err(|_| Failure::machine("no key was drawn: the cryptographic library failed"))?;
    let pkcs8 = Zeroizing::new(drawn.as_ref().to_vec());
    let keys = keys.with_authority(&pkcs8).map_err(state::keyring)?;
    let passphrase = state::passphrase(global.passphrase_file.as_deref(), "The same passphrase again")?;
    let path = state.dir.join("keys.age");
    // Under another one, the next verb that asks would find the keys locked up.
    PartyKeys::unlock(&files::read_text(&path)?, &passphrase).map_err(|error| state::in_file(&path, error))?;
    let locked = keys.lock(&passphrase, WORK_FACTOR_DEFAULT).map_err(state::keyring)?;
    files::write(&path, locked.as_bytes())?;
    signer(&keys)
}

/// A key is one trust domain's: whoever believes it there would believe it in any other.
pub(super) fn check_trust_domain(state: &State, trust_domain: &TrustDomain) -> Outcome {
    let own = own(state)?;
    if &own.trust_domain == trust_domain {
        return Ok(());
    }
    let (certified, wanted) = (own.trust_domain.id(), trust_domain.id());
    let message =
        format!("authority.pem is of {certified}, and what is asked for is {wanted}: its key is for one trust domain");
    let help = format!(
        "write `trust_domain = \"{}\"` in admission.toml and `casemate admission renew --new-key` for another, or say {certified}",
        trust_domain.as_str()
    );
    Err(Failure::input(message).help(help))
}

/// Whether the certificate that others believe is this key's.
pub(super) fn check_key(authority: &Authority, signer: &Signer) -> Outcome {
    if authority.key == signer.public() {
        return Ok(());
    }
    let message =
        "authority.pem is of another key than keys.age, so that nobody knows for which trust domain that one signs";
    Err(Failure::input(message)
        .help("put back the authority.pem of that key, or draw another with `casemate admission renew --new-key`"))
}

/// What was written of an authority.
struct Written {
    authority: Authority,
    certificate: PathBuf,
    bundle: PathBuf,
}

impl Written {
    fn json(&self, names: &Path) -> Value {
        json!({
            "trust_domain": self.authority.trust_domain.as_str(), "key": self.authority.key.to_string(),
            "certificate": self.certificate, "bundle": self.bundle, "names": names,
            "from": self.authority.from.0, "until": self.authority.until.0,
        })
    }
}

/// Writes the authority's certificate and the bundle with it.
fn certificate(state: &State, trust_domain: &TrustDomain, signer: &Signer, days: u16) -> Result<Written, Failure> {
    let from = clock::now();
    let until = from.plus_s(u64::from(days).saturating_mul(DAY_S));
    let der =
        result::authority(trust_domain, signer, &SystemRandom::new(), from, until).map_err(|error| library(&error))?;
    let authority = Authority::read(&der).map_err(|error| library(&error))?;
    let (certificate, bundle) = (authority_path(state), state.dir.join("bundle.json"));
    files::write(&bundle, result::spiffe_bundle(&der, &authority.key).as_bytes())?;
    files::write(&certificate, pem(&der).as_bytes())?;
    Ok(Written { authority, certificate, bundle })
}

fn tell(written: &Written, state: &State, screen: Screen) {
    screen.line(format!("  key        {}   signs SVIDs of {}", written.authority.key, state.name));
    screen.line(format!("  believed   with {}, until {}", written.certificate.display(), written.authority.until));
    screen.line(format!("             or {}, by software that knows SPIFFE", written.bundle.display()));
}

/// What the party's authority is called, by its own certificate.
pub(super) fn own(state: &State) -> Result<Authority, Failure> {
    authority_of(&authority_path(state))
}

fn own_if_any(state: &State) -> Option<Authority> {
    authority_path(state).exists().then(|| own(state).ok()).flatten()
}

/// An authority's certificate in a file.
pub(super) fn authority_of(path: &Path) -> Result<Authority, Failure> {
    let der = certificate_in(path, &files::read(path)?)?;
    Authority::read(&der)
        .map_err(|error| Failure::input(format!("`{}` is no authority's certificate: {error}", path.display())))
}

/// The one certificate in a file, in DER.
pub(super) fn certificate_in(path: &Path, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    match loose(bytes).as_deref() {
        Ok([Endorsement::Certificate(der)]) => Ok(der.clone()),
        _ => Err(Failure::input(format!("`{}` is not one certificate", path.display())).help("give it as PEM or DER")),
    }
}

/// How this party calls keeps.
pub(super) fn names(state: &State) -> Result<Admission, Failure> {
    let path = names_path(state);
    if !path.exists() {
        return Err(Failure::input(format!("{} has no authority", state.name))
            .help("make one with `casemate admission init --trust-domain NAME`"));
    }
    let text = files::read_text(&path)?;
    Admission::parse(&text).map_err(|error| {
        let failure =
            |place: &str| Failure::input(format!("`{}`{place}: {}", path.display(), plain(&error.to_string())));
        match &error {
            ResultError::Admission { span: Some(span), .. } => failure(&format!(", line {}", line_of(&text, span)))
                .marked(&path, &text, vec![(span.clone(), "here".to_owned())]),
            _ => failure(""),
        }
    })
}

/// The authority's key.
pub(super) fn signer(keys: &PartyKeys) -> Result<Signer, Failure> {
    keys.authority().map_err(state::keyring)?.ok_or_else(|| {
        Failure::input("keys.age holds no authority's key")
            .help("it was restored from a backup of before: `casemate admission renew --new-key` draws another")
    })
}

pub(super) fn names_path(state: &State) -> PathBuf {
    state.dir.join("admission.toml")
}

pub(super) fn authority_path(state: &State) -> PathBuf {
    state.dir.join("authority.pem")
}

/// What the library refuses though nobody asked for it.
pub(super) fn library(error: &ResultError) -> Failure {
    Failure::machine(format!("nothing was written: {error}"))
}

/// A certificate as text. [RFC 7468 §5]
pub(super) fn pem(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for (place, character) in STANDARD.encode(der).chars().enumerate() {
        if place > 0 && place % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text + "\n-----END CERTIFICATE-----\n"
}

fn template(trust_domain: &TrustDomain) -> String {
    format!(
        "# How keeps are called that a domain accepts, for software that knows nothing of attestation.
# What is not named here gets no certificate and no token.

[admission]
trust_domain = \"{}\"
lifetime_s = 300          # for how long an SVID counts, at most 3600; it never outlasts its verdict, 300 s

# [[workload]]
# name = \"cohort\"         # {}/keep/cohort
# runs = \"sha256:…\"       # its program, or the measurement that the domain accepts: `casemate admission issue` says which has no name
# dns = [\"cohort.example\"]  # as which hosts it may serve
# report_data = \"key-digest\"  # only for a program that has nothing stated there but what names its own key, as RA-TLS does, and never
#                               # what others ask for
",
        trust_domain.as_str(),
        trust_domain.id(),
    )
}

//! Fills the corpora: `cargo run --example seed [FOLDER]`, with evidence of vendors of our own, and with what lies in a folder of
//! recorded evidence. Beside the corpora it leaves the bundles by which the targets believe it. `fuzz/seed.sh` runs it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, Bundle, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, authenticate,
    dcap::collateral, eventlog::EventLog, loose, recognise,
};
use casemate_fuzz::{
    OWN, Own, RECORDED, corpora,
    seeds::{self, Seed},
};
use casemate_testkit::{NOW, key};

/// Longer seeds are cut where nothing but one byte follows, as the targets take no longer ones.
const SEED_BYTES_MAX: usize = 65_536;

fn main() -> io::Result<()> {
    let own = Own::new();
    write_bundle(OWN, NOW, &own.believed)?;
    let mut all = seeds::received(&own);
    all.extend(seeds::to_be_signed());
    all.extend(seeds::of_trust());
    match std::env::args_os().nth(1).map(PathBuf::from) {
        Some(folder) => {
            let (found, believed) = recorded(&folder)?;
            write_bundle(RECORDED, UnixTime(1_750_377_600), &believed)?;
            all.extend(found);
        }
        None => {
            println!("recorded evidence is left out: name a folder of it");
            write_bundle(RECORDED, NOW, &[])?;
        }
    }
    for seed in &all {
        let folder = corpora().join(seed.target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(&seed.name), &seed.bytes)?;
    }
    report(&all, &own)
}

fn write_bundle(name: &str, made: UnixTime, items: &[Endorsement]) -> io::Result<()> {
    fs::create_dir_all(corpora())?;
    let bytes = Bundle::pack("seeds", made, items, &key(2)).map_err(io::Error::other)?;
    fs::write(corpora().join(name), bytes)
}

/// What each target got, and how much of it is authentic: of our own vendors', all has to be.
fn report(all: &[Seed], own: &Own) -> io::Result<()> {
    let believed = Endorsements::of_vendors().with_all(own.believed.iter().cloned());
    let mut rows: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut refused = Vec::new();
    for seed in all {
        let is_authentic = match seed.target.parse::<Format>() {
            Ok(format) if seed.name.starts_with("own-") => {
                let evidence = Evidence::new(format, seed.bytes.clone());
                let outcome = authenticate(&evidence, &believed, &AllowDebug::new(DangerouslyUnbound), NOW);
                refused
                    .extend(outcome.as_ref().err().map(|refusal| format!("{} {}: {refusal}", seed.target, seed.name)));
                outcome.is_ok()
            }
            Ok(format) => casemate_fuzz::format(format, &seed.bytes),
            Err(_) if seed.name.starts_with("own") && of_trust(seed.target).is_some() => {
                let is_read = of_trust(seed.target).is_some_and(|target| target(&seed.bytes));
                refused.extend((!is_read).then(|| format!("{} {}", seed.target, seed.name)));
                is_read
            }
            Err(_) => signed(seed.target).is_some_and(|signed| {
                let is_authentic = signed(&seed.bytes);
                refused.extend((!is_authentic).then(|| format!("{} {}", seed.target, seed.name)));
                is_authentic
            }),
        };
        let row = rows.entry(seed.target).or_default();
        *row = (row.0 + 1, row.1 + usize::from(is_authentic));
    }
    for (target, (seeds, authentic)) in rows {
        println!("{target:16} {seeds:4} seeds, {authentic:3} of them authentic evidence");
    }
    if refused.is_empty() { Ok(()) } else { Err(io::Error::other(format!("refused: {refused:#?}"))) }
}

/// The target of statements, proofs, domains, policies.
fn of_trust(target: &str) -> Option<fn(&[u8]) -> bool> {
    use casemate_fuzz::trust;
    Some(match target {
        "domain" => trust::domain,
        "domain_compiled" => trust::domain_compiled,
        "import_azure_release" => trust::import_azure_release,
        "import_certifier" => trust::import_certifier,
        "import_corim" => trust::import_corim,
        "import_rvps" => trust::import_rvps,
        "proof" => trust::proof,
        "proof_steps" => trust::proof_steps,
        "signed_statement" => trust::signed_statement,
        "statement" => trust::statement,
        _ => return None,
    })
}

/// The target that signs what it is given.
fn signed(target: &str) -> Option<fn(&[u8]) -> bool> {
    use casemate_fuzz::signed::{
        azure, bundle, cca, dcap, dice, gpu, nitro, psa, ratls, rim, snp, software, tpm, x509,
    };
    if of_trust(target).is_some() {
        return None;
    }
    Some(match target.strip_prefix("signed_")? {
        "azure" => azure,
        "bundle" => bundle,
        "cca" => cca,
        "dcap" => dcap,
        "dice" => dice,
        "gpu" => gpu,
        "nitro" => nitro,
        "psa" => psa,
        "ratls" => ratls,
        "rim" => rim,
        "snp" => snp,
        "software" => software,
        "tpm" => tpm,
        "x509" => x509,
        other => panic!("no target `signed_{other}`"),
    })
}

/// What the files of `folder` are seeds of, and what in them vouches for evidence.
fn recorded(folder: &Path) -> io::Result<(Vec<Seed>, Vec<Endorsement>)> {
    let (mut seeds, mut believed) = (Vec::new(), Vec::new());
    for path in files(folder)? {
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('/', "_");
        let bytes = cut(fs::read(&path)?);
        let found = of_file(&name, &bytes);
        seeds.extend(found.0);
        // Beside what was made to be refused, such as Open Enclave's JSON and samples without values, nothing is believed.
        if !["sample", "openenclave_tcbinfo", "openenclave_qeidentity"].iter().any(|part| name.contains(part)) {
            believed.extend(found.1);
        }
    }
    // A manifest that is forged refuses all GPUs' evidence; the target `rim` has them one by one.
    believed.retain(|item| !matches!(item, Endorsement::Rim(_)));
    let mut distinct: Vec<Endorsement> = Vec::new();
    for item in believed {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    Ok((seeds, distinct))
}

fn of_file(name: &str, bytes: &[u8]) -> (Vec<Seed>, Vec<Endorsement>) {
    let (mut seeds, mut believed) = (Vec::new(), Vec::new());
    if let Ok(found) = recognise(bytes) {
        for (place, evidence) in found.evidence.iter().enumerate() {
            seeds.push(Seed::new(evidence.format().as_str(), format!("{name}-{place}"), evidence.bytes()));
        }
        seeds.push(Seed::new("recognise", name, bytes));
        believed.extend(found.carried);
    }
    if let Ok(items) = loose(bytes) {
        for (place, item) in items.iter().enumerate() {
            let of_item = seeds::of_item(item).into_iter();
            seeds.extend(of_item.map(|(target, bytes)| Seed::new(target, format!("{name}-{place}"), bytes)));
        }
        seeds.push(Seed::new("loose", name, bytes));
        believed.extend(items);
    }
    for target in ["import_azure_release", "import_certifier", "import_corim", "import_rvps"] {
        if of_trust(target).is_some_and(|target| target(bytes)) {
            seeds.push(Seed::new(target, name, bytes));
        }
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    if collateral::of_json(text).is_ok() || collateral::of_open_enclave(bytes).is_some_and(|it| it.is_ok()) {
        seeds.push(Seed::new("collateral", name, bytes));
    }
    if EventLog::of_tpm(bytes).is_ok() || EventLog::of_ccel(bytes).is_ok() {
        seeds.push(Seed::new("event_log", name, bytes));
    }
    (seeds, believed)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Without the zeros or ones that fill a table up to its size.
fn cut(mut bytes: Vec<u8>) -> Vec<u8> {
    let Some(last) = bytes.last().copied() else { return bytes };
    while bytes.len() > SEED_BYTES_MAX && bytes.last() == Some(&last) {
        bytes.pop();
    }
    bytes
}

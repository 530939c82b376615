//! Every row of the registry is seen in evidence, under a name that `casemate verify` prints.

use std::collections::BTreeSet;

use casemate_cose::SigningKey;
use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{
    Claims, Field, Hash, Isolation, KeyKind, Platform, ReportData,
    cca::SoftwareComponent,
    composite::{self, Device, Tie},
    dcap::{self, Body, Extended, Part, Preserving, TcbStatus},
    dice::{self, Flags, Fwid, IntegrityRegister, Layer, TcbInfo},
    gpu::{self, Comparison, Manifest},
    keystone, software,
    tpm::{self, KeySource},
};
use casemate_testkit::vectors;
use casemate_trust::{
    component::{Component, components, fit, registry},
    statement::Kind,
};

use super::files;

#[test]
fn every_row_is_seen_and_is_a_fact() {
    let Some(vectors) = vectors("rows of the registry in recorded evidence") else { return };
    let mut all: Vec<Claims> = files::authentic(&vectors).iter().map(|(_, make)| make().claims().clone()).collect();
    let made: Vec<Claims> = all.iter().flat_map(richer).collect();
    all.extend(made);
    all.extend([keep(), device(), enclave()]);
    let mut seen: BTreeSet<(Kind, &str)> = BTreeSet::new();
    let mut wrong = Vec::new();
    for claims in &all {
        let facts = claims.facts();
        let names: BTreeSet<&str> = facts.rows().iter().map(|fact| fact.name.as_str()).collect();
        for component in components(claims) {
            look(&component, &names, &mut seen, &mut wrong);
        }
    }
    for kind in Kind::ALL.iter().copied() {
        let rows = registry::properties(kind).iter().map(|row| row.name);
        let rows = rows.chain(registry::registers(kind).iter().map(|row| row.name));
        wrong
            .extend(rows.filter(|name| !seen.contains(&(kind, name))).map(|name| format!("{kind}: {name} never seen")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn look(component: &Component, facts: &BTreeSet<&str>, seen: &mut BTreeSet<(Kind, &str)>, wrong: &mut Vec<String>) {
    let kind = component.kind;
    for (name, value) in &component.properties {
        match registry::property(kind, name) {
            Some(row) => {
                seen.insert((kind, row.name));
                // Lists of names and widths are those of the evidence.
                if let Some(misfit) = row.misfit(value) {
                    wrong.push(format!("{kind}: {name}: {misfit}"));
                }
            }
            None => wrong.push(format!("{kind}: {name} is in no row")),
        }
        if !is_fact(name, facts) {
            wrong.push(format!("{kind}: property {name} is no fact's"));
        }
    }
    for (name, value) in &component.registers {
        match registry::register(kind, name) {
            Some(row) => {
                seen.insert((kind, row.name));
                if let Some(misfit) = fit::misfit_of_length(value, row.bytes_of(name)) {
                    wrong.push(format!("{kind}: register {name}: {misfit}"));
                }
            }
            None => wrong.push(format!("{kind}: register {name} is in no row")),
        }
        if !is_fact(name, facts) {
            wrong.push(format!("{kind}: register {name} is no fact's"));
        }
    }
    assert!(component.properties.is_sorted_by(|(one, _), (next, _)| one < next));
    assert!(component.registers.is_sorted_by(|(one, _), (next, _)| one < next));
    if let Some(identity) = registry::identity(kind) {
        let misfit = component.identity.as_ref().and_then(|own| fit::misfit_of_length(own, identity.bytes));
        assert_eq!(misfit, None, "{kind}");
        let is_named = identity.names.iter().any(|name| name.contains('N') || is_fact(name, facts));
        assert!(is_named, "{kind}: identity {:?}", identity.names);
    }
    let allowed = registry::allowances(kind);
    assert!(component.dangers.iter().all(|danger| allowed.contains(danger)), "{kind} {:?}", component.dangers);
}

/// Whether a name is a fact's, of the whole or of a component, or a part of one.
fn is_fact(name: &str, facts: &BTreeSet<&str>) -> bool {
    // What else is presented is no row of any one component.
    if name.starts_with("beside.") {
        return true;
    }
    // Told where there are any; counted, of rows that follow.
    if ["unsigned-trailing-bytes", "software-count", "platform.software-count", "layer-count", "layer-0.tcb-count"]
        .contains(&name)
    {
        return true;
    }
    let is_there = |name: &str| facts.iter().any(|fact| *fact == name || fact.ends_with(&format!(".{name}")));
    let parts = std::iter::successors(Some(name), |name| name.rsplit_once('.').map(|(whole, _)| whole));
    parts.take(3).any(is_there)
}

/// What no recording says, said of what one does say.
fn richer(claims: &Claims) -> Vec<Claims> {
    let with = |platform: Platform| Claims { platform, ..claims.clone() };
    let beside = |claims: Claims, tie| {
        let devices = vec![Device { claims, tie }];
        with(Platform::Composite(Box::new(composite::Claims { cpu: Box::new(keep()), devices })))
    };
    match &claims.platform {
        Platform::Azure(own) => {
            let mut own = own.clone();
            own.vm.console_enabled = Some(true);
            own.vm.tpm_persisted = Some(true);
            own.vm.root_certificate_thumbprint = Some("x".to_owned());
            vec![with(Platform::Azure(own))]
        }
        Platform::Cca(own) => {
            let mut own = own.clone();
            own.platform.software.iter_mut().for_each(described);
            own.platform.verification_service = Some("x".to_owned());
            vec![with(Platform::Cca(own))]
        }
        Platform::Dcap(own) => vec![with(Platform::Dcap(Box::new(richer_quote(own))))],
        Platform::Gpu(own) => {
            let gpu = with(Platform::Gpu(Box::new(richer_gpu(own))));
            vec![beside(gpu.clone(), Tie::Nonce), gpu]
        }
        Platform::Psa(own) => {
            let mut own = own.clone();
            own.software.iter_mut().for_each(described);
            own.boot_seed = Some(vec![1; 32]);
            own.certification_reference = Some("x".to_owned());
            own.verification_service = Some("x".to_owned());
            vec![with(Platform::Psa(own))]
        }
        Platform::Snp(own) => {
            let mut own = own.clone();
            own.id_key_digest = Some([1; 48]);
            own.author_key_digest = Some([2; 48]);
            own.report_id_ma = Some([3; 32]);
            own.csp_id = Some("Cloud".to_owned());
            vec![with(Platform::Snp(own))]
        }
        Platform::Tpm(own) => vec![beside(with(Platform::Tpm(Box::new(certified(own)))), Tie::SameNonce)],
        _ => Vec::new(),
    }
}

fn described(software: &mut SoftwareComponent) {
    software.kind = Some("BL".to_owned());
    software.version = Some("1".to_owned());
    software.description = Some("sha-256".to_owned());
}

fn richer_quote(own: &dcap::Claims) -> dcap::Claims {
    let mut own = own.clone();
    own.pck.configuration.dynamic_platform = Some(true);
    own.pck.configuration.cached_keys = Some(true);
    own.pck.configuration.smt_enabled = Some(true);
    let date = Some(UnixTime(1));
    let part = Part { status: TcbStatus::UpToDate, level: Some(0), date, advisories: Vec::new() };
    own.tcb.date = date;
    own.tcb.platform = part.clone();
    if let Body::TrustDomain(domain) = &mut own.body {
        domain.preserving = Some(Preserving { tee_tcb_svn_2: [1; 16], mr_service_td: [2; 48] });
        domain.extended = Some(extended());
        own.tcb.module = Some(part.clone());
        own.tcb.current_platform = Some(part.clone());
        own.tcb.current_module = Some(part);
    }
    own
}

fn richer_gpu(own: &gpu::Claims) -> gpu::Claims {
    let manifest = Manifest {
        tag_id: "tag".to_owned(),
        digest: Digest::of(b"manifest"),
        active: 1,
        comparison: Comparison::Matched,
    };
    let names = ["board-id", "chip-sku", "project", "project-sku"];
    gpu::Claims {
        driver_manifest: Some(manifest.clone()),
        vbios_manifest: Some(manifest),
        firmware_id: Some([1; 48]),
        protected_pcie: Some(true),
        board: names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect(),
        ..own.clone()
    }
}

fn certified(own: &tpm::Claims) -> tpm::Claims {
    let source =
        KeySource::Certificate { root: "root".to_owned(), root_key: Digest::of(b"root"), revocation_checked: true };
    let key = tpm::AttestationKey { kind: KeyKind::P256, source, ..own.attestation_key.clone() };
    tpm::Claims { attestation_key: key, ..own.clone() }
}

fn extended() -> Extended {
    Extended {
        vm_id: 1,
        td_id: [1; 32],
        device_info: [2; 48],
        init_service_td_hash: [3; 48],
        init_service_td_attributes: 4,
        init_cpu_svn: [5; 16],
        init_tee_tcb_svn: [6; 16],
        init_tee_model: [7; 12],
        current_service_td_hash: [8; 48],
        current_service_td_attributes: 9,
    }
}

fn claims(isolation: Option<Isolation>, platform: Platform) -> Claims {
    let report_data = ReportData { field: Field::Full, bytes: vec![7; 64] };
    Claims { isolation, manifest: None, report_data, at: UnixTime(1), debug: false, platform }
}

fn keep() -> Claims {
    let launcher = SigningKey::from_seed(&[9; 32]).public();
    let (runtime, program) = (Digest::of(b"runtime"), Digest::of(b"program"));
    let libraries = Digest::of(b"libraries");
    let own = software::Claims { runtime, libraries, program, lacks: Vec::new(), secret_bytes: 1, launcher };
    claims(Some(Isolation::Process), Platform::Software(own))
}

fn enclave() -> Claims {
    let own =
        keystone::Claims { enclave_hash: [1; 64], monitor_hash: [2; 64], monitor_key: [3; 32], device_key: [4; 32] };
    claims(None, Platform::Keystone(Box::new(own)))
}

fn device() -> Claims {
    let fwid = || Fwid { hash: Hash::Sha384, digest: vec![1; 48] };
    let register = || IntegrityRegister { name: Some("rt-x".to_owned()), number: None, digests: vec![fwid()] };
    let info = TcbInfo {
        vendor: Some("v".to_owned()),
        model: Some("m".to_owned()),
        version: Some("1".to_owned()),
        svn: Some(1),
        layer: Some(0),
        index: Some(0),
        fwids: vec![fwid(), fwid()],
        flags: Some(Flags(1 << 7)),
        vendor_info: Some(vec![1]),
        tci_type: Some(vec![2]),
        flags_mask: Some(Flags(1 << 7)),
        integrity_registers: vec![register(), register()],
    };
    let layer = Layer { subject: "layer".to_owned(), spki: vec![1], ueid: Some(vec![1; 17]), tcb_infos: vec![info] };
    let own = dice::Claims {
        layers: vec![layer],
        is_signed: true,
        root: "root".to_owned(),
        root_key: Digest::of(b"root"),
        revocation_checked: false,
    };
    claims(None, Platform::Dice(Box::new(own)))
}

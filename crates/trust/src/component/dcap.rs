//! SGX enclaves and TDX trust domains. [Intel SDM vol. 3D; Intel TDX module ABI; Intel SGX PCK certificate profile; Intel QVL]

use casemate_evidence::{
    Vendor,
    dcap::{Body, Claims, Enclave, Part, Pck, SgxType, Tcb, TcbStatus, TrustDomain},
};

use super::{
    Component, Parts,
    registry::{
        Draft::{AtLeast, Exactly, Nothing, Only},
        IdentityName, Property, RegisterName,
        Type::{Bool, Bytes, Number, Set, Text, Time},
        U8, U16, U32, names,
    },
};
use crate::statement::{Allowance, Kind, Subject};

mod rows;

pub(super) use rows::{IDENTITY, SGX_PROPERTIES, SGX_REGISTERS, TDX_PROPERTIES, TDX_REGISTERS};

/// The component of a quote.
pub(super) fn component(name: &str, claims: &Claims, debug: bool) -> Component {
    let (kind, rows) = match &claims.body {
        Body::Enclave(_) => (Kind::Sgx, SGX_PROPERTIES.len()),
        Body::TrustDomain(_) => (Kind::Tdx, TDX_PROPERTIES.len()),
    };
    let mut parts = Parts::new(name, kind, Subject::Vendor(Vendor::Intel), rows);
    parts.number("quote-version", claims.header.version);
    parts.bytes("qe-user-data", &claims.header.user_data);
    parts.bytes("qe-mr-enclave", &claims.qe.mr_enclave);
    parts.number("qe-isv-svn", claims.qe.isv_svn);
    parts.number("unsigned-trailing-bytes", u64::try_from(claims.trailing_bytes).unwrap_or(u64::MAX));
    match &claims.body {
        Body::Enclave(own) => enclave(own, &mut parts),
        Body::TrustDomain(own) => trust_domain(own, &mut parts),
    }
    platform(&claims.pck, &mut parts);
    tcb(&claims.tcb, &mut parts);
    parts.danger(debug, Allowance::Debug);
    parts.finish()
}

fn enclave(own: &Enclave, parts: &mut Parts) {
    parts.register("mr-enclave", &own.mr_enclave);
    parts.register("mr-signer", &own.mr_signer);
    parts.number("isv-prod-id", own.isv_prod_id);
    parts.number("isv-svn", own.isv_svn);
    parts.bytes("isv-ext-prod-id", &own.isv_ext_prod_id);
    parts.bytes("isv-family-id", &own.isv_family_id);
    parts.bytes("config-id", &own.config_id);
    parts.number("config-svn", own.config_svn);
    parts.bytes("attributes", &own.attributes.0);
    parts.bool("provisioning-key", own.attributes.has_provisioning_key());
    parts.bool("key-separation", own.attributes.has_key_separation());
    parts.bytes("misc-select", &own.misc_select);
    parts.bytes("cpu-svn", &own.cpu_svn);
}

fn trust_domain(own: &TrustDomain, parts: &mut Parts) {
    parts.register("mr-td", &own.mr_td);
    for (name, register) in ["rtmr-0", "rtmr-1", "rtmr-2", "rtmr-3"].into_iter().zip(&own.rtmr) {
        parts.register(name, register);
    }
    parts.bytes("mr-config-id", &own.mr_config_id);
    parts.bytes("mr-owner", &own.mr_owner);
    parts.bytes("mr-owner-config", &own.mr_owner_config);
    parts.bytes("td-attributes", &own.attributes.0.to_be_bytes());
    parts.bool("sept-ve-disabled", own.attributes.has_sept_ve_disabled());
    parts.bool("migratable", own.attributes.is_migratable());
    parts.bool("pks", own.attributes.has_pks());
    parts.bool("key-locker", own.attributes.has_key_locker());
    parts.bool("perfmon", own.attributes.has_perfmon());
    parts.bytes("xfam", &own.xfam.to_be_bytes());
    versions(["tee-tcb-svn.minor", "tee-tcb-svn.major", "tee-tcb-svn.microcode"], &own.tee_tcb_svn, parts);
    parts.bytes("mr-seam", &own.mr_seam);
    parts.bytes("mr-signer-seam", &own.mr_signer_seam);
    parts.bytes("seam-attributes", &own.seam_attributes);
    let mut is_served = false;
    if let Some(preserving) = &own.preserving {
        let names = ["tee-tcb-svn-2.minor", "tee-tcb-svn-2.major", "tee-tcb-svn-2.microcode"];
        versions(names, &preserving.tee_tcb_svn_2, parts);
        parts.bytes("mr-service-td", &preserving.mr_service_td);
        is_served |= preserving.mr_service_td != [0; 48];
    }
    if let Some(extended) = &own.extended {
        parts.number("vm-id", extended.vm_id);
        parts.bytes("td-id", &extended.td_id);
        parts.bytes("device-info", &extended.device_info);
        parts.bytes("init-service-td-hash", &extended.init_service_td_hash);
        parts.bytes("init-service-td-attributes", &extended.init_service_td_attributes.to_be_bytes());
        parts.bytes("init-cpu-svn", &extended.init_cpu_svn);
        let names = ["init-tee-tcb-svn.minor", "init-tee-tcb-svn.major", "init-tee-tcb-svn.microcode"];
        versions(names, &extended.init_tee_tcb_svn, parts);
        parts.bytes("init-tee-model", &extended.init_tee_model);
        parts.bytes("current-service-td-hash", &extended.current_service_td_hash);
        parts.bytes("current-service-td-attributes", &extended.current_service_td_attributes.to_be_bytes());
        is_served |= extended.init_service_td_hash != [0; 48] || extended.current_service_td_hash != [0; 48];
    }
    parts.danger(own.attributes.is_migratable(), Allowance::Migratable);
    parts.danger(is_served, Allowance::ServiceDomain);
}

fn versions(names: [&'static str; 3], svn: &[u8; 16], parts: &mut Parts) {
    for (name, version) in names.into_iter().zip(svn) {
        parts.number(name, *version);
    }
}

fn platform(pck: &Pck, parts: &mut Parts) {
    parts.identity = Some(pck.platform_instance_id.unwrap_or(pck.ppid).to_vec());
    parts.bytes("fmspc", &pck.fmspc);
    parts.bytes("pce-id", &pck.pce_id);
    for (name, component) in rows::COMPONENTS.into_iter().zip(pck.components) {
        parts.number(name, component);
    }
    parts.number("pck-pce-svn", pck.pce_svn);
    parts.bytes("pck-cpu-svn", &pck.cpu_svn);
    parts.text("sgx-type", pck.sgx_type.as_str());
    for (name, value) in [
        ("dynamic-platform", pck.configuration.dynamic_platform),
        ("cached-keys", pck.configuration.cached_keys),
        ("smt-enabled", pck.configuration.smt_enabled),
    ] {
        if let Some(value) = value {
            parts.bool(name, value);
        }
    }
}

fn tcb(tcb: &Tcb, parts: &mut Parts) {
    parts.text("tcb-status", tcb.status.as_str());
    if let Some(date) = tcb.date {
        parts.time("tcb-date", date);
    }
    parts.set("tcb-advisories", tcb.advisories.iter().cloned());
    let mut part = |[status, date]: [&'static str; 2], part: Option<&Part>| {
        let Some(part) = part else { return };
        parts.text(status, part.status.as_str());
        if let Some(of) = part.date {
            parts.time(date, of);
        }
    };
    part(["tcb-platform.status", "tcb-platform.date"], Some(&tcb.platform));
    part(["tcb-module.status", "tcb-module.date"], tcb.module.as_ref());
    part(["tcb-qe.status", "tcb-qe.date"], Some(&tcb.qe));
    part(["tcb-current-platform.status", "tcb-current-platform.date"], tcb.current_platform.as_ref());
    part(["tcb-current-module.status", "tcb-current-module.date"], tcb.current_module.as_ref());
    parts.number("tcb-info-evaluation-data-number", tcb.tcb_info_number);
    parts.number("qe-identity-evaluation-data-number", tcb.qe_identity_number);
}

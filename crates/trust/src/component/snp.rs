//! SEV-SNP guests. [AMD 56860, SEV-SNP firmware ABI, rev. 1.58; 57230]

use casemate_evidence::snp::{Claims, Product, Tcb, VekKind};

use super::{
    Component, Parts,
    registry::{
        Draft::{AtLeast, Exactly, IfSo, Nothing},
        IdentityName, Property, RegisterName,
        Type::{Bool, Bytes, Number, Text},
        U8, U32, names,
    },
};
use crate::statement::{Allowance, Kind, Subject};

const REPORT: &str = "AMD 56860 §7.3, ATTESTATION_REPORT";
const POLICY: &str = "AMD 56860 §4.3, guest policy";
const TCB: &str = "AMD 56860 §2.2, TCB_VERSION";
const INFO: &str = "AMD 56860 §7.3, PLATFORM_INFO";
const KDS: &str = "AMD 57230 §3, VCEK and VLEK certificates";

const HOST: &str = "run on another host";
const FIRMWARE: &str = "update the host's firmware";
const REBOOT: &str = "update the host's firmware and launch the guest anew";
const BIOS: &str = "set the host's BIOS so";
const GUEST: &str = "launch the guest with another ID block";
const LAUNCH: &str = "launch the guest with another policy";

/// What reports say of guest and platform.
pub(super) const PROPERTIES: &[Property] = &[
    Property::new("product", Text, Exactly, "the product line: `Milan`, `Genoa`, `Turin`", KDS, HOST)
        .names(names!(Product::ALL, Product::as_str)),
    Property::new("cpuid.family", Number, Nothing, "the processor's family", REPORT, HOST).most(U8).hex(),
    Property::new("cpuid.model", Number, Nothing, "the processor's model", REPORT, HOST).most(U8).hex(),
    Property::new("cpuid.stepping", Number, Nothing, "the processor's stepping", REPORT, HOST).most(U8).hex(),
    Property::new("report-version", Number, Nothing, "the version of the report's layout", REPORT, FIRMWARE).most(5),
    Property::new(
        "vmpl",
        Number,
        Exactly,
        "the privilege level that asked for the report; 0 is the highest",
        REPORT,
        "have the evidence asked for at that privilege level",
    )
    .most(3),
    Property::new(
        "host-data",
        Bytes,
        Nothing,
        "what the host stated at launch: the manifest's digest, which brokers compare",
        REPORT,
        "launch the guest with that host data",
    )
    .bytes(&[32]),
    Property::new("guest-svn", Number, AtLeast, "the guest's security version, from its ID block", REPORT, GUEST)
        .most(U32),
    Property::new("family-id", Bytes, Exactly, "from the ID block; zeros without one", REPORT, GUEST).bytes(&[16]),
    Property::new("image-id", Bytes, Exactly, "from the ID block; zeros without one", REPORT, GUEST).bytes(&[16]),
    Property::new("id-key-digest", Bytes, Exactly, "SHA-384 of the key that signed the ID block", REPORT, GUEST)
        .bytes(&[48]),
    Property::new("author-key-digest", Bytes, Exactly, "SHA-384 of the key that certified the ID key", REPORT, GUEST)
        .bytes(&[48]),
    Property::new("report-id", Bytes, Nothing, "another in each guest", REPORT, "name the guest that is meant")
        .bytes(&[32]),
    Property::new("csp-id", Text, Exactly, "the cloud whose VLEK signed", KDS, "run in that cloud"),
    Property::new(
        "policy",
        Number,
        Nothing,
        "the guest's policy, whole; its bits have names of their own",
        POLICY,
        LAUNCH,
    )
    .hex(),
    Property::new("policy.smt", Bool, Exactly, "SMT may be on on the host", POLICY, LAUNCH),
    Property::new("policy.migrate-ma", Bool, Exactly, "a migration agent may move the guest", POLICY, LAUNCH),
    Property::new("policy.debug", Bool, Exactly, "the host may decrypt the guest's memory", POLICY, LAUNCH),
    Property::new("policy.single-socket", Bool, Exactly, "the guest runs on one socket only", POLICY, LAUNCH),
    Property::new("policy.cxl-allow", Bool, Exactly, "CXL devices and memory may be there", POLICY, LAUNCH),
    Property::new("policy.mem-aes-256-xts", Bool, Exactly, "memory is encrypted with AES-256-XTS", POLICY, LAUNCH),
    Property::new("policy.rapl-dis", Bool, Exactly, "RAPL has to be off", POLICY, LAUNCH),
    Property::new("policy.ciphertext-hiding-dram", Bool, Exactly, "ciphertext hiding has to be on", POLICY, LAUNCH),
    Property::new("policy.page-swap-disable", Bool, Exactly, "pages can't be moved or swapped", POLICY, LAUNCH),
    Property::new("policy.abi-min.major", Number, AtLeast, "the least firmware ABI, major version", POLICY, LAUNCH)
        .most(U8),
    Property::new("policy.abi-min.minor", Number, AtLeast, "the least firmware ABI, minor version", POLICY, LAUNCH)
        .most(U8),
    Property::new(
        "platform-info",
        Number,
        Nothing,
        "the platform's settings, whole; its bits have names of their own",
        INFO,
        BIOS,
    )
    .hex(),
    Property::new("platform-info.smt-en", Bool, Exactly, "SMT is on", INFO, BIOS),
    Property::new("platform-info.tsme-en", Bool, Exactly, "transparent SME is on", INFO, BIOS),
    Property::new("platform-info.ecc-en", Bool, Exactly, "memory has ECC", INFO, HOST),
    Property::new("platform-info.rapl-dis", Bool, Exactly, "RAPL is off", INFO, BIOS),
    Property::new("platform-info.ciphertext-hiding-dram-en", Bool, Exactly, "ciphertext hiding is on", INFO, BIOS),
    Property::new(
        "platform-info.alias-check-complete",
        Bool,
        Exactly,
        "no two addresses were found to be of one place in memory (AMD-SB-3015)",
        INFO,
        FIRMWARE,
    ),
    Property::new("platform-info.tio-en", Bool, Exactly, "SEV-TIO is on", INFO, BIOS),
    Property::new(
        "reported-tcb.fmc",
        Number,
        AtLeast,
        "certified level of the first mutable code; Turin only",
        TCB,
        FIRMWARE,
    )
    .most(U8),
    Property::new(
        "reported-tcb.boot-loader",
        Number,
        AtLeast,
        "certified level of the PSP's boot loader",
        TCB,
        FIRMWARE,
    )
    .most(U8),
    Property::new("reported-tcb.tee", Number, AtLeast, "certified level of the PSP's operating system", TCB, FIRMWARE)
        .most(U8),
    Property::new("reported-tcb.snp", Number, AtLeast, "certified level of the SNP firmware", TCB, FIRMWARE).most(U8),
    Property::new("reported-tcb.microcode", Number, AtLeast, "certified level of the microcode", TCB, FIRMWARE)
        .most(U8)
        .hex(),
    Property::new(
        "committed-tcb.fmc",
        Number,
        AtLeast,
        "level below which it can't be rolled back",
        TCB,
        "commit the host's firmware",
    )
    .most(U8),
    Property::new(
        "committed-tcb.boot-loader",
        Number,
        AtLeast,
        "level below which it can't be rolled back",
        TCB,
        "commit the host's firmware",
    )
    .most(U8),
    Property::new(
        "committed-tcb.tee",
        Number,
        AtLeast,
        "level below which it can't be rolled back",
        TCB,
        "commit the host's firmware",
    )
    .most(U8),
    Property::new(
        "committed-tcb.snp",
        Number,
        AtLeast,
        "level below which it can't be rolled back",
        TCB,
        "commit the host's firmware",
    )
    .most(U8),
    Property::new(
        "committed-tcb.microcode",
        Number,
        AtLeast,
        "level below which it can't be rolled back",
        TCB,
        "commit the host's firmware",
    )
    .most(U8)
    .hex(),
    Property::new("current-tcb.fmc", Number, AtLeast, "level that runs", TCB, FIRMWARE).most(U8),
    Property::new("current-tcb.boot-loader", Number, AtLeast, "level that runs", TCB, FIRMWARE).most(U8),
    Property::new("current-tcb.tee", Number, AtLeast, "level that runs", TCB, FIRMWARE).most(U8),
    Property::new("current-tcb.snp", Number, AtLeast, "level that runs", TCB, FIRMWARE).most(U8),
    Property::new("current-tcb.microcode", Number, AtLeast, "level that runs", TCB, FIRMWARE).most(U8).hex(),
    Property::new("launch-tcb.fmc", Number, AtLeast, "level that ran when the guest was launched", TCB, REBOOT)
        .most(U8),
    Property::new("launch-tcb.boot-loader", Number, AtLeast, "level that ran when the guest was launched", TCB, REBOOT)
        .most(U8),
    Property::new("launch-tcb.tee", Number, AtLeast, "level that ran when the guest was launched", TCB, REBOOT)
        .most(U8),
    Property::new("launch-tcb.snp", Number, AtLeast, "level that ran when the guest was launched", TCB, REBOOT)
        .most(U8),
    Property::new("launch-tcb.microcode", Number, AtLeast, "level that ran when the guest was launched", TCB, REBOOT)
        .most(U8)
        .hex(),
    Property::new("current-firmware.major", Number, AtLeast, "the firmware that runs", REPORT, FIRMWARE).most(U8),
    Property::new("current-firmware.minor", Number, AtLeast, "the firmware that runs", REPORT, FIRMWARE).most(U8),
    Property::new(
        "current-firmware.build",
        Number,
        Nothing,
        "the firmware that runs; begins anew with each minor version",
        REPORT,
        FIRMWARE,
    )
    .most(U8),
    Property::new(
        "committed-firmware.major",
        Number,
        AtLeast,
        "the firmware below which it can't be rolled back",
        REPORT,
        "commit the host's firmware",
    )
    .most(U8),
    Property::new(
        "committed-firmware.minor",
        Number,
        AtLeast,
        "the firmware below which it can't be rolled back",
        REPORT,
        "commit the host's firmware",
    )
    .most(U8),
    Property::new(
        "committed-firmware.build",
        Number,
        Nothing,
        "begins anew with each minor version",
        REPORT,
        "commit the host's firmware",
    )
    .most(U8),
    Property::new(
        "launch-mit-vector",
        Number,
        Exactly,
        "mitigations at launch, a bit each; from report version 5 on",
        REPORT,
        REBOOT,
    )
    .hex(),
    Property::new(
        "current-mit-vector",
        Number,
        Exactly,
        "mitigations now, a bit each; from report version 5 on",
        REPORT,
        FIRMWARE,
    )
    .hex(),
    Property::new(
        "signed-by",
        Text,
        Exactly,
        "the kind of key that signed: `VCEK` of a chip, `VLEK` of a cloud",
        KDS,
        HOST,
    )
    .names(names!(VekKind::ALL, VekKind::as_str)),
    Property::new("chip-key-masked", Bool, Exactly, "the platform may not sign with its VCEK", REPORT, HOST),
    Property::new(
        "revocation-checked",
        Bool,
        IfSo,
        "a current revocation list of the ARK was there",
        KDS,
        "give the verifier AMD's revocation list",
    ),
];

/// What guests start with.
pub(super) const REGISTERS: &[RegisterName] =
    &[RegisterName::new("measurement", "launch digest: what the guest started with", REPORT).bytes(&[48])];

/// The chip.
pub(super) const IDENTITY: IdentityName = IdentityName {
    names: &["chip-id", "hwid"],
    bytes: &[64],
    means: "the chip, 64 bytes; where the report masks it, from the VCEK's certificate (eight bytes of Turin's and zeros)",
    source: "AMD 56860 §7.3, CHIP_ID; AMD 57230 §3.1, hwID",
};

/// The component of a guest's report.
pub(super) fn component(name: &str, claims: &Claims, debug: bool) -> Component {
    let mut parts = Parts::new(name, Kind::Snp, Subject::Vendor(casemate_evidence::Vendor::Amd), PROPERTIES.len());
    guest(claims, &mut parts);
    platform(claims, &mut parts);
    parts.register("measurement", &claims.measurement);
    parts.identity = identity(claims);
    parts.danger(debug, Allowance::Debug);
    parts.danger(parts.identity.is_none(), Allowance::MaskedChip);
    parts.danger(claims.policy.migrate_ma() || claims.report_id_ma.is_some(), Allowance::Migratable);
    parts.danger(claims.vmpl > 0, Allowance::VmplAboveZero);
    parts.finish()
}

fn guest(claims: &Claims, parts: &mut Parts) {
    parts.number("report-version", claims.version);
    parts.number("vmpl", claims.vmpl);
    parts.bytes("host-data", &claims.host_data);
    parts.number("guest-svn", claims.guest_svn);
    parts.bytes("family-id", &claims.family_id);
    parts.bytes("image-id", &claims.image_id);
    parts.bytes("report-id", &claims.report_id);
    if let Some(digest) = &claims.id_key_digest {
        parts.bytes("id-key-digest", digest);
    }
    if let Some(digest) = &claims.author_key_digest {
        parts.bytes("author-key-digest", digest);
    }
    let policy = claims.policy;
    parts.number("policy", policy.0);
    parts.bool("policy.smt", policy.smt());
    parts.bool("policy.migrate-ma", policy.migrate_ma());
    parts.bool("policy.debug", policy.debug());
    parts.bool("policy.single-socket", policy.single_socket());
    parts.bool("policy.cxl-allow", policy.cxl_allow());
    parts.bool("policy.mem-aes-256-xts", policy.mem_aes_256_xts());
    parts.bool("policy.rapl-dis", policy.rapl_dis());
    parts.bool("policy.ciphertext-hiding-dram", policy.ciphertext_hiding_dram());
    parts.bool("policy.page-swap-disable", policy.page_swap_disable());
    let (major, minor) = policy.abi_min();
    parts.number("policy.abi-min.major", major);
    parts.number("policy.abi-min.minor", minor);
}

fn platform(claims: &Claims, parts: &mut Parts) {
    parts.text("product", claims.product.as_str());
    if let Some(cpuid) = claims.cpuid {
        parts.number("cpuid.family", cpuid.family);
        parts.number("cpuid.model", cpuid.model);
        parts.number("cpuid.stepping", cpuid.stepping);
    }
    if let Some(csp) = &claims.csp_id {
        parts.text("csp-id", csp);
    }
    let info = claims.platform;
    parts.number("platform-info", info.0);
    parts.bool("platform-info.smt-en", info.smt_en());
    parts.bool("platform-info.tsme-en", info.tsme_en());
    parts.bool("platform-info.ecc-en", info.ecc_en());
    parts.bool("platform-info.rapl-dis", info.rapl_dis());
    parts.bool("platform-info.ciphertext-hiding-dram-en", info.ciphertext_hiding_dram_en());
    parts.bool("platform-info.alias-check-complete", info.alias_check_complete());
    parts.bool("platform-info.tio-en", info.tio_en());
    for (names, tcb) in [
        (REPORTED, &claims.reported_tcb),
        (COMMITTED, &claims.committed_tcb),
        (CURRENT, &claims.current_tcb),
        (LAUNCH_TCB, &claims.launch_tcb),
    ] {
        levels(names, tcb, parts);
    }
    for ([major, minor, build], firmware) in
        [(CURRENT_FIRMWARE, claims.current_firmware), (COMMITTED_FIRMWARE, claims.committed_firmware)]
    {
        parts.number(major, firmware.major);
        parts.number(minor, firmware.minor);
        parts.number(build, firmware.build);
    }
    if let Some(mitigations) = claims.mitigations {
        parts.number("launch-mit-vector", mitigations.launch);
        parts.number("current-mit-vector", mitigations.current);
    }
    parts.text("signed-by", claims.signed_by.as_str());
    parts.bool("chip-key-masked", claims.is_chip_key_masked);
    parts.bool("revocation-checked", claims.revocation_checked);
}

const REPORTED: [&str; 5] =
    ["reported-tcb.fmc", "reported-tcb.boot-loader", "reported-tcb.tee", "reported-tcb.snp", "reported-tcb.microcode"];
const COMMITTED: [&str; 5] = [
    "committed-tcb.fmc",
    "committed-tcb.boot-loader",
    "committed-tcb.tee",
    "committed-tcb.snp",
    "committed-tcb.microcode",
];
const CURRENT: [&str; 5] =
    ["current-tcb.fmc", "current-tcb.boot-loader", "current-tcb.tee", "current-tcb.snp", "current-tcb.microcode"];
const LAUNCH_TCB: [&str; 5] =
    ["launch-tcb.fmc", "launch-tcb.boot-loader", "launch-tcb.tee", "launch-tcb.snp", "launch-tcb.microcode"];
const CURRENT_FIRMWARE: [&str; 3] = ["current-firmware.major", "current-firmware.minor", "current-firmware.build"];
const COMMITTED_FIRMWARE: [&str; 3] =
    ["committed-firmware.major", "committed-firmware.minor", "committed-firmware.build"];

fn levels([fmc, boot_loader, tee, snp, microcode]: [&'static str; 5], tcb: &Tcb, parts: &mut Parts) {
    if let Some(level) = tcb.fmc {
        parts.number(fmc, level);
    }
    parts.number(boot_loader, tcb.boot_loader);
    parts.number(tee, tcb.tee);
    parts.number(snp, tcb.snp);
    parts.number(microcode, tcb.microcode);
}

/// The chip as the report names it or, where it is masked, as the certificate of its VCEK does, in the report's form.
fn identity(claims: &Claims) -> Option<Vec<u8>> {
    if let Some(chip) = &claims.chip_id {
        return Some(chip.to_vec());
    }
    let mut chip = claims.hwid.clone()?;
    chip.resize(64, 0);
    Some(chip)
}

//! What quotes say, row by row.

use super::{
    AtLeast, Bool, Bytes, Exactly, IdentityName, Nothing, Number, Only, Property, RegisterName, Set, SgxType,
    TcbStatus, Text, Time, U8, U16, U32, names,
};

const STATUSES: &[&str] = names!(TcbStatus::ALL, TcbStatus::as_str);

const REPORT: &str = "Intel SDM vol. 3D, table 38-21, REPORT";
const TD: &str = "Intel TDX module ABI, TDINFO_STRUCT";
const TD_ATTRIBUTES: &str = "Intel TDX module base specification, ATTRIBUTES";
const SEAM: &str = "Intel TDX module ABI, TEE_TCB_INFO_STRUCT";
const QUOTE: &str = "Intel TDX DCAP quoting library API, appendix A.3";
const PCK: &str = "Intel SGX PCK certificate and CRL profile §1.3.5";
const STATUS: &str = "Intel QVL §4.1.2.5";
const COLLATERAL: &str = "Intel PCS API, TCB info and enclave identity";

const FIRMWARE: &str = "update the host's firmware and microcode, and have its PCK certificate renewed";
const MODULE: &str = "update the host's TDX module";
const RELAUNCH: &str = "update the host's TDX module and launch the domain anew";
const ENCLAVE: &str = "build or sign the enclave so";
const LAUNCH: &str = "launch it so";
const HOST: &str = "run on another host";
const BIOS: &str = "set the host's BIOS so and register the platform anew";
const COLLATERAL_NEW: &str = "give the verifier newer collateral of Intel's";
const QE: &str = "update the host's quoting enclave (DCAP)";

/// A kind's own rows, and those of the quoting enclave, the platform's certificate and the collateral, which all quotes have.
macro_rules! quoted {
    [$($own:expr,)*] => {
        &[
            $($own,)*
            Property::new("quote-version", Number, Nothing, "the version of the quote's layout", QUOTE, QE).most(5),
            Property::new(
                "qe-user-data",
                Bytes,
                Nothing,
                "Intel's quoting enclaves put the platform's id into its first 16 bytes",
                QUOTE,
                HOST,
            )
            .bytes(&[20]),
            Property::new("qe-mr-enclave", Bytes, Nothing, "the quoting enclave; Intel's identity judges it", QUOTE, QE)
                .bytes(&[32]),
            Property::new("qe-isv-svn", Number, AtLeast, "the security version of the quoting enclave", QUOTE, QE).most(U16),
            Property::new(
                "unsigned-trailing-bytes",
                Number,
                Nothing,
                "bytes after the quote that nobody signed",
                QUOTE,
                "cut what follows the quote",
            ),
            Property::new("fmspc", Bytes, Exactly, "family, model, stepping, platform type and custom SKU", PCK, HOST)
                .bytes(&[6]),
            Property::new("pce-id", Bytes, Nothing, "the provisioning certification enclave", PCK, HOST).bytes(&[2]),
            Property::new("pck-components.1", Number, AtLeast, "security version of TCB component 1", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.2", Number, AtLeast, "security version of TCB component 2", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.3", Number, AtLeast, "security version of TCB component 3", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.4", Number, AtLeast, "security version of TCB component 4", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.5", Number, AtLeast, "security version of TCB component 5", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.6", Number, AtLeast, "security version of TCB component 6", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.7", Number, AtLeast, "security version of TCB component 7", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.8", Number, AtLeast, "security version of TCB component 8", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.9", Number, AtLeast, "security version of TCB component 9", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.10", Number, AtLeast, "security version of TCB component 10", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.11", Number, AtLeast, "security version of TCB component 11", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.12", Number, AtLeast, "security version of TCB component 12", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.13", Number, AtLeast, "security version of TCB component 13", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.14", Number, AtLeast, "security version of TCB component 14", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.15", Number, AtLeast, "security version of TCB component 15", PCK, FIRMWARE).most(U8),
            Property::new("pck-components.16", Number, AtLeast, "security version of TCB component 16", PCK, FIRMWARE).most(U8),
            Property::new(
                "pck-pce-svn",
                Number,
                AtLeast,
                "the security version of the provisioning certification enclave",
                PCK,
                FIRMWARE,
            )
            .most(U16),
            Property::new(
                "pck-cpu-svn",
                Bytes,
                Nothing,
                "the processor's security version, whole; `pck-components` has its parts",
                PCK,
                FIRMWARE,
            )
            .bytes(&[16]),
            Property::new(
                "sgx-type",
                Text,
                Exactly,
                "how memory is protected: `standard`, `scalable`, `scalable-with-integrity`",
                PCK,
                HOST,
            )
            .names(names!(SgxType::ALL, SgxType::as_str)),
            Property::new("dynamic-platform", Bool, Exactly, "processors can be added", PCK, HOST),
            Property::new("cached-keys", Bool, Exactly, "Intel's registration service has the platform's keys", PCK, HOST),
            Property::new("smt-enabled", Bool, Exactly, "threads of one core may belong to others", PCK, BIOS),
            Property::new(
                "tcb-status",
                Text,
                Exactly,
                "how the whole stands: `UpToDate`, `SWHardeningNeeded`, …",
                STATUS,
                FIRMWARE,
            )
            .names(STATUSES),
            Property::new("tcb-date", Time, AtLeast, "when the oldest part's level was the newest", STATUS, FIRMWARE),
            Property::new("tcb-advisories", Set, Only, "Intel's advisories that the platform is open to", STATUS, FIRMWARE),
            Property::new("tcb-platform.status", Text, Exactly, "how the platform's firmware stands", STATUS, FIRMWARE)
                .names(STATUSES),
            Property::new("tcb-platform.date", Time, AtLeast, "when its level was the newest", STATUS, FIRMWARE),
            Property::new("tcb-qe.status", Text, Exactly, "how the quoting enclave stands", STATUS, QE).names(STATUSES),
            Property::new("tcb-qe.date", Time, AtLeast, "when its level was the newest", STATUS, QE),
            Property::new(
                "tcb-info-evaluation-data-number",
                Number,
                AtLeast,
                "by which edition of Intel's TCB info it was judged",
                COLLATERAL,
                COLLATERAL_NEW,
            )
            .most(U32),
            Property::new(
                "qe-identity-evaluation-data-number",
                Number,
                AtLeast,
                "by which edition of Intel's enclave identity it was judged",
                COLLATERAL,
                COLLATERAL_NEW,
            )
            .most(U32),
        ]
    };
}

/// What quotes of enclaves say.
pub(in super::super) const SGX_PROPERTIES: &[Property] = quoted![
    Property::new("isv-prod-id", Number, Exactly, "the signer's number for the product", REPORT, ENCLAVE).most(U16),
    Property::new(
        "isv-svn",
        Number,
        AtLeast,
        "the signer's security version of the product",
        REPORT,
        "run a later version of the enclave",
    )
    .most(U16),
    Property::new("isv-ext-prod-id", Bytes, Exactly, "the product's longer number", REPORT, ENCLAVE).bytes(&[16]),
    Property::new("isv-family-id", Bytes, Exactly, "the signer's number for the family of products", REPORT, ENCLAVE)
        .bytes(&[16]),
    Property::new(
        "config-id",
        Bytes,
        Nothing,
        "chosen at launch: the manifest's digest, which brokers compare",
        REPORT,
        LAUNCH,
    )
    .bytes(&[64]),
    Property::new("config-svn", Number, AtLeast, "the security version of the configuration", REPORT, LAUNCH).most(U16),
    Property::new("attributes", Bytes, Exactly, "flags and XFRM, 16 bytes", REPORT, ENCLAVE).bytes(&[16]),
    Property::new("provisioning-key", Bool, Exactly, "it can get keys that identify the processor", REPORT, ENCLAVE),
    Property::new(
        "key-separation",
        Bool,
        Exactly,
        "key separation and sharing, without which CONFIGID means nothing",
        REPORT,
        ENCLAVE,
    ),
    Property::new("misc-select", Bytes, Exactly, "which fields of the state save area are used", REPORT, ENCLAVE)
        .bytes(&[4]),
    Property::new(
        "cpu-svn",
        Bytes,
        Nothing,
        "the processor's security version as the enclave saw it; `tcb-status` judges it",
        REPORT,
        FIRMWARE,
    )
    .bytes(&[16]),
];

/// What quotes of trust domains say.
pub(in super::super) const TDX_PROPERTIES: &[Property] = quoted![
    Property::new(
        "mr-config-id",
        Bytes,
        Nothing,
        "chosen at launch: the manifest's digest, which brokers compare",
        TD,
        LAUNCH,
    )
    .bytes(&[48]),
    Property::new("mr-owner", Bytes, Exactly, "chosen at launch: the owner", TD, LAUNCH).bytes(&[48]),
    Property::new("mr-owner-config", Bytes, Exactly, "chosen at launch: the owner's configuration", TD, LAUNCH)
        .bytes(&[48]),
    Property::new("td-attributes", Bytes, Exactly, "the domain's attributes, 8 bytes", TD_ATTRIBUTES, LAUNCH)
        .bytes(&[8]),
    Property::new(
        "sept-ve-disabled",
        Bool,
        Exactly,
        "pending pages raise no exception with which a host could surprise the kernel",
        TD_ATTRIBUTES,
        LAUNCH,
    ),
    Property::new("migratable", Bool, Exactly, "a service domain can move it to another host", TD_ATTRIBUTES, LAUNCH),
    Property::new("pks", Bool, Exactly, "supervisor protection keys are on", TD_ATTRIBUTES, LAUNCH),
    Property::new("key-locker", Bool, Exactly, "key locker is on", TD_ATTRIBUTES, LAUNCH),
    Property::new("perfmon", Bool, Exactly, "performance monitoring is on", TD_ATTRIBUTES, LAUNCH),
    Property::new("xfam", Bytes, Exactly, "the extended features that it may use, 8 bytes", TD, LAUNCH).bytes(&[8]),
    Property::new("tee-tcb-svn.minor", Number, AtLeast, "minor version of the TDX module at launch", SEAM, RELAUNCH)
        .most(U8),
    Property::new("tee-tcb-svn.major", Number, AtLeast, "major version of the TDX module at launch", SEAM, RELAUNCH)
        .most(U8),
    Property::new("tee-tcb-svn.microcode", Number, AtLeast, "late microcode at launch", SEAM, RELAUNCH).most(U8),
    Property::new("mr-seam", Bytes, Exactly, "measurement of the TDX module", SEAM, MODULE).bytes(&[48]),
    Property::new("mr-signer-seam", Bytes, Exactly, "who signed it: zeros for Intel", SEAM, MODULE).bytes(&[48]),
    Property::new("seam-attributes", Bytes, Exactly, "its attributes: zeros for Intel's", SEAM, MODULE).bytes(&[8]),
    Property::new(
        "tee-tcb-svn-2.minor",
        Number,
        AtLeast,
        "minor version of the TDX module now; from TDX 1.5 on",
        SEAM,
        MODULE,
    )
    .most(U8),
    Property::new(
        "tee-tcb-svn-2.major",
        Number,
        AtLeast,
        "major version of the TDX module now; from TDX 1.5 on",
        SEAM,
        MODULE,
    )
    .most(U8),
    Property::new("tee-tcb-svn-2.microcode", Number, AtLeast, "late microcode now; from TDX 1.5 on", SEAM, MODULE)
        .most(U8),
    Property::new(
        "mr-service-td",
        Bytes,
        Exactly,
        "measurement of the service domains bound to it; zeros if there are none",
        TD,
        LAUNCH,
    )
    .bytes(&[48]),
    Property::new("vm-id", Number, Exactly, "which partition of the domain asked: 0 for the domain itself", TD, LAUNCH)
        .most(U8),
    Property::new("td-id", Bytes, Nothing, "another in each domain", TD, LAUNCH).bytes(&[32]),
    Property::new("device-info", Bytes, Exactly, "hash of what devices it trusts", TD, LAUNCH).bytes(&[48]),
    Property::new("init-service-td-hash", Bytes, Exactly, "hash of the service domains at launch", TD, LAUNCH)
        .bytes(&[48]),
    Property::new("init-service-td-attributes", Bytes, Exactly, "attributes of that binding, 8 bytes", TD, LAUNCH)
        .bytes(&[8]),
    Property::new("init-cpu-svn", Bytes, Nothing, "the processor's security version at launch, opaque", TD, RELAUNCH)
        .bytes(&[16]),
    Property::new(
        "init-tee-tcb-svn.minor",
        Number,
        AtLeast,
        "minor version of the TDX module where it was first launched",
        TD,
        RELAUNCH,
    )
    .most(U8),
    Property::new(
        "init-tee-tcb-svn.major",
        Number,
        AtLeast,
        "major version of the TDX module where it was first launched",
        TD,
        RELAUNCH,
    )
    .most(U8),
    Property::new(
        "init-tee-tcb-svn.microcode",
        Number,
        AtLeast,
        "late microcode where it was first launched",
        TD,
        RELAUNCH,
    )
    .most(U8),
    Property::new("init-tee-model", Bytes, Exactly, "the processor's model where it was first launched", TD, HOST)
        .bytes(&[12]),
    Property::new("current-service-td-hash", Bytes, Exactly, "hash of the service domains now", TD, LAUNCH)
        .bytes(&[48]),
    Property::new("current-service-td-attributes", Bytes, Exactly, "attributes of that binding, 8 bytes", TD, LAUNCH)
        .bytes(&[8]),
    Property::new(
        "tcb-module.status",
        Text,
        Exactly,
        "how the TDX module stood at launch; from TDX 1.5 on",
        STATUS,
        RELAUNCH,
    )
    .names(STATUSES),
    Property::new("tcb-module.date", Time, AtLeast, "when its level was the newest", STATUS, RELAUNCH),
    Property::new(
        "tcb-current-platform.status",
        Text,
        Exactly,
        "how the platform stands with the TDX module of now",
        STATUS,
        MODULE,
    )
    .names(STATUSES),
    Property::new("tcb-current-platform.date", Time, AtLeast, "when its level was the newest", STATUS, MODULE),
    Property::new("tcb-current-module.status", Text, Exactly, "how the TDX module of now stands", STATUS, MODULE)
        .names(STATUSES),
    Property::new("tcb-current-module.date", Time, AtLeast, "when its level was the newest", STATUS, MODULE),
];

/// What an enclave is.
pub(in super::super) const SGX_REGISTERS: &[RegisterName] = &[
    RegisterName::new("mr-enclave", "measurement of code and data", REPORT).bytes(&[32]),
    RegisterName::new("mr-signer", "SHA-256 of the signer's key", REPORT).bytes(&[32]),
];

/// What a trust domain runs.
pub(in super::super) const TDX_REGISTERS: &[RegisterName] = &[
    RegisterName::new("mr-td", "measurement of what it began with: the virtual firmware", TD).bytes(&[48]),
    RegisterName::new("rtmr-0", "the virtual firmware's configuration", TD).bytes(&[48]),
    RegisterName::new("rtmr-1", "boot loader and kernel", TD).bytes(&[48]),
    RegisterName::new("rtmr-2", "kernel command line, initial RAM disk, application", TD).bytes(&[48]),
    RegisterName::new("rtmr-3", "what the domain extends itself", TD).bytes(&[48]),
];

/// The platform.
pub(in super::super) const IDENTITY: IdentityName = IdentityName {
    names: &["platform-instance-id", "ppid"],
    bytes: &[16],
    means: "the platform of one or more processors, 16 bytes; the processor where its certificate names no platform",
    source: PCK,
};

/// The names of the 16 TCB components.
pub(super) const COMPONENTS: [&str; 16] = [
    "pck-components.1",
    "pck-components.2",
    "pck-components.3",
    "pck-components.4",
    "pck-components.5",
    "pck-components.6",
    "pck-components.7",
    "pck-components.8",
    "pck-components.9",
    "pck-components.10",
    "pck-components.11",
    "pck-components.12",
    "pck-components.13",
    "pck-components.14",
    "pck-components.15",
    "pck-components.16",
];

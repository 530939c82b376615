//! The benches, and what each figure must be.

use std::{collections::BTreeMap, fmt};

/// Figure name → value, as the bench's program reported them.
pub(super) type Measured = BTreeMap<String, f64>;

/// A program that measures.
pub(super) struct Bench {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) package: &'static str,
    /// The name of its `[[bench]]`.
    pub(super) target: &'static str,
    pub(super) figures: &'static [Figure],
}

/// One figure; its unit is in its name.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) target: Target,
}

/// What a figure must be.
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

pub(super) static BENCHES: [Bench; 4] = [
    Bench {
        name: "evidence",
        what: "Evidence authenticated on one core, against the aws-lc-rs signature checks that it consists of",
        package: "casemate-evidence",
        target: "evidence",
        figures: &[
            Figure { name: "gpu_cached_throughput_ratio", target: Target::AtLeast(0.85) },
            Figure { name: "gpu_uncached_time_ratio", target: Target::AtMost(1.3) },
            Figure { name: "gpu_rim_cached_throughput_ratio", target: Target::AtLeast(0.85) },
            Figure { name: "gpu_rim_uncached_time_ratio", target: Target::AtMost(1.3) },
            Figure { name: "nitro_cached_throughput_ratio", target: Target::AtLeast(0.85) },
            Figure { name: "nitro_uncached_time_ratio", target: Target::AtMost(1.3) },
            Figure { name: "sgx_cached_throughput_ratio", target: Target::AtLeast(0.85) },
            Figure { name: "sgx_uncached_time_ratio", target: Target::AtMost(1.3) },
            Figure { name: "snp_cached_throughput_ratio", target: Target::AtLeast(0.85) },
            Figure { name: "snp_uncached_time_ratio", target: Target::AtMost(1.3) },
            Figure { name: "tdx_cached_throughput_ratio", target: Target::AtLeast(0.85) },
            Figure { name: "tdx_uncached_time_ratio", target: Target::AtMost(1.3) },
            Figure { name: "recorded_cached_times_dcap_qvl", target: Target::AtLeast(5.0) },
            Figure { name: "recorded_cached_times_sev", target: Target::AtLeast(15.0) },
        ],
    },
    Bench {
        name: "keep",
        what: "Programs and queries in a keep's engine and secret memory, against plain Wasmtime and ordinary memory",
        package: "casemate",
        target: "keep",
        figures: &[
            Figure { name: "loop_integer_time_ratio", target: Target::AtMost(1.05) },
            Figure { name: "loop_float_time_ratio", target: Target::AtMost(1.05) },
            Figure { name: "walk_sequential_time_ratio", target: Target::AtMost(1.25) },
            Figure { name: "walk_random_time_ratio", target: Target::AtMost(1.25) },
            Figure { name: "query_secret_time_ratio", target: Target::AtMost(1.25) },
        ],
    },
    Bench {
        name: "study",
        what: "A join over 1.4 million rows in the keep, against the same DataFusion on the plaintext without any of it",
        package: "casemate",
        target: "study",
        figures: &[
            Figure { name: "query_time_ratio", target: Target::AtMost(1.15) },
            Figure { name: "query_memory_ratio", target: Target::AtMost(1.2) },
        ],
    },
    Bench {
        name: "trust",
        what: "Appraisal under a loaded domain of 10,000 statements, proof made and checked, against one signature check and a Rego policy",
        package: "casemate-trust",
        target: "trust",
        figures: &[Figure { name: "appraise_signature_time_ratio", target: Target::AtMost(0.1) }],
    },
];

impl Figure {
    pub(super) fn is_met(&self, measured: &Measured) -> bool {
        measured.get(self.name).is_some_and(|value| self.target.is_met(*value))
    }
}

impl Target {
    pub(super) const fn limit(&self) -> f64 {
        match self {
            Self::AtLeast(limit) | Self::AtMost(limit) => *limit,
        }
    }

    fn is_met(&self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= *limit,
            Self::AtMost(limit) => value <= *limit,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
        }
    }
}

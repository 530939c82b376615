//! What authenticating evidence costs, against the signature checks that it consists of, bare, and against `dcap-qvl` and `sev`.
//!
//! Two questions, on one core: with endorsements that were verified before (a warm [`Cache`]), and with nothing known. All
//! sides of one input run in turn in batches shorter than a time slice, and the fastest tenth of each side's batches counts, so
//! that what else the machine does falls away; a figure is the worst of its format's inputs. Reading endorsements into memory is
//! nobody's cost. Allocations are those of one call, the outcome included; the peak is in bytes above what was there before.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_docs_in_private_items,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench reads files and the clock, and one that cannot measure has nothing better to do than to stop and say where"
)]

mod floor;
mod inputs;

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use casemate_evidence::{Cache, DangerouslyUnbound, authenticate, authenticate_cached};
use casemate_testkit::figure;
use dcap_qvl::{configs::RingConfig, verify::QuoteVerifier};
use inputs::{Input, Other};
use sev::{
    certs::snp::{Certificate, Chain, Verifiable as _},
    firmware::guest::AttestationReport,
    parser::ByteParser as _,
};

/// The makers of recorded evidence that `dcap-qvl` and `sev` judge, too.
const RECORDED: [&str; 2] = ["AMD", "Intel"];
const ROUNDS: usize = 200;
const BATCH: Duration = Duration::from_millis(1);

fn main() {
    println!(
        "{:<8} {:<8} {:>9} {:>9} {:>9} {:>9} {:>9}   allocations, peak",
        "", "in µs", "floor", "warm", "floor", "cold", "other"
    );
    let mut figures = Figures::default();
    for input in inputs::all() {
        measure(&input, &mut figures);
    }
    for (name, value) in figures.0 {
        figure(&name, value);
    }
}

/// By name: the worst of a format's inputs.
#[derive(Default)]
struct Figures(BTreeMap<String, f64>);

impl Figures {
    fn at_most(&mut self, name: String, value: f64) {
        let worst = self.0.entry(name).or_insert(value);
        *worst = worst.max(value);
    }

    fn at_least(&mut self, name: String, value: f64) {
        let worst = self.0.entry(name).or_insert(value);
        *worst = worst.min(value);
    }
}

fn measure(input: &Input, figures: &mut Figures) {
    let cache = Cache::default();
    let warm = || {
        let outcome = authenticate_cached(&input.evidence, &input.endorsements, &DangerouslyUnbound, input.at, &cache);
        drop(black_box(outcome).unwrap_or_else(|refusal| panic!("{}: {refusal}", input.name)));
    };
    let cold = || {
        let outcome = authenticate(&input.evidence, &input.endorsements, &DangerouslyUnbound, input.at);
        drop(black_box(outcome).unwrap_or_else(|refusal| panic!("{}: {refusal}", input.name)));
    };
    let warm_checks = || input.warm.iter().for_each(floor::Check::run);
    let cold_checks = || input.cold.iter().for_each(floor::Check::run);
    let judge = input.other.as_ref().filter(|other| match other.judge(input) {
        Ok(()) => true,
        Err(error) => {
            println!("{} {}: {} refuses it: {error}", input.name, input.maker, other.name());
            false
        }
    });
    let other = || judge.iter().for_each(|other| other.judge(input).expect("accepted before"));
    warm();
    let works: [&dyn Fn(); 5] = [&warm_checks, &warm, &cold_checks, &cold, &other];
    let rounds: Vec<[f64; 5]> = (0..ROUNDS).map(|_| works.map(time_us)).collect();
    let [warm_floor, warm_us, cold_floor, cold_us, other_us] = [0, 1, 2, 3, 4].map(|side: usize| {
        let mut batches: Vec<f64> = rounds.iter().map(|round| round[side]).collect();
        batches.sort_by(f64::total_cmp);
        batches[batches.len() / 10]
    });
    let name = input.name;
    let (warm_cost, cold_cost) = (allocation_counter::measure(warm), allocation_counter::measure(cold));
    println!(
        "{name:<8} {:<8} {warm_floor:>9.1} {warm_us:>9.1} {cold_floor:>9.1} {cold_us:>9.1} {other_us:>9.1}   warm {}, {} bytes; cold {}, {} bytes",
        input.maker, warm_cost.count_total, warm_cost.bytes_max, cold_cost.count_total, cold_cost.bytes_max
    );
    figures.at_least(format!("{name}_cached_throughput_ratio"), warm_floor / warm_us);
    figures.at_most(format!("{name}_uncached_time_ratio"), cold_us / cold_floor);
    for (state, cost) in [("cached", &warm_cost), ("uncached", &cold_cost)] {
        figures.at_most(format!("{name}_{state}_allocations"), cost.count_total as f64);
        figures.at_most(format!("{name}_{state}_peak_bytes"), cost.bytes_max as f64);
    }
    if let Some(other) = judge {
        let other_name = other.name();
        figures.at_least(format!("{name}_cached_times_{other_name}"), other_us / warm_us);
        figures.at_least(format!("{name}_uncached_times_{other_name}"), other_us / cold_us);
        // Vendors of our own have smaller keys than AMD has: what is said of the others is said of evidence that was recorded.
        if RECORDED.contains(&input.maker) {
            figures.at_least(format!("recorded_cached_times_{other_name}"), other_us / warm_us);
        }
    }
}

/// Microseconds of one call, over a batch of them.
fn time_us(work: &dyn Fn()) -> f64 {
    let started = Instant::now();
    let mut calls = 0_u32;
    while started.elapsed() < BATCH {
        work();
        calls += 1;
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

impl Other {
    const fn name(&self) -> &'static str {
        match self {
            Self::DcapQvl { .. } => "dcap_qvl",
            Self::Sev { .. } => "sev",
        }
    }

    /// Verifies the input, from bytes.
    fn judge(&self, input: &Input) -> Result<(), String> {
        match self {
            Self::DcapQvl { root, collateral } => {
                let verifier = QuoteVerifier::<RingConfig>::new_with_config(root.clone());
                let outcome = verifier.verify(input.evidence.bytes(), collateral, input.at.0);
                outcome.map(|outcome| drop(black_box(outcome))).map_err(|error| format!("{error:#}"))
            }
            Self::Sev { certificates } => {
                let [ask, ark, vek] = certificates.each_ref().map(|der| Certificate::from_der(der).unwrap());
                let report = AttestationReport::from_bytes(&input.evidence.bytes()[..1184]).unwrap();
                (&Chain::from((ask, ark, vek)), &report).verify().map_err(|error| error.to_string())
            }
        }
    }
}

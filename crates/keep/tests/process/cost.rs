//! What secret memory costs: the same keep with it and without it, in turn.
//!
//! `cargo test --release -p casemate-keep --test process -- --ignored --nocapture what_secret_memory_costs`, as root.

use std::{fs::File, io::Write as _};

use casemate_launch::{Dataset, Spec};
use casemate_seal::table;

use crate::launcher::{answer, probe_with, spec};

const VISITS: usize = 400_000;
const PEOPLE: usize = 20_000;
const ROUNDS: usize = 9;

fn sealed(csv: &str) -> File {
    let schema = table::infer_csv(csv.as_bytes()).unwrap().schema;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut bytes = Vec::new();
    table::seal_csv(csv.as_bytes(), &mut bytes, &schema, &[7; 32], &[9; 32], |_| {}).unwrap();
    file.write_all(&bytes).unwrap();
    File::open(file.path()).unwrap()
}

/// Numbers that the probe answers.
fn ask(program: &str, files: &[File], naked: bool) -> Vec<u64> {
    let tail: &[u8] = if naked { b"\ncasemate-naked\n" } else { b"" };
    let (_folder, runtime) = probe_with(tail);
    let mut asked = Spec { runtime, ..spec(program) };
    asked.limits.memory_bytes = 2 << 30;
    asked.limits.cpu_s = 600;
    asked.limits.wall_s = 600;
    asked.datasets = files
        .iter()
        .zip(["visits", "people"])
        .map(|(file, name)| Dataset { name: name.into(), file: file.try_clone().unwrap() })
        .collect();
    let (text, report) = answer(asked);
    assert_eq!(report.secret_bytes == 0, naked);
    text.split(' ').map(|number| number.parse().unwrap()).collect()
}

fn median(mut times: Vec<u64>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2] as f64
}

#[test]
#[ignore = "a measurement"]
fn what_secret_memory_costs() {
    let visits: String = (0..VISITS).map(|row| format!("{},{}.5\n", row % PEOPLE, row % 977)).collect();
    let people: String = (0..PEOPLE).map(|person| format!("{person},region-{}\n", person % 7)).collect();
    let files = [sealed(&format!("person,value\n{visits}")), sealed(&format!("person,region\n{people}"))];
    let (mut secret, mut naked, mut first) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        for (is_naked, times) in [(true, &mut naked), (false, &mut secret)] {
            let mut rounds = ask(&format!("query {ROUNDS}"), &files, is_naked);
            if !is_naked {
                first.push(rounds[0]);
            }
            // Two rounds to warm up.
            times.extend(rounds.drain(2..));
        }
    }
    let (secret, naked) = (median(secret), median(naked));
    println!("query: secret {:.1} ms, ordinary {:.1} ms, ratio {:.3}", secret / 1e3, naked / 1e3, secret / naked);
    println!("query: the first in secret memory {:.1} ms", median(first) / 1e3);
    for is_naked in [true, false] {
        let what = if is_naked { "ordinary" } else { "secret" };
        let touched = ask("touch 16384", &files, is_naked);
        println!(
            "{what}: {:.1} us for a page's first touch, {:.3} after",
            touched[0] as f64 / 16384.0,
            touched[1] as f64 / 16384.0
        );
        for threads in [1, 2] {
            let times = ask(&format!("allocate {threads}"), &files, is_naked);
            println!("{what}: {threads} threads allocate in {} ms, then {} ms", times[0] / 1000, times[1] / 1000);
        }
    }
}

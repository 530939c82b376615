//! From nothing to a program's first instruction: the product's run with one broker, against plain Wasmtime in a fresh process.
//!
//! The program writes one line and ends, so that its end is hardly later than its first instruction. The keep's time begins
//! with the launcher's first step and ends when the program has ended: the runtime copied and measured, isolated, its program
//! compiled, TLS and evidence to the broker, its decision, its key, the table decrypted and the view prepared. The other
//! side's begins with a new process and ends with the program: no command of Wasmtime's is installed with its library, so
//! this very binary does what `wasmtime run` does, without what WASI would cost.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use casemate_cose::Digest;
use serde_json::Value;
use wasmtime::{Engine, Linker, Module, Store};

use crate::{
    Sizes,
    keeps::{median, run, spec},
    parties::{Parties, text},
    programs::{BEGIN, BEGUN},
};

/// The argument that makes this binary the other side.
pub(crate) const PLAIN: &str = "--plain";
/// The step at which a program has run.
const COMPUTED: &str = "computed";

/// Seconds.
pub(crate) struct Start {
    pub(crate) keep: f64,
    pub(crate) plain: f64,
    /// The launcher's account of the keep's start: at what time each step was done.
    pub(crate) steps: Vec<(String, f64)>,
}

pub(crate) fn measure(folder: &Path, sizes: &Sizes) -> Start {
    let parties = Parties::new(folder);
    let module = wat::parse_str(BEGIN).unwrap();
    let program = folder.join("begin.wasm");
    fs::write(&program, &module).unwrap();
    let (parties, contract) = study(parties, &module);
    let (mut keeps, mut plains, mut steps) = (Vec::new(), Vec::new(), BTreeMap::<(usize, String), Vec<f64>>::new());
    for _ in 0..sizes.rounds {
        plains.push(plain_in_a_process(&program));
        let run = one_run(&parties, &contract);
        keeps.push(run.iter().find(|(step, _)| step.starts_with(COMPUTED)).unwrap().1);
        for (place, (step, seconds)) in run.into_iter().enumerate() {
            steps.entry((place, step)).or_default().push(seconds);
        }
    }
    let steps = steps.into_iter().map(|((_, step), seconds)| (step, median(seconds))).collect();
    Start { keep: median(keeps), plain: median(plains), steps }
}

/// How much longer a keep of this binary takes to its program's end, without any broker, because its memory is secret.
pub(crate) fn first_touch(own: &Path, naked: &Path, sizes: &Sizes) -> (f64, f64) {
    let (mut secret, mut ordinary) = (Vec::new(), Vec::new());
    for _ in 0..sizes.rounds {
        ordinary.push(run(spec(naked, "begin")).begun.unwrap().as_secs_f64());
        secret.push(run(spec(own, "begin")).begun.unwrap().as_secs_f64());
    }
    (median(secret), median(ordinary))
}

/// One owner with a table, and an analyst who runs.
fn study(mut parties: Parties, module: &[u8]) -> (Parties, PathBuf) {
    let plain = parties.dir.join("people.csv");
    let rows: String = (0..100).map(|person| format!("{person},{}\n", person % 7)).collect();
    fs::write(&plain, format!("person,value\n{rows}")).unwrap();
    let sealed = parties.dir.join("people.parquet");
    parties.join("owner", true);
    parties.join("analyst", false);
    parties.call("owner", &["dataset", "seal", text(&plain), "--entity", "person", "--out", text(&sealed)]);
    let lacks = parties.lacks("analyst");
    parties.believe("owner", "analyst", &lacks);
    parties.start_broker("owner");
    let computation = format!(
        "[computations.begin]\nwasm = \"{}\"\nmax_output_bytes = 4096\nclock_rounds_to_s = 3600\nseed = 1\n\
         limits = {{ memory_mib = 1, seconds = 60 }}\nfree_form = true\nrunners = [\"analyst\"]\n\
         recipients = [\"analyst\"]\ninputs = {{ \"people.csv\" = \"SELECT person FROM people\" }}\n\
         outputs = {{ \"{BEGUN}\" = \"text\" }}\nreads = {{ people = [\"person\"] }}\n",
        Digest::of(module)
    );
    let contract = parties.agree("analyst", &["owner"], &lacks, &computation);
    (parties, contract)
}

/// The steps of one run, and when each was done.
fn one_run(parties: &Parties, contract: &Path) -> Vec<(String, f64)> {
    let out = parties.dir.join("out");
    let _ = fs::remove_dir_all(&out);
    let object = parties.call("analyst", &["run", text(contract), "--data", text(&parties.dir), "--out", text(&out)]);
    let steps = object["steps"].as_array().unwrap().iter();
    // What stands behind a colon or in brackets differs from run to run.
    let words = |step: &Value| step["step"].as_str().unwrap().split([':', '(']).next().unwrap().trim().to_owned();
    steps.map(|step| (words(step), step["seconds"].as_f64().unwrap())).collect()
}

fn plain_in_a_process(program: &Path) -> f64 {
    let started = Instant::now();
    let mut command = Command::new(env::current_exe().unwrap());
    let mut child = command.arg(PLAIN).arg(program).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    assert!(child.wait().unwrap().success() && line == "ran\n");
    seconds
}

/// The other side, in a process of its own.
pub(crate) fn plain(program: &Path) {
    let engine = Engine::default();
    let module = Module::new(&engine, fs::read(program).unwrap()).unwrap();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_default_values(&mut store, &module).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    instance.get_typed_func::<(), ()>(&mut store, "_start").unwrap().call(&mut store, ()).unwrap();
    println!("ran");
}

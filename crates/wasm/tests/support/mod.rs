//! Programs made for tests: from text, as modules, and wrapped as components by the standard's adapter.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests are as free as tests")]

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use bytes::Bytes;
use casemate_wasm::{Clock, Engine, FileRule, Job, Limits, OutputFile, OutputRules, Program, Settings, WasmRefusal};

/// Rights of a preview 1 descriptor.
pub const READ: u64 = 1 << 1;
pub const WRITE: u64 = 1 << 6;
/// `oflags`.
pub const CREATE: u32 = 1;
pub const DIRECTORY: u32 = 2;
pub const EXCLUSIVE: u32 = 4;
pub const TRUNCATE: u32 = 8;
/// Descriptors.
pub const IN: u32 = 3;
pub const OUT: u32 = 4;

/// Which form a program is tested in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    Module,
    Component,
}

pub const FORMS: [Form; 2] = [Form::Module, Form::Component];

/// A program that makes calls and reports what they answer, as numbers in `/out/report.txt`.
#[derive(Clone, Default)]
pub struct Script {
    body: String,
    texts: Vec<u8>,
    functions: String,
}

const TEXTS_AT: usize = 8192;

const PRELUDE: &str = r#"
  (type $start (func))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_res_get" (func $clock_res_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $fd_filestat_set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory" (func $path_remove_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link" (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_readlink" (func $path_readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (global $end (mut i32) (i32.const 2048))
  (global $fd (mut i32) (i32.const -1))
  (func $put (param i32) (i32.store8 (global.get $end) (local.get 0)) (global.set $end (i32.add (global.get $end) (i32.const 1))))
  (func $digits (param i64)
    (if (i64.ge_u (local.get 0) (i64.const 10)) (then (call $digits (i64.div_u (local.get 0) (i64.const 10)))))
    (call $put (i32.wrap_i64 (i64.add (i64.rem_u (local.get 0) (i64.const 10)) (i64.const 48)))))
  (func $note64 (param i64) (call $digits (local.get 0)) (call $put (i32.const 32)))
  (func $note (param i32) (call $note64 (i64.extend_i32_u (local.get 0))))
"#;

impl Script {
    pub fn new() -> Self {
        Self::default()
    }

    /// Instructions as they are.
    pub fn code(mut self, wat: &str) -> Self {
        writeln!(self.body, "    {wat}").unwrap();
        self
    }

    /// Functions beside `_start`.
    pub fn functions(mut self, wat: &str) -> Self {
        self.functions += wat;
        self
    }

    /// An expression of a 32-bit number, to be reported.
    pub fn note(self, wat: &str) -> Self {
        self.code(&format!("(call $note {wat})"))
    }

    /// An expression of a 64-bit number, to be reported.
    pub fn note64(self, wat: &str) -> Self {
        self.code(&format!("(call $note64 {wat})"))
    }

    /// Keeps a text in memory, and gives its place and length as two instructions.
    pub fn text(&mut self, text: &str) -> String {
        let at = TEXTS_AT + self.texts.len();
        self.texts.extend_from_slice(text.as_bytes());
        format!("(i32.const {at}) (i32.const {})", text.len())
    }

    /// Opens; reports the answer; `$fd` is the descriptor.
    pub fn open(mut self, fd: u32, path: &str, how: u32, rights: u64) -> Self {
        let path = self.text(path);
        self.code("(i32.store (i32.const 16) (i32.const -1))")
            .note(&format!(
                "(call $path_open (i32.const {fd}) (i32.const 0) {path} (i32.const {how}) (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 16))"
            ))
            .code("(global.set $fd (i32.load (i32.const 16)))")
    }

    /// Writes a text to `$fd`, and reports the answer.
    pub fn write(mut self, text: &str) -> Self {
        let place = self.text(text);
        let (at, length) = place.split_once(") ").unwrap();
        self.code(&format!("(i32.store (i32.const 0) {at})) (i32.store (i32.const 4) {length})"))
            .note("(call $fd_write (global.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))")
    }

    /// Closes `$fd`.
    pub fn close(self) -> Self {
        self.code("(drop (call $fd_close (global.get $fd)))")
    }

    /// A call with a path: `$name(before, path, length, after)`, reported.
    pub fn path_call(mut self, name: &str, before: &str, path: &str, after: &str) -> Self {
        let path = self.text(path);
        self.note(&format!("(call ${name} {before} {path} {after})"))
    }

    fn wat(&self, reports: bool) -> String {
        let mut whole = self.clone();
        if reports {
            let path = whole.text("report.txt");
            whole = whole
                .code(&format!(
                    "(drop (call $path_open (i32.const {OUT}) (i32.const 0) {path} (i32.const 9) (i64.const {WRITE}) (i64.const 0) (i32.const 0) (i32.const 16)))"
                ))
                .code("(i32.store (i32.const 0) (i32.const 2048)) (i32.store (i32.const 4) (i32.sub (global.get $end) (i32.const 2048)))")
                .code("(if (call $fd_write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))")
                .code("(drop (call $fd_close (i32.load (i32.const 16))))");
        }
        let data: String = whole.texts.iter().fold(String::new(), |mut data, byte| {
            write!(data, "\\{byte:02x}").unwrap();
            data
        });
        format!(
            "(module {PRELUDE}\n  (data (i32.const {TEXTS_AT}) \"{data}\")\n{}\n  (func (export \"_start\") (local i32 i64)\n{}  ))",
            whole.functions, whole.body
        )
    }

    /// The program, which reports.
    pub fn build(&self, form: Form) -> Vec<u8> {
        in_form(form, &module(&self.wat(true)))
    }

    /// The program, which doesn't.
    pub fn silent(&self, form: Form) -> Vec<u8> {
        in_form(form, &module(&self.wat(false)))
    }

    /// What it reports, run with the usual job.
    pub fn report(&self, form: Form) -> String {
        self.report_of(form, job())
    }

    /// What it reports.
    pub fn report_of(&self, form: Form, job: Job) -> String {
        let outputs = run(&self.build(form), job).unwrap();
        let report = outputs.into_iter().find(|file| file.name == "report.txt").unwrap();
        String::from_utf8(report.bytes).unwrap().trim_end().to_owned()
    }

    /// How it is refused.
    pub fn refusal(&self, form: Form) -> WasmRefusal {
        run(&self.silent(form), job()).unwrap_err()
    }
}

/// A module from text.
pub fn module(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}\n{wat}"))
}

/// A module as it is, or wrapped as a component by the standard's adapter.
pub fn in_form(form: Form, module: &[u8]) -> Vec<u8> {
    match form {
        Form::Module => module.to_vec(),
        Form::Component => {
            let adapter = wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER;
            let name = wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
            let encoder = wit_component::ComponentEncoder::default().validate(true).module(module).unwrap();
            encoder.adapter(name, adapter).unwrap().encode().unwrap()
        }
    }
}

pub fn engine() -> Engine {
    Engine::new(Settings::default()).unwrap()
}

pub fn compile(bytes: &[u8]) -> Result<Program, WasmRefusal> {
    engine().compile(bytes)
}

pub fn run(bytes: &[u8], job: Job) -> Result<Vec<OutputFile>, WasmRefusal> {
    compile(bytes)?.run(job)
}

/// Two inputs, one declared report, small limits.
pub fn job() -> Job {
    let inputs = vec![
        ("patients.csv".to_owned(), Bytes::from_static(b"id,age\n1,40\n2,50\n")),
        ("doses.csv".to_owned(), Bytes::from_static(b"id\n")),
    ];
    let files = BTreeMap::from([("report.txt".to_owned(), FileRule::Text)]);
    Job {
        name: "train".to_owned(),
        arguments: vec!["--holdout".to_owned(), "3".to_owned()],
        inputs,
        outputs: OutputRules { files, max_bytes: 4096 },
        clock: Clock { unix_s: 1_800_001_234, rounds_to_s: 3600 },
        seed: 7,
        limits: Limits { memory_bytes: 16 << 20, time: Duration::from_secs(60), fuel: None },
    }
}

/// The end of a component that runs and does nothing.
pub const RUN_NOTHING: &str = r#"
  (core module $nothing (func (export "run") (result i32) (i32.const 0)))
  (core instance $nothing (instantiate $nothing))
  (func $run (result (result)) (canon lift (core func $nothing "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli))"#;

/// A component that asks for its arguments, with this as its allocator.
pub fn arguments_component(allocator: &str) -> String {
    calling(
        r#"(import "wasi:cli/environment@0.2.3" (instance $host (export "get-arguments" (func (result (list string))))))
           (alias export $host "get-arguments" (func $call))"#,
        &format!("(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) {allocator})"),
        "(param i32)",
        "(i32.const 16)",
    )
}

/// A component that draws so many random bytes in one call.
pub fn random_component(length: u64) -> String {
    calling(
        r#"(import "wasi:random/random@0.2.0" (instance $host (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
           (alias export $host "get-random-bytes" (func $call))"#,
        "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 1024))",
        "(param i64 i32)",
        &format!("(i64.const {length}) (i32.const 16)"),
    )
}

/// A component that calls `$call` once. Its memory and allocator are of one module, its code of another.
fn calling(import: &str, allocator: &str, parameters: &str, arguments: &str) -> String {
    format!(
        r#"(component {import}
      (core module $memory (memory (export "memory") 1) {allocator})
      (core instance $memory (instantiate $memory))
      (alias core export $memory "memory" (core memory $mem))
      (alias core export $memory "cabi_realloc" (core func $realloc))
      (core func $lowered (canon lower (func $call) (memory $mem) (realloc $realloc)))
      (core module $code
        (import "host" "call" (func $call {parameters}))
        (func (export "run") (result i32) (call $call {arguments}) (i32.const 0)))
      (core instance $code (instantiate $code (with "host" (instance (export "call" (func $lowered))))))
      (func $run (result (result)) (canon lift (core func $code "run")))
      (instance $cli (export "run" (func $run)))
      (export "wasi:cli/run@0.2.0" (instance $cli)))"#
    )
}

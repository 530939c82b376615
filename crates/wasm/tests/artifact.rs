//! Compiled code is a function of program and settings: what one keep compiles, every signer can compile again and compare.

mod support;

use std::process::Command;

use casemate_cose::Digest;
use casemate_wasm::{Engine, Kind, Settings, TARGET, WASMTIME};
use support::{Form, Script, engine};

const CHILD: &str = "CASEMATE_ARTIFACT_OF";

fn program() -> Vec<u8> {
    Script::new().note("(i32.const 1)").build(Form::Component)
}

#[test]
fn equal_programs_give_equal_code() {
    let (one, other) = (engine().precompile(&program()).unwrap(), engine().precompile(&program()).unwrap());
    assert_eq!(one, other);
    assert_eq!((one.kind, one.wasmtime, one.target), (Kind::Component, WASMTIME, TARGET));
    let other = engine().precompile(&Script::new().note("(i32.const 2)").build(Form::Component)).unwrap();
    assert_ne!(one.bytes, other.bytes);
}

#[test]
fn another_process_gives_equal_code() {
    if std::env::var_os(CHILD).is_some() {
        println!("{CHILD}={}", Digest::of(&engine().precompile(&program()).unwrap().bytes));
        return;
    }
    let here = Digest::of(&engine().precompile(&program()).unwrap().bytes);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "another_process_gives_equal_code", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(said.contains(&format!("{CHILD}={here}")), "{here} is not in {said}");
}

#[test]
fn other_settings_have_another_digest() {
    let fuelled = Engine::new(Settings { fuel: true, ..Settings::default() }).unwrap();
    assert_ne!(engine().settings_digest(), fuelled.settings_digest());
    assert_ne!(engine().precompile(&program()).unwrap().bytes, fuelled.precompile(&program()).unwrap().bytes);
}

/// A change of settings changes what artifacts contracts pin, so it is made here too.
#[test]
fn the_settings_are_these() {
    assert_eq!(
        engine().settings_digest().to_string(),
        "sha256:4f99471a37f57bf306534ac66a8c2ee24bc46df5f8ba26bf843e3926f134b4fc"
    );
}

#[test]
fn a_program_tells_what_it_is() {
    let bytes = Script::new().build(Form::Module);
    let program = engine().compile(&bytes).unwrap();
    let description = program.describe();
    assert_eq!(description.kind, Kind::Module);
    assert_eq!(description.digest, Digest::of(&bytes));
    assert_eq!(description.memory_bytes, 2 * 65536);
    assert!(description.imports.contains(&"wasi_snapshot_preview1.path_open".to_owned()));
    assert_eq!(description.exports, ["memory", "_start"]);
    let component = engine().compile(&self::program()).unwrap();
    assert_eq!(component.describe().kind, Kind::Component);
    assert!(component.describe().imports.iter().any(|name| name.starts_with("wasi:filesystem/types@0.2.")));
    assert!(component.describe().exports.iter().any(|name| name.starts_with("wasi:cli/run@0.2.")));
}

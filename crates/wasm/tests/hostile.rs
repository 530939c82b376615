//! Bytes that are no program, or one made to harm whoever compiles it.
#![expect(clippy::unwrap_used, reason = "helpers of tests are as free as tests")]

mod support;

use casemate_wasm::{
    FUNCTION_BYTES_MAX, FUNCTIONS_MAX, Found, MODULES_MAX, NESTING_MAX, PROGRAM_BYTES_MAX, WasmRefusal,
};
use proptest::prelude::*;
use support::{Form, Script, compile, engine, in_form, module};

fn refusal(bytes: &[u8]) -> WasmRefusal {
    compile(bytes).map(|_| ()).unwrap_err()
}

#[test]
fn what_is_not_wasm_is_named() {
    let cases: [(&[u8], Found); 7] = [
        (b"", Found::Empty),
        (b"\x7fELF\x02\x01\x01\0", Found::Elf),
        (b"(module)", Found::Unknown),
        (b"#!/bin/sh\n", Found::Unknown),
        (b"\0asm\x02\0\0\0", Found::OtherVersion),
        (b"\0asm\x0c\0\x01\0", Found::OtherVersion),
        (b"\0asm\x01\0\0", Found::OtherVersion),
    ];
    for (bytes, found) in cases {
        assert_eq!(refusal(bytes), WasmRefusal::NotWasm { found }, "{bytes:?}");
    }
    let own = std::env::current_exe().and_then(std::fs::read).unwrap();
    assert_eq!(refusal(&own), WasmRefusal::NotWasm { found: Found::Elf });
}

/// The attack: a runner hands over code that it compiled itself. Wasmtime would load it, and run whatever machine code is in it.
#[test]
fn compiled_code_is_never_loaded() {
    for form in [Form::Module, Form::Component] {
        let artifact = engine().precompile(&Script::new().build(form)).unwrap();
        assert!(wasmtime::Engine::detect_precompiled(&artifact.bytes).is_some(), "{form:?}: Wasmtime would take it");
        assert_eq!(refusal(&artifact.bytes), WasmRefusal::NotWasm { found: Found::Compiled }, "{form:?}");
    }
}

#[test]
fn imports_that_do_not_exist_are_named() {
    let start = "(memory (export \"memory\") 1) (func (export \"_start\"))";
    let cases = [
        (format!("(module (import \"env\" \"system\" (func (param i32))) {start})"), "`env.system`"),
        (format!("(module (import \"wasi_unstable\" \"fd_write\" (func)) {start})"), "`wasi_unstable.fd_write`"),
        (format!("(module (import \"wasi_snapshot_preview1\" \"sock_open\" (func)) {start})"), "sock_open"),
        (format!("(module (import \"wasi_snapshot_preview1\" \"fd_close\" (func)) {start})"), "fd_close"),
        (format!("(module (import \"host\" \"memory\" (memory 1)) {start})"), "`host.memory`"),
        (
            format!("(component (import \"wasi:http/types@0.2.0\" (instance)) {})", support::RUN_NOTHING),
            "`wasi:http/types@0.2.0`",
        ),
        (
            format!("(component (import \"wasi:cli/environment@0.3.0\" (instance)) {})", support::RUN_NOTHING),
            "`wasi:cli/environment@0.3.0`",
        ),
        (format!("(component (import \"attester\" (func)) {})", support::RUN_NOTHING), "`attester`"),
        (
            format!(
                "(component (import \"wasi:cli/ghost@0.2.0\" (instance (export \"f\" (func)))) {})",
                support::RUN_NOTHING
            ),
            "wasi:cli/ghost",
        ),
        (
            format!(
                "(component (import \"wasi:cli/exit@0.2.0\" (instance (export \"kill\" (func)))) {})",
                support::RUN_NOTHING
            ),
            "kill",
        ),
    ];
    for (wat, name) in cases {
        let refusal = refusal(&module(&wat));
        let WasmRefusal::MissingImports { names } = &refusal else { panic!("{wat}") };
        assert!(names.contains(name), "{names} names {name}");
        // Whoever may not see the program is told the same rule, and none of it.
        let (open, sealed) = (refusal.reason(), refusal.reason_of_sealed());
        assert!(open.0 == sealed.0 && !format!("{sealed:?}").contains(name.trim_matches('`')), "{sealed:?}");
    }
}

#[test]
fn libraries_have_no_entry_point() {
    for wat in [
        "(module (memory (export \"memory\") 1))",
        "(module (memory (export \"memory\") 1) (func (export \"_start\") (param i32)))",
        "(module (func (export \"_start\")))",
        "(module (memory (export \"memory\") 1) (global (export \"_start\") i32 (i32.const 0)))",
        "(component)",
        "(component (core module $m (func (export \"run\"))) (core instance $i (instantiate $m)) (func $f (canon lift (core func $i \"run\"))) (export \"run\" (func $f)))",
    ] {
        assert_eq!(refusal(&module(wat)), WasmRefusal::NoEntryPoint, "{wat}");
    }
}

#[test]
fn an_entry_point_of_another_type_does_not_start() {
    let wat = support::RUN_NOTHING.replace("(result (result))", "(result s32)");
    let refusal = refusal(&module(&format!("(component {wat})")));
    assert_eq!(refusal, WasmRefusal::NoEntryPoint);
}

/// Each is valid somewhere, and needs what is off here.
#[test]
fn proposals_that_are_off_are_invalid() {
    let start = "(func (export \"_start\"))";
    for fields in [
        "(memory (export \"memory\") 1 1 shared)",
        "(memory (export \"memory\") 1) (func (drop (i32.atomic.load (i32.const 0))))",
        "(memory (export \"memory\") i64 1)",
        "(memory (export \"memory\") 1 (pagesize 1))",
        "(memory (export \"memory\") 1) (type (struct (field i32)))",
        "(memory (export \"memory\") 1) (tag)",
        "(memory (export \"memory\") 1) (type $c (cont 0))",
    ] {
        let text = format!("(module {fields} {start})");
        // What the text format itself no longer knows can't be asked for.
        let Ok(bytes) = wat::parse_str(&text) else { continue };
        let refusal = refusal(&bytes);
        assert!(matches!(refusal, WasmRefusal::Compile { .. } | WasmRefusal::Invalid { .. }), "{fields}: {refusal:?}");
        assert!(refusal.to_string().contains("abled"), "{fields}: {refusal}");
    }
}

/// A section: its number, its length, its content.
fn section(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number], leb(content.len()).as_slice(), content].concat()
}

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7F).unwrap();
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}

const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A million functions of three bytes are valid, and take a compiler minutes.
#[test]
fn too_many_functions_are_not_compiled() {
    let count = 1_000_000;
    let mut code = leb(count);
    code.extend([2, 0, 0x0B].repeat(count));
    let functions = [leb(count), vec![0; count]].concat();
    let program = [MODULE, &section(1, &[1, 0x60, 0, 0]), &section(3, &functions), &section(10, &code)].concat();
    let too_many = WasmRefusal::TooBig { what: "functions", actual: 1_000_000, most: FUNCTIONS_MAX };
    assert_eq!(refusal(&program), too_many);
}

#[test]
fn too_big_a_function_is_not_compiled() {
    let body = [vec![0], vec![1; 3 << 20], vec![0x0B]].concat();
    let code = [leb(1), leb(body.len()), body].concat();
    let program = [MODULE, &section(1, &[1, 0x60, 0, 0]), &section(3, &[1, 0]), &section(10, &code)].concat();
    let WasmRefusal::TooBig { what, most, .. } = refusal(&program) else { panic!() };
    assert_eq!((what, most), ("bytes of one function", FUNCTION_BYTES_MAX));
}

#[test]
fn too_big_a_program_is_not_read() {
    let filler = vec![0; usize::try_from(PROGRAM_BYTES_MAX).unwrap()];
    let program = [MODULE, &section(0, &filler)].concat();
    assert!(matches!(refusal(&program), WasmRefusal::TooBig { what: "bytes", .. }));
}

#[test]
fn components_in_components_end() {
    let nested =
        |depth: usize| (0..depth).fold(COMPONENT.to_vec(), |inner, _| [COMPONENT, &section(4, &inner)].concat());
    let WasmRefusal::TooBig { what, most, .. } = refusal(&nested(1000)) else { panic!() };
    assert_eq!((what, most), ("components in components", NESTING_MAX));
    assert_eq!(refusal(&nested(8)), WasmRefusal::NoEntryPoint);
    let beside = [COMPONENT.to_vec(), section(1, MODULE).repeat(300)].concat();
    let WasmRefusal::TooBig { what, most, .. } = refusal(&beside) else { panic!() };
    assert_eq!((what, most), ("modules and components", MODULES_MAX));
}

/// Types in types are read by recursion: a million of them would overflow the stack of whoever reads them.
#[test]
fn types_in_types_end() {
    let nested = |depth: usize| {
        let inner = (0..depth).fold(vec![0x41, 0], |inner, _| [vec![0x41, 1, 1], inner].concat());
        [COMPONENT, &section(7, &[vec![1], inner].concat())].concat()
    };
    assert!(matches!(refusal(&nested(5_000)), WasmRefusal::TooBig { what: "types in types", .. }));
    assert!(matches!(refusal(&nested(400)), WasmRefusal::Invalid { .. } | WasmRefusal::NoEntryPoint));
}

#[test]
fn a_program_cut_short_is_refused() {
    for form in [Form::Module, Form::Component] {
        let program = Script::new().build(form);
        let engine = engine();
        for end in (0..program.len()).step_by(program.len() / 97) {
            assert!(engine.compile(&program[..end]).is_err(), "{form:?} cut to {end} of {}", program.len());
        }
    }
}

/// What a refusal repeats of a program is one printable line.
#[test]
fn refusals_are_printable() {
    let wat =
        "(module (import \"env\" \"\\1b[2J\\n\\07\" (func)) (memory (export \"memory\") 1) (func (export \"_start\")))";
    let text = refusal(&module(wat)).to_string();
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Changed bytes never panic, whether they compile or not; and what compiles runs to some end.
    #[test]
    fn changed_programs_end(is_component: bool, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut program = in_form(
            if is_component { Form::Component } else { Form::Module },
            &Script::new().note("(i32.const 1)").build(Form::Module),
        );
        for (at, byte) in changes {
            let at = at.index(program.len());
            program[at] = byte;
        }
        if let Ok(program) = compile(&program) {
            let mut job = support::job();
            job.limits.time = std::time::Duration::from_secs(2);
            let _ = program.run(job);
        }
    }
}

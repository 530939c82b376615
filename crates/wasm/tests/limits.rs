//! Attacks by programs on the machine, in both forms: time, memory, stack, tables.

mod support;

use std::time::Duration;

use casemate_wasm::{Engine, Job, Limits, STACK_BYTES, Settings, TrapKind, WasmRefusal};
use support::{FORMS, Form, Script, compile, in_form, job, module, run};

/// A second is enough for a loop to be caught, and for nothing else to take it.
fn short() -> Job {
    Job { limits: Limits { time: Duration::from_secs(1), ..job().limits }, ..job() }
}

/// A module with this in it, beside `_start` and `memory`.
fn with(fields: &str, start: &str) -> Vec<u8> {
    module(&format!("(module {fields} (func (export \"_start\") {start}))"))
}

const MEMORY: &str = "(memory (export \"memory\") 1)";

#[test]
fn loops_end_at_the_deadline() {
    let late = WasmRefusal::Deadline { limit_ms: 1000 };
    let loops = [
        with(MEMORY, "(loop $for-ever (br $for-ever))"),
        with(
            &format!(
                "{MEMORY} (func $f (result i32) (loop $l (br $l)) unreachable) (func $s (drop (call $f))) (start $s)"
            ),
            "",
        ),
        with(&format!("{MEMORY} (func $tail return_call $tail)"), "call $tail"),
    ];
    for program in &loops {
        for form in FORMS {
            assert_eq!(run(&in_form(form, program), short()), Err(late.clone()), "{form:?}");
        }
    }
    // Polling and writing for ever, each call answered at once.
    for call in [
        "(drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 0)))",
        "(drop (call $poll_oneoff (i32.const 512) (i32.const 768) (i32.const 1) (i32.const 0)))",
        "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))",
        "(drop (call $random_get (i32.const 0) (i32.const 65536)))",
    ] {
        for form in FORMS {
            let script = Script::new().code(&format!("(loop $for-ever {call} (br $for-ever))"));
            assert_eq!(run(&script.silent(form), short()), Err(late.clone()), "{form:?} {call}");
        }
    }
}

/// The host calls this function of the program's when it hands a list over.
#[test]
fn a_loop_in_the_allocator_ends_at_the_deadline() {
    let component = support::module(&support::arguments_component("(loop $for-ever (br $for-ever)) unreachable"));
    assert_eq!(run(&component, short()), Err(WasmRefusal::Deadline { limit_ms: 1000 }));
}

#[test]
fn fuel_ends_a_program_at_the_same_instruction() {
    let engine = Engine::new(Settings { fuel: true, ..Settings::default() }).unwrap();
    let program = engine.compile(&with(MEMORY, "(loop $for-ever (br $for-ever))")).unwrap();
    let fuel = |fuel| Job { limits: Limits { fuel, ..job().limits }, ..job() };
    assert_eq!(program.run(fuel(Some(100_000))), Err(WasmRefusal::Fuel { limit: 100_000 }));
    assert!(matches!(program.run(fuel(None)), Err(WasmRefusal::Job { .. })));
}

#[test]
fn recursion_ends_at_the_stacks_end() {
    let deep = Err(WasmRefusal::Stack { limit_bytes: STACK_BYTES as u64 });
    let recursions = [
        with(
            &format!("{MEMORY} (func $f (param i64) (call $f (i64.add (local.get 0) (i64.const 1))))"),
            "(call $f (i64.const 0))",
        ),
        with(
            &format!("{MEMORY} (table 1 funcref) (elem (i32.const 0) $f) (func $f (call_indirect (i32.const 0)))"),
            "(call $f)",
        ),
    ];
    for program in &recursions {
        for form in FORMS {
            assert_eq!(run(&in_form(form, program), job()), deep, "{form:?}");
        }
    }
}

#[test]
fn the_host_is_whole_after_each_end() {
    let engine = support::engine();
    let ends = ["unreachable", "(call $f)", "(drop (i32.div_u (i32.const 1) (i32.const 0)))", "(loop $l (br $l))"];
    let good = engine.compile(&Script::new().note("(i32.const 1)").build(Form::Module)).unwrap();
    for end in ends {
        let bad = engine.compile(&with(&format!("{MEMORY} (func $f (call $f))"), end)).unwrap();
        assert!(bad.run(short()).is_err(), "{end}");
        assert_eq!(good.run(job()).unwrap()[0].bytes, b"1 ", "{end}");
    }
}

#[test]
fn runs_beside_each_other_keep_their_own_time() {
    let engine = support::engine();
    let endless = engine.compile(&with(MEMORY, "(loop $l (br $l))")).unwrap();
    let steady = "(local i32) (loop $l (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if $l (i32.lt_u (local.get 0) (i32.const 200000000))))";
    let steady = engine.compile(&with(MEMORY, steady)).unwrap();
    let nothing = Job { outputs: casemate_wasm::OutputRules::default(), ..job() };
    std::thread::scope(|scope| {
        let late = scope
            .spawn(|| endless.run(Job { limits: Limits { time: Duration::from_millis(20), ..job().limits }, ..job() }));
        assert_eq!(steady.run(nothing), Ok(vec![]));
        assert_eq!(late.join().unwrap(), Err(WasmRefusal::Deadline { limit_ms: 20 }));
    });
}

#[test]
fn memory_ends_at_the_limit() {
    let full = Err(WasmRefusal::Memory { limit_bytes: 16 << 20 });
    let programs = [
        // 100 GiB are more pages than 32 bits address: asked for page by page until refused.
        with(MEMORY, "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable"),
        with(MEMORY, "(if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))"),
        with("(memory (export \"memory\") 65536)", ""),
        with("(memory (export \"memory\") 200) (memory 100)", ""),
        with(&format!("{MEMORY} (table 10000000 funcref)"), ""),
        with(
            &format!("{MEMORY} (table $t 1 funcref)"),
            "(if (i32.eq (table.grow $t (ref.null func) (i32.const 2000000)) (i32.const -1)) (then unreachable))",
        ),
    ];
    for (number, program) in programs.iter().enumerate() {
        assert_eq!(run(program, job()), full, "{number}");
        // The attack, where the limit lets it.
        let wide = Job { limits: Limits { memory_bytes: 8 << 30, ..job().limits }, ..job() };
        if number != 0 {
            assert_ne!(run(program, wide), Err(WasmRefusal::Memory { limit_bytes: 8 << 30 }), "{number}");
        }
    }
    // Those that the adapter's tools know too.
    for (number, program) in programs.iter().enumerate().take(3) {
        assert_eq!(run(&in_form(Form::Component, program), job()), full, "{number}");
    }
}

#[test]
fn a_program_that_lives_with_less_memory_runs_on() {
    for form in FORMS {
        let script = Script::new().note("(i32.eq (memory.grow (i32.const 30000)) (i32.const -1))");
        assert_eq!(script.report(form), "1", "{form:?}");
    }
}

/// One component makes its module's memory many times.
#[test]
fn memories_of_all_instances_count_together() {
    let instances = |count: usize| {
        let made: String = (0..count).map(|_| "(core instance (instantiate $m))".to_owned()).collect();
        format!("(component (core module $m (memory 16)) {made} {})", support::RUN_NOTHING)
    };
    assert_eq!(run(&module(&instances(10)), nothing()), Ok(vec![]));
    assert_eq!(run(&module(&instances(17)), nothing()), Err(WasmRefusal::Memory { limit_bytes: 16 << 20 }));
    let many = compile(&module(&instances(300))).map(|_| ());
    assert!(matches!(many, Err(WasmRefusal::TooBig { what: "instances", .. })), "{many:?}");
}

fn nothing() -> Job {
    Job { outputs: casemate_wasm::OutputRules::default(), ..job() }
}

#[test]
fn each_trap_has_its_kind() {
    let table = "(table 1 funcref) (type $v (func))";
    let traps = [
        ("unreachable", TrapKind::Unreachable),
        ("(drop (i32.load (i32.const -4)))", TrapKind::Bounds),
        ("(memory.fill (i32.const 0) (i32.const 0) (i32.const -1))", TrapKind::Bounds),
        ("(call_indirect (type $v) (i32.const 7))", TrapKind::Bounds),
        ("(call_indirect (type $v) (i32.const 0))", TrapKind::Call),
        ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", TrapKind::Arithmetic),
        ("(drop (i32.trunc_f64_s (f64.const nan)))", TrapKind::Arithmetic),
    ];
    for (start, kind) in traps {
        for form in FORMS {
            let program = in_form(form, &with(&format!("{MEMORY} {table}"), start));
            assert_eq!(run(&program, job()), Err(WasmRefusal::Trap { kind }), "{form:?} {start}");
        }
    }
}

/// Segments that reach beyond what they fill.
#[test]
fn segments_outside_their_memory_or_table_trap() {
    for fields in
        ["(data (i32.const 65530) \"too long a text\")", "(table 1 funcref) (func $f) (elem (i32.const 0) $f $f)"]
    {
        let refusal = run(&with(&format!("{MEMORY} {fields}"), ""), job());
        assert_eq!(refusal, Err(WasmRefusal::Trap { kind: TrapKind::Bounds }), "{fields}");
    }
}

#[test]
fn a_host_call_that_asks_for_too_much_ends_the_program() {
    let wat = support::random_component(1 << 40);
    assert_eq!(run(&module(&wat), nothing()), Err(WasmRefusal::Trap { kind: TrapKind::Host }));
    assert_eq!(run(&module(&support::random_component(8)), nothing()), Ok(vec![]));
}

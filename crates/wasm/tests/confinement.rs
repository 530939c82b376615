//! Attacks by programs on what lies outside them, in both forms: files, paths, links, quotas, sockets.

mod support;

use std::collections::BTreeMap;

use casemate_wasm::{BadEnd, FileRule, Job, OutputFault, OutputRules, TrapKind, WasmRefusal};
use support::{CREATE, EXCLUSIVE, FORMS, Form, IN, OUT, READ, Script, TRUNCATE, WRITE, job, module, run};

/// Errors of preview 1, by number.
const EXISTS: &str = "20";
const NO_ENTRY: &str = "44";
const NO_SPACE: &str = "51";
const NOT_DIRECTORY: &str = "54";
const NOT_PERMITTED: &str = "63";
const READ_ONLY: &str = "69";

#[test]
fn no_path_leads_to_the_host() {
    // Every file named here is there on the host that runs the test.
    let paths = [
        ("/etc/passwd", NOT_PERMITTED),
        ("../etc/passwd", NOT_PERMITTED),
        ("../../../../etc/passwd", NOT_PERMITTED),
        ("./../etc/passwd", NOT_PERMITTED),
        ("patients.csv/../../etc/passwd", NOT_PERMITTED),
        ("/proc/self/environ", NOT_PERMITTED),
        ("..", NOT_PERMITTED),
        ("/", NOT_PERMITTED),
        ("etc/passwd", NO_ENTRY),
        ("patients.csv/x", NOT_DIRECTORY),
        ("patients.csv/", NOT_DIRECTORY),
        ("PATIENTS.CSV", NO_ENTRY),
        ("", NO_ENTRY),
    ];
    for form in FORMS {
        for (path, expected) in paths {
            assert_eq!(Script::new().open(IN, path, 0, READ).report(form), expected, "{form:?} {path:?}");
            let stat =
                Script::new().path_call("path_filestat_get", "(i32.const 3) (i32.const 1)", path, "(i32.const 512)");
            assert_eq!(stat.report(form), expected, "{form:?} {path:?}");
        }
    }
}

#[test]
fn no_other_descriptor_is_open() {
    // The adapter keeps a table of its own: what it answers is of the same meaning.
    for form in FORMS {
        for fd in [0, 1, 2, 5, 6, 100, u32::MAX] {
            let report = Script::new().open(fd, "patients.csv", 0, READ).report(form);
            assert!(["8", NOT_DIRECTORY].contains(&report.as_str()), "{form:?} {fd}: {report}");
        }
    }
}

#[test]
fn inputs_can_not_be_changed() {
    for form in FORMS {
        let script = Script::new()
            .open(IN, "patients.csv", 0, WRITE)
            .open(IN, "patients.csv", TRUNCATE, READ | WRITE)
            .open(IN, "new.csv", CREATE, WRITE)
            .path_call("path_unlink_file", "(i32.const 3)", "patients.csv", "")
            .path_call("path_rename", "(i32.const 3)", "patients.csv", "(i32.const 4) (i32.const 8192) (i32.const 3)")
            .open(IN, "patients.csv", 0, READ)
            .note("(call $fd_filestat_set_size (global.get $fd) (i64.const 0))")
            .note("(i32.ne (i32.const 0) (call $fd_pwrite (global.get $fd) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 8)))");
        let expected = [READ_ONLY; 5].join(" ") + " 0 8 1";
        assert_eq!(script.report(form), expected, "{form:?}");
    }
}

#[test]
fn outputs_do_not_move_into_inputs() {
    for form in FORMS {
        let mut script = Script::new().open(OUT, "draft", CREATE, WRITE).close();
        let name = script.text("doses.csv");
        let script = script
            .path_call("path_rename", "(i32.const 4)", "draft", &format!("(i32.const 3) {name}"))
            .path_call("path_unlink_file", "(i32.const 4)", "draft", "");
        assert_eq!(script.report(form), format!("0 {READ_ONLY} 0"), "{form:?}");
    }
}

#[test]
fn there_are_no_links_and_no_new_directories() {
    for form in FORMS {
        let mut script = Script::new();
        let (host, link) = (script.text("/etc/passwd"), script.text("link"));
        let script = script
            .note(&format!("(call $path_symlink {host} (i32.const 4) {link})"))
            .note(&format!("(call $path_link (i32.const 3) (i32.const 0) {host} (i32.const 4) {link})"))
            .open(OUT, "link", 0, READ)
            .path_call("path_readlink", "(i32.const 3)", "patients.csv", "(i32.const 512) (i32.const 64) (i32.const 0)")
            .path_call("path_create_directory", "(i32.const 4)", "inner", "")
            .path_call("path_remove_directory", "(i32.const 4)", ".", "");
        let expected = [NOT_PERMITTED, NOT_PERMITTED, NO_ENTRY, "28", NOT_PERMITTED, NOT_PERMITTED].join(" ");
        assert_eq!(script.report(form), expected, "{form:?}");
    }
}

/// 4096 bytes are allowed: 4000 written, and 200 more, as data, as a gap, as a size.
#[test]
fn no_more_bytes_than_the_quota() {
    for form in FORMS {
        let script = Script::new()
            .open(OUT, "big", CREATE, READ | WRITE)
            .note("(call $fd_filestat_set_size (global.get $fd) (i64.const 4000))")
            .note("(call $fd_filestat_set_size (global.get $fd) (i64.const 4097))")
            .note("(call $fd_filestat_set_size (global.get $fd) (i64.const 1000000000000))")
            .note("(call $fd_filestat_set_size (global.get $fd) (i64.const -1))")
            .code("(i32.store (i32.const 0) (i32.const 512)) (i32.store (i32.const 4) (i32.const 200))")
            .note("(call $fd_pwrite (global.get $fd) (i32.const 0) (i32.const 1) (i64.const 3900) (i32.const 8))")
            .note("(call $fd_pwrite (global.get $fd) (i32.const 0) (i32.const 1) (i64.const 1000000000000) (i32.const 8))")
            .note("(call $fd_pwrite (global.get $fd) (i32.const 0) (i32.const 1) (i64.const -10) (i32.const 8))")
            .note("(call $fd_filestat_get (global.get $fd) (i32.const 512))")
            .note64("(i64.load (i32.const 544))")
            .open(OUT, "second", CREATE, WRITE)
            .note("(call $fd_filestat_set_size (global.get $fd) (i64.const 97))")
            .note("(call $fd_filestat_set_size (global.get $fd) (i64.const 96))")
            .note("(call $fd_filestat_set_size (global.get $fd) (i64.const 0))")
            .close()
            .path_call("path_unlink_file", "(i32.const 4)", "second", "")
            .code("(drop (call $fd_close (i32.const 5)))")
            .path_call("path_unlink_file", "(i32.const 4)", "big", "");
        let full = [NO_SPACE; 6].join(" ");
        assert_eq!(script.report(form), format!("0 0 {full} 0 4000 0 {NO_SPACE} 0 0 0 0"), "{form:?}");
        // The attack, where the quota lets it: what was refused for 4096 bytes is written for 8192.
        let outputs = OutputRules { max_bytes: 8192, ..job().outputs };
        let wider = script.report_of(form, Job { outputs, ..job() });
        assert!(wider.starts_with(&format!("0 0 0 {NO_SPACE} {NO_SPACE} 0 {NO_SPACE}")), "{form:?}: {wider}");
    }
}

/// A C library traps or gives up when it can't write. Whose fault that is, is said: more was written than the contract lets out.
#[test]
fn who_fails_after_a_write_beyond_the_quota_is_told_of_the_quota() {
    let over = "(i32.store (i32.const 0) (i32.const 512)) (i32.store (i32.const 4) (i32.const 4097))";
    let refused = [
        format!("{over} (drop (call $fd_write (global.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))"),
        "(drop (call $fd_filestat_set_size (global.get $fd) (i64.const 4097)))".to_owned(),
        format!(
            "{over} (drop (call $fd_pwrite (global.get $fd) (i32.const 0) (i32.const 1) (i64.const -10) (i32.const 8)))"
        ),
    ];
    let ends = [
        ("unreachable", BadEnd::Trap(TrapKind::Unreachable)),
        ("(drop (i32.load (i32.const -4)))", BadEnd::Trap(TrapKind::Bounds)),
        ("(call $proc_exit (i32.const 1))", BadEnd::ExitCode),
    ];
    for form in FORMS {
        let opened = || Script::new().open(OUT, "report.txt", CREATE, WRITE);
        for (code, end) in ends {
            for refused in &refused {
                let refusal = opened().code(refused).code(code).refusal(form);
                assert_eq!(refusal, WasmRefusal::Quota { limit_bytes: 4096, end }, "{form:?} {refused} {code}");
                let (rule, expected, actual, _) = refusal.reason();
                assert!(rule == "program-quota" && expected.contains("4096"), "{expected}");
                assert!(actual.contains("trapped") == matches!(end, BadEnd::Trap(_)), "{actual}");
            }
            // Who fails within the quota fails for another reason.
            let within = opened().code("(drop (call $fd_filestat_set_size (global.get $fd) (i64.const 4096)))");
            let other = match end {
                BadEnd::ExitCode => WasmRefusal::ExitCode,
                BadEnd::Trap(kind) => WasmRefusal::Trap { kind },
            };
            assert_eq!(within.code(code).refusal(form), other, "{form:?} {code}");
        }
        // And who lives with the answer may leave what it has.
        let lives = opened().code(&refused[1]).silent(form);
        assert_eq!(run(&lives, job()).map(|files| files.len()), Ok(1), "{form:?}");
    }
}

#[test]
fn no_more_files_than_the_limit() {
    for form in FORMS {
        let mut script = Script::new();
        for file in 0..65 {
            script = script.open(OUT, &format!("f{file}"), CREATE | EXCLUSIVE, WRITE).close();
        }
        let script = script.open(OUT, "f0", CREATE | EXCLUSIVE, WRITE);
        let made = (0..64).fold(script, |script, file| {
            script.path_call("path_unlink_file", "(i32.const 4)", &format!("f{file}"), "")
        });
        let expected = format!("{} {NO_SPACE} {EXISTS} {}", ["0"; 64].join(" "), ["0"; 64].join(" "));
        assert_eq!(made.report(form), expected, "{form:?}");
    }
}

/// Opens one file for ever, and reports the first refusal: the program is told, and nothing breaks.
#[test]
fn descriptors_run_out() {
    for form in FORMS {
        let mut script = Script::new();
        let path = script.text("patients.csv");
        let script = script
            .code("(local.set 0 (i32.const 0))")
            .code(&format!(
                "(block $full (loop $more (br_if $full (call $path_open (i32.const 3) (i32.const 0) {path} (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))) (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if $more (i32.lt_u (local.get 0) (i32.const 100000)))))"
            ))
            .code("(drop (call $fd_close (i32.const 7)))")
            .note("(i32.lt_u (local.get 0) (i32.const 2000))")
            .note("(i32.gt_u (local.get 0) (i32.const 100))");
        assert_eq!(script.report(form), "1 1", "{form:?}");
    }
}

#[test]
fn what_is_said_goes_nowhere_and_ends() {
    for form in FORMS {
        let script = Script::new()
            .code("(i32.store (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const 65536))")
            .code("(block $closed (loop $more (br_if $closed (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $more)))")
            .note("(i32.const 1)");
        assert_eq!(script.report(form), "1", "{form:?}");
    }
}

#[test]
fn files_that_are_not_declared_do_not_leave() {
    for form in FORMS {
        let script = Script::new().open(OUT, "secret-of-patient-1", CREATE, WRITE).close();
        let refusal = run(&script.build(form), job()).unwrap_err();
        assert_eq!(refusal, WasmRefusal::OutputUndeclared, "{form:?}");
        assert!(!format!("{refusal} {refusal:?}").contains("patient"), "{form:?}");
    }
}

#[test]
fn files_that_are_declared_must_be_there() {
    for form in FORMS {
        let missing = WasmRefusal::Output { file: "report.txt".to_owned(), fault: OutputFault::Missing };
        assert_eq!(Script::new().refusal(form), missing, "{form:?}");
    }
}

#[test]
fn nothing_leaves_after_an_exit_code_other_than_zero() {
    for form in FORMS {
        let script = |code: u32| {
            let script = Script::new().open(OUT, "report.txt", CREATE, WRITE).write("40").close();
            script.code(&format!("(call $proc_exit (i32.const {code}))")).silent(form)
        };
        assert_eq!(run(&script(0), job()).unwrap()[0].bytes, b"40", "{form:?}");
        for code in [1, 2, 40, u32::MAX] {
            let refusal = run(&script(code), job()).unwrap_err();
            assert_eq!(refusal, WasmRefusal::ExitCode, "{form:?} {code}");
            assert!(!refusal.to_string().contains("40"), "{form:?} {code}");
        }
    }
}

/// A pointer outside the program's memory, to every call that takes one.
#[test]
fn pointers_outside_memory_are_answered() {
    let far = "(i32.const 0x7fffffff)";
    let end = "(i32.const 131071)";
    let calls = [
        format!("(call $args_sizes_get {far} {far})"),
        format!("(call $args_get {end} {end})"),
        format!("(call $clock_time_get (i32.const 0) (i64.const 0) {end})"),
        format!("(call $random_get {end} (i32.const 2))"),
        "(call $random_get (i32.const 0) (i32.const -1))".to_owned(),
        format!("(call $fd_read (i32.const 0) {far} (i32.const 1) {far})"),
        format!("(call $fd_write (i32.const 1) {far} (i32.const 1) (i32.const 0))"),
        format!("(call $fd_readdir (i32.const 3) {far} (i32.const 1000) (i64.const 0) (i32.const 0))"),
        format!("(call $fd_prestat_get (i32.const 3) {end})"),
        format!(
            "(call $path_open (i32.const 3) (i32.const 0) {end} (i32.const 9) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))"
        ),
        format!("(call $poll_oneoff {far} {far} (i32.const 1) (i32.const 0))"),
    ];
    for call in calls {
        assert_eq!(Script::new().note(&call).report(Form::Module), "21", "{call}");
        // The adapter writes by itself: a bad pointer traps in the program, and the host is as whole.
        match run(&Script::new().note(&call).build(Form::Component), job()) {
            Ok(_) | Err(WasmRefusal::Trap { kind: TrapKind::Bounds | TrapKind::Unreachable | TrapKind::Host }) => {}
            Err(other) => panic!("{call}: {other}"),
        }
    }
}

/// All of preview 1's socket calls, and those that would signal.
#[test]
fn there_are_no_sockets_and_no_signals() {
    let wat = r#"(module
      (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_recv" (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_raise" (func $raise (param i32) (result i32)))
      (memory (export "memory") 1)
      (func $refused (param i32 i32) (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
      (func (export "_start") (local i32)
        (loop $fds
          (call $refused (call $accept (local.get 0) (i32.const 0) (i32.const 0)) (i32.const 57))
          (call $refused (call $recv (local.get 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 57))
          (call $refused (call $send (local.get 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 57))
          (call $refused (call $shutdown (local.get 0) (i32.const 3)) (i32.const 57))
          (local.set 0 (i32.add (local.get 0) (i32.const 1)))
          (br_if $fds (i32.lt_u (local.get 0) (i32.const 10))))
        (call $refused (call $raise (i32.const 9)) (i32.const 58))))"#;
    let outputs = OutputRules { files: BTreeMap::<String, FileRule>::new(), max_bytes: 0 };
    assert_eq!(run(&module(wat), Job { outputs, ..job() }), Ok(vec![]));
}

//! What a program sees, in both forms: its arguments, its inputs, its outputs, a clock that stands still, and numbers from a seed.

mod support;

use casemate_wasm::{Clock, Job};
use support::{CREATE, DIRECTORY, FORMS, IN, OUT, READ, Script, WRITE, job};

/// Reads its arguments into 512, and reports their count, and first and last letters.
fn arguments() -> Script {
    Script::new()
        .note("(call $args_sizes_get (i32.const 0) (i32.const 4))")
        .note("(i32.load (i32.const 0))")
        .note("(i32.load (i32.const 4))")
        .note("(call $args_get (i32.const 256) (i32.const 512))")
        .note("(i32.load8_u (i32.load (i32.const 256)))")
        .note("(i32.load8_u (i32.load (i32.const 264)))")
}

/// Reads clock `clock` twice.
fn clock(clock: u32) -> Script {
    let read = format!("(call $clock_time_get (i32.const {clock}) (i64.const 0) (i32.const 0))");
    let value = "(i64.load (i32.const 0))";
    Script::new().note(&read).note64(value).note(&read).note64(value)
}

/// Draws 8 random bytes twice.
fn random() -> Script {
    let draw = "(call $random_get (i32.const 0) (i32.const 8))";
    Script::new().note(draw).note64("(i64.load (i32.const 0))").note(draw).note64("(i64.load (i32.const 0))")
}

#[test]
fn a_program_reads_its_input() {
    for form in FORMS {
        let script = Script::new()
            .open(IN, "patients.csv", 0, READ)
            .code("(i32.store (i32.const 0) (i32.const 512)) (i32.store (i32.const 4) (i32.const 100))")
            .note("(call $fd_read (global.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))")
            .note("(i32.load (i32.const 8))")
            .note("(i32.load8_u (i32.const 512))");
        assert_eq!(script.report(form), "0 0 17 105", "{form:?}");
    }
}

#[test]
fn a_program_gets_its_arguments_and_no_environment() {
    for form in FORMS {
        let script = arguments()
            .note("(call $environ_sizes_get (i32.const 0) (i32.const 4))")
            .note("(i32.load (i32.const 0))")
            .note("(i32.load (i32.const 4))");
        assert_eq!(script.report(form), "0 3 18 0 116 51 0 0 0", "{form:?}");
    }
}

#[test]
fn the_two_directories_are_all_that_is_given() {
    for form in FORMS {
        let mut script = Script::new();
        for fd in 3..6 {
            script = script.note(&format!("(call $fd_prestat_get (i32.const {fd}) (i32.const 0))"));
        }
        assert_eq!(script.report(form), "0 0 8", "{form:?}");
    }
}

#[test]
fn inputs_are_listed_and_nothing_else() {
    for form in FORMS {
        let list =
            format!("(call $fd_readdir (i32.const {IN}) (i32.const 512) (i32.const 1024) (i64.const 0) (i32.const 0))");
        // A component's adapter adds `.` and `..`, two entries of 25 and 26 bytes.
        let extra = if form == support::Form::Module { 0 } else { 25 + 26 };
        let expected = format!("0 {}", extra + 24 + "patients.csv".len() + 24 + "doses.csv".len());
        assert_eq!(Script::new().note(&list).note("(i32.load (i32.const 0))").report(form), expected, "{form:?}");
    }
}

#[test]
fn the_wall_clock_is_rounded_and_stands_still() {
    for form in FORMS {
        let resolution =
            Script::new().note("(call $clock_res_get (i32.const 0) (i32.const 0))").note64("(i64.load (i32.const 0))");
        assert_eq!(clock(0).report(form), "0 1800000000000000000 0 1800000000000000000", "{form:?}");
        assert_eq!(resolution.report(form), "0 3600000000000", "{form:?}");
        // The attack: without rounding, the same program sees the second.
        let exact = Job { clock: Clock { unix_s: 1_800_001_234, rounds_to_s: 1 }, ..job() };
        assert_eq!(clock(0).report_of(form, exact), "0 1800001234000000000 0 1800001234000000000", "{form:?}");
    }
}

#[test]
fn the_monotonic_clock_counts_its_readings() {
    for form in FORMS {
        let report = clock(1).report(form);
        assert_eq!(report, "0 1000 0 2000", "{form:?}");
        assert_eq!(report, clock(1).report(form), "{form:?}");
    }
}

#[test]
fn random_numbers_are_the_seeds_and_no_others() {
    for form in FORMS {
        let one = random().report(form);
        let drawn: Vec<&str> = one.split(' ').collect();
        assert_ne!(drawn[1], drawn[3], "{form:?}: two numbers of one run differ");
        assert_eq!(one, random().report(form), "{form:?}: equal seeds, equal numbers");
        assert_ne!(one, random().report_of(form, Job { seed: 8, ..job() }), "{form:?}: other seeds, other numbers");
    }
}

/// Sleeps for a hundred years on the clock that stands still, and on the one that counts.
#[test]
fn sleeping_takes_no_time() {
    for form in FORMS {
        for clock in [0, 1] {
            let script = Script::new()
                .code(&format!("(i32.store (i32.const 528) (i32.const {clock}))"))
                .code("(i64.store (i32.const 536) (i64.const 3155760000000000000))")
                .note("(call $poll_oneoff (i32.const 512) (i32.const 768) (i32.const 1) (i32.const 0))")
                .note("(i32.load (i32.const 0))")
                .note("(call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 0))")
                .note("(i64.gt_u (i64.load (i32.const 0)) (i64.const 3155760000000000000))");
            assert_eq!(script.report(form), "0 1 0 1", "{form:?}, clock {clock}");
        }
    }
}

/// Write, overwrite by seeking, rename, remove; what is open stays.
#[test]
fn outputs_behave_as_files() {
    for form in FORMS {
        let mut script = Script::new()
            .open(OUT, "draft", CREATE, READ | WRITE)
            .write("hello")
            .note("(call $fd_seek (global.get $fd) (i64.const -1) (i32.const 2) (i32.const 24))")
            .note64("(i64.load (i32.const 24))")
            .write("p!")
            .note("(call $fd_filestat_get (global.get $fd) (i32.const 512))")
            .note64("(i64.load (i32.const 544))")
            .path_call("path_unlink_file", "(i32.const 4)", "draft", "")
            .close();
        let name = script.text("final");
        let script = script
            .path_call("path_rename", "(i32.const 4)", "draft", &format!("(i32.const 4) {name}"))
            .open(OUT, "draft", 0, READ)
            .open(OUT, "final", 0, READ)
            .close()
            .path_call("path_unlink_file", "(i32.const 4)", "final", "");
        assert_eq!(script.report(form), "0 0 0 4 0 0 6 10 0 44 0 0", "{form:?}");
    }
}

#[test]
fn a_directory_opens_as_one() {
    for form in FORMS {
        let script = Script::new().open(OUT, ".", DIRECTORY, READ).open(OUT, "nothing", DIRECTORY, READ);
        assert_eq!(script.report(form), "0 44", "{form:?}");
    }
}

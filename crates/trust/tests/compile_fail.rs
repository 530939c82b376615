//! What must not compile: forging a verdict, using one twice, and taking unbound or debug evidence for bound evidence.

#[test]
fn forgeries_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

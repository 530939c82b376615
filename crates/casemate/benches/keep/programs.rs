//! The programs that are measured, as text.

/// One page of memory, and nothing to do.
pub(crate) const ONE_PAGE: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

/// Opens `/out/begun.txt` and writes one line: the least that a contract lets a program do.
pub(crate) const BEGIN: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "begun.txt")
  (data (i32.const 96) "begun\n")
  (func $must (param i32) (if (local.get 0) (then unreachable)))
  (func (export "_start")
    ;; Creates a file in the second directory, for writing.
    (call $must (call $open (i32.const 4) (i32.const 0) (i32.const 64) (i32.const 9) (i32.const 1)
      (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
    (i32.store (i32.const 0) (i32.const 96))
    (i32.store (i32.const 4) (i32.const 6))
    (call $must (call $write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

/// The file that [`BEGIN`] leaves.
pub(crate) const BEGUN: &str = "begun.txt";

/// Loops over integers and over floats, and walks through `mib` of memory, in order and at random, reading and writing.
pub(crate) fn walker(mib: u64) -> String {
    let (bytes, pages) = (mib << 20, mib << 4);
    format!(
        r#"(module
  (memory (export "memory") {pages})
  (func (export "touch") (param $pages i32)
    (loop $next
      (local.set $pages (i32.sub (local.get $pages) (i32.const 1)))
      (i32.store (i32.mul (local.get $pages) (i32.const 4096)) (i32.const 1))
      (br_if $next (local.get $pages))))
  (func (export "integers") (param $turns i64) (result i64) (local $x i64)
    (local.set $x (i64.const 88172645463325252))
    (loop $next
      (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
      (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
      (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 17))))
      (local.set $turns (i64.sub (local.get $turns) (i64.const 1)))
      (br_if $next (i64.ne (local.get $turns) (i64.const 0))))
    (local.get $x))
  (func (export "floats") (param $turns i64) (result f64) (local $x f64)
    (local.set $x (f64.const 0.5))
    (loop $next
      (local.set $x (f64.mul (f64.mul (f64.const 3.7) (local.get $x)) (f64.sub (f64.const 1) (local.get $x))))
      (local.set $turns (i64.sub (local.get $turns) (i64.const 1)))
      (br_if $next (i64.ne (local.get $turns) (i64.const 0))))
    (local.get $x))
  (func (export "sequential") (param $passes i64) (result i64) (local $at i32) (local $sum i64)
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $sum (i64.add (local.get $sum) (i64.load (local.get $at))))
        (i64.store (local.get $at) (local.get $sum))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (i32.ne (local.get $at) (i32.const {bytes}))))
      (local.set $passes (i64.sub (local.get $passes) (i64.const 1)))
      (br_if $again (i64.ne (local.get $passes) (i64.const 0))))
    (local.get $sum))
  (func (export "random") (param $turns i64) (result i64) (local $x i64) (local $at i32)
    (loop $next
      (local.set $x (i64.add
        (i64.mul (local.get $x) (i64.const 6364136223846793005))
        (i64.const 1442695040888963407)))
      (local.set $at (i32.and (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 32))) (i32.const {mask})))
      ;; The next place depends on what is found here.
      (local.set $x (i64.xor (local.get $x) (i64.load (local.get $at))))
      (i64.store (local.get $at) (local.get $x))
      (local.set $turns (i64.sub (local.get $turns) (i64.const 1)))
      (br_if $next (i64.ne (local.get $turns) (i64.const 0))))
    (local.get $x)))"#,
        mask = bytes - 8,
    )
}

//! Sockets of WASI 0.2: toolchains link them, so they exist; a socket can't be had.

mod support;

use casemate_wasm::{Job, OutputRules, TrapKind, WasmRefusal};
use support::{job, module, run};

/// A component that imports sockets, and does this with them.
fn component(code: &str) -> Vec<u8> {
    module(&format!(
        r#"(component
      (import "wasi:sockets/network@0.2.0" (instance $network
        (export "network" (type (sub resource)))
        (type $codes (enum "unknown" "access-denied" "not-supported"))
        (export "error-code" (type (eq $codes)))))
      (alias export $network "network" (type $net))
      (alias export $network "error-code" (type $code))
      (import "wasi:sockets/instance-network@0.2.0" (instance $given
        (alias outer 1 $net (type $n))
        (export "network" (type $network (eq $n)))
        (export "instance-network" (func (result (own $network))))))
      (import "wasi:sockets/tcp@0.2.0" (instance $tcp
        (alias outer 1 $net (type $n))
        (export "network" (type $network (eq $n)))
        (export "tcp-socket" (type $socket (sub resource)))
        (export "[method]tcp-socket.is-listening" (func (param "self" (borrow $socket)) (result bool)))))
      (alias export $tcp "tcp-socket" (type $sock))
      (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $create
        (alias outer 1 $code (type $c))
        (export "error-code" (type $code (eq $c)))
        (alias outer 1 $sock (type $s))
        (export "tcp-socket" (type $socket (eq $s)))
        (type $families (enum "ipv4" "ipv6"))
        (export "ip-address-family" (type $family (eq $families)))
        (export "create-tcp-socket" (func (param "address-family" $family) (result (result (own $socket) (error $code)))))))
      (alias export $given "instance-network" (func $instance-network))
      (alias export $create "create-tcp-socket" (func $create-tcp))
      (alias export $tcp "[method]tcp-socket.is-listening" (func $is-listening))
      (core module $memory (memory (export "memory") 1))
      (core instance $memory (instantiate $memory))
      (alias core export $memory "memory" (core memory $mem))
      (core func $network-core (canon lower (func $instance-network)))
      (core func $drop-core (canon resource.drop $net))
      (core func $create-core (canon lower (func $create-tcp) (memory $mem)))
      (core func $listening-core (canon lower (func $is-listening)))
      (core module $code
        (import "host" "memory" (memory 1))
        (import "host" "network" (func $network (result i32)))
        (import "host" "drop" (func $drop (param i32)))
        (import "host" "create" (func $create (param i32 i32)))
        (import "host" "listening" (func $listening (param i32) (result i32)))
        (func (export "run") (result i32) (local i32) {code} (i32.const 0)))
      (core instance $code (instantiate $code (with "host" (instance
        (export "memory" (memory $mem))
        (export "network" (func $network-core))
        (export "drop" (func $drop-core))
        (export "create" (func $create-core))
        (export "listening" (func $listening-core))))))
      (func $run (result (result)) (canon lift (core func $code "run")))
      (instance $cli (export "run" (func $run)))
      (export "wasi:cli/run@0.2.0" (instance $cli)))"#
    ))
}

fn end(code: &str) -> Result<(), WasmRefusal> {
    run(&component(code), Job { outputs: OutputRules::default(), ..job() }).map(|_| ())
}

#[test]
fn a_socket_is_denied() {
    // The answer is an error (1), and the error is the second of its kind (1): access denied.
    let denied = |family: u32| {
        format!(
            "(call $create (i32.const {family}) (i32.const 16))
             (if (i32.ne (i32.load8_u (i32.const 16)) (i32.const 1)) (then unreachable))
             (if (i32.ne (i32.load8_u (i32.const 20)) (i32.const 1))
               (then (if (i32.ne (i32.load8_u (i32.const 17)) (i32.const 1)) (then unreachable))))"
        )
    };
    assert_eq!(end(&denied(0)), Ok(()));
    assert_eq!(end(&denied(1)), Ok(()));
    // The check can fail: the attack, were it let through, would look like this.
    let given = "(call $create (i32.const 0) (i32.const 16)) (if (i32.eq (i32.load8_u (i32.const 16)) (i32.const 1)) (then unreachable))";
    assert_eq!(end(given), Err(WasmRefusal::Trap { kind: TrapKind::Unreachable }));
}

#[test]
fn the_network_is_a_name_and_can_be_forgotten() {
    assert_eq!(end("(call $drop (call $network))"), Ok(()));
    let many = "(loop $more (call $drop (call $network)) (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if $more (i32.lt_u (local.get 0) (i32.const 10000))))";
    assert_eq!(end(many), Ok(()));
    // Kept, they run out.
    let kept = many.replace("(call $drop (call $network))", "(drop (call $network))");
    assert_eq!(end(&kept), Err(WasmRefusal::Trap { kind: TrapKind::Host }));
}

#[test]
fn a_made_up_socket_ends_the_program() {
    for handle in [0, 1, 7, u32::MAX] {
        let refusal = end(&format!("(drop (call $listening (i32.const {handle})))"));
        assert_eq!(refusal, Err(WasmRefusal::Trap { kind: TrapKind::Host }), "{handle}");
    }
    // A network for a socket.
    let confused = end("(drop (call $listening (call $network)))");
    assert_eq!(confused, Err(WasmRefusal::Trap { kind: TrapKind::Host }));
}

//! How a run ended, as a refusal that tells nothing of the data: a limit, a kind of trap, or that the exit code wasn't zero.

use wasmtime::Trap;

use crate::{
    STACK_BYTES, WasmRefusal,
    job::Limits,
    refusal::{BadEnd, TrapKind},
    world::{Stop, World},
};

/// Whether the program ended well. What it was refused comes before how it ended: that mostly follows from it.
pub(crate) fn verdict(end: wasmtime::Result<()>, world: &World, limits: Limits) -> Result<(), WasmRefusal> {
    let Err(error) = end else { return Ok(()) };
    let refusal = match (error.downcast_ref::<Stop>(), error.downcast_ref::<Trap>()) {
        (Some(Stop::Exit { well: true }), _) => return Ok(()),
        (_, Some(Trap::OutOfFuel)) => WasmRefusal::Fuel { limit: limits.fuel.unwrap_or_default() },
        (_, Some(Trap::StackOverflow)) => WasmRefusal::Stack { limit_bytes: STACK_BYTES as u64 },
        _ if world.meter.has_refused => WasmRefusal::Memory { limit_bytes: limits.memory_bytes },
        (Some(Stop::Exit { well: false }), _) => bad(BadEnd::ExitCode, world),
        (_, Some(trap)) => bad(BadEnd::Trap(kind(*trap)), world),
        (Some(Stop::Host), None) | (None, None) => bad(BadEnd::Trap(TrapKind::Host), world),
    };
    Err(refusal)
}

fn bad(end: BadEnd, world: &World) -> WasmRefusal {
    match (world.files.refused_beyond(), end) {
        (Some(limit_bytes), end) => WasmRefusal::Quota { limit_bytes, end },
        (None, BadEnd::ExitCode) => WasmRefusal::ExitCode,
        (None, BadEnd::Trap(kind)) => WasmRefusal::Trap { kind },
    }
}

const fn kind(trap: Trap) -> TrapKind {
    match trap {
        Trap::BadConversionToInteger | Trap::IntegerDivisionByZero | Trap::IntegerOverflow => TrapKind::Arithmetic,
        Trap::BadSignature | Trap::IndirectCallToNull => TrapKind::Call,
        Trap::HeapMisaligned | Trap::MemoryOutOfBounds | Trap::TableOutOfBounds => TrapKind::Bounds,
        Trap::UnreachableCodeReached => TrapKind::Unreachable,
        _ => TrapKind::Other,
    }
}

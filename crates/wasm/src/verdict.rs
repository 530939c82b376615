//! How a run ended, as a refusal that tells nothing of the data: a limit, a kind of trap, or that the exit code wasn't zero.

use wasmtime::Trap;

use crate::{STACK_BYTES, WasmRefusal, job::Limits, meter::Meter, refusal::TrapKind, world::Stop};

/// Whether the program ended well.
pub(crate) fn verdict(end: wasmtime::Result<()>, meter: &Meter, limits: Limits) -> Result<(), WasmRefusal> {
    let Err(error) = end else { return Ok(()) };
    let refusal = match (error.downcast_ref::<Stop>(), error.downcast_ref::<Trap>()) {
        (Some(Stop::Exit { well: true }), _) => return Ok(()),
        (_, Some(Trap::OutOfFuel)) => WasmRefusal::Fuel { limit: limits.fuel.unwrap_or_default() },
        (_, Some(Trap::StackOverflow)) => WasmRefusal::Stack { limit_bytes: STACK_BYTES as u64 },
        _ if meter.has_refused => WasmRefusal::Memory { limit_bytes: limits.memory_bytes },
        (Some(Stop::Exit { well: false }), _) => WasmRefusal::ExitCode,
        (_, Some(trap)) => WasmRefusal::Trap { kind: kind(*trap) },
        (Some(Stop::Host), None) | (None, None) => WasmRefusal::Trap { kind: TrapKind::Host },
    };
    Err(refusal)
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

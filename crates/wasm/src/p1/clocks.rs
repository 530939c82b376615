//! Clocks that stand still, and waiting that takes no time.

use super::guest::{Guest, offset};
use crate::errno::Errno;

const SECOND_NS: u64 = 1_000_000_000;
/// Bytes of a subscription, and of an event.
const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;
/// Subscriptions of one call.
const SUBSCRIPTIONS_MAX: u32 = 1024;
/// `subclockflags::subscription_clock_abstime`.
const ABSOLUTE: u16 = 1;

/// What a subscription waits for.
enum Wait {
    Descriptor { kind: u8 },
    Until { instant_ns: u64 },
}

pub(super) fn clock_res_get(guest: &mut Guest<'_>, clock: u32, result: u32) -> Result<(), Errno> {
    let resolution_ns = match clock {
        0 => guest.world.clock.rounds_to_s.saturating_mul(SECOND_NS),
        1 => crate::world::TICK_NS,
        _ => return Err(Errno::Invalid),
    };
    guest.put_u64(result, resolution_ns)
}

pub(super) fn clock_time_get(guest: &mut Guest<'_>, clock: u32, _: u64, result: u32) -> Result<(), Errno> {
    let time_ns = match clock {
        0 => guest.world.wall_s().saturating_mul(SECOND_NS),
        1 => guest.world.monotonic_ns(),
        _ => return Err(Errno::Invalid),
    };
    guest.put_u64(result, time_ns)
}

/// Files are always ready. Where only time is waited for, the monotonic clock jumps to the first moment waited for.
pub(super) fn poll_oneoff(
    guest: &mut Guest<'_>,
    input: u32,
    output: u32,
    count: u32,
    result: u32,
) -> Result<(), Errno> {
    if count == 0 || count > SUBSCRIPTIONS_MAX {
        return Err(Errno::Invalid);
    }
    let waits =
        (0..count).map(|index| wait(guest, offset(input, index * SUBSCRIPTION)?)).collect::<Result<Vec<_>, _>>()?;
    let first_ns = |(_, wait): &(u64, Wait)| match wait {
        Wait::Descriptor { .. } => None,
        Wait::Until { instant_ns } => Some(*instant_ns),
    };
    if waits.iter().all(|wait| first_ns(wait).is_some()) {
        let first_ns = waits.iter().filter_map(first_ns).min().unwrap_or(0);
        guest.world.sleep_until_ns(first_ns);
    }
    let now_ns = guest.world.instant_ns();
    let mut ready = 0;
    for (user, wait) in waits {
        let kind = match wait {
            Wait::Descriptor { kind } => kind,
            Wait::Until { instant_ns } if instant_ns <= now_ns => 0,
            Wait::Until { .. } => continue,
        };
        let at = offset(output, ready * EVENT)?;
        guest.put(at, &[0; EVENT as usize])?;
        guest.put_u64(at, user)?;
        guest.put(offset(at, 10)?, &[kind])?;
        ready += 1;
    }
    guest.put_u32(result, ready)
}

fn wait(guest: &mut Guest<'_>, at: u32) -> Result<(u64, Wait), Errno> {
    let user = guest.u64(at)?;
    let wait = match guest.byte(offset(at, 8)?)? {
        0 => {
            let (clock, timeout_ns) = (guest.u32(offset(at, 16)?)?, guest.u64(offset(at, 24)?)?);
            let is_absolute = guest.u16(offset(at, 40)?)? & ABSOLUTE != 0;
            let now_ns = guest.world.instant_ns();
            let wall_ns = guest.world.wall_s().saturating_mul(SECOND_NS);
            let instant_ns = match (clock, is_absolute) {
                (0 | 1, false) => now_ns.saturating_add(timeout_ns),
                (0, true) => now_ns.saturating_add(timeout_ns.saturating_sub(wall_ns)),
                (1, true) => timeout_ns,
                _ => return Err(Errno::Invalid),
            };
            Wait::Until { instant_ns }
        }
        kind @ (1 | 2) => {
            guest.world.descriptors.find(guest.u32(offset(at, 16)?)?)?;
            Wait::Descriptor { kind }
        }
        _ => return Err(Errno::Invalid),
    };
    Ok((user, wait))
}

//! What runs, as registers and their values.

use minicbor::{Decode, Encode};

use super::{Kind, list};

/// The most registers of one measurement.
pub const REGISTERS_MAX: usize = 64;

/// What runs: for one kind of platform, the values of some of its registers. It is met by evidence of that kind in which every
/// register that it names has that value; registers that it doesn't name may have any.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(map)]
pub struct Measurement {
    /// The kind of platform whose registers these are.
    #[n(0)]
    pub kind: Kind,
    /// The registers, ascending by name, each once. Never empty.
    #[n(1)]
    #[cbor(decode_with = "list::read::<_, _, REGISTERS_MAX>")]
    pub registers: Vec<Register>,
}

/// A register and its value.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(map)]
pub struct Register {
    /// Its name as `casemate verify` prints it: `measurement`, `mr-td`, `rtmr-1`, `pcr0`, `runtime`.
    #[n(0)]
    pub name: String,
    /// Its value, whole.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub value: Vec<u8>,
}

impl Measurement {
    /// Whether registers of a component of this kind, ascending by name, have all the values that it names.
    #[must_use]
    pub fn is_met_by(&self, kind: Kind, registers: &[(String, Vec<u8>)]) -> bool {
        let has = |register: &Register| {
            let place = registers.binary_search_by(|(name, _)| name.as_str().cmp(&register.name));
            place.ok().and_then(|place| registers.get(place)).is_some_and(|(_, value)| *value == register.value)
        };
        self.kind == kind && !self.registers.is_empty() && self.registers.iter().all(has)
    }
}

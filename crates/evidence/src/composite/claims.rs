//! What composite evidence says.

use crate::{Facts, NotCompared, named::named};

use super::verify::DEVICES_STEP;

/// The claims of `composite` evidence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// What the CPU says.
    pub cpu: Box<crate::Claims>,
    /// What each device says, in the order of the evidence.
    pub devices: Vec<Device>,
}

/// One device.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    /// What it says.
    pub claims: crate::Claims,
    /// How it is tied to the CPU.
    pub tie: Tie,
}

/// How a device is tied to the CPU that it is presented with.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Tie {
    /// By its nonce, and besides by nothing but the endorsement of its key: it answered for this CPU's report data, from wherever
    /// it is. Appraisal that needs it to be in this machine has to know its identity.
    Nonce,
    /// By the same nonce: its own is the CPU's report data without the zeros at its end, as go-tpm-tools asks. It is worth what
    /// [`Self::Nonce`] is, as long as both were asked with a nonce that was made for this one question.
    SameNonce,
}

named!(Tie, UnknownTie, "tie", [
    Nonce => "nonce",
    SameNonce => "same-nonce",
]);

impl Claims {
    pub(crate) fn not_compared(&self) -> Vec<NotCompared> {
        let of_device = |(place, device): (usize, &Device)| {
            device.claims.not_compared().into_iter().map(move |not| NotCompared {
                step: DEVICES_STEP,
                what: format!("device {place}: {}", not.what),
                is_all: false,
                ..not
            })
        };
        self.devices.iter().enumerate().flat_map(of_device).collect()
    }

    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.add("cpu.format", self.cpu.format());
        facts.component("cpu", &self.cpu.facts());
        for (place, device) in self.devices.iter().enumerate() {
            let name = format!("device.{place}");
            facts.add(&format!("{name}.format"), device.claims.format());
            facts.add(&format!("{name}.tie"), device.tie);
            facts.component(&name, &device.claims.facts());
        }
    }
}

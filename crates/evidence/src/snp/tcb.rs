//! TCB versions: a security patch level for each component of the firmware [56860 §2.2; layout of Turin: rev. 1.57].
//!
//! ```text
//! Milan, Genoa: boot loader, TEE, 0, 0, 0, 0, SNP, microcode      Turin: FMC, boot loader, TEE, SNP, 0, 0, 0, microcode
//! ```

use super::{Flaw, Product};

/// A TCB version. Levels are 0 to 255 and rise.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Tcb {
    /// First mutable code; Turin only.
    pub fmc: Option<u8>,
    /// PSP boot loader.
    pub boot_loader: u8,
    /// PSP operating system.
    pub tee: u8,
    /// SNP firmware.
    pub snp: u8,
    /// Microcode: the lowest of all cores.
    pub microcode: u8,
}

/// A component of the TCB.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Component {
    /// PSP boot loader.
    BootLoader,
    /// First mutable code.
    Fmc,
    /// Microcode.
    Microcode,
    /// SNP firmware.
    Snp,
    /// PSP operating system.
    Tee,
}

impl std::fmt::Display for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::BootLoader => "BOOT_LOADER",
            Self::Fmc => "FMC",
            Self::Microcode => "MICROCODE",
            Self::Snp => "SNP",
            Self::Tee => "TEE",
        })
    }
}

impl Tcb {
    /// Reads the `TCB_VERSION` in `field`.
    pub(super) fn read(field: &'static str, bytes: [u8; 8], product: Product) -> Result<Self, Flaw> {
        let [a, b, c, d, e, f, g, microcode] = bytes;
        let (tcb, reserved) = match product {
            Product::Genoa | Product::Milan => {
                (Self { fmc: None, boot_loader: a, tee: b, snp: g, microcode }, [c, d, e, f])
            }
            Product::Turin => (Self { fmc: Some(a), boot_loader: b, tee: c, snp: d, microcode }, [0, e, f, g]),
        };
        if reserved != [0; 4] {
            return Err(Flaw::TcbReserved { field, actual: hex::encode(bytes) });
        }
        Ok(tcb)
    }

    /// The components, in the order in which they load.
    pub fn components(&self) -> impl Iterator<Item = (Component, u8)> {
        self.fmc.map(|level| (Component::Fmc, level)).into_iter().chain([
            (Component::BootLoader, self.boot_loader),
            (Component::Tee, self.tee),
            (Component::Snp, self.snp),
            (Component::Microcode, self.microcode),
        ])
    }

    /// The first component that is above `other`'s: TCB versions are compared component by component.
    #[must_use]
    pub fn above(&self, other: &Self) -> Option<Component> {
        let mut pairs = self.components().zip(other.components());
        pairs.find(|((_, own), (_, others))| own > others).map(|((component, _), _)| component)
    }
}

impl std::fmt::Display for Tcb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, (component, level)) in self.components().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{component}={level}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_differ_by_product() {
        let milan = Tcb::read("t", [4, 0, 0, 0, 0, 0, 24, 219], Product::Milan).unwrap();
        assert_eq!(milan.to_string(), "BOOT_LOADER=4 TEE=0 SNP=24 MICROCODE=219");
        let turin = Tcb::read("t", [1, 2, 3, 4, 0, 0, 0, 0x51], Product::Turin).unwrap();
        assert_eq!(turin.to_string(), "FMC=1 BOOT_LOADER=2 TEE=3 SNP=4 MICROCODE=81");
        assert!(Tcb::read("t", [4, 0, 0, 0, 0, 1, 24, 219], Product::Genoa).is_err());
        assert!(Tcb::read("t", [1, 2, 3, 4, 0, 0, 1, 0], Product::Turin).is_err());
    }

    #[test]
    fn one_component_above_is_above() {
        let low = Tcb { fmc: Some(1), boot_loader: 9, tee: 9, snp: 9, microcode: 9 };
        assert_eq!(low.above(&low), None);
        for (component, bytes) in [
            (Component::Fmc, [2, 0, 0, 0, 0, 0, 0, 0]),
            (Component::BootLoader, [0, 10, 0, 0, 0, 0, 0, 0]),
            (Component::Tee, [0, 0, 10, 0, 0, 0, 0, 0]),
            (Component::Snp, [0, 0, 0, 10, 0, 0, 0, 0]),
            (Component::Microcode, [0, 0, 0, 0, 0, 0, 0, 10]),
        ] {
            assert_eq!(Tcb::read("t", bytes, Product::Turin).unwrap().above(&low), Some(component));
        }
    }
}

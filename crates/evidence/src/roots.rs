//! The vendors' roots, built in. Each is pinned by its key. [roots/README.md]

use crate::x509::{Anchor, Vendor};

const ROOTS: [(Vendor, &[u8]); 7] = [
    (Vendor::Amd, include_bytes!("../roots/amd-ark-milan.der")),
    (Vendor::Amd, include_bytes!("../roots/amd-ark-genoa.der")),
    (Vendor::Amd, include_bytes!("../roots/amd-ark-turin.der")),
    (Vendor::Aws, include_bytes!("../roots/aws-nitro.der")),
    (Vendor::Intel, include_bytes!("../roots/intel-sgx.der")),
    (Vendor::NvidiaDevice, include_bytes!("../roots/nvidia-device.der")),
    (Vendor::NvidiaRim, include_bytes!("../roots/nvidia-rim.der")),
];

/// All of them. A file that could not be read would be missing here; a test reads all.
pub(crate) fn built_in() -> Vec<Anchor> {
    ROOTS.iter().filter_map(|(vendor, bytes)| Anchor::from_bytes(*vendor, bytes).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_the_pinned_keys() {
        let pinned = [
            ("ARK-Milan", "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9"),
            ("ARK-Genoa", "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831"),
            ("ARK-Turin", "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08"),
            ("aws.nitro-enclaves", "f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225"),
            ("Intel SGX Root CA", "a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e"),
            ("NVIDIA Device Identity CA", "a90c4eb5acfd3e3d03a25db6a26b84f720ad0503196c627c21ddd48dd85b06a4"),
            ("NVIDIA CoRIM signing Root CA", "dec1dc316477aa851eebdf51327ae9f864bc8d89254657ed1e7eb9168af1e1a3"),
        ];
        let roots = built_in();
        assert_eq!(roots.len(), pinned.len());
        for (root, (name, key)) in roots.iter().zip(pinned) {
            assert_eq!(root.name(), name);
            assert_eq!(root.key_digest().to_string(), format!("sha256:{key}"));
            assert!(root.spki().is_ok());
        }
    }
}

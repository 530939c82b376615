//! What ties evidence to one nonce, one TLS session, one pair of keys and one role: 64 bytes of report data.
//!
//! ```text
//! SHA-512( p("casemate/binding/1") ‖ p(role) ‖ p(nonce) ‖ p(manifest digest) ‖ p(TLS exporter value)
//!          ‖ p(own SPKI digest) ‖ p(peer SPKI digest) )          p(x) = length of x as u32, big-endian ‖ x
//! ```
//! docs/formats/binding.md has the fields and the published vector, which a test here computes.

use aws_lc_rs::digest::{SHA512, digest};
use casemate_cose::Digest;

use crate::named::named;

const LABEL: &str = "casemate/binding/1";

/// Who makes the evidence.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// The evidence speaks for a broker that itself runs isolated.
    Broker,
    /// The evidence speaks for a keep.
    Keep,
}

named!(Role, UnknownRole, "role", [Broker => "broker", Keep => "keep"]);

/// What evidence is made for. Both ends compute it from their own view of the session; nothing of it is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Binding {
    /// Who makes the evidence.
    pub role: Role,
    /// The verifier's fresh random bytes. The verifier accepts each once.
    pub nonce: [u8; 32],
    /// The digest of the manifest's bytes that the verifier expects, or that the attester runs under.
    pub manifest: Digest,
    /// The exporter value of the TLS session [RFC 8446 §7.5], label `EXPORTER-casemate-attestation/1`, no context.
    pub exporter: [u8; 32],
    /// SHA-256 of the `SubjectPublicKeyInfo` of the attesting end's TLS key.
    pub own_key: Digest,
    /// SHA-256 of the `SubjectPublicKeyInfo` of the verifying end's TLS key.
    pub peer_key: Digest,
}

impl Binding {
    /// The 64 bytes that the evidence carries as its report data.
    #[must_use]
    pub fn report_data(&self) -> [u8; 64] {
        let preimage = length_prefixed(&[
            LABEL.as_bytes(),
            self.role.as_str().as_bytes(),
            &self.nonce,
            self.manifest.as_bytes(),
            &self.exporter,
            self.own_key.as_bytes(),
            self.peer_key.as_bytes(),
        ]);
        let mut report_data = [0; 64];
        report_data.copy_from_slice(digest(&SHA512, &preimage).as_ref());
        report_data
    }
}

fn length_prefixed(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in fields {
        // No field of a binding is longer than 32 bytes; a longer one would still hash to something, only not to
        // what another reader of the format computes.
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn honest() -> Binding {
        Binding {
            role: Role::Keep,
            nonce: [1; 32],
            manifest: Digest::from_bytes([2; 32]),
            exporter: [3; 32],
            own_key: Digest::from_bytes([4; 32]),
            peer_key: Digest::from_bytes([5; 32]),
        }
    }

    /// What a binding without length prefixes would hash.
    fn concatenated(fields: &[&[u8]]) -> Vec<u8> {
        fields.concat()
    }

    /// docs/formats/binding.md publishes these; they were computed by another implementation, in Python.
    #[test]
    fn matches_the_published_vectors() {
        let published = include_str!("../../../docs/formats/binding.md").replace('\n', "");
        for (role, report_data) in [
            (
                Role::Keep,
                "83d5bbe217879543a14823a5400f1f8c0e6a3bd63f9ebb6681077da66c89cb7a\
                 8129cab085576329e3e74e8475f9032cb67ae98d3f5a22e76806cba8d58755e1",
            ),
            (
                Role::Broker,
                "7644a63d48c1b454e67b4d26cbf7da69fba35f3d72a8c054362313fc714bb0ed\
                 44fef1657ea4abfc48b30f22ecf253dc10917b9c316f73a8de7b4d1b4a51e164",
            ),
        ] {
            assert_eq!(hex::encode(Binding { role, ..honest() }.report_data()), report_data);
            assert!(published.contains(report_data), "docs/formats/binding.md says so too");
        }
    }

    #[test]
    fn spliced_fields_collide_without_length_prefixes_only() {
        // One byte of the role passes for the first byte of the nonce, and the version's last digit for the role's.
        let splices = [
            [["casemate/binding/1", "keep", "er nonce"], ["casemate/binding/1", "keeper", " nonce"]],
            [["casemate/binding/1", "1keep", "nonce"], ["casemate/binding/11", "keep", "nonce"]],
            [["casemate/binding/1", "keep", "nonce"], ["casemate/binding/1", "", "keepnonce"]],
        ];
        for splice in splices {
            let [one, other] = splice.map(|fields| fields.map(str::as_bytes));
            assert_eq!(concatenated(&one), concatenated(&other), "the naive version must collide");
            assert_ne!(length_prefixed(&one), length_prefixed(&other));
        }
    }

    #[test]
    fn swapped_fields_differ() {
        let honest = honest();
        let swaps = [
            Binding { own_key: honest.peer_key, peer_key: honest.own_key, ..honest.clone() },
            Binding { nonce: honest.exporter, exporter: honest.nonce, ..honest.clone() },
            Binding {
                nonce: *honest.manifest.as_bytes(),
                manifest: Digest::from_bytes(honest.nonce),
                ..honest.clone()
            },
        ];
        for swapped in swaps {
            assert_ne!(swapped.report_data(), honest.report_data(), "{swapped:?}");
        }
    }

    proptest! {
        #[test]
        fn every_bit_of_every_field_counts(bit in 0_usize..256, field in 0_usize..5) {
            let mut bytes = [[1; 32], [2; 32], [3; 32], [4; 32], [5; 32]];
            bytes[field][bit / 8] ^= 1 << (bit % 8);
            let [nonce, manifest, exporter, own_key, peer_key] = bytes;
            let flipped = Binding {
                role: Role::Keep,
                nonce,
                manifest: Digest::from_bytes(manifest),
                exporter,
                own_key: Digest::from_bytes(own_key),
                peer_key: Digest::from_bytes(peer_key),
            };
            prop_assert_ne!(flipped.report_data(), honest().report_data());
        }

        #[test]
        fn no_two_lists_of_fields_have_one_preimage(
            one in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..4),
            other in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..4),
        ) {
            let slices = |fields: &[Vec<u8>]| length_prefixed(&fields.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(slices(&one) == slices(&other), one == other);
        }
    }
}

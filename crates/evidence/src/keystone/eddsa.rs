//! Ed25519 with SHA3-512 in place of SHA-512, as Keystone signs [RFC 8032 §5.1.7, Keystone `ed25519/verify.c`].
//!
//! `[s]B = R + [h]A`, `h = SHA3-512(R ‖ A ‖ message)`: without cofactor, `R` compared as bytes. Stricter than Keystone: `s` is
//! below the group's order, and `A` is no point of small order.

use aws_lc_rs::digest::{Context, SHA3_512};
use curve25519_dalek::{EdwardsPoint, Scalar, edwards::CompressedEdwardsY};

/// A public key whose point is known to be one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    bytes: [u8; 32],
    minus: EdwardsPoint,
}

impl Key {
    /// `None` for bytes that are no point, or one of small order.
    pub(super) fn parse(bytes: [u8; 32]) -> Option<Self> {
        let point = CompressedEdwardsY(bytes).decompress()?;
        (!point.is_small_order()).then(|| Self { bytes, minus: -point })
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let Some((big_r, s)) = signature.split_first_chunk::<32>() else { return false };
        let s = <[u8; 32]>::try_from(s).ok().and_then(|s| Option::<Scalar>::from(Scalar::from_canonical_bytes(s)));
        let Some(s) = s else { return false };
        let mut context = Context::new(&SHA3_512);
        for part in [big_r, &self.bytes, message] {
            context.update(part);
        }
        let mut wide = [0; 64];
        wide.copy_from_slice(context.finish().as_ref());
        let h = Scalar::from_bytes_mod_order_wide(&wide);
        EdwardsPoint::vartime_double_scalar_mul_basepoint(&h, &self.minus, &s).compress().as_bytes() == big_r
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by another implementation, in Python, from the group law: seed 00 to 1f, key pair as Keystone derives it.
    const KEY: &str = "13c6c45b3c3043fc0dd58c02955dd3bfbbe05b43feda45b5799a0b4582f70315";
    const SIGNATURE: &str = "5967cf996b3778b9a26959958c278ab292dec12304f2cd7dc8f05bf5f71fb405\
                             fdac6752ebe400ea717b73df025103017028d113afe19651042baacc4867180e";
    const MESSAGE: &[u8] = b"casemate keystone known answer";

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn agrees_with_another_implementation() {
        let (key, signature) = (Key::parse(bytes(KEY)).unwrap(), bytes::<64>(SIGNATURE));
        assert!(key.has_signed(MESSAGE, &signature));
        assert!(!key.has_signed(b"casemate keystone known answes", &signature));
        for bit in 0..512 {
            let mut other = signature;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.has_signed(MESSAGE, &other), "bit {bit}");
        }
    }

    #[test]
    fn refuses_a_second_spelling_of_s() {
        let order = bytes::<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut signature = bytes::<64>(SIGNATURE);
        let mut carry = 0_u16;
        for (byte, more) in signature[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + u16::from(more);
            *byte = u8::try_from(carry & 0xff).unwrap();
            carry >>= 8;
        }
        assert!(!Key::parse(bytes(KEY)).unwrap().has_signed(MESSAGE, &signature));
    }

    #[test]
    fn refuses_keys_that_are_no_points_or_of_small_order() {
        let mut one = [0; 32];
        one[0] = 1;
        assert!(Key::parse(one).is_none() && Key::parse([0; 32]).is_none());
        let mut no_point = [0; 32];
        no_point[0] = 2;
        assert!(Key::parse(no_point).is_none());
    }
}

//! Bytes as text: hexadecimal and base64, with an exact length; never padded, never cut.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// Exactly `size` bytes in hexadecimal, either case, with or without `0x`.
pub(super) fn hexadecimal(text: &str, size: usize) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode(digits).ok().filter(|bytes| bytes.len() == size)
}

/// Exactly `size` bytes in hexadecimal, or in base64. What could be either is hexadecimal: a SHA-256 digest in hexadecimal has as
/// many digits as 48 bytes have in base64, and must not pass for them.
pub(super) fn hexadecimal_or_base64(text: &str, size: usize) -> Option<Vec<u8>> {
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return hexadecimal(text, size);
    }
    let base64 = || STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok();
    hexadecimal(text, size).or_else(|| base64().filter(|bytes| bytes.len() == size))
}

/// Bytes for a message: hexadecimal, cut to 16 bytes.
pub(super) fn shown(bytes: &[u8]) -> String {
    match bytes.get(..16) {
        Some(head) if bytes.len() > 16 => format!("{}… ({} bytes)", hex::encode(head), bytes.len()),
        _ => hex::encode(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_exact() {
        assert_eq!(hexadecimal("0x0aFF", 2), Some(vec![0x0a, 0xff]));
        for text in ["0aff00", "0af", "0a", "", "zzzz", " 0aff"] {
            assert_eq!(hexadecimal(text, 2), None, "{text}");
        }
        assert_eq!(hexadecimal_or_base64("Cv8=", 2), Some(vec![0x0a, 0xff]));
        assert_eq!(hexadecimal_or_base64("Cv8", 2), Some(vec![0x0a, 0xff]));
        assert_eq!(hexadecimal_or_base64("Cv8AAA==", 2), None);
        let sha_256 = "0a".repeat(32);
        assert_eq!(hexadecimal_or_base64(&sha_256, 32), Some(vec![0x0a; 32]));
        assert_eq!(hexadecimal_or_base64(&sha_256, 48), None, "although it is base64 of 48 bytes");
    }
}

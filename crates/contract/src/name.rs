//! Names and short texts of a contract: types that can't hold nonsense.
//!
//! Every name is drawn from an alphabet that means the same in TOML, SQL, Cedar and a terminal: no quotes, no control
//! characters, nothing that reads from right to left or not at all.

use std::{fmt, str::FromStr};

use minicbor::{Decode, Decoder, Encode, Encoder};
use thiserror::Error;

/// The longest name of a study, party, dataset, computation or region: 63 bytes.
pub const NAME_BYTES_MAX: usize = 63;
/// The longest column name: 128 bytes.
pub const COLUMN_BYTES_MAX: usize = 128;
/// The longest broker address: 300 bytes.
pub const ADDRESS_BYTES_MAX: usize = 300;
/// The longest purpose or legal basis: 4 KiB.
pub const PROSE_BYTES_MAX: usize = 4 << 10;
/// The longest SQL text: 64 KiB.
pub const SQL_BYTES_MAX: usize = 64 << 10;
/// The longest argument of a program: 4 KiB.
pub const ARGUMENT_BYTES_MAX: usize = 4 << 10;
/// The longest name of a file: 64 bytes.
pub const FILE_NAME_BYTES_MAX: usize = 64;
/// An age X25519 recipient [age v1]: `age1` and 58 Bech32 characters.
const RECIPIENT_BYTES: usize = 62;

/// Why a text is not the name, address or recipient that it should be.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{text}` is not {expected}")]
pub struct NameError {
    /// What was given, printable and cut to a line.
    pub text: String,
    /// What is accepted in its place.
    pub expected: &'static str,
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $valid:expr, $expected:expr) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(String);

        impl $name {
            /// What this type accepts, in words.
            pub const EXPECTED: &'static str = $expected;

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(refuse(text, $expected)) }
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let position = d.position();
                d.str()?.parse().map_err(|error: NameError| {
                    minicbor::decode::Error::message(error.to_string()).at(position)
                })
            }
        }
    };
}

text_type!(
    /// The name of a study, which every version of its contract carries.
    StudyId, is_name, "a name: a lower-case letter, then up to 62 lower-case letters, digits or `-`"
);
text_type!(
    /// The name of a party.
    PartyName, is_name, "a name: a lower-case letter, then up to 62 lower-case letters, digits or `-`"
);
text_type!(
    /// The name of a computation.
    ComputationName, is_name, "a name: a lower-case letter, then up to 62 lower-case letters, digits or `-`"
);
text_type!(
    /// A region, or `any`.
    Region, is_name, "a name: a lower-case letter, then up to 62 lower-case letters, digits or `-`"
);
text_type!(
    /// The name of a dataset, which is its table's name in SQL.
    DatasetName, is_dataset, "a table name: a lower-case letter, then up to 62 lower-case letters, digits or `_`"
);
text_type!(
    /// The name of a column.
    ColumnName, is_column, "a column name: 1 to 128 bytes of letters, digits, spaces inside and any of `_-.()/%+#:`"
);
text_type!(
    /// Where a broker listens: `host:port`, `[v6]:port`.
    Address, is_address, "an address `host:port`, with a port from 1 to 65535"
);
text_type!(
    /// The age recipient that results are encrypted to: `age1` and 58 Bech32 characters, checksum included.
    Recipient, is_recipient, "an age X25519 recipient (`age1…`); its checksum is checked, so look for a typing error"
);
text_type!(
    /// A few lines for people: a purpose, a legal basis.
    Prose, is_prose, "1 to 4096 bytes of printable text, with line breaks at most"
);
text_type!(
    /// The text of an SQL query.
    SqlText, is_sql, "1 to 65536 bytes of SQL, without control characters other than line breaks and tabs"
);
text_type!(
    /// One argument of a program.
    Argument, is_argument, "an argument: up to 4096 bytes of printable text on one line"
);
text_type!(
    /// The name of a file that a program reads or writes, without a folder. Lower-case, so that no two differ by case alone.
    FileName, is_file_name, "a file name: a lower-case letter or digit, then up to 63 lower-case letters, digits or `_-.`, no `.` last"
);
text_type!(
    /// A version of Wasmtime: `48.0.8`.
    WasmtimeVersion, is_version, "a version of Wasmtime: three numbers with points, like `48.0.8`"
);
text_type!(
    /// What code was compiled for: `x86_64-unknown-linux-gnu`.
    Target, is_target, "a compiler target: 1 to 64 lower-case letters, digits, `_` or `-`, like `x86_64-unknown-linux-gnu`"
);

fn refuse(text: &str, expected: &'static str) -> NameError {
    NameError { text: visible(text), expected }
}

/// The beginning of a text of anybody's, with what is not seen where it stands escaped: `\u{202e}`.
pub(crate) fn visible(text: &str) -> String {
    let escaped = |c: char| if is_shown(c) || c == ' ' { c.to_string() } else { c.escape_unicode().to_string() };
    text.chars().take(80).map(escaped).collect()
}

fn is_name(text: &str) -> bool {
    starts_lower(text) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_dataset(text: &str) -> bool {
    starts_lower(text) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn starts_lower(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
}

fn is_column(text: &str) -> bool {
    (1..=COLUMN_BYTES_MAX).contains(&text.len())
        && text.trim() == text
        && text.chars().all(|c| c.is_alphanumeric() || " _-.()/%+#:".contains(c))
}

fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let port_is_one = !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok();
    let host_is_one = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-'),
    };
    text.len() <= ADDRESS_BYTES_MAX && port_is_one && host_is_one
}

fn is_prose(text: &str) -> bool {
    (1..=PROSE_BYTES_MAX).contains(&text.len())
        && !text.trim().is_empty()
        && text.chars().all(|c| is_shown(c) || c == ' ' || c == '\n')
}

fn is_sql(text: &str) -> bool {
    (1..=SQL_BYTES_MAX).contains(&text.len())
        && !text.trim().is_empty()
        && text.chars().all(|c| is_shown(c) || matches!(c, ' ' | '\n' | '\t'))
}

fn is_argument(text: &str) -> bool {
    text.len() <= ARGUMENT_BYTES_MAX && text.chars().all(|c| is_shown(c) || c == ' ')
}

fn is_file_name(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= FILE_NAME_BYTES_MAX
        && text.bytes().next().is_some_and(is_plain)
        && !text.ends_with('.')
        && text.bytes().all(|b| is_plain(b) || matches!(b, b'_' | b'-' | b'.'))
}

fn is_version(text: &str) -> bool {
    let is_number = |part: &str| part.parse::<u32>().is_ok_and(|number| number.to_string() == part);
    text.split('.').count() == 3 && text.split('.').all(is_number)
}

fn is_target(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

/// A character that a reader sees where it stands: no control character, no other space, none of the invisible or
/// direction-changing ones that let a text read differently from what it says (CVE-2021-42574).
fn is_shown(c: char) -> bool {
    let invisible = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}');
    !c.is_control() && !c.is_whitespace() && !invisible
}

/// Bech32 [BIP 173] with the checksum verified; only the lower-case form, which is the one age writes.
fn is_recipient(text: &str) -> bool {
    const CHARSET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let Some(data) = text.strip_prefix("age1") else { return false };
    let Some(digits) = data.chars().map(|c| CHARSET.find(c)).collect::<Option<Vec<_>>>() else { return false };
    let prefix = "age".bytes().map(|b| u32::from(b >> 5)).chain([0]).chain("age".bytes().map(|b| u32::from(b & 31)));
    let values = prefix.chain(digits.into_iter().filter_map(|digit| u32::try_from(digit).ok()));
    let checksum = values.fold(1_u32, |checksum, value| {
        let top = checksum >> 25;
        let shifted = ((checksum & 0x1ff_ffff) << 5) ^ value;
        GENERATOR.iter().enumerate().filter(|(bit, _)| (top >> bit) & 1 == 1).fold(shifted, |sum, (_, g)| sum ^ g)
    });
    text.len() == RECIPIENT_BYTES && checksum == 1
}

/// 16 random bytes, written as 32 lower-case hex digits.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name([u8; 16]);

        impl $name {
            /// What this type accepts, in words.
            pub const EXPECTED: &'static str = "32 lower-case hex digits";

            /// Takes the 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; 16];
                let spelt = !text.bytes().any(|b| b.is_ascii_uppercase()) && hex::decode_to_slice(text, &mut bytes).is_ok();
                if spelt { Ok(Self(bytes)) } else { Err(refuse(text, Self::EXPECTED)) }
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let position = d.position();
                <[u8; 16]>::try_from(d.bytes()?)
                    .map(Self)
                    .map_err(|_| minicbor::decode::Error::message("an identifier has 16 bytes").at(position))
            }
        }
    };
}

id_type!(
    /// The random identifier of a dataset, the same for every version of it.
    DatasetId
);
id_type!(
    /// The random identifier of one sealed version of a dataset.
    VersionId
);
id_type!(
    /// The random identifier of one run.
    RunId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_each_crime() {
        for crime in ["", "A", "1a", "-a", "a_b", "a b", "a\n", "ä", "a\"", &"a".repeat(64), "a\u{202e}b"] {
            assert!(crime.parse::<PartyName>().is_err(), "{crime:?}");
            assert!(crime.parse::<StudyId>().is_err(), "{crime:?}");
        }
        assert!("a".repeat(63).parse::<PartyName>().is_ok());
        assert!("a-b".parse::<DatasetName>().is_err());
        assert!("visits_2026".parse::<DatasetName>().is_ok());
    }

    #[test]
    fn columns_refuse_each_crime() {
        for crime in ["", " a", "a ", "a\"b", "a`b", "a'b", "a;b", "a\tb", "a\u{200b}b", "a\u{202e}b", &"a".repeat(129)]
        {
            assert!(crime.parse::<ColumnName>().is_err(), "{crime:?}");
        }
        for name in ["mean radius", "Größe (cm)", "HH_ID", "a.b", "年龄"] {
            assert!(name.parse::<ColumnName>().is_ok(), "{name}");
        }
    }

    #[test]
    fn file_names_lead_nowhere_else() {
        for crime in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "/a",
            "a\\b",
            "a\0",
            "a\0.csv",
            ".a",
            "-a",
            "a.",
            "A.csv",
            "a b",
            "a\n",
            "ä",
            "a:b",
            "a*",
            "~a",
            "a\u{202e}b",
            &"a".repeat(65),
        ] {
            assert!(crime.parse::<FileName>().is_err(), "{crime:?}");
        }
        for name in ["a", "model.csv", "a..b", "3-fold_auc.txt", &"a".repeat(64)] {
            assert!(name.parse::<FileName>().is_ok(), "{name}");
        }
    }

    #[test]
    fn arguments_versions_and_targets_refuse_each_crime() {
        for crime in ["a\0", "a\nb", "\x1b[2J", "a\u{202e}b", "\u{200b}", "a\tb", &"a".repeat(4097)] {
            assert!(crime.parse::<Argument>().is_err(), "{crime:?}");
        }
        assert!("--name=Größe 3".parse::<Argument>().is_ok() && "".parse::<Argument>().is_ok());
        for crime in ["", "48", "48.0", "48.0.8.1", "48.0.08", "48.0.+8", "48.0.x", " 48.0.8", "48.0.8-rc"] {
            assert!(crime.parse::<WasmtimeVersion>().is_err(), "{crime:?}");
        }
        for crime in ["", "X86", "a b", "a/b", &"a".repeat(65)] {
            assert!(crime.parse::<Target>().is_err(), "{crime:?}");
        }
        assert!("48.0.8".parse::<WasmtimeVersion>().is_ok() && "x86_64-unknown-linux-gnu".parse::<Target>().is_ok());
    }

    #[test]
    fn prose_and_sql_refuse_what_a_terminal_would_obey() {
        for crime in ["", " \n", "a\x1b[2J", "a\rb", "a\u{202e}b", "a\0", "a\u{85}b", "a\u{200b}"] {
            assert!(crime.parse::<Prose>().is_err(), "{crime:?}");
            assert!(crime.parse::<SqlText>().is_err(), "{crime:?}");
        }
        assert!("x".repeat(PROSE_BYTES_MAX + 1).parse::<Prose>().is_err());
        assert!("x".repeat(SQL_BYTES_MAX + 1).parse::<SqlText>().is_err());
        assert!("Forschung, Art. 9 Abs. 2 lit. j DSGVO\nand more".parse::<Prose>().is_ok());
        assert!("SELECT\n\t1 -- é".parse::<SqlText>().is_ok());
    }

    #[test]
    fn addresses_refuse_each_crime() {
        for crime in ["", "host", "host:", ":1", "host:0", "host:65536", "host:+1", "h/x:1", "[::1:1", "::1:1", "a b:1"]
        {
            assert!(crime.parse::<Address>().is_err(), "{crime:?}");
        }
        for address in ["127.0.0.1:7701", "broker.clinic.example:443", "[::1]:7701"] {
            assert!(address.parse::<Address>().is_ok(), "{address}");
        }
    }

    #[test]
    fn recipients_are_checked_by_their_checksum() {
        // The recipient of the age specification's examples.
        let good = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
        assert!(good.parse::<Recipient>().is_ok());
        for at in 4..good.len() {
            let mut typo = good.as_bytes().to_vec();
            typo[at] = if typo[at] == b'q' { b'p' } else { b'q' };
            assert!(String::from_utf8(typo).unwrap().parse::<Recipient>().is_err(), "character {at}");
        }
        for crime in ["", "age1", &good.to_uppercase(), &good[..61], "AGE-SECRET-KEY-1QQQQ"] {
            assert!(crime.parse::<Recipient>().is_err(), "{crime}");
        }
    }

    #[test]
    fn identifiers_have_one_spelling() {
        let id = RunId::from_bytes([0xab; 16]);
        assert_eq!(id.to_string().parse::<RunId>().unwrap(), id);
        for crime in ["", "ab", &"AB".repeat(16), &"ab".repeat(17), &"zz".repeat(16)] {
            assert!(crime.parse::<RunId>().is_err(), "{crime}");
        }
    }
}

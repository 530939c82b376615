//! Closed lists of names that travel as text: in CBOR, in TOML, on screens.

/// Gives a field-less enum its names: `ALL`, `as_str`, `Display`, `FromStr` and CBOR text. Decoding refuses other names.
#[doc(hidden)]
#[macro_export]
macro_rules! named {
    ($kind:ident, $unknown:ident, $what:literal, [$($variant:ident => $name:literal),+ $(,)?]) => {
        impl $kind {
            /// Every one, in the order of the names.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name that files, messages and screens use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        #[doc = concat!("A text that names no ", $what, ".")]
        #[derive(Clone, Debug, Eq, thiserror::Error, PartialEq)]
        #[error("`{}` is no {} known here", .0.escape_default(), $what)]
        pub struct $unknown(pub String);

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $kind {
            type Err = $unknown;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($unknown(text.to_owned())),
                }
            }
        }

        impl<C> minicbor::Encode<C> for $kind {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(self.as_str())?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $kind {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let position = d.position();
                d.str()?
                    .parse()
                    .map_err(|error: $unknown| minicbor::decode::Error::message(error).at(position))
            }
        }
    };
}

pub(crate) use named;

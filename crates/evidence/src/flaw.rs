//! How formats say why they refuse: one table a format, from which error text, rule, step, and remedy all come.

/// Declares a format's `Flaw`: an exhaustive enum whose variants say the step that refused, a stable rule name, and four
/// texts, in which fields stand in braces.
macro_rules! flaws {
    ($(#[$meta:meta])* {
        $($(#[$variant_meta:meta])* $variant:ident { $($field:ident: $kind:ty),* $(,)? } at $step:literal, $rule:literal:
            $message:tt, expected $expected:tt, actual $actual:tt, remedy $remedy:tt;)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, thiserror::Error, PartialEq)]
        pub enum Flaw {
            $(
                $(#[$variant_meta])*
                #[error($message)]
                $variant {
                    $(#[doc = concat!("`", stringify!($field), "` of the message.")] $field: $kind,)*
                },
            )+
        }

        #[allow(unused_variables, clippy::useless_format, reason = "not every text names every field")]
        impl Flaw {
            /// The step that refused: its number at the head of the format's `verify.rs`.
            #[must_use]
            pub const fn step(&self) -> u8 {
                match self { $(Self::$variant { .. } => $step,)+ }
            }

            /// The rule that was broken, a stable name.
            #[must_use]
            pub const fn rule(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $rule,)+ }
            }

            /// What would have been accepted.
            #[must_use]
            pub fn expected(&self) -> String {
                match self { $(Self::$variant { $($field),* } => format!($expected),)+ }
            }

            /// What was found.
            #[must_use]
            pub fn actual(&self) -> String {
                match self { $(Self::$variant { $($field),* } => format!($actual),)+ }
            }

            /// Whose move it is, and what to do.
            #[must_use]
            pub fn remedy(&self) -> String {
                match self { $(Self::$variant { $($field),* } => format!($remedy),)+ }
            }
        }
    };
}

pub(crate) use flaws;

/// One step of a format's verification, as its `verify.rs` numbers them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Step {
    /// From 1.
    pub number: u8,
    /// What is checked.
    pub text: &'static str,
    /// Document, section, revision.
    pub source: &'static str,
}

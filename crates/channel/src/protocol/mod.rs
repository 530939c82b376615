//! The protocol without a connection: what an end takes, says and believes in each state. Messages come in and go out as
//! values; every state is a type that the next step takes by value.
//!
//! [`crate::broker_side`] and [`crate::keep_side`] put a connection, time limits and lengths around these steps and decide
//! nothing themselves. The exhaustive model of the handshake walks the same steps. [docs/handshake.md]

pub(crate) mod broker;
mod ends;
pub(crate) mod keep;

pub(crate) use ends::Ends;

//! The handshake, checked exhaustively against an attacker who owns the network. [docs/handshake.md]
//!
//! The ends are the real ones: the steps of [`crate::protocol`], the messages of [`crate::message`] as the bytes that go over
//! the wire, [`casemate_evidence::Binding`], `authenticate`, `appraise`, a real `Domain`, real signatures and a durable
//! receipt. What is symbolic is TLS, whose sessions are secret and each have an exporter value of their own, and Mallory: she
//! says what she can make with the keys that she has.
//!
//! - `cast`: who takes part, with which keys, and what Mallory owns.
//! - `world`: an end's transcript walked through the real steps.
//! - `state`: what of a run is remembered.
//! - `moves`: what can happen next; `words`: the same for people.
//! - `properties`: what must hold, always, and what must be possible.
//! - `explore`: the search; `checks`: the tests.

mod cast;
mod checks;
mod explore;
mod moves;
mod properties;
mod state;
mod words;
mod world;

//! The ledger: an append-only Merkle log [RFC 6962, C2SP tlog-tiles] of salted commitments, and the receipts it yields.
//!
//! A broker appends one entry for each decision *before* it acts on it (invariant 5). The log itself can be published:
//! its entries are [`commitment`]s, from which nobody learns a body. Bodies stay with the broker, and with whom it gives
//! a [`Receipt`] to: body, salt, inclusion proof and signed checkpoint, which anyone verifies offline with the log's
//! public key alone.
//!
//! ```text
//! body ─ SHA-256 ─┐
//! salt ───────────┴─ commitment (the log's entry) ─ leaf hash ─ inclusion proof ─ root ─ checkpoint, signed
//! ```
//! Until witnesses cosign checkpoints, a dishonest broker can show different logs to different people. Each receipt then
//! verifies alone, [`compare`] shows the lie as soon as two checkpoints meet, and every receipt says [`Witnessing::None`].
#![forbid(unsafe_code)]

mod body;
mod checkpoint;
mod durable;
mod leaf;
mod note;
mod receipt;
mod tile;
mod tree;

pub use body::{BODY_BYTES_MAX, BodyError, Event, ReceiptBody};
pub use checkpoint::{
    CHECKPOINT_BYTES_MAX, Checkpoint, CheckpointError, Comparison, compare, open_checkpoint, sign_checkpoint,
};
pub use durable::{DurableReceipt, Leave, OfPermit, OfRelease};
pub use leaf::{commitment, leaf_hash};
pub use note::{Origin, OriginError};
pub use receipt::{RECEIPT_BYTES_MAX, Receipt, ReceiptError, VerifiedReceipt, Witnessing};
pub use tile::{TILE_WIDTH, Tile, entry_bundle, tiles};
pub use tree::{
    HashReader, Log, PROOF_HASHES_MAX, Recorder, SIZE_MAX, TreeError, reads, verify_consistency, verify_inclusion,
};

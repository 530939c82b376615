//! SQL over sealed tables, with the owners' gates at the sink.
//!
//! A query passes here in this order, and stops at the first refusal:
//!
//! 1. [`table`]: the view. Only the tables and columns that the contract gives to this computation exist.
//! 2. `plan`: SQL text → logical plan → optimised logical plan, without a byte of data.
//! 3. `inspect`: default deny over the logical plan, before and after optimisation: every node, expression and function that
//!    isn't listed is refused; there is exactly one aggregate; the entity column is used for nothing but joins and counting.
//! 4. `gated`: the optimised plan is rewritten so that the aggregate also counts distinct entities, and a check sits on it.
//! 5. `sealed`: each file's footer is opened and checked; that same footer, not a second reading of it, is what the scan uses.
//! 6. `physical`: default deny over the physical plan that will run; the check must sit right above the final aggregate.
//! 7. [`run()`]: executes, bounded in memory, with no disk, no path, no network; caps rows and bytes.
//!
//! Invariant 8 of the design: refusals that depend on data carry no values. See docs/gates.md for the rules and their limits.
#![forbid(unsafe_code)]

mod distinct;
mod gate_check;
mod gated;
mod input;
mod inspect;
mod output;
mod physical;
mod plan;
mod refusal;
mod run;
mod sealed;
mod session;
pub mod table;
mod view;

pub use input::{Form, Input, check_input, prepare_inputs};
pub use output::{GateOutcome, Output, OutputError, to_csv, to_pretty};
pub use refusal::{QueryRefusal, SealedFault};
pub use run::{Explanation, Limits, check, run};
pub use table::{ColumnType, Gate, Sealed, Table};
pub use view::views;

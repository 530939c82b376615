//! Nobody but `authorise_permit` makes a `Permit`, and nobody but `check_peers` an `AllDecided`.

use casemate_contract::{AllDecided, DecisionStatement, Permit, PermitStatement};

fn forge(statement: PermitStatement) -> Permit {
    Permit { statement }
}

fn alone(decisions: Vec<DecisionStatement>) -> AllDecided {
    AllDecided { decisions }
}

fn main() {}

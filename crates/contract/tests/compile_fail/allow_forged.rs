//! Nobody but `authorise` makes an `Allow`, and nobody copies one.

use casemate_contract::{Allow, DatasetName, DecisionStatement};

fn forge(statement: DecisionStatement, datasets: Vec<DatasetName>) -> Allow {
    Allow { statement, datasets }
}

fn copied(allow: &Allow) -> Allow {
    allow.clone()
}

fn main() {}

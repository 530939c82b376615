//! What AMD SEV-SNP attestation reports say.

use crate::Facts;

/// SKELETON: to be written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {}

impl Claims {
    pub(crate) fn facts(&self, _facts: &mut Facts) {}
}

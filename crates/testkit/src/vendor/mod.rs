//! Vendors of our own: an AMD, an Intel, an AWS, an Arm, an NVIDIA, a TPM maker, that sign any evidence, right or wrong.

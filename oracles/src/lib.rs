//! Nothing: the comparisons are the tests.

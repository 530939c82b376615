//! The one place where the command reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use casemate_cose::UnixTime;

/// Now. A clock before 1970 reads as 1970, which every check of freshness refuses.
pub(crate) fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

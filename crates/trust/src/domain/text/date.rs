//! Dates and times as TOML writes them [RFC 3339], in UTC.

use casemate_cose::UnixTime;
use toml::value::{Date, Datetime, Offset};

/// Seconds of a day.
const DAY_S: u64 = 86_400;
/// The last year that is written with four digits.
const YEAR_MAX: u16 = 9999;

/// Which second of a day a date alone means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Edge {
    /// The first, of days from which on something holds.
    First,
    /// The last, of days up to which it holds, that day included.
    Last,
}

/// The second that `time` means; `None` for a time without a day or zone, with parts of a second, or before 1970.
pub(super) fn read(time: &Datetime, edge: Edge) -> Option<UnixTime> {
    let midnight = days(time.date.as_ref()?)?.checked_mul(DAY_S)?;
    let (Some(clock), Some(offset)) = (&time.time, &time.offset) else {
        let alone = time.time.is_none() && time.offset.is_none();
        let second = if edge == Edge::Last { DAY_S - 1 } else { 0 };
        return alone.then(|| UnixTime(midnight.saturating_add(second)));
    };
    let (hour, minute, second) = (u64::from(clock.hour), u64::from(clock.minute), u64::from(clock.second.unwrap_or(0)));
    if clock.nanosecond.unwrap_or(0) != 0 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let local = midnight.checked_add(hour * 3600 + minute * 60 + second)?;
    let Offset::Custom { minutes } = offset else { return Some(UnixTime(local)) };
    let shift = u64::from(minutes.unsigned_abs()).checked_mul(60)?;
    let utc = if *minutes < 0 { local.checked_add(shift)? } else { local.checked_sub(shift)? };
    Some(UnixTime(utc))
}

/// As TOML, so that [`read`] at this edge reads it again; `None` for what comes after the year 9999.
pub(super) fn write(time: UnixTime, edge: Edge) -> Option<String> {
    let last = days(&Date { year: YEAR_MAX, month: 12, day: 31 })?.checked_mul(DAY_S)?.checked_add(DAY_S - 1)?;
    if time.0 > last {
        return None;
    }
    let text = time.to_string();
    let whole = if edge == Edge::Last { DAY_S - 1 } else { 0 };
    if time.0 % DAY_S == whole { text.split_once('T').map(|(date, _)| date.to_owned()) } else { Some(text) }
}

/// Days from 1970-01-01, of the proleptic Gregorian calendar; `None` for days before it and for none of the calendar's.
fn days(date: &Date) -> Option<u64> {
    let (year, month, day) = (u64::from(date.year), u64::from(date.month), u64::from(date.day));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || year > u64::from(YEAR_MAX) || day == 0 || day > length {
        return None;
    }
    // Years count from March, so that a leap day is a year's last.
    let years = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    (years * 365 + years / 4 - years / 100 + years / 400 + day_of_year).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_second_or_its_last() {
        for (text, first, last) in [
            ("1970-01-01", 0, 86_399),
            ("2000-02-29", 951_782_400, 951_868_799),
            ("2027-03-31", 1_806_451_200, 1_806_537_599),
            ("2100-03-01", 4_107_542_400, 4_107_628_799),
        ] {
            let time: Datetime = text.parse().unwrap();
            assert_eq!(read(&time, Edge::First), Some(UnixTime(first)), "{text}");
            assert_eq!(read(&time, Edge::Last), Some(UnixTime(last)), "{text}");
            assert_eq!(write(UnixTime(first), Edge::First).unwrap(), text);
            assert_eq!(write(UnixTime(last), Edge::Last).unwrap(), text);
        }
    }

    #[test]
    fn a_time_counts_in_its_zone() {
        for (text, second) in [
            ("2026-11-22T01:54:56Z", 1_795_312_496),
            ("2026-11-22T02:54:56+01:00", 1_795_312_496),
            ("2026-11-21T20:54:56-05:00", 1_795_312_496),
        ] {
            let time: Datetime = text.parse().unwrap();
            assert_eq!(read(&time, Edge::Last), Some(UnixTime(second)), "{text}");
        }
        assert_eq!(write(UnixTime(1_795_312_496), Edge::Last).unwrap(), "2026-11-22T01:54:56Z");
    }

    #[test]
    fn no_day_or_zone_no_time() {
        for text in
            ["1969-12-31", "2026-11-22T01:54:56", "01:54:56", "2026-11-22T01:54:56.5Z", "1970-01-01T00:00:00+01:00"]
        {
            let time: Datetime = text.parse().unwrap();
            assert_eq!(read(&time, Edge::First), None, "{text}");
        }
        assert_eq!(write(UnixTime(u64::MAX), Edge::Last), None);
        assert_eq!(write(UnixTime(253_402_300_800), Edge::Last), None);
        assert_eq!(write(UnixTime(253_402_300_799), Edge::Last).unwrap(), "9999-12-31");
    }
}

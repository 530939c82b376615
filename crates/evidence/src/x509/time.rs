//! UTCTime and GeneralizedTime, in the one spelling that RFC 5280 §4.1.2.5 allows.

use casemate_cose::UnixTime;

use crate::wire::{
    WireError,
    der::{Der, GENERALIZED_TIME, UTC_TIME},
};

/// Reads a `Time`.
pub(crate) fn time(der: &mut Der<'_>, field: &'static str) -> Result<UnixTime, WireError> {
    let element = der.next(field)?;
    let text = std::str::from_utf8(element.content).unwrap_or_default();
    let read = match element.tag {
        // Years below 50 are in this century [RFC 5280 §4.1.2.5.1].
        UTC_TIME => {
            two_digits(text, 0).and_then(|year| at(if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?))
        }
        GENERALIZED_TIME => two_digits(text, 0)
            .zip(two_digits(text, 2))
            .and_then(|(century, year)| at(century * 100 + year, text.get(4..)?)),
        _ => None,
    };
    read.ok_or_else(|| WireError::Value {
        field,
        expected: "a time in UTC, to the second",
        actual: text.escape_default().to_string(),
    })
}

fn two_digits(text: &str, start: usize) -> Option<u64> {
    let digits = text.get(start..start + 2)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The time `MMDDHHMMSSZ` of `year`.
fn at(year: u64, rest: &str) -> Option<UnixTime> {
    if rest.len() != 11 || !rest.ends_with('Z') || year < 1970 {
        return None;
    }
    let [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map(|start| two_digits(rest, start));
    let (month, day, hour, minute, second) = (month?, day?, hour?, minute?, second?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day == 0 || day > days || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(UnixTime(days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second))
}

/// Days from civil, with years that begin in March.
const fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Reads a time of RFC 3339 in UTC, to the second, as vendors' JSON has it: `2025-06-19T09:51:46Z`. Nothing else.
#[must_use]
pub fn rfc3339(text: &str) -> Option<UnixTime> {
    let [date, clock] = text.strip_suffix('Z')?.split('T').collect::<Vec<_>>().try_into().ok()?;
    let [year, month, day]: [&str; 3] = date.split('-').collect::<Vec<_>>().try_into().ok()?;
    let [hour, minute, second]: [&str; 3] = clock.split(':').collect::<Vec<_>>().try_into().ok()?;
    if year.len() != 4 || [month, day, hour, minute, second].iter().any(|part| part.len() != 2) {
        return None;
    }
    at(two_digits(year, 0)? * 100 + two_digits(year, 2)?, &format!("{month}{day}{hour}{minute}{second}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: u8, text: &str) -> Option<String> {
        let bytes = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        time(&mut Der::new(&bytes), "time").ok().map(|time| time.to_string())
    }

    #[test]
    fn reads_both_forms() {
        for (tag, text, expected) in [
            (UTC_TIME, "240229235959Z", "2024-02-29T23:59:59Z"),
            (UTC_TIME, "700101000000Z", "1970-01-01T00:00:00Z"),
            (GENERALIZED_TIME, "20491231235959Z", "2049-12-31T23:59:59Z"),
            (GENERALIZED_TIME, "21000301000000Z", "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(read(tag, text).as_deref(), Some(expected));
        }
        assert_eq!(rfc3339("2025-06-19T09:51:46Z").unwrap().to_string(), "2025-06-19T09:51:46Z");
    }

    #[test]
    fn refuses_other_spellings() {
        for text in [
            "2402292359Z",
            "240229235959",
            "240229235959+0000",
            "230229000000Z",
            "241301000000Z",
            "240101240000Z",
            "2401010000 0Z",
            "24010100000é",
        ] {
            assert_eq!(read(UTC_TIME, text), None, "{text}");
        }
        for text in [
            "2025-06-19T09:51:46",
            "2025-06-19 09:51:46Z",
            "2025-6-19T09:51:46Z",
            "2025-06-19T09:51:46.0Z",
            "+025-06-19T09:51:46Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }
}

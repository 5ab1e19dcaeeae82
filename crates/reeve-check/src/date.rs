//! Dates as the official tests read them.
//!
//! They use Python's `strptime`, which is more lenient than the standard's text: one digit will do, seconds go to 61, letters have no case, and one blank means any number
//! of them. Verdicts depend on this, so it is followed to the letter. Source: CPython 3.11: `Lib/_strptime.py` – `TimeRE`, `_strptime`;
//! SovereignCloudStack/standards at 077174d9: `Tests/iaas/scs_0102_image_metadata/image_metadata.py` – `parse_date`.

use jiff::civil::Date;

use crate::digit;

/// A part of a format.
#[derive(Clone, Copy)]
enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    /// This character, in any case.
    Letter(char),
    /// One blank or more.
    Blanks,
}

use Part::{Blanks, Day, Hour, Letter, Minute, Month, Second, Year};

const DATE: [Part; 5] = [Year, Letter('-'), Month, Letter('-'), Day];
const STRICT: [Part; 12] = [
    Year,
    Letter('-'),
    Month,
    Letter('-'),
    Day,
    Letter('T'),
    Hour,
    Letter(':'),
    Minute,
    Letter(':'),
    Second,
    Letter('Z'),
];
const SECONDS: [Part; 11] = [
    Year,
    Letter('-'),
    Month,
    Letter('-'),
    Day,
    Blanks,
    Hour,
    Letter(':'),
    Minute,
    Letter(':'),
    Second,
];
const MINUTES: [Part; 9] = [
    Year,
    Letter('-'),
    Month,
    Letter('-'),
    Day,
    Blanks,
    Hour,
    Letter(':'),
    Minute,
];
const COMPACT: [Part; 3] = [Year, Month, Day];

/// Returns a date of one of the four forms that properties may have, in seconds since 1970, UTC; 0 for anything else, and for 1970-01-01 itself.
pub(crate) fn seconds(text: &str) -> i64 {
    [&STRICT[..], &SECONDS, &MINUTES, &DATE]
        .iter()
        .find_map(|format| parse(text, format))
        .unwrap_or(0)
}

/// Returns a date of the form that Glance writes, `2026-11-21T12:00:00Z`; 0 for anything else.
pub(crate) fn strict_seconds(text: &str) -> i64 {
    parse(text, &STRICT).unwrap_or(0)
}

/// Tells whether a word is a date that marks an image as replaced: `2026-11-21` or `20261121`.
pub(crate) fn is_marker(word: &str) -> bool {
    [&DATE[..], &COMPACT]
        .iter()
        .find_map(|format| parse(word, format))
        .unwrap_or(0)
        != 0
}

fn parse(text: &str, format: &[Part]) -> Option<i64> {
    let text: Vec<char> = text.chars().collect();
    let mut fields = Fields {
        year: 0,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
    };
    // The first way in which the beginning matches decides; what is left over then is an error, not a reason to look for another way.
    let end = matches(&text, 0, format, &mut fields)?;
    if end != text.len() {
        return None;
    }
    let date = Date::new(
        i16::try_from(fields.year).ok()?,
        i8::try_from(fields.month).ok()?,
        i8::try_from(fields.day).ok()?,
    )
    .ok()?;
    // Year 0 is a year for jiff and none for Python.
    if fields.year == 0 {
        return None;
    }
    let days = date.since(Date::constant(1970, 1, 1)).ok()?.get_days();
    Some(i64::from(days) * 86_400 + i64::from(fields.hour * 3600 + fields.minute * 60 + fields.second))
}

struct Fields {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

/// Returns where the first match of `format` from `at` on ends, and fills in its fields.
fn matches(text: &[char], at: usize, format: &[Part], fields: &mut Fields) -> Option<usize> {
    let Some((part, rest)) = format.split_first() else {
        return Some(at);
    };
    for (value, length) in ways(*part, &text[at..]) {
        if let Some(end) = matches(text, at + length, rest, fields) {
            match part {
                Year => fields.year = value,
                Month => fields.month = value,
                Day => fields.day = value,
                Hour => fields.hour = value,
                Minute => fields.minute = value,
                Second => fields.second = value,
                Letter(_) | Blanks => {}
            }
            return Some(end);
        }
    }
    None
}

/// Returns the ways in which a part can match, in the order in which Python tries them: value and length.
fn ways(part: Part, text: &[char]) -> Vec<(u32, usize)> {
    let at = |index: usize| text.get(index).copied();
    let digit = |index: usize| at(index).and_then(digit::value);
    let ascii = |index: usize| at(index).and_then(|c| c.to_digit(10));
    let mut ways = Vec::new();
    match part {
        Year => {
            if let (Some(a), Some(b), Some(c), Some(d)) = (digit(0), digit(1), digit(2), digit(3)) {
                ways.push((a * 1000 + b * 100 + c * 10 + d, 4));
            }
        }
        // 1[0-2]|0[1-9]|[1-9]
        Month => {
            match (ascii(0), ascii(1)) {
                (Some(1), Some(second @ 0..=2)) => ways.push((10 + second, 2)),
                (Some(0), Some(second @ 1..)) => ways.push((second, 2)),
                _ => {}
            }
            ways.extend(ascii(0).filter(|first| *first > 0).map(|first| (first, 1)));
        }
        // 3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9]
        Day => {
            match (ascii(0), ascii(1), digit(1)) {
                (Some(3), Some(second @ 0..=1), _) => ways.push((30 + second, 2)),
                (Some(first @ 1..=2), _, Some(second)) => ways.push((first * 10 + second, 2)),
                (Some(0), Some(second @ 1..), _) => ways.push((second, 2)),
                _ => {}
            }
            ways.extend(ascii(0).filter(|first| *first > 0).map(|first| (first, 1)));
            if at(0) == Some(' ') {
                ways.extend(ascii(1).filter(|second| *second > 0).map(|second| (second, 2)));
            }
        }
        // 2[0-3]|[0-1]\d|\d
        Hour => {
            match (ascii(0), ascii(1), digit(1)) {
                (Some(2), Some(second @ 0..=3), _) => ways.push((20 + second, 2)),
                (Some(first @ 0..=1), _, Some(second)) => ways.push((first * 10 + second, 2)),
                _ => {}
            }
            ways.extend(digit(0).map(|first| (first, 1)));
        }
        // [0-5]\d|\d
        Minute => {
            if let (Some(first @ 0..=5), Some(second)) = (ascii(0), digit(1)) {
                ways.push((first * 10 + second, 2));
            }
            ways.extend(digit(0).map(|first| (first, 1)));
        }
        // 6[0-1]|[0-5]\d|\d
        Second => {
            match (ascii(0), ascii(1), digit(1)) {
                (Some(6), Some(second @ 0..=1), _) => ways.push((60 + second, 2)),
                (Some(first @ 0..=5), _, Some(second)) => ways.push((first * 10 + second, 2)),
                _ => {}
            }
            ways.extend(digit(0).map(|first| (first, 1)));
        }
        Letter(letter) => {
            if at(0).is_some_and(|c| c.eq_ignore_ascii_case(&letter)) {
                ways.push((0, 1));
            }
        }
        Blanks => {
            let most = text.iter().take_while(|c| c.is_whitespace()).count();
            ways.extend((1..=most).rev().map(|length| (0, length)));
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_of_every_form() {
        for (text, wanted) in [
            ("2026-11-21T12:34:56Z", 1_795_264_496),
            ("2026-11-21t12:34:56z", 1_795_264_496),
            ("2026-11-21 12:34:56", 1_795_264_496),
            ("2026-11-21   12:34", 1_795_264_440),
            ("2026-11-21", 1_795_219_200),
            ("2026-1-2", 1_767_312_000),
            ("2026-01- 2", 1_767_312_000),
            ("2016-12-31 23:59:61", 1_483_228_801),
            ("1969-12-31", -86_400),
            ("1970-01-01", 0),
            ("2026-02-29", 0),
            ("2026-11-210", 0),
            ("0000-01-01", 0),
            ("2026-13-01", 0),
            ("2026-11-21 ", 0),
            (" 2026-11-21", 0),
            ("2026-11-21T12:34Z", 0),
            ("2026-11-21T12:34:56+00:00", 0),
            ("2026-11-21\n", 0),
            ("٢٠٢٦-11-21", 1_795_219_200),
            ("", 0),
            ("soon", 0),
        ] {
            assert_eq!(seconds(text), wanted, "{text:?}");
        }
        assert_eq!(strict_seconds("2026-11-21"), 0);
        assert_eq!(strict_seconds("2026-11-21T12:34:56Z"), 1_795_264_496);
    }

    #[test]
    fn markers_at_the_end_of_names() {
        for word in ["2026-11-21", "20261121", "202411", "2024111"] {
            assert!(is_marker(word), "{word}");
        }
        for word in ["20240", "old", "24.04", "20261341", "2026112111"] {
            assert!(!is_marker(word), "{word}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in -62_135_596_800_i64..253_402_300_799) {
            prop_assume!(seconds != 0);
            let text = jiff::Timestamp::from_second(seconds).unwrap().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            prop_assert_eq!(super::seconds(&text), seconds);
        }

        #[test]
        fn any_text_is_a_date_or_none(text in "[0-9٣ :TZ-]{0,24}") {
            let value = super::seconds(&text);
            prop_assert!(value == 0 || (-62_135_596_800..253_402_300_800 + 2).contains(&value));
        }
    }
}

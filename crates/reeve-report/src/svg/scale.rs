//! From moments and values to places in a picture.

use jiff::Timestamp;
use maud::{Markup, html};

/// Width of every picture in its own units; the page stretches it.
pub(super) const WIDTH: f64 = 1000.0;

/// Places moments between two on the picture's width.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeScale {
    from: Timestamp,
    to: Timestamp,
}

impl TimeScale {
    /// Returns a scale; an axis of no length is made one second long.
    pub(super) fn new(from: Timestamp, to: Timestamp) -> Self {
        let least = from
            .checked_add(jiff::SignedDuration::from_secs(1))
            .unwrap_or(Timestamp::MAX);
        Self {
            from,
            to: to.max(least),
        }
    }

    /// Returns the place of a moment, from 0 to [`WIDTH`]; what lies outside is put on the edge.
    pub(super) fn x(self, at: Timestamp) -> f64 {
        let whole = self.to.duration_since(self.from).as_secs_f64();
        if whole <= 0.0 {
            return 0.0;
        }
        (at.duration_since(self.from).as_secs_f64() / whole).clamp(0.0, 1.0) * WIDTH
    }

    /// Returns the axis below a picture: beginning, middle and end.
    pub(super) fn axis(self) -> Markup {
        let half = self.to.duration_since(self.from) / 2;
        let middle = self.from.checked_add(half).unwrap_or(self.to);
        let days = self.from.strftime("%F").to_string() != self.to.strftime("%F").to_string();
        let shown = |at: Timestamp| {
            let format = if days { "%m-%d %H:%M" } else { "%H:%M:%S" };
            at.strftime(format).to_string()
        };
        html! {
            div.axis {
                @for at in [self.from, middle, self.to] { time datetime=(at) { (shown(at)) } }
            }
        }
    }
}

/// Returns a number for a picture's coordinates, with as few digits as do.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Returns the next number at or above `value` that reads well: 1, 2 or 5 times a power of ten; 1 for nothing.
pub(super) fn round_up(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|candidate| *candidate >= value * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// Returns a value with its unit, as people read it.
pub(super) fn shown(value: f64, unit: &str) -> String {
    let number = if value.fract() == 0.0 || value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    };
    if unit.is_empty() {
        number
    } else {
        format!("{number} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_that_read_well() {
        for (value, expected) in [
            (0.0, 1.0),
            (-3.0, 1.0),
            (0.3, 0.5),
            (1.0, 1.0),
            (1.1, 2.0),
            (32.0, 50.0),
            (99.0, 100.0),
            (f64::NAN, 1.0),
        ] {
            assert!(
                (round_up(value) - expected).abs() < 1e-9,
                "{value}: {}",
                round_up(value)
            );
        }
        assert_eq!((number(3.0), number(7.26)), ("3".into(), "7.3".into()));
        assert_eq!((shown(1500.0, "ms"), shown(0.25, "")), ("1500 ms".into(), "0.2".into()));
    }

    proptest! {
        #[test]
        fn every_moment_lies_in_the_picture(from in -1_000_000_i64..1_000_000, length in -10_i64..100_000, at in -2_000_000_i64..2_000_000) {
            let second = |s| Timestamp::from_second(s).unwrap();
            let x = TimeScale::new(second(from), second(from + length)).x(second(at));
            prop_assert!((0.0..=WIDTH).contains(&x));
        }

        #[test]
        fn a_rounded_number_is_not_smaller_nor_far_away(value in 1e-6_f64..1e12) {
            let rounded = round_up(value);
            prop_assert!(rounded >= value * 0.999_999 && rounded <= value * 2.5 + 1e-9, "{} {}", value, rounded);
        }
    }
}

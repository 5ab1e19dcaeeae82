//! Values over time.

use std::fmt::Write;

use jiff::Timestamp;
use maud::{Markup, html};

use super::scale::{TimeScale, WIDTH, number, round_up, shown};
use super::{Chart, Keep, Series};

/// Height of a chart in its own units.
const HEIGHT: f64 = 200.0;

/// Most points of a curve: more than a wide screen has pixels in a chart are not seen.
const MOST_POINTS: usize = 900;

/// Returns the chart; `id` is unique on the page.
pub(crate) fn chart(id: &str, chart: &Chart) -> Markup {
    let scale = TimeScale::new(chart.from, chart.to);
    let values = chart
        .series
        .iter()
        .flat_map(|series| &series.points)
        .filter_map(|(_, value)| *value);
    let highest = values
        .chain(chart.limit.as_ref().map(|(value, _)| *value))
        .fold(0.0, f64::max);
    let top = round_up(highest);
    let y = |value: f64| HEIGHT - (value / top).clamp(0.0, 1.0) * HEIGHT;
    html! {
        figure.chart aria-labelledby={ (id) "-caption" } {
            figcaption id={ (id) "-caption" } { (reeve_untrusted::line(&chart.title)) }
            p.description { (reeve_untrusted::line(&chart.description)) }
            (legend(chart))
            div.plot-frame {
                div.scale aria-hidden="true" {
                    @for part in [top, top / 2.0, 0.0] { span { (reeve_untrusted::line(&shown(part, &chart.unit))) } }
                }
                svg.plot viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" focusable="false"
                    aria-labelledby={ (id) "-t " (id) "-d" } {
                    title id={ (id) "-t" } { (reeve_untrusted::line(&chart.title)) }
                    desc id={ (id) "-d" } { (reeve_untrusted::line(&chart.description)) }
                    @for part in [0.0, 0.5, 1.0] { line.base x1="0" x2=(WIDTH) y1=(number(HEIGHT * part)) y2=(number(HEIGHT * part)) {} }
                    @if let Some((value, _)) = &chart.limit { line.limit x1="0" x2=(WIDTH) y1=(number(y(*value))) y2=(number(y(*value))) {} }
                    @for (index, series) in chart.series.iter().enumerate() {
                        path class={ "curve c" (index % 3) } d=(path(series, scale, y)) {}
                    }
                }
            }
            (scale.axis())
        }
    }
}

fn legend(chart: &Chart) -> Markup {
    let line = |class: &str, name: &str| {
        html! {
            li {
                svg.key viewBox="0 0 30 20" preserveAspectRatio="none" aria-hidden="true" focusable="false" { path class=(class) d="M0 10H30" {} }
                (reeve_untrusted::line(name))
            }
        }
    };
    html! {
        @if chart.series.len() > 1 || chart.limit.is_some() {
            ul.legend {
                @for (index, series) in chart.series.iter().enumerate() { (line(&format!("curve c{}", index % 3), &series.name)) }
                @if let Some((_, name)) = &chart.limit { (line("limit", name)) }
            }
        }
    }
}

/// Returns a curve as a path that is broken where there is no value.
fn path(series: &Series, scale: TimeScale, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut pen_down = false;
    for (at, value) in thinned(series) {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            pen_down = false;
            continue;
        };
        // A point with nothing on either side would not be drawn: a line of no length is, with round ends.
        let (x, y) = (number(scale.x(at)), number(y(value)));
        let _ = if pen_down {
            write!(path, "L{x} {y}")
        } else {
            write!(path, "M{x} {y}h0")
        };
        pen_down = true;
    }
    path
}

/// Returns at most [`MOST_POINTS`] points: of those that fall together, the one to keep; a missing value is kept before all others.
fn thinned(series: &Series) -> Vec<(Timestamp, Option<f64>)> {
    let together = series.points.len().div_ceil(MOST_POINTS).max(1);
    let chosen = |points: &[(Timestamp, Option<f64>)]| {
        let order = |a: &f64, b: &f64| match series.keep {
            Keep::Highest => a.total_cmp(b),
            Keep::Lowest => b.total_cmp(a),
        };
        let missing = points.iter().find(|(_, value)| value.is_none());
        let kept = points.iter().filter(|(_, value)| value.is_some());
        let kept = kept.max_by(|a, b| order(&a.1.unwrap_or(0.0), &b.1.unwrap_or(0.0)));
        missing.or(kept).copied()
    };
    series.points.chunks(together).filter_map(chosen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[Option<f64>], keep: Keep) -> Series {
        let at = |second: usize| Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
        Series {
            name: "x".into(),
            points: values.iter().enumerate().map(|(i, value)| (at(i), *value)).collect(),
            keep,
        }
    }

    #[test]
    fn a_missing_value_breaks_the_curve() {
        let series = series(&[Some(0.0), Some(1.0), None, Some(2.0)], Keep::Highest);
        let scale = TimeScale::new(series.points[0].0, series.points[3].0);
        assert_eq!(path(&series, scale, |value| value), "M0 0h0L333.3 1M1000 2h0");
    }

    #[test]
    fn thinning_keeps_the_worst_and_the_gaps() {
        let mut values = vec![Some(1.0); 9_000];
        values[4_321] = Some(99.0);
        values[8_000] = None;
        let thinned = thinned(&series(&values, Keep::Highest));
        assert!(thinned.len() <= MOST_POINTS);
        assert!(thinned.iter().any(|(_, value)| *value == Some(99.0)));
        assert!(thinned.iter().any(|(_, value)| value.is_none()));
        let lowest = super::thinned(&series(&[Some(2.0), Some(1.0)].repeat(900), Keep::Lowest));
        assert!(lowest.iter().all(|(_, value)| *value == Some(1.0)));
    }
}

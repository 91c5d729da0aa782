//! A chart of the throughput of a pass over time, with two areas: bytes per second and objects per second.

use std::fmt::{self, Display, Formatter, Write};
use std::time::Duration;

use super::Text;
use crate::metrics::series::Point;
use crate::report::format;

/// The width and height of an area in drawing units; the page stretches it to the available width.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 100.0;

/// The progress of a pass over time, and the begin of each of its phases.
#[derive(Clone, Debug)]
pub struct Curve {
    /// The heading.
    pub title: String,
    /// The counts at points in time, in the order of time.
    pub points: Vec<Point>,
    /// The begin of each phase, and its name.
    pub phases: Vec<(Duration, &'static str)>,
}

impl Display for Curve {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(end) = self.points.last().map(|point| point.at).filter(|end| !end.is_zero()) else { return Ok(()) };
        let at = |time: Duration| (time.as_secs_f64() / end.as_secs_f64()).clamp(0.0, 1.0);
        writeln!(f, "<section class=\"curve\">\n<h2>{}</h2>", Text(&self.title))?;
        let bytes = self.rates(|point| point.bytes);
        let objects = self.rates(|point| point.objects);
        self.area(f, "Bytes a second", &bytes, |rate| format!("{}/s", format::bytes(rate as u64)), at)?;
        self.area(f, "Objects a second", &objects, |rate| format!("{}/s", format::count(rate as u64)), at)?;
        writeln!(f, "<div class=\"times\"><span>0</span><span>{}</span></div>", format::span(end))?;
        let parts: Vec<String> =
            self.phases.iter().map(|(time, name)| format!("{name} from {}", format::span(*time))).collect();
        if !parts.is_empty() {
            writeln!(f, "<p class=\"aside\">The lines show where each kind began: {}.</p>", Text(&parts.join(", ")))?;
        }
        writeln!(f, "</section>")
    }
}

impl Curve {
    /// The rate per second between each point and the previous one, with the time of the later point.
    fn rates(&self, number: fn(&Point) -> u64) -> Vec<(Duration, f64)> {
        let pairs = self.points.windows(2);
        let rate = |pair: &[Point]| {
            let seconds = (pair[1].at.saturating_sub(pair[0].at)).as_secs_f64().max(1e-3);
            (pair[1].at, number(&pair[1]).saturating_sub(number(&pair[0])) as f64 / seconds)
        };
        pairs.map(rate).collect()
    }

    fn area(
        &self,
        f: &mut Formatter<'_>,
        name: &str,
        rates: &[(Duration, f64)],
        show: fn(f64) -> String,
        at: impl Fn(Duration) -> f64,
    ) -> fmt::Result {
        let most = rates.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
        let label = format!("{name}, at most {}", show(most));
        writeln!(f, "<figure><figcaption><span>{name}</span><span>at most {}</span></figcaption>", Text(&show(most)))?;
        write!(f, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\"")?;
        writeln!(f, " aria-label=\"{}\">", Text(&label))?;
        writeln!(f, "<path class=\"grid\" d=\"M0 0H{WIDTH}M0 {}H{WIDTH}M0 {HEIGHT}H{WIDTH}\"/>", HEIGHT / 2.0)?;
        let mut top = String::new();
        for (time, rate) in rates {
            let up = HEIGHT * (1.0 - if most > 0.0 { rate / most } else { 0.0 });
            // Steps, because each rate is the rate of the time up to its point.
            write!(top, "V{up:.1}H{:.1}", WIDTH * at(*time))?;
        }
        writeln!(f, "<path class=\"area\" d=\"M0 {HEIGHT}{top}V{HEIGHT}Z\"/>")?;
        writeln!(f, "<path class=\"edge\" d=\"M0 {HEIGHT}{top}\"/>")?;
        for (time, _) in &self.phases {
            writeln!(f, "<path class=\"phase\" d=\"M{:.1} 0V{HEIGHT}\"/>", WIDTH * at(*time))?;
        }
        writeln!(f, "</svg></figure>")
    }
}

//! How much was done at which time, for the curve of the page: as many points as a curve can show, however long the
//! work takes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::throughput::Amount;

/// The most points that are kept. When they are reached, every second one goes and the step doubles.
pub const MOST: usize = 480;
/// How close points are at first.
const FIRST_STEP: Duration = Duration::from_millis(200);

/// How much was done at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The time since the work began.
    pub at: Duration,
    /// Objects done by then.
    pub objects: u64,
    /// Bytes done by then.
    pub bytes: u64,
}

/// How much was done over the time of the work. Written by whoever shows the progress, a few times a second.
#[derive(Debug)]
pub struct Series(Mutex<Held>);

#[derive(Debug)]
struct Held {
    began: Instant,
    step: Duration,
    points: Vec<Point>,
    phases: Vec<(Duration, &'static str)>,
}

impl Default for Series {
    fn default() -> Self {
        let start = Point { at: Duration::ZERO, objects: 0, bytes: 0 };
        Self(Mutex::new(Held { began: Instant::now(), step: FIRST_STEP, points: vec![start], phases: Vec::new() }))
    }
}

impl Series {
    /// Notes how much has been done by now.
    pub fn sample(&self, done: Amount) {
        let at = self.held().began.elapsed();
        self.sample_at(Point { at, objects: done.items, bytes: done.bytes });
    }

    /// Notes `point`, unless it is closer to the last one than can be shown.
    pub fn sample_at(&self, point: Point) {
        let mut held = self.held();
        let step = held.step;
        if held.points.last().is_some_and(|last| point.at < last.at + step) {
            return;
        }
        held.points.push(point);
        if held.points.len() >= MOST {
            let mut keep = false;
            held.points.retain(|_| {
                keep = !keep;
                keep
            });
            held.step *= 2;
        }
    }

    /// Notes that a part of the work begins now.
    pub fn begin(&self, phase: &'static str) {
        let mut held = self.held();
        let at = held.began.elapsed();
        held.phases.push((at, phase));
    }

    /// The points in the order of time with `end` as the last one, and the time at which each part began.
    pub fn course(&self, end: Point) -> (Vec<Point>, Vec<(Duration, &'static str)>) {
        let held = self.held();
        let mut points = held.points.clone();
        points.retain(|point| point.at < end.at);
        points.push(end);
        (points, held.phases.clone())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Poison is ignored, because a point is added in one step: what a panic leaves is a whole series.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(seconds: f64) -> Point {
        Point { at: Duration::from_secs_f64(seconds), objects: (seconds * 10.0) as u64, bytes: 0 }
    }

    #[test]
    fn a_long_pass_has_as_many_points_as_a_short_one() {
        let series = Series::default();
        // A week, asked five times a second.
        for tick in 1..=(7 * 86_400 * 5) {
            series.sample_at(point(f64::from(tick) / 5.0));
        }
        let (points, _) = series.course(point(7.0 * 86_400.0));
        assert!((MOST / 2..=MOST).contains(&points.len()), "{} points", points.len());
        assert!(points.windows(2).all(|pair| pair[0].at < pair[1].at && pair[0].objects <= pair[1].objects));
        assert_eq!((points[0].at, points.last().copied()), (Duration::ZERO, Some(point(7.0 * 86_400.0))));
        let gaps: Vec<_> = points.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64()).collect();
        let (least, most) =
            gaps[..gaps.len() - 1].iter().fold((f64::MAX, 0f64), |(a, b), gap| (a.min(*gap), b.max(*gap)));
        assert!(most <= 2.5 * least, "gaps from {least} to {most} s");
    }

    #[test]
    fn points_too_close_are_one_and_the_end_is_always_there() {
        let series = Series::default();
        for at in [0.01, 0.05, 0.3, 0.31, 0.6] {
            series.sample_at(point(at));
        }
        let (points, phases) = series.course(point(0.61));
        assert_eq!(points, [0.0, 0.3, 0.6, 0.61].map(point));
        assert!(phases.is_empty());
        assert_eq!(series.course(point(0.0)).0, [point(0.0)]);
    }

    #[test]
    fn parts_are_noted_as_they_begin() {
        let series = Series::default();
        series.begin("blocks");
        series.begin("fs");
        let (_, phases) = series.course(point(9.0));
        assert_eq!(phases.iter().map(|(_, name)| *name).collect::<Vec<_>>(), ["blocks", "fs"]);
        assert!(phases[0].0 <= phases[1].0);
    }
}

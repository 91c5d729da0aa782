//! Numbers as people read them.

use std::time::Duration;

pub use crate::sys::number::{count, plural};

/// A number of bytes with the largest decimal unit that leaves at least one: `1.5 MB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if n < 1000 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A time as `2d 03:04:05`, or `03:04:05` below a day.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    if days > 0 { format!("{days}d {clock}") } else { clock }
}

/// A time as it is worth knowing for one request: `140 ms`, `12.3 s`, and from a minute on as [`duration`].
pub fn span(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 0.9995 => format!("{:.0} ms", seconds * 1000.0),
        seconds if seconds < 59.95 => format!("{seconds:.1} s"),
        _ => duration(time),
    }
}

/// `n` libraries.
pub fn libraries(n: u64) -> String {
    format!("{} {}", count(n), if n == 1 { "library" } else { "libraries" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([count(7), count(1000), count(1_234_567)], ["7", "1,000", "1,234,567"]);
        assert_eq!(
            [bytes(999), bytes(1500), bytes(999_999), bytes(2_000_000_000_000)],
            ["999 B", "1.5 kB", "1.0 MB", "2.0 TB"]
        );
        assert_eq!(duration(Duration::from_secs(90_061)), "1d 01:01:01");
        assert_eq!(
            [0.0004, 0.14, 0.9996, 12.34, 59.96].map(|seconds| span(Duration::from_secs_f64(seconds))),
            ["0 ms", "140 ms", "1.0 s", "12.3 s", "00:00:59"]
        );
        assert_eq!([libraries(1), libraries(2000)], ["1 library", "2,000 libraries"]);
        assert_eq!([plural(1, "object"), plural(0, "object")], ["1 object", "0 objects"]);
    }
}

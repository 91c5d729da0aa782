//! What a phase costs: time by the clock, processor time, peak memory.

use std::time::Instant;

/// What one phase cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Seconds by the clock.
    pub wall: f64,
    /// Seconds of processor time, of all threads, user and system.
    pub cpu: f64,
    /// The most memory that the process ever had, in MB (2^20 bytes).
    pub peak: u64,
}

/// Runs `work` and says what it cost. The peak is that of the whole process so far.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let out = work();
    let cost = Cost { wall: start.elapsed().as_secs_f64(), cpu: cpu_seconds() - cpu, peak: status("VmHWM:") / 1024 };
    (out, cost)
}

impl Cost {
    /// A line of figures for a phase over so many keys.
    pub fn line(&self, name: &str, keys: u64) -> String {
        format!(
            "{name:24} {keys:>11} keys {:8.2} s {:7.0} ns a key  CPU {:7.0} ns a key {:6.2} M keys/s  peak {:4} MB",
            self.wall,
            self.wall * 1e9 / keys as f64,
            self.cpu * 1e9 / keys as f64,
            keys as f64 / self.wall / 1e6,
            self.peak
        )
    }
}

/// A line of /proc/self/status, in kB.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    // In hundredths of a second, as on every Linux.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

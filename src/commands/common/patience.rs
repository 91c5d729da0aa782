//! Times as users write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// For how long something is waited for, written as `10m`: a whole number and s, m or h; seconds without a letter. At
/// least a second, because without any time the first passing failure is the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(pub Duration);

/// The longest that is accepted: a month.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// Why a text is no time to wait for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePatienceError {
    /// It is not a time, or a longer one than is accepted.
    #[error("not a time; write a whole number with s, m or h after it, like 10m, and at most 744h")]
    NoTime,
    /// It is less than a second.
    #[error("without any patience the first request that a store cannot answer is the end; write 1s or more, like 10m")]
    TooShort,
}

impl FromStr for Patience {
    type Err = ParsePatienceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, seconds) = match text.char_indices().last() {
            Some((at, 's')) => (&text[..at], 1),
            Some((at, 'm')) => (&text[..at], 60),
            Some((at, 'h')) => (&text[..at], 3600),
            _ => (text, 1),
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParsePatienceError::NoTime);
        }
        let number: u64 = digits.parse().map_err(|_| ParsePatienceError::NoTime)?;
        let time = number.checked_mul(seconds).map(Duration::from_secs).filter(|time| *time <= LONGEST);
        match time {
            Some(Duration::ZERO) => Err(ParsePatienceError::TooShort),
            time => time.map(Self).ok_or(ParsePatienceError::NoTime),
        }
    }
}

impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds > 0 && seconds.is_multiple_of(3600) => write!(f, "{}h", seconds / 3600),
            seconds if seconds > 0 && seconds.is_multiple_of(60) => write!(f, "{}m", seconds / 60),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, seconds) in [("1", 1), ("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("744h", 744 * 3600)] {
            let patience = Patience(Duration::from_secs(seconds));
            assert_eq!((text.parse(), patience.to_string().parse()), (Ok(patience), Ok(patience)), "{text}");
        }
        for text in ["", "m", "-1", "1.5h", "1 m", "10x", "745h", "99999999999999999999s", "+1"] {
            assert_eq!(text.parse::<Patience>(), Err(ParsePatienceError::NoTime), "{text}");
        }
    }

    #[test]
    fn no_time_at_all_is_refused_with_the_least_that_is_taken() {
        for text in ["0", "0s", "00m", "0h"] {
            let error = text.parse::<Patience>().unwrap_err();
            assert!(
                error == ParsePatienceError::TooShort && error.to_string().contains("1s or more"),
                "{text}: {error}"
            );
        }
    }
}

//! Sizes as users write them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, written as `256M`: a whole number and K, M, G or T for powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// The text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a size; write a whole number with K, M, G or T after it, like 256M")]
pub struct ParseSizeError;

impl FromStr for ByteSize {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, power) = match text.char_indices().last() {
            Some((at, unit)) if unit.is_ascii_alphabetic() => {
                let power = "KMGT".find(unit.to_ascii_uppercase()).ok_or(ParseSizeError)?;
                (&text[..at], power as u32 + 1)
            }
            _ => (text, 0),
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseSizeError);
        }
        let number: u64 = digits.parse().map_err(|_| ParseSizeError)?;
        number.checked_mul(1 << (10 * power)).map(Self).ok_or(ParseSizeError)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, power) in [("T", 40), ("G", 30), ("M", 20), ("K", 10)] {
            if self.0 >= 1 << power && self.0.is_multiple_of(1 << power) {
                return write!(f, "{}{unit}", self.0 >> power);
            }
        }
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for (text, bytes) in [("0", 0), ("12", 12), ("3K", 3 << 10), ("256m", 256 << 20), ("2T", 2 << 40)] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)));
            assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }
        for text in ["", "M", "-1", "1.5G", "1X", "1 M", "99999999999T", "+1"] {
            assert_eq!(text.parse::<ByteSize>(), Err(ParseSizeError), "{text}");
        }
    }
}

//! Sizes as users write them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, written as `256M`, `256MiB`, `256MB` or `1.5G`: K, M, G and T stand for powers of 1024, as in the
/// conf of the server, whatever follows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// The text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a size; write a number with K, M, G or T after it, like 256M or 1.5G")]
pub struct ParseSizeError;

impl FromStr for ByteSize {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text[digits.len()..].to_ascii_uppercase();
        let letter = unit.strip_suffix("IB").or_else(|| unit.strip_suffix('B')).unwrap_or(&unit);
        let power = match letter {
            "" if unit == "IB" => return Err(ParseSizeError),
            "" => 0,
            letter => "KMGT".find(letter).filter(|_| letter.len() == 1).ok_or(ParseSizeError)? + 1,
        };
        let unit = 1_u64 << (10 * power);
        let (whole, part) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
        let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse::<u64>().map_err(|_| ParseSizeError),
            false => Err(ParseSizeError),
        };
        let bytes = number(whole)?.checked_mul(unit).ok_or(ParseSizeError)?;
        let Some(part) = part else { return Ok(Self(bytes)) };
        // Nine places are exact; a part of a byte is none.
        if power == 0 || part.is_empty() || part.len() > 9 {
            return Err(ParseSizeError);
        }
        let of = 10_u128.pow(part.len() as u32);
        let more = u128::from(number(part)?) * u128::from(unit) / of;
        let more = u64::try_from(more).map_err(|_| ParseSizeError)?;
        bytes.checked_add(more).map(Self).ok_or(ParseSizeError)
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
        let (mib, gib) = (1_u64 << 20, 1_u64 << 30);
        for (text, bytes) in
            [("256MB", 256 * mib), ("256MiB", 256 * mib), ("12B", 12), ("1.5G", 3 * gib / 2), ("0.25gib", gib / 4)]
        {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        let wrong =
            ["", "M", "-1", "1X", "1 M", "99999999999T", "+1", "1iB", "1.5", "1.G", ".5G", "1.5.5G", "1KM", "1.-5G"];
        for text in wrong {
            assert_eq!(text.parse::<ByteSize>(), Err(ParseSizeError), "{text}");
        }
    }
}

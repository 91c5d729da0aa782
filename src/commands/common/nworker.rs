//! The number of workers as users write it.

use std::fmt;
use std::str::FromStr;

use crate::flow::pool::Workers;

/// A number, or `auto` for as many as get the most done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nworker(pub Workers);

/// The most that can be asked for.
const MOST: usize = 4096;

/// With how many `auto` begins, and how many it may come to.
const BEGIN: usize = 64;
const GROW_TO: usize = 512;

/// Why a text is no number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is auto, or a whole number from 1 to {MOST}")]
pub struct ParseNworkerError;

impl Nworker {
    /// As many as get the most done.
    pub const AUTO: Self = Self(Workers::growing(BEGIN, GROW_TO));

    /// The same on a machine that holds no more than `possible`.
    #[must_use]
    pub fn at_most(self, possible: usize) -> Self {
        let Workers { count, up_to } = self.0;
        Self(Workers { count: count.min(possible), up_to: up_to.map(|most| most.min(possible)) })
    }
}

impl FromStr for Nworker {
    type Err = ParseNworkerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::AUTO);
        }
        let count = text.parse().ok().filter(|count| (1..=MOST).contains(count));
        count.map(|count: usize| Self(count.into())).ok_or(ParseNworkerError)
    }
}

impl fmt::Display for Nworker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.up_to {
            Some(_) => f.write_str("auto"),
            None => write!(f, "{}", self.0.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_obeyed_and_auto_fits_the_machine() {
        assert_eq!("7".parse(), Ok(Nworker(7.into())));
        assert_eq!("auto".parse(), Ok(Nworker::AUTO));
        for wrong in ["", "0", "4097", "-1", "many", "AUTO", "1.5"] {
            assert_eq!(wrong.parse::<Nworker>(), Err(ParseNworkerError), "{wrong}");
        }
        assert_eq!(Nworker::AUTO.at_most(100).0, Workers::growing(64, 100));
        assert_eq!(Nworker::AUTO.at_most(20).0, Workers::growing(20, 20));
        assert_eq!(Nworker(500.into()).at_most(20).0, 20.into());
    }
}

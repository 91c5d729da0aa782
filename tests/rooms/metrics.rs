//! What engines count and find: findings, of which there may be millions, and counters that can be read in one form.

mod findings;
mod snapshot;

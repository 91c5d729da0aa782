//! From the heads to every block: a clean store has no findings, every planted fault has one, and the paths are right.

mod difference;
mod faults;
mod hostile;
mod sound;
mod told;

//! The parts of the commands that can be tested without a process.

mod earlier_report;
mod generation;
mod heads_check;
mod heads_check_random;
mod lease;
mod pages;
mod placing;
mod remove;
mod repair;
mod run_outcome;
mod settings;
mod switching;
mod verified_view;

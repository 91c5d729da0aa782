//! What the commands do beyond the engines that they call.

mod earlier_report;
mod heads_check;
mod heads_check_random;
mod pages;
mod remove;
mod run_outcome;
mod verified_view;

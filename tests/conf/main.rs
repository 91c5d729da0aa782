//! What an admin meets when a configuration is read: the settings, and everything that is wrong, at once.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod backends;
mod database;
mod environment;
mod history;
mod ini;
mod mistakes;
mod pairs;
mod properties;
mod shipped;
mod support;

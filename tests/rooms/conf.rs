//! What an admin meets when a configuration is read: the settings, and everything that is wrong, at once.

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

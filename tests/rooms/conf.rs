//! Reading a configuration: the settings, and all mistakes in one go.

mod backends;
mod classes;
mod crypt;
mod database;
mod environment;
mod history;
mod ini;
mod layouts;
mod mistakes;
mod pairs;
mod properties;
mod shipped;
mod staying;
mod support;

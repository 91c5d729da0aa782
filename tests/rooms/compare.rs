//! Two listings side by side, and one object in both stores.

mod examine;
mod merge;

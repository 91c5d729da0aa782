//! What is told of a command: numbers in words, and the page.

mod format;
mod page;

//! How a command ended, and the exit code that says so.

use std::fmt;

use super::Console;

/// How a command ended: its sentence, its exit code, its short name.
pub trait Outcome: fmt::Display {
    /// The process's exit code.
    fn exit_code(&self) -> u8;
    /// A short name for the report.
    fn name(&self) -> &'static str;
    /// The last line of a command: `Result: ….`, with the exit code unless that is 0.
    fn result_line(&self) -> String {
        match self.exit_code() {
            0 => format!("Result: {self}."),
            code => format!("Result: {self} (exit code {code})."),
        }
    }

    /// Prints the last line: good news on standard output, anything else on standard error.
    fn print_result(&self, console: &Console) {
        match self.exit_code() {
            0 => console.paragraph(self.result_line()),
            _ => console.problem_paragraph(self.result_line()),
        }
    }
}

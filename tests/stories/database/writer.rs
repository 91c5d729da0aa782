//! Another process that writes an SQLite database, as the server does: locks of one process would not hold against itself.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use rusqlite::{Connection, ErrorCode};

use crate::support::program::only;

const DATABASE: &str = "SEAF_WRITER_DATABASE";
const ROLE: &str = "SEAF_WRITER_ROLE";
/// What the writer says before a line that is for us; the harness of the tests says other things.
const SAYS: &str = "writer: ";

/// What it does.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// Runs these statements, and keeps the connection open until it is told to end.
    Run(&'static str),
    /// Adds libraries, each in a transaction of its own, until it is told to end. A write that meets a lock is a failure,
    /// as it is in the server.
    Add {
        /// The journal mode.
        journal: &'static str,
    },
}

/// The process; killed when dropped.
pub struct Writer {
    child: Child,
    orders: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
}

/// What a writer of libraries has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub added: u64,
    pub failed: u64,
}

impl Writer {
    /// Starts it, and waits until it has done what it does first.
    pub fn start(database: &Path, role: Role) -> Self {
        let (name, detail) = match role {
            Role::Run(statements) => ("run", statements),
            Role::Add { journal } => ("add", journal),
        };
        let mut child = only(module_path!(), "process")
            .env(DATABASE, database)
            .env(ROLE, format!("{name}:{detail}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (orders, said) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut writer = Self { child, orders, said };
        assert_eq!(writer.line(), "ready");
        writer
    }

    fn line(&mut self) -> String {
        let mut lines = (&mut self.said).lines().map(Result::unwrap);
        let line = lines.find_map(|line| line.split_once(SAYS).map(|(_, said)| said.to_owned()));
        line.expect("the writer ended before it was told to")
    }

    /// Tells it to end, and hears what it has done.
    pub fn end(mut self) -> Written {
        drop(self.orders.take());
        let line = self.line();
        let (added, failed) = line.split_once(' ').unwrap();
        Written { added: added.parse().unwrap(), failed: failed.parse().unwrap() }
    }

    /// Kills it where it is (SIGKILL).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(text: &str) {
    println!("{SAYS}{text}");
    std::io::stdout().flush().unwrap();
}

#[test]
#[ignore = "the process that other tests start"]
fn process() {
    let connection = Connection::open(std::env::var(DATABASE).expect("only started by other tests")).unwrap();
    connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    let role = std::env::var(ROLE).unwrap();
    let written = match role.split_once(':').unwrap() {
        ("run", statements) => {
            connection.execute_batch(statements).unwrap();
            say("ready");
            std::io::stdin().read_line(&mut String::new()).unwrap();
            Written { added: 0, failed: 0 }
        }
        (_, journal) => add_libraries(&connection, journal),
    };
    say(&format!("{} {}", written.added, written.failed));
}

fn add_libraries(connection: &Connection, journal: &str) -> Written {
    connection.pragma_update(None, "journal_mode", journal).unwrap();
    let told = std::thread::spawn(|| std::io::stdin().read_line(&mut String::new()).unwrap());
    let mut written = Written { added: 0, failed: 0 };
    while !told.is_finished() {
        let id = format!("00000000-0000-4000-8000-{:012x}", written.added);
        let added = connection.execute_batch(&format!(
            "BEGIN; INSERT INTO Repo VALUES ('{id}'); INSERT INTO Branch VALUES ('master', '{id}', '{:040x}'); COMMIT",
            written.added
        ));
        match added {
            Ok(()) => written.added += 1,
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                written.failed += 1;
                connection.execute_batch("ROLLBACK").unwrap();
            }
            Err(error) => panic!("{error}"),
        }
        if written.added == 1 {
            say("ready");
        }
        // Some hundred writes a second, far more than a server makes whose writes wait for a disk.
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    written
}

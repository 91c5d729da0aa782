//! A real MariaDB for the tests: the one that scripts/services.sh started, or a private one.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mysql::prelude::Queryable;
use tempfile::TempDir;

use super::skip::skip;

/// The tables of a Seafile server that name libraries and their heads.
pub const TABLES: [&str; 9] = [
    "Branch",
    "Repo",
    "RepoHead",
    "VirtualRepo",
    "RepoTrash",
    "GarbageRepos",
    "RepoInfo",
    "RepoHistoryLimit",
    "RepoValidSince",
];

/// The folders that hold the server on Debian; root's PATH is not everybody's.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/bin", "/usr/local/bin"];

/// A database of our own on a server; both are gone when this is dropped.
pub struct MariaDb {
    /// `mysql://user:password@host:port/`, the database's name not in it.
    server: String,
    pub name: String,
    private: Option<Arc<Server>>,
}

struct Server {
    child: Child,
    dir: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl MariaDb {
    /// `None`, after a line that says SKIPPED, where there is no server to be had.
    pub fn start() -> Option<Self> {
        match std::env::var("SEAF_TEST_MARIADB") {
            Ok(url) => Some(Self::database(url, None)),
            Err(_) => Self::start_own(),
        }
    }

    /// One that nobody else uses, whose settings may be changed. It has the certificate of tests/data/tls (localhost and
    /// 127.0.0.1), and logs in the system's user over its socket.
    pub fn start_own() -> Option<Self> {
        match start_private() {
            Ok((url, server)) => Some(Self::database(url, Some(Arc::new(server)))),
            Err(why) => {
                skip("mariadb", why);
                None
            }
        }
    }

    /// A second database on the same server.
    pub fn another(&self) -> Self {
        Self::database(self.server.clone(), self.private.clone())
    }

    fn database(server: String, private: Option<Arc<Server>>) -> Self {
        let name = format!("seaf_migrate_{}_{}", std::process::id(), fastrand::u32(..));
        connect(&server).query_drop(format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")).unwrap();
        Self { server, name, private }
    }

    /// What `--db` takes.
    pub fn url(&self) -> String {
        format!("{}{}", self.server, self.name)
    }

    /// The socket of a server of our own.
    pub fn socket(&self) -> PathBuf {
        self.private.as_ref().expect("a server of our own").dir.path().join("data/m.sock")
    }

    pub fn connect(&self) -> mysql::Conn {
        let mut connection = connect(&self.server);
        connection.query_drop(format!("USE {}", self.name)).unwrap();
        connection
    }

    /// Copies tables of an SQLite file, schema and rows.
    pub fn copy_tables(&self, sqlite: &Path, tables: &[&str]) {
        let source = rusqlite::Connection::open_with_flags(sqlite, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut target = self.connect();
        for table in tables {
            let schema = "SELECT sql FROM sqlite_master WHERE name = ?";
            target.query_drop(source.query_row(schema, [table], |row| row.get::<_, String>(0)).unwrap()).unwrap();
            let mut select = source.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = select.column_count();
            let insert = format!("INSERT INTO {table} VALUES ({})", vec!["?"; columns].join(", "));
            let mut rows = select.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values: Vec<mysql::Value> = (0..columns).map(|at| value(row.get_ref(at).unwrap())).collect();
                target.exec_drop(&insert, values).unwrap();
            }
        }
    }
}

fn value(value: rusqlite::types::ValueRef<'_>) -> mysql::Value {
    match value {
        rusqlite::types::ValueRef::Null => mysql::Value::NULL,
        rusqlite::types::ValueRef::Integer(number) => mysql::Value::Int(number),
        rusqlite::types::ValueRef::Text(text) => mysql::Value::Bytes(text.to_vec()),
        other => panic!("{other:?} in a table of Seafile's"),
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        // A private server goes as a whole.
        if self.private.is_none() {
            let _ = connect(&self.server).query_drop(format!("DROP DATABASE {}", self.name));
        }
    }
}

fn connect(server: &str) -> mysql::Conn {
    mysql::Conn::new(mysql::Opts::from_url(&format!("{server}?prefer_socket=false")).unwrap()).unwrap()
}

fn program(name: &str) -> Result<String, String> {
    let found = FOLDERS.iter().map(|folder| format!("{folder}/{name}")).find(|path| Path::new(path).exists());
    found.ok_or_else(|| format!("{name} is not installed (package mariadb-server)"))
}

fn start_private() -> Result<(String, Server), String> {
    let (install, daemon) = (program("mariadb-install-db")?, program("mariadbd")?);
    let dir = tempfile::tempdir().unwrap();
    let data = format!("--datadir={}", dir.path().join("data").display());
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let account_name = String::from_utf8(user).unwrap().trim().to_owned();
    let user = format!("--user={account_name}");
    let installed = Command::new(install)
        .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
        .args(["--innodb-log-file-size=16M", &data, &user])
        .output()
        .map_err(|error| error.to_string())?;
    if !installed.status.success() {
        return Err(format!("mariadb-install-db: {}", String::from_utf8_lossy(&installed.stderr)));
    }
    let init = dir.path().join("init.sql");
    let accounts = [
        ("seafile@'127.0.0.1'", "BY 'p@ss/w:rd'"),
        ("seafile@localhost", "BY 'p@ss/w:rd'"),
        (&format!("'{account_name}'@localhost"), "VIA unix_socket"),
    ];
    let account = |(name, by): (&str, &str)| {
        format!("CREATE OR REPLACE USER {name} IDENTIFIED {by};\nGRANT ALL ON *.* TO {name} WITH GRANT OPTION;\n")
    };
    std::fs::write(&init, accounts.map(account).concat()).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let tls = ["ca.pem", "server.pem", "server.key"]
        .map(|name| format!("{}/tests/data/tls/{name}", env!("CARGO_MANIFEST_DIR")));
    let child = Command::new(daemon)
        .args(["--no-defaults", "--socket=m.sock", "--bind-address=127.0.0.1", "--skip-name-resolve"])
        .args(["--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M", "--performance-schema=off"])
        .args([&data, &user, &format!("--port={port}"), &format!("--init-file={}", init.display())])
        .args(["--ssl-ca", "--ssl-cert", "--ssl-key"].iter().zip(&tls).map(|(option, file)| format!("{option}={file}")))
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(dir.path().join("log")).unwrap())
        .spawn()
        .map_err(|error| error.to_string())?;
    let server = Server { child, dir };
    let url = format!("mysql://seafile:p%40ss%2Fw%3Ard@127.0.0.1:{port}/");
    for _ in 0..600 {
        if mysql::Conn::new(mysql::Opts::from_url(&format!("{url}?prefer_socket=false")).unwrap()).is_ok() {
            return Ok((url, server));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(format!("mariadbd did not come up: {}", std::fs::read_to_string(server.dir.path().join("log")).unwrap()))
}

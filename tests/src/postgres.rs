//! A PostgreSQL server of one test alone, for suites that need no cluster: `rds-lab` makes
//! those. It listens on 127.0.0.1 and ends with its value.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rds_lab::Account;
use tempfile::TempDir;

/// How long it may take to start.
const START_SECONDS_MAX: u64 = 30;

/// A PostgreSQL server of this test alone.
#[derive(Debug)]
pub struct Server {
    process: Child,
    dir: TempDir,
    port: u16,
}

impl Server {
    /// Starts one whose role `postgres` has this password, without TLS.
    pub fn start(password: &str) -> Self {
        // PostgreSQL refuses to run as root.
        let account = Account::choose().expect("there is an account to run servers as");
        let dir = tempfile::Builder::new()
            .prefix("windlass-pg-")
            .tempdir_in("/tmp")
            .expect("a directory can be made");
        let path = dir.path();
        let mut pwfile = std::fs::File::create(path.join("pw")).expect("it is ours");
        pwfile.write_all(password.as_bytes()).expect("it is ours");
        let data = path.join("data");
        std::fs::create_dir(&data).expect("it is ours");
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("it is ours");
        for owned in [path, &data] {
            chown(owned, Some(account.uid), Some(account.gid)).expect("its owner can be set");
        }
        let as_account = |program: PathBuf| {
            let words = account.run_as();
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]).arg(program).current_dir(path);
            command
        };
        let bin = bindir();
        let done = as_account(bin.join("initdb"))
            .args([
                "--no-sync",
                "-U",
                "postgres",
                "-A",
                "scram-sha-256",
                "--locale=C",
            ])
            .arg("--pwfile")
            .arg(path.join("pw"))
            .arg("-D")
            .arg(&data)
            .output()
            .expect("initdb can be started");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = free.local_addr().expect("it has an address").port();
        drop(free);
        let log = std::fs::File::create(path.join("log")).expect("it is ours");
        let process = as_account(bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "fsync=off"])
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log can be shared"))
            .stderr(log)
            .spawn()
            .expect("postgres can be started");
        let server = Self { process, dir, port };
        let started = Instant::now();
        while !server.log().contains("ready to accept connections") {
            let waited = started.elapsed() < Duration::from_secs(START_SECONDS_MAX);
            assert!(waited, "{}", server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Has it carry a script out, as its own client does.
    pub fn carry_out(&self, script: &str) {
        let file = self.dir.path().join("script.sql");
        std::fs::write(&file, script).expect("it is ours");
        let password = std::fs::read_to_string(self.dir.path().join("pw")).expect("it is ours");
        let done = Command::new(bindir().join("psql"))
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"])
            .args(["-p", &self.port.to_string(), "-U", "postgres", "-f"])
            .arg(&file)
            .env("PGPASSWORD", password)
            .output()
            .expect("psql can be started");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).expect("the log can be read")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT: at once, with all of its own children.
        let pid = self.process.id().to_string();
        let _ended = Command::new("kill").args(["-QUIT", &pid]).status();
        let _ended = self.process.wait();
    }
}

fn bindir() -> PathBuf {
    let debian = (13..=18)
        .rev()
        .map(|major| format!("/usr/lib/postgresql/{major}/bin"));
    debian
        .map(PathBuf::from)
        .find(|dir| dir.join("initdb").is_file() && dir.join("postgres").is_file())
        .expect("the tests need a PostgreSQL server: initdb and postgres were not found")
}

//! A real PostgreSQL server with TLS, started by the first test that needs it and
//! stopped when the last one lets go.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use windlass_core::plan::EffectClass;

use crate::support::Attempt;

/// The password of the role `postgres`; also the canary that must never show.
pub(crate) const PASSWORD: &str = "pg-canary-91c5";

pub(crate) struct Server {
    process: Child,
    dir: TempDir,
    pub(crate) port: u16,
}

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());

/// The server, shared by the tests that run at the same time.
pub(crate) fn server() -> Arc<Server> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = shared.upgrade() {
        return server;
    }
    let server = Arc::new(Server::start());
    *shared = Arc::downgrade(&server);
    server
}

/// A query over TLS to a server at a port of this machine, still without its `sql`.
pub(crate) fn over_tls(port: u16) -> Attempt {
    Attempt {
        uses: "postgres/query",
        effect: EffectClass::Read,
        with: json!({
            "host": "localhost", "port": port, "user": "postgres", "password": "$secret:password",
        }),
        secrets: vec![("password", PASSWORD.to_owned())],
        hosts: BTreeMap::new(),
        timeout: Duration::from_secs(60),
        send_by: None,
        step: "step",
    }
}

impl Server {
    fn start() -> Self {
        let bin = bindir();
        let dir = tempfile::Builder::new()
            .prefix("windlass-pg-")
            .tempdir_in("/tmp")
            .unwrap();
        let path = dir.path();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        let pwfile = path.join("pw");
        std::fs::write(&pwfile, PASSWORD).unwrap();
        let data = path.join("data");
        std::fs::create_dir(&data).unwrap();
        make_certificates(path);
        give_to_postgres(&data);
        give_to_postgres(&path.join("server.key"));
        give_to_postgres(path);

        run(as_postgres(&bin.join("initdb"))
            .arg("-D")
            .arg(&data)
            .args([
                "--no-sync",
                "-U",
                "postgres",
                "-A",
                "scram-sha-256",
                "--locale=C",
                "-E",
                "UTF8",
                "--pwfile",
            ])
            .arg(&pwfile));
        let port = free_port();
        let ssl = path.join("server.crt").exists();
        let mut command = as_postgres(&bin.join("postgres"));
        command.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        for setting in [
            format!("unix_socket_directories={}", path.display()),
            "listen_addresses=localhost".to_owned(),
            "fsync=off".to_owned(),
            "max_connections=50".to_owned(),
            format!("ssl={}", if ssl { "on" } else { "off" }),
            format!("ssl_cert_file={}", path.join("server.crt").display()),
            format!("ssl_key_file={}", path.join("server.key").display()),
        ] {
            command.arg("-c").arg(setting);
        }
        let log = std::fs::File::create(path.join("log")).unwrap();
        let process = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self { process, dir, port };
        let started = Instant::now();
        while !server.log().contains("ready to accept connections") {
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "{}",
                server.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// The directory of the socket and the certificates.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The authority's certificate, or `None`, loudly, without the `openssl` command.
    pub(crate) fn authority(&self) -> Option<PathBuf> {
        let path = self.dir.path().join("ca.crt");
        if !path.exists() {
            let refused = std::env::var_os("WINDLASS_NO_SKIP").is_some_and(|set| set == "1");
            assert!(!refused, "SKIP is refused here: no openssl command");
            // Past the capture of the harness, which shows nothing of a test that passes.
            let _closed = std::io::Write::write_all(
                &mut std::io::stderr(),
                b"SKIP: no openssl command: THE TLS TESTS DID NOT RUN\n",
            );
            return None;
        }
        Some(path)
    }

    /// A `with` that reaches the server in plaintext over TCP, with more members.
    pub(crate) fn with(&self, more: Value) -> Value {
        let mut with = json!({
            "host": "localhost", "port": self.port, "user": "postgres",
            "password": "$secret:password", "sslmode": "disable", "insecure_reason": "a test",
        });
        for (key, value) in more.as_object().unwrap() {
            with[key] = value.clone();
        }
        with
    }

    /// `postgres/query` with a minute of time.
    pub(crate) fn query(&self, more: Value) -> Attempt {
        self.attempt("postgres/query", EffectClass::Read, more)
    }

    /// `postgres/execute` as a change with a minute of time.
    pub(crate) fn execute(&self, more: Value) -> Attempt {
        self.attempt("postgres/execute", EffectClass::Irreversible, more)
    }

    fn attempt(&self, uses: &'static str, effect: EffectClass, more: Value) -> Attempt {
        Attempt {
            uses,
            effect,
            with: self.with(more),
            secrets: vec![("password", PASSWORD.to_owned())],
            hosts: BTreeMap::new(),
            timeout: Duration::from_secs(60),
            send_by: None,
            step: "step",
        }
    }

    /// The single value of a query.
    pub(crate) async fn value(&self, sql: &str) -> windlass_core::value::Value {
        let ended = self.query(json!({"sql": sql})).run().await;
        ended.output("value").clone()
    }

    /// Runs a statement that must succeed.
    pub(crate) async fn prepare(&self, sql: &str) {
        self.execute(json!({"sql": sql})).run().await.outputs();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT: at once, with all of its own children.
        let pid = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = self.process.wait();
    }
}

fn bindir() -> PathBuf {
    let told = Command::new("pg_config").arg("--bindir").output();
    let told = told
        .ok()
        .map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
    let debian = (13..=18)
        .rev()
        .map(|major| format!("/usr/lib/postgresql/{major}/bin"));
    told.into_iter()
        .chain(debian)
        .map(PathBuf::from)
        .find(|dir| dir.join("initdb").is_file() && dir.join("postgres").is_file())
        .expect("the tests need a PostgreSQL server: initdb and postgres were not found")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "--",
        ]);
        command.arg(program).current_dir("/");
        command
    } else {
        Command::new(program)
    }
}

fn give_to_postgres(path: &Path) {
    if is_root() && path.exists() {
        let id = |flag| {
            let output = Command::new("id")
                .args([flag, "postgres"])
                .output()
                .unwrap();
            String::from_utf8(output.stdout)
                .unwrap()
                .trim()
                .parse::<u32>()
                .unwrap()
        };
        chown(path, Some(id("-u")), Some(id("-g"))).unwrap();
    }
}

/// An authority, and by it a certificate for `localhost` and nothing else.
fn make_certificates(dir: &Path) {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let openssl = |args: &[&str]| run(Command::new("openssl").current_dir(dir).args(args));
    for authority in ["ca", "other"] {
        let (key, crt) = (format!("{authority}.key"), format!("{authority}.crt"));
        openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=windlass test authority",
            "-days",
            "2",
            "-keyout",
            &key,
            "-out",
            &crt,
        ]);
    }
    openssl(&[
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    ]);
    std::fs::write(
        dir.join("ext"),
        "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n",
    )
    .unwrap();
    openssl(&[
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "ext",
        "-out",
        "server.crt",
    ]);
    std::fs::set_permissions(dir.join("server.key"), PermissionsExt::from_mode(0o600)).unwrap();
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

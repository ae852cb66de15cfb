//! A real SSH server of this user on a free port of this machine, with keys of its own,
//! ended with the test. It serves the user who runs the tests, and nobody else.

use std::fs;
use std::io::BufRead as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where Debian has it, which is on no user's path.
const SSHD: &str = "/usr/sbin/sshd";
/// What a server of root wants; the package's own service makes it.
const PRIVILEGE_SEPARATION: &str = "/run/sshd";

pub(crate) struct Sshd {
    process: Child,
    dir: TempDir,
    pub(crate) port: u16,
    pub(crate) user: String,
}

impl Sshd {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["host", "user", "stranger"] {
            keygen(&dir.path().join(name));
        }
        let user = said(Command::new("id").arg("-un")).trim().to_owned();
        if user == "root" {
            fs::create_dir_all(PRIVILEGE_SEPARATION).unwrap();
        }
        // The port may be taken in the moment between; then the server ends, and another
        // port is tried.
        for _ in 0..10 {
            let port = free_port();
            let mut process = serve(dir.path(), port);
            if listens(&mut process, port) {
                let server = Self {
                    process,
                    dir,
                    port,
                    user,
                };
                server.know("known_hosts", "host");
                return server;
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        panic!("sshd does not listen");
    }

    /// The path of a file beside the server's.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What a step needs to log in, for a server at this port.
    pub(crate) fn login_at(&self, port: u16) -> serde_json::Value {
        self.know_at("known_hosts", "host", port);
        serde_json::json!({
            "host": "127.0.0.1",
            "port": port,
            "user": self.user,
            "identity_file": self.path("user"),
            "known_hosts": self.path("known_hosts"),
        })
    }

    /// The same for the server itself.
    pub(crate) fn login(&self) -> serde_json::Value {
        self.login_at(self.port)
    }

    /// Writes a file of known hosts that has a key for the server's port.
    pub(crate) fn know(&self, file: &str, key: &str) {
        self.know_at(file, key, self.port);
    }

    fn know_at(&self, file: &str, key: &str, port: u16) {
        let key = fs::read_to_string(self.path(&format!("{key}.pub"))).unwrap();
        let line = format!("[127.0.0.1]:{port} {key}");
        let known = fs::read_to_string(self.path(file)).unwrap_or_default();
        if !known.contains(&line) {
            fs::write(self.path(file), known + &line).unwrap();
            fs::set_permissions(self.path(file), fs::Permissions::from_mode(0o644)).unwrap();
        }
    }

    /// Kills the server's side of every connection; answers how many processes that were.
    pub(crate) fn cut_all(&self) -> usize {
        let serving = descendants(self.process.id());
        let serving = serving.iter().filter(|(_, name)| name == "sshd");
        let pids: Vec<String> = serving.map(|(pid, _)| pid.to_string()).collect();
        if !pids.is_empty() {
            let _ = Command::new("kill").arg("-KILL").args(&pids).output();
        }
        pids.len()
    }

    /// How many processes the server has for its connections.
    pub(crate) fn serves(&self) -> usize {
        descendants(self.process.id()).len()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.cut_all();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether the server takes connections, before it ends.
fn listens(process: &mut Child, port: u16) -> bool {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn serve(dir: &Path, port: u16) -> Child {
    let own = |name: &str| dir.join(name).display().to_string();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\n\
         PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nMaxStartups 100\nLogLevel VERBOSE\n",
        own("host"),
        own("user.pub")
    );
    fs::write(dir.join("config"), config).unwrap();
    let log = fs::File::create(dir.join("log")).unwrap();
    Command::new(SSHD)
        .args(["-D", "-e", "-f"])
        .arg(dir.join("config"))
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("openssh-server is installed")
}

fn keygen(path: &Path) {
    let mut keygen = Command::new("ssh-keygen");
    keygen
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path);
    assert!(keygen.status().unwrap().success());
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn said(command: &mut Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

/// The living processes below one, each with its name.
fn descendants(of: u32) -> Vec<(u32, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let Some(pid) = entry
            .unwrap()
            .file_name()
            .to_str()
            .and_then(|pid| pid.parse().ok())
        else {
            continue;
        };
        let Ok(stat) = fs::read(format!("/proc/{pid}/stat")) else {
            continue;
        };
        let stat = stat
            .lines()
            .next()
            .unwrap_or(Ok(String::new()))
            .unwrap_or_default();
        let Some((head, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        let name = head.split_once('(').map_or("", |(_, name)| name).to_owned();
        let mut words = rest.split(' ');
        let state = words.next().unwrap_or("Z");
        let parent: u32 = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        if state != "Z" {
            all.push((pid, parent, name));
        }
    }
    let mut found: Vec<(u32, String)> = Vec::new();
    let mut next = vec![of];
    while let Some(parent) = next.pop() {
        for (pid, _, name) in all.iter().filter(|(_, of, _)| *of == parent) {
            found.push((*pid, name.clone()));
            next.push(*pid);
        }
    }
    found
}

//! Three members of a real Patroni cluster on this machine, which keep its state among
//! themselves (Raft); a lab lends the builds of PostgreSQL and the account.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rds_lab::{Lab, Options};
use serde_json::{Value, json};

/// The interpreter that every account can reach; Patroni's wheels are made for it.
const PYTHON: &str = "/usr/bin/python3";
const REQUIREMENTS: &str = include_str!("../patroni.requirements");
/// Debian's programs, which the pinned builds of the server lack.
const DEBIAN_BIN_DIR: &str = "/usr/lib/postgresql/15/bin";
const START_MAX: Duration = Duration::from_secs(120);
const STOP_MAX: Duration = Duration::from_secs(20);
const PASSWORD: &str = "patroni-password";

pub(crate) struct Cluster {
    pub(crate) lab: Lab,
    members: Vec<Member>,
}

struct Member {
    name: String,
    dir: PathBuf,
    api: u16,
    process: Child,
}

impl Cluster {
    /// Starts it and waits until two members stream from the third; or says why it cannot.
    pub(crate) fn start() -> Result<Self, String> {
        let site = packages()?;
        let builds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/lab/builds");
        let options = Options {
            fast_and_unsafe: true,
            ..Options::new(builds)
        };
        let lab = Lab::create(&options).unwrap();
        lab.stop_all().unwrap();
        let own_site = lab.dir().join("python");
        told(Command::new("cp").arg("-r").arg(site).arg(&own_site))?;
        let ports: Vec<[u16; 3]> = (0..3).map(|_| free_ports()).collect();
        let mut cluster = Self {
            lab,
            members: Vec::new(),
        };
        for at in 0..3 {
            let member = member(&cluster.lab, &own_site, at, &ports);
            cluster.members.push(member);
        }
        let until = Instant::now() + START_MAX;
        while !cluster.is_whole() {
            if Instant::now() > until {
                let logs = cluster
                    .members
                    .iter()
                    .map(|member| fs::read_to_string(member.dir.join("log")).unwrap_or_default());
                panic!("{}\n{}", cluster.view(), logs.collect::<String>());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(cluster)
    }

    /// What a member that lives says of all.
    pub(crate) fn view(&self) -> Value {
        let views = self.members.iter().map(|member| get(member.api, "cluster"));
        views
            .into_iter()
            .find(|view| !view.is_null())
            .unwrap_or_default()
    }

    fn is_whole(&self) -> bool {
        let view = self.view();
        let members = view["members"].as_array().cloned().unwrap_or_default();
        let count = |state: &str| {
            members
                .iter()
                .filter(|member| member["state"] == state)
                .count()
        };
        (count("running"), count("streaming")) == (1, 2)
    }

    /// The runbook's members.
    pub(crate) fn members(&self) -> Value {
        let member = |member: &Member| {
            json!({
                "name": member.name,
                "api": format!("http://127.0.0.1:{}", member.api),
                "current": member.dir.join("current"),
            })
        };
        self.members.iter().map(member).collect()
    }

    /// The version of each server, as a number.
    pub(crate) fn versions(&self) -> Vec<i64> {
        let version = |member: &Member| get(member.api, "patroni")["server_version"].as_i64();
        self.members.iter().filter_map(version).collect()
    }

    /// Whether the leader was asked to step down and is at it.
    pub(crate) fn is_asked(&self) -> bool {
        let view = self.view();
        let members = view["members"].as_array().cloned().unwrap_or_default();
        !members
            .iter()
            .any(|member| member["role"] == "leader" && member["state"] == "running")
    }

    /// The file that holds the password of the REST API.
    pub(crate) fn secret(&self) -> PathBuf {
        let file = self.lab.dir().join("api_password");
        fs::write(&file, PASSWORD).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        file
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let pids: Vec<String> = self
            .members
            .iter()
            .map(|member| member.process.id().to_string())
            .collect();
        let _ = Command::new("kill").args(&pids).output();
        let until = Instant::now() + STOP_MAX;
        for member in &mut self.members {
            while Instant::now() < until && matches!(member.process.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = member.process.kill();
            let _ = member.process.wait();
            // Its server, where Patroni could not stop it.
            let pid = fs::read_to_string(member.dir.join("data/postmaster.pid"));
            if let Some(pid) = pid
                .ok()
                .and_then(|text| Some(text.lines().next()?.to_owned()))
            {
                let _ = Command::new("kill").args(["-INT", &pid]).output();
            }
        }
    }
}

/// Starts one member.
fn member(lab: &Lab, site: &Path, at: usize, ports: &[[u16; 3]]) -> Member {
    let [postgres, api, raft] = ports[at];
    let name = format!("node{}", at + 1);
    let dir = lab.dir().join(&name);
    fs::create_dir(&dir).unwrap();
    std::os::unix::fs::symlink(&lab.description().old.dir, dir.join("current")).unwrap();
    let partners: Vec<String> = (0..ports.len())
        .filter(|other| *other != at)
        .map(|other| format!("127.0.0.1:{}", ports[other][2]))
        .collect();
    let debian = |program: &str| format!("{DEBIAN_BIN_DIR}/{program}");
    let config = json!({
        "scope": "lab",
        "name": name,
        "restapi": {
            "listen": format!("127.0.0.1:{api}"),
            "connect_address": format!("127.0.0.1:{api}"),
            "authentication": {"username": "patroni", "password": PASSWORD},
        },
        "raft": {
            "data_dir": dir.join("raft"),
            "self_addr": format!("127.0.0.1:{raft}"),
            "partner_addrs": partners,
        },
        "bootstrap": {
            "dcs": {
                "ttl": 20, "loop_wait": 1, "retry_timeout": 5,
                "maximum_lag_on_failover": 1_048_576,
                "postgresql": {"parameters": {"wal_level": "replica", "hot_standby": "on"}},
            },
            "initdb": [{"encoding": "UTF8"}, {"auth": "trust"}],
        },
        "postgresql": {
            "listen": format!("127.0.0.1:{postgres}"),
            "connect_address": format!("127.0.0.1:{postgres}"),
            "data_dir": dir.join("data"),
            "bin_dir": dir.join("current/bin"),
            "bin_name": {
                "pg_isready": debian("pg_isready"),
                "pg_basebackup": debian("pg_basebackup"),
                "pg_controldata": debian("pg_controldata"),
                "pg_rewind": debian("pg_rewind"),
            },
            "pgpass": dir.join("pgpass"),
            "authentication": {
                "superuser": {"username": "postgres", "password": "super"},
                "replication": {"username": "follower", "password": "follower"},
            },
            "parameters": {"unix_socket_directories": "", "fsync": "off", "shared_buffers": "16MB"},
            "pg_hba": [
                "host all all 127.0.0.1/32 trust",
                "host replication all 127.0.0.1/32 trust",
            ],
        },
    });
    // JSON is YAML.
    fs::write(dir.join("patroni.yml"), config.to_string()).unwrap();
    let account = &lab.description().account;
    let owner = format!("{}:{}", account.uid, account.gid);
    told(Command::new("chown").args(["-R", "-h", &owner]).arg(&dir)).unwrap();
    let words = account.run_as();
    let log = fs::File::create(dir.join("log")).unwrap();
    let process = Command::new(&words[0])
        .args(&words[1..])
        .args(["env", "-i", "PATH=/usr/bin:/bin"])
        .arg(format!("HOME={}", dir.display()))
        .arg(format!("PYTHONPATH={}", site.display()))
        .args([PYTHON, "-B", "-m", "patroni"])
        .arg(dir.join("patroni.yml"))
        .current_dir(&dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    Member {
        name,
        dir,
        api,
        process,
    }
}

/// Patroni and what it needs, installed once by pinned names and digests.
fn packages() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/patroni");
    let site = root.join("site");
    let wanted = site.join("requirements");
    if fs::read_to_string(&wanted).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(site);
    }
    let _none_yet = fs::remove_dir_all(&site);
    fs::create_dir_all(&root).map_err(|error| error.to_string())?;
    let requirements = root.join("requirements");
    fs::write(&requirements, REQUIREMENTS).map_err(|error| error.to_string())?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "--python", PYTHON, "install", "--quiet"])
        .args(["--disable-pip-version-check", "--root-user-action=ignore"])
        .args(["--no-deps", "--require-hashes", "--requirement"])
        .arg(&requirements)
        .arg("--target")
        .arg(&site);
    told(&mut pip)?;
    // Last, so that half an installation is none.
    fs::copy(&requirements, &wanted).map_err(|error| error.to_string())?;
    Ok(site)
}

fn told(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {said}"))
}

fn free_ports() -> [u16; 3] {
    let listeners: [TcpListener; 3] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// What an API answers; null when it does not.
fn get(port: u16, path: &str) -> Value {
    let url = format!("http://127.0.0.1:{port}/{path}");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "5", &url]);
    let answer = curl.output().unwrap();
    serde_json::from_slice(&answer.stdout).unwrap_or_default()
}

//! Environment problems that really are there, and what `windlass doctor` says of each.
//! Nothing is forged but times; what needs the right to mount is skipped without it.

use std::fs::{self, Permissions};
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rds_lab::proxy::{Fault, Moment, Proxy};
use windlass_tests::binary::windlass;
use windlass_tests::life::{Death, Life, Place};
use windlass_tests::other_user::OtherUser;
use windlass_tests::receiver::{Receiver, Reply};
use windlass_tests::redact::Redactor;
use windlass_tests::skip::skip;

use crate::{doctor_page, say};

/// How long one process may take.
const LIFE_MAX: Duration = Duration::from_secs(60);

const HELLO: &str = "
windlass: 1
name: hello
steps:
  hello: {uses: shell, effect: read, with: {argv: [\"true\"]}}
";

/// What lets a message go to a receiver on this machine.
const LOCAL: &str = "private_addresses: [127.0.0.0/8], insecure_reason: a test";

/// A state directory, and the program on it.
struct Case {
    place: Place,
}

impl Case {
    fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    fn below(parent: &Path) -> Self {
        Self {
            place: Place::below(parent, windlass()),
        }
    }

    fn state(&self) -> PathBuf {
        self.place.state()
    }

    /// With a journal in which a run has ended.
    fn with_journal() -> Self {
        let case = Self::new();
        case.run(HELLO);
        case
    }

    fn run(&self, runbook: &str) {
        let death = Life::begin(self.start(runbook)).wait(LIFE_MAX, |_| {});
        assert!(death.status.success(), "{death:#?}");
    }

    fn start(&self, runbook: &str) -> Command {
        let file = self.place.beside().join("runbook.yaml");
        fs::write(&file, runbook).unwrap();
        let mut command = self.place.command(["run"]);
        command.arg(file);
        command
    }

    /// An owner that listens.
    fn owner(&self) -> Life {
        let owner = Life::begin(self.place.command(["serve"]));
        let socket = self.state().join("run");
        let until = Instant::now() + LIFE_MAX;
        while !fs::read_dir(&socket).is_ok_and(|mut entries| entries.next().is_some()) {
            assert!(Instant::now() < until, "the owner does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        owner
    }

    /// What the doctor says of a word, held against its page.
    fn says(&self, word: &str, command: Command) {
        let death = Life::begin(command).wait(LIFE_MAX, |_| {});
        let found = findings(&death, &self.state());
        let about = format!(" [{word}]");
        let finding = found.iter().find(|finding| finding.contains(&about));
        let finding = finding.unwrap_or_else(|| panic!("{word} is not found: {death:#?}"));
        let failed = finding.starts_with("FAIL");
        assert!(!failed || death.status.code() == Some(1), "{death:#?}");
        doctor_page::hold(word, finding);
    }

    fn doctor(&self, word: &str) {
        self.says(word, self.place.command(["doctor"]));
    }

    /// The doctor as a shell's last command, after what the shell did.
    fn after(&self, word: &str, script: &str, wrapper: &[&str]) {
        let mut words: Vec<String> = wrapper.iter().map(|word| (*word).to_owned()).collect();
        let script = format!("{script}\nexec \"$@\"");
        words.extend(["sh", "-ec", &script, "sh"].map(str::to_owned));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(self.place.program());
        self.place.complete(&mut command, ["doctor"]);
        self.says(word, command);
    }
}

/// The findings, each with its advice, in lines that are not wrapped.
fn findings(death: &Death, state: &Path) -> Vec<String> {
    let fixed = vec![(state.display().to_string(), "STATE")];
    let mut redactor = Redactor::new(fixed);
    let mut found: Vec<String> = Vec::new();
    for line in &death.out {
        let line = redactor.redact(line);
        if line.starts_with("      -> ") {
            let last = found.last_mut().expect("an advice follows a finding");
            last.push_str(&line);
            last.push('\n');
        } else if line.starts_with("      ") {
            let last = found.last_mut().expect("a line goes on");
            assert_eq!(last.pop(), Some('\n'));
            last.push(' ');
            last.push_str(line.trim_start());
            last.push('\n');
        } else {
            found.push(format!("{line}\n"));
        }
    }
    found.into_iter().map(|finding| leveled(&finding)).collect()
}

/// Without what machines differ in.
fn leveled(finding: &str) -> String {
    let mut words = Vec::new();
    let mut before = "";
    for given in finding.split(' ') {
        let word = given;
        let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        let is_pid = is_number && matches!(before, "process" | "-CONT" | "-KILL" | "uid");
        let word = &without_port(word);
        let trimmed = word.trim_end_matches(['`', ',', ';']);
        let is_signalled = matches!(before, "-CONT" | "-KILL")
            && trimmed.bytes().all(|byte| byte.is_ascii_digit());
        words.push(if is_pid {
            if before == "uid" { "N" } else { "PID" }.to_owned()
        } else if is_signalled {
            format!("PID{}", &word[trimmed.len()..])
        } else if is_number {
            "N".to_owned()
        } else {
            word.to_owned()
        });
        before = given;
    }
    let mut text = words.join(" ");
    // The test's own program, whose name has a hash.
    if let Some(from) = text.find("(`faults-") {
        let to = from + text[from..].find("`)").expect("a name ends");
        text.replace_range(from..to, "(`PROGRAM");
    }
    // The command line of an owner.
    match (text.find("(`/"), text.find("`)")) {
        (Some(from), Some(to)) if from < to => {
            format!("{}(`COMMAND{}", &text[..from], &text[to..])
        }
        _ => text,
    }
}

/// `HOST:N` for an address.
fn without_port(word: &str) -> String {
    match word.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            format!("{host}:N")
        }
        Some(_) | None => word.to_owned(),
    }
}

/// A file system in memory, unmounted when dropped.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Self::mount(&["-t", "tmpfs", "-o", "size=2m", "none"], dir.path());
        mounted.then(|| Self(dir))
    }

    fn mount(words: &[&str], at: &Path) -> bool {
        let output = Command::new("mount").args(words).arg(at).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _left = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Whether a process may have mounts of its own.
fn may_unshare() -> bool {
    let status = Command::new("unshare").args(["-m", "true"]).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn state_directories_that_cannot_be_used() {
    let case = Case::new();
    fs::write(case.state(), "a file").unwrap();
    case.doctor("state_dir_unusable");

    let case = Case::with_journal();
    fs::set_permissions(case.state(), Permissions::from_mode(0o755)).unwrap();
    case.doctor("state_dir_open");

    match OtherUser::nobody() {
        Some(nobody) => {
            let case = Case::with_journal();
            let uid: u32 = nobody.uid.parse().unwrap();
            std::os::unix::fs::chown(case.state(), Some(uid), None).unwrap();
            case.doctor("state_dir_foreign");
        }
        None => skip("doctor: there is no other user here"),
    }
}

#[test]
fn file_systems_that_do_not_carry_a_run() {
    let Some(mounted) = Mounted::new() else {
        skip("doctor: nothing can be mounted here");
        return;
    };
    let case = Case::below(mounted.0.path());
    case.doctor("disk_full");
    case.doctor("file_system_volatile");
    let mut strict = Command::new(case.place.program());
    strict.arg("--state-dir").arg(case.state()).arg("doctor");
    case.says("file_system_unfit", strict);
    let read_only = Mounted::mount(&["-o", "remount,ro", "none"], mounted.0.path());
    assert!(read_only, "it can be mounted anew");
    case.doctor("state_dir_read_only");
    assert!(Mounted::mount(
        &["-o", "remount,rw", "none"],
        mounted.0.path()
    ));
}

#[test]
fn journals_that_cannot_be_read_or_written() {
    let case = Case::with_journal();
    fs::write(case.state().join("journal.db"), "this is no database").unwrap();
    case.doctor("journal_unusable");

    let case = Case::with_journal();
    let journal = case.state().join("journal.db");
    let mut bytes = fs::read(&journal).unwrap();
    let said = b"every step succeeded";
    let ends = bytes.windows(said.len()).rposition(|part| part == said);
    bytes[ends.expect("the last record says why")] = b'E';
    fs::write(&journal, bytes).unwrap();
    case.doctor("journal_damaged");

    let case = Case::with_journal();
    let open = |case: &Case| rusqlite::Connection::open(case.state().join("journal.db")).unwrap();
    open(&case)
        .pragma_update(None, "user_version", 9_999)
        .unwrap();
    case.doctor("journal_too_new");

    let case = Case::with_journal();
    let shell = open(&case);
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    case.doctor("journal_locked");
}

#[test]
fn messages_that_nobody_takes() {
    let receiver = Receiver::start(|_, _| Reply::Answer(410, "", "this hook is gone"));
    let case = Case::new();
    let told = format!(
        "on: {{ended: {{uses: notify/webhook, with: {{url: \"{}\", {LOCAL}}}}}}}\n",
        receiver.url("/hook")
    );
    case.run(&format!("{HELLO}{told}"));
    assert_eq!(receiver.came().len(), 1);
    case.doctor("messages_undelivered");
}

#[test]
fn owners_that_do_not_do_their_work() {
    let case = Case::new();
    let mut owner = case.owner();
    let signal = |signal: &str| {
        let pid = owner.pid().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    };
    signal("-STOP");
    case.doctor("owner_stopped");
    signal("-CONT");
    let sockets = case.state().join("run");
    for entry in fs::read_dir(&sockets).unwrap() {
        fs::rename(entry.unwrap().path(), case.place.beside().join("socket")).unwrap();
    }
    case.doctor("owner_silent");
    for name in ["owner.sock", "windlass.sock", "socket"] {
        // Whatever its name was: a socket that nobody listens on.
        let from = case.place.beside().join("socket");
        if from.exists() {
            fs::rename(from, sockets.join(name)).unwrap();
        }
    }
    owner.kill();
    owner.wait(LIFE_MAX, |_| {});
    case.doctor("socket_stale");

    let case = Case::with_journal();
    let lock = case.state().join("owner.lock");
    fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink(&lock, &lock).unwrap();
    case.doctor("owner_unknown");
}

#[test]
fn processes_that_outlive_their_engine() {
    let case = Case::new();
    let runbook = HELLO.replace("argv: [\"true\"]", "argv: [sleep, \"600\"]");
    let mut engine = Life::begin(case.start(&runbook));
    let orphan = {
        let until = Instant::now() + LIFE_MAX;
        loop {
            assert!(Instant::now() < until, "the step does not start");
            if let Some(pid) = child_named(engine.pid(), "sleep") {
                break pid;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    engine.kill();
    engine.wait(LIFE_MAX, |_| {});
    case.doctor("orphans_alive");
    let ended = Command::new("kill")
        .args(["-KILL", &orphan.to_string()])
        .status();
    assert!(ended.unwrap().success());
}

/// A descendant of the process by its name.
fn child_named(parent: u32, name: &str) -> Option<u32> {
    for entry in fs::read_dir("/proc").unwrap() {
        let Ok(pid) = entry.unwrap().file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        let (head, rest) = stat.rsplit_once(") ")?;
        let is_child = rest.split(' ').nth(1) == Some(&parent.to_string());
        if is_child && head.ends_with(&format!("({name}")) {
            return Some(pid);
        }
    }
    None
}

#[test]
fn clocks_that_are_wrong() {
    let Some(library) = crate::clock::library() else {
        skip("doctor: libfaketime is not here");
        return;
    };
    let case = Case::with_journal();
    for (time, word) in [
        ("-1d", "clock_behind"),
        ("@2001-01-01 00:00:00", "clock_absurd"),
    ] {
        let mut command = case.place.command(["doctor"]);
        command.env("LD_PRELOAD", &library).env("FAKETIME", time);
        case.says(word, command);
    }
}

#[test]
fn machines_that_lack_something() {
    let case = Case::with_journal();
    case.after("files_low", "ulimit -n 128", &["env"]);
    let mut no_roots = case.place.command(["doctor"]);
    no_roots
        .env("SSL_CERT_FILE", "/dev/null")
        .env("SSL_CERT_DIR", "/nowhere");
    case.says("roots_missing", no_roots);

    if !may_unshare() {
        skip("doctor: no mounts of its own; setsid, sh and /proc were there");
        return;
    }
    let own_mounts = ["unshare", "-m"];
    let over = |program: &str| format!("mount --bind /dev/null \"$(readlink -f {program})\"");
    case.after("setsid_missing", &over("/usr/bin/setsid"), &own_mounts);
    case.after("sh_missing", &over("/bin/sh"), &own_mounts);
    case.after("proc_missing", "mount -t tmpfs none /proc", &own_mounts);

    let Some(nobody) = OtherUser::nobody() else {
        skip("doctor: there is no other user here; hidepid hides nothing from root");
        return;
    };
    // A directory of the other user, who alone is hidden from.
    let case = Case::new();
    fs::set_permissions(case.place.beside(), Permissions::from_mode(0o777)).unwrap();
    let program = case.place.beside().join("windlass");
    fs::copy(case.place.program(), &program).unwrap();
    let mut command = Command::new("unshare");
    let words = nobody.words().join(" ");
    let script = format!("mount -t proc -o hidepid=2 proc /proc\nexec setpriv {words} \"$@\"");
    command
        .args(["-m", "sh", "-ec", &script, "sh"])
        .arg(program);
    case.place.complete(&mut command, ["doctor"]);
    case.says("proc_hidden", command);
}

/// A runbook whose steps name a program and a server.
fn touching(program: &str, host: &str, port: u16, tls: bool) -> String {
    let mode = if tls {
        "sslmode: verify-full"
    } else {
        "sslmode: disable, insecure_reason: a test"
    };
    format!(
        "
windlass: 1
name: touching
steps:
  run: {{uses: shell, effect: read, with: {{argv: [{program}]}}}}
  ask:
    uses: postgres/query
    with: {{host: {host}, port: {port}, user: me, {mode}, sql: select 1}}
"
    )
}

/// A runbook with a secret in a Vault.
fn vaulted(address: &str, more: &str) -> String {
    format!(
        "
windlass: 1
name: vaulted
secrets:
  password: {{vault: {{address: \"{address}\", path: db/admin, field: password{more}}}}}
steps:
  use: {{uses: shell, effect: read, with: {{argv: [sh], env: {{P: \"${{{{ secrets.password }}}}\"}}}}}}
"
    )
}

#[test]
fn what_a_runbook_touches_and_is_not_there() {
    let case = Case::with_journal();
    let looks = |word: &str, runbook: &str| {
        let file = case.place.beside().join("touching.yaml");
        fs::write(&file, runbook).unwrap();
        let mut command = case.place.command(["doctor"]);
        command.arg(file);
        case.says(word, command);
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        other.local_addr().unwrap().port()
    };
    let port = listener.local_addr().unwrap().port();
    looks("server_refuses", &touching("sh", "127.0.0.1", free, false));
    looks(
        "program_missing",
        &touching("no-such-program", "127.0.0.1", free, false),
    );
    looks(
        "server_unreachable",
        &touching("sh", "no-such-host.invalid", 5432, false),
    );
    // Nobody accepts on it; the kernel does, and a black hole before it takes all.
    let hole = Proxy::to(port).unwrap();
    hole.arm(Moment::Now, Fault::BlackHole);
    looks(
        "server_silent",
        &touching("sh", "127.0.0.1", hole.port(), false),
    );
    assert_eq!(hole.fired(), 1);
    // What a PostgreSQL server without TLS answers.
    let answering = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        drop(client.try_clone().unwrap());
        // The first connection came through the black hole and said nothing.
        for _ in 0..2 {
            let mut request = [0; 8];
            if client.read_exact(&mut request).is_ok() {
                std::io::Write::write_all(&mut client, b"N").unwrap();
                return;
            }
            client = listener.accept().unwrap().0;
        }
    });
    drop(hole);
    looks("tls_refused", &touching("sh", "127.0.0.1", port, true));
    answering.join().unwrap();
    looks(
        "vault_unreachable",
        &vaulted(&format!("https://127.0.0.1:{free}"), ""),
    );
    // What Vault says while it is sealed.
    let sealed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", sealed.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut client, _) = sealed.accept().unwrap();
        let mut request = [0; 1024];
        let asked = client.read(&mut request).unwrap();
        assert!(request[..asked].starts_with(b"GET /v1/sys/health "));
        let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
        std::io::Write::write_all(&mut client, answer).unwrap();
    });
    looks(
        "vault_sealed",
        &vaulted(&address, ", insecure_reason: a test"),
    );
    answering.join().unwrap();
    say("doctor: each word's condition was made, and what it says is its page");
}

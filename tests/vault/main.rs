//! Secrets from a real server of OpenBao, which speaks Vault's API, over TLS: a token and an
//! AppRole, versions, and what is said when it refuses or is not there. Where the server is,
//! `WINDLASS_TEST_OPENBAO` says; `cargo xtask test` installs one.

#![expect(
    clippy::unwrap_used,
    reason = "a step of the test that cannot be taken ends it, which is all it can do"
)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use windlass_tests::binary::windlass;
use windlass_tests::skip::skip;

const PROGRAM: &str = "WINDLASS_TEST_OPENBAO";
const OLD: &str = "hunter2-the-old-one";
const NEW: &str = "hunter2-the-new-one";
/// How long the server may take to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server in memory; ended with the test.
struct Bao {
    program: PathBuf,
    dir: TempDir,
    port: u16,
    server: Child,
}

impl Drop for Bao {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Bao {
    fn start(program: PathBuf) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let server = Command::new(&program)
            .args(["server", "-dev", "-dev-tls", "-dev-no-store-token"])
            .arg("-dev-root-token-id=root")
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .arg(format!("-dev-tls-cert-dir={}", dir.path().display()))
            .env("HOME", dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bao = Self {
            program,
            dir,
            port,
            server,
        };
        let begun = Instant::now();
        while !(bao.authorities().is_file() && bao.client(&["status"]).status.success()) {
            assert!(begun.elapsed() < PATIENCE, "the server does not begin");
            std::thread::sleep(Duration::from_millis(100));
        }
        bao
    }

    fn authorities(&self) -> PathBuf {
        self.dir.path().join("vault-ca.pem")
    }

    fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    fn client(&self, words: &[&str]) -> Output {
        Command::new(&self.program)
            .args(words)
            .env("HOME", self.dir.path())
            .env("BAO_ADDR", self.address())
            .env("BAO_CACERT", self.authorities())
            .env("BAO_TOKEN", "root")
            .output()
            .unwrap()
    }

    /// What the server's own client prints.
    fn does(&self, words: &[&str]) -> String {
        let done = self.client(words);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words:?}: {said}");
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Secrets, and a role whose secret id is good for one login.
    fn fill(&self) -> (String, String) {
        for value in [OLD, NEW] {
            self.does(&["kv", "put", "secret/db/admin", &format!("password={value}")]);
        }
        self.does(&["kv", "put", "secret/gone", "password=x"]);
        self.does(&["kv", "delete", "secret/gone"]);
        let policy = self.dir.path().join("policy");
        let rule = "path \"secret/data/db/*\" { capabilities = [\"read\"] }";
        std::fs::write(&policy, rule).unwrap();
        self.does(&["policy", "write", "reader", policy.to_str().unwrap()]);
        self.does(&["auth", "enable", "approle"]);
        let role = "auth/approle/role/reader";
        self.does(&[
            "write",
            role,
            "token_policies=reader",
            "secret_id_num_uses=1",
        ]);
        let role_id = self.does(&["read", "-field=role_id", &format!("{role}/role-id")]);
        let secret_id = [
            "write",
            "-f",
            "-field=secret_id",
            &format!("{role}/secret-id"),
        ];
        (role_id, self.does(&secret_id))
    }

    /// Runs one step that is given the secrets `a` and `b`, which are at these places.
    fn run(&self, a: &str, b: &str, variables: &[(&str, &str)]) -> Output {
        let (address, ca) = (self.address(), self.authorities().display().to_string());
        let place = |more: &str| {
            format!("{{vault: {{address: \"{address}\", ca_file: {ca}, field: password, {more}}}}}")
        };
        let runbook = format!(
            "windlass: 1\nname: vaulted\nsecrets:\n  a: {}\n  b: {}\nsteps:\n  use:\n    uses: shell\n    \
             effect: read\n    with:\n      script: echo \"got ${{#A}} ${{#B}}\"; echo \"$A\"; echo \"$B\"\n      \
             env: {{A: \"${{{{ secrets.a }}}}\", B: \"${{{{ secrets.b }}}}\"}}\n    \
             expect: stdout.startsWith('got 19 19')\n",
            place(a),
            place(b)
        );
        let path = self.dir.path().join("vaulted.yaml");
        std::fs::write(&path, runbook).unwrap();
        let mut command = Command::new(windlass());
        command.args(["--allow-volatile-state", "--state-dir"]);
        command.arg(self.dir.path().join("state"));
        command.arg("run").arg(&path).arg("--json");
        command.env_remove("VAULT_TOKEN");
        command.envs(variables.iter().copied());
        command.output().unwrap()
    }

    /// What the doctor says of the runbook that was run last, and its grade.
    fn doctor(&self) -> (Option<i32>, String) {
        let done = self.ask(&["doctor"], &[]);
        let said = String::from_utf8_lossy(&done.stdout).replace(&self.address(), "https://VAULT");
        // Long lines are broken where the terminal ends; here they are read as one.
        let words: Vec<&str> = said.split_whitespace().collect();
        (done.status.code(), words.join(" "))
    }

    /// What a preflight says that cannot read its secrets.
    fn preflight(&self, token: &str) -> String {
        let done = self.ask(&["preflight"], &[("VAULT_TOKEN", token)]);
        assert_eq!(done.status.code(), Some(2), "{done:?}");
        String::from_utf8_lossy(&done.stderr).replace(&self.address(), "https://VAULT")
    }

    /// Something about the runbook that was written last.
    fn ask(&self, words: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(windlass());
        command.args(["--allow-volatile-state", "--state-dir"]);
        command.arg(self.dir.path().join("state"));
        command
            .args(words)
            .arg(self.dir.path().join("vaulted.yaml"));
        command.env_remove("VAULT_TOKEN");
        command.envs(variables.iter().copied());
        command.output().unwrap()
    }

    /// What the command says when the secrets cannot be read; nothing was started.
    fn refused(&self, place: &str, token: &str) -> String {
        let said = self.run(place, "path: db/admin", &[("VAULT_TOKEN", token)]);
        assert_eq!(said.status.code(), Some(2), "{said:?}");
        assert!(said.stdout.is_empty(), "{said:?}");
        let said = String::from_utf8(said.stderr).unwrap();
        assert!(!said.contains("hunter2"), "{said}");
        said.replace(&self.address(), "https://VAULT")
    }
}

/// All files below a directory, as one text.
fn everything(dir: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.push_str(&everything(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            all.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    all
}

#[test]
fn secrets_come_from_a_real_server_and_stay_out_of_sight() {
    let Some(program) = std::env::var_os(PROGRAM) else {
        skip(&format!("{PROGRAM} does not say where OpenBao is"));
        return;
    };
    let mut bao = Bao::start(program.into());
    let (role_id, secret_id) = bao.fill();
    // Two secrets, one login: the secret id is good for no second one.
    let role = "path: db/admin, auth: {approle: {role_id: {env: ROLE}, secret_id: {env: ID}}}";
    let older = format!("version: 1, {role}");
    let variables = [("ROLE", role_id.as_str()), ("ID", secret_id.as_str())];
    let done = bao.run(role, &older, &variables);
    assert!(done.status.success(), "{done:?}");
    let left = everything(&bao.dir.path().join("state"));
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(shown.contains("[secret]"), "{shown}");
    for text in [
        left,
        shown,
        String::from_utf8_lossy(&done.stderr).into_owned(),
    ] {
        for secret in [OLD, NEW, secret_id.as_str()] {
            assert!(!text.contains(secret), "{secret} is left over");
        }
    }
    let again = bao.run(role, &older, &variables);
    let said = String::from_utf8_lossy(&again.stderr).replace(&bao.address(), "https://VAULT");
    assert!(
        said.contains("the secret a: Vault at https://VAULT does not log the role in at auth/approle (400): invalid role or secret ID"),
        "{said}"
    );

    let done = bao.run(
        "path: db/admin",
        "path: db/admin",
        &[("VAULT_TOKEN", "root")],
    );
    assert!(done.status.success(), "{done:?}");
    for (place, token, wanted) in [
        (
            "path: db/none",
            "root",
            "the secret a: Vault at https://VAULT has no secret/db/none, or its mount is another: it says no more",
        ),
        (
            "path: db/admin, version: 9",
            "root",
            "the secret a: Vault at https://VAULT has no version 9 of secret/db/admin, or its mount is another: it says no more",
        ),
        (
            "path: gone",
            "root",
            "the secret a: version 1 of secret/gone in Vault was deleted at ",
        ),
        (
            "path: db/admin, mount: nowhere",
            "root",
            "the secret a: Vault at https://VAULT has no nowhere/db/admin, or its mount is another: no handler for route",
        ),
        // The last one, which the doctor and a preflight look at as well.
        (
            "path: db/admin",
            "hvs.hunter2",
            "the secret a: Vault at https://VAULT does not show secret/db/admin (403): permission denied",
        ),
    ] {
        let said = bao.refused(place, token);
        assert!(said.contains(wanted), "{place}: {said}");
    }
    let (grade, said) = bao.doctor();
    assert_eq!(grade, Some(0), "{said}");
    assert!(
        said.contains("ok Vault: https://VAULT answers, and is not sealed"),
        "{said}"
    );
    let said = bao.preflight("hvs.hunter2");
    let denied = "the secret a: Vault at https://VAULT does not show secret/db/admin (403): permission denied; the token is wrong or over, or its policy does not allow it";
    assert!(said.contains(denied), "{said}");
    bao.does(&["operator", "seal"]);
    let (grade, said) = bao.doctor();
    assert_eq!(grade, Some(1), "{said}");
    let sealed =
        "FAIL Vault: https://VAULT is sealed, or was never made ready (503) [vault_sealed]";
    assert!(said.contains(sealed), "{said}");
    let said = bao.refused("path: db/admin", "root");
    let sealed = "(503): Vault is sealed; it is sealed or not ready";
    assert!(said.contains(sealed), "{said}");
    bao.server.kill().unwrap();
    bao.server.wait().unwrap();
    let (grade, said) = bao.doctor();
    assert_eq!(grade, Some(1), "{said}");
    assert!(said.contains("[vault_unreachable]"), "{said}");
    let said = bao.preflight("root");
    let gone = "the secret a: Vault at https://VAULT cannot be asked: cannot connect: ";
    assert!(said.contains(gone), "{said}");
    let said = bao.refused("path: db/admin", "root");
    let gone = "the secret a: Vault at https://VAULT cannot be asked: cannot connect: ";
    assert!(said.contains(gone), "{said}");
}

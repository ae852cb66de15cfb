//! No byte of a secret leaves the engine: canaries go through runbooks that print them in
//! all forms, cut up, in outputs, errors, failures, looks, a database's notices and a panic;
//! then every byte of every sink is searched. A control that is no secret takes the same
//! ways and must be found.

mod canary;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use windlass_tests::binary::windlass_failpoints;
use windlass_tests::life::{Life, Place};
use windlass_tests::postgres::Server;
use windlass_tests::random::{Random, seed};

use canary::{Canary, Search, canaries, contains, printed, printed_inside};

/// How long a call may take.
const CALL_TIME_MAX: Duration = Duration::from_secs(60);
/// What the database does with what it holds: as notices and as an answer, and as an error.
const TELLING: &str = "
create function tell() returns setof text language plpgsql as $body$
declare held record;
begin
  for held in select line from leak loop
    raise notice '%', held.line;
    return next held.line;
  end loop;
end $body$;
create function fail() returns text language plpgsql as $body$
declare held text := (select string_agg(line, e'\\n') from leak);
begin
  raise exception '%', held using detail = held, hint = held;
end $body$;
";
/// How much of a standard output becomes an output; see `docs/steps/shell.md`.
const STDOUT_BYTES_MAX: usize = 248 * 1024;

/// Everything that went anywhere, by the name of the sink.
type Sinks = Vec<(String, Vec<u8>)>;

struct House {
    place: Place,
    /// What steps read from: not a sink.
    leaks: TempDir,
    canaries: Vec<Canary>,
    control: String,
    /// A database that holds everything that steps print.
    server: Server,
    sinks: Sinks,
}

#[test]
fn no_byte_of_a_secret_is_in_any_sink() {
    let seed = seed();
    println!("WINDLASS_SEED={seed}");
    let mut random = Random::new(seed);
    let parent = tempfile::tempdir().expect("a directory can be made");
    let canaries = canaries(&mut random);
    let token = canaries.iter().find(|canary| canary.name == "token");
    let token = &token.expect("there is one of this name").value;
    let mut house = House {
        // The program that can be made to panic; it is otherwise the one that people get.
        place: Place::below(parent.path(), windlass_failpoints()),
        leaks: tempfile::tempdir().expect("a directory can be made"),
        server: Server::start(token),
        canaries,
        control: format!("control-{:016x}", random.number()),
        sinks: Vec::new(),
    };
    house.lay_out();
    house.run_with_an_owner();
    house.run_to_a_failure();
    house.read_the_state_directory();
    house.judge();
}

impl House {
    /// The files that steps print, and the runbooks.
    fn lay_out(&self) {
        let mut all = format!("{}\n", self.control);
        let mut document = serde_json::Map::new();
        for canary in &self.canaries {
            for (form, text) in printed(&canary.value)
                .into_iter()
                .chain(printed_inside(&canary.value))
            {
                all += &format!("{form}: {text};\n");
            }
            document.insert(
                canary.value.clone(),
                serde_json::json!([canary.value, {"a": canary.value}]),
            );
        }
        document.insert("control".to_owned(), self.control.clone().into());
        self.server.carry_out(&format!(
            "create table leak as select line from regexp_split_to_table($leak${all}$leak$, ';\n') line;\n{TELLING}"
        ));
        self.leak("all", all.as_bytes());
        self.leak(
            "document",
            &serde_json::to_vec(&document).expect("a map is JSON"),
        );
        // The last bytes that are kept are the first of a secret.
        let token = self.value("token");
        let kept = |bytes: usize| {
            let mut text = vec![b'x'; bytes - 7];
            text.extend(format!("{token}\n").bytes());
            text
        };
        self.leak("cut_output", &kept(STDOUT_BYTES_MAX));
        self.leak("cut_line", &[kept(64 * 1024), kept(16 * 1024)].concat());
        for canary in &self.canaries {
            self.leak(canary.name, canary.value.as_bytes());
        }
        std::fs::write(self.book("leaks"), self.leaking()).expect("a runbook can be written");
        std::fs::write(self.book("fails"), self.failing()).expect("a runbook can be written");
    }

    fn leak(&self, name: &str, bytes: &[u8]) {
        let mut options = std::fs::File::options();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.leaks.path().join(name));
        file.and_then(|mut file| file.write_all(bytes))
            .expect("a file can be written");
    }

    fn value(&self, name: &str) -> &str {
        let canary = self.canaries.iter().find(|canary| canary.name == name);
        &canary.expect("there is one of this name").value
    }

    fn book(&self, name: &str) -> PathBuf {
        self.place.beside().join(format!("{name}.yaml"))
    }

    /// Where the secrets are, and all of them as the environment of a step.
    fn secrets(&self) -> (String, String) {
        let leaks = self.leaks.path().display();
        let (mut places, mut env) = (String::new(), String::new());
        for (index, canary) in self.canaries.iter().enumerate() {
            let name = canary.name;
            let place = match index % 3 {
                0 => format!("env: CANARY_{name}"),
                1 => format!("file: {leaks}/{name}"),
                _ => format!("exec: [cat, {leaks}/{name}]"),
            };
            places += &format!("  {name}: {{{place}}}\n");
            env += &format!("{name}: \"${{{{ secrets.{name} }}}}\", ");
        }
        (places, env)
    }

    /// How a step reaches the database.
    fn database(&self) -> String {
        format!(
            "host: 127.0.0.1, port: {}, user: postgres, sslmode: disable, insecure_reason: a test, \
             password: \"${{{{ secrets.token }}}}\"",
            self.server.port()
        )
    }

    fn leaking(&self) -> String {
        let (places, env) = self.secrets();
        let (leaks, database) = (self.leaks.path().display(), self.database());
        let control = &self.control;
        format!(
            r#"windlass: 1
name: leaks
secrets:
{places}
steps:
  say:
    uses: shell
    effect: read
    with:
      cwd: {leaks}
      env: {{{env}}}
      script: |
        dd if=all bs=61 2>/dev/null
        dd if=all bs=7 2>/dev/null >&2
        printf '%s' "$long" | base64
        printf 'user:%s' "$token" | base64
        printf '%s' "$key" | od -An -v -tx1 | tr -d ' \n'
        printf '%.9s' "$token"; sleep 0.2; printf '%s' "$token" | cut -c10-
        printf '%s\033[1m%s\n' "$(printf '%s' "$token" | cut -c1-9)" "$(printf '%s' "$token" | cut -c10-)" >&2
        printf '%s\033[1m%s\n' "$(printf '%s' "$token" | cut -c1-9)" "$(printf '%s' "$token" | cut -c10-)"
        cat cut_line
        env
  document: {{uses: shell, effect: read, needs: say, with: {{cwd: {leaks}, argv: [cat, document], output: json}}}}
  lines: {{uses: shell, effect: read, needs: say, with: {{cwd: {leaks}, argv: [cat, all], output: lines}}}}
  coloured:
    uses: shell
    effect: read
    needs: say
    with:
      env: {{{env}}}
      output: lines
      script: for at in 3 9 20; do printf '%s\033[31m%s\033[0m\n' "$(printf '%s' "$token" | cut -c1-$at)" "$(printf '%s' "$token" | cut -c$((at + 1))-)"; done
  told: {{uses: postgres/query, needs: say, with: {{{database}, sql: select tell() as told}}}}
  cut: {{uses: shell, effect: read, needs: say, with: {{cwd: {leaks}, argv: [cat, cut_output]}}}}
  stdin: {{uses: shell, effect: read, needs: say, with: {{argv: [tee, /dev/stderr], stdin: "${{{{ secrets.key }}}}"}}}}
  go:
    needs: [document, lines, coloured, told, cut, stdin]
    approval:
      expires: 1h
      show:
        said: "${{{{ steps.lines.outputs.stdout[0] }}}}"
        coloured: "${{{{ steps.coloured.outputs.stdout }}}}"
        document: "${{{{ steps.document.outputs.json }}}}"
  change:
    uses: shell
    effect: reversible
    needs: go
    timeout: 20s
    with: {{cwd: {leaks}, script: "head -n 20 all >&2; cat document >&2; exit 3"}}
    reconcile:
      uses: shell
      settle: 0s
      with: {{cwd: {leaks}, argv: [head, -n, "60", all]}}
      happened: stdout.contains('{control}')
  after: {{uses: shell, effect: read, needs: change, with: {{cwd: {leaks}, argv: [printf, "%s", "${{{{ steps.change.outputs.stdout }}}}"]}}}}
"#
        )
    }

    fn failing(&self) -> String {
        let (places, env) = self.secrets();
        let (leaks, database) = (self.leaks.path().display(), self.database());
        format!(
            r#"windlass: 1
name: fails
secrets:
{places}
steps:
  fail:
    uses: shell
    effect: read
    with: {{cwd: {leaks}, env: {{{env}}}, script: "cat all; tail -n 20 all >&2; head -n 2 all >&2; exit 1"}}
finally:
  database:
    uses: postgres/query
    with: {{host: 127.0.0.1, port: 1, user: me, sslmode: disable, insecure_reason: a test, password: "${{{{ secrets.special }}}}", sql: select 1}}
  refused: {{uses: postgres/query, with: {{{database}, sql: select fail()}}}}
  panics: {{uses: shell, effect: read, with: {{argv: ["true"], env: {{{env}}}}}}}
  broken: {{uses: shell, effect: read, with: {{cwd: {leaks}, argv: [cat, all], output: json}}}}
  missing: {{uses: shell, effect: read, with: {{argv: [./no-such-program], stdin: "${{{{ secrets.token }}}}"}}}}
"#
        )
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .env("HOME", self.place.beside())
            // The process's own log says all that it has to say.
            .env("RUST_LOG", "debug")
            .current_dir(self.place.beside());
        for canary in &self.canaries {
            command.env(format!("CANARY_{}", canary.name), &canary.value);
        }
        command
    }

    fn call(&mut self, arguments: &[&str]) -> Vec<u8> {
        let done = self.command(arguments).stdin(Stdio::null()).output();
        let done = done.expect("the program can be started");
        let name = arguments.join(" ");
        self.sinks.push((format!("{name}: stderr"), done.stderr));
        self.sinks.push((name, done.stdout.clone()));
        done.stdout
    }

    /// A run that another process owns: handed over, followed, looked at, approved.
    fn run_with_an_owner(&mut self) {
        let owner = Life::begin(self.command(&["serve"]));
        let socket = self.place.state().join("run/owner.sock");
        wait_until("the owner listens", || UnixStream::connect(&socket).is_ok());
        let book = self.book("leaks");
        let run = Life::begin(self.command(&["run", &book.display().to_string()]));
        let mut id = String::new();
        wait_until("the gate is open", || {
            let listed = self.call(&["runs", "--needs-me", "--json"]);
            id = runs_in(&listed).pop().unwrap_or_default();
            !id.is_empty()
        });
        self.look_at(&id);
        for path in ["", "/events", "/logs/say/1", "/logs/lines/1"] {
            let path = format!("/v1/runs/{id}{path}");
            let answer = ask(&socket, &path);
            self.sinks
                .push((format!("GET {path}").replace(&id, "RUN"), answer));
        }
        let watch = Life::begin(self.command(&["watch", &id]));
        let watch_json = Life::begin(self.command(&["watch", "--json", &id]));
        wait_until("both follow", || {
            !watch.lines().is_empty() && !watch_json.lines().is_empty()
        });
        self.call(&["approve", &id, "go"]);
        self.end("run, handed over", run);
        self.end("watch", watch);
        self.end("watch --json", watch_json);
        self.look_at(&id);
        self.call(&["export", &id]);
        let asked = Command::new("kill")
            .args(["-TERM", &owner.pid().to_string()])
            .status();
        assert!(asked.is_ok_and(|status| status.success()));
        self.end("serve", owner);
    }

    fn end(&mut self, name: &str, life: Life) {
        let death = life.wait(CALL_TIME_MAX, |_| {});
        self.sinks
            .push((format!("{name}: stderr"), death.err.into_bytes()));
        self.sinks
            .push((name.to_owned(), death.out.join("\n").into_bytes()));
    }

    /// A run of its own process that fails.
    fn run_to_a_failure(&mut self) {
        let book = self.book("fails");
        let before = self.call(&["runs", "--json"]);
        let book = book.display().to_string();
        let mut command = self.command(&["run", "--json", &book]);
        command.env("WINDLASS_FAILPOINT", "panic:panics");
        command.env("RUST_BACKTRACE", "1");
        self.end("run --json", Life::begin(command));
        let panicked = self.sinks.iter().any(|(name, bytes)| {
            name == "run --json: stderr" && contains(bytes, b"windlass: bug at ")
        });
        assert!(panicked, "the panic did not come");
        let mut runs = runs_in(&self.call(&["runs", "--json"]));
        runs.retain(|run| !runs_in(&before).contains(run));
        let id = runs.pop().expect("the run is listed");
        self.look_at(&id);
        self.call(&["export", &id]);
        self.call(&["runs", "--json"]);
        self.call(&["doctor"]);
        self.call(&["journal", "verify"]);
    }

    fn look_at(&mut self, id: &str) {
        for arguments in [
            &["show", id][..],
            &["show", "--json", id],
            &["why", id],
            &["handover", id],
            &["logs", id],
            &["runs", "--json"],
        ] {
            self.call(arguments);
        }
    }

    fn read_the_state_directory(&mut self) {
        let mut directories = vec![self.place.state()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(&directory).expect("it can be read") {
                let path = entry.expect("it can be read").path();
                let kind = std::fs::symlink_metadata(&path).expect("it is there");
                if kind.is_dir() {
                    directories.push(path);
                } else if kind.is_file() {
                    let bytes = std::fs::read(&path).expect("it can be read");
                    self.sinks.push((short(&path), bytes));
                }
            }
        }
    }

    fn judge(&self) {
        let search = Search::new(&self.canaries);
        // The search finds what it is to find: every form, alone and inside of others.
        for canary in &self.canaries {
            for (form, text) in printed(&canary.value)
                .into_iter()
                .chain(printed_inside(&canary.value))
            {
                let bytes = format!("before {text} after");
                assert!(
                    !search.found(bytes.as_bytes()).is_empty(),
                    "{} as {form}",
                    canary.name
                );
            }
        }
        let mut reached = Vec::new();
        let mut told = Vec::new();
        for (name, bytes) in &self.sinks {
            if contains(bytes, self.control.as_bytes()) {
                reached.push(name.as_str());
            }
            for what in search.found(bytes) {
                told.push(format!("{name}: {what}"));
            }
        }
        let bytes: usize = self.sinks.iter().map(|(_, bytes)| bytes.len()).sum();
        println!(
            "{} sinks, {bytes} bytes; the control is in {}",
            self.sinks.len(),
            reached.join(", ")
        );
        assert!(
            told.is_empty(),
            "{} places:\n{}",
            told.len(),
            told.join("\n")
        );
        // What is no secret took the same ways and was found by the same look.
        for sink in [
            "journal.db",
            "log",
            "show",
            "logs",
            "export",
            "GET /v1/runs/RUN",
            "run --json",
            "watch --json",
        ] {
            let is_reached = reached.iter().any(|name| name.contains(sink));
            assert!(
                is_reached,
                "the control did not reach {sink}, only {reached:?}"
            );
        }
        let marks = self
            .sinks
            .iter()
            .filter(|(_, bytes)| contains(bytes, b"[secret]"));
        assert!(marks.count() >= 10, "hardly anything was replaced");
    }
}

fn short(path: &Path) -> String {
    let parts: Vec<_> = path
        .iter()
        .rev()
        .take(2)
        .map(|part| part.to_string_lossy())
        .collect();
    parts
        .iter()
        .rev()
        .map(|part| part.as_ref())
        .collect::<Vec<_>>()
        .join("/")
}

/// The ids of the runs that a text tells of: a day, a time, and letters.
fn runs_in(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let is_run = |word: &&str| {
        let parts: Vec<&str> = word.split('-').collect();
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        matches!(parts.as_slice(), [day, time, _] if day.len() == 8 && digits(day) && digits(time))
    };
    words.filter(is_run).map(str::to_owned).collect()
}

/// What the owner answers; of a stream, what comes at once.
fn ask(socket: &Path, path: &str) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).expect("the owner listens");
    let timeout = Some(Duration::from_secs(2));
    stream
        .set_read_timeout(timeout)
        .expect("a socket takes a timeout");
    let request = format!("GET {path} HTTP/1.1\r\nhost: windlass\r\nconnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("the owner reads");
    let mut answer = Vec::new();
    // A stream of events goes on; what is there has come.
    let _timed_out = stream.read_to_end(&mut answer);
    answer
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = std::time::Instant::now() + CALL_TIME_MAX;
    while !is_so() {
        assert!(std::time::Instant::now() < until, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(50));
    }
}

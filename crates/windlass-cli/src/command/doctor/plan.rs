//! What a plan will touch, as far as it is known before the run: whether its programs are
//! here, and whether its database servers and the Vaults of its secrets answer. Nobody logs
//! in, and nothing is changed; whether a certificate, a password and a token are good is
//! for `windlass preflight` to see.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use windlass_core::catalog::Touch;
use windlass_core::plan::{SecretSource, VaultPlace};
use windlass_runbook::outline::{Outline, StepOutline};

use super::{Finding, Word};
use crate::secrets::vault::{Health, health};
use crate::text;

/// How long a server may take to let somebody connect, and to answer one byte.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Programs and servers that are looked at.
const LOOKED_AT_MAX: usize = 64;
const POSTGRES_PORT: u16 = 5432;
/// What a PostgreSQL client says first: may we speak TLS?
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// The parameter that says whether TLS is wanted, and its value when it is not.
const PLAINTEXT: &str = "disable";

/// A database server that a step names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Server {
    host: String,
    port: u16,
    wants_tls: bool,
}

pub(super) async fn look(plan: &Outline, plaintext: impl Fn(&StepOutline) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let programs: BTreeSet<&str> = values(plan, Touch::Program).collect();
    for program in programs.into_iter().take(LOOKED_AT_MAX) {
        findings.push(self::program(program));
    }
    let servers: BTreeSet<Server> = plan
        .steps
        .iter()
        .filter(|step| is_postgres(step))
        .flat_map(|step| servers(step, !plaintext(step)))
        .collect();
    // At the same time: a network that is down is waited for once.
    let looks = servers.into_iter().take(LOOKED_AT_MAX);
    let looks: Vec<_> = looks
        .map(|server| tokio::spawn(async move { (ask(&server).await, server) }))
        .collect();
    for look in looks {
        if let Ok((answer, server)) = look.await {
            findings.push(finding(&server, answer));
        }
    }
    findings.extend(vaults(plan).await);
    let later = plan
        .steps
        .iter()
        .flat_map(|step| &step.touches)
        .filter(|touched| touched.later.is_some())
        .filter(|touched| matches!(touched.what, Touch::Program | Touch::Host))
        .count();
    if later > 0 {
        let s = if later == 1 { "" } else { "s" };
        findings.push(Finding::ok(
            "runbook",
            format!("{later} program{s} or host{s} that only the run can know were not looked at"),
        ));
    }
    findings
}

/// The Vaults that the runbook's secrets are in, each asked once, at the same time.
async fn vaults(plan: &Outline) -> Vec<Finding> {
    let mut places = BTreeMap::new();
    for secret in &plan.secrets {
        if let Some(SecretSource::Vault(place)) = &secret.source {
            let key = (place.address.clone(), place.ca_file.clone());
            places.entry(key).or_insert_with(|| place.clone());
        }
    }
    let places = places.into_values().take(LOOKED_AT_MAX);
    let looks: Vec<_> = places
        .map(|place| {
            tokio::spawn(async move { vault(&place, health(&place, ANSWER_WITHIN).await) })
        })
        .collect();
    let mut findings = Vec::new();
    for look in looks {
        findings.extend(look.await);
    }
    findings
}

fn vault(place: &VaultPlace, health: Result<Health, String>) -> Finding {
    const WHAT: &str = "Vault";
    let name = text::line(&place.address);
    match health {
        Ok(Health::Serves) => Finding::ok(WHAT, format!("{name} answers, and is not sealed")),
        Ok(Health::Sealed(status)) => Finding::fail(
            Word::VaultSealed,
            WHAT,
            format!("{name} is sealed, or was never made ready ({status})"),
            "unseal it: a run whose secrets cannot be read does not begin",
        ),
        Ok(Health::Odd(status)) => Finding::fail(
            Word::VaultUnreachable,
            WHAT,
            format!("{name} answers {status} where a Vault tells how it is"),
            "look at `address`: something else may listen there",
        ),
        Err(why) => Finding::fail(
            Word::VaultUnreachable,
            WHAT,
            why,
            "look at `address`, `ca_file`, the route and the firewalls on the way",
        ),
    }
}

fn values(plan: &Outline, what: Touch) -> impl Iterator<Item = &str> {
    let touches = plan.steps.iter().flat_map(|step| &step.touches);
    let of_kind = touches.filter(move |touched| touched.what == what);
    of_kind.flat_map(|touched| touched.values.iter().map(String::as_str))
}

fn program(name: &str) -> Finding {
    const WHAT: &str = "program";
    match find(name, std::env::var_os("PATH").as_deref()) {
        Some(path) => Finding::ok(WHAT, path.display().to_string()),
        None => Finding::fail(
            Word::ProgramMissing,
            WHAT,
            format!("{} is not here, or may not be executed", text::line(name)),
            "install it, or correct the input or the runbook that names it",
        ),
    }
}

fn find(name: &str, path: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    let may_run = |path: &Path| {
        let metadata = std::fs::metadata(path);
        metadata.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| may_run(path));
    }
    let mut places = std::env::split_paths(path?).map(|place| place.join(name));
    places.find(|place| may_run(place))
}

fn is_postgres(step: &StepOutline) -> bool {
    let uses = step.uses.as_ref().map(|uses| uses.as_str());
    uses.is_some_and(|uses| uses.starts_with("postgres/"))
}

/// Hosts and ports of a step stand in the order of its items.
fn servers(step: &StepOutline, wants_tls: bool) -> Vec<Server> {
    let told = |param: &str| {
        let found = step.touches.iter().find(|touched| touched.param == param);
        found.map_or(&[][..], |touched| &touched.values)
    };
    let ports: Vec<u16> = told("port")
        .iter()
        .filter_map(|port| port.parse().ok())
        .collect();
    let hosts = told("host");
    let pairs: Vec<(String, u16)> = match (hosts, ports.as_slice()) {
        (hosts, []) => hosts
            .iter()
            .map(|host| (host.clone(), POSTGRES_PORT))
            .collect(),
        (hosts, [port]) => hosts.iter().map(|host| (host.clone(), *port)).collect(),
        ([host], ports) => ports.iter().map(|port| (host.clone(), *port)).collect(),
        (hosts, ports) => hosts.iter().cloned().zip(ports.iter().copied()).collect(),
    };
    let server = |(host, port)| Server {
        host,
        port,
        wants_tls,
    };
    pairs.into_iter().map(server).collect()
}

/// What a server answered.
enum Answer {
    Tls,
    NoTls,
    /// A socket of this machine, which has no TLS.
    Socket,
    Refuses(String),
    Unreachable(String),
    Silent,
}

async fn ask(server: &Server) -> Answer {
    if server.host.starts_with('/') {
        let path = Path::new(&server.host).join(format!(".s.PGSQL.{}", server.port));
        return match UnixStream::connect(path).await {
            Ok(_) => Answer::Socket,
            Err(error) => Answer::Refuses(error.to_string()),
        };
    }
    let connect = TcpStream::connect((server.host.as_str(), server.port));
    let mut stream = match tokio::time::timeout(ANSWER_WITHIN, connect).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            return Answer::Refuses(error.to_string());
        }
        Ok(Err(error)) => return Answer::Unreachable(error.to_string()),
        Err(_) => {
            let seconds = ANSWER_WITHIN.as_secs();
            return Answer::Unreachable(format!("no connection within {seconds} s"));
        }
    };
    let mut answer = [0];
    let asked = async {
        stream.write_all(&SSL_REQUEST).await?;
        stream.read_exact(&mut answer).await
    };
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(Ok(_)) if answer == *b"S" => Answer::Tls,
        Ok(Ok(_)) => Answer::NoTls,
        Ok(Err(error)) => Answer::Refuses(format!("it hung up: {error}")),
        Err(_) => Answer::Silent,
    }
}

fn finding(server: &Server, answer: Answer) -> Finding {
    const WHAT: &str = "server";
    let name = text::line(&format!("{}:{}", server.host, server.port));
    match answer {
        Answer::Tls if server.wants_tls => Finding::ok(WHAT, format!("{name} answers, with TLS")),
        Answer::NoTls if server.wants_tls => Finding::fail(
            Word::TlsRefused,
            WHAT,
            format!("{name} has no TLS, and the runbook asks for it"),
            "switch `ssl` on at the server; `sslmode: disable` lets everybody on the way read and change",
        ),
        Answer::Tls | Answer::NoTls | Answer::Socket => {
            Finding::ok(WHAT, format!("{name} answers"))
        }
        Answer::Refuses(why) => Finding::fail(
            Word::ServerRefuses,
            WHAT,
            format!("{name} lets nobody connect: {why}"),
            "start the server, or correct its address",
        ),
        Answer::Unreachable(why) => Finding::fail(
            Word::ServerUnreachable,
            WHAT,
            format!("{name} is not reached: {why}"),
            "look at the name, the route and the firewalls on the way",
        ),
        Answer::Silent => Finding::fail(
            Word::ServerSilent,
            WHAT,
            format!(
                "{name} takes connections and says nothing within {} s",
                ANSWER_WITHIN.as_secs()
            ),
            "look at the server: it may hang, or something on the way swallows what is sent",
        ),
    }
}

/// Whether a step says that it does without TLS.
pub(super) fn is_plaintext(with: Option<&windlass_core::plan::Template>) -> bool {
    use windlass_core::plan::Template;
    use windlass_core::value::Value;
    let is_it = |value: &Value| value.as_text().is_some_and(|text| text == PLAINTEXT);
    match with {
        Some(Template::Map(with)) => with.get("sslmode").is_some_and(|mode| match mode {
            Template::Literal(mode) => is_it(mode),
            // Only the run, or an input, decides: TLS is not demanded here.
            _ => true,
        }),
        Some(Template::Literal(with)) => with.get("sslmode").is_some_and(is_it),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        assert_eq!(
            find("sh", Some("/nowhere:/bin".as_ref())),
            Some("/bin/sh".into())
        );
        assert_eq!(find("/bin/sh", None), Some("/bin/sh".into()));
        assert_eq!(find("sh", Some("/nowhere".as_ref())), None);
        assert_eq!(find("/etc/hostname-that-is-not", None), None);
        assert_eq!(find("/tmp", None), None, "a directory is no program");
    }
}

//! Another user of the host: what he may see and do, and what he is told. These tests
//! need root, to become somebody else; without it they say so loudly and prove nothing.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;
use windlass_core::plan::StepKind;
use windlass_server::wire::Approve;
use windlass_server::{Access, Client};

use crate::house::{House, Place, gate, run, seen};
use crate::raw::code;

/// The other user; `nobody` on most systems.
const UID: u32 = 65_534;
/// Names the state directory for the part of a test that runs as the other user.
const AS_OTHER: &str = "WINDLASS_TEST_STATE_OF_ANOTHER";

fn can_become_another() -> bool {
    let root = rustix::process::geteuid().is_root();
    let tools = ["setpriv", "curl"].iter().all(|tool| {
        let found = std::process::Command::new(tool).arg("--version").output();
        found.is_ok_and(|output| output.status.success())
    });
    if !(root && tools) {
        let refused = std::env::var_os("WINDLASS_NO_SKIP").is_some_and(|set| set == "1");
        assert!(
            !refused,
            "SKIP is refused here: it needs root, setpriv and curl"
        );
        // Past the capture of the harness, which shows nothing of a test that passes.
        let _closed = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"SKIP: needs root, setpriv and curl; what other users may do is NOT tested here\n",
        );
    }
    root && tools
}

fn as_other(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid",
            &UID.to_string(),
            "--regid",
            &UID.to_string(),
            "--clear-groups",
        ])
        .arg(program)
        .current_dir("/")
        .stdin(Stdio::null());
    command
}

/// A place whose parent lets everybody through, as `/var/lib` does.
fn reachable() -> Place {
    let place = Place::new();
    let parent = place.root.parent().unwrap();
    std::fs::set_permissions(parent, std::fs::Permissions::from_mode(0o755)).unwrap();
    place
}

async fn curl(socket: &Path, method: &str, path: &str, body: &str) -> (u16, String) {
    let output = as_other(Path::new("curl"))
        .args(["-sS", "--max-time", "10", "-X", method, "--unix-socket"])
        .arg(socket)
        .args([
            "-H",
            "content-type: application/json",
            "-w",
            "\n%{http_code}",
            "--data",
            body,
        ])
        .arg(format!("http://windlass{path}"))
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap_or_default();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        status.parse().unwrap_or(0),
        if body.is_empty() {
            error
        } else {
            body.to_owned()
        },
    )
}

#[test]
fn another_user_reads_and_decides_gates_and_nothing_more() {
    if !can_become_another() {
        return;
    }
    run(async {
        let house = House::with(reachable(), Access::Group(UID), true).await;
        let socket = house.server.socket().to_owned();
        let mut four_eyes = gate("go", &[]);
        if let StepKind::Gate(gate) = &mut four_eyes.kind {
            gate.not_requester = true;
        }
        let (client, run) = house.started(vec![four_eyes], "gate_opened").await;
        let at = |path: &str| format!("/v1/runs/{run}{path}");

        let (status, owner) = curl(&socket, "GET", "/v1/owner", "").await;
        assert_eq!(status, 200, "{owner}");
        assert!(owner.contains("\"you_are_owner\":false"), "{owner}");
        for path in ["/v1/runs".to_owned(), at("")] {
            assert_eq!(curl(&socket, "GET", &path, "").await.0, 200, "{path}");
        }
        // Refused for who he is, before anybody reads what he sends.
        for path in [
            "/v1/runs".to_owned(),
            "/v1/shutdown".to_owned(),
            at("/pause"),
            at("/resume"),
            at("/cancel"),
            at("/resolve"),
            at("/retry"),
            at("/abandon"),
            at("/take-over"),
            at("/acknowledge"),
            at("/secrets"),
        ] {
            let (status, answer) = curl(&socket, "POST", &path, "{}").await;
            assert_eq!(
                (status, code(&answer).as_str()),
                (403, "not_authorised"),
                "{path}"
            );
        }
        // Work by hand may be his to answer for; what failed is not.
        let body = r#"{"node":"go","attempt":1,"reason":"done"}"#;
        let (status, answer) = curl(&socket, "POST", &at("/attest"), body).await;
        assert_eq!((status, code(&answer).as_str()), (403, "not_authorised"));
        let (status, answer) = curl(&socket, "POST", &at("/decline"), body).await;
        assert_eq!((status, code(&answer).as_str()), (409, "wrong_state"));

        let view = client.run(&run).await.unwrap();
        let open = &view.gates[0];
        assert!(open.not_requester && open.rule.starts_with("second person"));
        let approve = Approve {
            gate: open.step.clone(),
            statement: open.statement,
            note: String::new(),
            signature: None,
        };
        let own = client.approve(&run, &approve).await.unwrap_err();
        assert_eq!(own.code(), Some("not_authorised"));
        let body = serde_json::to_string(&approve).unwrap();
        let (status, answer) = curl(&socket, "POST", &at("/approve"), &body).await;
        assert_eq!(status, 200, "{answer}");
        let view = seen(&client, &run, |view| view.end.is_some()).await;
        let message = view.steps[0].message.clone().unwrap();
        assert!(message.contains(&format!("(uid {UID})")), "{message}");
    });
}

#[test]
fn a_user_outside_the_group_does_not_get_near() {
    if !can_become_another() {
        return;
    }
    run(async {
        // Of no group that may connect.
        let house = House::with(reachable(), Access::Group(0), true).await;
        let socket = house.server.socket().to_owned();
        let (status, error) = curl(&socket, "GET", "/v1/owner", "").await;
        assert_eq!(status, 0, "{error}");
    });
}

#[test]
fn another_user_is_told_what_to_ask_for() {
    if !can_become_another() {
        return;
    }
    run(async {
        let house = House::with(reachable(), Access::Private, true).await;
        // This test's own program, where the other user can reach it.
        let program = house.root().parent().unwrap().join("as_other");
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let output = as_other(&program)
            .args(["--exact", "others::part_of_another_user", "--nocapture"])
            .env(AS_OTHER, house.root())
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        assert!(
            text.contains("permission denied; ask the owner to set --socket-group"),
            "{text}"
        );
    });
}

/// Does nothing but when the test above runs it as the other user.
#[test]
fn part_of_another_user() {
    let Some(root) = std::env::var_os(AS_OTHER) else {
        return;
    };
    run(async {
        match Client::connect(Path::new(&root)).await {
            Err(error) => println!("{error}"),
            Ok(client) => panic!("he got in: {client:?}"),
        }
    });
}

#[test]
fn somebody_who_poses_as_the_owner_is_not_talked_to() {
    if !can_become_another() {
        return;
    }
    run(async {
        let house = House::with(reachable(), Access::Group(UID), true).await;
        let dir = house.server.socket().parent().unwrap();
        std::os::unix::fs::chown(dir, Some(UID), None).unwrap();
        let refused = Client::connect(house.root()).await.unwrap_err().to_string();
        assert!(
            refused.contains("does not belong to the owner"),
            "{refused}"
        );
    });
}

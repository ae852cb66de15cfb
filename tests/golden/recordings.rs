//! A fixture is captured from a run against a real target, and played again without it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use windlass_tests::receiver::{Receiver, Reply};

use crate::desk::Desk;

const PASSWORD: &str = "correct horse battery staple";
const TOKEN: &str = "issued-token-0123456789";

const LOGIN: &str = r#"windlass: 1
name: login
inputs:
  endpoint: {type: string}
secrets: [password]
plugins:
  bad: {source: ./hostile, grants: manifest, networks: [127.0.0.0/8]}
steps:
  login:
    uses: bad/login
    timeout: 30s
    with:
      endpoint: ${{ inputs.endpoint }}
      user: ada
      password: ${{ secrets.password }}
"#;

#[test]
fn a_run_is_recorded_and_played_without_its_target_and_without_secrets() {
    let Some(desk) = Desk::with("hostile") else {
        return;
    };
    desk.about("hostile");
    std::fs::write(desk.path("login.yaml"), LOGIN).unwrap();
    std::fs::write(desk.path("password"), PASSWORD).unwrap();
    std::fs::set_permissions(desk.path("password"), Permissions::from_mode(0o600)).unwrap();
    let target = Receiver::start(|_, request| match request.path.as_str() {
        "/login" => Reply::Answer(200, "x-token: issued-token-0123456789\r\n", "{}"),
        _ => Reply::Answer(200, "", "you are issued-token-0123456789"),
    });
    let fixtures = desk.path("hostile/fixtures");
    let ran = desk.call(&[
        "run",
        "login.yaml",
        "--input",
        &format!("endpoint={}", target.url("")),
        "--secret",
        "password=file:password",
        "--record",
        fixtures.to_str().unwrap(),
    ]);
    ran.with(0, &["is recorded into", "login succeeded"]);
    let came = target.came();
    assert!(came[0].body.contains(PASSWORD), "{came:?}");
    assert!(came[1].headers["authorization"].contains(TOKEN), "{came:?}");
    let fixture = std::fs::read_to_string(fixtures.join("login_1_run.json")).unwrap();
    for secret in [PASSWORD, TOKEN] {
        assert!(!fixture.contains(secret), "{fixture}");
    }
    for held in ["${{ secrets.password }}", "${{ issued.1 }}", "/echo"] {
        assert!(fixture.contains(held), "no {held} in {fixture}");
    }
    drop(target);
    // The hostile plugin is held against no conformance: only what was recorded is looked at.
    let played = || desk.call(&["plugin", "test", "hostile"]).text;
    assert!(played().contains("✓ login_1_run"), "{}", played());
    let other = fixture.replace("/echo\"", "/echoes\"");
    assert_ne!(other, fixture);
    std::fs::write(fixtures.join("login_1_run.json"), other).unwrap();
    assert!(played().contains("✗ login_1_run"), "{}", played());
}

//! Pages that a reader types along.

use std::os::unix::fs::PermissionsExt as _;

use windlass_tests::other_user::OtherUser;
use windlass_tests::skip::skip;

use super::blocks::blocks;
use super::session::Session;

/// Every command of the page, in order, with what it shows.
#[test]
fn ten_minutes() {
    let Some(other) = OtherUser::nobody() else {
        skip("the page's second person needs root, setpriv and the user `nobody`");
        return;
    };
    let mut session = Session::new("/srv/tour");
    // The second person must reach the place and start the program.
    std::fs::set_permissions(session.dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
    session.name(
        "--socket-group ops",
        &format!("--socket-group {}", other.gid),
    );
    session.program("sudo", &sudo(&other));
    session.name("bob (uid 1002)", &format!("nobody (uid {})", other.uid));
    // The program is built already.
    session.program(
        "cargo",
        "#!/bin/sh\n[ \"$*\" = 'install --path crates/windlass-cli' ]\n",
    );
    for block in blocks("docs/ten-minutes.md") {
        if block
            .info
            .first()
            .is_some_and(|language| language == "console")
        {
            session.play(&block);
        }
    }
}

/// The plugin of the page is written, built by the pinned tool, tested and used.
#[test]
fn first_plugin() {
    for program in ["node", "npm"] {
        if !std::path::Path::new("/usr/bin").join(program).exists() {
            skip("the page's plugin needs node and npm");
            return;
        }
    }
    let mut session = Session::new("/srv/plugin");
    session.compiling();
    for block in blocks("docs/first-plugin.md") {
        if let Some(file) = block.attribute("file") {
            std::fs::write(session.dir().join(file), &block.text).unwrap();
        } else if block.info.first().is_some_and(|word| word == "console") {
            session.play(&block);
        }
    }
}

/// What a rehearsal says of the page's runbook, and of one with a fault in it.
#[test]
fn rehearse() {
    let mut session = Session::new("/srv/move");
    for block in blocks("docs/rehearse.md") {
        if let Some(file) = block.attribute("file") {
            std::fs::write(session.dir().join(file), &block.text).unwrap();
        } else if block.info.first().is_some_and(|word| word == "console") {
            session.play(&block);
        }
    }
}

/// `sudo -u bob` of a page.
fn sudo(other: &OtherUser) -> String {
    let words = other.words().join(" ");
    format!("#!/bin/sh\n[ \"$1 $2\" = '-u bob' ] || exit 1\nshift 2\nexec setpriv {words} \"$@\"\n")
}

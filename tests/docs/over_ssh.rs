//! The runbook of the page of `ssh`, on a real server, also with its engine killed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use windlass_core::event::Event;
use windlass_tests::binary::windlass;
use windlass_tests::journal::Story;
use windlass_tests::life::{Life, Place};

use super::blocks::blocks;
use super::sshd::Sshd;

const LIFE_MAX: Duration = Duration::from_secs(60);

/// A machine that takes as long to switch as the test wants.
struct World {
    sshd: Sshd,
    place: Place,
}

impl World {
    fn new() -> Self {
        let sshd = Sshd::start();
        let place = Place::below(&std::env::temp_dir(), windlass());
        let folder = place.beside().join("app");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("version"), "1\n").unwrap();
        let switch = "#!/bin/sh\necho begun >> begun\nwhile [ ! -e go ]; do sleep 0.02; done\n\
                      echo \"$1\" > version\n";
        fs::write(folder.join("switch"), switch).unwrap();
        fs::set_permissions(folder.join("switch"), fs::Permissions::from_mode(0o755)).unwrap();
        let page = blocks("docs/steps/ssh.md");
        let runbook = page.iter().find(|block| block.is(&["yaml", "runbook"]));
        fs::write(
            place.beside().join("set_version.yaml"),
            &runbook.unwrap().text,
        )
        .unwrap();
        let mut inputs = sshd.login();
        inputs["folder"] = json!(folder);
        inputs["version"] = json!("2");
        fs::write(place.beside().join("inputs.json"), inputs.to_string()).unwrap();
        Self { sshd, place }
    }

    fn begin(&self) -> Life {
        let beside = |name: &str| self.place.beside().join(name).display().to_string();
        let (runbook, inputs) = (beside("set_version.yaml"), beside("inputs.json"));
        let arguments = ["run", &runbook, "--input-file", &inputs];
        Life::begin(self.place.command(arguments))
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.place.beside().join("app").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }
}

fn until_exists(path: &Path) {
    let until = Instant::now() + LIFE_MAX;
    while !path.exists() {
        assert!(Instant::now() < until, "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_example_runs() {
    let world = World::new();
    fs::write(world.file("go"), "").unwrap();
    let death = world.begin().wait(LIFE_MAX, |_| {});
    assert!(death.status.success(), "{death:#?}");
    assert_eq!(world.read("version"), "2\n");
}

#[test]
fn a_killed_engine_finds_what_its_command_came_to() {
    let world = World::new();
    let mut life = world.begin();
    until_exists(&world.file("begun"));
    life.kill();
    assert!(life.wait(LIFE_MAX, |_| {}).was_killed());
    // The command goes on, and so does the client; the next engine waits for both.
    let story = Story::read(&world.place.state()).unwrap();
    let resume = world.place.command(["resume", &story.run]);
    let mut went = false;
    let death = Life::begin(resume).wait(LIFE_MAX, |_| {
        let story = Story::read(&world.place.state()).unwrap();
        let is_seen = |event: &Event| matches!(event, Event::OrphanFound { .. });
        if !went && story.events().any(is_seen) {
            assert_eq!(world.read("version"), "1\n");
            fs::write(world.file("go"), "").unwrap();
            went = true;
        }
    });
    assert!(went && death.status.success(), "{death:#?}");
    let story = Story::read(&world.place.state()).unwrap();
    let is_resolved = |event: &Event| matches!(event, Event::DoubtResolved { .. });
    assert!(story.events().any(is_resolved));
    assert_eq!(
        (world.read("version"), world.read("begun")),
        ("2\n".into(), "begun\n".into())
    );
    assert_eq!(world.sshd.serves(), 0, "no connection is left");
}

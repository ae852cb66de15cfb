//! The socket itself: its permissions, what an earlier owner left, and finding it.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use windlass_engine::StateDir;
use windlass_engine::owner::{Owning, try_own};
use windlass_server::{Access, Client, Socket, SocketError};

use crate::house::{House, Place, run};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn without_a_group_only_the_owner_gets_near() {
    run(async {
        let house = House::open().await;
        let socket = house.server.socket();
        assert_eq!(socket, house.root().join("run/owner.sock"));
        assert_eq!(mode(socket), 0o600);
        assert_eq!(mode(socket.parent().unwrap()), 0o700);
        let owner = house.client().await.owner().await.unwrap();
        assert_eq!(owner.pid, std::process::id());
        assert!(owner.you_are_owner && owner.api == windlass_server::wire::API_VERSION);
    });
}

#[test]
fn a_group_reaches_the_socket_and_nothing_else() {
    run(async {
        let gid = rustix::process::getegid().as_raw();
        let house = House::with(Place::new(), Access::Group(gid), true).await;
        let socket = house.server.socket();
        let dir = socket.parent().unwrap();
        assert_eq!(dir.file_name().unwrap(), "state.run");
        assert_eq!((mode(socket), mode(dir)), (0o660, 0o750));
        assert_eq!(std::fs::metadata(socket).unwrap().gid(), gid);
        assert_eq!(mode(house.root()), 0o700);
        assert_eq!(house.client().await.socket(), socket);
    });
}

#[test]
fn what_an_earlier_owner_left_is_replaced() {
    run(async {
        let place = Place::new();
        let lock = place.lock();
        let left = Socket::bind(&lock, Access::Private).unwrap();
        let path = left.path().to_owned();
        // As after a kill: the file stays, and nobody listens.
        let beside = path.with_extension("kept");
        std::fs::rename(&path, &beside).unwrap();
        drop(left);
        std::fs::rename(&beside, &path).unwrap();
        assert!(Client::connect(&place.root).await.unwrap().is_none());
        drop(lock);

        // The next owner chooses the group's socket; the dead one is not left to mislead.
        let gid = rustix::process::getegid().as_raw();
        let house = House::with(place, Access::Group(gid), true).await;
        assert!(!path.exists());
        house.client().await;
    });
}

#[test]
fn what_is_no_socket_is_not_removed() {
    run(async {
        let place = Place::new();
        let lock = place.lock();
        let dir = place.root.join("run");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("owner.sock"), "precious").unwrap();
        let refused = Socket::bind(&lock, Access::Private).unwrap_err();
        assert!(matches!(refused, SocketError::NotASocket(_)), "{refused}");
        assert_eq!(std::fs::read(dir.join("owner.sock")).unwrap(), b"precious");
    });
}

#[test]
fn a_directory_that_is_a_link_is_not_used() {
    run(async {
        let place = Place::new();
        let lock = place.lock();
        let elsewhere = place.root.with_extension("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, place.root.join("run")).unwrap();
        let refused = Socket::bind(&lock, Access::Private).unwrap_err();
        assert!(
            matches!(refused, SocketError::ForeignDirectory(_)),
            "{refused}"
        );
    });
}

#[test]
fn a_directory_that_others_could_enter_is_closed_again() {
    run(async {
        let place = Place::new();
        let lock = place.lock();
        let dir = place.root.join("run");
        std::fs::create_dir(&dir).unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).unwrap();
        let _socket = Socket::bind(&lock, Access::Private).unwrap();
        assert_eq!(mode(&dir), 0o700);
    });
}

#[test]
fn a_path_that_is_too_long_is_said_to_be() {
    run(async {
        let place = Place::new();
        let root = place.root.join("x".repeat(90));
        let dir = StateDir::prepare(&root).unwrap();
        let Owning::Owned(lock) = try_own(&dir).unwrap() else {
            panic!("nobody owns it");
        };
        let refused = Socket::bind(&lock, Access::Private)
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("107") && refused.contains("shorter path"),
            "{refused}"
        );
        let client = Client::connect(&root).await.unwrap_err().to_string();
        assert_eq!(client, refused);
    });
}

#[test]
fn nobody_listens() {
    run(async {
        let place = Place::new();
        assert!(Client::connect(&place.root).await.unwrap().is_none());
        let _lock = place.lock();
        assert!(Client::connect(&place.root).await.unwrap().is_none());
    });
}

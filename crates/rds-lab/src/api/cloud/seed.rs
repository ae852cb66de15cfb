//! The cloud as it is at the start: one primary with two replicas, a DR instance in the other
//! region, and two bystanders that no server stands behind.

use super::super::time::Time;
use super::ids::Ids;
use super::{Cloud, Following, Instance, Kind, Node, Region, Settings, Troubles};

/// Where an instance is reached, as the API shows it.
pub(crate) type Place = (String, u16);

/// The ids of the instances that real servers can stand behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servers {
    /// The primary, of type `Ha`, in eu-de.
    pub primary: String,
    /// Its two read replicas.
    pub replicas: [String; 2],
    /// The DR instance, of type `Single`, in eu-nl.
    pub dr: String,
}

impl Cloud {
    /// A new cloud; `places` are of the primary, its two replicas and the DR instance.
    pub(crate) fn new(settings: Settings, now: Time, places: [Place; 4]) -> (Self, Servers) {
        let mut ids = Ids::default();
        let [primary, one, two, dr] = places;
        let old = settings.old_version.clone();
        let mut orders = instance(
            &mut ids,
            now,
            Kind::Ha,
            "orders",
            Region::EuDe,
            primary,
            &old,
        );
        orders.used_gb = 21;
        let mut replica = |name: &str, place: Place| {
            let mut replica = instance(
                &mut ids,
                now,
                Kind::Replica,
                name,
                Region::EuDe,
                place,
                &old,
            );
            replica.replica_of = Some(orders.id.clone());
            replica.used_gb = 21;
            replica
        };
        let replicas = [replica("orders-ro-1", one), replica("orders-ro-2", two)];
        let mut standby = instance(
            &mut ids,
            now,
            Kind::Single,
            "orders-dr",
            Region::EuNl,
            dr,
            &old,
        );
        standby.used_gb = 21;
        let bystander = |host: u8| (format!("192.168.7.{host}"), 5432);
        let billing = instance(
            &mut ids,
            now,
            Kind::Single,
            "billing",
            Region::EuDe,
            bystander(21),
            &settings.new_version,
        );
        let mut shop = instance(
            &mut ids,
            now,
            Kind::Single,
            "shop",
            Region::EuDe,
            bystander(22),
            "8.0.28",
        );
        shop.engine = "MySQL";
        shop.port = 3306;

        let servers = Servers {
            primary: orders.id.clone(),
            replicas: [replicas[0].id.clone(), replicas[1].id.clone()],
            dr: standby.id.clone(),
        };
        let all = [orders, standby, billing, shop].into_iter().chain(replicas);
        let dr_at_start = settings.dr_at_start;
        let mut cloud = Self {
            settings,
            troubles: Troubles::default(),
            instances: all
                .map(|instance| (instance.id.clone(), instance))
                .collect(),
            backups: Vec::new(),
            jobs: Vec::new(),
            relations: Vec::new(),
            operations: std::collections::BTreeMap::new(),
            operations_begun: 0,
            ids,
            effects: Vec::new(),
        };
        if dr_at_start {
            cloud.add_built_relation(now, &servers.primary, &servers.dr);
        }
        (cloud, servers)
    }
}

fn instance(
    ids: &mut Ids,
    now: Time,
    kind: Kind,
    name: &str,
    region: Region,
    (address, port): Place,
    version: &str,
) -> Instance {
    let roles: &[&'static str] = match kind {
        Kind::Single => &["master"],
        Kind::Ha => &["master", "slave"],
        Kind::Replica => &["readreplica"],
    };
    let nodes = roles
        .iter()
        .enumerate()
        .map(|(index, role)| Node {
            id: ids.with("no03"),
            name: format!("{name}_node{index}"),
            role,
            status: "ACTIVE".to_owned(),
            zone: format!("{}-0{}", region.as_str(), index + 1),
        })
        .collect();
    Instance {
        id: ids.with("in03"),
        name: name.to_owned(),
        region,
        engine: "PostgreSQL",
        version: version.to_owned(),
        kind,
        status: "ACTIVE".to_owned(),
        nodes,
        replica_of: None,
        address,
        port,
        volume_gb: 100,
        used_gb: 8,
        cpu: 2,
        mem: 8,
        created: now,
        updated: now,
        auto_upgrade: false,
        following: Following::Streaming,
    }
}

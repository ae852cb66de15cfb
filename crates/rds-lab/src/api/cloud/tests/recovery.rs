//! Disaster recovery by itself: how a relation is removed, built, broken and left behind.

use super::*;

#[test]
fn the_three_behaviours_under_a_live_relation() {
    for (under_dr, upgraded, status, streams) in [
        (UnderDr::Refused, false, "normal", "0"),
        (UnderDr::Breaks, true, "failed", "-1"),
        (UnderDr::LeavesBehind, true, "normal", "0"),
    ] {
        let mut model = model_of(Settings {
            durations: Durations::all(LASTS),
            under_dr,
            ..Settings::default()
        });
        let answer = model.upgrade();
        if upgraded {
            assert_eq!(model.done(answer)["status"], "Completed");
        } else {
            assert_eq!(code(answer), (400, "DBS.200086"));
        }
        let dr = model.infos(NL);
        assert_eq!(dr[0]["status"], status, "{under_dr:?}");
        assert_eq!(dr[0]["replica_state"], streams, "{under_dr:?}");
        assert_eq!(model.infos(DE)[0]["status"], status, "{under_dr:?}");
        assert_eq!(model.version(NL, &model.ids.dr), OLD);
    }
}

#[test]
fn a_relation_is_removed_and_built_again_on_the_new_minor() {
    let mut model = model();
    for of_primary in [false, true] {
        let answer = model.remove(of_primary);
        assert_eq!(model.done(answer)["status"], "Completed");
        assert_eq!(code(model.remove(of_primary)), (400, "DBS.01010244"));
    }
    assert_eq!(model.infos(DE), json!([]));
    assert_eq!(model.infos(NL), json!([]));
    let answer = model.upgrade();
    model.done(answer);
    let answer = model.build_primary();
    assert_eq!(model.done(answer)["status"], "Completed");
    assert_eq!(model.infos(DE)[0]["status"], "normal");
    assert_eq!(
        model.infos(NL),
        json!([]),
        "the other side is not built yet"
    );
    let answer = model.build_dr();
    assert_eq!(model.done(answer)["status"], "Completed");
    assert_eq!(model.infos(NL)[0]["replica_state"], "0");
    assert_eq!(model.version(NL, &model.ids.dr), NEW);
    assert_eq!(code(model.build_primary()), (409, "DBS.201201"));
    assert_eq!(code(model.build_dr()), (409, "DBS.201201"));
    let begun: Vec<_> = model
        .notes
        .iter()
        .filter(|note| note.ends_with("started"))
        .collect();
    assert_eq!(
        begun,
        [
            "dr_remove_dr.started",
            "dr_remove_primary.started",
            "upgrade.started",
            "dr_build_primary.started",
            "dr_build_dr.started"
        ]
    );
}

#[test]
fn the_dr_side_cannot_be_built_first_and_a_failed_side_can_be_built_again() {
    let mut model = model();
    for of_primary in [true, false] {
        let answer = model.remove(of_primary);
        model.done(answer);
    }
    let answer = model.build_dr();
    let job = model.done(answer);
    assert_eq!(job["status"], "Failed");
    assert_eq!(model.infos(NL)[0]["status"], "failed");
    assert_eq!(model.works.last().unwrap().1, Work::Nothing);

    model.cloud.troubles.arm(Trouble::BuildPrimaryFails, 1);
    model.cloud.troubles.arm(Trouble::BuildDrFails, 1);
    for expected in ["Failed", "Completed"] {
        let answer = model.build_primary();
        assert_eq!(model.done(answer)["status"], expected);
    }
    for expected in ["Failed", "Completed"] {
        let answer = model.build_dr();
        assert_eq!(model.done(answer)["status"], expected);
    }
    assert_eq!(model.infos(NL)[0]["replica_state"], "0");
}

#[test]
fn a_build_toward_the_wrong_place_fails() {
    let mut model = model();
    for of_primary in [false, true] {
        let answer = model.remove(of_primary);
        model.done(answer);
    }
    // In the same region, however well it is equipped.
    let billing = model
        .cloud
        .instances()
        .find(|one| one.name == "billing")
        .unwrap();
    let near = Other {
        instance: billing.id.clone(),
        project: DE.to_owned(),
        region: "eu-de".to_owned(),
        address: billing.address.clone(),
        subnet: Some("10.1.0.0/24".to_owned()),
    };
    let id = model.ids.primary.clone();
    let answer = model.cloud.build_primary(model.now, DE, &id, &near);
    assert_eq!(model.done(answer)["status"], "Failed");
    let answer = model.cloud.remove_dr(model.now, DE, &id, &near, true);
    model.done(answer);
    let changes: [fn(&mut Other); 4] = [
        |other| other.address = "10.9.9.9".to_owned(),
        |other| other.project = DE.to_owned(),
        |other| other.region = "eu-ch2".to_owned(),
        |other| other.instance = "nobody".to_owned(),
    ];
    for change in changes {
        let mut wrong = model.other(true);
        change(&mut wrong);
        let mut model = self::model();
        for of_primary in [false, true] {
            let answer = model.remove(of_primary);
            model.done(answer);
        }
        let id = model.ids.primary.clone();
        let answer = model.cloud.build_primary(model.now, DE, &id, &wrong);
        assert_eq!(model.done(answer)["status"], "Failed", "{wrong:?}");
    }
}

#[test]
fn a_promotion_leaves_the_primarys_side_to_be_removed() {
    let mut model = model();
    let dr = model.ids.dr.clone();
    let answer = model.cloud.promote(model.now, NL, &dr);
    assert_eq!(model.done(answer)["status"], "Completed");
    assert_eq!(model.infos(NL), json!([]));
    assert_eq!(model.infos(DE)[0]["status"], "normal");
    assert_eq!(code(model.cloud.dr_status(NL, &dr)), (400, "DBS.01010244"));
    let answer = model.remove(true);
    assert_eq!(model.done(answer)["status"], "Completed");
    assert_eq!(model.infos(DE), json!([]));
}

#[test]
fn a_side_that_could_not_be_removed_is_failed_and_can_be_removed_again() {
    for (trouble, of_primary, project) in [
        (Trouble::RemovePrimaryFails, true, DE),
        (Trouble::RemoveDrFails, false, NL),
    ] {
        let mut model = model();
        model.cloud.troubles.arm(trouble, 1);
        let answer = model.remove(of_primary);
        assert_eq!(model.done(answer)["status"], "Failed");
        assert_eq!(model.infos(project)[0]["status"], "failed");
        assert_eq!(model.works.last().unwrap().1, Work::Nothing);
        let answer = model.remove(of_primary);
        assert_eq!(model.done(answer)["status"], "Completed");
        assert_eq!(model.infos(project), json!([]));
    }
}

#[test]
fn an_instance_that_only_a_request_names_breaks_no_view() {
    let mut model = model();
    for of_primary in [false, true] {
        let answer = model.remove(of_primary);
        model.done(answer);
    }
    let mut nobody = model.other(true);
    nobody.instance = "nobody".to_owned();
    let (primary, dr) = (model.ids.primary.clone(), model.ids.dr.clone());
    let answer = model.cloud.build_primary(model.now, DE, &primary, &nobody);
    assert_eq!(model.done(answer)["status"], "Failed");
    let answer = model.cloud.build_dr(model.now, NL, &dr, &nobody);
    assert_eq!(model.done(answer)["status"], "Failed");
    assert_eq!(model.infos(DE)[0]["slave_region"], "");
    assert_eq!(model.infos(NL)[0]["replica_state"], "-1");
    let pairs = model.cloud.dr_pairs(DE);
    let pairs = &pairs["instance_dr_relations"];
    assert_eq!(pairs[0]["slave_instances"][0]["instance_id"], "nobody");
    assert_eq!(
        model.cloud.dr_status(NL, &dr).unwrap()["replica_state"],
        "-1"
    );
    let answer = model
        .cloud
        .remove_dr(model.now, DE, &primary, &nobody, true);
    assert_eq!(model.done(answer)["status"], "Completed");
    assert_eq!(model.infos(DE), json!([]));
}

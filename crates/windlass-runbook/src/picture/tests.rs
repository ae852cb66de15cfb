//! Pictures of small, large and tangled plans: boxes apart, edges beside boxes, the same
//! bytes each time, and bounded work however large the plan.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::catalog::Catalog;
use windlass_core::plan::{
    Call, Digest, Gate, IndexedPlan, OnFailure, Plan, Reconcile, Retry, Step, StepKind, Template,
    Verb,
};
use windlass_core::time::Millis;

use super::layout::{Layout, PLACES_MAX};
use super::svg::{Link, Scene, Shown};
use super::*;

/// A step that runs a command.
fn action(id: &str, effect: EffectClass, needs: &[usize]) -> Step {
    let call = Call {
        uses: "shell".parse().unwrap(),
        verb: Verb::Run,
        with: Template::Map(BTreeMap::new()),
        retry: Retry::default(),
        timeout: Millis::from_mins(1),
        send_within: Millis::from_mins(1),
        settle: Millis(0),
        observe: Millis(0),
        reconcile: Reconcile::None,
    };
    Step {
        id: id.parse().unwrap(),
        title: None,
        needs: needs
            .iter()
            .map(|need| format!("s{need}").parse().unwrap())
            .collect(),
        when: None,
        kind: StepKind::Action {
            effect,
            call,
            for_each: None,
            expect: None,
            until: None,
            done: None,
            undo: None,
            outputs: BTreeMap::new(),
            manual: None,
        },
        ensure: None,
        provides: None,
        guards: Vec::new(),
        window: None,
        finally: false,
    }
}

/// A plan of reads, each with the steps that it needs.
fn reads(needs: &[Vec<usize>]) -> Vec<Step> {
    let step =
        |(at, needs): (usize, &Vec<usize>)| action(&format!("s{at}"), EffectClass::Read, needs);
    needs.iter().enumerate().map(step).collect()
}

fn outline(steps: Vec<Step>) -> Outline {
    let plan = Plan {
        name: "drawn".to_owned(),
        title: "<script>alert(1)</script> ]]> \"x\" & 数据库".to_owned(),
        owner: String::new(),
        labels: BTreeMap::new(),
        source: Digest::of(b""),
        inputs: BTreeMap::new(),
        secrets: BTreeSet::new(),
        input_units: BTreeMap::new(),
        secret_sources: BTreeMap::new(),
        secret_hosts: BTreeMap::new(),
        plugins: BTreeMap::new(),
        change: None,
        target: None,
        includes: BTreeMap::new(),
        on: BTreeMap::new(),
        steps,
        on_failure: OnFailure::Stop,
        timeout: None,
        max_parallel: 8,
    };
    Outline::new(&IndexedPlan::new(plan).unwrap(), &Catalog::default())
}

/// Numbers that look random and are the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}

fn random(seed: u64, steps: usize, back: usize, needs_max: usize) -> Vec<Vec<usize>> {
    let mut numbers = Numbers(seed);
    (0..steps)
        .map(|at| {
            let mut needs: Vec<usize> = (0..numbers.below(needs_max + 1))
                .filter(|_| at > 0)
                .map(|_| at - 1 - numbers.below(back.min(at)))
                .collect();
            needs.sort_unstable();
            needs.dedup();
            needs
        })
        .collect()
}

/// One step, then `lanes` chains of `length`, then one that needs them all.
fn lanes(lanes: usize, length: usize) -> Vec<Vec<usize>> {
    let mut steps = vec![Vec::new()];
    for _ in 0..lanes {
        for at in 0..length {
            let before = if at == 0 { 0 } else { steps.len() - 1 };
            steps.push(vec![before]);
        }
    }
    let ends = (1..=lanes).map(|lane| lane * length).collect();
    steps.push(ends);
    steps
}

fn overlap(one: &Shown, other: &Shown) -> bool {
    one.left < other.left + other.width
        && other.left < one.left + one.width
        && one.top < other.top + other.height
        && other.top < one.top + one.height
}

fn inside(card: &Shown, (x, y): (f64, f64)) -> bool {
    x > card.left && x < card.left + card.width && y > card.top && y < card.top + card.height
}

/// Points of a link: its two straight parts and its curve.
fn points(link: &Link) -> Vec<(f64, f64)> {
    let ((x, y), (to_x, to_y)) = (link.from, link.to);
    let mut points = Vec::new();
    for part in 0..=12 {
        let t = f64::from(part) / 12.0;
        points.push((x, y + (link.bend - y) * t));
        points.push((to_x, link.unbend + (to_y - link.unbend) * t));
        let half = f64::midpoint(link.bend, link.unbend);
        let bezier = |a: f64, b: f64, c: f64, d: f64| {
            let s = 1.0 - t;
            s * s * s * a + 3.0 * s * s * t * b + 3.0 * s * t * t * c + t * t * t * d
        };
        points.push((
            bezier(x, x, to_x, to_x),
            bezier(link.bend, half, half, link.unbend),
        ));
    }
    points
}

#[test]
fn boxes_stand_apart_and_no_edge_passes_through_one() {
    let mut plans = vec![
        random(1, 5, 3, 2),
        lanes(99, 3),
        lanes(20, 14),
        random(2, 40, 40, 5),
    ];
    plans.extend((3..6).map(|seed| random(seed, 300, 20 + 10 * seed as usize, 3)));
    for steps in plans {
        let outline = outline(reads(&steps));
        let drawing = Drawing::of(&outline);
        assert_eq!(drawing.cards.len(), steps.len(), "drawn step by step");
        let scene = Scene::new(&drawing).unwrap();
        for (at, card) in scene.cards.iter().enumerate() {
            for other in &scene.cards[at + 1..] {
                assert!(!overlap(card, other), "{card:?} lies on {other:?}");
            }
        }
        assert!(scene.links.len() >= drawing.edges.len());
        for link in &scene.links {
            assert!(link.from.1 <= link.bend && link.bend <= link.unbend);
            assert!(link.unbend <= link.to.1);
            for point in points(link) {
                let hit = scene.cards.iter().find(|card| inside(card, point));
                assert!(hit.is_none(), "{link:?} passes through {hit:?}");
            }
        }
    }
}

#[test]
fn every_edge_is_drawn_from_its_box_to_its_box() {
    for steps in [random(2, 60, 30, 3), lanes(30, 2)] {
        let drawing = Drawing::of(&outline(reads(&steps)));
        let waves: Vec<usize> = drawing.cards.iter().map(|card| card.wave).collect();
        let layout = Layout::new(&waves, &drawing.edges).unwrap();
        let [_, below] = layout.neighbours();
        for (from, to) in &drawing.edges {
            // Along stops only, as a reader's eye would go.
            let mut open = vec![*from];
            let mut reached = false;
            while let Some(at) = open.pop() {
                for next in &below[at] {
                    reached |= next == to;
                    if *next >= drawing.cards.len() {
                        open.push(*next);
                    }
                }
            }
            assert!(reached, "no way from {from} to {to}");
        }
    }
}

#[test]
fn sweeps_leave_fewer_crossings() {
    // Two rows that are each other's mirror.
    let steps: Vec<Vec<usize>> = (0..8)
        .map(|at| if at < 4 { Vec::new() } else { vec![7 - at] })
        .collect();
    let drawing = Drawing::of(&outline(reads(&steps)));
    let waves: Vec<usize> = drawing.cards.iter().map(|card| card.wave).collect();
    let layout = Layout::new(&waves, &drawing.edges).unwrap();
    let [_, below] = layout.neighbours();
    assert_eq!(layout.crossings(&below), 0);
}

#[test]
fn what_needs_imply_is_not_drawn() {
    let steps = vec![vec![], vec![0], vec![0, 1], vec![0, 1, 2]];
    let drawing = Drawing::of(&outline(reads(&steps)));
    assert_eq!(drawing.edges, [(0, 1), (1, 2), (2, 3)]);
}

#[test]
fn the_same_plan_is_the_same_picture() {
    let steps = reads(&random(11, 120, 30, 3));
    let (one, other) = (outline(steps.clone()), outline(steps));
    assert_eq!(svg(&one), svg(&other));
    assert_eq!(mermaid(&one), mermaid(&other));
}

#[test]
fn a_plan_of_any_size_makes_a_picture_of_bounded_size() {
    let chain: Vec<Vec<usize>> = (0..10_000_usize)
        .map(|at| at.checked_sub(1).into_iter().collect())
        .collect();
    let wide: Vec<Vec<usize>> = (0..10_000_usize).map(|at| vec![0; at.min(1)]).collect();
    // Each of one half needs each of the other.
    let mesh: Vec<Vec<usize>> = (0..400_usize)
        .map(|at| {
            if at < 200 {
                Vec::new()
            } else {
                (0..200).collect()
            }
        })
        .collect();
    // Every step needs one far above it: edges over many rows.
    let far: Vec<Vec<usize>> = (0..500_usize)
        .map(|at| match at {
            0 => Vec::new(),
            1..250 => vec![at - 1],
            _ => vec![at - 1, 499 - at],
        })
        .collect();
    for steps in [chain, wide, mesh, far] {
        let outline = outline(reads(&steps));
        let drawing = Drawing::of(&outline);
        assert!(drawing.cards.len() <= BOXES_MAX && drawing.edges.len() <= EDGES_MAX);
        let waves: Vec<usize> = drawing.cards.iter().map(|card| card.wave).collect();
        if let Some(layout) = Layout::new(&waves, &drawing.edges) {
            assert!(layout.places.len() <= PLACES_MAX);
        }
        let grouped = Drawing::by_waves(&outline);
        assert!(grouped.cards.len() <= GROUPS_MAX);
        assert!(svg(&outline).len() < 4 * 1024 * 1024);
        let mermaid = mermaid(&outline);
        assert!(mermaid.chars().count() <= 50_000 && mermaid.matches("-->").count() <= 500);
    }
}

#[test]
fn no_text_of_a_runbook_is_markup() {
    let step = Step {
        title: Some("a\"] --> b; %% <b>\u{202e}".to_owned()),
        ..action("end", EffectClass::Read, &[])
    };
    let outline = outline(vec![step]);
    let svg = svg(&outline);
    assert!(!svg.contains("<script") && !svg.contains("<b>"), "{svg}");
    assert!(svg.contains("数据库") && svg.contains("a&quot;] --&gt; b; %% &lt;b&gt;\u{fffd}"));
    let mermaid = mermaid(&outline);
    // No id of a node is the word `end`, and there is one edge at most where none is.
    assert!(!mermaid.contains("-->"), "{mermaid}");
    assert!(mermaid.contains("s0[\"end<br/>"), "{mermaid}");
}

#[test]
fn groups_tell_gates_and_irreversible_steps() {
    let mut steps = reads(&vec![Vec::new(); 600]);
    let gate = Gate::default();
    steps.push(Step {
        kind: StepKind::Gate(gate),
        ..action("go", EffectClass::Read, &[0])
    });
    let mut swap = action("swap", EffectClass::Irreversible, &[]);
    swap.needs = vec!["go".parse().unwrap()];
    steps.push(swap);
    let outline = outline(steps);
    let flow = mermaid(&outline);
    assert!(
        flow.contains("wlNote[\"drawn by waves"),
        "the page shows it"
    );
    let svg = svg(&outline);
    assert!(svg.contains("drawn by waves: 602 steps"));
    assert!(svg.contains("wave 1: 600 steps") && svg.contains("point of no return: swap"));
    assert!(mermaid(&outline).contains("s1{{\"go<br/>"));
}

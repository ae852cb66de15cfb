//! The graph of `needs`: that it has no circle, and what precedes what.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use windlass_core::id::StepId;

use super::fields::{Found, is_full};
use super::world::World;
use crate::codes::{ACROSS_FINALLY, CYCLE, UNKNOWN_NEED};
use crate::diagnostic::Diagnostic;
use crate::suggest::did_you_mean;

/// How many steps of a circle are shown.
const SHOWN_MAX: usize = 12;

/// The edges between the steps of a world, by index, and their closure.
#[derive(Debug)]
pub(super) struct Graph {
    needs: Vec<Vec<usize>>,
    /// For each step a bit for every step that precedes it.
    before: Vec<Vec<u64>>,
    /// The steps so that each comes after those that it needs.
    order: Vec<usize>,
}

/// The steps that surely precede one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a>(&'a [u64]);

impl Before<'_> {
    pub(super) fn contains(self, index: usize) -> bool {
        self.0
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        (0..self.0.len() * 64).filter(move |index| self.contains(*index))
    }
}

impl Graph {
    /// Reads the edges and reports those that lead nowhere or in a circle.
    pub(super) fn new(world: &World<'_>, found: &mut Found) -> Self {
        let count = world.steps.len();
        let needs: Vec<Vec<usize>> = (0..count).map(|index| edges(world, index, found)).collect();
        let mut graph = Self {
            needs,
            before: vec![Vec::new(); count],
            order: Vec::new(),
        };
        let components = graph.components();
        for component in &components {
            graph.close(component);
        }
        graph.order = components.iter().flatten().copied().collect();
        let mut circles: Vec<Vec<usize>> = components
            .into_iter()
            .filter(|component| {
                component.len() > 1 || graph.needs[component[0]].contains(&component[0])
            })
            .collect();
        circles.sort();
        for component in circles {
            graph.report_circle(world, &component, found);
        }
        graph
    }

    /// The steps so that each comes after those that it needs; steps in a circle in any order.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// The steps that precede the step at `index`.
    pub(super) fn before(&self, index: usize) -> Before<'_> {
        Before(&self.before[index])
    }

    /// Groups of steps that need each other, usually of one; a group comes
    /// after all that it needs.
    fn components(&self) -> Vec<Vec<usize>> {
        let mut graph = DiGraph::<(), ()>::with_capacity(self.needs.len(), 0);
        let nodes: Vec<NodeIndex> = self.needs.iter().map(|_| graph.add_node(())).collect();
        for (index, needs) in self.needs.iter().enumerate() {
            for need in needs {
                graph.add_edge(nodes[index], nodes[*need], ());
            }
        }
        // Not Tarjan's algorithm: petgraph's recurses as deep as a chain is long.
        kosaraju_scc(&graph)
            .into_iter()
            .map(|component| {
                let mut steps: Vec<usize> = component.into_iter().map(NodeIndex::index).collect();
                steps.sort_unstable();
                steps
            })
            .collect()
    }

    /// Fills in what precedes the steps of a component.
    fn close(&mut self, component: &[usize]) {
        let mut bits = vec![0_u64; self.needs.len().div_ceil(64)];
        for step in component {
            for need in &self.needs[*step] {
                bits[need / 64] |= 1 << (need % 64);
                for (word, others) in bits.iter_mut().zip(&self.before[*need]) {
                    *word |= others;
                }
            }
        }
        for step in component {
            self.before[*step].clone_from(&bits);
        }
    }

    /// One circle through the first step of a component in which each step
    /// leads to each other.
    fn report_circle(&self, world: &World<'_>, component: &[usize], found: &mut Found) {
        let first = component[0];
        let circle = self.shortest_circle(first, component);
        let id = |index: usize| &world.steps[index].id;
        let path: Vec<&str> = circle.iter().map(|index| id(*index).as_str()).collect();
        let path = match path.as_slice() {
            [start @ .., _] if start.len() > SHOWN_MAX => {
                format!(
                    "{} needs ... ({} steps)",
                    start[..SHOWN_MAX].join(" needs "),
                    start.len()
                )
            }
            path => path.join(" needs "),
        };
        let message = match component {
            [itself] => format!("`{}` needs itself", id(*itself)),
            _ => format!("steps need each other in a circle: {path}"),
        };
        let mut diagnostic = Diagnostic::error(CYCLE, message);
        for pair in circle.windows(2).take(SHOWN_MAX) {
            let needed = id(pair[1]);
            let place = world.steps[pair[0]]
                .needs
                .iter()
                .find(|(need, _)| need == needed);
            if let Some((_, span)) = place {
                let label = format!("`{}` needs `{needed}`", id(pair[0]));
                diagnostic = diagnostic.at(*span, label);
            }
        }
        found.push(diagnostic);
    }

    fn shortest_circle(&self, first: usize, component: &[usize]) -> Vec<usize> {
        let mut came_from = vec![None; self.needs.len()];
        let mut queue = std::collections::VecDeque::from([first]);
        while let Some(at) = queue.pop_front() {
            for need in &self.needs[at] {
                if *need == first {
                    let mut circle = vec![first];
                    let mut back = Some(at);
                    while let Some(step) = back {
                        circle.push(step);
                        back = came_from[step];
                    }
                    circle.reverse();
                    return circle;
                }
                if came_from[*need].is_none() && component.binary_search(need).is_ok() {
                    came_from[*need] = Some(at);
                    queue.push_back(*need);
                }
            }
        }
        component.to_vec()
    }
}

fn edges(world: &World<'_>, index: usize, found: &mut Found) -> Vec<usize> {
    let step = &world.steps[index];
    let mut edges = Vec::with_capacity(step.needs.len());
    for (need, span) in &step.needs {
        if is_full(found) {
            break;
        }
        let Some(target) = world.by_id.get(need).copied() else {
            let known = world.by_id.keys().map(StepId::as_str);
            found.push(
                Diagnostic::error(
                    UNKNOWN_NEED,
                    format!("`{}` needs `{need}`, which does not exist", step.id),
                )
                .at(*span, "no such step")
                .maybe_help(did_you_mean(need.as_str(), known)),
            );
            continue;
        };
        if world.steps[target].finally != step.finally {
            let help = if step.finally {
                "steps of `finally` run after all others anyway"
            } else {
                "steps of `finally` run after all others"
            };
            let message = format!("`{}` cannot need `{need}`", step.id);
            found.push(
                Diagnostic::error(ACROSS_FINALLY, message)
                    .at(*span, "only one of the two is in `finally`")
                    .help(help),
            );
            continue;
        }
        edges.push(target);
    }
    edges
}

//! The graph of `needs`: that it has no circle, and what precedes what.

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use windlass_core::id::StepId;

use super::fields::Found;
use super::world::World;
use crate::codes::{ACROSS_FINALLY, CYCLE, UNKNOWN_NEED};
use crate::diagnostic::Diagnostic;
use crate::suggest::did_you_mean;

/// The edges between the steps of a world, by index.
#[derive(Debug)]
pub(super) struct Graph {
    needs: Vec<Vec<usize>>,
}

impl Graph {
    /// Reads the edges and reports those that lead nowhere or in a circle.
    pub(super) fn new(world: &World<'_>, found: &mut Found) -> Self {
        let needs = world
            .steps
            .iter()
            .enumerate()
            .map(|(index, _)| edges(world, index, found));
        let graph = Self {
            needs: needs.collect(),
        };
        graph.report_circles(world, found);
        graph
    }

    /// For every step, whether it precedes the step at `index`.
    pub(super) fn before(&self, index: usize) -> Vec<bool> {
        let mut before = vec![false; self.needs.len()];
        let mut open = self.needs[index].clone();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut before[at], true) {
                open.extend_from_slice(&self.needs[at]);
            }
        }
        before
    }

    fn report_circles(&self, world: &World<'_>, found: &mut Found) {
        let mut graph = DiGraph::<usize, ()>::new();
        let nodes: Vec<NodeIndex> = (0..self.needs.len())
            .map(|index| graph.add_node(index))
            .collect();
        for (index, needs) in self.needs.iter().enumerate() {
            for need in needs {
                graph.add_edge(nodes[index], nodes[*need], ());
            }
        }
        let mut circles: Vec<Vec<usize>> = tarjan_scc(&graph)
            .into_iter()
            .map(|component| {
                component
                    .into_iter()
                    .map(|node| graph[node])
                    .collect::<Vec<_>>()
            })
            .filter(|component| {
                component.len() > 1 || self.needs[component[0]].contains(&component[0])
            })
            .collect();
        circles.iter_mut().for_each(|circle| circle.sort_unstable());
        circles.sort();
        for component in circles {
            self.report_circle(world, &component, found);
        }
    }

    /// One circle through the first step of a component in which each step
    /// leads to each other.
    fn report_circle(&self, world: &World<'_>, component: &[usize], found: &mut Found) {
        let first = component[0];
        let circle = self.shortest_circle(first, component);
        let id = |index: usize| &world.steps[index].id;
        let path: Vec<&str> = circle.iter().map(|index| id(*index).as_str()).collect();
        let message = format!(
            "steps need each other in a circle: {}",
            path.join(" needs ")
        );
        let mut diagnostic = Diagnostic::error(CYCLE, message);
        for pair in circle.windows(2) {
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

//! Why: every path by which something is granted, shortest first; for a denial, what the subject has instead and who could.

mod paths;
mod print;

use crate::decide::{Asked, Standing, covering_targets};
use crate::graph::node::Node;
use crate::graph::{Graph, Kind, SubjectKind, Target};
use crate::question::{Decision, Limits, Question};
use crate::search::{self, Page};

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Who asked.
    pub subject: Step,
    /// What for.
    pub action: String,
    /// On what.
    pub target: Step,
    /// The answer.
    pub decision: Decision,
    /// Every path that grants it, shortest first. Of a denial, every path to something else that the subject has been granted on
    /// the target, or would have if it were active.
    pub paths: Vec<Path>,
    /// Of a denial, subjects who could, by kind and id.
    pub others: Vec<Step>,
    /// Whether a limit has left something out, or may have.
    pub more: bool,
}

/// One way from a subject to a grant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// The subject, its groups, then a policy, or a role and a permission of it.
    pub steps: Vec<Step>,
    /// The action that is granted.
    pub action: String,
    /// The resource or scope that it is granted on.
    pub on: Step,
}

/// A node on a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// What it is.
    pub kind: Kind,
    /// Its id, or its text where that is what it is.
    pub id: String,
    /// How people call it, where the caller has said so: see [`Explanation::nodes_mut`].
    pub display: Option<String>,
}

/// Decides a question and says why.
pub fn explain(graph: &Graph, question: &Question<'_>, limits: &Limits) -> Explanation {
    let standing = Standing::of(graph, question.subject, limits);
    let asked = Asked::action(graph, question.action);
    let targets = covering_targets(graph, question.target);
    let decision = standing.decide_on(&asked, &targets);
    let actions = decision.allowed.then_some(asked.covering.as_slice());
    let (paths, more) = paths::shortest(&standing, actions, &targets, limits);
    let (others, more_others) = match decision.allowed {
        true => (Vec::new(), false),
        false => others(graph, question, limits),
    };
    let (kind, id) = match question.target {
        Target::Resource(id) => (Kind::Resource, id.clone()),
        Target::Scope(scope) => (Kind::Scope, scope.to_string()),
    };
    Explanation {
        subject: Step::new(question.subject.kind.into(), question.subject.id.to_owned()),
        action: question.action.to_string(),
        target: Step::new(kind, id),
        decision,
        paths,
        others,
        more: more || more_others || standing.truncated,
    }
}

/// The first few who could, and whether there are more.
fn others(graph: &Graph, question: &Question<'_>, limits: &Limits) -> (Vec<Step>, bool) {
    let mut others = Vec::new();
    let mut more = false;
    for kind in [SubjectKind::User, SubjectKind::Client] {
        let page = Page { after: None, limit: limits.others - others.len() };
        let found = search::subjects(graph, kind, question.action, question.target, page, limits);
        others.extend(found.ids.into_iter().map(|id| Step::new(kind.into(), id)));
        more |= found.next.is_some();
    }
    (others, more)
}

impl Explanation {
    /// Every node that it names, so that the caller can say how people call it.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Step> {
        let on_paths = self.paths.iter_mut().flat_map(Path::nodes_mut);
        on_paths.chain(&mut self.others).chain([&mut self.subject, &mut self.target])
    }
}

impl Path {
    /// Every node on it, and what it ends at.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Step> {
        self.steps.iter_mut().chain([&mut self.on])
    }
}

impl Step {
    fn new(kind: Kind, id: String) -> Self {
        Self { kind, id, display: None }
    }

    pub(crate) fn of(graph: &Graph, node: Node) -> Self {
        Self::new(node.kind(), graph.name(node))
    }
}

#[cfg(test)]
mod tests;

//! From a filter to the indexes that answer it. Pure: what is decided here reads no data.
//!
//! A plan is a union of ranges whose resources include every resource that matches. When the ranges hold exactly
//! those, the plan says so; otherwise whoever runs it applies the whole filter to what the ranges yield. One
//! property proves it: for any documents and filters, plan and filter together find what brute force finds.

use scim::filter::{At, BoundFilter, Op, Probe as Literal};

use crate::kind::keys::{Probe, cut};
use crate::kind::{Kind, Reach, Reference};
use crate::limits;

/// Resources of a kind that share something an index knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// All of them.
    All,
    /// The one with this id.
    Id(String),
    /// Those with a unique key in `[from, to)`.
    Unique { attribute: String, from: Vec<u8>, to: Vec<u8>, several: bool },
    /// Those with an index key in `[from, to)`.
    Index { attribute: String, from: Vec<u8>, to: Vec<u8>, several: bool },
    /// Those last modified in `[from, to)`, in milliseconds.
    Modified { from: i64, to: i64 },
    /// Those with an edge to this resource.
    Sources { relation: String, target: String },
    /// Those to which edges lead from this resource, directly or over edges of the relation `through`; whoever runs the plan
    /// looks up over which.
    Targets { relation: String, source: String, through: Option<String> },
}

/// How a filter is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The union of these holds every match; none at all where nothing can match.
    pub(crate) ranges: Vec<Range>,
    /// Whether it holds nothing else.
    pub(crate) is_exact: bool,
}

impl Plan {
    pub(crate) fn all() -> Self {
        Self { ranges: vec![Range::All], is_exact: true }
    }

    fn scan() -> Self {
        Self { ranges: vec![Range::All], is_exact: false }
    }

    fn one(range: Range, is_exact: bool) -> Self {
        Self { ranges: vec![range], is_exact }
    }

    /// How much work it is likely to be; less is better.
    fn cost(&self) -> u32 {
        self.ranges.iter().map(Range::cost).sum()
    }
}

impl Range {
    fn cost(&self) -> u32 {
        match self {
            Self::Id(_) => 1,
            Self::Unique { from, to, .. } if is_single(from, to) => 1,
            Self::Targets { .. } => 20,
            Self::Sources { .. } => 3,
            Self::Index { from, to, .. } if is_single(from, to) => 4,
            Self::Unique { .. } | Self::Index { .. } => 50,
            Self::Modified { .. } => 60,
            Self::All => 1_000,
        }
    }
}

fn is_single(from: &[u8], to: &[u8]) -> bool {
    to.strip_prefix(from) == Some(&[0])
}

/// Plans a filter over resources of `kind`, as the connection of that name sees them.
pub(crate) fn plan(kind: &Kind, filter: &BoundFilter<'_>, connection: &str) -> Plan {
    let planner = Planner { kind, connection };
    planner.filter(filter)
}

struct Planner<'a> {
    kind: &'a Kind,
    connection: &'a str,
}

impl Planner<'_> {
    fn filter(&self, filter: &BoundFilter<'_>) -> Plan {
        match filter {
            BoundFilter::And(all) => self.all(all),
            BoundFilter::Or(any) => self.any(any),
            BoundFilter::Not(_) | BoundFilter::Part { .. } => Plan::scan(),
            BoundFilter::Compare { at, op, probe } => self.compare(at, *op, probe),
            BoundFilter::Present(at) => {
                let always = at.extension.is_none()
                    && (at.attribute.name == "id"
                        || self.kind.unique.iter().any(|probe| probe.is_at(at) && probe.is_required()));
                Plan { is_exact: always, ..Plan::scan() }
            }
            BoundFilter::Has { at, inner } => self.element(at, inner),
        }
    }

    /// The cheapest of several conditions leads; ranges of one attribute are cut with each other first.
    fn all(&self, conditions: &[BoundFilter<'_>]) -> Plan {
        let mut plans: Vec<Plan> = Vec::new();
        for plan in conditions.iter().map(|condition| self.filter(condition)) {
            let cut = plans.iter_mut().any(|known| known.cut(&plan));
            if !cut {
                plans.push(plan);
            }
        }
        match plans.len() {
            0 => Plan::all(),
            1 => plans.remove(0),
            _ => {
                let best = plans.into_iter().min_by_key(Plan::cost);
                best.map_or_else(Plan::scan, |plan| Plan { is_exact: false, ..plan })
            }
        }
    }

    fn any(&self, alternatives: &[BoundFilter<'_>]) -> Plan {
        let mut union = Plan { ranges: Vec::new(), is_exact: true };
        for plan in alternatives.iter().map(|alternative| self.filter(alternative)) {
            if plan.ranges.contains(&Range::All) {
                return Plan { is_exact: plan.is_exact, ..Plan::scan() };
            }
            union.is_exact &= plan.is_exact;
            for range in plan.ranges {
                if !union.ranges.contains(&range) {
                    union.ranges.push(range);
                }
            }
        }
        union
    }

    /// `emails[type eq "work" and value eq "x"]`: the indexed part of the element leads.
    fn element(&self, at: &At<'_>, inner: &BoundFilter<'_>) -> Plan {
        let (parts, whole) = match inner {
            BoundFilter::And(parts) => (parts.as_slice(), false),
            single => (std::slice::from_ref(single), true),
        };
        let mut best: Option<Plan> = None;
        for part in parts {
            let BoundFilter::Compare { at: within, op, probe } = part else { continue };
            let place = At { extension: at.extension, attribute: at.attribute, sub: within.sub };
            let plan = self.compare(&place, *op, probe);
            let plan = Plan { is_exact: plan.is_exact && whole, ..plan };
            if best.as_ref().is_none_or(|known| plan.cost() < known.cost()) {
                best = Some(plan);
            }
        }
        best.unwrap_or_else(Plan::scan)
    }

    fn compare(&self, at: &At<'_>, op: Op, probe: &Literal) -> Plan {
        if at.extension.is_none() {
            match (at.attribute.name.as_str(), at.sub.map(|s| s.name.as_str()), op, probe) {
                ("id", _, Op::Eq, Literal::Key(key)) => {
                    return text(key).map_or_else(Plan::scan, |id| Plan::one(Range::Id(id), true));
                }
                ("externalId", _, Op::Eq, Literal::Key(key)) => {
                    let (from, to) = single(external_key(self.connection, key));
                    let attribute = EXTERNAL_ID.to_owned();
                    return Plan::one(Range::Unique { attribute, from, to, several: false }, true);
                }
                ("meta", Some("lastModified"), _, Literal::Key(key)) => return modified(op, key),
                (_, Some(part), Op::Eq, Literal::Key(key)) => {
                    match (self.edge(at, part, key), self.is_merged(at)) {
                        (Some(plan), false) => return plan,
                        (Some(plan), true) => return plan.or(self.by_key(at, op, probe)),
                        (None, true) => return Plan::scan(),
                        (None, false) => {}
                    }
                }
                // An index knows those of its values alone that stand in the document.
                _ if self.is_merged(at) => return Plan::scan(),
                _ => {}
            }
        }
        self.by_key(at, op, probe)
    }

    fn is_merged(&self, at: &At<'_>) -> bool {
        self.kind.derived.iter().any(|d| d.own.is_some() && d.attribute == at.attribute.name)
    }

    fn by_key(&self, at: &At<'_>, op: Op, probe: &Literal) -> Plan {
        if let Some(probe_of) = self.kind.unique.iter().find(|p| p.is_at(at)) {
            return range(probe_of, op, probe, limits::UNIQUE_BYTES_MAX, |from, to| Range::Unique {
                attribute: probe_of.name.clone(),
                from,
                to,
                several: probe_of.is_multi_valued(),
            });
        }
        if let Some(probe_of) = self.kind.indexed.iter().find(|p| p.is_at(at)) {
            return range(probe_of, op, probe, limits::KEY_BYTES_MAX, |from, to| Range::Index {
                attribute: probe_of.name.clone(),
                from,
                to,
                several: probe_of.is_multi_valued(),
            });
        }
        Plan::scan()
    }

    /// `members.value eq "…"`, `groups.value eq "…"` and `statements.actions eq "…"`: the edges know, from either side.
    fn edge(&self, at: &At<'_>, part: &str, key: &[u8]) -> Option<Plan> {
        let (name, id) = (&at.attribute.name, text(key)?);
        let refers = |r: &&Reference| r.attribute == *name && r.part.as_deref().unwrap_or("value") == part;
        if let Some(reference) = self.kind.references.iter().find(refers) {
            let relation = reference.relation.name.clone();
            return Some(Plan::one(Range::Sources { relation, target: id }, true));
        }
        if part != "value" {
            return None;
        }
        if let Some(relation) = self.kind.relation(name) {
            return Some(Plan::one(Range::Sources { relation: relation.name.clone(), target: id }, true));
        }
        let derived = self.kind.derived.iter().find(|derived| derived.attribute == *name)?;
        let through = match &derived.reach {
            Reach::Direct => None,
            Reach::Nested => Some(derived.relation.clone()),
            Reach::Through(relation) => Some(relation.clone()),
        };
        Some(Plan::one(Range::Targets { relation: derived.relation.clone(), source: id, through }, true))
    }
}

impl Plan {
    /// Either of two; all there are, where one of them can only be found so.
    fn or(mut self, other: Plan) -> Plan {
        if other.ranges.contains(&Range::All) {
            return Plan::scan();
        }
        self.is_exact &= other.is_exact;
        self.ranges.extend(other.ranges);
        self
    }

    /// Cuts this range with another of the same attribute, if they are such.
    fn cut(&mut self, other: &Plan) -> bool {
        let ([mine], [theirs]) = (self.ranges.as_mut_slice(), other.ranges.as_slice()) else { return false };
        match (mine, theirs) {
            (Range::Modified { from, to }, Range::Modified { from: f, to: t }) => {
                *from = (*from).max(*f);
                *to = (*to).min(*t);
            }
            // Of an attribute with several values, different values may satisfy the two conditions.
            (
                Range::Unique { attribute, from, to, several: false },
                Range::Unique { attribute: a, from: f, to: t, .. },
            ) if attribute == a => narrow(from, to, f, t),
            (
                Range::Index { attribute, from, to, several: false },
                Range::Index { attribute: a, from: f, to: t, .. },
            ) if attribute == a => narrow(from, to, f, t),
            _ => return false,
        }
        self.is_exact &= other.is_exact;
        true
    }
}

fn narrow(from: &mut Vec<u8>, to: &mut Vec<u8>, f: &[u8], t: &[u8]) {
    if f > from.as_slice() {
        *from = f.to_vec();
    }
    if t < to.as_slice() {
        *to = t.to_vec();
    }
}

/// The attribute under which `externalId`s are kept unique.
pub(crate) const EXTERNAL_ID: &str = "externalId";

/// The unique key of an `externalId`: it belongs to a connection.
pub(crate) fn external_key(connection: &str, external_id: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(connection.len() + 1 + external_id.len());
    key.extend_from_slice(connection.as_bytes());
    key.push(0);
    key.extend_from_slice(external_id);
    key
}

fn text(key: &[u8]) -> Option<String> {
    String::from_utf8(key.to_vec()).ok()
}

fn single(key: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let mut to = key.clone();
    to.push(0);
    (key, to)
}

/// Above every key: no text and no number begins so.
fn top() -> Vec<u8> {
    vec![0xFF; 16]
}

fn range(of: &Probe, op: Op, probe: &Literal, most: usize, make: impl Fn(Vec<u8>, Vec<u8>) -> Range) -> Plan {
    let after = |key: &[u8]| [key, &[0]].concat();
    let (from, to, exact) = match (op, probe) {
        (Op::Eq, Literal::Key(key)) => {
            let (from, to) = single(cut_to(key, most));
            (from, to, key.len() < most)
        }
        // What was cut off decides between keys that begin alike, so the ends are widened and the filter decides.
        (Op::Gt | Op::Ge, Literal::Key(key)) => {
            let whole = key.len() < most;
            let from = if op == Op::Gt && whole { after(key) } else { cut_to(key, most) };
            (from, top(), whole && !is_cut(of, most))
        }
        (Op::Lt | Op::Le, Literal::Key(key)) => {
            let whole = key.len() < most;
            let to = if op == Op::Lt && whole { key.clone() } else { after(&cut_to(key, most)) };
            (Vec::new(), to, whole && !is_cut(of, most))
        }
        (Op::Sw, Literal::Text(prefix)) => {
            let key = cut_to(prefix.as_bytes(), most);
            let to = successor(&key);
            // A user name is folded as a whole, so the fold of its beginning may differ; the filter decides.
            (key, to, prefix.len() < most && !of.leaf().precis)
        }
        _ => return Plan::scan(),
    };
    Plan::one(make(from, to), exact)
}

/// Whether keys of this attribute may be shorter than the values they stand for.
fn is_cut(of: &Probe, most: usize) -> bool {
    use scim::schema::Type;
    most < limits::UNIQUE_BYTES_MAX && matches!(of.leaf().kind, Type::String | Type::Reference | Type::Binary)
}

fn cut_to(key: &[u8], most: usize) -> Vec<u8> {
    if most == limits::KEY_BYTES_MAX { cut(key.to_vec()) } else { key.get(..most).unwrap_or(key).to_vec() }
}

/// The first key that does not begin with this one.
fn successor(prefix: &[u8]) -> Vec<u8> {
    let mut key = prefix.to_vec();
    while let Some(last) = key.pop() {
        if last < 0xFF {
            key.push(last + 1);
            return key;
        }
    }
    top()
}

/// `lastModified` is kept in milliseconds; an instant between two of them is rounded so that the range still holds
/// every match, and the filter decides about the rest.
fn modified(op: Op, key: &[u8]) -> Plan {
    let Some((millis, whole)) = scim::value::instant_millis(key) else { return Plan::scan() };
    let next = millis.saturating_add(1);
    let (from, to) = match op {
        Op::Eq => (millis, next),
        Op::Gt if whole => (next, i64::MAX),
        Op::Gt | Op::Ge => (millis, i64::MAX),
        Op::Lt if whole => (0, millis),
        Op::Lt | Op::Le => (0, next),
        _ => return Plan::scan(),
    };
    Plan::one(Range::Modified { from, to }, whole)
}

//! Guards: what a decision relied on beside what its batch writes. Each is a statement that changes nothing. It meets one row,
//! of something the batch writes or deletes anyway, so that no two batches wait for each other over what they look at; or, where
//! what it looks for is an exception, none.

use crate::batch::{Arg, Expect};
use crate::columns::bounded;
use crate::{Batch, statements};

statements! {
    KINDS = "update record set version = version where tenant = $1 and kind = $2 and id = $3 \
             and exists (select 1 from tenant t where t.tenant = $1 and t.kinds = $4)";
    UNCOUNTED = "update record set version = version where tenant = $1 and kind = $2 and id = $3 \
                 and not exists (select 1 from counter c where c.tenant = $1 and c.kind = $4 and c.live > 0)";
    TOKEN_RECORD = "update token set connection = connection where tenant = $1 and id = $2 and exists \
                    (select 1 from record r where r.tenant = $1 and r.kind = $3 and r.id = $4 and r.version = $5)";
    UNTOKENED = "update record set version = version where tenant = $1 and kind = $2 and id = $3 and not exists \
                 (select 1 from token k where k.tenant = $1 and k.provider = $4 \
                 and (k.expires is null or k.expires > $5))";
    HELD = "update counter set live = live where tenant = $1 and kind = $2 and exists \
            (select 1 from record r where r.tenant = $1 and r.kind = $2 and r.id = $3 and r.version = $4)";
    LINKED = "update counter set live = live where tenant = $1 and kind = $2 and exists \
              (select 1 from edge e where e.tenant = $1 and e.relation = $3 and e.source = $4 and e.target = $5)";
    UNUSED = "update counter set live = live where tenant = $1 and kind = $2 and not exists \
              (select 1 from edge e where e.tenant = $1 and e.relation = $3 and e.target = $4)";
    // Meets a row only where there is a cycle, so that members who come write no more for it. Mostly nothing lies above, and a
    // recursion sets up tables of its own. The outer `limit` ends it, on either database.
    CYCLE = "update counter set live = live where tenant = $1 and kind = $2 and exists \
               (select 1 from edge e where e.tenant = $1 and e.relation = $3 and e.target = $4) and exists ( \
                 with recursive up (id) as ( \
                   select e.source from edge e where e.tenant = $1 and e.relation = $3 and e.target = $4 \
                   union \
                   select e.source from up cross join edge e \
                   where e.tenant = $1 and e.relation = $3 and e.target = up.id \
                 ) \
                 select 1 from (select id from up limit $5) met where met.id = $4)";
}

/// Each refuses the batch with `Changed` when it does not hold. The record or token stands in the same batch, and exists
/// when the guard is reached.
impl Batch {
    /// The tenant's own kinds are still those of `known`, see [`crate::Tenant::kinds`]: a record is as they say.
    pub fn under_kinds(&mut self, kind: &str, id: &str, known: i64) -> &mut Self {
        let args = [Arg::Tenant, self.keep(kind), self.keep(id), Arg::Int(known)];
        self.push(KINDS, &args, Expect::Same)
    }

    /// Nothing is counted under this name: a record may go, or be changed, on which what is counted depends.
    pub fn while_uncounted(&mut self, kind: &str, id: &str, counted: &str) -> &mut Self {
        let args = [Arg::Tenant, self.keep(kind), self.keep(id), self.keep(counted)];
        self.push(UNCOUNTED, &args, Expect::Same)
    }

    /// A record is still in this version: a token is made for it.
    pub fn token_for(&mut self, token: &str, (kind, id, version): (&str, &str, i64)) -> &mut Self {
        let args = [Arg::Tenant, self.keep(token), self.keep(kind), self.keep(id), Arg::Int(version)];
        self.push(TOKEN_RECORD, &args, Expect::Same)
    }

    /// No token that is good at `now`, in milliseconds since the Unix epoch, names this provider: its record may go.
    pub fn while_untokened(&mut self, kind: &str, id: &str, provider: &str, now: i64) -> &mut Self {
        let args = [Arg::Tenant, self.keep(kind), self.keep(id), self.keep(provider), Arg::Int(now)];
        self.push(UNTOKENED, &args, Expect::Same)
    }
}

/// Of what the batch need not touch. They refuse it with `Changed`, too; the kinds are those that batches count.
impl Batch {
    /// A record is in this version.
    pub fn while_held(&mut self, kind: &str, id: &str, version: i64) -> &mut Self {
        let args = [Arg::Tenant, self.keep(kind), self.keep(id), Arg::Int(version)];
        self.push(HELD, &args, Expect::Same)
    }

    /// An edge leads from a record of this kind to another.
    pub fn while_linked(&mut self, kind: &str, relation: &str, source: &str, target: &str) -> &mut Self {
        let args = [Arg::Tenant, self.keep(kind), self.keep(relation), self.keep(source), self.keep(target)];
        self.push(LINKED, &args, Expect::Same)
    }
}

impl Batch {
    /// No edge of a relation leads to a record of a kind that the batch counts: else it is `InUse`.
    pub fn unused(&mut self, relation: &str, kind: &str, target: &str) -> &mut Self {
        let (kind, relation, target) = (self.keep(kind), self.keep(relation), self.keep(target));
        self.push(UNUSED, &[Arg::Tenant, kind, relation, target], Expect::Unused(relation, target))
    }

    /// A record of a kind that the batch counts, or has counted, does not lead to itself over edges of a relation: else it is
    /// `Cycle`. So many records above it are looked at.
    pub fn acyclic(&mut self, relation: &str, kind: &str, id: &str, most: u64) -> &mut Self {
        let args =
            [Arg::Tenant, self.keep(kind), self.keep(relation), self.keep(id), Arg::Int(bounded(most))];
        self.push(CYCLE, &args, Expect::Acyclic)
    }
}

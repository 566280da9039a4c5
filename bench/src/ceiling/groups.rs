//! The groups of users, which are derived from edges: of one user, and of a page of them. And their roles: the benchmark
//! has none, but to show none they must be looked for.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, Row, Rows, params};

use super::show::{List, Shown, text};
use super::{Fault, GROUP, MEMBERS, TENANT, USER, managers};
use crate::Result;

/// The groups that a user is directly in, and whether each is in another: mostly none is, and that was all.
const FLAT: &str = "select r.id, r.display, \
      exists (select 1 from edge n where n.tenant = e.tenant and n.relation = e.relation and n.target = e.source) \
    from edge e cross join record r \
    where e.tenant = ?1 and e.relation = ?2 and e.target = ?3 \
    and r.tenant = e.tenant and r.kind = ?4 and r.id = e.source order by e.source";
/// The groups of a user, direct and through other groups: as durward's store asks for them.
const SOURCES: &str = "with recursive up (id, direct) as ( \
      select source, 1 from edge where tenant = ?1 and relation = ?2 and target = ?3 \
      union \
      select e.source, 0 from up cross join edge e \
      where e.tenant = ?1 and e.relation = ?2 and e.target = up.id \
    ) \
    select r.id, r.display, max(up.direct) from up cross join record r \
    where r.tenant = ?1 and r.kind = ?4 and r.id = up.id \
    group by r.id, r.display order by r.id limit 10000";
/// What a group shows, and whether it is in another.
const NAMED: &str = "select r.display, \
      exists (select 1 from edge n where n.tenant = r.tenant and n.relation = ?2 and n.target = r.id) \
    from record r where r.tenant = ?1 and r.kind = ?4 and r.id = ?3";
/// The groups that users past one are directly in, user by user.
const DIRECT: &str = "select target, source from edge where tenant = ?1 and relation = ?2 and target > ?3 \
    order by target, source";

/// The roles of a user or a group, and of the groups that it is directly in.
const ROLES: &str = "select r.id, r.display, 'direct' from edge e cross join record r \
      where e.tenant = ?1 and e.relation = ?2 and e.target = ?3 and r.tenant = e.tenant and r.kind = ?5 and r.id = e.source \
    union all select r.id, r.display, 'indirect' from edge g cross join edge e cross join record r \
      where g.tenant = ?1 and g.relation = ?4 and g.target = ?3 \
      and e.tenant = g.tenant and e.relation = ?2 and e.target = g.source \
      and r.tenant = e.tenant and r.kind = ?5 and r.id = e.source";
/// Whether there is any.
const ANY_ROLE: &str = "select 1 from edge where tenant = ?1 and relation = ?2 limit 1";
const ROLE: &str = "Role";
const HOLDERS: &str = "Role.members";

/// Appends the groups of one user, and the roles.
pub(super) fn push_groups(db: &Connection, base: &str, id: &str, out: &mut String) -> Result<(), Fault> {
    push_groups_alone(db, base, id, out)?;
    push_roles(db, base, id, out)
}

/// Appends the roles of one user or group.
pub(super) fn push_roles(db: &Connection, base: &str, id: &str, out: &mut String) -> Result<(), Fault> {
    let mut list = List::new(out, "roles", base);
    let mut statement = db.prepare_cached(ROLES)?;
    let mut rows = statement.query(params![TENANT, HOLDERS, id, MEMBERS, ROLE])?;
    while let Some(row) = rows.next()? {
        list.push(ROLE, text(row, 0)?, text(row, 2)?, text(row, 1)?);
    }
    list.finish();
    Ok(())
}

fn push_groups_alone(db: &Connection, base: &str, id: &str, out: &mut String) -> Result<(), Fault> {
    let (begin, mut is_flat) = (out.len(), true);
    let mut list = List::new(out, "groups", base);
    let mut statement = db.prepare_cached(FLAT)?;
    let mut rows = statement.query(params![TENANT, MEMBERS, id, GROUP])?;
    while let Some(row) = rows.next()? {
        is_flat &= row.get::<_, i64>(2)? == 0;
        list.push(GROUP, text(row, 0)?, "direct", text(row, 1)?);
    }
    list.finish();
    if is_flat {
        return Ok(());
    }
    out.truncate(begin);
    let mut list = List::new(out, "groups", base);
    for (id, display, is_direct) in sources(db, id)? {
        list.push(GROUP, &id, if is_direct { "direct" } else { "indirect" }, &display);
    }
    list.finish();
    Ok(())
}

/// The groups of a user or a group, direct and through others: id, what it shows, whether it is direct.
fn sources(db: &Connection, id: &str) -> Result<Vec<(String, String, bool)>, Fault> {
    let mut statement = db.prepare_cached(SOURCES)?;
    let rows = statement
        .query_map(params![TENANT, MEMBERS, id, GROUP], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Appends users in the order of their ids, past one, with their groups: the edges are walked along with the
/// users, and a group is looked up once. Gives the last id and how many there were.
pub(super) fn push_users(
    db: &Connection,
    base: &str,
    past: &str,
    mut users: Rows<'_>,
    out: &mut String,
) -> Result<(String, usize), Fault> {
    if db.prepare_cached(ANY_ROLE)?.exists(params![TENANT, HOLDERS])? {
        return Err(Fault::Strange);
    }
    let mut edges = db.prepare_cached(DIRECT)?;
    let mut edges = edges.query(params![TENANT, MEMBERS, past])?;
    let mut edge = edges.next()?;
    let mut known = HashMap::new();
    let mut managers = HashSet::new();
    let (mut last, mut count) = (String::new(), 0);
    let mut of_user = Vec::new();
    while let Some(row) = users.next()? {
        let user = Shown::of(USER, row)?;
        of_user.clear();
        while let Some(row) = edge {
            let target = text(row, 0)?;
            if target > user.id {
                break;
            }
            if target == user.id {
                of_user.push(row.get::<_, String>(1)?);
            }
            edge = edges.next()?;
        }
        managers::look_for_new(db, user.document, &mut managers)?;
        out.push_str(if count == 0 { "" } else { "," });
        user.push(out, base, |out| push_known(db, base, &of_user, &mut known, out))?;
        count += 1;
        last.clear();
        last.push_str(user.id);
    }
    Ok((last, count))
}

/// A group and those above it: ids and what they show.
type Above = Vec<(String, String)>;

fn push_known(
    db: &Connection,
    base: &str,
    direct: &[String],
    known: &mut HashMap<String, Above>,
    out: &mut String,
) -> Result<(), Fault> {
    for id in direct {
        if !known.contains_key(id) {
            known.insert(id.clone(), above(db, id)?);
        }
    }
    let mut all: Vec<&(String, String)> = direct.iter().filter_map(|id| known.get(id)).flatten().collect();
    all.sort_unstable();
    all.dedup();
    let mut list = List::new(out, "groups", base);
    for (id, display) in all {
        let marked = if direct.contains(id) { "direct" } else { "indirect" };
        list.push(GROUP, id, marked, display);
    }
    list.finish();
    Ok(())
}

fn above(db: &Connection, id: &str) -> Result<Above, Fault> {
    let mut statement = db.prepare_cached(NAMED)?;
    let named = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, bool>(1)?));
    let (display, is_nested) = statement.query_row(params![TENANT, MEMBERS, id, GROUP], named)?;
    let mut all = vec![(id.to_owned(), display)];
    if is_nested {
        all.extend(sources(db, id)?.into_iter().map(|(id, display, _)| (id, display)));
    }
    Ok(all)
}

//! The rows of the database, which must agree with one another: record, unique keys, index, edges, counters.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Each query finds rows that contradict others; none may.
const CONTRADICTIONS: [(&str, &str); 9] = [
    (
        "a counter differs from the records",
        "select kind, live from counter c where kind in ('User', 'Group') and live <>
         (select count(*) from record r where r.tenant = c.tenant and r.kind = c.kind)",
    ),
    (
        "a user without its user name's key",
        "select r.id, r.document from record r where kind = 'User' and not exists
         (select 1 from unique_key u where u.tenant = r.tenant and u.kind = 'User' and u.attribute = 'userName'
          and u.id = r.id and cast(u.key as text) = json_extract(r.document, '$.userName'))",
    ),
    (
        "a user without its externalId's key",
        "select r.id, r.connections from record r where kind = 'User' and not exists
         (select 1 from unique_key u where u.tenant = r.tenant and u.kind = 'User' and u.attribute = 'externalId'
          and u.id = r.id)",
    ),
    (
        "a unique key without its record",
        "select attribute, id from unique_key u where not exists
         (select 1 from record r where r.tenant = u.tenant and r.kind = u.kind and r.id = u.id)",
    ),
    (
        "more unique keys than a user has",
        "select id, count(*) from unique_key where kind = 'User' group by tenant, id having count(*) <> 2",
    ),
    (
        "an e-mail address without its index row",
        "select r.id, e.value from record r, json_each(r.document, '$.emails') e where kind = 'User' and not exists
         (select 1 from attr_index a where a.tenant = r.tenant and a.kind = 'User' and a.attribute = 'emails.value'
          and a.id = r.id and cast(a.key as text) = json_extract(e.value, '$.value'))",
    ),
    (
        "an index row that no record has",
        "select attribute, a.id from attr_index a where kind = 'User' and not exists
         (select 1 from record r where r.tenant = a.tenant and r.kind = 'User' and r.id = a.id
          and instr(r.document, '\"' || cast(a.key as text) || '\"') > 0)",
    ),
    (
        "an edge without both of its ends",
        "select source, target from edge e where not exists
         (select 1 from record r where r.tenant = e.tenant and r.kind = e.target_kind and r.id = e.target
          and r.display = e.display)
         or not exists (select 1 from record r where r.tenant = e.tenant and r.kind = 'Group' and r.id = e.source)",
    ),
    (
        "a user whose changes the audit log does not count",
        "select r.id, r.version from record r where kind = 'User' and version <>
         (select count(*) from audit a where a.tenant = r.tenant and a.kind = 'User' and a.id = r.id)",
    ),
];

/// How PostgreSQL says what SQLite says in the queries above.
const ON_POSTGRES: [(&str, &str); 7] = [
    ("cast(u.key as text)", "convert_from(u.key, 'UTF8')"),
    ("cast(a.key as text)", "convert_from(a.key, 'UTF8')"),
    ("json_extract(r.document, '$.userName')", "r.document::json ->> 'userName'"),
    ("json_each(r.document, '$.emails') e", "json_array_elements(r.document::json -> 'emails') e"),
    ("json_extract(e.value, '$.value')", "e.value ->> 'value'"),
    ("e.value from", "e.value::text from"),
    ("instr(", "strpos("),
];

/// Asks a database.
type Find = Box<dyn Fn(&str) -> Vec<String>>;

/// Sees that no row contradicts another, and that SQLite itself finds nothing wrong.
pub(super) fn agree(data: &Path) {
    let find: Find = match scratch::database_of(data) {
        Some(database) => Box::new(move |query| {
            let query =
                ON_POSTGRES.iter().fold(query.to_owned(), |query, (from, to)| query.replace(from, to));
            scratch::ask(&database, &query).lines().map(str::to_owned).collect()
        }),
        None => {
            let database = data.join("durward.db");
            let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
            assert_eq!(scratch::rows(&database, "pragma integrity_check"), ["ok"]);
            Box::new(move |query| scratch::rows(&database, query))
        }
    };
    for (what, query) in CONTRADICTIONS {
        let rows: Vec<_> = find(query).into_iter().take(5).collect();
        assert!(rows.is_empty(), "{what}: {rows:?}");
    }
}

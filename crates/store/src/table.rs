//! The tables as data, for what is done to all of them alike: what their rows are told apart by, and what else they
//! hold. A test reads the migrated schema and proves that nothing is left out.

use std::fmt::Write;
use std::sync::LazyLock;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Int,
    Text,
    Bytes,
}

type Column = (&'static str, Type);

/// A table. Its first column is `tenant`, with which its primary key begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// The rest of the primary key.
    pub(crate) key: &'static [Column],
    /// The columns after that.
    pub(crate) rest: &'static [Column],
}

const fn int(name: &'static str) -> Column {
    (name, Type::Int)
}

const fn text(name: &'static str) -> Column {
    (name, Type::Text)
}

const fn bytes(name: &'static str) -> Column {
    (name, Type::Bytes)
}

/// Every table but the list of migrations, which says what a database is like and not what is in it.
pub(crate) const TABLES: &[Table] = &[
    Table { name: "tenant", key: &[], rest: &[text("name"), int("created"), int("kinds")] },
    Table { name: "setting", key: &[text("name")], rest: &[text("value")] },
    Table {
        name: "record",
        key: &[text("kind"), text("id")],
        rest: &[
            int("version"),
            int("created"),
            int("modified"),
            text("display"),
            text("document"),
            text("connections"),
            text("secret"),
            text("mentioned"),
        ],
    },
    Table { name: "unique_key", key: &[text("kind"), text("attribute"), bytes("key")], rest: &[text("id")] },
    Table {
        name: "attr_index",
        key: &[text("kind"), text("attribute"), bytes("key"), text("id")],
        rest: &[],
    },
    Table {
        name: "edge",
        key: &[text("relation"), text("source"), text("target")],
        rest: &[text("target_kind"), text("display")],
    },
    Table { name: "counter", key: &[text("kind")], rest: &[int("live"), int("shifts")] },
    Table {
        name: "token",
        key: &[bytes("hash")],
        rest: &[
            text("id"),
            text("connection"),
            text("kind"),
            text("mode"),
            text("name"),
            text("provider"),
            text("settings"),
            text("subject"),
            int("created"),
            text("created_by"),
            int("expires"),
            int("last_used"),
        ],
    },
    Table {
        name: "audit",
        key: &[int("sequence")],
        rest: &[
            int("at"),
            text("actor"),
            text("verb"),
            text("kind"),
            text("id"),
            bytes("before"),
            bytes("after"),
            text("trace"),
            bytes("previous"),
            bytes("hash"),
        ],
    },
    Table {
        name: "head",
        key: &[],
        rest: &[int("audit"), bytes("hash"), int("outbox"), int("listeners"), int("delivered")],
    },
    Table { name: "outbox", key: &[int("sequence")], rest: &[int("at"), text("topic"), text("payload")] },
];

impl Table {
    /// Its columns, in the order of its statements.
    pub(crate) fn columns(&self) -> impl Iterator<Item = Column> {
        [int("tenant")].into_iter().chain(self.key.iter().copied()).chain(self.rest.iter().copied())
    }
}

/// The statements of one table. Rows come in the order of the primary key, which is that of bytes everywhere.
pub(crate) struct Statements {
    /// How many rows a tenant has.
    pub(crate) count: String,
    /// The first rows of a tenant.
    pub(crate) first: String,
    /// The rows after a key; none where a tenant has one row.
    pub(crate) next: Option<String>,
    /// The last key.
    pub(crate) last: String,
    pub(crate) insert: String,
}

/// The statements of each of [`TABLES`].
pub(crate) static STATEMENTS: LazyLock<Vec<Statements>> =
    LazyLock::new(|| TABLES.iter().map(Statements::of).collect());

impl Statements {
    fn of(table: &Table) -> Self {
        let name = table.name;
        let columns = listed(table.columns());
        let key = listed(table.key.iter().copied());
        let order = if key.is_empty() { String::new() } else { format!(" order by {key}") };
        let backwards = table.key.iter().fold(String::new(), |mut order, (column, _)| {
            let _ = write!(order, "{}{column} desc", if order.is_empty() { " order by " } else { ", " });
            order
        });
        let keys = table.key.len();
        let next = (keys > 0).then(|| {
            format!(
                "select {columns} from {name} where tenant = $1 and ({key}) > ({}){order} limit ${}",
                numbered(2, keys),
                keys + 2
            )
        });
        Statements {
            count: format!("select count(*) from {name} where tenant = $1"),
            first: format!("select {columns} from {name} where tenant = $1{order} limit $2"),
            next,
            last: format!("select {columns} from {name} where tenant = $1{backwards} limit 1"),
            insert: format!(
                "insert into {name} ({columns}) values ({}) on conflict do nothing",
                numbered(1, table.columns().count())
            ),
        }
    }

    /// All of them, by name.
    #[cfg(test)]
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let some =
            [("count", &self.count), ("first", &self.first), ("last", &self.last), ("insert", &self.insert)];
        let next = self.next.as_ref().map(|next| ("next", next));
        some.into_iter().chain(next).map(|(name, sql)| (name, sql.as_str()))
    }
}

fn listed(columns: impl Iterator<Item = Column>) -> String {
    columns.map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

/// So many placeholders, from one on.
fn numbered(first: usize, count: usize) -> String {
    (first..first + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

//! The baseline of writing: `pgbench` inserts what durward inserts for a user, in one transaction of prepared statements.
//!
//! The rows are as many and as large as those of users that durward made, and their keys lie in an index as close to each other
//! as those do: each begins as that of one of these users does, and ends with a number. The counter and the head of the
//! audit chain are left out: one row each for a whole tenant, for which its clients would stand in line.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use tokio_postgres::{Client, NoTls};

use super::cluster::Cluster;
use crate::Result;
use crate::measure::Figure;
use crate::process::output;

/// Clients at once, as many as durward has connections.
const CLIENTS: usize = 64;

/// So many users are looked at. As many given names are in the data, with which its user names begin.
pub(super) const SAMPLE: usize = 24;
/// So many bytes at the end of a key are a number.
const NUMBER: usize = 8;

/// The id of the row's user, as long as a UUID; later ones come after earlier ones, as in durward.
const ID: &str = "lpad(:n::text, 36, '0')";

/// What `pgbench` is to do, and where.
pub(super) struct Inserts {
    script: PathBuf,
    document: String,
    connections: String,
    url: String,
    /// Transactions of each client so far: no row is inserted twice.
    done: usize,
}

/// A client of a database, driven by a task of its own.
pub(super) async fn client(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

impl Inserts {
    /// Looks at the rows of some users in durward's database, and writes a script that makes as many in another.
    pub(super) async fn like(users: &[&str], from: &str, url: String, folder: &Path) -> Result<Self> {
        let client = client(from).await?;
        let user = *users.first().ok_or("there is no user to look at")?;
        let record = client
            .query_one(
                "select kind, display, document, connections, tenant, mentioned from record where id = $1",
                &[&user],
            )
            .await?;
        let (kind, display): (String, String) = (record.get(0), record.get(1));
        let (tenant, mentioned): (i64, Option<String>) = (record.get(4), record.get(5));
        let mut script = format!(
            "\\set k :k + 1\n\\set n :k * {CLIENTS} + :client_id\nbegin;\n\
             insert into record \
             (tenant, kind, id, version, created, modified, display, document, connections, secret, mentioned) \
             values ({tenant}, '{kind}', {ID}, 1, :n::bigint, :n::bigint, '{}', :document, :connections, null, {}) \
             on conflict do nothing;\n",
            display.replace('\'', "''"),
            mentioned.map_or_else(|| "null".to_owned(), |id| format!("'{}'", id.replace('\'', "''"))),
        );
        for table in ["unique_key", "attr_index"] {
            // Of an attribute with several values each user has several keys.
            let sql = format!(
                "select attribute, array_agg(key order by id) from (select attribute, key, id, \
                 row_number() over (partition by attribute, id order by key) as nth from {table} \
                 where tenant = $1 and kind = $2 and id = any($3)) as one group by attribute, nth"
            );
            for row in client.query(&sql, &[&tenant, &kind, &users]).await? {
                let (attribute, keys): (String, Vec<Vec<u8>>) = (row.get(0), row.get(1));
                // pgbench takes a colon and a letter for a variable, also between quotes.
                let attribute = attribute.replace('\'', "''").replace(':', "'||chr(58)||'");
                let key = key(&keys, table == "unique_key");
                writeln!(
                    script,
                    "insert into {table} (tenant, kind, attribute, key, id) values ({tenant}, '{kind}', '{attribute}', \
                     {key}, {ID}) on conflict do nothing;"
                )?;
            }
        }
        let sql = "select relation, target from edge where tenant = $1 and source = $2";
        for row in client.query(sql, &[&tenant, &user]).await? {
            let (relation, target): (String, String) = (row.get(0), row.get(1));
            writeln!(
                script,
                "insert into edge (tenant, relation, source, target, target_kind, display) \
                 values ({tenant}, '{relation}', {ID}, '{target}', '{kind}', '') on conflict do nothing;"
            )?;
        }
        writeln!(
            script,
            "insert into audit (tenant, sequence, at, actor, verb, kind, id, before, after, trace, previous, hash) \
             values ({tenant}, :n::bigint, :n::bigint, {ID}, 'create', '{kind}', {ID}, '', decode(repeat('07', 32), 'hex'), \
             {ID}, decode(repeat('07', 32), 'hex'), decode(repeat('07', 32), 'hex'));\ncommit;"
        )?;
        let file = folder.join("inserts.sql");
        std::fs::write(&file, script)?;
        let connections: Option<String> = record.get(3);
        let (document, connections) = (record.get(2), connections.unwrap_or_default());
        Ok(Self { script: file, document, connections, url, done: 0 })
    }

    /// Runs about so many transactions.
    pub(super) fn run(&mut self, cluster: &Cluster, transactions: usize) -> Result<Figure> {
        let each = transactions.div_ceil(CLIENTS);
        let mut command = cluster.client("pgbench");
        command.args(["--no-vacuum", "--protocol", "prepared", "--jobs", "2"]);
        command.arg("--client").arg(CLIENTS.to_string()).arg("--transactions").arg(each.to_string());
        command.arg("--define").arg(format!("k={}", self.done));
        command.arg("--define").arg(format!("document={}", self.document));
        command.arg("--define").arg(format!("connections={}", self.connections));
        let said = output(command.arg("--file").arg(&self.script).arg(&self.url))?;
        self.done += each;
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        let rate =
            rate.ok_or_else(|| format!("pgbench does not say how many transactions it did:\n{said}"))?;
        Ok(Figure::of_rate(each * CLIENTS, rate))
    }
}

/// An expression for a key like these: with a number at its end where they are long enough, or where no two may be the same.
fn key(like: &[Vec<u8>], is_unique: bool) -> String {
    let is_numbered = is_unique || like.iter().all(|key| key.len() >= NUMBER);
    let beginnings = like.iter().map(|key| {
        let end = if is_numbered { key.len().saturating_sub(NUMBER) } else { key.len() };
        let bytes = key.iter().take(end).map(|byte| format!("{byte:02x}"));
        format!("'\\x{}'", bytes.collect::<String>())
    });
    let beginnings = beginnings.collect::<Vec<_>>().join(",");
    let number = if is_numbered { " || int8send(:n::bigint)" } else { "" };
    format!("(array[{beginnings}]::bytea[])[(:n::bigint % {} + 1)::int]{number}", like.len())
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn a_key_is_as_long_as_those_it_is_like() {
        let one = |key: &str| key.as_bytes().to_vec();
        assert_eq!(
            key(&[one("abcdefghij"), one("bbcdefgh")], false),
            "(array['\\x6162','\\x']::bytea[])[(:n::bigint % 2 + 1)::int] || int8send(:n::bigint)"
        );
        assert_eq!(key(&[one("a")], false), "(array['\\x61']::bytea[])[(:n::bigint % 1 + 1)::int]");
        assert_eq!(
            key(&[one("a")], true),
            "(array['\\x']::bytea[])[(:n::bigint % 1 + 1)::int] || int8send(:n::bigint)"
        );
    }
}

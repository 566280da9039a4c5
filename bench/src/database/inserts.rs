//! The baseline of writing: `pgbench` inserts what durward inserts for a user, in one transaction of prepared statements.
//!
//! The rows are as many and as large as those of a user that durward made. The counter and the head of the audit chain
//! are left out: one row each for a whole tenant, for which its clients would stand in line.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use tokio_postgres::{Client, NoTls};

use super::cluster::Cluster;
use crate::Result;
use crate::measure::Figure;
use crate::process::output;

/// Clients at once, as many as durward has connections.
const CLIENTS: usize = 64;

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
    /// Looks at the rows of one user in durward's database, and writes a script that makes as many in another.
    pub(super) async fn like(user: &str, from: &str, url: String, folder: &Path) -> Result<Self> {
        let client = client(from).await?;
        let record = client
            .query_one(
                "select kind, display, document, connections, tenant from record where id = $1",
                &[&user],
            )
            .await?;
        let (kind, display): (String, String) = (record.get(0), record.get(1));
        let tenant: i64 = record.get(4);
        let mut script = format!(
            "\\set k :k + 1\n\\set n :k * {CLIENTS} + :client_id\nbegin;\n\
             insert into record (tenant, kind, id, version, created, modified, display, document, connections, secret) \
             values ({tenant}, '{kind}', {ID}, 1, :n::bigint, :n::bigint, '{}', :document, :connections, null) \
             on conflict do nothing;\n",
            display.replace('\'', "''")
        );
        for table in ["unique_key", "attr_index"] {
            let sql = format!(
                "select attribute, length(key) from {table} where tenant = $1 and kind = $2 and id = $3"
            );
            for row in client.query(&sql, &[&tenant, &kind, &user]).await? {
                let (attribute, length): (String, i32) = (row.get(0), row.get(1));
                let (attribute, length) = (attribute.replace('\'', "''"), 2 * length);
                // pgbench takes a colon and a letter for a variable, also between quotes.
                let attribute = attribute.replace(':', "'||chr(58)||'");
                writeln!(
                    script,
                    "insert into {table} (tenant, kind, attribute, key, id) values ({tenant}, '{kind}', '{attribute}', \
                     decode(substr(repeat(md5(:n::text), {}), 1, {length}), 'hex'), {ID}) on conflict do nothing;",
                    length / 32 + 1
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

//! `durward audit`: who changed what, and the proof that the log is whole.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use iam::Iam;
use iam::access::{self, Read};
use serde::Deserialize;
use serde_json::json;
use store::{AuditEntry, AuditQuery, AuditVerdict, TenantId};

use super::open::{OPERATOR, with};
use super::{Context, Failure, Output, print, print_json, visible};
use crate::config::Place;

/// What can be asked about the audit log.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// See whether a record was altered, left out or put in; name the first that was
    Verify(Verify),
    /// Print the records, oldest first
    List(List),
}

/// Arguments of `audit verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 1 when a chain is broken. Who can write to the database can also rewrite a chain from some record to its \
    end; that shows only against what was noted before, and kept where they cannot write.\n\n\
    Examples:\n  durward audit verify --json > noted.json\n  durward audit verify --noted noted.json"
)]
pub struct Verify {
    /// Name of the tenant; without it, all tenants and the installation itself
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,

    /// What `audit verify --json` printed before: the record that was a chain's last then must still be in it
    #[arg(long, value_name = "FILE")]
    pub noted: Option<PathBuf>,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `audit list`.
#[derive(Debug, Args)]
#[command(after_help = "Example: durward audit list --tenant acme --after 1000 --take 50 --json")]
pub struct List {
    /// Name of the tenant; without it, the installation itself (tenants made and deleted)
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,

    /// Only records after this sequence number
    #[arg(long, value_name = "SEQUENCE", default_value = "0")]
    pub after: i64,

    /// How many records at most
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub take: u32,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

impl Audit {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        match self {
            Self::Verify(verify) => verify.run(),
            Self::List(list) => list.run(),
        }
    }
}

impl Verify {
    fn run(self) -> Result<(), Failure> {
        let noted = self.noted.as_deref().map(read).transpose()?.unwrap_or_default();
        let (verdicts, names) = with(&self.place, true, async |iam| {
            let tenants = iam.tenants(OPERATOR).await?;
            let names: HashMap<TenantId, String> = tenants.into_iter().map(|t| (t.id, t.name)).collect();
            let only = match &self.tenant {
                Some(name) => Some(iam.operate(OPERATOR, name).await?.tenant),
                None => None,
            };
            let mut verdicts = iam.verify_audit(OPERATOR, only).await?;
            for (id, verdict) in &mut verdicts {
                compare(iam, *id, verdict, &noted).await?;
            }
            Ok((verdicts, names))
        })?;
        let name = |id: &TenantId| {
            names.get(id).cloned().unwrap_or_else(|| match id.0 {
                0 => "(installation)".to_owned(),
                id => format!("(deleted tenant {id})"),
            })
        };
        if self.output.json {
            let shown = verdicts.iter().map(|(id, verdict)| shown(*id, &name(id), verdict));
            print_json(&shown.collect::<Vec<_>>())?;
        } else {
            for (id, verdict) in &verdicts {
                let name = visible(&name(id));
                print(&match verdict {
                    AuditVerdict::Intact { entries: 0, .. } => format!("{name}: intact, 0 records\n"),
                    AuditVerdict::Intact { entries, hash } => {
                        format!("{name}: intact, {entries} records, the last with the hash {}\n", hex(hash))
                    }
                    AuditVerdict::Broken { sequence, reason } => {
                        format!("{name}: BROKEN at record {sequence}: {reason}\n")
                    }
                })?;
            }
        }
        let broken =
            verdicts.iter().filter(|(_, verdict)| matches!(verdict, AuditVerdict::Broken { .. })).count();
        if broken == 0 { Ok(()) } else { Err(Failure::Failed(format!("{broken} audit chains are broken"))) }
    }
}

/// The end of a chain as it was noted by [`shown`]. That of a chain that was broken then says nothing.
#[derive(Debug, Deserialize)]
struct Noted {
    id: i64,
    #[serde(default)]
    records: i64,
    #[serde(default)]
    hash: String,
}

fn read(file: &Path) -> Result<Vec<Noted>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("`{}`: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    serde_json::from_str(&text).map_err(|error| failed(&error))
}

/// Breaks the verdict about a chain that holds and is not the one that was noted. Of a tenant that was deleted since, the
/// installation's chain tells, which is compared as well.
async fn compare(
    iam: &Iam,
    tenant: TenantId,
    verdict: &mut AuditVerdict,
    noted: &[Noted],
) -> Result<(), Failure> {
    for Noted { records, hash, .. } in noted.iter().filter(|noted| noted.id == tenant.0 && noted.records > 0)
    {
        let holds = matches!(verdict, AuditVerdict::Intact { .. });
        if holds && iam.entry_hash(OPERATOR, tenant, *records).await?.is_none_or(|found| hex(&found) != *hash)
        {
            *verdict =
                AuditVerdict::Broken { sequence: *records, reason: "it is not the one that was noted" };
        }
    }
    Ok(())
}

fn shown(id: TenantId, name: &str, verdict: &AuditVerdict) -> serde_json::Value {
    match verdict {
        AuditVerdict::Intact { entries, hash } => {
            json!({ "tenant": name, "id": id.0, "intact": true, "records": entries, "hash": hex(hash) })
        }
        AuditVerdict::Broken { sequence, reason } => {
            json!({ "tenant": name, "id": id.0, "intact": false, "sequence": sequence, "reason": reason })
        }
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let query =
            AuditQuery { after: self.after, before: i64::MAX, descending: false, take: self.take.into() };
        let entries = with(&self.place, true, async |iam| match &self.tenant {
            Some(name) => {
                let cx = iam.operate(OPERATOR, name).await?;
                let permit = iam.permit(&cx, Read, access::Audit).await?;
                Ok(iam.audit(&cx, permit, &query).await?)
            }
            None => Ok(iam.audit_of_installation(OPERATOR, &query).await?),
        })?;
        if self.output.json {
            return print_json(&entries.iter().map(entry).collect::<Vec<_>>());
        }
        let mut text = String::new();
        for e in &entries {
            let at = scim::value::timestamp(e.at);
            let [verb, kind, id, actor, trace] =
                [&e.verb, &e.kind, &e.id, &e.actor, &e.trace].map(|t| visible(t));
            text += &format!("{:>8}  {at}  {verb:10}  {kind} {id}  by {actor}  [{trace}]\n", e.sequence);
        }
        print(&text)
    }
}

fn entry(entry: &AuditEntry) -> serde_json::Value {
    json!({
        "sequence": entry.sequence,
        "at": scim::value::timestamp(entry.at),
        "actor": entry.actor,
        "verb": entry.verb,
        "kind": entry.kind,
        "id": entry.id,
        "before": hex(&entry.before),
        "after": hex(&entry.after),
        "request": entry.trace,
        "hash": hex(&entry.hash),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

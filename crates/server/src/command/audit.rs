//! `durward audit`: who changed what, and the proof that the log is whole.

use std::collections::HashMap;

use clap::{Args, Subcommand};
use iam::access::{self, Read};
use serde_json::json;
use store::{AuditEntry, AuditQuery, AuditVerdict, TenantId};

use super::open::{OPERATOR, with};
use super::{Context, Failure, Output, print, print_json};
use crate::config::Place;

/// What can be asked about the audit log.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Prove that no record was altered, left out or put in; name the first that was
    Verify(Verify),
    /// Print the records, oldest first
    List(List),
}

/// Arguments of `audit verify`.
#[derive(Debug, Args)]
#[command(after_help = "Exits with 1 when the chain is broken.\n\nExample: durward audit verify")]
pub struct Verify {
    /// Name of the tenant; without it, all tenants and the installation itself
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,

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
        let (verdicts, names) = with(&self.place, true, async |iam| {
            let tenants = iam.tenants(OPERATOR).await?;
            let names: HashMap<TenantId, String> = tenants.into_iter().map(|t| (t.id, t.name)).collect();
            let only = match &self.tenant {
                Some(name) => Some(iam.operate(OPERATOR, name).await?.tenant),
                None => None,
            };
            Ok((iam.verify_audit(OPERATOR, only).await?, names))
        })?;
        let name = |id: &TenantId| {
            names.get(id).cloned().unwrap_or_else(|| match id.0 {
                0 => "(installation)".to_owned(),
                id => format!("(deleted tenant {id})"),
            })
        };
        if self.output.json {
            print_json(&verdicts.iter().map(|(id, verdict)| shown(&name(id), verdict)).collect::<Vec<_>>())?;
        } else {
            for (id, verdict) in &verdicts {
                print(&match verdict {
                    AuditVerdict::Intact { entries } => format!("{}: intact, {entries} records\n", name(id)),
                    AuditVerdict::Broken { sequence, reason } => {
                        format!("{}: BROKEN at record {sequence}: {reason}\n", name(id))
                    }
                })?;
            }
        }
        let broken =
            verdicts.iter().filter(|(_, verdict)| matches!(verdict, AuditVerdict::Broken { .. })).count();
        if broken == 0 { Ok(()) } else { Err(Failure::Failed(format!("{broken} audit chains are broken"))) }
    }
}

fn shown(name: &str, verdict: &AuditVerdict) -> serde_json::Value {
    match verdict {
        AuditVerdict::Intact { entries } => json!({ "tenant": name, "intact": true, "records": entries }),
        AuditVerdict::Broken { sequence, reason } => {
            json!({ "tenant": name, "intact": false, "sequence": sequence, "reason": reason })
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
            text += &format!(
                "{:>8}  {at}  {:10}  {} {}  by {}  [{}]\n",
                e.sequence, e.verb, e.kind, e.id, e.actor, e.trace
            );
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

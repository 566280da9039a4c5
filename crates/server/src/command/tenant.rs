//! `durward tenant`: the organisations this server keeps.

use std::io::IsTerminal;

use clap::{Args, Subcommand};
use serde_json::json;

use super::open::{OPERATOR, with};
use super::{Context, Failure, Output, print, print_json, visible};
use crate::config::Place;

/// What can be asked about tenants.
#[derive(Debug, Subcommand)]
pub enum Tenant {
    /// Create a tenant
    Create(Create),
    /// List the tenants
    List(List),
    /// Delete a tenant with everything in it
    ///
    /// Its tokens stop working first. The name can be used again; the data cannot be brought back. Asks when standard
    /// input is a terminal.
    Delete(Delete),
}

/// Arguments of `tenant create`.
#[derive(Debug, Args)]
#[command(after_help = "Example: durward tenant create acme")]
pub struct Create {
    /// Name of the tenant, as it stands in paths: lower-case letters, digits and hyphens
    pub name: String,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `tenant list`.
#[derive(Debug, Args)]
#[command(after_help = "Example: durward tenant list --json")]
pub struct List {
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `tenant delete`.
#[derive(Debug, Args)]
#[command(after_help = "Example: durward tenant delete acme --yes")]
pub struct Delete {
    /// Name of the tenant
    pub name: String,

    /// Do not ask
    #[arg(long)]
    pub yes: bool,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

impl Tenant {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(),
            Self::List(list) => list.run(),
            Self::Delete(delete) => delete.run(),
        }
    }
}

impl Create {
    fn run(self) -> Result<(), Failure> {
        let tenant =
            with(&self.place, true, async |iam| Ok(iam.create_tenant(OPERATOR, &self.name).await?))?;
        match self.output.json {
            true => print_json(&shown(&tenant)),
            false => print(&format!("created the tenant `{}`\n", tenant.name)),
        }
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let all = with(&self.place, true, async |iam| Ok(iam.tenants(OPERATOR).await?))?;
        match self.output.json {
            true => print_json(&all.iter().map(shown).collect::<Vec<_>>()),
            false => {
                print(&all.iter().fold(String::new(), |text, tenant| text + &visible(&tenant.name) + "\n"))
            }
        }
    }
}

impl Delete {
    fn run(self) -> Result<(), Failure> {
        if !self.yes && !confirmed(&self.name)? {
            return Err(Failure::Failed("nothing was deleted".to_owned()));
        }
        with(&self.place, true, async |iam| Ok(iam.delete_tenant(OPERATOR, &self.name).await?))?;
        match self.output.json {
            true => print_json(&json!({ "deleted": self.name })),
            false => print(&format!("deleted the tenant `{}`\n", self.name)),
        }
    }
}

/// Whether the person at the terminal means it; a script says so with `--yes`.
fn confirmed(name: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "standard input is no terminal: say `--yes` to delete the tenant".to_owned(),
        ));
    }
    print(&format!("delete the tenant `{name}` with everything in it? type its name to confirm: "))?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(Failure::failed)?;
    Ok(answer.trim() == name)
}

fn shown(tenant: &store::Tenant) -> serde_json::Value {
    json!({ "name": tenant.name, "id": tenant.id.0, "createdAt": scim::value::timestamp(tenant.created) })
}

//! The data of an installation, opened for one command.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use iam::tenant::Operator;
use iam::{Env, Iam};
use store::{Location, Options, Store};
use tokio::runtime::Builder;

use super::Failure;
use crate::config::Place;
use crate::env::System;

/// The database, inside the data folder.
pub const DATABASE: &str = "durward.db";

/// What the audit log calls whoever works at the command line.
pub const OPERATOR: Operator<'static> = Operator { name: "command-line" };

/// Where the database is: on a server when one is named, else in the data folder.
pub fn database(place: &Place) -> Location {
    match &place.database {
        Some(location) => location.clone(),
        None => Location::File(place.data.join(DATABASE)),
    }
}

/// Makes the data folder, for its owner alone, if there is none.
pub fn make_folder(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    let failed = |error| Failure::Failed(format!("cannot make the folder `{}`: {error}", path.display()));
    fs::create_dir_all(path).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

/// Opens the installation, making and migrating it as needed.
pub async fn open(place: &Place) -> Result<Iam, Failure> {
    let database = database(place);
    if let Location::File(path) = &database {
        make_folder(path.parent().unwrap_or(&place.data))?;
    }
    open_with(&database, Options::default()).await
}

/// Opens an installation that must be there, and at the version of this binary: whoever asks it something makes nothing
/// in the wrong database, and does not migrate what older servers use.
pub async fn existing(place: &Place) -> Result<Iam, Failure> {
    let database = database(place);
    match &database {
        Location::File(path) if !path.is_file() => {
            let path = path.display();
            Err(Failure::Failed(format!("there is no database at `{path}`; `durward serve` makes one")))
        }
        _ => open_with(&database, Options { as_it_is: true, ..Options::default() }).await,
    }
}

async fn open_with(database: &Location, options: Options) -> Result<Iam, Failure> {
    let options = Options { now: System.now().as_millisecond(), ..options };
    let store = Store::open(database, options).await.map_err(|error| Failure::from(error).about(database))?;
    Iam::open(store, Arc::new(System)).await.map_err(Failure::from)
}

/// Does one command's work over the installation, and closes it.
pub fn with<T>(
    place: &Place,
    existing_only: bool,
    work: impl AsyncFnOnce(&Iam) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
    runtime.block_on(async {
        let iam = if existing_only { existing(place).await? } else { open(place).await? };
        let outcome = work(&iam).await;
        iam.store().clone().close().await;
        outcome
    })
}

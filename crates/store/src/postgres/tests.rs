//! PostgreSQL under the contract, and what only it does.

use cluster::Database;

use crate::Location;
use crate::contract::{World, contract};

impl World for Database {
    fn new() -> Self {
        Database::new()
    }

    fn location(&self) -> Location {
        self.url().parse().unwrap()
    }

    fn tamper(&self, sql: &str) {
        let count = self.run(&format!("with changed as ({sql} returning 1) select count(*) from changed"));
        assert_eq!(count.trim(), "1", "{sql}");
    }
}

contract!(Database);

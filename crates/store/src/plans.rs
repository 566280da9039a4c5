//! Every statement, looked at by the database: it must search, never scan, and number its placeholders upwards.

use std::fmt::Write;

use expect_test::expect_file;

use crate::contract::World;
use crate::sqlite::tests::{File, explain};
use crate::{audit, edge, guard, index, migrate, outbox, record, setting, tenant, token};

fn all() -> Vec<(String, &'static str)> {
    let files: [(&str, &[(&str, &'static str)]); 16] = [
        ("audit", audit::ALL),
        ("edge", edge::ALL),
        ("guard", guard::ALL),
        ("index", index::ALL),
        ("index::id", index::id::ALL),
        ("index::modified", index::modified::ALL),
        ("index::unique", index::unique::ALL),
        ("index::indexed", index::indexed::ALL),
        ("index::sources", index::sources::ALL),
        ("index::targets", index::targets::ALL),
        ("migrate", migrate::ALL),
        ("outbox", outbox::ALL),
        ("record", record::ALL),
        ("setting", setting::ALL),
        ("tenant", tenant::ALL),
        ("token", token::ALL),
    ];
    let named = |(file, list): &(&str, &[(&str, &'static str)])| {
        let file = file.to_string();
        list.iter().map(move |(name, sql)| (format!("{file}::{name}"), *sql)).collect::<Vec<_>>()
    };
    files.iter().flat_map(named).collect()
}

#[tokio::test]
async fn every_statement_searches() {
    let file = File::new();
    let _store = file.fresh().await;
    let connection = file.raw();
    let mut plans = String::new();
    for (name, sql) in all() {
        writeln!(plans, "{name}").unwrap();
        for line in explain(&connection, sql) {
            writeln!(plans, "    {line}").unwrap();
            // The rows of a recursion, and of a bounded subquery, are all wanted.
            let scanned = line.strip_prefix("SCAN ").unwrap_or("up");
            assert!(["up", "down", "found", "(subquery-1)"].contains(&scanned), "{name}: {line}\n{sql}");
        }
    }
    expect_file!["plans.txt"].assert_eq(&plans);
}

#[test]
fn placeholders_ascend() {
    for (name, sql) in all() {
        let mut highest = 0;
        for (at, _) in sql.match_indices('$') {
            let digits: String = sql[at + 1..].chars().take_while(char::is_ascii_digit).collect();
            let number: u32 = digits.parse().unwrap();
            assert!(number <= highest + 1, "{name}: ${number} comes after ${highest}\n{sql}");
            highest = highest.max(number);
        }
    }
}

#[test]
fn every_statement_fits_the_cache() {
    assert!(all().len() < 150);
}

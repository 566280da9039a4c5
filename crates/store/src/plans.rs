//! Every statement, looked at by the database: it must search, never scan, and number its placeholders upwards.

use std::fmt::Write;

use expect_test::expect_file;
use scratch::Database;

use crate::contract::World;
use crate::postgres::{self, SESSION};
use crate::sqlite::tests::{File, explain};
use crate::table::{STATEMENTS, TABLES};
use crate::{
    audit, between, copy, edge, guard, index, migrate, outbox, record, setting, sources, tenant, token,
};

pub(crate) fn all() -> Vec<(String, &'static str)> {
    let files: [(&str, &'static [(&str, &'static str)]); 18] = [
        ("audit", audit::ALL),
        ("between", between::ALL),
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
        ("sources", sources::ALL),
        ("tenant", tenant::ALL),
        ("token", token::ALL),
    ];
    files.into_iter().flat_map(|(file, list)| named(file, list)).collect()
}

pub(crate) fn named(
    file: &'static str,
    list: &'static [(&str, &'static str)],
) -> impl Iterator<Item = (String, &'static str)> {
    list.iter().map(move |(name, sql)| (format!("{file}::{name}"), *sql))
}

/// Those of a copy, which has connections of its own.
pub(crate) fn copying() -> impl Iterator<Item = (String, &'static str)> {
    let tables = TABLES.iter().zip(STATEMENTS.iter());
    let tables = tables.flat_map(|(table, statements)| {
        statements.all().map(|(name, sql)| (format!("copy::{}::{name}", table.name), sql))
    });
    named("copy", copy::ALL).chain(tables)
}

#[tokio::test]
async fn every_statement_searches() {
    let file = File::new();
    let _store = file.fresh().await;
    let connection = file.raw();
    let mut plans = String::new();
    for (name, sql) in all().into_iter().chain(copying()) {
        writeln!(plans, "{name}").unwrap();
        for line in explain(&connection, sql) {
            writeln!(plans, "    {line}").unwrap();
            // The rows of a recursion, of a bounded subquery and of a set are all wanted.
            let scanned = line.strip_prefix("SCAN ").unwrap_or("up");
            assert!(
                ["up", "met", "down", "found", "near", "(subquery-1)"].contains(&scanned),
                "{name}: {line}\n{sql}"
            );
        }
    }
    expect_file!["plans.txt"].assert_eq(&plans);
}

/// As the driver's connections plan them: once, whatever the values, and on empty tables as on full ones.
#[tokio::test]
async fn every_statement_searches_on_postgres() {
    let database = Database::new();
    let _store = database.fresh().await;
    // As a tenant: the policies' condition is one more filter.
    let mut script = format!("{SESSION}; set role durward; set durward.tenant = '1'");
    let statements = all().into_iter().chain(named("postgres", postgres::STATEMENTS)).chain(copying());
    for (number, (name, sql)) in statements.enumerate() {
        let values = vec!["null"; highest(sql)].join(", ");
        let values = if values.is_empty() { values } else { format!("({values})") };
        write!(
            script,
            "; select '{name}'; prepare s{number} as {sql}; explain (costs off) execute s{number}{values}"
        )
        .unwrap();
    }
    let plans = database
        .run(&script)
        .lines()
        .filter(|line| !["PREPARE", "SET"].contains(line))
        .fold(String::new(), |all, line| all + line + "\n");
    // What the two recursions found is in no order, nor are the sources of a page; all else is in the order of an index.
    let sorted = plans.matches("Sort Key").count();
    assert_eq!(sorted, 4, "{plans}");
    for line in plans.lines() {
        let searches =
            !["Seq Scan", "Bitmap", "Hash Join", "Merge Join"].iter().any(|step| line.contains(step));
        assert!(searches, "{line}\n{plans}");
    }
    expect_file!["plans.postgres.txt"].assert_eq(&plans);
}

/// The number of the highest placeholder.
fn highest(sql: &str) -> usize {
    (1..).take_while(|number| sql.contains(&format!("${number}"))).count()
}

#[test]
fn placeholders_ascend() {
    for (name, sql) in all().into_iter().chain(copying()) {
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

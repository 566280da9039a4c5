//! Resources as they are sent: the stored document with what is known only now spliced in.

use rusqlite::Row;

use super::{CONNECTION, Fault};
use crate::Result;

/// A record as it lies in its row.
pub(super) struct Shown<'a> {
    pub(super) kind: &'a str,
    pub(super) id: &'a str,
    pub(super) version: i64,
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) document: &'a str,
    pub(super) connections: Option<&'a str>,
}

impl<'a> Shown<'a> {
    /// Of a row of id, version, created, modified, document, connections.
    pub(super) fn of(kind: &'a str, row: &'a Row<'_>) -> Result<Self, Fault> {
        Ok(Shown {
            kind,
            id: text(row, 0)?,
            version: row.get(1)?,
            created: row.get(2)?,
            modified: row.get(3)?,
            document: text(row, 4)?,
            connections: row.get_ref(5)?.as_str_or_null().map_err(|_| Fault::Strange)?,
        })
    }

    /// Appends the resource. `beside` appends what stands in other rows: `,"name":value`.
    pub(super) fn push(
        &self,
        out: &mut String,
        base: &str,
        beside: impl FnOnce(&mut String) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let at = self.document.find(']').map_or(1, |at| at + 1);
        let (head, tail) = self.document.split_at_checked(at).unwrap_or_default();
        out.reserve(self.document.len() + 1_000);
        out.push_str(head);
        push_all(out, &[",\"id\":\"", self.id, "\""]);
        out.push_str(tail.strip_suffix('}').unwrap_or(tail));
        if let Some(external_id) = self.connections.and_then(external_id) {
            push_all(out, &[",\"externalId\":", external_id]);
        }
        beside(out)?;
        push_all(out, &[",\"meta\":{\"resourceType\":\"", self.kind, "\",\"created\":\""]);
        push_time(out, self.created);
        out.push_str("\",\"lastModified\":\"");
        push_time(out, self.modified);
        push_all(
            out,
            &["\",\"location\":\"", base, "/", self.kind, "s/", self.id, "\",\"version\":\"W/\\\""],
        );
        out.push_str(&self.version.to_string());
        out.push_str("\\\"\"}}");
        Ok(())
    }
}

/// The column of connections for one connection and its external id (a JSON string).
pub(super) fn connections(external_id: &str) -> String {
    format!("{{\"{CONNECTION}\":{external_id}}}")
}

fn external_id(connections: &str) -> Option<&str> {
    connections.strip_prefix("{\"")?.strip_prefix(CONNECTION)?.strip_prefix("\":")?.strip_suffix('}')
}

/// Appends a list of references: `,"name":[…]`, or nothing.
pub(super) struct List<'a> {
    out: &'a mut String,
    name: &'a str,
    base: &'a str,
    is_open: bool,
}

impl<'a> List<'a> {
    pub(super) fn new(out: &'a mut String, name: &'a str, base: &'a str) -> Self {
        Self { out, name, base, is_open: false }
    }

    pub(super) fn push(&mut self, kind: &str, id: &str, marked: &str, display: &str) {
        if self.is_open {
            self.out.push(',');
        } else {
            push_all(self.out, &[",\"", self.name, "\":["]);
            self.is_open = true;
        }
        push_all(
            self.out,
            &[
                "{\"value\":\"",
                id,
                "\",\"$ref\":\"",
                self.base,
                "/",
                kind,
                "s/",
                id,
                "\",\"type\":\"",
                marked,
                "\"",
            ],
        );
        if !display.is_empty() {
            self.out.push_str(",\"display\":");
            push_string(self.out, display);
        }
        self.out.push('}');
    }

    pub(super) fn finish(self) {
        if self.is_open {
            self.out.push(']');
        }
    }
}

/// A column of text.
pub(super) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, Fault> {
    row.get_ref(column)?.as_str().map_err(|_| Fault::Broken(format!("column {column} is no text")))
}

pub(super) fn push_all(out: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| out.push_str(part));
}

fn push_string(out: &mut String, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        push_all(out, &["\"", text, "\""]);
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Appends milliseconds since the Unix epoch as RFC 3339 writes them.
fn push_time(out: &mut String, millis: i64) {
    let (day, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    // Howard Hinnant's civil_from_days: years begin in March, eras are 400 years.
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * day_of_year + 2) / 153;
    let (day, month) =
        (day_of_year - (153 * march + 2) / 5 + 1, if march < 10 { march + 3 } else { march - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let mut put = |number: i64, digits: u32, after: char| {
        for place in (0..digits).rev() {
            let digit = u8::try_from(number / 10_i64.pow(place) % 10).unwrap_or_default();
            out.push(char::from(b'0' + digit));
        }
        out.push(after);
    };
    put(year, 4, '-');
    put(month, 2, '-');
    put(day, 2, 'T');
    put(rest / 3_600_000, 2, ':');
    put(rest / 60_000 % 60, 2, ':');
    put(rest / 1_000 % 60, 2, '.');
    put(rest % 1_000, 3, 'Z');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ceiling::USER;

    #[test]
    fn times_are_written_as_rfc_3339() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
        ];
        for (millis, expected) in cases {
            let mut out = String::new();
            push_time(&mut out, millis);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn what_is_not_in_the_document_is_spliced_in() {
        let connections = connections("\"x-1\"");
        let record = Shown {
            kind: USER,
            id: "i",
            version: 3,
            created: 0,
            modified: 0,
            document: r#"{"schemas":["s"],"userName":"ada"}"#,
            connections: Some(&connections),
        };
        let mut out = String::new();
        let shown = record.push(&mut out, "http://h", |out| {
            out.push_str(",\"groups\":[]");
            Ok(())
        });
        shown.unwrap();
        let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(shown["externalId"], "x-1");
        assert_eq!(shown["meta"]["version"], "W/\"3\"");
        assert_eq!(shown["meta"]["location"], "http://h/Users/i");
    }
}

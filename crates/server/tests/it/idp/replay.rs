//! Replays a recording: sends its requests in order, and compares the whole file with the file as the server answers it.
//!
//! A recording is plain text. Its head says what it is, in lines that begin with `#`; of these `# dialect: strict`,
//! `# mode: read`, `# base: /scim` and `# header: Name: value` are settings of the connection. Then come exchanges:
//!
//! ```text
//! ### What happens
//! @as other                  another connection of the tenant (or `nobody`, `stranger`)
//! @wait 60                   seconds pass
//! @ada                       the id in the answer is {{ada}} from here on
//! @secret /password          what the pointer finds in the answer is {{secret}} from here on
//! POST /Users
//! Content-Type: application/json
//!
//! {"userName": "ada"}
//!
//! => 201 Created
//! location: {{base}}/Users/{{ada}}
//!
//! {…}
//! ```
//!
//! What stands after `=>` is the expected answer; `UPDATE_EXPECT=1` rewrites it.

use std::time::Duration;

use expect_test::expect_file;
use http::Method;
use iam::cx::{Mode, TokenKind};
use iam::token::{Draft, Settings};
use scim::quirks::Dialect;
use serde_json::{Value, json};

use super::print::pretty;
use crate::world::{Answer, Caller, World, user};

/// Headers of an answer that a client acts upon.
const HEADERS: [&str; 6] = ["content-type", "location", "etag", "www-authenticate", "allow", "retry-after"];

/// Replays `recordings/{name}.http`.
pub(super) async fn replay(name: &str) {
    let path = format!("{}/tests/it/idp/recordings/{name}.http", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let world = World::new().await;
    // Another tenant, with people of the same names: it must stay as it is.
    let globex = world.provider("globex").await;
    for name in ["ada@example.com", "ben@example.com"] {
        globex.make("/Users", user(name)).await;
    }
    let before = globex.get("/").await.check(200).text;
    let mut player = Player::new(&world, &text).await;
    let mut out = player.head.clone();
    for block in text.split("\n### ").skip(1) {
        out += &player.exchange(&world, &Exchange::parse(block)).await;
    }
    assert_eq!(globex.get("/").await.check(200).text, before, "the other tenant changed");
    expect_file![path].assert_eq(&out);
}

/// One request, and what is to be done about it.
struct Exchange<'t> {
    /// Everything before the answer, as it stands in the file.
    written: &'t str,
    directives: Vec<&'t str>,
    method: Method,
    target: &'t str,
    headers: Vec<(&'t str, &'t str)>,
    body: &'t str,
}

impl<'t> Exchange<'t> {
    fn parse(block: &'t str) -> Self {
        let written = block.split("\n=>").next().unwrap().trim_end();
        let (head, body) = written.split_once("\n\n").unwrap_or((written, ""));
        let mut lines = head.lines().skip(1).filter(|line| !line.starts_with('#'));
        let mut directives = Vec::new();
        let request = loop {
            let line = lines.next().unwrap_or_else(|| panic!("no request in {block}"));
            match line.strip_prefix('@') {
                Some(directive) => directives.push(directive),
                None => break line,
            }
        };
        let (method, target) = request.split_once(' ').unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no header: {line}")));
        let headers = headers.collect();
        Self { written, directives, method: method.parse().unwrap(), target, headers, body: body.trim() }
    }
}

struct Player {
    head: String,
    callers: Vec<(&'static str, Caller)>,
    media_type: String,
    /// Name -> what it stands for; the latest first, as it may contain an earlier one.
    known: Vec<(String, String)>,
}

impl Player {
    async fn new(world: &World, text: &str) -> Self {
        let head = text.split("\n### ").next().unwrap().trim_end();
        let setting = |name: &str| head.lines().find_map(|l| l.strip_prefix(&format!("# {name}: ")));
        let dialect = setting("dialect").map_or(Dialect::Auto, |name| Dialect::parse(name).unwrap());
        let mode = if setting("mode") == Some("read") { Mode::Read } else { Mode::Write };
        let base = setting("base").unwrap_or("/acme/scim");
        let mut media_type = "application/scim+json".to_owned();
        let mut headers = Vec::new();
        for header in head.lines().filter_map(|line| line.strip_prefix("# header: ")) {
            let (name, value) = header.split_once(':').unwrap();
            match name {
                "Content-Type" => media_type = value.trim().to_owned(),
                name => headers.push((name.to_owned(), value.trim().to_owned())),
            }
        }
        let settings = Settings { dialect, ..Settings::default() };
        let mut callers = Vec::new();
        for name in ["provider", "other"] {
            let mode = if name == "provider" { mode } else { Mode::Write };
            let draft = Draft { mode, settings, ..Draft::new(TokenKind::Scim, name) };
            let mut caller = world.caller("acme", draft).await.at(base);
            caller.headers.clone_from(&headers);
            callers.push((name, caller));
        }
        callers.push(("nobody", world.nobody("acme").at(base)));
        let mut stranger = world.nobody("acme").at(base);
        stranger.token = Some("not-a-token".to_owned());
        callers.push(("stranger", stranger));
        let known = vec![("base".to_owned(), format!("https://id.example{base}"))];
        Self { head: format!("{head}\n"), callers, media_type, known }
    }

    async fn exchange(&mut self, world: &World, exchange: &Exchange<'_>) -> String {
        let mut who = "provider";
        let mut kept = Vec::new();
        for directive in &exchange.directives {
            match directive.split_once(' ') {
                Some(("as", name)) => who = name,
                Some(("wait", seconds)) => world.pass(Duration::from_secs(seconds.parse().unwrap())),
                Some((name, pointer)) => kept.push((name, pointer)),
                None => kept.push((directive, "/id")),
            }
        }
        let (_, caller) = self.callers.iter().find(|(name, _)| *name == who).unwrap();
        let mut caller = caller.clone();
        let mut media_type = self.media_type.clone();
        for (name, value) in &exchange.headers {
            match *name {
                "Content-Type" => media_type = (*value).to_owned(),
                name => caller = caller.with(name, &self.filled(value)),
            }
        }
        let target = as_sent(&self.filled(exchange.target));
        let body = (!exchange.body.is_empty()).then(|| self.filled(exchange.body).into_bytes());
        let answer = caller.send_bytes(exchange.method.clone(), &target, body, &media_type).await;
        for (name, pointer) in kept {
            let value = answer.json().pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            let value =
                value.unwrap_or_else(|| panic!("no {pointer} in the answer to {target}: {}", answer.text));
            self.known.retain(|(known, _)| known != name);
            self.known.insert(0, (name.to_owned(), value));
        }
        let shown = self.named(&shown(&answer));
        format!("\n### {}\n\n=> {shown}\n", exchange.written)
    }

    /// Text with the values of its `{{names}}`.
    fn filled(&self, text: &str) -> String {
        let filled = self
            .known
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value));
        assert!(!filled.contains("{{"), "a name without a value in {filled}");
        filled
    }

    /// Text with names in place of the values they stand for.
    fn named(&self, text: &str) -> String {
        self.known.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(value.as_str(), &format!("{{{{{name}}}}}"))
        })
    }
}

/// A target as clients put it on the wire: what a URI cannot hold is escaped, the rest is left as it was recorded.
fn as_sent(target: &str) -> String {
    let escaped = |b: u8| match b {
        b' ' | b'"' | b'[' | b']' | 0x80.. => format!("%{b:02X}"),
        b => char::from(b).to_string(),
    };
    target.bytes().map(escaped).collect()
}

fn shown(answer: &Answer) -> String {
    let mut text = answer.status.to_string();
    for name in HEADERS {
        if let Some(value) = answer.header(name) {
            text += &format!("\n{name}: {value}");
        }
    }
    match serde_json::from_str::<Value>(&answer.text) {
        Ok(json) => text += &format!("\n\n{}", pretty(&json)),
        Err(_) if answer.text.is_empty() => {}
        Err(_) => text += &format!("\n\n{}", answer.text),
    }
    // Every error is a SCIM body whose status is a string, whatever the recording says.
    if answer.status.as_u16() >= 400 {
        let body = answer.json();
        assert_eq!(
            body["schemas"],
            json!(["urn:ietf:params:scim:api:messages:2.0:Error"]),
            "{}",
            answer.asked
        );
        assert_eq!(body["status"], json!(answer.status.as_str()), "{}", answer.asked);
    }
    text
}

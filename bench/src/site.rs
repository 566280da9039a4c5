//! A server with a directory in it, and how to ask it things.

use std::path::PathBuf;

use crate::Result;
use crate::http::{Connection, request};
use crate::process::Process;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Server {
    Durward,
    Ceiling,
    Bare,
}

impl Server {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Server::Durward => "durward",
            Server::Ceiling => "ceiling",
            Server::Bare => "bare",
        }
    }
}

/// A running server, its token, and the ids of what was put into it.
pub(crate) struct Site {
    pub(crate) server: Server,
    /// The folder of its database.
    pub(crate) folder: PathBuf,
    pub(crate) process: Process,
    pub(crate) token: String,
    /// The ids of the users, by their number.
    pub(crate) users: Vec<String>,
    /// How many users there ever were: the number of the next one.
    pub(crate) next_user: usize,
    /// The group of all users.
    pub(crate) large: String,
    /// The group of a tenth of them.
    pub(crate) tenth: String,
    /// Groups of ten.
    pub(crate) teams: Vec<String>,
    /// The target of a page by cursor, nine tenths in.
    pub(crate) far_page: String,
}

impl Site {
    pub(crate) fn new(server: Server, folder: PathBuf, process: Process, token: String) -> Self {
        let (users, teams) = (Vec::new(), Vec::new());
        let (large, tenth, far_page) = (String::new(), String::new(), String::new());
        Self { server, folder, process, token, users, next_user: 0, large, tenth, teams, far_page }
    }

    /// A request's bytes. `target` is what follows the base of SCIM.
    pub(crate) fn request(&self, method: &str, target: &str, body: Option<&str>) -> Vec<u8> {
        request(method, self.process.address, &self.token, &format!("/bench/scim{target}"), body)
    }

    /// A question to the decision API. `target` is what follows the base of it.
    pub(crate) fn question(&self, target: &str, body: &str) -> Vec<u8> {
        let target = format!("/bench/access/v1{target}");
        request("POST", self.process.address, &self.token, &target, Some(body))
    }

    /// One request, which must be answered so.
    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        body: Option<&str>,
        expected: u16,
    ) -> Result<Vec<u8>> {
        let request = self.request(method, target, body);
        let mut connection = Connection::open(self.process.address).await?;
        let answer = connection.exchange(&request).await?;
        if answer.status != expected {
            return Err(answer.unexpected(expected, &request));
        }
        Ok(answer.body.to_vec())
    }

    /// The id of a user.
    pub(crate) fn user(&self, number: usize) -> &str {
        self.users.get(number % self.users.len().max(1)).map_or("", String::as_str)
    }
}

/// The value of a string attribute of the outermost object, found without parsing what may be long.
pub(crate) fn text_of(name: &str, body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(&format!("\"{name}\":\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

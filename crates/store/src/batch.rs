//! A batch: what one write does, built by pure code and committed all or nothing.
//!
//! The values live in two arenas of the batch, so a batch of thirty values is two allocations. A batch does not know
//! its tenant: the handle that commits it binds the tenant, so no batch can write into another one.

mod step;

pub(crate) use step::{Arg, Expect, Step};

use step::Span;

use crate::{NewToken, edge, index, outbox, record, setting, tenant, token};

/// Most kinds one [`Batch::link`] looks for its target in; kinds past it are not looked at.
pub const LINK_KINDS_MAX: usize = 8;

/// A record to insert. Its version is 1, and it was last modified when it was created.
#[derive(Clone, Copy)]
pub struct NewRecord<'a> {
    /// The name of its kind.
    pub kind: &'a str,
    /// Its id: text that sorts by age (UUIDv7 in lower case).
    pub id: &'a str,
    /// When, in milliseconds since the Unix epoch.
    pub created: i64,
    /// What a reference to it shows.
    pub display: &'a str,
    /// The JSON object that is sent.
    pub document: &'a str,
    /// JSON object: connection → the external id it gave.
    pub connections: Option<&'a str>,
    /// Values that are never returned: JSON object.
    pub secret: Option<&'a str>,
    /// The id of the record that it mentions, which need not be there: they are read together.
    pub mentioned: Option<&'a str>,
}

/// The new content of a record; every field is replaced, and its version grows by one.
#[derive(Clone, Copy)]
pub struct Update<'a> {
    /// The name of its kind.
    pub kind: &'a str,
    /// Its id.
    pub id: &'a str,
    /// The version it must have; another one is [`crate::CommitError::Stale`].
    pub expected: Option<i64>,
    /// When, in milliseconds since the Unix epoch.
    pub modified: i64,
    /// What a reference to it shows.
    pub display: &'a str,
    /// The JSON object that is sent.
    pub document: &'a str,
    /// JSON object: connection → the external id it gave.
    pub connections: Option<&'a str>,
    /// Values that are never returned: JSON object.
    pub secret: Option<&'a str>,
    /// The id of the record that it mentions.
    pub mentioned: Option<&'a str>,
}

/// One entry of the audit chain: who did what to which record. It is linked and hashed when the batch is applied.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// Who did it.
    pub actor: &'a str,
    /// What was done.
    pub verb: &'a str,
    /// The kind of what it was done to.
    pub kind: &'a str,
    /// The id of what it was done to.
    pub id: &'a str,
    /// SHA-256 of it before; none when it was created.
    pub before: Option<&'a [u8; 32]>,
    /// SHA-256 of it after; none when it was deleted.
    pub after: Option<&'a [u8; 32]>,
    /// The request that did it.
    pub trace: &'a str,
}

/// What a commit did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// The versions now, one per [`Batch::update`] and [`Batch::touch`], in their order in the batch.
    pub versions: Vec<i64>,
    /// How many rows were inserted, changed or deleted in all.
    pub rows: u64,
    /// The number of the last [`Batch::audit`] entry; 0 when there was none.
    pub sequence: i64,
}

impl Committed {
    /// The version of the one record that the batch changed; 0 when it changed none.
    pub fn version(&self) -> i64 {
        self.versions.first().copied().unwrap_or_default()
    }
}

/// What one write does: statements with what must be true after each, audit entries, events.
#[derive(Default)]
pub struct Batch {
    text: String,
    bytes: Vec<u8>,
    args: Vec<Arg>,
    steps: Vec<Step>,
    /// Whether it takes away what is left of a tenant that is gone.
    clears: bool,
    /// Whether it takes something away from a token or a tenant.
    revokes: bool,
}

impl std::fmt::Debug for Batch {
    /// Without the values: some are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.steps).finish()
    }
}

/// Building: records.
impl Batch {
    /// Inserts a record. An id that is taken is `Unique` on `id`.
    pub fn insert(&mut self, new: &NewRecord<'_>) -> &mut Self {
        let id = self.keep("id");
        let args = [
            Arg::Tenant,
            self.keep(new.kind),
            self.keep(new.id),
            Arg::Int(new.created),
            self.keep(new.display),
            self.keep(new.document),
            self.keep_maybe(new.connections),
            self.keep_maybe(new.secret),
            self.keep_maybe(new.mentioned),
        ];
        self.push(record::INSERT, &args, Expect::Unique(id))
    }

    /// Replaces a record's content. `Missing` when it is not there, `Stale` when it has another version.
    pub fn update(&mut self, update: &Update<'_>) -> &mut Self {
        let (kind, id) = (self.keep(update.kind), self.keep(update.id));
        let args = [
            Arg::Int(update.modified),
            self.keep(update.display),
            self.keep(update.document),
            self.keep_maybe(update.connections),
            self.keep_maybe(update.secret),
            self.keep_maybe(update.mentioned),
            Arg::Tenant,
            kind,
            id,
        ];
        self.versioned(record::UPDATE, record::UPDATE_EXPECTED, &args, (kind, id), update.expected)
    }

    /// Makes a new version of a record whose content is rows elsewhere. Errors as [`Batch::update`].
    pub fn touch(&mut self, kind: &str, id: &str, expected: Option<i64>, modified: i64) -> &mut Self {
        let (kind, id) = (self.keep(kind), self.keep(id));
        let args = [Arg::Int(modified), Arg::Tenant, kind, id];
        self.versioned(record::TOUCH, record::TOUCH_EXPECTED, &args, (kind, id), expected)
    }

    /// Deletes a record, and nothing else: its keys, edges and count are the batch's own business.
    /// Errors as [`Batch::update`].
    pub fn delete(&mut self, kind: &str, id: &str, expected: Option<i64>) -> &mut Self {
        let (kind, id) = (self.keep(kind), self.keep(id));
        self.versioned(
            record::DELETE,
            record::DELETE_EXPECTED,
            &[Arg::Tenant, kind, id],
            (kind, id),
            expected,
        )
    }

    fn versioned(
        &mut self,
        whatever: &'static str,
        expecting: &'static str,
        args: &[Arg],
        (kind, id): (Arg, Arg),
        expected: Option<i64>,
    ) -> &mut Self {
        let Some(version) = expected else { return self.push(whatever, args, Expect::Row) };
        let start = self.args.len();
        self.args.extend_from_slice(args);
        self.args.push(Arg::Int(version));
        self.step(expecting, start, Expect::Version(kind, id))
    }

    /// Counts records of a kind: `live` more (or fewer) of them. `shift` says that later records moved to another
    /// position in the order of ids: true for a deletion, and for an insertion that is not among the newest.
    pub fn count(&mut self, kind: &str, live: i64, shift: bool) -> &mut Self {
        let args = [Arg::Tenant, self.keep(kind), Arg::Int(live), Arg::Int(i64::from(shift))];
        self.push(record::COUNT, &args, Expect::Any)
    }
}

/// Building: the rows derived from records.
impl Batch {
    /// Claims a unique key. A key that is taken, were it by the same record, is `Unique` on the attribute:
    /// release the old one first, and claim no key twice.
    pub fn claim(&mut self, kind: &str, attribute: &str, key: &[u8], id: &str) -> &mut Self {
        let args = self.key(kind, attribute, key, id);
        let [_, _, attribute, ..] = args;
        self.push(index::CLAIM, &args, Expect::Unique(attribute))
    }

    /// Releases a unique key, if it is this record's.
    pub fn release(&mut self, kind: &str, attribute: &str, key: &[u8], id: &str) -> &mut Self {
        let args = self.key(kind, attribute, key, id);
        self.push(index::RELEASE, &args, Expect::Any)
    }

    /// Makes a record findable by a key. Twice is as good as once.
    pub fn index(&mut self, kind: &str, attribute: &str, key: &[u8], id: &str) -> &mut Self {
        let args = self.key(kind, attribute, key, id);
        self.push(index::INDEX, &args, Expect::Any)
    }

    /// Undoes [`Batch::index`].
    pub fn unindex(&mut self, kind: &str, attribute: &str, key: &[u8], id: &str) -> &mut Self {
        let args = self.key(kind, attribute, key, id);
        self.push(index::UNINDEX, &args, Expect::Any)
    }

    /// Draws an edge to a record of one of these kinds (at most [`LINK_KINDS_MAX`]), or refreshes what it shows.
    /// A target that does not exist is `Guard` on the relation.
    pub fn link(&mut self, relation: &str, source: &str, target: &str, target_kinds: &[&str]) -> &mut Self {
        let (relation, target) = (self.keep(relation), self.keep(target));
        let head = [relation, self.keep(source), Arg::Tenant, target];
        let (sql, places) = edge::link(target_kinds.len());
        let kinds = target_kinds.iter().take(LINK_KINDS_MAX).map(|kind| self.keep(kind)).collect::<Vec<_>>();
        let start = self.args.len();
        self.args.extend_from_slice(&head);
        // Places that are left over hold no kind, which is equal to nothing.
        self.args.extend(kinds.into_iter().chain(std::iter::repeat(Arg::Null)).take(places));
        self.step(sql, start, Expect::Guard(relation, target))
    }

    /// Removes an edge, if it is there.
    pub fn unlink(&mut self, relation: &str, source: &str, target: &str) -> &mut Self {
        let args = [Arg::Tenant, self.keep(relation), self.keep(source), self.keep(target)];
        self.push(edge::UNLINK, &args, Expect::Any)
    }

    /// Removes all edges from a source. The work grows with their number.
    pub fn unlink_all(&mut self, relation: &str, source: &str) -> &mut Self {
        let args = [Arg::Tenant, self.keep(relation), self.keep(source)];
        self.push(edge::UNLINK_SOURCE, &args, Expect::Any)
    }

    /// Forgets the target of a relation, when it is deleted: removes the edges to it. The records of `source_kind` that pointed
    /// to it get a new version, since what they show changed.
    pub fn forget(&mut self, relation: &str, source_kind: &str, id: &str, modified: i64) -> &mut Self {
        let (relation, id) = (self.keep(relation), self.keep(id));
        let sources = [Arg::Int(modified), Arg::Tenant, self.keep(source_kind), relation, id];
        self.push(edge::TOUCH_SOURCES, &sources, Expect::Any).push(
            edge::UNLINK_TARGET,
            &[Arg::Tenant, relation, id],
            Expect::Any,
        )
    }

    /// Renews what the edges to a target show, when it is renamed.
    pub fn redisplay(&mut self, relation: &str, target: &str, display: &str) -> &mut Self {
        let args = [self.keep(display), Arg::Tenant, self.keep(relation), self.keep(target)];
        self.push(edge::REDISPLAY, &args, Expect::Any)
    }
}

/// Building: everything else.
impl Batch {
    /// Sets a setting of the tenant.
    pub fn setting(&mut self, name: &str, value: &str) -> &mut Self {
        let args = [Arg::Tenant, self.keep(name), self.keep(value)];
        self.push(setting::SET, &args, Expect::Any)
    }

    /// Sets a setting of the tenant that was `known` when it was read, or was not there. `Changed` when somebody else set
    /// it since: of several who read the same, one sets it.
    pub fn setting_after(&mut self, known: Option<&str>, name: &str, value: &str) -> &mut Self {
        let (name, value) = (self.keep(name), self.keep(value));
        match known {
            None => self.push(setting::ADD, &[Arg::Tenant, name, value], Expect::Same),
            Some(known) => {
                let args = [value, Arg::Tenant, name, self.keep(known)];
                self.push(setting::CHANGE, &args, Expect::Same)
            }
        }
    }

    /// Removes a setting, if it is there.
    pub fn unset(&mut self, name: &str) -> &mut Self {
        let args = [Arg::Tenant, self.keep(name)];
        self.push(setting::UNSET, &args, Expect::Any)
    }

    /// Says that the tenant's own kinds changed, see [`crate::Tenant::kinds`]. `Missing` when they are no longer what
    /// they were at `known`, or when the tenant is gone.
    pub fn bump_kinds(&mut self, known: i64) -> &mut Self {
        self.revoking().push(tenant::BUMP_KINDS, &[Arg::Tenant, Arg::Int(known)], Expect::Row)
    }

    /// Inserts a token. A hash or id that is taken is `Unique` on `id`.
    pub fn token_insert(&mut self, new: &NewToken<'_>) -> &mut Self {
        let id = self.keep("id");
        let args = [
            Arg::Tenant,
            self.keep_bytes(new.hash),
            self.keep(new.id),
            self.keep(new.connection),
            self.keep(new.kind),
            self.keep(new.mode),
            self.keep(new.name),
            self.keep_maybe(new.provider),
            self.keep(new.settings),
            self.keep_maybe(new.subject),
            Arg::Int(new.created),
            self.keep(new.created_by),
            new.expires.map_or(Arg::Null, Arg::Int),
        ];
        self.push(token::INSERT, &args, Expect::Unique(id))
    }

    /// Deletes a token: it is refused from the moment of the commit. `Missing` when it is not there.
    pub fn token_delete(&mut self, id: &str) -> &mut Self {
        let args = [Arg::Tenant, self.keep(id)];
        self.revoking().push(token::DELETE, &args, Expect::Row)
    }

    /// Gives a token another end, in milliseconds since the Unix epoch, or none. `Missing` when it is not there.
    pub fn token_expires(&mut self, id: &str, expires: Option<i64>) -> &mut Self {
        let args = [expires.map_or(Arg::Null, Arg::Int), Arg::Tenant, self.keep(id)];
        self.revoking().push(token::EXPIRES, &args, Expect::Row)
    }

    /// Replaces a token's settings (JSON object). `Missing` when it is not there.
    pub fn token_settings(&mut self, id: &str, settings: &str) -> &mut Self {
        let args = [self.keep(settings), Arg::Tenant, self.keep(id)];
        self.revoking().push(token::SETTINGS, &args, Expect::Row)
    }

    /// Notes that a token was used; an earlier time than the one noted, or a token that is gone, changes nothing.
    pub fn token_used(&mut self, id: &str, at: i64) -> &mut Self {
        let args = [Arg::Int(at), Arg::Tenant, self.keep(id)];
        self.push(token::USED, &args, Expect::Any)
    }

    /// Adds an entry to the tenant's audit chain.
    pub fn audit(&mut self, entry: &Entry<'_>) -> &mut Self {
        let args = [
            Arg::Int(entry.at),
            self.keep(entry.actor),
            self.keep(entry.verb),
            self.keep(entry.kind),
            self.keep(entry.id),
            self.keep_bytes(entry.before.map_or(&[], |hash| hash.as_slice())),
            self.keep_bytes(entry.after.map_or(&[], |hash| hash.as_slice())),
            self.keep(entry.trace),
        ];
        let args = self.args_of(&args);
        self.steps.push(Step::Entry { args });
        self
    }

    /// Adds an event to the tenant's outbox, if anybody [listens](Batch::listen) to it.
    pub fn event(&mut self, topic: &str, payload: &str, at: i64) -> &mut Self {
        let args = [Arg::Int(at), self.keep(topic), self.keep(payload)];
        let args = self.args_of(&args);
        self.steps.push(Step::Event { args });
        self
    }

    /// From this commit on so many more listen to the tenant's events, or fewer.
    pub fn listen(&mut self, more: i64) -> &mut Self {
        self.steps.push(Step::Listen { more });
        self
    }

    /// Removes the events up to and with this sequence: they were delivered.
    pub fn delivered(&mut self, through: i64) -> &mut Self {
        self.push(outbox::DELIVERED, &[Arg::Tenant, Arg::Int(through)], Expect::Any);
        self.push(outbox::NOTE, &[Arg::Int(through), Arg::Tenant], Expect::Any)
    }

    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// Building: from inside the crate.
impl Batch {
    pub(crate) fn push(&mut self, sql: &'static str, args: &[Arg], expect: Expect) -> &mut Self {
        let start = self.args.len();
        self.args.extend_from_slice(args);
        self.step(sql, start, expect)
    }

    /// From here on it may be committed though its tenant is gone.
    pub(crate) fn clearing(&mut self) -> &mut Self {
        self.clears = true;
        self
    }

    /// It changes what [`crate::Store::authenticate`] finds.
    pub(crate) fn revoking(&mut self) -> &mut Self {
        self.revokes = true;
        self
    }

    /// A NUL, which PostgreSQL's text cannot hold, is kept as a replacement character in every database.
    pub(crate) fn keep(&mut self, text: &str) -> Arg {
        let start = self.text.len();
        for (number, part) in text.split('\0').enumerate() {
            if number > 0 {
                self.text.push(char::REPLACEMENT_CHARACTER);
            }
            self.text.push_str(part);
        }
        Arg::Text(Span { start, end: self.text.len() })
    }

    fn step(&mut self, sql: &'static str, start: usize, expect: Expect) -> &mut Self {
        let args = Span { start, end: self.args.len() };
        self.steps.push(Step::Statement { sql, args, expect });
        self
    }

    fn args_of(&mut self, args: &[Arg]) -> Span {
        let start = self.args.len();
        self.args.extend_from_slice(args);
        Span { start, end: self.args.len() }
    }

    fn keep_maybe(&mut self, text: Option<&str>) -> Arg {
        text.map_or(Arg::Null, |text| self.keep(text))
    }

    fn keep_bytes(&mut self, bytes: &[u8]) -> Arg {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Arg::Bytes(Span { start, end: self.bytes.len() })
    }

    fn key(&mut self, kind: &str, attribute: &str, key: &[u8], id: &str) -> [Arg; 5] {
        [Arg::Tenant, self.keep(kind), self.keep(attribute), self.keep_bytes(key), self.keep(id)]
    }
}

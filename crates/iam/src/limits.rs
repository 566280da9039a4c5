//! The limit of every input, by name. Each is announced or answered with a clear error; none is silent.

use scim::{admit, filter, patch, schema};

/// Largest request body, in bytes. A group of 100,000 members is about 10 MB.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most bytes of a body that is too large that are read and thrown away, so that a client that reads only when it has sent
/// everything learns why it is refused. Who sends more is cut off.
pub const BODY_DISCARD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Deepest nesting of a JSON body. Clients need 8.
pub const BODY_DEPTH_MAX: usize = 32;
/// Longest request target, in bytes.
pub const TARGET_BYTES_MAX: usize = 16 * 1024;
/// Longest string of a resource, or of a body of `/v1`, in bytes. A certificate is about 4 KB, a picture is a link.
pub const STRING_BYTES_MAX: usize = 64 * 1024;
/// Most values of one multi-valued attribute that is kept in the document. Members of a group are not.
pub const VALUES_MAX: usize = 1_000;
/// Largest resource as it is kept, in bytes. Members of a group do not count.
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// Longest `externalId`, and longest name of what a resource refers to, in bytes.
pub const ID_BYTES_MAX: usize = 256;
/// Longest user name or other unique value, in bytes.
pub const UNIQUE_BYTES_MAX: usize = 512;
/// Longest index key, in bytes; what is longer is found by its beginning and then compared whole.
pub const KEY_BYTES_MAX: usize = 128;
/// Longest filter, in bytes.
pub const FILTER_BYTES_MAX: usize = 8 * 1024;
/// Deepest nesting of a filter. Clients need 3; a recursive attack needs more.
pub const FILTER_DEPTH_MAX: usize = 16;
/// Most comparisons in a filter.
pub const FILTER_TERMS_MAX: usize = 200;
/// Most resources that one query may examine where no index answers it.
pub const SCAN_MAX: usize = 50_000;
/// Most members and groups that one query may look at where no index answers it.
pub const SCAN_EDGES_MAX: usize = 200_000;
/// Most resources of one page.
pub const PAGE_MAX: usize = 1_000;
/// Resources of a page when the client does not say.
pub const PAGE_DEFAULT: usize = 100;
/// Most members that one page of groups may carry; a page ends early rather than exceed it.
pub const PAGE_MEMBERS_MAX: usize = 200_000;
/// How long a cursor is good, in seconds.
pub const CURSOR_SECONDS: u64 = 3_600;
/// Longest cursor, in bytes.
pub const CURSOR_BYTES_MAX: usize = 2_048;
/// Most operations of one PATCH.
pub const PATCH_OPERATIONS_MAX: usize = 1_000;
/// Most comparisons of values with values that the operations of one PATCH may need. A thousand operations that each look
/// through a thousand values need a million.
pub const PATCH_COMPARISONS_MAX: usize = 4_000_000;
/// Most operations of one bulk request.
pub const BULK_OPERATIONS_MAX: usize = 1_000;
/// Largest bulk request, in bytes.
pub const BULK_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most groups or roles, direct and through groups, that a user is shown with, and most resources of a resource type.
pub const GROUPS_MAX: u32 = 10_000;
/// Most others that one resource may refer to in its document.
pub const REFERENCES_MAX: usize = 1_000;
/// Most groups above a group that are looked at when another one becomes its member, so that none comes to be in itself.
pub const NESTING_EXAMINED_MAX: u64 = 10_000;
/// Most policies that are deleted with their subject; a subject of more stays until some are deleted.
pub const BELONGINGS_MAX: usize = 1_000;
/// How deep the resources that a resource refers to are shown: of a role its permissions, their actions and resources, and
/// the types of these.
pub const EXPANSION_DEPTH_MAX: usize = 3;
/// Most references of one answer that are shown with what they refer to; further ones are shown by id and URI.
pub const EXPANSIONS_MAX: usize = 10_000;
/// Longest slug, in bytes.
pub const SLUG_BYTES_MAX: usize = 100;
/// Most resources that are given the same slug but for a number at its end; that of further ones ends in letters and digits
/// drawn at random.
pub const SLUG_NUMBER_MAX: usize = 10;
/// Longest id that a client may choose for a resource, in bytes.
pub const CHOSEN_ID_BYTES_MAX: usize = 128;
/// Longest name of an action that is granted or asked for, in bytes.
pub const ACTION_BYTES_MAX: usize = 256;
/// Longest scope, in bytes.
pub const SCOPE_BYTES_MAX: usize = 1_024;
/// Most segments of a scope's path.
pub const SCOPE_SEGMENTS_MAX: usize = 32;
/// Most groups of a subject, direct and through others, that a decision walks; for what lies behind further ones nothing is allowed.
pub const DECISION_GROUPS_MAX: usize = 10_000;
/// Most decisions that are asked for in one message.
pub const EVALUATIONS_MAX: usize = 1_000;
/// Most decisions of one message that are explained.
pub const EXPLANATIONS_MAX: usize = 20;
/// Most ways to a grant that an explanation shows; it says when there are more.
pub const EXPLANATION_PATHS_MAX: usize = 20;
/// Most steps that are taken in search of these ways.
pub const EXPLANATION_STEPS_MAX: usize = 20_000;
/// Most others who could, that an explanation of a denial names.
pub const EXPLANATION_OTHERS_MAX: usize = 10;
/// Most subjects that are looked at to find these others.
pub const EXPLANATION_EXAMINED_MAX: usize = 1_000;
/// Most results of one page of a search for subjects, resources or actions.
pub const RESULTS_MAX: usize = 1_000;
/// Most candidates that one such page examines; it ends early rather than go on.
pub const RESULTS_EXAMINED_MAX: usize = 10_000;
/// Most memory that the access graphs of all tenants may take, in bytes: about ten million roles of users. Those that were
/// not used for longest make room; a tenant that needs more alone is answered nothing.
pub const GRAPHS_BYTES_MAX: usize = 1024 * 1024 * 1024;
#[expect(clippy::cast_possible_truncation, reason = "a fraction of a second")]
/// Longest that a decision may go by what was so before another node, or a command, has changed it, in milliseconds. That a token
/// was revoked, a tenant deleted or a schema defined is answered when it is so on every node.
pub const LATELY_MILLISECONDS: u64 = store::LATELY.as_millis() as u64;
/// How long a graph that nobody asks is kept, in seconds.
pub const GRAPH_IDLE_SECONDS: u64 = 900;
/// Most changes that a graph follows one by one; after more it is built anew.
pub const GRAPH_CHANGES_MAX: usize = 10_000;
/// Most memberships that were changed here and wait for a question, per tenant; what is beyond is read anew.
pub const GRAPH_WAITING_MAX: usize = 100_000;
/// Longest text that a list of subjects, members, roles or tokens is searched for, in bytes.
pub const SEARCH_BYTES_MAX: usize = 256;
/// Most subjects that one request makes members of a group or role, or takes out.
pub const MEMBERS_CHANGED_MAX: usize = 1_000;
/// Most permissions of one subject that are listed; a list that leaves some out says so.
pub const PERMISSIONS_MAX: usize = 20_000;
/// Most actions of one tree; a part of a larger one is asked for by `under`.
pub const ACTIONS_SHOWN_MAX: usize = 10_000;
/// Longest password, in bytes; hashing costs time in proportion.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Most passwords that wait to be hashed; more are turned away for a moment.
pub const PASSWORD_QUEUE_MAX: usize = 256;
/// Most entity tags in an `If-Match` or `If-None-Match` header.
pub const ETAGS_MAX: usize = 64;
/// Longest name of a tenant, in bytes.
pub const TENANT_NAME_BYTES_MAX: usize = 63;
/// Longest name of a token, a provider scheme or the like, in bytes.
pub const NAME_BYTES_MAX: usize = 200;
/// Longest life of a token, in days.
pub const TOKEN_DAYS_MAX: u32 = 3_650;
/// Longest time a replaced token stays good beside its successor, in hours.
pub const TOKEN_OVERLAP_HOURS_MAX: u32 = 24 * 30;
/// Most that is looked at in search of an administrator who is left: members of the role and of groups that have it.
pub const ADMINISTRATORS_EXAMINED_MAX: usize = 1_000;
/// Most actions that a token is narrowed to.
pub const TOKEN_ACTIONS_MAX: usize = 100;
/// Most tokens of a tenant.
pub const TOKENS_MAX: u64 = 10_000;
/// Most identity providers of a tenant; a list holds them all.
pub const PROVIDERS_MAX: u64 = 1_000;
/// Most event streams of a tenant.
pub const STREAMS_MAX: u64 = 16;
/// Most events that are held for a stream whose receiver does not take them; then the oldest are given up.
pub const EVENTS_HELD_MAX: i64 = 100_000;
/// Most events of one stream that a node takes at a time.
pub const EVENTS_TAKEN_MAX: u64 = 100;
/// Most events that a stream asks for by name.
pub const EVENTS_REQUESTED_MAX: usize = 100;
/// Longest URL to which events are sent, and longest URI of an event, in bytes.
pub const URL_BYTES_MAX: usize = 2_048;
/// Longest `Authorization` header with which events are sent, in bytes.
pub const AUTHORIZATION_BYTES_MAX: usize = 4_096;
/// Longest description or reason of an event stream, and longest state of its verification, in bytes.
pub const REASON_BYTES_MAX: usize = 1_024;
/// Most schemas and resource types that a tenant may define.
pub const SCHEMAS_MAX: u64 = 100;
/// Most attributes and sub-attributes of one schema.
pub const SCHEMA_ATTRIBUTES_MAX: usize = 200;
/// Longest name of an attribute or of a schema, in bytes.
pub const SCHEMA_NAME_BYTES_MAX: usize = 128;
/// Most indexed attributes of one schema that a tenant defines; each costs a row at every write.
pub const SCHEMA_INDEXED_MAX: usize = 8;
/// Longest that one request waits for a PostgreSQL server that has fallen silent, in seconds: ten for a connection (or
/// `connect_timeout` for each host, if that is more), then fifteen for a commit or ten for a read. Then it is answered 503.
pub const DATABASE_SECONDS_MAX: u64 = 25;
/// Most writes of one resource that wait for their turn after they met; more are turned away for a moment.
pub const QUEUE_MAX: usize = 256;
/// Most times a write that met another one is planned anew. In its turn it meets those of other processes alone, and one of
/// those that meet always wins.
pub const RETRIES_MAX: u32 = 16;

const _: () = assert!(DATABASE_SECONDS_MAX == store::SILENCE_SECONDS_MAX);

/// The limits of a document.
pub const ADMIT: admit::Limits =
    admit::Limits { values: VALUES_MAX, string_bytes: STRING_BYTES_MAX, id_bytes: ID_BYTES_MAX };
/// The limits of a scope.
pub const SCOPE: authz::scope::Limits =
    authz::scope::Limits { bytes: SCOPE_BYTES_MAX, segments: SCOPE_SEGMENTS_MAX };
/// The limits of a message that asks for decisions.
pub const AUTHZEN: authz::authzen::Limits = authz::authzen::Limits {
    action_bytes: ACTION_BYTES_MAX,
    id_bytes: SCOPE_BYTES_MAX,
    evaluations: EVALUATIONS_MAX,
    page: RESULTS_MAX,
    token_bytes: CURSOR_BYTES_MAX,
};
/// How far a decision or a search looks.
pub const DECISION: authz::Limits = authz::Limits {
    groups: DECISION_GROUPS_MAX,
    paths: EXPLANATION_PATHS_MAX,
    steps: EXPLANATION_STEPS_MAX,
    others: EXPLANATION_OTHERS_MAX,
    examined: RESULTS_EXAMINED_MAX,
};
/// How far an explanation looks.
pub const EXPLANATION: authz::Limits = authz::Limits { examined: EXPLANATION_EXAMINED_MAX, ..DECISION };
/// The limits of a filter.
pub const FILTER: filter::Limits =
    filter::Limits { bytes: FILTER_BYTES_MAX, depth: FILTER_DEPTH_MAX, terms: FILTER_TERMS_MAX };
/// The limits of a PATCH.
pub const PATCH: patch::Limits = patch::Limits { filter: FILTER, comparisons: PATCH_COMPARISONS_MAX };
/// The limits of a schema that a tenant defines.
pub const SCHEMA: schema::Limits =
    schema::Limits { attributes: SCHEMA_ATTRIBUTES_MAX, name_bytes: SCHEMA_NAME_BYTES_MAX };

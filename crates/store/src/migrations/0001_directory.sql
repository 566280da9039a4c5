-- The directory: tenants, their records, the rows derived from records, tokens, audit, outbox.
-- Every table is keyed by tenant first, so that it can be sharded by tenant.
-- Times are milliseconds since the Unix epoch. Keys are made in Rust; a database only compares bytes.

create table tenant (
  tenant bigint not null primary key,
  name text not null unique,
  created bigint not null,
  -- bumped whenever the tenant's own schemas or resource types change
  kinds bigint not null default 0
) {clustered};

create table record (
  tenant bigint not null,
  kind text not null,
  id text not null,
  version bigint not null,
  created bigint not null,
  modified bigint not null,
  -- what a reference to this record shows
  display text not null,
  -- the JSON object that is sent, without what is derived when it is read
  document text not null,
  -- JSON object: connection -> the externalId it gave (or null)
  connections text,
  -- values that are never returned (a password hash, a client secret): JSON object
  secret text,
  primary key (tenant, kind, id)
);
create index record_modified on record (tenant, kind, modified, id);

create table unique_key (
  tenant bigint not null,
  kind text not null,
  attribute text not null,
  key {bytes} not null,
  id text not null,
  primary key (tenant, kind, attribute, key)
) {clustered};

create table attr_index (
  tenant bigint not null,
  kind text not null,
  attribute text not null,
  key {bytes} not null,
  id text not null,
  primary key (tenant, kind, attribute, key, id)
) {clustered};

create table edge (
  tenant bigint not null,
  relation text not null,
  source text not null,
  target text not null,
  target_kind text not null,
  display text not null,
  primary key (tenant, relation, source, target)
) {clustered};
create index edge_reverse on edge (tenant, relation, target, source);

create table counter (
  tenant bigint not null,
  kind text not null,
  live bigint not null,
  -- how many changes moved later records to another position (deletions, ids that are not the newest)
  shifts bigint not null,
  primary key (tenant, kind)
) {clustered};

create table token (
  tenant bigint not null,
  hash {bytes} not null,
  id text not null,
  -- whose externalIds it sees; a token made by rotation keeps the connection of the one it replaces
  connection text not null,
  kind text not null,
  mode text not null,
  name text not null,
  provider text,
  -- JSON object: dialect, what happens on a match with an inactive resource
  settings text not null,
  -- the user the token stands for
  subject text,
  created bigint not null,
  created_by text not null,
  expires bigint,
  last_used bigint,
  primary key (tenant, hash),
  unique (tenant, id)
) {clustered};

create table audit (
  tenant bigint not null,
  sequence bigint not null,
  at bigint not null,
  actor text not null,
  verb text not null,
  kind text not null,
  id text not null,
  -- SHA-256 of the record before and after; empty where there is none
  before {bytes} not null,
  after {bytes} not null,
  trace text not null,
  previous {bytes} not null,
  hash {bytes} not null,
  primary key (tenant, sequence)
) {clustered};

-- Where a tenant's audit chain and outbox end. The next entry is linked to this row, so a chain that lost
-- its last entries shows it, and a delivered event's number is never given again.
create table head (
  tenant bigint not null primary key,
  audit bigint not null,
  hash {bytes} not null,
  outbox bigint not null
) {clustered};

create table outbox (
  tenant bigint not null,
  sequence bigint not null,
  at bigint not null,
  topic text not null,
  payload text not null,
  primary key (tenant, sequence)
) {clustered};

create table setting (
  tenant bigint not null,
  name text not null,
  value text not null,
  primary key (tenant, name)
) {clustered};

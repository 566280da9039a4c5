-- PostgreSQL alone. A plan is made when a connection first runs a statement, perhaps on empty tables, where every index
-- looks as good as any other. So the tables are shown to the planner as they are at worst: all rows of one tenant, one
-- kind and one relation, so that only ids and keys tell them apart. What is put in is taken out again; the statistics stay
-- until the first real ones.

insert into tenant select n, 'tenant' || n, n from generate_series(1, 400) n;

insert into record select 1, 'kind', md5('record' || n), 1, n, n, '', '{}'
  from generate_series(1, 2000) n;

insert into unique_key select 1, 'kind', 'attribute', decode(md5('key' || n), 'hex'), md5('record' || n)
  from generate_series(1, 2000) n;

insert into attr_index select 1, 'kind', 'attribute', decode(md5('key' || n % 500), 'hex'), md5('record' || n)
  from generate_series(1, 2000) n;

insert into edge select 1, 'relation', md5('record' || n % 200), md5('record' || n % 199), 'kind', ''
  from generate_series(1, 2000) n;

insert into token select 1, decode(md5('token' || n), 'hex'), md5('record' || n), 'connection', 'kind', 'mode', 'name',
  'provider', '{}', null, n, 'by' from generate_series(1, 400) n;

insert into audit select 1, n, n, 'actor', 'verb', 'kind', 'id', '', '', 'trace', '', '' from generate_series(1, 2000) n;

insert into outbox select 1, n, n, 'topic', 'payload' from generate_series(1, 400) n;

insert into counter select n, 'kind', 1, 1 from generate_series(1, 400) n;

insert into head select n, 1, '', 1 from generate_series(1, 400) n;

insert into setting select 1, md5('setting' || n), 'value' from generate_series(1, 400) n;

analyze tenant, record, unique_key, attr_index, edge, token, audit, outbox, counter, head, setting;
-- Within a savepoint the tables forget how many rows they had, and count as tables that are about to grow.
savepoint emptied;
truncate tenant, record, unique_key, attr_index, edge, token, audit, outbox, counter, head, setting;
release emptied;

-- Defence in depth: whoever forgets a condition still sees and changes the rows of one tenant only, the one that the
-- connection says it is about; the tables' owner too. It is an equality, so that the planner compares it once with the
-- statement's own. Who says nothing is refused.
do $$
declare
  held text;
begin
  foreach held in array array['record', 'unique_key', 'attr_index', 'edge', 'counter', 'token', 'audit', 'outbox', 'setting']
  loop
    execute format('create policy tenant on %I using (tenant = current_setting(''durward.tenant'')::bigint)', held);
  end loop;
  -- The installation, 0, finds and makes tenants, and knows which have an audit chain.
  foreach held in array array['tenant', 'head']
  loop
    execute format('create policy tenant on %I using (current_setting(''durward.tenant'')::bigint in (tenant, 0))', held);
  end loop;
  foreach held in array array['record', 'unique_key', 'attr_index', 'edge', 'counter', 'token', 'audit', 'outbox', 'setting',
    'tenant', 'head']
  loop
    execute format('alter table %I enable row level security, force row level security', held);
  end loop;
end
$$;

-- Stand-ins for the functions of Citus that docs/guides/sharding.md calls, for a PostgreSQL without it. They distribute nothing.
-- They refuse what its documentation says cannot be distributed: a table without the column, or with a unique index
-- without it; and rows that are to lie together though they are told apart by columns of different types.

create table distributed (name regclass primary key, kind regtype);
grant all on distributed to public;

create function create_reference_table(name regclass) returns void language sql as $$
  insert into distributed values (name, null)
$$;

create function create_distributed_table(
  name regclass, by text, distribution_type text default 'hash', colocate_with text default 'default'
) returns void language plpgsql as $$
declare
  found pg_attribute;
  together regtype;
begin
  select * into found from pg_attribute where attrelid = name and attname = by and not attisdropped;
  if not found.attnum > 0 or found.attnum is null then
    raise 'table % has no column %', name, by;
  end if;
  if exists (select from pg_index where indrelid = name and indisunique and found.attnum <> all (indkey)) then
    raise 'table % has a unique index without %', name, by;
  end if;
  if colocate_with <> 'default' then
    select kind into together from distributed d where d.name = colocate_with::regclass;
    if together is null then
      raise 'table % is not distributed', colocate_with;
    elsif together <> found.atttypid then
      raise 'column % of % is of another type than that of %', by, name, colocate_with;
    end if;
  end if;
  insert into distributed values (name, found.atttypid);
end
$$;

create function isolate_tenant_to_new_shard(name regclass, tenant bigint, cascade_option text default '') returns bigint
language plpgsql as $$
begin
  if (select kind from distributed d where d.name = isolate_tenant_to_new_shard.name) is null then
    raise 'table % is not distributed', name;
  elsif cascade_option <> 'CASCADE' then
    raise 'other tables lie together with %', name;
  end if;
  return 1;
end
$$;

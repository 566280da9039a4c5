-- How many listen to a tenant's events: while nobody does, none are kept. And up to where they were delivered, so that the
-- tenants with something to deliver are found without looking into every outbox.

alter table head add column listeners bigint not null default 0;

alter table head add column delivered bigint not null default 0;

create index head_listeners on head (tenant) where listeners > 0;

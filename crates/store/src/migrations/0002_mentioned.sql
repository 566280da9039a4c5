-- The id of the record that a record mentions (a user's manager), so that both are read by one statement. What is mentioned
-- is looked up by what the document says where this is missing or another one: in rows that an earlier durward wrote.

alter table record add column mentioned text;

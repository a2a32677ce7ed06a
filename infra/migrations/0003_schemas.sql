-- The five schemas. `authenticator` may look into those whose entry functions it calls; what it may call there is granted
-- function by function, and no table is granted to it.
--
-- Definer functions say `set search_path = pg_catalog, pg_temp`: an empty path would still look for types and tables in
-- pg_temp first, where whoever calls may have put a domain named jsonb whose check then runs as the owner.
create schema identity;
create schema secrets;
create schema catalog;
create schema orchestration;
create schema registry;

grant usage on schema identity, secrets, orchestration to authenticator;
grant usage on schema identity, secrets, catalog, orchestration, registry to authenticated, service_role;
grant usage on schema identity, catalog, registry to anon;

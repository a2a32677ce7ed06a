-- Run once by the image of Postgres, as its superuser, on an empty volume: who there is, as Supabase has them. The migrations
-- find these roles and leave them as they are (infra/migrations/0001_roles.sql).
--
-- Passwords come from the environment and stand in no file of the repository.
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\getenv authenticator_password AUTHENTICATOR_PASSWORD
set password_encryption = 'scram-sha-256';

-- Owns what the migrations make. It is no superuser; row-level security is forced on its own tables too, hence bypassrls.
create role owner login nosuperuser createrole bypassrls password :'owner_password';

create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit;

-- The server logs in as this one, which may do nothing by itself. What nobody waits for any more must not hold locks.
create role authenticator login noinherit password :'authenticator_password';
alter role authenticator set statement_timeout = '10s';
alter role authenticator set idle_in_transaction_session_timeout = '30s';
grant anon, authenticated, service_role to authenticator;

alter database tools owner to owner;
revoke all on database tools from public;
grant connect on database tools to authenticator;
\connect tools
revoke all on schema public from public;

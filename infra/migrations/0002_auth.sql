-- Who is asking, as Supabase's `auth` schema tells it: the claims of the verified token stand in the setting
-- `request.jwt.claims` for the length of a transaction. On Supabase the schema is there and stays untouched; elsewhere
-- this stands in for the two functions that policies need.
--
-- After a local setting has ended it reads as '', not as null: hence nullif.
do $$
begin
    if not exists (select from pg_namespace n where n.nspname = 'auth') then
        create schema auth;
        grant usage on schema auth to anon, authenticated, service_role;
    end if;
    if to_regprocedure('auth.jwt()') is null then
        create function auth.jwt() returns jsonb language sql stable
        return nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    end if;
    if to_regprocedure('auth.uid()') is null then
        create function auth.uid() returns uuid language sql stable
        return (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;
    end if;
end
$$;

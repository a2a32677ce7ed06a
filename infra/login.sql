-- Gives the functions a login of their own, with what `authenticator` may do and no more. For Supabase, where nobody may change
-- that role or become its member (docs/deploy.md). Run it as the owner, after each migration: new functions are granted to
-- `authenticator` alone. The login is made without a password when it is not there.
do $$
declare
    login constant text := 'tools_login';
    held record;
begin
    if not exists (select from pg_roles r where r.rolname = login) then
        execute format('create role %I login noinherit', login);
    end if;
    -- What nobody waits for any more must not hold locks.
    execute format('alter role %I set statement_timeout = %L', login, '10s');
    execute format('alter role %I set idle_in_transaction_session_timeout = %L', login, '30s');
    execute format('grant anon, authenticated, service_role to %I', login);
    for held in
        select format('usage on schema %I', n.nspname) as what
        from pg_namespace n
        cross join lateral aclexplode(n.nspacl) a
        where a.grantee = 'authenticator'::regrole
          and n.nspname in ('identity', 'catalog', 'orchestration', 'secrets')
        union all
        select format('execute on function %s', p.oid::regprocedure)
        from pg_proc p
        cross join lateral aclexplode(p.proacl) a
        where a.grantee = 'authenticator'::regrole
          and p.pronamespace in (
              select n.oid
              from pg_namespace n
              where n.nspname in ('identity', 'catalog', 'orchestration', 'secrets')
          )
    loop
        execute format('grant %s to %I', held.what, login);
    end loop;
end
$$;

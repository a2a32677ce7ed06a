-- Roles. A request logs in as `authenticator`, which may do nothing by itself, and is `authenticated`, `anon` or
-- `service_role` inside a transaction only. The names are Supabase's: there they exist and stay untouched.
--
-- Roles belong to the cluster, not to the database, so two databases may be migrated at the same time: whoever comes
-- second finds the role there, or finds it while creating it.
do $$
declare
    wanted record;
begin
    if current_setting('server_version_num')::int < 150000 then
        raise exception 'PostgreSQL 15 or later is needed (views with security_invoker)';
    end if;
    if not (select r.rolsuper or r.rolbypassrls from pg_roles r where r.rolname = current_user) then
        raise exception 'the migrating role needs BYPASSRLS (or to be superuser), because row-level security is forced on '
            'the tables it will own, and a few of its functions look across tenants';
    end if;

    for wanted in
        select w.name, w.attributes
        from (values
            ('anon', 'nologin noinherit'),
            ('authenticated', 'nologin noinherit'),
            ('service_role', 'nologin noinherit'),
            ('authenticator', 'login noinherit')
        ) as w (name, attributes)
    loop
        begin
            if not exists (select from pg_roles r where r.rolname = wanted.name) then
                execute format('create role %I %s', wanted.name, wanted.attributes);
                if wanted.name = 'authenticator' then
                    -- What nobody waits for any more must not hold locks.
                    alter role authenticator set statement_timeout = '10s';
                    alter role authenticator set idle_in_transaction_session_timeout = '30s';
                end if;
            end if;
        exception when duplicate_object or unique_violation then
            null;
        end;
    end loop;

    for wanted in
        select w.name from (values ('anon'), ('authenticated'), ('service_role')) as w (name)
    loop
        begin
            if not exists (
                select
                from pg_auth_members m
                where m.roleid = wanted.name::regrole
                  and m.member = 'authenticator'::regrole
            ) then
                execute format('grant %I to authenticator', wanted.name);
            end if;
        exception when duplicate_object or unique_violation then
            null;
        end;
    end loop;
end
$$;

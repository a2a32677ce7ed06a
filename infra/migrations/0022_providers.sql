-- Secrets whose values live outside Postgres (AWS Secrets Manager). Two stores cannot change in one commit, so a row says
-- how far it got: `pending` before the first value is stored outside, `ready`, `deleting` until the value outside is gone.
-- Only ready rows are seen or used. Whoever is at work holds the row until settling_until; later, anybody may finish it.
alter table secrets.secrets
    add column state text not null default 'ready' check (state in ('pending', 'ready', 'deleting')),
    add column attempt uuid,
    add column settling_until timestamptz,
    add constraint secrets_settling_whole check (
        num_nulls(attempt, settling_until) in (0, 2) and (state = 'ready' or attempt is not null)
    );
create index secrets_unfinished on secrets.secrets (settling_until) where state <> 'ready';

grant select (state, attempt, settling_until, reference), insert (state, attempt, settling_until),
    update (state, attempt, settling_until)
    on secrets.secrets to authenticated;
-- The sweep finishes what was killed midway. It never sees a sealed value.
grant select (id, workspace_id, name, provider, reference, state, attempt, settling_until),
    update (state, attempt, settling_until),
    delete
    on secrets.secrets to service_role;

-- Members see in which of the named stores a secret is; only admins change them.
create policy member_reads on secrets.secret_providers for select to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]));

-- As before, but of ready secrets only.
create or replace function secrets.fetch_for_use(
    claims text, workspace uuid, names text[], tool_id text, execution_id uuid, host text
) returns table (
    id uuid, name text, provider text, version int, nonce bytea, ciphertext bytea, allowed_hosts text[], reference text,
    data_key_id uuid, wrapped bytea, master_key_id text
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform set_config('request.jwt.claims', claims, true);
    if not workspace = any (identity.reach('member')) then
        raise exception 'secrets are used by members' using errcode = 'insufficient_privilege';
    end if;
    -- To the minute, and never waiting for another call of the same tool.
    update secrets.secrets s
    set last_used_at = now()
    where s.id in (
        select x.id
        from secrets.secrets x
        where x.workspace_id = workspace
          and x.name = any (names)
          and x.state = 'ready'
          and (x.last_used_at is null or x.last_used_at < now() - interval '1 minute')
        for update skip locked
    );
    return query
    with found as (
        select s.id, s.name, s.provider, s.version, s.nonce, s.ciphertext, s.allowed_hosts, s.reference, s.data_key_id,
               k.wrapped, k.master_key_id
        from secrets.secrets s
        left join secrets.data_keys k on k.workspace_id = s.workspace_id and k.id = s.data_key_id
        where s.workspace_id = workspace
          and s.name = any (names)
          and s.state = 'ready'
    ), audited as (
        insert into secrets.audit (workspace_id, action, subject_kind, subject, detail)
        select workspace, 'secret.use', 'secret', f.name,
               json_build_object('tool_id', tool_id, 'execution_id', execution_id, 'host', host, 'version', f.version)
        from found f
    )
    select f.id, f.name, f.provider, f.version, f.nonce, f.ciphertext, f.allowed_hosts, f.reference, f.data_key_id,
           f.wrapped, f.master_key_id
    from found f
    order by f.name;
end
$$;

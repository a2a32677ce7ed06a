-- The audit: who used or changed which secret, key, member, publication. Rows are only ever added. It outlives the
-- workspace, so it has no foreign key.
--
-- Each workspace's rows form a hash chain, so that a removed or altered row shows. Writers never wait for the chain: the
-- sweep links the rows afterwards (seq, previous, hash), once, and that is the only change that a row ever sees.
create table secrets.audit (
    id bigint generated always as identity primary key,
    workspace_id uuid not null,
    at timestamptz not null default now(),
    actor uuid default auth.uid(),
    key_id uuid default identity.key_id(),
    action text not null check (action ~ '^[a-z_]+(\.[a-z_]+)+$'),
    subject_kind text not null check (char_length(subject_kind) between 1 and 64),
    subject text not null check (char_length(subject) <= 512),
    detail json not null default '{}',
    seq bigint check (seq >= 1),
    previous bytea check (octet_length(previous) = 32),
    hash bytea check (octet_length(hash) = 32),
    constraint audit_linked_whole check (num_nulls(seq, hash) in (0, 2))
);
create index audit_of_workspace on secrets.audit (workspace_id, id);
create index audit_actor on secrets.audit (actor);
create unique index audit_chain on secrets.audit (workspace_id, seq) where seq is not null;
create index audit_unlinked on secrets.audit (workspace_id, id) where seq is null;

create function secrets.keep_audit() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.seq is null and new.seq is not null
        and (new.id, new.workspace_id, new.at, new.action, new.subject_kind, new.subject, new.detail::text)
            = (old.id, old.workspace_id, old.at, old.action, old.subject_kind, old.subject, old.detail::text)
        and new.actor is not distinct from old.actor
        and new.key_id is not distinct from old.key_id
    then
        return new;
    end if;
    raise exception 'the audit is append-only' using errcode = 'insufficient_privilege';
end
$$;
revoke execute on function secrets.keep_audit() from public;
create trigger append_only before update or delete on secrets.audit for each row execute function secrets.keep_audit();
create trigger no_truncate before truncate on secrets.audit for each statement execute function secrets.keep_audit();

alter table secrets.audit enable row level security, force row level security;

create policy admin_reads on secrets.audit for select to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy member_appends on secrets.audit for insert to authenticated
    with check (actor = (select auth.uid()) and workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy system on secrets.audit to service_role using (true) with check (true);

grant select, insert (workspace_id, actor, action, subject_kind, subject, detail) on secrets.audit to authenticated;
grant select, insert (workspace_id, actor, action, subject_kind, subject, detail), update (seq, previous, hash)
    on secrets.audit to service_role;

-- The only way to a sealed value: says in the audit who uses which secret for what, and answers the values, in one
-- statement and so in one commit. Definer, because nobody is granted the sealed columns. Names without a secret are left
-- out; the caller knows what it asked for.
create function secrets.fetch_for_use(
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
revoke execute on function secrets.fetch_for_use(text, uuid, text[], text, uuid, text) from public;
grant execute on function secrets.fetch_for_use(text, uuid, text[], text, uuid, text) to authenticator;

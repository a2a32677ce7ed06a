-- API keys: what machines show instead of a session token. A key acts as its maker, in one workspace, with at most the
-- role it was given. Only the SHA-256 of its text is stored, and nobody may read even that.
create table identity.api_keys (
    id uuid primary key default gen_random_uuid(),
    workspace_id uuid not null references identity.workspaces on delete cascade,
    name text not null check (char_length(name) between 1 and 200),
    prefix text not null check (char_length(prefix) between 1 and 32),
    hash bytea not null constraint api_keys_hash_key unique check (octet_length(hash) = 32),
    role text not null check (role in ('viewer', 'member', 'admin', 'owner')),
    -- Narrower than the role; empty means all that the role may.
    scopes text[] not null default '{}',
    created_by uuid not null default auth.uid() references identity.profiles on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    -- To the minute: more often would make every call a write on one row.
    last_used_at timestamptz
);
create index api_keys_workspace on identity.api_keys (workspace_id, created_at);
create index api_keys_created_by on identity.api_keys (created_by);

alter table identity.api_keys enable row level security, force row level security;

create policy admin_reads on identity.api_keys for select to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]));
-- Nobody gives more than they have: an admin's key owns nothing.
create policy admin_inserts on identity.api_keys for insert to authenticated
    with check (
        created_by = (select auth.uid())
        and workspace_id = any ((select identity.reach('admin'))::uuid[])
        and (role <> 'owner' or workspace_id = any ((select identity.reach('owner'))::uuid[]))
    );
create policy admin_revokes on identity.api_keys for update to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy system on identity.api_keys to service_role using (true) with check (true);

grant select (id, workspace_id, name, prefix, role, scopes, created_by, created_at, expires_at, revoked_at, last_used_at),
    insert (workspace_id, name, prefix, hash, role, scopes, expires_at),
    update (name, revoked_at)
    on identity.api_keys to authenticated;
grant select (id, workspace_id, name, prefix, role, scopes, created_by, created_at, expires_at, revoked_at, last_used_at),
    update (revoked_at)
    on identity.api_keys to service_role;

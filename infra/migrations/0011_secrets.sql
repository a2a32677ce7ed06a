-- Sealed values. A secret's value is encrypted by its workspace's data key, which is itself wrapped by a master key that
-- the database never sees. The sealed columns are granted to nobody: they leave through secrets.fetch_for_use alone,
-- which writes the audit in the same statement.

create table secrets.secret_providers (
    id uuid primary key default gen_random_uuid(),
    workspace_id uuid not null references identity.workspaces on delete cascade,
    name text not null check (name ~ '^[a-z0-9_-]{1,64}$'),
    kind text not null check (kind in ('builtin', 'aws_secrets_manager', 'environment')),
    config json not null default '{}',
    created_by uuid default auth.uid() references identity.profiles on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint secret_providers_name_key unique (workspace_id, name),
    unique (workspace_id, id)
);
create index secret_providers_created_by on secrets.secret_providers (created_by);

create table secrets.data_keys (
    id uuid primary key,
    workspace_id uuid not null references identity.workspaces on delete cascade,
    wrapped bytea not null check (octet_length(wrapped) between 16 and 8192),
    -- Names the master key, or is the KMS key's ARN.
    master_key_id text not null check (char_length(master_key_id) between 1 and 2048),
    created_at timestamptz not null default now(),
    retired_at timestamptz,
    unique (workspace_id, id)
);
create unique index data_keys_current on secrets.data_keys (workspace_id) where retired_at is null;
create index data_keys_master_key on secrets.data_keys (master_key_id, id);

create table secrets.secrets (
    id uuid primary key,
    workspace_id uuid not null references identity.workspaces on delete cascade,
    name text collate "C" not null check (name ~ '^[A-Z][A-Z0-9_]{0,63}$'),
    provider text not null check (provider in ('builtin', 'aws_secrets_manager', 'environment')),
    provider_id uuid,
    version int not null default 1 check (version >= 1),
    nonce bytea check (octet_length(nonce) = 12),
    ciphertext bytea check (octet_length(ciphertext) between 16 and 131072),
    data_key_id uuid,
    reference text check (char_length(reference) <= 2048),
    -- Hosts that the value may be sent to. Empty: bound to the host of the first tool that an admin saves with it.
    allowed_hosts text[] not null default '{}' check (cardinality(allowed_hosts) <= 64),
    created_by uuid default auth.uid() references identity.profiles on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_used_at timestamptz,
    constraint secrets_name_key unique (workspace_id, name),
    constraint secrets_value_somewhere check (
        case when provider = 'builtin'
            then num_nulls(nonce, ciphertext, data_key_id) = 0 and reference is null
            else num_nonnulls(nonce, ciphertext, data_key_id) = 0 and reference is not null
        end
    ),
    foreign key (workspace_id, provider_id) references secrets.secret_providers (workspace_id, id),
    foreign key (workspace_id, data_key_id) references secrets.data_keys (workspace_id, id)
);
create index secrets_provider on secrets.secrets (workspace_id, provider_id);
create index secrets_data_key on secrets.secrets (workspace_id, data_key_id);
create index secrets_created_by on secrets.secrets (created_by);

-- Tokens that an upstream gave us for a person or a workspace (OAuth), sealed like secrets.
create table secrets.connections (
    id uuid primary key,
    workspace_id uuid not null references identity.workspaces on delete cascade,
    name text collate "C" not null check (name ~ '^[a-z0-9_-]{1,64}$'),
    kind text not null check (kind in ('oauth2_client_credentials', 'oauth2_authorization_code', 'jwt_bearer', 'two_step')),
    -- For one person; null for the whole workspace.
    user_id uuid references identity.profiles on delete cascade,
    status text not null default 'pending' check (status in ('pending', 'connected', 'expired', 'revoked')),
    settings json not null default '{}',
    scopes text[] not null default '{}',
    version int not null default 1 check (version >= 1),
    nonce bytea check (octet_length(nonce) = 12),
    ciphertext bytea check (octet_length(ciphertext) between 16 and 131072),
    data_key_id uuid,
    expires_at timestamptz,
    -- Who refreshes holds this until then; the others wait for the new version.
    refreshing_until timestamptz,
    created_by uuid default auth.uid() references identity.profiles on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint connections_name_key unique nulls not distinct (workspace_id, name, user_id),
    constraint connections_sealed_whole check (num_nulls(nonce, ciphertext, data_key_id) in (0, 3)),
    foreign key (workspace_id, data_key_id) references secrets.data_keys (workspace_id, id)
);
create index connections_user on secrets.connections (user_id);
create index connections_data_key on secrets.connections (workspace_id, data_key_id);
create index connections_created_by on secrets.connections (created_by);
create index connections_expiring on secrets.connections (expires_at) where status = 'connected';

create trigger touch before update on secrets.secret_providers for each row execute function identity.touch();
create trigger touch before update of provider, provider_id, version, nonce, ciphertext, data_key_id, reference, allowed_hosts
    on secrets.secrets for each row execute function identity.touch();
create trigger touch before update on secrets.connections for each row execute function identity.touch();

alter table secrets.secret_providers enable row level security, force row level security;
alter table secrets.data_keys enable row level security, force row level security;
alter table secrets.secrets enable row level security, force row level security;
alter table secrets.connections enable row level security, force row level security;

create policy admin_manages on secrets.secret_providers to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy system on secrets.secret_providers to service_role using (true) with check (true);

create policy admin_reads on secrets.data_keys for select to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy admin_inserts on secrets.data_keys for insert to authenticated
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy system on secrets.data_keys to service_role using (true) with check (true);

create policy member_reads on secrets.secrets for select to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy admin_inserts on secrets.secrets for insert to authenticated
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy admin_changes on secrets.secrets for update to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy admin_deletes on secrets.secrets for delete to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy system on secrets.secrets to service_role using (true) with check (true);

create policy member_reads on secrets.connections for select to authenticated
    using (
        workspace_id = any ((select identity.reach('member'))::uuid[])
        and (user_id is null or user_id = (select auth.uid()))
    );
create policy admin_manages on secrets.connections to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy self_manages on secrets.connections to authenticated
    using (user_id = (select auth.uid()) and workspace_id = any ((select identity.reach('member'))::uuid[]))
    with check (user_id = (select auth.uid()) and workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy system on secrets.connections to service_role using (true) with check (true);

grant select, insert (workspace_id, name, kind, config), update (name, config), delete
    on secrets.secret_providers to authenticated;
grant select, insert (id, workspace_id, wrapped, master_key_id) on secrets.data_keys to authenticated;
grant select (id, workspace_id, name, provider, provider_id, version, allowed_hosts, created_by, created_at, updated_at,
        last_used_at),
    insert (id, workspace_id, name, provider, provider_id, nonce, ciphertext, data_key_id, reference, allowed_hosts),
    update (provider, provider_id, version, nonce, ciphertext, data_key_id, reference, allowed_hosts),
    delete
    on secrets.secrets to authenticated;
grant select (id, workspace_id, name, kind, user_id, status, settings, scopes, version, expires_at, created_by, created_at,
        updated_at),
    insert (id, workspace_id, name, kind, user_id, status, settings, scopes, nonce, ciphertext, data_key_id, expires_at),
    update (status, settings, scopes, version, nonce, ciphertext, data_key_id, expires_at),
    delete
    on secrets.connections to authenticated;
grant select on secrets.secret_providers to service_role;
grant select, update (wrapped, master_key_id, retired_at) on secrets.data_keys to service_role;
grant select, update on secrets.connections to service_role;

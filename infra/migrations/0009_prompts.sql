-- Prompt templates with variables, used by the agent loop and offered to MCP clients; versioned like tools.
create table catalog.prompts (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    id text collate "C" not null check (id ~ '^[a-z0-9_-]{1,64}$'),
    name text not null check (char_length(name) between 1 and 1024),
    description text not null default '' check (char_length(description) <= 4096),
    version int not null check (version >= 1),
    hash text not null check (hash ~ '^[0-9a-f]{64}$'),
    retired_at timestamptz,
    created_by uuid default auth.uid() references identity.profiles on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (workspace_id, id)
);
create index prompts_created_by on catalog.prompts (created_by);

create table catalog.prompt_versions (
    workspace_id uuid not null,
    prompt_id text collate "C" not null,
    version int not null check (version >= 1),
    hash text not null check (hash ~ '^[0-9a-f]{64}$'),
    document json not null,
    created_by uuid default auth.uid() references identity.profiles on delete set null,
    created_at timestamptz not null default now(),
    primary key (workspace_id, prompt_id, version),
    foreign key (workspace_id, prompt_id) references catalog.prompts on delete cascade
);
create index prompt_versions_created_by on catalog.prompt_versions (created_by);

alter table catalog.prompts
    add constraint prompts_version_fkey foreign key (workspace_id, id, version)
    references catalog.prompt_versions (workspace_id, prompt_id, version) deferrable initially deferred;

create trigger touch before update on catalog.prompts for each row execute function identity.touch();
create trigger refuse_change before update of workspace_id, prompt_id, version, hash, document, created_at
    on catalog.prompt_versions for each row execute function catalog.refuse_change();

alter table catalog.prompts enable row level security, force row level security;
alter table catalog.prompt_versions enable row level security, force row level security;

create policy member_reads on catalog.prompts for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_inserts on catalog.prompts for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]) and retired_at is null);
create policy member_revises on catalog.prompts for update to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]) and retired_at is null);
create policy admin_retires on catalog.prompts for update to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy system on catalog.prompts to service_role using (true) with check (true);

create policy member_reads on catalog.prompt_versions for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_inserts on catalog.prompt_versions for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy system on catalog.prompt_versions to service_role using (true) with check (true);

grant select, insert (workspace_id, id, name, description, version, hash),
    update (name, description, version, hash, retired_at)
    on catalog.prompts to authenticated;
grant select, insert (workspace_id, prompt_id, version, hash, document) on catalog.prompt_versions to authenticated;
grant select on catalog.prompts, catalog.prompt_versions to service_role;

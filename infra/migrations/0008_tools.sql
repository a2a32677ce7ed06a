-- Tools and their versions. `tools` is what lists, searches and permissions need; the document itself stands once per
-- version in `tool_versions`, as `json`, which keeps the author's text to the byte (number spelling, key order).
create table catalog.tools (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    id text collate "C" not null,
    name text not null check (char_length(name) between 1 and 1024),
    description text not null check (char_length(description) <= 4096),
    tags text[] not null default '{}',
    enabled boolean not null default true,
    source text not null default 'api' check (source ~ '^[a-z][a-z0-9_]{0,31}$'),
    -- The current version and its hash (SHA-256 of the canonical form, RFC 8785).
    version int not null check (version >= 1),
    hash text not null check (hash ~ '^[0-9a-f]{64}$'),
    -- The workspace's revision at which this row last changed.
    revision bigint not null,
    -- A deleted tool stays as a tombstone: other processes must hear of it, and its history is kept.
    retired_at timestamptz,
    created_by uuid references identity.profiles on delete set null,
    created_at timestamptz not null default now(),
    updated_by uuid references identity.profiles on delete set null,
    updated_at timestamptz not null default now(),
    -- Read per workspace: under row-level security `@@` is no index condition (it is not leakproof), so no GIN index here.
    search tsvector not null generated always as (catalog.search_document(id, name, description, tags)) stored,
    primary key (workspace_id, id),
    foreign key (workspace_id, id) references catalog.names
);
create unique index tools_revision on catalog.tools (workspace_id, revision);
create index tools_created_by on catalog.tools (created_by);
create index tools_updated_by on catalog.tools (updated_by);

create table catalog.tool_versions (
    workspace_id uuid not null,
    tool_id text collate "C" not null,
    version int not null check (version >= 1),
    hash text not null check (hash ~ '^[0-9a-f]{64}$'),
    document json not null,
    created_by uuid default auth.uid() references identity.profiles on delete set null,
    created_at timestamptz not null default now(),
    primary key (workspace_id, tool_id, version),
    foreign key (workspace_id, tool_id) references catalog.tools on delete cascade
);
create index tool_versions_created_by on catalog.tool_versions (created_by);

-- A tool without its document would be invisible; checked at commit, because the two rows need each other.
alter table catalog.tools
    add constraint tools_version_fkey foreign key (workspace_id, id, version)
    references catalog.tool_versions (workspace_id, tool_id, version) deferrable initially deferred;

create trigger a_take_name before insert on catalog.tools
    for each row execute function catalog.take_name('tool');
create trigger b_stamp before insert or update on catalog.tools
    for each row execute function catalog.stamp();
-- Only the author's profile may vanish from a version.
create trigger refuse_change before update of workspace_id, tool_id, version, hash, document, created_at
    on catalog.tool_versions for each row execute function catalog.refuse_change();

alter table catalog.tools enable row level security, force row level security;
alter table catalog.tool_versions enable row level security, force row level security;

create policy member_reads on catalog.tools for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_inserts on catalog.tools for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]) and retired_at is null);
create policy member_revises on catalog.tools for update to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]) and retired_at is null);
create policy admin_retires on catalog.tools for update to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy system on catalog.tools to service_role using (true) with check (true);

create policy member_reads on catalog.tool_versions for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_inserts on catalog.tool_versions for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy system on catalog.tool_versions to service_role using (true) with check (true);

grant select,
    insert (workspace_id, id, name, description, tags, enabled, source, version, hash),
    update (name, description, tags, enabled, source, version, hash, retired_at)
    on catalog.tools to authenticated;
grant select, insert (workspace_id, tool_id, version, hash, document) on catalog.tool_versions to authenticated;
grant select on catalog.tools, catalog.tool_versions to service_role;

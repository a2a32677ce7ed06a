-- Flow definitions: versioned like tools, and callable like tools, so they share the ids and the revision with them.
create table orchestration.flows (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    id text collate "C" not null,
    name text not null check (char_length(name) between 1 and 1024),
    description text not null default '' check (char_length(description) <= 4096),
    enabled boolean not null default true,
    version int not null check (version >= 1),
    hash text not null check (hash ~ '^[0-9a-f]{64}$'),
    revision bigint not null,
    retired_at timestamptz,
    created_by uuid references identity.profiles on delete set null,
    created_at timestamptz not null default now(),
    updated_by uuid references identity.profiles on delete set null,
    updated_at timestamptz not null default now(),
    primary key (workspace_id, id),
    foreign key (workspace_id, id) references catalog.names
);
create unique index flows_revision on orchestration.flows (workspace_id, revision);
create index flows_created_by on orchestration.flows (created_by);
create index flows_updated_by on orchestration.flows (updated_by);

create table orchestration.flow_versions (
    workspace_id uuid not null,
    flow_id text collate "C" not null,
    version int not null check (version >= 1),
    hash text not null check (hash ~ '^[0-9a-f]{64}$'),
    document json not null,
    created_by uuid default auth.uid() references identity.profiles on delete set null,
    created_at timestamptz not null default now(),
    primary key (workspace_id, flow_id, version),
    foreign key (workspace_id, flow_id) references orchestration.flows on delete cascade
);
create index flow_versions_created_by on orchestration.flow_versions (created_by);

alter table orchestration.flows
    add constraint flows_version_fkey foreign key (workspace_id, id, version)
    references orchestration.flow_versions (workspace_id, flow_id, version) deferrable initially deferred;

create trigger a_take_name before insert on orchestration.flows
    for each row execute function catalog.take_name('flow');
create trigger b_stamp before insert or update on orchestration.flows
    for each row execute function catalog.stamp();
create trigger refuse_change before update of workspace_id, flow_id, version, hash, document, created_at
    on orchestration.flow_versions for each row execute function catalog.refuse_change();

alter table orchestration.flows enable row level security, force row level security;
alter table orchestration.flow_versions enable row level security, force row level security;

create policy member_reads on orchestration.flows for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_inserts on orchestration.flows for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]) and retired_at is null);
create policy member_revises on orchestration.flows for update to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]) and retired_at is null);
create policy admin_retires on orchestration.flows for update to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy system on orchestration.flows to service_role using (true) with check (true);

create policy member_reads on orchestration.flow_versions for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_inserts on orchestration.flow_versions for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy system on orchestration.flow_versions to service_role using (true) with check (true);

grant select, insert (workspace_id, id, name, description, enabled, version, hash),
    update (name, description, enabled, version, hash, retired_at)
    on orchestration.flows to authenticated;
grant select, insert (workspace_id, flow_id, version, hash, document) on orchestration.flow_versions to authenticated;
grant select on orchestration.flows, orchestration.flow_versions to service_role;

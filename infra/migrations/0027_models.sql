-- A workspace's own model server, which stands before the operator's. The key is a secret of the workspace, named here and
-- opened, with an entry in the audit, whenever a prompt is run.
create table orchestration.models (
    workspace_id uuid primary key references identity.workspaces on delete cascade,
    base_url text not null check (octet_length(base_url) between 1 and 2048),
    -- The model of requests that name none; without it each request must.
    model text check (char_length(model) between 1 and 256),
    api_key text collate "C" not null check (api_key ~ '^[A-Z][A-Z0-9_]{0,63}$'),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    updated_by uuid default auth.uid() references identity.profiles on delete set null
);
create index models_updated_by on orchestration.models (updated_by);

alter table orchestration.models enable row level security, force row level security;

-- Whoever runs prompts needs to know which server answers; where prompts go is for admins to say.
create policy member_reads on orchestration.models for select to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy admin_sets on orchestration.models for insert to authenticated
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy admin_changes on orchestration.models for update to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy admin_removes on orchestration.models for delete to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy system on orchestration.models to service_role using (true) with check (true);

grant select,
    insert (workspace_id, base_url, model, api_key),
    update (base_url, model, api_key, updated_at, updated_by),
    delete
    on orchestration.models to authenticated;

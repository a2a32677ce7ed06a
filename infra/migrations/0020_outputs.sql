-- What was taken out of outputs that are too large for a model: kept for a day, and read on with the tool `read_more`. An
-- id is random and looked for in the asking person's workspace only, so a cursor of elsewhere leads to nothing.
create table orchestration.outputs (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    id uuid not null,
    execution_id uuid not null,
    created_by uuid not null default auth.uid() references identity.profiles on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null default now() + interval '1 day',
    -- Without secrets. As text: it is only ever read whole.
    rests text not null check (octet_length(rests) <= 5242880),
    primary key (workspace_id, id)
);
create index outputs_newest on orchestration.outputs (workspace_id, created_at desc, id);
create index outputs_created_by on orchestration.outputs (created_by);
create index outputs_expiry on orchestration.outputs (expires_at);

alter table orchestration.outputs enable row level security, force row level security;

create policy member_uses on orchestration.outputs to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]))
    with check (
        workspace_id = any ((select identity.reach('member'))::uuid[])
        and created_by = (select auth.uid())
    );
create policy system on orchestration.outputs to service_role using (true) with check (true);

grant select, insert (workspace_id, id, execution_id, rests), delete on orchestration.outputs to authenticated;
grant select, delete on orchestration.outputs to service_role;

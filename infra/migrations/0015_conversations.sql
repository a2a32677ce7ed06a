-- Conversations with a model: what `previous_id` continues. Looked up under row-level security by our own id; the
-- provider's id never comes from outside.
create table orchestration.conversations (
    id uuid primary key,
    workspace_id uuid not null references identity.workspaces on delete cascade,
    previous_id uuid,
    provider_id text check (char_length(provider_id) <= 512),
    model text not null check (char_length(model) between 1 and 256),
    status text not null default 'running' check (status in ('running', 'succeeded', 'failed', 'cancelled')),
    prompt text not null,
    response text,
    -- The turns as the provider knows them, for those that do not keep them.
    items json not null default '[]',
    tool_calls json not null default '[]',
    error json,
    input_tokens bigint not null default 0 check (input_tokens >= 0),
    output_tokens bigint not null default 0 check (output_tokens >= 0),
    turns int not null default 0 check (turns >= 0),
    created_by uuid default auth.uid() references identity.profiles on delete set null,
    key_id uuid default identity.key_id(),
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    -- Only a conversation of the same workspace is continued.
    unique (workspace_id, id),
    foreign key (workspace_id, previous_id) references orchestration.conversations (workspace_id, id)
        on delete set null (previous_id)
);
create index conversations_previous on orchestration.conversations (workspace_id, previous_id)
    where previous_id is not null;
create index conversations_created_by on orchestration.conversations (created_by);

alter table orchestration.conversations enable row level security, force row level security;

create policy member_reads on orchestration.conversations for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_starts on orchestration.conversations for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]) and created_by = (select auth.uid()));
create policy member_continues on orchestration.conversations for update to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]) and created_by = (select auth.uid()))
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]) and created_by = (select auth.uid()));
create policy system on orchestration.conversations to service_role using (true) with check (true);

grant select,
    insert (id, workspace_id, previous_id, provider_id, model, status, prompt, response, items, tool_calls, error,
        input_tokens, output_tokens, turns, finished_at),
    update (provider_id, status, response, items, tool_calls, error, input_tokens, output_tokens, turns, finished_at)
    on orchestration.conversations to authenticated;
grant select, update, delete on orchestration.conversations to service_role;

-- Runs of flows, as the durable protocol needs them: the step row is the outbox (`ready` is the debt, a queue message only
-- a hint), the attempt number is the fence, the database's clock is the only one. Lock order: run row, then step rows by id.
-- People start, cancel and signal under row-level security; claims, completions and the sweep are the system's.
create table orchestration.runs (
    id uuid primary key,
    workspace_id uuid not null references identity.workspaces on delete cascade,
    flow_id text collate "C" not null,
    flow_version int not null,
    status text not null default 'running' check (
        status in ('running', 'failing', 'cancelling', 'compensating', 'succeeded', 'failed', 'cancelled')
    ),
    -- Versions of every tool and sub-flow at the start: {"id": version}.
    pinned json not null default '{}',
    input json not null default '{}',
    output json,
    error json,
    -- The same key answers the same run; the same key with another input is a conflict.
    idempotency_key text check (char_length(idempotency_key) between 1 and 255),
    input_hash bytea check (octet_length(input_hash) = 32),
    -- A run of a step `flow` belongs to that step.
    parent_run_id uuid,
    parent_step_id text collate "C",
    door text not null default 'rest' check (door in ('rest', 'model', 'mcp', 'flow')),
    started_by uuid default auth.uid() references identity.profiles on delete set null,
    key_id uuid default identity.key_id(),
    deadline_at timestamptz not null default now() + interval '1 hour',
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    -- Of run_events; grows under the run's lock.
    last_seq bigint not null default 0,
    constraint runs_idempotency_key unique (workspace_id, idempotency_key),
    -- What belongs to a run names its workspace too, so nobody can hang it on another workspace's run.
    unique (workspace_id, id),
    foreign key (workspace_id, parent_run_id) references orchestration.runs (workspace_id, id) on delete cascade,
    foreign key (workspace_id, flow_id, flow_version) references orchestration.flow_versions,
    constraint runs_parent_whole check (num_nulls(parent_run_id, parent_step_id) in (0, 2)),
    constraint runs_end check ((status in ('succeeded', 'failed', 'cancelled')) = (finished_at is not null))
);
create index runs_of_flow on orchestration.runs (workspace_id, flow_id, created_at desc, id);
create index runs_flow_version on orchestration.runs (workspace_id, flow_id, flow_version);
create index runs_of_workspace on orchestration.runs (workspace_id, created_at desc, id);
create index runs_parent on orchestration.runs (workspace_id, parent_run_id) where parent_run_id is not null;
create index runs_started_by on orchestration.runs (started_by);
create index runs_deadline on orchestration.runs (deadline_at) where finished_at is null;

create table orchestration.run_steps (
    run_id uuid not null,
    -- `quotes`, `quotes[3]` for a child of a map, `mail~compensate` for a compensation.
    step_id text collate "C" not null,
    workspace_id uuid not null,
    kind text not null check (kind in ('tool', 'transform', 'flow', 'wait', 'map', 'compensation')),
    status text not null check (
        status in (
            'waiting', 'ready', 'running', 'succeeded', 'failed', 'skipped', 'cancelled', 'unknown', 'compensated'
        )
    ),
    -- What a lost worker means: read and keyed calls are repeated, unsafe ones become unknown.
    effect text not null default 'keyed' check (effect in ('read', 'keyed', 'unsafe')),
    tool_id text collate "C",
    parent_step_id text collate "C",
    item_index int check (item_index >= 0),
    deps_open int not null default 0 check (deps_open >= 0),
    -- Counted at the claim, before the call: the fencing token.
    attempt int not null default 0 check (attempt >= 0),
    max_attempts int not null default 1 check (max_attempts >= 1),
    lease_until timestamptz,
    worker text,
    not_before timestamptz not null default now(),
    enqueued_at timestamptz,
    resends int not null default 0,
    input json,
    output json,
    error json,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    primary key (run_id, step_id),
    foreign key (workspace_id, run_id) references orchestration.runs (workspace_id, id) on delete cascade
);
create index run_steps_run on orchestration.run_steps (workspace_id, run_id);
create index run_steps_children on orchestration.run_steps (run_id, parent_step_id) where parent_step_id is not null;
create index run_steps_due on orchestration.run_steps (not_before) where status = 'ready';
create index run_steps_leases on orchestration.run_steps (lease_until) where status = 'running';
-- A sleeping wait step is running without a lease.
create index run_steps_sleeping on orchestration.run_steps (not_before) where status = 'running' and lease_until is null;

create table orchestration.run_edges (
    run_id uuid not null,
    from_step text collate "C" not null,
    to_step text collate "C" not null,
    workspace_id uuid not null,
    primary key (run_id, from_step, to_step),
    foreign key (workspace_id, run_id) references orchestration.runs (workspace_id, id) on delete cascade
);
create index run_edges_back on orchestration.run_edges (run_id, to_step);
create index run_edges_run on orchestration.run_edges (workspace_id, run_id);

-- Append-only history of claims; only the outcome is filled in later.
create table orchestration.step_attempts (
    run_id uuid not null,
    step_id text collate "C" not null,
    attempt int not null check (attempt >= 1),
    workspace_id uuid not null,
    worker text,
    execution_id uuid,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    outcome text check (outcome in ('succeeded', 'failed', 'fenced', 'lease_expired', 'cancelled', 'unknown')),
    error json,
    primary key (run_id, step_id, attempt),
    foreign key (workspace_id, run_id) references orchestration.runs (workspace_id, id) on delete cascade
);
create index step_attempts_run on orchestration.step_attempts (workspace_id, run_id);

-- Every transition, in order: what the event stream reads, resumable by seq.
create table orchestration.run_events (
    run_id uuid not null,
    seq bigint not null check (seq >= 1),
    workspace_id uuid not null,
    at timestamptz not null default now(),
    kind text not null check (kind ~ '^[a-z_]+(\.[a-z_]+)*$'),
    step_id text collate "C",
    payload json not null default '{}',
    primary key (run_id, seq),
    foreign key (workspace_id, run_id) references orchestration.runs (workspace_id, id) on delete cascade
);
create index run_events_run on orchestration.run_events (workspace_id, run_id);

-- What ends a wait step or an approval; the first one counts.
create table orchestration.signals (
    run_id uuid not null,
    step_id text collate "C" not null,
    workspace_id uuid not null,
    payload json,
    approved boolean,
    sent_by uuid default auth.uid() references identity.profiles on delete set null,
    at timestamptz not null default now(),
    applied_at timestamptz,
    primary key (run_id, step_id),
    foreign key (workspace_id, run_id) references orchestration.runs (workspace_id, id) on delete cascade
);
create index signals_run on orchestration.signals (workspace_id, run_id);
create index signals_sent_by on orchestration.signals (sent_by);
create index signals_open on orchestration.signals (at) where applied_at is null;

-- A sign of life of each background job; an alarm watches its age.
create table orchestration.heartbeats (
    name text primary key check (name ~ '^[a-z_]{1,64}$'),
    at timestamptz not null default now(),
    detail json not null default '{}'
);

alter table orchestration.runs enable row level security, force row level security;
alter table orchestration.run_steps enable row level security, force row level security;
alter table orchestration.run_edges enable row level security, force row level security;
alter table orchestration.step_attempts enable row level security, force row level security;
alter table orchestration.run_events enable row level security, force row level security;
alter table orchestration.signals enable row level security, force row level security;
alter table orchestration.heartbeats enable row level security, force row level security;

create policy member_reads on orchestration.runs for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_starts on orchestration.runs for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy member_steers on orchestration.runs for update to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy system on orchestration.runs to service_role using (true) with check (true);

create policy member_reads on orchestration.run_steps for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_starts on orchestration.run_steps for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy member_steers on orchestration.run_steps for update to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy system on orchestration.run_steps to service_role using (true) with check (true);

create policy member_reads on orchestration.run_edges for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_starts on orchestration.run_edges for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy system on orchestration.run_edges to service_role using (true) with check (true);

create policy member_reads on orchestration.step_attempts for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on orchestration.step_attempts to service_role using (true) with check (true);

create policy member_reads on orchestration.run_events for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_starts on orchestration.run_events for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy system on orchestration.run_events to service_role using (true) with check (true);

create policy member_reads on orchestration.signals for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_signals on orchestration.signals for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy system on orchestration.signals to service_role using (true) with check (true);

create policy system on orchestration.heartbeats to service_role using (true) with check (true);

grant select,
    insert (id, workspace_id, flow_id, flow_version, pinned, input, idempotency_key, input_hash, parent_run_id,
        parent_step_id, door, deadline_at, last_seq),
    update (status, finished_at, last_seq, deadline_at)
    on orchestration.runs to authenticated;
grant select,
    insert (run_id, step_id, workspace_id, kind, status, effect, tool_id, parent_step_id, item_index, deps_open,
        max_attempts, not_before, input),
    update (status, finished_at, not_before, enqueued_at, resends, max_attempts)
    on orchestration.run_steps to authenticated;
grant select, insert on orchestration.run_edges to authenticated;
grant select on orchestration.step_attempts to authenticated;
grant select, insert (run_id, seq, workspace_id, kind, step_id, payload) on orchestration.run_events to authenticated;
grant select, insert (run_id, step_id, workspace_id, payload, approved) on orchestration.signals to authenticated;
grant select, insert, update on
    orchestration.runs, orchestration.run_steps, orchestration.run_edges, orchestration.step_attempts,
    orchestration.run_events, orchestration.signals, orchestration.heartbeats
    to service_role;

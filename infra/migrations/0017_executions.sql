-- The log of every call of a tool, and its roll-ups. The busiest table: ids are version 7 and so sort by time, every way
-- to list it is one index range, and there are no foreign keys (each would lock the one workspace row that all calls of
-- a workspace share). A deleted workspace's rows are removed by trigger, old rows by the sweep.
create table orchestration.executions (
    workspace_id uuid not null,
    id uuid not null,
    tool_id text collate "C" not null check (char_length(tool_id) <= 128),
    tool_version int,
    door text not null check (door in ('rest', 'model', 'mcp', 'flow')),
    success boolean not null,
    error_code text check (char_length(error_code) <= 64),
    -- Redacted before they came here; as `json`, which is checked but not taken apart.
    input json not null,
    output json,
    error json,
    timeline json not null default '{}',
    warnings json,
    started_at timestamptz not null,
    duration_us bigint not null check (duration_us >= 0),
    user_id uuid,
    key_id uuid,
    constraint executions_error check (success = (error_code is null)),
    primary key (workspace_id, id)
);
create index executions_of_tool on orchestration.executions (workspace_id, tool_id, id);
create index executions_failed on orchestration.executions (workspace_id, id) where not success;
-- For the roll-up and the retention, which go through all workspaces by time.
create index executions_started on orchestration.executions using brin (started_at);

-- Calls per hour, tool and door, made by the sweep from the log. Percentiles come from the histogram: bucket i counts the
-- calls that took less than 2^(i/2) × 100 µs.
create table orchestration.execution_rollups (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    tool_id text collate "C" not null,
    door text not null check (door in ('rest', 'model', 'mcp', 'flow')),
    hour timestamptz not null check (hour = date_trunc('hour', hour, 'UTC')),
    calls bigint not null check (calls >= 0),
    successes bigint not null check (successes between 0 and calls),
    errors jsonb not null default '{}',
    duration_us_sum bigint not null default 0,
    histogram bigint[] not null default '{}',
    primary key (workspace_id, hour, tool_id, door)
);
create index execution_rollups_of_tool on orchestration.execution_rollups (workspace_id, tool_id, hour);

create function orchestration.forget_executions() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    delete from orchestration.executions e where e.workspace_id = old.id;
    return null;
end
$$;
revoke execute on function orchestration.forget_executions() from public;
create trigger forget_executions after delete on identity.workspaces
    for each row execute function orchestration.forget_executions();

alter table orchestration.executions enable row level security, force row level security;
alter table orchestration.execution_rollups enable row level security, force row level security;

create policy member_reads on orchestration.executions for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on orchestration.executions to service_role using (true) with check (true);

create policy member_reads on orchestration.execution_rollups for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on orchestration.execution_rollups to service_role using (true) with check (true);

grant select on orchestration.executions to authenticated;
grant select on orchestration.execution_rollups to authenticated;
grant select, insert, delete on orchestration.executions to service_role;
grant select, insert, update, delete on orchestration.execution_rollups to service_role;

-- Records an execution in one statement that commits by itself and does not wait for the disk (the only write of the product
-- that does not). Recording the same execution again changes nothing: the caller repeats the statement when its connection
-- broke. The one way to write the log, so nobody can forge a line of it. Definer, as the hot path's second round trip: the
-- membership is checked by one look-up, at half the price of a policy.
create function orchestration.record_execution(
    claims text, id uuid, workspace uuid, tool_id text, tool_version int, door text, success boolean, error_code text,
    input json, output json, error json, timeline json, warnings json, started_at timestamptz, duration_us bigint
) returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    token jsonb := claims;
    person uuid := token ->> 'sub';
    cap text := token ->> 'max_role';
begin
    perform set_config('synchronous_commit', 'off', true);
    perform
    from identity.memberships m
    where m.user_id = person
      and m.workspace_id = workspace
      and m.rank >= 2;
    if not found or (cap is not null and coalesce(identity.rank(cap), 0) < 2)
        or (token ->> 'workspace_id')::uuid <> workspace
    then
        raise exception 'tools are run by members' using errcode = 'insufficient_privilege';
    end if;
    insert into orchestration.executions
        (workspace_id, id, tool_id, tool_version, door, success, error_code, input, output, error, timeline, warnings,
         started_at, duration_us, user_id, key_id)
    values
        (workspace, record_execution.id, record_execution.tool_id, record_execution.tool_version,
         record_execution.door, record_execution.success, record_execution.error_code, record_execution.input,
         record_execution.output, record_execution.error, record_execution.timeline, record_execution.warnings,
         record_execution.started_at, record_execution.duration_us, person, (token ->> 'key_id')::uuid)
    on conflict on constraint executions_pkey do nothing;
end
$$;
revoke execute on function orchestration.record_execution(
    text, uuid, uuid, text, int, text, boolean, text, json, json, json, json, json, timestamptz, bigint
) from public;
grant execute on function orchestration.record_execution(
    text, uuid, uuid, text, int, text, boolean, text, json, json, json, json, json, timestamptz, bigint
) to authenticator;

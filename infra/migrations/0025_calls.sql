-- Which run a call of a tool belongs to, and what the asking side calls it: a model's `call_id`, an MCP client's request id.
-- No foreign key, as for all columns of the log: a run is a conversation or a flow's run.
alter table orchestration.executions
    add column run_id uuid,
    add column call_id text check (char_length(call_id) <= 128);
-- The calls of one run; most rows have none and cost nothing here.
create index executions_of_run on orchestration.executions (workspace_id, run_id, id) where run_id is not null;

-- Both functions of 0017 and 0024 anew, with two arguments at the end that may be left out: a process of the version before
-- goes on recording while the new one is rolled out. The body is the same but for the two columns.
drop function orchestration.record_execution(
    text, uuid, uuid, text, int, text, boolean, text, json, json, json, json, json, timestamptz, bigint
);
drop function orchestration.settle(
    text, uuid, uuid, text, int, text, boolean, text, json, json, json, json, json, timestamptz, bigint,
    text, text, json, bigint, text
);

-- Definer, because nobody may write the log but through it: it checks the membership itself.
create function orchestration.record_execution(
    claims text, id uuid, workspace uuid, tool_id text, tool_version int, door text, success boolean, error_code text,
    input json, output json, error json, timeline json, warnings json, started_at timestamptz, duration_us bigint,
    run_id uuid default null, call_id text default null
) returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    token jsonb := claims;
begin
    perform set_config('synchronous_commit', 'off', true);
    perform orchestration.require_member(token, workspace);
    insert into orchestration.executions
        (workspace_id, id, tool_id, tool_version, door, success, error_code, input, output, error, timeline, warnings,
         started_at, duration_us, user_id, key_id, run_id, call_id)
    values
        (workspace, record_execution.id, record_execution.tool_id, record_execution.tool_version,
         record_execution.door, record_execution.success, record_execution.error_code, record_execution.input,
         record_execution.output, record_execution.error, record_execution.timeline, record_execution.warnings,
         record_execution.started_at, record_execution.duration_us, (token ->> 'sub')::uuid,
         (token ->> 'key_id')::uuid, record_execution.run_id, record_execution.call_id)
    on conflict on constraint executions_pkey do nothing;
end
$$;

-- The same together with what the ledger keeps: one round trip, one transaction. With a key it waits for the disk.
create function orchestration.settle(
    claims text, id uuid, workspace uuid, tool_id text, tool_version int, door text, success boolean, error_code text,
    input json, output json, error json, timeline json, warnings json, started_at timestamptz, duration_us bigint,
    key_scope text, key_text text, outcome json, ttl_ms bigint, limit_subject text,
    run_id uuid default null, call_id text default null
) returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform orchestration.record_execution(
        claims, id, workspace, tool_id, tool_version, door, success, error_code, input, output, error, timeline, warnings,
        started_at, duration_us, run_id, call_id
    );
    if key_text is not null then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    perform orchestration.leave(claims, workspace, id, key_scope, key_text, outcome, ttl_ms, limit_subject);
end
$$;

revoke execute on function
    orchestration.record_execution(text, uuid, uuid, text, int, text, boolean, text, json, json, json, json, json,
        timestamptz, bigint, uuid, text),
    orchestration.settle(text, uuid, uuid, text, int, text, boolean, text, json, json, json, json, json, timestamptz,
        bigint, text, text, json, bigint, text, uuid, text)
    from public;
grant execute on function
    orchestration.record_execution(text, uuid, uuid, text, int, text, boolean, text, json, json, json, json, json,
        timestamptz, bigint, uuid, text),
    orchestration.settle(text, uuid, uuid, text, int, text, boolean, text, json, json, json, json, json, timestamptz,
        bigint, text, text, json, bigint, text, uuid, text)
    to authenticator;

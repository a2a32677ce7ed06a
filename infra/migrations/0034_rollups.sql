-- Analytics: calls and tokens counted by hour and by day, so that a year is answered from a few thousand rows. Everything counted
-- is a sum, so that hours add up to days, doors to tools and tools to a workspace; percentiles come from counts of durations in
-- buckets, which add up too (an average of percentiles would be none).
drop table orchestration.execution_rollups;

create table orchestration.execution_rollups (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    grain text not null check (grain in ('hour', 'day')),
    -- Empty: all tools of the workspace together.
    tool_id text collate "C" not null,
    -- The beginning of the hour or the day, in UTC.
    at timestamptz not null check (at = date_trunc(grain, at, 'UTC')),
    door text not null check (door in ('rest', 'model', 'mcp', 'flow')),
    -- Empty: they succeeded. Otherwise the failure's code.
    outcome text collate "C" not null,
    bucket smallint not null check (bucket between 0 and 95),
    calls bigint not null check (calls > 0),
    duration_us bigint not null check (duration_us >= 0),
    constraint execution_rollups_key primary key (workspace_id, grain, tool_id, at, door, outcome, bucket)
);
-- All tools of a workspace within a time.
create index execution_rollups_at on orchestration.execution_rollups (workspace_id, grain, at) where tool_id <> '';

-- Tokens of a model, by the hour and by the day in which a conversation's run ended.
create table orchestration.token_rollups (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    grain text not null check (grain in ('hour', 'day')),
    at timestamptz not null check (at = date_trunc(grain, at, 'UTC')),
    model text collate "C" not null,
    runs bigint not null check (runs > 0),
    input_tokens bigint not null,
    cached_input_tokens bigint not null,
    output_tokens bigint not null,
    reasoning_tokens bigint not null,
    total_tokens bigint not null,
    constraint token_rollups_key primary key (workspace_id, grain, at, model)
);

-- Until when the log is counted. One row, which is also the lock of whoever counts.
create table orchestration.rollup_state (
    only_one boolean primary key default true check (only_one),
    -- Null: nothing has been counted.
    done_until timestamptz
);
insert into orchestration.rollup_state default values;

alter table orchestration.execution_rollups enable row level security, force row level security;
alter table orchestration.token_rollups enable row level security, force row level security;
alter table orchestration.rollup_state enable row level security, force row level security;

create policy member_reads on orchestration.execution_rollups for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on orchestration.execution_rollups to service_role using (true) with check (true);
create policy member_reads on orchestration.token_rollups for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on orchestration.token_rollups to service_role using (true) with check (true);
create policy system on orchestration.rollup_state to service_role using (true) with check (true);

grant select on orchestration.execution_rollups, orchestration.token_rollups to authenticated;
grant select, insert, update, delete on orchestration.execution_rollups, orchestration.token_rollups to service_role;
grant select, update on orchestration.rollup_state to service_role;

-- Bucket 0 is below 100 µs, each one above it ends at 2^(1/4) times the end of the one before; `domain::latency` reads them.
create function orchestration.duration_bucket(duration_us bigint) returns smallint
language sql immutable strict parallel safe
return case
    when duration_us < 100 then 0
    else least(95, floor(4 * ln(duration_us / 100.0::float8) / ln(2::float8))::int + 1)
end;

-- The least id (version 7) that is made at a time.
create function orchestration.first_id_at(at timestamptz) returns uuid
language sql immutable strict parallel safe
return (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;

-- Counts what the log has and was not counted, hour by hour, at most about so many rows; answers how many. A call is in the log
-- once it has ended, so what began within `lag` is left for later: no call takes that long. Each row is counted once, because the
-- counts and `done_until` are one transaction and nobody else counts meanwhile.
create function orchestration.roll_up(lag interval, most bigint) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    cutoff timestamptz := clock_timestamp() - lag;
    done timestamptz;
    upto timestamptz;
    counted bigint := 0;
    slice bigint;
begin
    select s.done_until into done from orchestration.rollup_state s for update skip locked;
    if not found then
        return 0;
    end if;
    if done is null then
        select date_trunc('hour', min(e.started_at), 'UTC') into done from orchestration.executions e;
    end if;
    -- A few hundred empty hours at once: a database that slept for a year is counted within a minute.
    for i in 1..500 loop
        exit when done is null or done >= cutoff or counted >= most;
        upto := least(date_trunc('hour', done, 'UTC') + interval '1 hour', cutoff);
        with part as materialized (
            select e.workspace_id, e.tool_id, e.door, coalesce(e.error_code, '') as outcome,
                orchestration.duration_bucket(e.duration_us) as bucket, count(*) as calls, sum(e.duration_us) as duration_us
            from orchestration.executions e
            where e.started_at >= done
              and e.started_at < upto
              and exists (select from identity.workspaces w where w.id = e.workspace_id)
            group by 1, 2, 3, 4, 5
        ), written as (
            insert into orchestration.execution_rollups as r
                (workspace_id, grain, tool_id, at, door, outcome, bucket, calls, duration_us)
            select p.workspace_id, g.grain, w.tool_id, date_trunc(g.grain, done, 'UTC'), p.door, p.outcome, p.bucket,
                sum(p.calls), sum(p.duration_us)
            from part p
            cross join (values ('hour'), ('day')) as g (grain)
            cross join lateral (values (p.tool_id), ('')) as w (tool_id)
            group by 1, 2, 3, 4, 5, 6, 7
            on conflict on constraint execution_rollups_key do update
            set calls = r.calls + excluded.calls, duration_us = r.duration_us + excluded.duration_us
        )
        select coalesce(sum(p.calls), 0) into slice from part p;
        counted := counted + slice;
        done := upto;
    end loop;
    update orchestration.rollup_state s set done_until = done where s.done_until is distinct from done;
    return counted;
end
$$;
revoke execute on function
    orchestration.roll_up(interval, bigint), orchestration.duration_bucket(bigint), orchestration.first_id_at(timestamptz)
    from public;
grant execute on function orchestration.roll_up(interval, bigint) to service_role;
grant execute on function orchestration.duration_bucket(bigint), orchestration.first_id_at(timestamptz)
    to authenticated, service_role;

-- Until when the log is counted. Definer: it is the one thing of that table which readers of reports need, and says nothing of
-- anybody.
create function orchestration.counted_until() returns timestamptz
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return coalesce((select s.done_until from orchestration.rollup_state s), 'epoch');
end
$$;
revoke execute on function orchestration.counted_until() from public;
grant execute on function orchestration.counted_until() to authenticated;

-- Counts a run's tokens in the transaction that ends it. Definer: nobody writes the counts but through this.
create function orchestration.count_tokens() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into orchestration.token_rollups as r
        (workspace_id, grain, at, model, runs, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens,
         total_tokens)
    select new.workspace_id, g.grain, date_trunc(g.grain, clock_timestamp(), 'UTC'), new.model, 1, new.input_tokens,
        new.cached_input_tokens, new.output_tokens, new.reasoning_tokens, new.total_tokens
    from (values ('hour'), ('day')) as g (grain)
    order by g.grain
    on conflict on constraint token_rollups_key do update
    set runs = r.runs + 1,
        input_tokens = r.input_tokens + excluded.input_tokens,
        cached_input_tokens = r.cached_input_tokens + excluded.cached_input_tokens,
        output_tokens = r.output_tokens + excluded.output_tokens,
        reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens,
        total_tokens = r.total_tokens + excluded.total_tokens;
    return null;
end
$$;
revoke execute on function orchestration.count_tokens() from public;
create trigger count_tokens after update of status on orchestration.conversations
    for each row when (old.status = 'running' and new.status <> 'running') execute function orchestration.count_tokens();

-- The doors of the flow engine: start, advance, sweep, cancel, resume, signal. Each is one round trip and one commit. Those that
-- people ask for check the membership by the claims, as `record_execution` does; `advance_run` and the sweep are the
-- system's. Definer, because nobody writes these tables but through them.

create function orchestration.start_run(
    claims text, workspace uuid, run uuid, flow text, version int, pins json, given json, through text,
    key_text text, request bytea, timeout_ms bigint, most int, parent_run uuid, parent_step text, below smallint,
    answer_reads text[], steps json, resend_ms bigint,
    out outcome text, out found_run uuid, out held boolean
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    token jsonb := claims;
    other orchestration.runs;
    above orchestration.runs;
    begun timestamptz;
    ends timestamptz;
    due timestamptz;
    n int;
begin
    perform orchestration.require_member(token, workspace);
    held := false;
    if parent_run is not null then
        -- Nothing starts below a run that was cancelled: whoever cancels waits for this, or this sees it.
        select * into above from orchestration.runs r where r.id = parent_run and r.workspace_id = workspace for share;
        if above.status is distinct from 'running' then
            perform from orchestration.runs r where r.id = run and r.workspace_id = workspace;
            if not found then
                outcome := 'over';
                return;
            end if;
        end if;
    end if;
    if most is not null then
        -- One start at a time of a flow that counts its runs.
        perform pg_advisory_xact_lock(hashtextextended(workspace::text || '/' || flow, 1));
        held := (
            select count(*) >= most
            from orchestration.runs r
            where r.workspace_id = workspace
              and r.flow_id = flow
              and r.finished_at is null
              and r.admitted
        ) or exists (
            -- Whoever came before goes first.
            select
            from orchestration.runs r
            where r.workspace_id = workspace
              and r.flow_id = flow
              and r.finished_at is null
              and not r.admitted
        );
    end if;
    begun := clock_timestamp();
    ends := least(begun + start_run.timeout_ms * interval '1 millisecond', above.deadline_at);
    due := case when held then 'infinity' else begun + resend_ms * interval '1 millisecond' end;
    insert into orchestration.runs
        (id, workspace_id, flow_id, flow_version, pinned, input, idempotency_key, input_hash, parent_run_id,
         parent_step_id, depth, door, started_by, key_id, timeout_ms, deadline_at, created_at, last_seq, admitted,
         most_runs, output_reads)
    values
        (run, workspace, flow, version, pins, given, key_text, request, parent_run, parent_step, below, through,
         (token ->> 'sub')::uuid, (token ->> 'key_id')::uuid, start_run.timeout_ms, ends, begun, 1, not held, most,
         answer_reads)
    on conflict do nothing;
    if not found then
        select * into other
        from orchestration.runs r
        where r.workspace_id = workspace
          and (r.id = run or r.idempotency_key = key_text);
        outcome := case when other.input_hash is not distinct from request then 'existing' else 'reused' end;
        found_run := other.id;
        held := not other.admitted;
        return;
    end if;
    insert into orchestration.run_steps
        (workspace_id, run_id, step_id, kind, status, position, effect, tool_id, call_key, timeout_ms, dependants, reads,
         deps_open, always, handles, fallback, undo, tries, max_attempts, input, not_before, enqueued_at, due_at, created_at)
    select workspace, run, s.step_id, s.kind, case s.needs when 0 then 'ready' else 'waiting' end, s.position, s.effect,
        s.tool_id, s.call_key, s.timeout_ms, s.dependants, s.reads, s.needs, s.always, s.handles, s.fallback, s.undo,
        s.max_attempts, s.max_attempts, s.input, case when held then 'infinity' else begun end,
        case when s.needs = 0 and not held then begun end, due, begun
    from json_to_recordset(steps) as s (
        step_id text, kind text, position int, effect text, tool_id text, call_key uuid, timeout_ms bigint,
        dependants text[], reads text[], needs int, always boolean, handles boolean, fallback json, undo json,
        max_attempts int, input json
    );
    get diagnostics n = row_count;
    update orchestration.runs r set open_steps = n where r.id = run;
    insert into orchestration.run_events (workspace_id, run_id, seq, at, kind)
    values (workspace, run, 1, begun, case when held then 'run.held' else 'run.started' end);
    outcome := 'started';
    found_run := run;
end
$$;

-- What two turns owe; either may be null.
create function orchestration.both_owed(one json, other json) returns json language plpgsql immutable as $$
begin
    if one is null or other is null then
        return coalesce(one, other);
    end if;
    return (
        select json_agg(o.value)
        from (select * from json_array_elements(one) union all select * from json_array_elements(other)) as o (value)
    );
end
$$;

-- Cancels a run and the runs below it; answers what to send. The caller holds no lock on a run below it. A run that is failing or
-- cancelling already stays so, but the runs below it stop as well.
create function orchestration.cancel_within(run uuid, why json, resend_ms bigint) returns json
language plpgsql as $$
declare
    r orchestration.runs;
    s orchestration.run_steps;
    t orchestration.turn;
    below uuid;
    owed json;
begin
    select * into r from orchestration.runs x where x.id = run for no key update;
    if r.status not in ('running', 'failing', 'cancelling') then
        return null;
    end if;
    t := orchestration.turn_of(r, resend_ms);
    if t.status = 'running' then
        t.status := 'cancelling';
        t.ends_as := 'cancelled';
        t.error := why;
        t := orchestration.tell(t, 'run.cancelling', null);
        t := orchestration.stop_steps(t);
    end if;
    -- By the runs, not by the steps: a step whose worker has not yet said that it started a run does not know it.
    for below in
        select x.id
        from orchestration.runs x
        where x.workspace_id = t.workspace_id
          and x.parent_run_id = run
          and x.finished_at is null
        order by x.id
    loop
        owed := orchestration.both_owed(owed, orchestration.cancel_within(below, why, resend_ms));
    end loop;
    for s in
        select *
        from orchestration.run_steps x
        where x.workspace_id = t.workspace_id
          and x.run_id = run
          and x.kind = 'flow'
          and x.status = 'running'
          and x.lease_until is null
        order by x.step_id
    loop
        t := orchestration.wake_step(t, s);
    end loop;
    t := orchestration.settle_run(t);
    owed := orchestration.both_owed(owed, orchestration.owe(t));
    perform orchestration.close_turn(t);
    return owed;
end
$$;

-- A run whose time is over is cancelled; answers what to send.
create function orchestration.expire_run(run uuid, resend_ms bigint) returns json
language plpgsql as $$
begin
    return orchestration.cancel_within(
        run,
        json_build_object('error', json_build_object(
            'code', 'run_timeout', 'message', 'The run did not end in time (timeout_ms of the flow).', 'retryable', false
        )),
        resend_ms
    );
end
$$;

-- One turn of a run for a worker: applies results, looks at the steps that it was told of, claims what is ready.
--
-- Each result: {step_id, attempt, outcome, input, output, error, execution_id} and by outcome: `succeeded`, `failed`, `skipped`,
-- `unknown`; `retry` with delay_ms, and `spare` attempts where it was not the step's fault; `sleep` with delay_ms; `await` with
-- delay_ms or none; `delegate` with child_run; `expand` with children [{item, input, call_key}], window, child {kind, effect,
-- max_attempts, undo}; `stopped`: it did not begin, because its run is being stopped. A result whose attempt is not the row's is
-- a late worker's: nothing of it is written. `run_output`, where given, is what the run answers if it ends here.
create function orchestration.advance_run(
    run uuid, looks text[], results json, run_output json, token uuid, most int, left_ms bigint, resend_ms bigint,
    with_context boolean,
    out state text, out context json, out claimed json, out owed json, out parent_run uuid, out parent_step text,
    out admits boolean, out fenced int
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    r orchestration.runs;
    s orchestration.run_steps;
    t orchestration.turn;
    res record;
    taken record;
    repeated boolean := false;
    open_before int;
    going boolean;
    retried bigint;
    allowed bigint;
    postponed bigint;
    look text;
begin
    fenced := 0;
    select * into r from orchestration.runs x where x.id = run for no key update;
    if not found then
        return;
    end if;
    if r.status = 'running' and r.deadline_at <= clock_timestamp() then
        owed := orchestration.expire_run(run, resend_ms);
        select * into r from orchestration.runs x where x.id = run;
    end if;
    t := orchestration.turn_of(r, resend_ms);

    for res in
        select *
        from json_to_recordset(results) as x (
            step_id text, attempt int, outcome text, input json, output json, error json, execution_id uuid,
            delay_ms bigint, spare int, child_run uuid, children json, "window" int, child json
        )
        order by x.step_id
    loop
        select * into s
        from orchestration.run_steps x
        where x.workspace_id = t.workspace_id
          and x.run_id = run
          and x.step_id = res.step_id
        for no key update;
        if s.status is distinct from 'running' or s.attempt <> res.attempt or s.lease_until is null then
            fenced := fenced + 1;
            continue;
        end if;
        going := t.status = 'running' and s.kind <> 'compensation' or t.status = 'compensating' and s.kind = 'compensation';
        case
            when res.outcome = 'retry' and going
                and (s.attempt < s.max_attempts + s.spared or s.spared < coalesce(res.spare, 0))
            then
                perform orchestration.note_attempt(t, s, 'retried', res.error, res.execution_id);
                -- Retries are at most a tenth of a tool's calls per minute, or ten: what is above goes later.
                select count(*) into retried
                from orchestration.step_attempts a
                where a.workspace_id = t.workspace_id
                  and a.tool_id = s.tool_id
                  and a.outcome = 'retried'
                  and a.finished_at > t.at - interval '1 minute';
                postponed := 0;
                if retried > 10 then
                    select greatest(10, count(*) / 10) into allowed
                    from orchestration.executions e
                    where e.workspace_id = t.workspace_id
                      and e.tool_id = s.tool_id
                      and e.id > (
                          lpad(to_hex(floor(extract(epoch from t.at - interval '1 minute') * 1000)::bigint), 12, '0')
                          || '00000000000000000000'
                      )::uuid;
                    postponed := 60000 * ((retried - 1) / allowed);
                end if;
                update orchestration.run_steps x
                set status = 'ready',
                    input = coalesce(res.input, x.input),
                    error = res.error,
                    spared = x.spared + (res.spare > 0)::int,
                    lease_until = null,
                    not_before = t.at + (res.delay_ms + postponed) * interval '1 millisecond',
                    enqueued_at = case when postponed = 0 then t.at end,
                    due_at = t.at + (res.delay_ms + case when postponed = 0 then resend_ms else postponed end)
                        * interval '1 millisecond'
                where x.workspace_id = t.workspace_id
                  and x.run_id = run
                  and x.step_id = s.step_id;
                t := orchestration.tell(
                    t, 'step.retrying', s.step_id,
                    json_build_object('attempt', s.attempt, 'delay_ms', res.delay_ms + postponed, 'error', res.error)::text
                );
            when res.outcome in ('sleep', 'await', 'delegate') and t.status = 'running'
                or res.outcome = 'delegate' and t.status in ('failing', 'cancelling')
            then
                update orchestration.run_steps x
                set lease_until = null,
                    input = coalesce(res.input, x.input),
                    output = res.output,
                    awaits = res.outcome = 'await',
                    child_run_id = res.child_run,
                    not_before = coalesce(t.at + res.delay_ms * interval '1 millisecond', 'infinity'),
                    due_at = coalesce(t.at + res.delay_ms * interval '1 millisecond', 'infinity')
                where x.workspace_id = t.workspace_id
                  and x.run_id = run
                  and x.step_id = s.step_id
                returning * into s;
                t := orchestration.tell(
                    t, case res.outcome when 'await' then 'step.awaiting' when 'sleep' then 'step.sleeping' else 'step.delegated' end,
                    s.step_id, case when res.child_run is null then '{}' else json_build_object('run_id', res.child_run)::text end
                );
                if res.outcome = 'delegate' and t.status = 'cancelling' then
                    owed := orchestration.both_owed(
                        owed, orchestration.cancel_within(s.child_run_id, t.error::json, resend_ms)
                    );
                end if;
                t := orchestration.wake_step(t, s);
            when res.outcome = 'expand' and t.status = 'running' then
                insert into orchestration.run_steps
                    (workspace_id, run_id, step_id, kind, status, position, effect, tool_id, call_key, timeout_ms,
                     parent_step_id, item_index, item, handles, fallback, undo, tries, max_attempts, input, not_before,
                     due_at, created_at)
                select t.workspace_id, run, s.step_id || '[' || (c.n - 1) || ']', res.child ->> 'kind',
                    case when c.n <= res."window" then 'ready' else 'waiting' end, s.position, res.child ->> 'effect',
                    -- An item of null is one: json_to_recordset makes SQL's null of it.
                    s.tool_id, c.call_key, s.timeout_ms, s.step_id, c.n - 1, coalesce(c.item, 'null'), s.handles, s.fallback,
                    nullif((res.child -> 'undo')::text, 'null')::json, (res.child ->> 'max_attempts')::int,
                    (res.child ->> 'max_attempts')::int, c.input, t.at, t.at, t.at
                from rows from (json_to_recordset(res.children) as (item json, input json, call_key uuid))
                    with ordinality as c (item, input, call_key, n);
                get diagnostics open_before = row_count;
                if open_before = 0 then
                    perform orchestration.note_attempt(t, s, 'succeeded', null, null);
                    t := orchestration.finish_step(t, s, 'succeeded', '[]', null);
                    continue;
                end if;
                update orchestration.run_steps x
                set lease_until = null,
                    not_before = 'infinity',
                    due_at = 'infinity',
                    children = open_before,
                    children_at_once = res."window",
                    children_open = open_before,
                    next_child = least(res."window", open_before)
                where x.workspace_id = t.workspace_id
                  and x.run_id = run
                  and x.step_id = s.step_id;
                t.open_steps := t.open_steps + open_before;
                t := orchestration.tell(t, 'step.expanded', s.step_id, json_build_object('items', open_before)::text);
                t.ready := t.ready || array(
                    select s.step_id || '[' || i || ']' from generate_series(0, least(res."window", open_before) - 1) as i
                );
            when res.outcome in ('sleep', 'await', 'expand') or res.outcome = 'stopped' and t.status <> 'running' then
                perform orchestration.note_attempt(t, s, 'cancelled', null, null);
                t := orchestration.finish_step(t, s, 'cancelled', null, null, res.input);
            when res.outcome in ('succeeded', 'skipped') then
                perform orchestration.note_attempt(t, s, res.outcome, null, res.execution_id);
                t := orchestration.finish_step(t, s, res.outcome, res.output, null, res.input);
            when res.outcome = 'unknown' then
                perform orchestration.note_attempt(t, s, 'unknown', res.error, res.execution_id);
                t := orchestration.finish_step(t, s, 'unknown', null, res.error, res.input);
            else
                perform orchestration.note_attempt(t, s, 'failed', res.error, res.execution_id);
                t := orchestration.finish_step(t, s, 'failed', s.fallback, res.error, res.input);
        end case;
    end loop;

    -- One look-up each: a list in an order would be read as the whole run, filtered.
    for look in select distinct l.step_id from unnest(looks) as l (step_id) order by l.step_id loop
        select * into s
        from orchestration.run_steps x
        where x.workspace_id = t.workspace_id
          and x.run_id = advance_run.run
          and x.step_id = look
        for no key update;
        if s.status = 'ready' and s.not_before <= t.at then
            t.ready := t.ready || s.step_id;
        elsif s.status = 'running' and s.lease_until is null then
            t := orchestration.wake_step(t, s);
        elsif s.status = 'running' and s.worker = token then
            repeated := true;
        end if;
    end loop;

    -- The step `~output` may have told it already.
    if t.open_steps = 0 and t.status = 'running' and fenced = 0 and t.output is null then
        t.output := run_output;
    end if;
    t := orchestration.settle_run(t);
    if r.admitted and t.status in ('running', 'compensating') then
        select x.t, x.claimed into taken
        from orchestration.claim_ready(t, token, most, left_ms, looks <> '{}') as x;
        t := taken.t;
        claimed := taken.claimed;
    end if;
    -- The same turn may have been committed before, with its answer lost: what it claimed is still this worker's.
    if fenced > 0 or repeated then
        claimed := orchestration.claimed_before(t, token);
    end if;
    -- A step that was refused at its claim may have been the last one.
    t := orchestration.settle_run(t);
    owed := orchestration.both_owed(owed, orchestration.owe(t));
    perform orchestration.close_turn(t);
    state := t.status;
    if with_context then
        context := orchestration.run_context(r);
    end if;
    if t.status in ('succeeded', 'failed', 'cancelled') then
        parent_run := r.parent_run_id;
        parent_step := r.parent_step_id;
        admits := r.most_runs is not null;
    end if;
end
$$;

-- Runs, and steps of them, that the sweep has to look at; oldest due first. `soon`: something will be due within the minute.
create function orchestration.sweep_due(most int)
returns table (run_id uuid, steps text[])
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    select d.run_id, array_remove(array_agg(d.step_id order by d.due), null)
    from (
        (
            select s.run_id, s.step_id, s.due_at as due
            from orchestration.run_steps s
            where s.status in ('ready', 'running')
              and s.due_at <= clock_timestamp()
            order by s.due_at
            limit most
        )
        union all
        (
            select r.parent_run_id, r.parent_step_id, r.finished_at
            from orchestration.runs r
            where not r.told
            order by r.finished_at
            limit most
        )
        union all
        (
            select r.id, null, r.deadline_at
            from orchestration.runs r
            where r.finished_at is null
              and r.status = 'running'
              and r.deadline_at <= clock_timestamp()
            order by r.deadline_at
            limit most
        )
    ) as d
    group by d.run_id
    order by min(d.due);
end;

-- One run's turn of the sweep; null when another process has it in hand. It moves rows and says what to send, never executes.
create function orchestration.sweep_run(
    run uuid, steps text[], resend_ms bigint,
    out state text, out owed json, out parent_run uuid, out parent_step text, out admits boolean,
    out recovered int, out woken int, out resent int
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    r orchestration.runs;
    s orchestration.run_steps;
    t orchestration.turn;
    look text;
begin
    recovered := 0;
    woken := 0;
    resent := 0;
    select * into r from orchestration.runs x where x.id = run for no key update skip locked;
    if not found then
        return;
    end if;
    if r.status = 'running' and r.deadline_at <= clock_timestamp() then
        owed := orchestration.expire_run(run, resend_ms);
        select * into r from orchestration.runs x where x.id = run;
    end if;
    t := orchestration.turn_of(r, resend_ms);
    for look in select distinct l.step_id from unnest(steps) as l (step_id) order by l.step_id loop
        select * into s
        from orchestration.run_steps x
        where x.workspace_id = t.workspace_id
          and x.run_id = sweep_run.run
          and x.step_id = look
          and x.status in ('ready', 'running')
        for no key update;
        if s.status = 'running' and s.lease_until <= t.at then
            recovered := recovered + 1;
            t := orchestration.recover_step(t, s);
        elsif s.status = 'running' and s.lease_until is null then
            woken := woken + 1;
            t := orchestration.wake_step(t, s);
        elsif s.status = 'ready' and s.due_at <= t.at and s.not_before <= t.at then
            resent := resent + 1;
            t.ready := t.ready || s.step_id;
        end if;
    end loop;
    update orchestration.runs x
    set told = true
    where x.workspace_id = t.workspace_id
      and x.parent_run_id = run
      and x.parent_step_id = any (steps)
      and x.finished_at is not null
      and not x.told;
    t := orchestration.settle_run(t);
    owed := orchestration.both_owed(owed, orchestration.owe(t));
    perform orchestration.close_turn(t);
    state := t.status;
    if t.status in ('succeeded', 'failed', 'cancelled') then
        parent_run := r.parent_run_id;
        parent_step := r.parent_step_id;
        admits := r.most_runs is not null;
    end if;
end
$$;

-- Lets waiting runs begin as far as their flow's `max_concurrency` allows; answers what to send.
create function orchestration.admit_runs(workspace uuid, flow text, resend_ms bigint) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    busy bigint;
    r orchestration.runs;
    t orchestration.turn;
    freed text[];
    owed jsonb := '[]';
begin
    perform pg_advisory_xact_lock(hashtextextended(workspace::text || '/' || flow, 1));
    select count(*) into busy
    from orchestration.runs x
    where x.workspace_id = workspace
      and x.flow_id = flow
      and x.finished_at is null
      and x.admitted;
    for r in
        select *
        from orchestration.runs x
        where x.workspace_id = workspace
          and x.flow_id = flow
          and x.finished_at is null
          and not x.admitted
        order by x.created_at, x.id
        limit 100
        for no key update skip locked
    loop
        exit when busy >= r.most_runs;
        busy := busy + 1;
        t := orchestration.turn_of(r, resend_ms);
        update orchestration.runs x set admitted = true where x.id = r.id;
        with s as (
            update orchestration.run_steps s
            set not_before = t.at, due_at = t.at
            where s.workspace_id = t.workspace_id
              and s.run_id = r.id
              and s.status in ('ready', 'waiting')
            returning s.step_id, s.status, s.position
        )
        select array_agg(s.step_id order by s.position) into freed from s where s.status = 'ready';
        t.ready := coalesce(freed, '{}');
        t := orchestration.tell(t, 'run.started', null);
        owed := owed || coalesce(orchestration.owe(t)::jsonb, '[]');
        perform orchestration.close_turn(t);
    end loop;
    return owed;
end
$$;

-- Flows that have runs which wait to begin.
create function orchestration.flows_with_held_runs(most int) returns table (workspace_id uuid, flow_id text)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select r.workspace_id, r.flow_id
    from orchestration.runs r
    where not r.admitted
      and r.finished_at is null
    group by r.workspace_id, r.flow_id
    order by min(r.created_at)
    limit most;
end;

-- Whether something will be due within the next minute, so that a sweeper had better stay; and its sign of life.
create function orchestration.sweep_done(detail json) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    insert into orchestration.heartbeats as h (name, at, detail)
    values ('flow_sweep', clock_timestamp(), sweep_done.detail)
    on conflict on constraint heartbeats_pkey do update set at = excluded.at, detail = excluded.detail;
    return exists (
        select
        from orchestration.run_steps s
        where s.status in ('ready', 'running')
          and s.due_at <= clock_timestamp() + interval '1 minute'
    );
end
$$;

-- A person cancels a run: after this has answered, no step of it is claimed.
create function orchestration.cancel_run(
    claims text, workspace uuid, run uuid, resend_ms bigint, out outcome text, out owed json, out admits boolean
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    r orchestration.runs;
begin
    perform orchestration.require_member(claims::jsonb, workspace);
    select * into r from orchestration.runs x where x.id = run and x.workspace_id = workspace for no key update;
    if not found then
        outcome := 'not_found';
        return;
    end if;
    owed := orchestration.cancel_within(run, null, resend_ms);
    select x.status, x.finished_at is not null and x.most_runs is not null into outcome, admits
    from orchestration.runs x
    where x.id = run;
end
$$;

-- Whether something that a run did was undone, or may have been: then it does not go on.
create function orchestration.is_undone(r orchestration.runs) returns boolean language plpgsql as $$
begin
    return exists (
        select
        from orchestration.run_steps x
        where x.workspace_id = r.workspace_id
          and x.run_id = r.id
          and (x.status = 'compensated' or x.kind = 'compensation' and x.status = 'unknown')
    );
end
$$;

-- Steps of a run that has ended, and of the runs below it that would go on with it, which must be confirmed by name and were not:
-- `mail`, or `sub/mail` for the step `mail` of the run of the step `sub`. A lost worker's step that carries a key needs no word:
-- it is asked again under that key.
create function orchestration.unconfirmed(r orchestration.runs, confirmed text[], above text) returns text[]
language plpgsql as $$
declare
    s orchestration.run_steps;
    child orchestration.runs;
    found_here text[];
begin
    select coalesce(array_agg(above || x.step_id order by x.position, x.item_index), '{}') into found_here
    from orchestration.run_steps x
    where x.workspace_id = r.workspace_id
      and x.run_id = r.id
      and x.status = 'unknown'
      and x.error ->> 'code' is distinct from 'worker_lost'
      and x.kind <> 'compensation'
      and above || x.step_id <> all (confirmed);
    for s in
        select *
        from orchestration.run_steps x
        where x.workspace_id = r.workspace_id
          and x.run_id = r.id
          and x.child_run_id is not null
          and (x.status = 'cancelled' or x.status = 'failed' and not x.handles)
        order by x.position, x.item_index
    loop
        select * into child from orchestration.runs x where x.id = s.child_run_id;
        if child.status in ('failed', 'cancelled') and not orchestration.is_undone(child) then
            found_here := found_here || orchestration.unconfirmed(child, confirmed, above || s.step_id || '/');
        end if;
    end loop;
    return found_here;
end
$$;

-- Makes a failed or cancelled run and the runs of its failed steps go on from where they stopped. False: it cannot, what it did was
-- undone.
create function orchestration.resume_within(run uuid, resend_ms bigint, out resumed boolean, out owed json)
language plpgsql as $$
declare
    r orchestration.runs;
    s orchestration.run_steps;
    t orchestration.turn;
    below record;
begin
    select * into r from orchestration.runs x where x.id = run for no key update;
    resumed := r.status not in ('failed', 'cancelled');
    if resumed or orchestration.is_undone(r) then
        return;
    end if;
    resumed := true;
    if r.most_runs is not null then
        -- It takes its turn like one that starts.
        perform pg_advisory_xact_lock(hashtextextended(r.workspace_id::text || '/' || r.flow_id, 1));
        r.admitted := (
            select count(*) < r.most_runs
            from orchestration.runs x
            where x.workspace_id = r.workspace_id
              and x.flow_id = r.flow_id
              and x.finished_at is null
              and x.admitted
        );
    end if;
    t := orchestration.turn_of(r, resend_ms);
    t.status := 'running';
    t.ends_as := null;
    t.output := null;
    t.error := null;
    -- Before the runs below it, whose deadlines end with this one's.
    update orchestration.runs x
    set status = t.status,
        finished_at = null,
        told = true,
        admitted = r.admitted,
        deadline_at = least(
            t.at + x.timeout_ms * interval '1 millisecond',
            (select y.deadline_at from orchestration.runs y where y.id = x.parent_run_id)
        )
    where x.id = run;
    t := orchestration.tell(t, 'run.resumed', null);
    if not r.admitted then
        t := orchestration.tell(t, 'run.held', null);
    end if;
    delete from orchestration.run_steps x
    where x.workspace_id = t.workspace_id
      and x.run_id = run
      and x.kind in ('output', 'compensation');
    -- A refusal, or a signal that came too late, was for the wait that has ended: the next one is asked anew.
    delete from orchestration.signals g
    using orchestration.run_steps x
    where g.workspace_id = t.workspace_id
      and g.run_id = run
      and x.workspace_id = g.workspace_id
      and x.run_id = g.run_id
      and x.step_id = g.step_id
      and x.status = 'failed'
      and not x.handles;
    update orchestration.run_steps x
    set status = 'waiting',
        deps_open = 0,
        lease_until = null,
        enqueued_at = null,
        resends = 0,
        not_before = t.at,
        due_at = t.at,
        finished_at = null,
        done_seq = null,
        output = null,
        output_bytes = 0,
        -- A refusal would only be told again under its old key, and who confirms wants another call; one that may have had an
        -- effect keeps it.
        call_key = case
            when x.error ->> 'retryable' = 'false'
                or x.status = 'unknown' and x.error ->> 'code' is distinct from 'worker_lost'
            then gen_random_uuid()
            else x.call_key
        end,
        spared = 0,
        max_attempts = x.attempt + x.tries
    where x.workspace_id = t.workspace_id
      and x.run_id = run
      and (x.status in ('cancelled', 'unknown') or (x.status = 'failed' and not x.handles));
    update orchestration.run_steps x
    set deps_open = n.open
    from (
        select w.step_id, count(*)::int as open
        from orchestration.run_steps d, unnest(d.dependants) as w (step_id)
        where d.workspace_id = t.workspace_id
          and d.run_id = run
          and d.status = 'waiting'
        group by w.step_id
    ) as n
    where x.workspace_id = t.workspace_id
      and x.run_id = run
      and x.step_id = n.step_id
      and x.status = 'waiting';
    -- A for_each that had begun goes on with the items that it has, as many at once as before.
    update orchestration.run_steps x
    set status = 'running',
        not_before = 'infinity',
        due_at = 'infinity',
        children_open = c.open,
        children_failed = c.failed,
        next_child = coalesce(c.last, x.children - 1) + 1,
        error = null
    from (
        select y.parent_step_id, count(*) filter (where y.is_open)::int as open,
            count(*) filter (where y.status = 'failed')::int as failed,
            max(y.item_index) filter (where y.is_open and y.place <= p.children_at_once) as last
        from (
            select z.parent_step_id, z.item_index, z.status, z.status = 'waiting' as is_open,
                row_number() over (partition by z.parent_step_id, z.status = 'waiting' order by z.item_index) as place
            from orchestration.run_steps z
            where z.workspace_id = t.workspace_id
              and z.run_id = run
              and z.parent_step_id is not null
        ) as y
        join orchestration.run_steps p
            on p.workspace_id = t.workspace_id and p.run_id = run and p.step_id = y.parent_step_id
        group by y.parent_step_id
    ) as c
    where x.workspace_id = t.workspace_id
      and x.run_id = run
      and x.step_id = c.parent_step_id
      and x.status = 'waiting'
      and x.children is not null;
    with freed as (
        update orchestration.run_steps x
        set status = 'ready'
        from orchestration.run_steps p
        where x.workspace_id = t.workspace_id
          and x.run_id = run
          and x.status = 'waiting'
          and p.workspace_id = x.workspace_id
          and p.run_id = x.run_id
          and p.step_id = coalesce(x.parent_step_id, x.step_id)
          and (
              x.parent_step_id is null and x.deps_open = 0 and x.status = 'waiting'
              -- The first of the items; each that ends lets the next begin.
              or x.parent_step_id is not null and x.item_index < p.next_child
          )
        returning x.step_id, x.position
    )
    select array_agg(f.step_id order by f.position) into t.ready from freed f;
    t.ready := coalesce(t.ready, '{}');
    -- A step whose run failed or was cancelled goes on with that run, unless what it did was undone.
    for s in
        select *
        from orchestration.run_steps x
        where x.workspace_id = t.workspace_id
          and x.run_id = run
          and x.status = 'ready'
          and x.child_run_id is not null
        order by x.step_id
    loop
        select * into below from orchestration.resume_within(s.child_run_id, resend_ms);
        if below.resumed then
            owed := orchestration.both_owed(owed, below.owed);
            update orchestration.run_steps x
            set status = 'running', not_before = 'infinity', due_at = 'infinity'
            where x.workspace_id = t.workspace_id
              and x.run_id = run
              and x.step_id = s.step_id;
            t.ready := array_remove(t.ready, s.step_id);
        else
            update orchestration.run_steps x
            set child_run_id = null, call_key = gen_random_uuid()
            where x.workspace_id = t.workspace_id
              and x.run_id = run
              and x.step_id = s.step_id;
        end if;
    end loop;
    select count(*) into t.open_steps
    from orchestration.run_steps x
    where x.workspace_id = t.workspace_id
      and x.run_id = run
      and x.status in ('waiting', 'ready', 'running');
    -- One whose last items ended while the run was stopping has only to be joined.
    for s in
        select *
        from orchestration.run_steps x
        where x.workspace_id = t.workspace_id
          and x.run_id = run
          and x.kind = 'map'
          and x.status = 'running'
          and x.children_open = 0
        order by x.position
    loop
        t := orchestration.join_items(t, s);
    end loop;
    t := orchestration.settle_run(t);
    if r.admitted then
        owed := orchestration.both_owed(owed, orchestration.owe(t));
    else
        update orchestration.run_steps x
        set not_before = 'infinity', due_at = 'infinity'
        where x.workspace_id = t.workspace_id
          and x.run_id = run
          and x.status in ('waiting', 'ready');
    end if;
    perform orchestration.close_turn(t);
end
$$;

-- A person lets a run go on. `unknown`: steps that must be confirmed first, by these names; nothing was changed then. `state`: the
-- run's, where it has not stopped.
create function orchestration.resume_run(
    claims text, workspace uuid, run uuid, confirmed text[], resend_ms bigint,
    out outcome text, out owed json, out unknown text[], out state text
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    r orchestration.runs;
begin
    perform orchestration.require_member(claims::jsonb, workspace);
    select * into r from orchestration.runs x where x.id = run and x.workspace_id = workspace for no key update;
    state := r.status;
    if not found then
        outcome := 'not_found';
    elsif r.parent_run_id is not null then
        outcome := 'has_parent';
    elsif r.status not in ('failed', 'cancelled') then
        outcome := 'not_stopped';
    elsif orchestration.is_undone(r) then
        outcome := 'compensated';
    else
        unknown := orchestration.unconfirmed(r, confirmed, '');
        outcome := case cardinality(unknown) when 0 then 'resumed' else 'unconfirmed' end;
        if outcome = 'resumed' then
            select x.owed into owed from orchestration.resume_within(run, resend_ms) as x;
        end if;
    end if;
end
$$;

-- A signal or an approval arrives; the first one counts, and saying the same again is no fault.
create function orchestration.signal_step(
    claims text, workspace uuid, run uuid, step text, given json, agreed boolean, resend_ms bigint,
    out outcome text, out owed json
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    r orchestration.runs;
    s orchestration.run_steps;
    g orchestration.signals;
    t orchestration.turn;
begin
    perform orchestration.require_member(claims::jsonb, workspace);
    select * into r from orchestration.runs x where x.id = run and x.workspace_id = workspace for no key update;
    if not found then
        outcome := 'not_found';
        return;
    end if;
    select * into s
    from orchestration.run_steps x
    where x.workspace_id = workspace
      and x.run_id = run
      and x.step_id = step
    for no key update;
    if not found then
        outcome := 'no_step';
        return;
    end if;
    select * into g
    from orchestration.signals x
    where x.workspace_id = workspace
      and x.run_id = run
      and x.step_id = step;
    if found then
        outcome := case
            when g.approved is not distinct from agreed and g.payload::jsonb is not distinct from given::jsonb then 'repeated'
            else 'answered'
        end;
        return;
    end if;
    if r.status <> 'running' or s.status not in ('waiting', 'ready', 'running') then
        outcome := 'over';
        return;
    end if;
    insert into orchestration.signals (run_id, step_id, workspace_id, payload, approved, sent_by)
    values (run, step, workspace, given, agreed, (claims::jsonb ->> 'sub')::uuid);
    t := orchestration.turn_of(r, resend_ms);
    t := orchestration.tell(t, 'step.signalled', step);
    t := orchestration.wake_step(t, s);
    t := orchestration.settle_run(t);
    owed := orchestration.owe(t);
    perform orchestration.close_turn(t);
    outcome := 'taken';
end
$$;

-- Steps that this very claim has taken already: its answer was lost. It looks through the run, which is rare enough.
create function orchestration.claimed_before(t orchestration.turn, token uuid) returns json
language plpgsql as $$
declare
    claimed json;
begin
    select json_agg(orchestration.as_claimed(t, c, orchestration.rows_of(t, c.reads)) order by c.position, c.item_index)
    into claimed
    from orchestration.run_steps c
    where c.workspace_id = t.workspace_id
      and c.run_id = t.run_id
      and c.status = 'running'
      and c.worker = token
      and c.lease_until is not null;
    return claimed;
end
$$;

-- Runs that ended so long ago are forgotten, a few at once.
create function orchestration.forget_runs(days int, most int) returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone int;
begin
    delete from orchestration.runs r
    where r.id in (
        select y.id
        from (
            select x.id, sum(x.last_seq) over (order by x.finished_at, x.id) - x.last_seq as before
            from (
                select x.id, x.finished_at, x.last_seq
                from orchestration.runs x
                where x.finished_at < now() - days * interval '1 day'
                  and x.parent_run_id is null
                order by x.finished_at
                limit most
                for update skip locked
            ) as x
        ) as y
        -- About as many rows as go within a statement's time; the next round goes on.
        where y.before < 20000
    );
    get diagnostics gone = row_count;
    return gone;
end
$$;

do $$
declare
    f regprocedure;
begin
    for f in
        select p.oid::regprocedure
        from pg_proc p
        join pg_depend d on d.objid = p.oid and d.classid = 'pg_proc'::regclass and d.refclassid = 'pg_namespace'::regclass
        where p.pronamespace = 'orchestration'::regnamespace
          and p.proname in (
              'turn_of', 'tell', 'stop_steps', 'fail_run', 'release', 'skip_from', 'finish_step', 'note_attempt', 'wake_step',
              'recover_step', 'settle_run', 'close_turn', 'run_context', 'claim_ready', 'as_claimed', 'rows_of', 'owe', 'cancel_within', 'expire_run',
              'resume_within', 'claimed_before', 'join_items', 'most_read_bytes', 'attempts_before', 'both_owed', 'is_undone',
              'unconfirmed', 'start_run', 'advance_run', 'sweep_due', 'sweep_run', 'admit_runs',
              'flows_with_held_runs', 'sweep_done', 'cancel_run', 'resume_run', 'signal_step', 'forget_runs'
          )
    loop
        execute format('revoke execute on function %s from public', f);
    end loop;
end
$$;
grant execute on function
    orchestration.start_run(text, uuid, uuid, text, int, json, json, text, text, bytea, bigint, int, uuid, text, smallint,
        text[], json, bigint),
    orchestration.advance_run(uuid, text[], json, json, uuid, int, bigint, bigint, boolean),
    orchestration.sweep_due(int),
    orchestration.sweep_run(uuid, text[], bigint),
    orchestration.admit_runs(uuid, text, bigint),
    orchestration.flows_with_held_runs(int),
    orchestration.sweep_done(json),
    orchestration.cancel_run(text, uuid, uuid, bigint),
    orchestration.resume_run(text, uuid, uuid, text[], bigint),
    orchestration.signal_step(text, uuid, uuid, text, json, boolean, bigint),
    orchestration.forget_runs(int, int)
    to authenticator;

-- The flow engine: what 0014's tables need at work, and the functions through which all of it is done.
--
-- The step row is the outbox: `ready` is the debt, a queue message only a hint that somebody should look. Every change of a
-- run locks the run's row first, so that changes of one run stand in one order; no change waits for a second run's lock
-- but a parent's that is cancelled for its children's, downwards. The only clock is the database's.
--
-- 0014's tables of steps, attempts and events had a second index each for their foreign key, and each row locked its run
-- once more. Nobody wrote to them before this, so they are made anew: keyed by workspace first, filled by these functions
-- alone, and emptied by a trigger when their run goes.
drop table orchestration.run_edges;
drop table orchestration.step_attempts;
drop table orchestration.run_events;
drop table orchestration.run_steps;

alter table orchestration.runs
    -- A tool's execution that is owed to the queue (`Prefer: respond-async`) is a run of one step, of no flow.
    alter column flow_id drop not null,
    alter column flow_version drop not null,
    add constraint runs_flow_whole check (num_nulls(flow_id, flow_version) in (0, 2)),
    -- How many runs stand above it: a flow that calls a flow that calls a flow …
    add column depth smallint not null default 0 check (depth between 0 and 32),
    -- Steps that are waiting, ready or running: at none the run ends, or its compensations begin.
    add column open_steps int not null default 0 check (open_steps >= 0),
    -- Within its flow's `max_concurrency`; one that is not yet has ready steps that nobody claims.
    add column admitted boolean not null default true,
    add column most_runs int check (most_runs >= 1),
    -- What it is once the compensations are through.
    add column ends_as text check (ends_as in ('failed', 'cancelled')),
    -- Steps that what it answers is made of.
    add column output_reads text[] not null default '{}',
    -- Whether the step that started it knows that it ended.
    add column told boolean not null default true,
    -- From its start, or from where it was resumed, to its deadline.
    add column timeout_ms bigint not null default 2592000000 check (timeout_ms > 0);
create index runs_active on orchestration.runs (workspace_id, flow_id, created_at) where finished_at is null;
create index runs_untold on orchestration.runs (finished_at) where not told;
create index runs_held on orchestration.runs (created_at) where not admitted and finished_at is null;
create index runs_finished on orchestration.runs (finished_at) where finished_at is not null;

create table orchestration.run_steps (
    workspace_id uuid not null,
    run_id uuid not null,
    -- `quotes`, `quotes[3]` for an item of a for_each, `mail~compensate` for a compensation, `~output` for the run's output.
    step_id text collate "C" not null,
    kind text not null check (kind in ('tool', 'transform', 'flow', 'wait', 'map', 'compensation', 'output')),
    status text not null check (
        status in (
            'waiting', 'ready', 'running', 'succeeded', 'failed', 'skipped', 'cancelled', 'unknown', 'compensated'
        )
    ),
    -- Its place in the definition, for those who read.
    position int not null default 0,
    -- What a lost worker means: read and keyed calls are repeated, unsafe ones become unknown.
    effect text not null default 'read' check (effect in ('read', 'keyed', 'unsafe')),
    tool_id text collate "C",
    -- The `Idempotency-Key` of its call, the same over all attempts.
    call_key uuid,
    timeout_ms bigint not null default 25000 check (timeout_ms > 0),
    -- The step whose item it is, or which it undoes.
    parent_step_id text collate "C",
    item_index int check (item_index >= 0),
    item json,
    -- Steps that wait for it, and steps whose results its expressions read.
    dependants text[] not null default '{}',
    reads text[] not null default '{}',
    deps_open int not null default 0 check (deps_open >= 0),
    -- Runs though a step that it needs was skipped.
    always boolean not null default false,
    -- Its failure is not the run's: those who wait for it get `fallback`.
    handles boolean not null default false,
    fallback json,
    -- The call that undoes it: {"tool_id", "effect", "reads", "timeout_ms", "max_attempts"}.
    undo json,
    -- Counted at the claim, before the call: the fencing token.
    attempt int not null default 0 check (attempt >= 0),
    -- Attempts that it may have, as the definition says.
    tries int not null default 1 check (tries >= 1),
    -- The attempt that is the last one if it fails by its own fault.
    max_attempts int not null default 1 check (max_attempts >= 1),
    -- Attempts that were not its fault: its worker died, or the database was away.
    spared int not null default 0 check (spared >= 0),
    -- The claim, so that a repeated one finds its own.
    worker uuid,
    -- Until when its worker may be busy with it. A step that sleeps, awaits a signal, its items or its run has none.
    lease_until timestamptz,
    awaits boolean not null default false,
    not_before timestamptz not null default now(),
    enqueued_at timestamptz,
    resends int not null default 0,
    -- When the sweep has to look at it, if nothing happens before.
    due_at timestamptz not null default now(),
    -- Of a for_each: its items, how many at once, how many are open, how many failed, and which is next to become ready.
    children int,
    children_at_once int,
    children_open int not null default 0 check (children_open >= 0),
    children_failed int not null default 0,
    next_child int not null default 0,
    child_run_id uuid,
    input json,
    output json,
    output_bytes int not null default 0,
    error json,
    -- The event with which it ended: the order of completion.
    done_seq bigint,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    primary key (workspace_id, run_id, step_id)
) with (fillfactor = 70);
create index run_steps_due on orchestration.run_steps (due_at) where status in ('ready', 'running');
create index run_steps_children on orchestration.run_steps (workspace_id, run_id, parent_step_id, item_index)
    where parent_step_id is not null;

-- One row for each attempt that ended; the one under way is the step's own row.
create table orchestration.step_attempts (
    workspace_id uuid not null,
    run_id uuid not null,
    step_id text collate "C" not null,
    attempt int not null check (attempt >= 1),
    outcome text not null check (
        outcome in ('succeeded', 'failed', 'retried', 'skipped', 'fenced', 'lease_expired', 'cancelled', 'unknown')
    ),
    tool_id text collate "C",
    execution_id uuid,
    error json,
    started_at timestamptz,
    finished_at timestamptz not null,
    primary key (workspace_id, run_id, step_id, attempt)
);
-- How many retries a tool has had of late.
create index step_attempts_retried on orchestration.step_attempts (workspace_id, tool_id, finished_at)
    where outcome = 'retried';

-- Every transition, in order: what the event stream reads, resumable by seq.
create table orchestration.run_events (
    workspace_id uuid not null,
    run_id uuid not null,
    seq bigint not null check (seq >= 1),
    at timestamptz not null,
    kind text not null check (kind ~ '^[a-z_]+(\.[a-z_]+)*$'),
    step_id text collate "C",
    payload json not null default '{}',
    primary key (workspace_id, run_id, seq)
);

create function orchestration.forget_run() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    delete from orchestration.run_steps s where s.workspace_id = old.workspace_id and s.run_id = old.id;
    delete from orchestration.step_attempts a where a.workspace_id = old.workspace_id and a.run_id = old.id;
    delete from orchestration.run_events e where e.workspace_id = old.workspace_id and e.run_id = old.id;
    return null;
end
$$;
revoke execute on function orchestration.forget_run() from public;
create trigger forget_run after delete on orchestration.runs
    for each row execute function orchestration.forget_run();

alter table orchestration.run_steps enable row level security, force row level security;
alter table orchestration.step_attempts enable row level security, force row level security;
alter table orchestration.run_events enable row level security, force row level security;

create policy member_reads on orchestration.run_steps for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on orchestration.run_steps to service_role using (true) with check (true);
create policy member_reads on orchestration.step_attempts for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on orchestration.step_attempts to service_role using (true) with check (true);
create policy member_reads on orchestration.run_events for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on orchestration.run_events to service_role using (true) with check (true);

-- People change runs through the functions below and in no other way: a row made up by hand would be executed.
drop policy member_starts on orchestration.runs;
drop policy member_steers on orchestration.runs;
drop policy member_signals on orchestration.signals;
revoke all on orchestration.runs, orchestration.signals from authenticated;
grant select on
    orchestration.runs, orchestration.signals,
    orchestration.run_steps, orchestration.step_attempts, orchestration.run_events
    to authenticated;
grant select on
    orchestration.run_steps, orchestration.step_attempts, orchestration.run_events
    to service_role;
grant delete on orchestration.runs to service_role;

-- One change of a run under way: what the run's row will say, and the events that are told at the end in one statement.
create type orchestration.turn as (
    workspace_id uuid,
    run_id uuid,
    status text,
    ends_as text,
    open_steps int,
    seq bigint,
    at timestamptz,
    resend_ms bigint,
    output text,
    error text,
    -- Steps that became ready.
    ready text[],
    kinds text[],
    subjects text[],
    payloads text[]
);

create function orchestration.turn_of(r orchestration.runs, resend_ms bigint) returns orchestration.turn
language plpgsql as $$
begin
    return row(
        r.workspace_id, r.id, r.status, r.ends_as, r.open_steps, r.last_seq, clock_timestamp(), resend_ms,
        r.output, r.error, array[]::text[], array[]::text[], array[]::text[], array[]::text[]
    )::orchestration.turn;
end
$$;

-- What a step may read, and a turn hand out, in bytes of JSON: four times what one step may come to.
create function orchestration.most_read_bytes() returns int language sql immutable as $$ select 25165824 $$;

create function orchestration.tell(inout t orchestration.turn, kind text, subject text, payload text default '{}')
language plpgsql as $$
begin
    t.seq := t.seq + 1;
    t.kinds := t.kinds || kind;
    t.subjects := t.subjects || coalesce(subject, '');
    t.payloads := t.payloads || payload;
end
$$;

-- Where the rows of these steps are. Their key is looked up one by one: the planner knows nothing of how many steps a run has, and a
-- list of ids would be a filter over all of them. They stay where they are as long as the run is locked.
create function orchestration.rows_of(t orchestration.turn, steps text[]) returns tid[]
language plpgsql as $$
begin
    -- In a chain it is one step or none, which needs no join.
    if cardinality(steps) = 0 then
        return '{}';
    elsif cardinality(steps) = 1 then
        return array(
            select s.ctid
            from orchestration.run_steps s
            where s.workspace_id = t.workspace_id
              and s.run_id = t.run_id
              and s.step_id = steps[1]
        );
    end if;
    return array(
        select x.row
        from unnest(steps) as w (step_id)
        cross join lateral (
            select s.ctid as row
            from orchestration.run_steps s
            where s.workspace_id = t.workspace_id
              and s.run_id = t.run_id
              and s.step_id = w.step_id
            offset 0
        ) as x
    );
end
$$;

-- Everything that has not started is cancelled, and what only waits for time or a person; what runs finishes.
create function orchestration.stop_steps(inout t orchestration.turn) language plpgsql as $$
declare
    stopped text[];
begin
    with s as (
        update orchestration.run_steps s
        set status = 'cancelled', finished_at = t.at, lease_until = null
        where s.workspace_id = t.workspace_id
          and s.run_id = t.run_id
          and (s.status in ('waiting', 'ready') or (s.status = 'running' and s.lease_until is null and s.kind <> 'flow'))
        returning s.step_id
    )
    select array_agg(s.step_id order by s.step_id) into stopped from s;
    if stopped is not null then
        t.open_steps := t.open_steps - cardinality(stopped);
        t.seq := t.seq + cardinality(stopped);
        t.kinds := t.kinds || array_fill('step.cancelled'::text, array[cardinality(stopped)]);
        t.subjects := t.subjects || stopped;
        t.payloads := t.payloads || array_fill('{}'::text, array[cardinality(stopped)]);
    end if;
end
$$;

create function orchestration.fail_run(inout t orchestration.turn, subject text, why json) language plpgsql as $$
begin
    if t.status <> 'running' then
        return;
    end if;
    t.status := 'failing';
    t.ends_as := 'failed';
    t.error := json_build_object('step_id', subject, 'error', why);
    t := orchestration.tell(t, 'run.failing', null, json_build_object('step_id', subject)::text);
    t := orchestration.stop_steps(t);
end
$$;

-- Lowers the counts of those who wait for a step; those at zero become ready.
create function orchestration.release(inout t orchestration.turn, waiting text[]) language plpgsql as $$
declare
    rows tid[] := orchestration.rows_of(t, waiting);
    freed text[];
begin
    with d as (
        update orchestration.run_steps d
        set deps_open = d.deps_open - 1,
            status = case when d.deps_open = 1 then 'ready' else d.status end,
            not_before = case when d.deps_open = 1 then t.at else d.not_before end,
            due_at = case when d.deps_open = 1 then t.at else d.due_at end
        where d.ctid = any (rows)
          and d.status = 'waiting'
        returning d.step_id, d.status, d.position
    )
    select array_agg(d.step_id order by d.position, d.step_id) into freed from d where d.status = 'ready';
    if freed is not null then
        t.ready := t.ready || freed;
    end if;
end
$$;

-- Skips those who wait for a skipped step, and those who wait for them; whoever runs always is released instead.
create function orchestration.skip_from(inout t orchestration.turn, waiting text[]) language plpgsql as $$
declare
    wave text[] := waiting;
    rows tid[];
    skipped text[];
    onwards text[];
    freed text[];
begin
    while cardinality(wave) > 0 loop
        rows := orchestration.rows_of(t, wave);
        with hits as (
            select w.step_id, count(*)::int as n from unnest(wave) as w (step_id) group by w.step_id
        ), d as (
            update orchestration.run_steps d
            set deps_open = d.deps_open - hits.n,
                status = case when d.deps_open = hits.n then 'ready' else d.status end,
                not_before = case when d.deps_open = hits.n then t.at else d.not_before end,
                due_at = case when d.deps_open = hits.n then t.at else d.due_at end
            from hits
            where d.ctid = any (rows)
              and d.step_id = hits.step_id
              and d.status = 'waiting'
              and d.always
            returning d.step_id, d.status, d.position
        )
        select array_agg(d.step_id order by d.position) into freed from d where d.status = 'ready';
        if freed is not null then
            t.ready := t.ready || freed;
        end if;
        with d as (
            update orchestration.run_steps d
            set status = 'skipped', finished_at = t.at
            where d.ctid = any (rows)
              and d.status = 'waiting'
              and not d.always
            returning d.step_id, d.dependants
        )
        select array_agg(d.step_id order by d.step_id),
            (select array_agg(o.step_id) from d as e, unnest(e.dependants) as o (step_id))
        into skipped, onwards
        from d;
        if skipped is not null then
            t.open_steps := t.open_steps - cardinality(skipped);
            t.seq := t.seq + cardinality(skipped);
            t.kinds := t.kinds || array_fill('step.skipped'::text, array[cardinality(skipped)]);
            t.subjects := t.subjects || skipped;
            t.payloads := t.payloads || array_fill('{}'::text, array[cardinality(skipped)]);
        end if;
        wave := coalesce(onwards, '{}');
    end loop;
end
$$;

-- A step ends: its row, its event, and what follows for its siblings, its parent, those who wait for it, and the run.
create function orchestration.finish_step(
    inout t orchestration.turn, s orchestration.run_steps, ending text, result json, why json, given json default null
) language plpgsql as $$
declare
    p orchestration.run_steps;
begin
    t := orchestration.tell(
        t, 'step.' || ending, s.step_id,
        case when why is null then json_build_object('attempt', s.attempt)
             else json_build_object('attempt', s.attempt, 'error', why) end::text
    );
    update orchestration.run_steps x
    set status = ending,
        input = coalesce(given, x.input),
        output = result,
        output_bytes = coalesce(octet_length(result::text), 0),
        error = why,
        lease_until = null,
        awaits = false,
        finished_at = t.at,
        done_seq = t.seq
    where x.workspace_id = t.workspace_id
      and x.run_id = t.run_id
      and x.step_id = s.step_id;
    t.open_steps := t.open_steps - 1;

    if s.kind = 'compensation' then
        if ending = 'succeeded' then
            update orchestration.run_steps x
            set status = 'compensated'
            where x.workspace_id = t.workspace_id
              and x.run_id = t.run_id
              and x.step_id = s.parent_step_id;
            t := orchestration.tell(t, 'step.compensated', s.parent_step_id);
        end if;
        -- One that failed does not keep the others from being undone.
        t := orchestration.release(t, s.dependants);
        return;
    end if;
    if t.status <> 'running' then
        return;
    end if;
    if s.kind = 'output' then
        if ending = 'succeeded' then
            -- An output of null is one: json_to_recordset makes SQL's null of it.
            t.output := coalesce(result, 'null');
        else
            t := orchestration.fail_run(t, null, why);
        end if;
        return;
    end if;
    if ending in ('failed', 'unknown') and (ending = 'unknown' or not s.handles) then
        -- Whether an unknown item had its effect is a question to a person: the whole run stops for it.
        if s.parent_step_id is not null and ending = 'failed' then
            select * into p
            from orchestration.run_steps x
            where x.workspace_id = t.workspace_id
              and x.run_id = t.run_id
              and x.step_id = s.parent_step_id;
            t := orchestration.finish_step(
                t, p, 'failed', null,
                json_build_object(
                    'code', 'item_failed',
                    'message', 'Item ' || s.item_index || ' of this for_each failed.',
                    'retryable', false,
                    'details', json_build_object('index', s.item_index, 'error', why)
                )
            );
        else
            t := orchestration.fail_run(t, s.step_id, why);
        end if;
        return;
    end if;
    if s.parent_step_id is null then
        if ending = 'skipped' then
            t := orchestration.skip_from(t, s.dependants);
        elsif cardinality(s.dependants) > 0 then
            t := orchestration.release(t, s.dependants);
        end if;
        return;
    end if;

    -- An item of a for_each: the last one joins, every other one lets the next begin.
    update orchestration.run_steps x
    set children_open = x.children_open - 1,
        children_failed = x.children_failed + (ending = 'failed')::int,
        next_child = coalesce(
            (
                select c.item_index + 1
                from orchestration.run_steps c
                where c.workspace_id = x.workspace_id
                  and c.run_id = x.run_id
                  and c.parent_step_id = x.step_id
                  and c.item_index >= x.next_child
                  and c.status = 'waiting'
                order by c.item_index
                limit 1
            ),
            x.children
        )
    where x.workspace_id = t.workspace_id
      and x.run_id = t.run_id
      and x.step_id = s.parent_step_id
    returning * into p;
    if p.children_open = 0 then
        t := orchestration.join_items(t, p);
        return;
    end if;
    update orchestration.run_steps x
    set status = 'ready', not_before = t.at, due_at = t.at
    where x.workspace_id = t.workspace_id
      and x.run_id = t.run_id
      and x.step_id = p.step_id || '[' || (p.next_child - 1) || ']'
      and x.status = 'waiting';
    if found then
        t.ready := t.ready || (p.step_id || '[' || (p.next_child - 1) || ']');
    end if;
end
$$;

-- All items of a for_each are through: their outputs in order are its own.
create function orchestration.join_items(inout t orchestration.turn, p orchestration.run_steps) language plpgsql as $$
declare
    bytes bigint;
    gathered json;
    failures json;
begin
    select sum(c.output_bytes) into bytes
    from orchestration.run_steps c
    where c.workspace_id = t.workspace_id
      and c.run_id = t.run_id
      and c.parent_step_id = p.step_id
      and c.kind <> 'compensation';
    if bytes > orchestration.most_read_bytes() then
        t := orchestration.finish_step(
            t, p, 'failed', p.fallback,
            json_build_object(
                'code', 'output_too_large',
                'message', 'The outputs of all items together have ' || bytes || ' bytes, at most '
                    || orchestration.most_read_bytes() || ' are allowed.',
                'hint', 'Let each item answer less: an output_mapping of its tool, or a flow of its own around it.',
                'retryable', false
            )
        );
        return;
    end if;
    select json_agg(c.output order by c.item_index),
        json_agg(json_build_object('index', c.item_index, 'error', c.error) order by c.item_index)
            filter (where c.status = 'failed')
    into gathered, failures
    from orchestration.run_steps c
    where c.workspace_id = t.workspace_id
      and c.run_id = t.run_id
      and c.parent_step_id = p.step_id
      and c.kind <> 'compensation';
    t := orchestration.finish_step(
        t, p, case when p.children_failed > 0 then 'failed' else 'succeeded' end, gathered,
        case when p.children_failed > 0 then
            json_build_object(
                'code', 'items_failed',
                'message', p.children_failed || ' of ' || p.children || ' items failed.',
                'retryable', false,
                'items', failures
            )
        end
    );
end
$$;

create function orchestration.note_attempt(
    t orchestration.turn, s orchestration.run_steps, what text, why json, execution uuid
) returns void language plpgsql as $$
begin
    insert into orchestration.step_attempts
        (workspace_id, run_id, step_id, attempt, outcome, tool_id, execution_id, error, started_at, finished_at)
    values
        (t.workspace_id, t.run_id, s.step_id, s.attempt, what, s.tool_id, execution, why, s.started_at, t.at)
    on conflict on constraint step_attempts_pkey do nothing;
end
$$;

-- A step that nobody works on, and what it waited for is here: time, a signal, the end of its run.
create function orchestration.wake_step(inout t orchestration.turn, s orchestration.run_steps) language plpgsql as $$
declare
    sent orchestration.signals;
    child orchestration.runs;
begin
    if s.status <> 'running' or s.lease_until is not null then
        return;
    end if;
    if s.kind = 'flow' then
        select * into child
        from orchestration.runs r
        where r.workspace_id = t.workspace_id
          and r.id = s.child_run_id
          and r.finished_at is not null;
        if not found then
            return;
        end if;
        update orchestration.runs r set told = true where r.id = child.id;
        if child.status = 'succeeded' then
            t := orchestration.finish_step(t, s, 'succeeded', child.output, null);
        elsif t.status = 'cancelling' and child.status = 'cancelled' then
            t := orchestration.finish_step(t, s, 'cancelled', null, null);
        else
            t := orchestration.finish_step(
                t, s, 'failed', s.fallback,
                json_build_object(
                    'code', 'flow_' || child.status,
                    'message', 'The run of the flow ' || child.flow_id || ' ' ||
                        case child.status when 'failed' then 'failed.' else 'was cancelled.' end,
                    'retryable', false,
                    'details', json_build_object('run_id', child.id, 'error', child.error)
                )
            );
        end if;
    elsif s.kind = 'wait' then
        if s.awaits then
            select * into sent
            from orchestration.signals g
            where g.workspace_id = t.workspace_id
              and g.run_id = t.run_id
              and g.step_id = s.step_id;
            if found then
                update orchestration.signals g
                set applied_at = t.at
                where g.workspace_id = t.workspace_id
                  and g.run_id = t.run_id
                  and g.step_id = s.step_id;
                if sent.approved is false then
                    t := orchestration.finish_step(
                        t, s, 'failed', s.fallback,
                        json_build_object('code', 'not_approved', 'message', 'The approval was refused.',
                            'retryable', false)
                    );
                elsif sent.approved then
                    t := orchestration.finish_step(
                        t, s, 'succeeded', json_build_object('approved', true, 'payload', sent.payload), null
                    );
                else
                    t := orchestration.finish_step(t, s, 'succeeded', coalesce(sent.payload, 'null'), null);
                end if;
                return;
            end if;
        end if;
        if s.not_before <= t.at then
            if s.awaits then
                t := orchestration.finish_step(
                    t, s, 'failed', s.fallback,
                    json_build_object('code', 'signal_timeout', 'message', 'No signal came in time.',
                        'retryable', false)
                );
            else
                t := orchestration.finish_step(t, s, 'succeeded', s.output, null);
            end if;
        end if;
    end if;
end
$$;

-- A step whose lease is over: its worker died, or was cut off.
create function orchestration.recover_step(inout t orchestration.turn, s orchestration.run_steps) language plpgsql as $$
declare
    why json := json_build_object(
        'code', 'worker_lost',
        'message', 'The process that ran this step ended without an answer.',
        'retryable', true
    );
    answered boolean := false;
begin
    if s.effect = 'unsafe' then
        -- The ledger of keyed calls may know the answer: then running the step again asks the ledger, not the upstream.
        select true into answered
        from orchestration.idempotency i
        where i.workspace_id = t.workspace_id
          and i.scope = 'tool:' || s.tool_id
          and i.key = coalesce(
              (
                  -- An execution that is owed to the queue has its caller's own key.
                  select r.idempotency_key
                  from orchestration.runs r
                  where r.id = t.run_id
                    and r.flow_id is null
              ),
              s.call_key::text
          )
          and i.status = 'done'
          and i.expires_at > t.at + interval '5 minutes';
        if answered is not true then
            perform orchestration.note_attempt(t, s, 'unknown', why, null);
            t := orchestration.finish_step(
                t, s, 'unknown', null,
                json_build_object(
                    'code', 'unknown_outcome',
                    'message', 'The process that ran this step ended without an answer; whether the call had an effect is not known.',
                    'hint', 'Look at the upstream for what it did. Resume the run and confirm this step by name to call again.',
                    'retryable', false
                )
            );
            return;
        end if;
    end if;
    perform orchestration.note_attempt(t, s, 'lease_expired', why, null);
    if (t.status = 'running' and s.kind <> 'compensation' or t.status = 'compensating' and s.kind = 'compensation')
        -- A worker that died is not the step's fault: some attempts more than those of its own failures.
        and s.spared < 4
    then
        update orchestration.run_steps x
        set status = 'ready', lease_until = null, enqueued_at = null, not_before = t.at, due_at = t.at, error = why,
            spared = x.spared + 1
        where x.workspace_id = t.workspace_id
          and x.run_id = t.run_id
          and x.step_id = s.step_id;
        t := orchestration.tell(t, 'step.recovered', s.step_id, json_build_object('attempt', s.attempt)::text);
        t.ready := t.ready || s.step_id;
    elsif s.effect = 'read' then
        t := orchestration.finish_step(t, s, 'failed', s.fallback, why);
    else
        -- It may have had its effect. Its key tells when it is asked again, so that nobody has to confirm it.
        t := orchestration.finish_step(t, s, 'unknown', null, why);
    end if;
end
$$;

-- Attempts of a step that was made, and removed when its run was resumed: a late worker of that time must find itself fenced.
create function orchestration.attempts_before(t orchestration.turn, step text) returns int language plpgsql as $$
begin
    return coalesce(
        (
            select max(a.attempt)
            from orchestration.step_attempts a
            where a.workspace_id = t.workspace_id
              and a.run_id = t.run_id
              and a.step_id = step
        ),
        0
    );
end
$$;

-- Nothing is open: the run ends, or what it did is undone first, last things first.
create function orchestration.settle_run(inout t orchestration.turn) language plpgsql as $$
declare
    undone int;
begin
    if t.open_steps > 0 then
        return;
    end if;
    if t.status in ('failing', 'cancelling') then
        with done as (
            select s.step_id, s.undo, s.tool_id, s.timeout_ms, s.done_seq,
                lag(s.step_id) over (order by s.done_seq) as before,
                row_number() over (order by s.done_seq desc) as place
            from orchestration.run_steps s
            where s.workspace_id = t.workspace_id
              and s.run_id = t.run_id
              and s.status = 'succeeded'
              and s.undo is not null
        )
        insert into orchestration.run_steps
            (workspace_id, run_id, step_id, kind, status, position, effect, tool_id, call_key, timeout_ms, parent_step_id,
             dependants, reads, deps_open, handles, attempt, tries, max_attempts, not_before, due_at)
        select t.workspace_id, t.run_id, d.step_id || '~compensate', 'compensation',
            case d.place when 1 then 'ready' else 'waiting' end, 1000000 + d.place,
            d.undo ->> 'effect', d.undo ->> 'tool_id', gen_random_uuid(), (d.undo ->> 'timeout_ms')::bigint, d.step_id,
            case when d.before is null then '{}' else array[d.before || '~compensate'] end,
            array(select json_array_elements_text(d.undo -> 'reads')),
            (d.place > 1)::int, true, b.attempt, (d.undo ->> 'max_attempts')::int,
            b.attempt + (d.undo ->> 'max_attempts')::int, t.at, t.at
        from done d
        cross join lateral orchestration.attempts_before(t, d.step_id || '~compensate') as b (attempt);
        get diagnostics undone = row_count;
        if undone > 0 then
            t.status := 'compensating';
            t.open_steps := undone;
            t := orchestration.tell(t, 'run.compensating', null, json_build_object('steps', undone)::text);
            t.ready := t.ready || array(
                select s.step_id
                from orchestration.run_steps s
                where s.workspace_id = t.workspace_id
                  and s.run_id = t.run_id
                  and s.kind = 'compensation'
                  and s.status = 'ready'
            );
            return;
        end if;
        t.status := t.ends_as;
    elsif t.status = 'compensating' then
        t.status := t.ends_as;
    elsif t.status = 'running' then
        if t.output is null then
            -- What the whole run answers is computed by a worker, like a step.
            insert into orchestration.run_steps
                (workspace_id, run_id, step_id, kind, status, position, effect, reads, attempt, max_attempts, not_before,
                 due_at)
            select t.workspace_id, t.run_id, '~output', 'output', 'ready', 2000000, 'read', r.output_reads, b.attempt,
                b.attempt + 1, t.at, t.at
            from orchestration.runs r
            cross join lateral orchestration.attempts_before(t, '~output') as b (attempt)
            where r.id = t.run_id;
            t.open_steps := 1;
            t.ready := t.ready || '~output'::text;
            return;
        end if;
        t.status := 'succeeded';
    else
        return;
    end if;
    t := orchestration.tell(
        t, 'run.' || t.status, null,
        case when t.error is null then '{}' else json_build_object('error', t.error::json)::text end
    );
end
$$;

-- Writes what the turn did to the run's row, and its events.
create function orchestration.close_turn(t orchestration.turn) returns void language plpgsql as $$
declare
    ended boolean := t.status in ('succeeded', 'failed', 'cancelled');
begin
    if cardinality(t.kinds) > 0 then
        insert into orchestration.run_events (workspace_id, run_id, seq, at, kind, step_id, payload)
        select t.workspace_id, t.run_id, t.seq - cardinality(t.kinds) + e.n, t.at, e.kind, nullif(e.subject, ''),
            e.payload::json
        from unnest(t.kinds, t.subjects, t.payloads) with ordinality as e (kind, subject, payload, n);
    end if;
    update orchestration.runs r
    set status = t.status,
        ends_as = t.ends_as,
        open_steps = t.open_steps,
        last_seq = t.seq,
        output = t.output::json,
        error = t.error::json,
        -- A late message of a run that has ended changes neither.
        finished_at = case when ended then coalesce(r.finished_at, t.at) end,
        told = case when ended and r.finished_at is null then r.parent_run_id is null else r.told end
    where r.id = t.run_id;
end
$$;

-- Who a run acts as and what it is about, for the worker.
create function orchestration.run_context(r orchestration.runs) returns json
language plpgsql stable as $$
begin
    return json_build_object(
        'id', r.id,
        'workspace_id', r.workspace_id,
        'flow_id', r.flow_id,
        'flow_version', r.flow_version,
        'pinned', r.pinned,
        'input', r.input,
        'door', r.door,
        'depth', r.depth,
        'idempotency_key', r.idempotency_key,
        'output_reads', r.output_reads,
        'started_at', r.created_at,
        'user_id', r.started_by,
        'role', (
            select m.role
            from identity.memberships m
            join identity.profiles p on p.id = m.user_id
            where m.workspace_id = r.workspace_id
              and m.user_id = r.started_by
              and p.disabled_at is null
        ),
        'revision', (select c.revision from catalog.revisions c where c.workspace_id = r.workspace_id),
        'key_id', r.key_id,
        'key_role', (
            select k.role
            from identity.api_keys k
            where k.id = r.key_id
              and k.revoked_at is null
              and (k.expires_at is null or k.expires_at > clock_timestamp())
        )
    );
end
$$;

-- A claimed step, as its worker is told of it; `rows`: those of the steps that it reads.
create function orchestration.as_claimed(t orchestration.turn, c orchestration.run_steps, rows tid[]) returns json
language plpgsql as $$
begin
    return json_build_object(
        'step_id', c.step_id,
        'kind', c.kind,
        'attempt', c.attempt,
        'max_attempts', c.max_attempts + c.spared,
        'effect', c.effect,
        'tool_id', c.tool_id,
        'call_key', c.call_key,
        'timeout_ms', c.timeout_ms,
        'parent_step_id', c.parent_step_id,
        'item_index', c.item_index,
        'fallback', c.fallback,
        'input', c.input,
        'reads', (
            select json_object_agg(
                d.step_id, json_build_object('status', d.status, 'output', d.output, 'error', d.error)
            )
            from orchestration.run_steps d
            where d.ctid = any (rows)
        ),
        'undoes', case when c.kind = 'compensation' then (
            select json_build_object(
                'status', d.status, 'output', d.output, 'item', d.item, 'index', d.item_index,
                'step_id', coalesce(d.parent_step_id, d.step_id)
            )
            from orchestration.run_steps d
            where d.workspace_id = t.workspace_id
              and d.run_id = t.run_id
              and d.step_id = c.parent_step_id
        ) end
    );
end
$$;

-- Claims ready steps for a worker, in their order: at most so many, no more than are told in so many bytes, and past the first turn
-- (`any_length` is false) only those that have their whole time left. The lease ends ten seconds after the step's deadline.
create function orchestration.claim_ready(
    inout t orchestration.turn, token uuid, most int, left_ms bigint, any_length boolean, out claimed json
) language plpgsql as $$
declare
    rows tid[];
    taken orchestration.run_steps[];
    c orchestration.run_steps;
    bytes bigint := 0;
    weight bigint;
    mine text[] := '{}';
    told json[] := '{}';
    left_over text[] := '{}';
    why json;
begin
    if most <= 0 or cardinality(t.ready) = 0 then
        return;
    end if;
    rows := orchestration.rows_of(t, t.ready[1:most]);
    with d as (
        update orchestration.run_steps s
        set status = 'running',
            attempt = s.attempt + 1,
            worker = token,
            resends = 0,
            lease_until = t.at + least(s.timeout_ms, left_ms) * interval '1 millisecond' + interval '10 seconds',
            due_at = t.at + least(s.timeout_ms, left_ms) * interval '1 millisecond' + interval '10 seconds',
            started_at = t.at
        where s.ctid = any (rows)
          and s.status = 'ready'
          and s.not_before <= t.at
          and (any_length or s.timeout_ms <= left_ms)
          and (s.kind = 'compensation') = (t.status = 'compensating')
        returning s
    )
    select array_agg(d.s order by (d.s).position, (d.s).item_index) into taken from d;
    if taken is null then
        return;
    end if;
    foreach c in array taken loop
        rows := orchestration.rows_of(t, c.reads);
        select coalesce(sum(d.output_bytes), 0) into weight from orchestration.run_steps d where d.ctid = any (rows);
        if weight > orchestration.most_read_bytes() then
            why := json_build_object(
                'code', 'input_too_large',
                'message', 'The outputs that this step reads have ' || weight || ' bytes together, at most '
                    || orchestration.most_read_bytes() || ' are allowed.',
                'hint', 'Let transform steps before it keep what it needs.',
                'retryable', false
            );
            perform orchestration.note_attempt(t, c, 'failed', why, null);
            t := orchestration.finish_step(t, c, 'failed', c.fallback, why);
        elsif bytes > 0 and bytes + weight > orchestration.most_read_bytes() then
            left_over := left_over || c.step_id;
        else
            bytes := bytes + weight;
            mine := mine || c.step_id;
            told := told || orchestration.as_claimed(t, c, rows);
        end if;
    end loop;
    if cardinality(left_over) > 0 then
        rows := orchestration.rows_of(t, left_over);
        update orchestration.run_steps s
        set status = 'ready', attempt = s.attempt - 1, worker = null, lease_until = null, due_at = t.at, started_at = null
        where s.ctid = any (rows);
        -- One that could not be claimed may have failed the run.
        if t.status not in ('running', 'compensating') then
            t := orchestration.stop_steps(t);
        end if;
    end if;
    if cardinality(mine) = cardinality(t.ready) then
        t.ready := '{}';
    else
        t.ready := array(
            select r.step_id
            from unnest(t.ready) with ordinality as r (step_id, n)
            where r.step_id <> all (mine)
            order by r.n
        );
    end if;
    if cardinality(mine) = 0 then
        return;
    end if;
    claimed := array_to_json(told);
    t.seq := t.seq + cardinality(mine);
    t.kinds := t.kinds || array_fill('step.running'::text, array[cardinality(mine)]);
    t.subjects := t.subjects || mine;
    t.payloads := t.payloads || array_fill('{}'::text, array[cardinality(mine)]);
end
$$;

-- Stamps the ready steps that nobody claimed as sent: the caller sends them once this is committed. A process that dies in
-- between leaves it to the sweep, which sends again what nobody claimed in time.
create function orchestration.owe(t orchestration.turn) returns json language plpgsql as $$
declare
    rows tid[];
    owed json;
begin
    if cardinality(t.ready) = 0 then
        return null;
    end if;
    rows := orchestration.rows_of(t, t.ready);
    with s as (
        update orchestration.run_steps s
        set enqueued_at = greatest(s.not_before, t.at),
            resends = s.resends + (s.enqueued_at is not null)::int,
            due_at = greatest(s.not_before, t.at)
                + t.resend_ms * power(2, least(s.resends, 6)) * interval '1 millisecond'
        where s.ctid = any (rows)
          and s.status = 'ready'
        returning s.step_id, s.position, s.item_index, s.not_before
    )
    select json_agg(
        json_build_object(
            'run_id', t.run_id,
            'step_id', s.step_id,
            'delay_ms', greatest(0, ceil(extract(epoch from s.not_before - t.at) * 1000)::bigint)
        )
        order by s.position, s.item_index
    )
    into owed
    from s;
    return owed;
end
$$;

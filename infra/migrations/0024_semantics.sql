-- What the ledger and the limits of 0016 need at work: whether a dead call may be made again, places for calls that run at
-- the same time, and the four functions through which all of it is done, each in one round trip.

-- Whether twice is as good as once was known when the key was taken, by the tool as it was then.
alter table orchestration.idempotency add column repeatable boolean not null default false;
-- Answers stand here in full, also those that were got with a person's own connection: nobody reads them but the functions
-- below, and nobody makes them up.
drop policy member_uses on orchestration.idempotency;
revoke all on orchestration.idempotency from authenticated;
-- A limit that its people could reset would be none.
revoke insert, update on orchestration.limits from authenticated;

-- Calls that run now, one row each. A process that was killed leaves its rows: they count until their time is over.
create table orchestration.slots (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    subject text collate "C" not null check (char_length(subject) between 1 and 255),
    execution_id uuid not null,
    until timestamptz not null,
    primary key (workspace_id, subject, execution_id)
);
create index slots_until on orchestration.slots (until);
alter table orchestration.slots enable row level security, force row level security;
create policy system on orchestration.slots to service_role using (true) with check (true);
-- `update` is for locking the rows that are removed.
grant select, update, delete on orchestration.slots to service_role;

-- Tools are run by members: the same look-up as in `record_execution`.
create function orchestration.require_member(token jsonb, workspace uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    cap text := token ->> 'max_role';
begin
    perform
    from identity.memberships m
    where m.user_id = (token ->> 'sub')::uuid
      and m.workspace_id = workspace
      and m.rank >= 2;
    if not found or (cap is not null and coalesce(identity.rank(cap), 0) < 2)
        or (token ->> 'workspace_id')::uuid <> workspace
    then
        raise exception 'tools are run by members' using errcode = 'insufficient_privilege';
    end if;
end
$$;
revoke execute on function orchestration.require_member(jsonb, uuid) from public;

-- May this execution be made now? Takes the key (none when `key` is null) and a place within the limits (none when both are
-- null), or says why not. Repeating it for the same execution changes nothing but the rate's bucket. Commits by itself, and
-- with a key it waits for the disk: what is sent after it must never be forgotten.
--
-- `go`: it is made. `kept`: it was made, `answer` is what came of it. `unknown`: it was begun, its process died, and it must
-- not be made again. `running`: `holder` makes it, for `left_ms` at most. `reused`: the key belongs to another request.
-- `rate`, `concurrency`: the limit is reached; a try after `left_ms` may go better.
create function orchestration.admit(
    claims text, workspace uuid, execution uuid, lease_ms bigint,
    key_scope text, key_text text, request bytea, may_repeat boolean, ttl_ms bigint,
    limit_subject text, rate int, concurrency int,
    out outcome text, out holder uuid, out answer text, out left_ms bigint
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    token jsonb := claims;
    held orchestration.idempotency;
    made boolean := false;
    taken boolean := false;
    now_at timestamptz;
    lease_end timestamptz;
    key_end timestamptz;
    tokens double precision;
    busy bigint;
begin
    perform orchestration.require_member(token, workspace);
    perform set_config('synchronous_commit', case when key_text is null then 'off' else 'on' end, true);
    now_at := clock_timestamp();
    lease_end := now_at + lease_ms * interval '1 millisecond';
    key_end := now_at + ttl_ms * interval '1 millisecond';

    while key_text is not null and not made and not taken loop
        insert into orchestration.idempotency
            (workspace_id, scope, key, request_hash, execution_id, lease_until, expires_at, repeatable, created_by,
             created_at)
        values
            (workspace, key_scope, key_text, request, execution, lease_end, key_end, may_repeat,
             (token ->> 'sub')::uuid, now_at)
        on conflict on constraint idempotency_pkey do nothing;
        made := found;
        if made then
            continue;
        end if;
        select * into held
        from orchestration.idempotency i
        where i.workspace_id = workspace
          and i.scope = key_scope
          and i.key = key_text
        for update;
        -- Given back in between.
        continue when not found;
        now_at := clock_timestamp();
        if held.expires_at <= now_at and (held.status <> 'running' or held.lease_until <= now_at) then
            taken := true;
            continue;
        end if;
        holder := held.execution_id;
        if held.request_hash <> request then
            outcome := 'reused';
            return;
        elsif held.status = 'done' then
            outcome := 'kept';
            answer := held.response::text;
            left_ms := ceil(extract(epoch from held.expires_at - now_at) * 1000);
            return;
        elsif held.status = 'unknown' then
            outcome := 'unknown';
            return;
        elsif held.execution_id = execution then
            -- Asked again by the holder itself, whose connection broke.
            taken := true;
        elsif held.lease_until > now_at then
            outcome := 'running';
            left_ms := ceil(extract(epoch from held.lease_until - now_at) * 1000);
            return;
        elsif held.repeatable and may_repeat then
            taken := true;
        else
            update orchestration.idempotency i
            set status = 'unknown'
            where i.workspace_id = workspace
              and i.scope = key_scope
              and i.key = key_text;
            outcome := 'unknown';
            return;
        end if;
    end loop;
    holder := execution;

    if rate is not null or concurrency is not null then
        -- One at a time for each limit, so that nobody counts what another is about to write.
        perform pg_advisory_xact_lock(hashtextextended(workspace::text || limit_subject, 0));
        now_at := clock_timestamp();
        lease_end := now_at + lease_ms * interval '1 millisecond';
        if concurrency is not null then
            delete from orchestration.slots s
            where s.workspace_id = workspace
              and s.subject = limit_subject
              and s.until <= now_at;
            select count(*) into busy
            from orchestration.slots s
            where s.workspace_id = workspace
              and s.subject = limit_subject
              and s.execution_id <> execution;
            if busy >= concurrency then
                outcome := 'concurrency';
                left_ms := 1000;
            end if;
        end if;
        if rate is not null and outcome is null then
            select least(rate, l.level + greatest(0, extract(epoch from now_at - l.refilled_at)) * rate / 60.0)
            into tokens
            from orchestration.limits l
            where l.workspace_id = workspace
              and l.subject = limit_subject;
            tokens := coalesce(tokens, rate);
            if tokens < 1 then
                outcome := 'rate';
                left_ms := ceil((1 - tokens) * 60000.0 / rate);
            else
                insert into orchestration.limits as l (workspace_id, subject, capacity, per_second, level, refilled_at)
                values (workspace, limit_subject, rate, rate / 60.0, tokens - 1, now_at)
                on conflict on constraint limits_pkey do update
                set capacity = excluded.capacity,
                    per_second = excluded.per_second,
                    level = excluded.level,
                    refilled_at = excluded.refilled_at;
            end if;
        end if;
        if outcome is not null then
            if made then
                delete from orchestration.idempotency i
                where i.workspace_id = workspace
                  and i.scope = key_scope
                  and i.key = key_text;
            end if;
            return;
        end if;
        if concurrency is not null then
            insert into orchestration.slots as s (workspace_id, subject, execution_id, until)
            values (workspace, limit_subject, execution, lease_end)
            on conflict on constraint slots_pkey do update set until = excluded.until;
        end if;
    end if;

    if taken then
        update orchestration.idempotency i
        set request_hash = request,
            status = 'running',
            response = null,
            execution_id = execution,
            lease_until = lease_end,
            expires_at = key_end,
            repeatable = may_repeat,
            created_by = (token ->> 'sub')::uuid,
            created_at = now_at
        where i.workspace_id = workspace
          and i.scope = key_scope
          and i.key = key_text;
    end if;
    outcome := 'go';
end
$$;

-- What became of another's execution that was `running`: `kept`, `unknown` or still `running`; `gone` when the key is not
-- that execution's any more, or its time is over. Writes nothing. A short-lived answer is told even after its time: who
-- waited for this execution gets what came of it.
create function orchestration.watch(
    claims text, workspace uuid, flight uuid, key_scope text, key_text text,
    out outcome text, out holder uuid, out answer text, out left_ms bigint
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    held orchestration.idempotency;
    now_at timestamptz := clock_timestamp();
begin
    perform orchestration.require_member(claims::jsonb, workspace);
    select * into held
    from orchestration.idempotency i
    where i.workspace_id = workspace
      and i.scope = key_scope
      and i.key = key_text
      and i.execution_id = flight;
    holder := flight;
    if held.status = 'done' then
        outcome := 'kept';
        answer := held.response::text;
        left_ms := ceil(greatest(0, extract(epoch from held.expires_at - now_at)) * 1000);
    elsif held.status = 'unknown' then
        outcome := 'unknown';
    elsif held.lease_until > now_at then
        outcome := 'running';
        left_ms := ceil(extract(epoch from held.lease_until - now_at) * 1000);
    else
        outcome := 'gone';
    end if;
end
$$;

-- The end of an execution that was admitted, without a word in the log: its key is kept with the answer or, without one,
-- free again; its place within the limits is free. Only its own: whoever was taken for dead and was not changes nothing that
-- another has taken over.
create function orchestration.leave(
    claims text, workspace uuid, execution uuid, key_scope text, key_text text, outcome json, ttl_ms bigint,
    limit_subject text
) returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform orchestration.require_member(claims::jsonb, workspace);
    if key_text is not null and outcome is not null then
        update orchestration.idempotency i
        set status = 'done',
            response = outcome,
            expires_at = clock_timestamp() + ttl_ms * interval '1 millisecond'
        where i.workspace_id = workspace
          and i.scope = key_scope
          and i.key = key_text
          and i.execution_id = execution
          -- A definite answer is better than none, even when it comes late.
          and i.status in ('running', 'unknown');
    elsif key_text is not null then
        delete from orchestration.idempotency i
        where i.workspace_id = workspace
          and i.scope = key_scope
          and i.key = key_text
          and i.execution_id = execution
          and i.status = 'running';
    end if;
    if limit_subject is not null then
        delete from orchestration.slots s
        where s.workspace_id = workspace
          and s.subject = limit_subject
          and s.execution_id = execution;
    end if;
end
$$;

-- The same together with the line in the log: one round trip, one transaction. With a key it waits for the disk.
create function orchestration.settle(
    claims text, id uuid, workspace uuid, tool_id text, tool_version int, door text, success boolean, error_code text,
    input json, output json, error json, timeline json, warnings json, started_at timestamptz, duration_us bigint,
    key_scope text, key_text text, outcome json, ttl_ms bigint, limit_subject text
) returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform orchestration.record_execution(
        claims, id, workspace, tool_id, tool_version, door, success, error_code, input, output, error, timeline, warnings,
        started_at, duration_us
    );
    if key_text is not null then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    perform orchestration.leave(claims, workspace, id, key_scope, key_text, outcome, ttl_ms, limit_subject);
end
$$;

revoke execute on function
    orchestration.admit(text, uuid, uuid, bigint, text, text, bytea, boolean, bigint, text, int, int),
    orchestration.watch(text, uuid, uuid, text, text),
    orchestration.leave(text, uuid, uuid, text, text, json, bigint, text),
    orchestration.settle(text, uuid, uuid, text, int, text, boolean, text, json, json, json, json, json, timestamptz,
        bigint, text, text, json, bigint, text)
    from public;
grant execute on function
    orchestration.admit(text, uuid, uuid, bigint, text, text, bytea, boolean, bigint, text, int, int),
    orchestration.watch(text, uuid, uuid, text, text),
    orchestration.leave(text, uuid, uuid, text, text, json, bigint, text),
    orchestration.settle(text, uuid, uuid, text, int, text, boolean, text, json, json, json, json, json, timestamptz,
        bigint, text, text, json, bigint, text)
    to authenticator;

-- How long the log of calls is kept: it is cut into parts by time, a month each, and an old part is dropped whole, which costs
-- the same however many calls are in it. The parts are ranges of ids (version 7), so that the primary key stays what it was and a
-- call is looked for in one part. They lie without gaps from the least id to the greatest: the first part has no beginning and
-- the last one no end, so a call is always written, whenever anybody last made parts. There is no default partition: beside one,
-- a list in the order of ids would have to look into every part (decision 20).

-- What there is becomes the first part, as it is: no row is copied.
alter table orchestration.executions rename to executions_first;
alter table orchestration.executions_first rename constraint executions_pkey to executions_first_pkey;
alter index orchestration.executions_of_tool rename to executions_first_of_tool;
alter index orchestration.executions_failed rename to executions_first_failed;
alter index orchestration.executions_started rename to executions_first_started;
alter index orchestration.executions_of_run rename to executions_first_of_run;
drop policy member_reads on orchestration.executions_first;
drop policy system on orchestration.executions_first;
revoke all on orchestration.executions_first from authenticated, service_role;

create table orchestration.executions (like orchestration.executions_first including defaults including constraints)
    partition by range (id);
alter table orchestration.executions add constraint executions_pkey primary key (workspace_id, id);
create index executions_of_tool on orchestration.executions (workspace_id, tool_id, id);
create index executions_failed on orchestration.executions (workspace_id, id) where not success;
create index executions_of_run on orchestration.executions (workspace_id, run_id, id) where run_id is not null;
create index executions_started on orchestration.executions using brin (started_at);

alter table orchestration.executions enable row level security, force row level security;
create policy member_reads on orchestration.executions for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on orchestration.executions to service_role using (true) with check (true);
grant select on orchestration.executions to authenticated;
grant select, insert, delete on orchestration.executions to service_role;

-- When an id (version 7) was made.
create function orchestration.time_of_id(id uuid) returns timestamptz
language sql immutable strict parallel safe
return to_timestamp((('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint) / 1000.0::float8);

-- When the month ends in which `at` is, in UTC; months of other time zones are no business of the log's.
create function orchestration.end_of_month(at timestamptz) returns timestamptz
language sql immutable strict parallel safe
return (date_trunc('month', at at time zone 'UTC') + interval '1 month') at time zone 'UTC';

-- The parts in order, as the catalog of the database knows them. Ids are from `from_id` to below `to_id`; null: without a bound.
create function orchestration.execution_parts(
    out part regclass, out from_id uuid, out to_id uuid
) returns setof record language sql stable set search_path = pg_catalog, pg_temp as $$
    select c.oid::regclass,
        substring(b.bound from 'FROM \(''([0-9a-f-]{36})''\)')::uuid as from_id,
        substring(b.bound from 'TO \(''([0-9a-f-]{36})''\)')::uuid
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    cross join pg_get_expr(c.relpartbound, c.oid) as b (bound)
    where i.inhparent = 'orchestration.executions'::regclass
    order by from_id nulls first
$$;

-- Makes a part. Nobody is granted anything on it: the table above it is asked, under its policies.
create function orchestration.add_execution_part(name text, from_id uuid, to_id uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    execute format(
        'create table orchestration.%I partition of orchestration.executions for values from (%s) to (%s)',
        name, coalesce(quote_literal(from_id), 'minvalue'), coalesce(quote_literal(to_id), 'maxvalue')
    );
    execute format('alter table orchestration.%I enable row level security, force row level security', name);
end
$$;

-- Makes parts until the last one, which has no end, begins after `ahead` from now; answers how many, or null when the log is in
-- use by somebody who would have to be waited for. The last part is empty then, so that giving it an end costs nothing. When
-- nobody came by for so long that calls are in it, it ends with this month: it is read once, and stays a part that is longer than
-- a month; one of more than `most_bytes` is not, because nobody can write meanwhile (a statement of the product's ends after ten
-- seconds): then it is done by hand, when few calls are made, as the owner. Definer: parts belong to the owner of the log. Whoever waits for the lock makes everybody else wait, so not for long.
create function orchestration.add_execution_parts(ahead interval, most_bytes bigint default 256 << 20) returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms' as $$
declare
    made int := 0;
    last record;
    begins timestamptz;
    ends timestamptz;
    next text;
begin
    loop
        select p.part, p.from_id into last from orchestration.execution_parts() p where p.to_id is null;
        begins := orchestration.time_of_id(last.from_id);
        exit when begins > clock_timestamp() + ahead;
        -- Two that came by at once: the second looks again.
        perform from orchestration.rollup_state s for update skip locked;
        if not found then
            return null;
        end if;
        lock table only orchestration.executions in access exclusive mode;
        perform from orchestration.execution_parts() p where p.part = last.part and p.to_id is null;
        continue when not found;
        if pg_relation_size(last.part) > most_bytes then
            raise exception 'the part % is too large to be read while nobody can write', last.part
                using hint = 'Call orchestration.add_execution_parts with a greater most_bytes by hand, when few calls are made.';
        end if;
        ends := orchestration.end_of_month(greatest(begins, clock_timestamp()));
        next := 'executions_' || to_char(ends at time zone 'UTC', 'YYYYMM');
        execute format('alter table orchestration.executions detach partition %s', last.part);
        perform orchestration.add_execution_part(next, orchestration.first_id_at(ends), null);
        -- Ids of later: of a clock that is wrong, or of a hand. The columns are the same, whichever there are.
        execute format(
            'with later as (delete from %s where id >= %L returning *) insert into orchestration.%I select * from later',
            last.part, orchestration.first_id_at(ends), next
        );
        execute format(
            'alter table orchestration.executions attach partition %s for values from (%L) to (%L)',
            last.part, last.from_id, orchestration.first_id_at(ends)
        );
        made := made + 1;
    end loop;
    return made;
exception when lock_not_available then
    return null;
end
$$;

-- Drops the parts that ended more than `keep` ago and are counted; answers how many, or null as above. What stays of them is a
-- first part without a beginning, empty, so that there is no gap.
create function orchestration.drop_execution_parts(keep interval) returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms' as $$
declare
    counted timestamptz;
    old regclass[];
    later timestamptz;
    ends uuid;
    uncounted boolean;
    p record;
begin
    -- Whoever counts has it locked, and is not finished.
    select s.done_until into counted from orchestration.rollup_state s for update skip locked;
    if not found then
        return null;
    end if;
    for p in select * from orchestration.execution_parts() loop
        exit when p.to_id is null or counted is null
            or orchestration.time_of_id(p.to_id) > least(counted, clock_timestamp() - keep);
        execute format('select exists (select from %s where started_at >= $1)', p.part) into uncounted using counted;
        exit when uncounted;
        old := old || p.part;
        ends := p.to_id;
    end loop;
    if old is null then
        return 0;
    end if;
    if cardinality(old) = 1 and old[1] = 'orchestration.executions_first'::regclass then
        perform from orchestration.executions e where e.id < ends limit 1;
        if not found then
            return 0;
        end if;
    end if;
    lock table only orchestration.executions in access exclusive mode;
    for i in 1..cardinality(old) loop
        execute format('drop table %s', old[i]);
    end loop;
    perform orchestration.add_execution_part('executions_first', null, ends);
    return cardinality(old);
exception when lock_not_available then
    return null;
end
$$;

revoke execute on function
    orchestration.time_of_id(uuid), orchestration.end_of_month(timestamptz), orchestration.execution_parts(),
    orchestration.add_execution_part(text, uuid, uuid),
    orchestration.add_execution_parts(interval, bigint), orchestration.drop_execution_parts(interval)
    from public;
grant execute on function orchestration.add_execution_parts(interval, bigint), orchestration.drop_execution_parts(interval)
    to service_role;

-- The calls until now and the rest of this month. Ids of later, should a hand have made any, go where they belong.
do $$
declare
    ends constant uuid := orchestration.first_id_at(orchestration.end_of_month(now()));
begin
    perform orchestration.add_execution_part(
        'executions_' || to_char(orchestration.time_of_id(ends) at time zone 'UTC', 'YYYYMM'), ends, null
    );
    with later as (
        delete from orchestration.executions_first e where e.id >= ends returning *
    )
    insert into orchestration.executions select * from later;
    execute format(
        'alter table orchestration.executions attach partition orchestration.executions_first for values from (minvalue) to (%L)',
        ends
    );
    perform orchestration.add_execution_parts('60 days');
end
$$;

-- As before, but it reads only the parts of the log in which its hours are: an id is made when its call begins.
create or replace function orchestration.roll_up(lag interval, most bigint) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    cutoff timestamptz := clock_timestamp() - lag;
    done timestamptz;
    upto timestamptz;
    least_id uuid;
    end_id uuid;
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
        least_id := orchestration.first_id_at(done - interval '1 hour');
        end_id := orchestration.first_id_at(upto + interval '1 hour');
        with part as materialized (
            select e.workspace_id, e.tool_id, e.door, coalesce(e.error_code, '') as outcome,
                orchestration.duration_bucket(e.duration_us) as bucket, count(*) as calls, sum(e.duration_us) as duration_us
            from orchestration.executions e
            where e.id >= least_id
              and e.id < end_id
              and e.started_at >= done
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

-- What is kept for less than for ever is found by its time.
create index execution_rollups_old on orchestration.execution_rollups (grain, at);
create index token_rollups_old on orchestration.token_rollups (grain, at);

-- What models cost, in billionths of a US dollar: worked out when a run ends, by the prices of then, and counted next to its
-- tokens. A price that changes later changes nothing that was (decision 22).
alter table orchestration.conversations
    -- Null: the model has no price, or the workspace's own model server answered, whose bill is the workspace's.
    add column cost_nano_usd bigint check (cost_nano_usd >= 0);
grant update (cost_nano_usd) on orchestration.conversations to authenticated;

alter table orchestration.token_rollups
    add column cost_nano_usd bigint not null default 0 check (cost_nano_usd >= 0),
    -- Runs that used tokens and have no cost.
    add column unpriced_runs bigint not null default 0 check (unpriced_runs between 0 and runs);
-- What was before there were prices has none.
update orchestration.token_rollups r set unpriced_runs = r.runs where r.total_tokens > 0;

-- As before, with the cost.
create or replace function orchestration.count_tokens() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into orchestration.token_rollups as r
        (workspace_id, grain, at, model, runs, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens,
         total_tokens, cost_nano_usd, unpriced_runs)
    select new.workspace_id, g.grain, date_trunc(g.grain, clock_timestamp(), 'UTC'), new.model, 1, new.input_tokens,
        new.cached_input_tokens, new.output_tokens, new.reasoning_tokens, new.total_tokens,
        coalesce(new.cost_nano_usd, 0), (new.cost_nano_usd is null and new.total_tokens > 0)::int
    from (values ('hour'), ('day')) as g (grain)
    order by g.grain
    on conflict on constraint token_rollups_key do update
    set runs = r.runs + 1,
        input_tokens = r.input_tokens + excluded.input_tokens,
        cached_input_tokens = r.cached_input_tokens + excluded.cached_input_tokens,
        output_tokens = r.output_tokens + excluded.output_tokens,
        reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens,
        total_tokens = r.total_tokens + excluded.total_tokens,
        cost_nano_usd = r.cost_nano_usd + excluded.cost_nano_usd,
        unpriced_runs = r.unpriced_runs + excluded.unpriced_runs;
    return null;
end
$$;

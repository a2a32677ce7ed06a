-- The log as it stands when its parts were made month by month since eight months ago: `executions_0` is this month's,
-- `executions_1` the last one's, and so on.
do $$
declare
    part regclass;
    begins timestamptz := orchestration.end_of_month(now());
    ends timestamptz;
begin
    for part in select p.part from orchestration.execution_parts() p loop
        execute format('drop table %s', part);
    end loop;
    perform orchestration.add_execution_part('executions_to_come', orchestration.first_id_at(begins), null);
    for age in 0..7 loop
        ends := begins;
        begins := (date_trunc('month', ends at time zone 'UTC') - interval '1 month') at time zone 'UTC';
        perform orchestration.add_execution_part(
            'executions_' || age, orchestration.first_id_at(begins), orchestration.first_id_at(ends)
        );
    end loop;
    perform orchestration.add_execution_part('executions_first', null, orchestration.first_id_at(begins));
end
$$;

-- As before, but a step whose worker died after it had begun the run of another flow waits for that run.
create or replace function orchestration.recover_step(inout t orchestration.turn, s orchestration.run_steps) language plpgsql as $$
declare
    why json := json_build_object(
        'code', 'worker_lost',
        'message', 'The process that ran this step ended without an answer.',
        'retryable', true
    );
    answered boolean := false;
    child uuid;
begin
    if s.kind = 'flow' then
        -- What it was to begin may have begun. It waits for that run then, whatever the number of its attempts or the state of its
        -- own: a run whose step failed meanwhile would go on for nobody.
        select r.id into child
        from orchestration.runs r
        where r.workspace_id = t.workspace_id
          and r.parent_run_id = t.run_id
          and r.parent_step_id = s.step_id
          -- One that was told of its end is another attempt's: this step was resumed since.
          and (r.finished_at is null or not r.told);
        if found then
            update orchestration.run_steps x
            set lease_until = null, child_run_id = child, not_before = 'infinity', due_at = 'infinity'
            where x.workspace_id = t.workspace_id
              and x.run_id = t.run_id
              and x.step_id = s.step_id
            returning * into s;
            t := orchestration.tell(t, 'step.delegated', s.step_id, json_build_object('run_id', child)::text);
            t := orchestration.wake_step(t, s);
            return;
        end if;
    end if;
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

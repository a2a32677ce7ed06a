-- Where each workspace's audit chain ends. Whoever links rows holds this row locked, so any number of sweeps may run; and
-- rows that were taken off the end of the chain show, because the chain then ends before its head.
--
-- Like the audit it outlives the workspace, so it has no foreign key.
create table secrets.audit_heads (
    workspace_id uuid primary key,
    -- 0: nothing is linked yet.
    seq bigint not null default 0 check (seq >= 0),
    hash bytea check (octet_length(hash) = 32),
    linked_at timestamptz not null default now(),
    constraint audit_heads_whole check ((seq = 0) = (hash is null))
);

create function secrets.keep_head() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.workspace_id = old.workspace_id and new.seq > old.seq then
        return new;
    end if;
    raise exception 'a chain only grows' using errcode = 'insufficient_privilege';
end
$$;
revoke execute on function secrets.keep_head() from public;
create trigger only_forward before update or delete on secrets.audit_heads
    for each row execute function secrets.keep_head();
create trigger no_truncate before truncate on secrets.audit_heads
    for each statement execute function secrets.keep_head();

alter table secrets.audit_heads enable row level security, force row level security;

create policy admin_reads on secrets.audit_heads for select to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy system on secrets.audit_heads to service_role using (true) with check (true);

grant select on secrets.audit_heads to authenticated;
grant select, insert (workspace_id), update (seq, hash, linked_at) on secrets.audit_heads to service_role;

-- What an admin filters by. Few of many rows are found by these; many of many by walking back from the newest.
create index audit_of_action on secrets.audit (workspace_id, action, id);
create index audit_of_subject on secrets.audit (workspace_id, subject, id);

-- What the sweep asks every second: is a data key old enough to be retired?
create index data_keys_age on secrets.data_keys (created_at) where retired_at is null;

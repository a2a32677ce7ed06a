-- What keeps calls from happening twice, and from happening too often.

-- The ledger: one row per key, taken before the call is made. The same key with the same request answers what the first
-- call answered; with another request it is a conflict. A holder that died leaves the outcome unknown.
create table orchestration.idempotency (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    scope text collate "C" not null check (char_length(scope) between 1 and 128),
    key text collate "C" not null check (char_length(key) between 1 and 255),
    request_hash bytea not null check (octet_length(request_hash) = 32),
    status text not null default 'running' check (status in ('running', 'done', 'unknown')),
    execution_id uuid not null,
    response json,
    lease_until timestamptz not null,
    created_by uuid default auth.uid() references identity.profiles on delete set null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null default now() + interval '1 day',
    primary key (workspace_id, scope, key),
    constraint idempotency_done check ((status = 'done') = (response is not null))
);
create index idempotency_expiry on orchestration.idempotency (expires_at);
create index idempotency_created_by on orchestration.idempotency (created_by);

-- Token buckets and counters, one row per workspace and subject (`tool:get_quote:rate`, `tokens:day`).
create table orchestration.limits (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    subject text collate "C" not null check (char_length(subject) between 1 and 255),
    capacity double precision not null check (capacity >= 0),
    per_second double precision not null check (per_second >= 0),
    level double precision not null check (level >= 0),
    in_flight int not null default 0 check (in_flight >= 0),
    refilled_at timestamptz not null default now(),
    primary key (workspace_id, subject)
) with (fillfactor = 50);

alter table orchestration.idempotency enable row level security, force row level security;
alter table orchestration.limits enable row level security, force row level security;

create policy member_uses on orchestration.idempotency to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy system on orchestration.idempotency to service_role using (true) with check (true);
create policy member_uses on orchestration.limits to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy system on orchestration.limits to service_role using (true) with check (true);

grant select, insert (workspace_id, scope, key, request_hash, status, execution_id, lease_until, expires_at),
    update (status, response, lease_until, execution_id, expires_at)
    on orchestration.idempotency to authenticated;
grant select, insert, update on orchestration.limits to authenticated;
grant select, update, delete on orchestration.idempotency to service_role;
grant select, insert, update, delete on orchestration.limits to service_role;

-- Invitations: a member comes in by accepting one. Whom it is for is an e-mail address or a user id.
create table identity.invitations (
    id uuid primary key default gen_random_uuid(),
    workspace_id uuid not null references identity.workspaces on delete cascade,
    email text check (char_length(email) <= 320),
    user_id uuid,
    role text not null check (role in ('viewer', 'member', 'admin', 'owner')),
    invited_by uuid default auth.uid() references identity.profiles on delete set null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null default now() + interval '14 days',
    accepted_at timestamptz,
    revoked_at timestamptz,
    constraint invitations_for_somebody check (num_nonnulls(email, user_id) = 1)
);
create index invitations_workspace on identity.invitations (workspace_id, created_at);
create index invitations_user on identity.invitations (user_id);
create index invitations_email on identity.invitations (lower(email));
create index invitations_invited_by on identity.invitations (invited_by);
create unique index invitations_open on identity.invitations (workspace_id, coalesce(lower(email), user_id::text))
    where accepted_at is null and revoked_at is null;

alter table identity.invitations enable row level security, force row level security;

create policy admin_reads on identity.invitations for select to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy invited_reads on identity.invitations for select to authenticated
    using (user_id = (select auth.uid()) or lower(email) = lower((select auth.jwt() ->> 'email')));
create policy admin_invites on identity.invitations for insert to authenticated
    with check (
        workspace_id = any ((select identity.reach('admin'))::uuid[])
        and (role <> 'owner' or workspace_id = any ((select identity.reach('owner'))::uuid[]))
    );
create policy admin_revokes on identity.invitations for update to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy system on identity.invitations to service_role using (true) with check (true);

grant select, insert (workspace_id, email, user_id, role, expires_at), update (revoked_at)
    on identity.invitations to authenticated;
grant select, insert, update, delete on identity.invitations to service_role;

-- People, workspaces, and who may do what where: what every other policy stands on.

-- The roles in their order; null for anything else.
create function identity.rank(role text) returns smallint language sql immutable parallel safe
return case role when 'viewer' then 1 when 'member' then 2 when 'admin' then 3 when 'owner' then 4 end;

-- The API key that is asking, if a key is.
create function identity.key_id() returns uuid language sql stable
return (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'key_id')::uuid;

-- The server sets the time of the last change, whatever the statement says.
create function identity.touch() returns trigger language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end
$$;

-- A person, by the subject of the token. The row is made when the person is first seen.
create table identity.profiles (
    id uuid primary key,
    email text check (char_length(email) <= 320),
    display_name text check (char_length(display_name) <= 200),
    -- Refuses the person everywhere, whatever the token says.
    disabled_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index profiles_email on identity.profiles (lower(email));

create table identity.workspaces (
    id uuid primary key default gen_random_uuid(),
    name text not null check (char_length(name) between 1 and 200),
    -- As good as the id in X-Workspace-Id, so it must not look like one.
    slug text not null
        constraint workspaces_slug_key unique
        constraint workspaces_slug_check check (
            slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'
            and char_length(slug) <= 63
            and slug !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        ),
    created_by uuid references identity.profiles on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index workspaces_created_by on identity.workspaces (created_by);

create table identity.memberships (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    user_id uuid not null references identity.profiles on delete cascade,
    role text not null check (role in ('viewer', 'member', 'admin', 'owner')),
    rank smallint not null generated always as (identity.rank(role)) stored,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (workspace_id, user_id)
);
create index memberships_of_user on identity.memberships (user_id, workspace_id) include (rank, role);

-- The workspaces in which the asking person may do at least what `minimum` may: the one function that all policies
-- call, once per statement (`(select …)` makes it so). Claims narrow it: `workspace_id` to one workspace, `max_role` to an
-- API key's rights. It looks across tenants to answer, hence definer.
create function identity.reach(minimum text) returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    claims jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    person uuid := auth.uid();
    only_one uuid := claims ->> 'workspace_id';
    cap text := claims ->> 'max_role';
    needed smallint := identity.rank(minimum);
begin
    if cap is not null and coalesce(identity.rank(cap), 0) < needed then
        return '{}';
    end if;
    return array(
        select m.workspace_id
        from identity.memberships m
        where m.user_id = person
          and m.rank >= needed
          and (only_one is null or m.workspace_id = only_one)
          and not exists (
              select
              from identity.profiles p
              where p.id = person
                and p.disabled_at is not null
          )
    );
end
$$;
revoke execute on function identity.reach(text) from public;
grant execute on function identity.reach(text) to authenticated, service_role;

revoke execute on function identity.rank(text), identity.key_id(), identity.touch() from public;
grant execute on function identity.rank(text), identity.key_id() to authenticated, service_role;

-- A workspace keeps an owner. The workspace's row is locked, so that two owners cannot leave at once; it is gone already
-- when the workspace itself is being deleted.
create function identity.keep_an_owner() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if old.role <> 'owner' or (tg_op = 'UPDATE' and new.role = 'owner') then
        return coalesce(new, old);
    end if;
    perform from identity.workspaces w where w.id = old.workspace_id for update;
    if found and not exists (
        select
        from identity.memberships m
        where m.workspace_id = old.workspace_id
          and m.role = 'owner'
          and m.user_id <> old.user_id
    ) then
        raise exception 'the last owner cannot leave'
            using errcode = 'check_violation', constraint = 'memberships_last_owner';
    end if;
    return coalesce(new, old);
end
$$;
revoke execute on function identity.keep_an_owner() from public;

create trigger keep_an_owner before update or delete on identity.memberships
    for each row execute function identity.keep_an_owner();
create trigger touch before update on identity.profiles for each row execute function identity.touch();
create trigger touch before update on identity.workspaces for each row execute function identity.touch();
create trigger touch before update on identity.memberships for each row execute function identity.touch();

alter table identity.profiles enable row level security, force row level security;
alter table identity.workspaces enable row level security, force row level security;
alter table identity.memberships enable row level security, force row level security;

create policy member_reads on identity.memberships for select to authenticated
    using (user_id = (select auth.uid()) or workspace_id = any ((select identity.reach('viewer'))::uuid[]));
-- Nobody below owner touches an owner or makes one.
create policy admin_changes on identity.memberships for update to authenticated
    using (role <> 'owner' and workspace_id = any ((select identity.reach('admin'))::uuid[]))
    with check (role <> 'owner' and workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy owner_changes on identity.memberships for update to authenticated
    using (workspace_id = any ((select identity.reach('owner'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('owner'))::uuid[]));
create policy admin_removes on identity.memberships for delete to authenticated
    using (role <> 'owner' and workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy owner_removes on identity.memberships for delete to authenticated
    using (workspace_id = any ((select identity.reach('owner'))::uuid[]));
create policy member_leaves on identity.memberships for delete to authenticated
    using (user_id = (select auth.uid()) and workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on identity.memberships to service_role using (true) with check (true);

create policy self_and_colleagues_read on identity.profiles for select to authenticated
    using (
        id = (select auth.uid())
        or id in (
            select m.user_id
            from identity.memberships m
            where m.workspace_id = any ((select identity.reach('viewer'))::uuid[])
        )
    );
create policy self_inserts on identity.profiles for insert to authenticated with check (id = (select auth.uid()));
create policy self_changes on identity.profiles for update to authenticated
    using (id = (select auth.uid())) with check (id = (select auth.uid()));
create policy system on identity.profiles to service_role using (true) with check (true);

create policy member_reads on identity.workspaces for select to authenticated
    using (id = any ((select identity.reach('viewer'))::uuid[]));
create policy admin_changes on identity.workspaces for update to authenticated
    using (id = any ((select identity.reach('admin'))::uuid[]))
    with check (id = any ((select identity.reach('admin'))::uuid[]));
create policy owner_deletes on identity.workspaces for delete to authenticated
    using (id = any ((select identity.reach('owner'))::uuid[]));
create policy system on identity.workspaces to service_role using (true) with check (true);

-- No insert on workspaces and memberships: they come from create_workspace and from accepted invitations.
grant select, insert (id, email, display_name), update (email, display_name) on identity.profiles to authenticated;
grant select, update (name, slug), delete on identity.workspaces to authenticated;
grant select, update (role), delete on identity.memberships to authenticated;
grant select, insert, update on identity.profiles to service_role;
grant select, update, delete on identity.workspaces to service_role;
grant select, insert, update, delete on identity.memberships to service_role;

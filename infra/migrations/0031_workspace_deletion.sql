-- Deleting a workspace with a grace period: from that moment it is as one that does not exist, for everybody and every key.
-- An owner can restore it for a while; then the sweep removes it for good.

alter table identity.workspaces add column deleted_at timestamptz;
-- Nearly empty, so that asking whether a workspace is deleted costs one page that is always in memory.
create index workspaces_deleted on identity.workspaces (id) include (deleted_at) where deleted_at is not null;

-- How long a deleted workspace can be restored.
create function identity.deletion_grace() returns interval language sql immutable parallel safe
return interval '30 days';
revoke execute on function identity.deletion_grace() from public;
grant execute on function identity.deletion_grace() to authenticated, service_role;

-- Deleting is a mark now. Only the sweep removes the row.
drop policy owner_deletes on identity.workspaces;
revoke delete on identity.workspaces from authenticated;

-- An owner finds what can be restored; machines do not.
create policy owner_restores on identity.workspaces for select to authenticated
    using (
        deleted_at is not null
        and (select identity.key_id()) is null
        and id in (
            select m.workspace_id
            from identity.memberships m
            where m.user_id = (select auth.uid())
              and m.role = 'owner'
        )
    );

-- As before, without workspaces that are deleted.
create or replace function identity.reach(minimum text) returns uuid[]
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
              from identity.workspaces w
              where w.id = m.workspace_id
                and w.deleted_at is not null
          )
          and not exists (
              select
              from identity.profiles p
              where p.id = person
                and p.disabled_at is not null
          )
    );
end
$$;

-- As before; a deleted workspace is `not_found`, and `deleted` to its owner, who may restore it.
create or replace function identity.enter(
    claims text, selector text,
    out outcome text, out workspace_id uuid, out role text, out catalog_revision bigint
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    token jsonb := claims;
    person uuid := token ->> 'sub';
    mail text := left(token ->> 'email', 320);
    cap text := token ->> 'max_role';
    wanted uuid := token ->> 'workspace_id';
    known_mail text;
    disabled timestamptz;
    standing smallint;
    places bigint;
    is_deleted boolean := false;
begin
    select p.email, p.disabled_at into known_mail, disabled
    from identity.profiles p
    where p.id = person;
    if not found then
        insert into identity.profiles as p (id, email)
        values (person, mail)
        on conflict on constraint profiles_pkey do nothing;
    elsif disabled is not null then
        outcome := 'disabled';
        return;
    elsif mail <> known_mail or (mail is not null and known_mail is null) then
        update identity.profiles p set email = mail where p.id = person;
    end if;

    if selector is not null then
        if selector ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
            workspace_id := selector;
        else
            select w.id into workspace_id
            from identity.workspaces w
            where w.slug = lower(selector);
        end if;
        if wanted <> workspace_id then
            workspace_id := null;
        end if;
    elsif wanted is not null then
        workspace_id := wanted;
    else
        select count(*), (array_agg(x.workspace_id))[1], min(x.rank) into places, workspace_id, standing
        from (
            select m.workspace_id, m.rank
            from identity.memberships m
            where m.user_id = person
              and not exists (
                  select
                  from identity.workspaces w
                  where w.id = m.workspace_id
                    and w.deleted_at is not null
              )
            limit 2
        ) as x;
        if places <> 1 then
            outcome := case places when 0 then 'no_workspace' else 'several' end;
            workspace_id := null;
            return;
        end if;
    end if;

    if standing is null then
        select m.rank, exists (
                   select
                   from identity.workspaces w
                   where w.id = m.workspace_id
                     and w.deleted_at is not null
               )
        into standing, is_deleted
        from identity.memberships m
        where m.user_id = person
          and m.workspace_id = enter.workspace_id;
    end if;
    -- `least` skips nulls: no membership must stay none.
    if standing is not null and cap is not null then
        standing := nullif(least(standing, coalesce(identity.rank(cap), 0)), 0);
    end if;
    if standing is null or (is_deleted and standing < identity.rank('owner')) then
        outcome := 'not_found';
        workspace_id := null;
        return;
    end if;

    select r.revision into catalog_revision
    from catalog.revisions r
    where r.workspace_id = enter.workspace_id;
    outcome := case when is_deleted then 'deleted' else 'member' end;
    role := (array['viewer', 'member', 'admin', 'owner'])[standing];
    catalog_revision := coalesce(catalog_revision, 0);
end
$$;

-- As before, without workspaces that are deleted.
create or replace function orchestration.require_member(token jsonb, workspace uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    cap text := token ->> 'max_role';
begin
    perform
    from identity.memberships m
    where m.user_id = (token ->> 'sub')::uuid
      and m.workspace_id = workspace
      and m.rank >= 2
      and not exists (
          select
          from identity.workspaces w
          where w.id = m.workspace_id
            and w.deleted_at is not null
      );
    if not found or (cap is not null and coalesce(identity.rank(cap), 0) < 2)
        or (token ->> 'workspace_id')::uuid <> workspace
    then
        raise exception 'tools are run by members' using errcode = 'insufficient_privilege';
    end if;
end
$$;

-- As before; who started a run of a deleted workspace has no rights any more, so its steps call nobody.
create or replace function orchestration.run_context(r orchestration.runs) returns json
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
            join identity.workspaces w on w.id = m.workspace_id
            where m.workspace_id = r.workspace_id
              and m.user_id = r.started_by
              and p.disabled_at is null
              and w.deleted_at is null
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

-- Marks a workspace as deleted. False when the asking person does not own it, or it is deleted. Definer: the mark is granted to
-- nobody, since policies know rows and not columns, and admins may change the row.
create function identity.delete_workspace(workspace uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not workspace = any (identity.reach('owner')) then
        return false;
    end if;
    insert into secrets.audit (workspace_id, action, subject_kind, subject)
    values (workspace, 'workspace.delete', 'workspace', workspace::text);
    update identity.workspaces w set deleted_at = now() where w.id = workspace and w.deleted_at is null;
    return found;
end
$$;

-- Takes the mark away again. False when there is none, its time is over, or the asking person does not own the workspace.
create function identity.restore_workspace(workspace uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    if identity.key_id() is not null then
        return false;
    end if;
    update identity.workspaces w
    set deleted_at = null
    where w.id = workspace
      and w.deleted_at > now() - identity.deletion_grace()
      and exists (
          select
          from identity.memberships m
          join identity.profiles p on p.id = m.user_id
          where m.workspace_id = w.id
            and m.user_id = auth.uid()
            and m.role = 'owner'
            and p.disabled_at is null
      );
    if not found then
        return false;
    end if;
    insert into secrets.audit (workspace_id, action, subject_kind, subject)
    values (workspace, 'workspace.restore', 'workspace', workspace::text);
    return true;
end
$$;

revoke execute on function identity.delete_workspace(uuid), identity.restore_workspace(uuid) from public;
grant execute on function identity.delete_workspace(uuid), identity.restore_workspace(uuid) to authenticated;

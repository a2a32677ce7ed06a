-- The doors: the first statement of every request, and the way to a workspace of one's own.

-- Who is this in which workspace, and did its catalog move? Finds the membership that the selector (id or slug) names, or
-- the only one, and makes the profile of somebody who is seen for the first time.
--
-- This runs before everything else, so it is three look-ups by key, and definer: role and claims would end with the
-- statement anyway, while row-level security would triple what the server spends on it (measured). The person's id is in
-- each condition.
create function identity.enter(
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
        from (select m.workspace_id, m.rank from identity.memberships m where m.user_id = person limit 2) as x;
        if places <> 1 then
            outcome := case places when 0 then 'no_workspace' else 'several' end;
            workspace_id := null;
            return;
        end if;
    end if;

    if standing is null then
        select m.rank into standing
        from identity.memberships m
        where m.user_id = person
          and m.workspace_id = enter.workspace_id;
    end if;
    -- `least` skips nulls: no membership must stay none.
    if standing is not null and cap is not null then
        standing := nullif(least(standing, coalesce(identity.rank(cap), 0)), 0);
    end if;
    if standing is null then
        outcome := 'not_found';
        workspace_id := null;
        return;
    end if;

    select r.revision into catalog_revision
    from catalog.revisions r
    where r.workspace_id = enter.workspace_id;
    outcome := 'member';
    role := (array['viewer', 'member', 'admin', 'owner'])[standing];
    catalog_revision := coalesce(catalog_revision, 0);
end
$$;

-- The same for an API key, by the SHA-256 of its text: before this answers, there is nobody whose policies could decide. A
-- key is as good as its maker's membership at this moment, capped by the key's own role.
create function identity.enter_with_key(
    key_hash bytea, selector text,
    out outcome text, out workspace_id uuid, out role text, out catalog_revision bigint,
    out key_id uuid, out key_role text, out user_id uuid, out email text
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    found_key record;
begin
    select k.id, k.role, k.workspace_id, k.created_by, k.last_used_at, w.slug, m.rank, r.revision, p.email
    into found_key
    from identity.api_keys k
    join identity.workspaces w on w.id = k.workspace_id
    join identity.memberships m on m.workspace_id = k.workspace_id and m.user_id = k.created_by
    join identity.profiles p on p.id = k.created_by and p.disabled_at is null
    left join catalog.revisions r on r.workspace_id = k.workspace_id
    where k.hash = key_hash
      and k.revoked_at is null
      and (k.expires_at is null or k.expires_at > now());
    if not found then
        outcome := 'unknown';
        return;
    end if;
    if lower(selector) not in (found_key.workspace_id::text, found_key.slug) then
        outcome := 'not_found';
        return;
    end if;
    outcome := 'member';
    workspace_id := found_key.workspace_id;
    role := (array['viewer', 'member', 'admin', 'owner'])[least(found_key.rank, identity.rank(found_key.role))];
    catalog_revision := coalesce(found_key.revision, 0);
    key_id := found_key.id;
    key_role := found_key.role;
    user_id := found_key.created_by;
    email := found_key.email;
    if found_key.last_used_at is null or found_key.last_used_at < now() - interval '1 minute' then
        -- Never waits for another request of the same key.
        update identity.api_keys k
        set last_used_at = now()
        where k.id = (select x.id from identity.api_keys x where x.id = found_key.id for update skip locked);
    end if;
end
$$;

revoke execute on function identity.enter(text, text), identity.enter_with_key(bytea, text) from public;
grant execute on function identity.enter(text, text), identity.enter_with_key(bytea, text) to authenticator;

-- Makes a workspace whose first owner is the asking person. Definer: nobody else is there yet who could make the first
-- membership. No row when the slug is taken. A key lives in one workspace and makes no other.
create function identity.create_workspace(workspace_name text, workspace_slug text)
returns table (id uuid, name text, slug text, role text, created_at timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    person uuid := auth.uid();
    made record;
begin
    if person is null or identity.key_id() is not null
        or exists (select from identity.profiles p where p.id = person and p.disabled_at is not null)
    then
        raise exception 'workspaces are made by people' using errcode = 'insufficient_privilege';
    end if;
    insert into identity.profiles as p (id, email)
    values (person, left(auth.jwt() ->> 'email', 320))
    on conflict on constraint profiles_pkey do nothing;
    insert into identity.workspaces as w (name, slug, created_by)
    values (workspace_name, workspace_slug, person)
    on conflict on constraint workspaces_slug_key do nothing
    returning w.id, w.name, w.slug, w.created_at into made;
    if not found then
        return;
    end if;
    insert into identity.memberships (workspace_id, user_id, role) values (made.id, person, 'owner');
    insert into catalog.revisions (workspace_id) values (made.id);
    return query select made.id, made.name, made.slug, 'owner', made.created_at;
end
$$;
revoke execute on function identity.create_workspace(text, text) from public;
grant execute on function identity.create_workspace(text, text) to authenticated;

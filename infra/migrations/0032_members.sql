-- Members: how somebody comes in by an invitation, and what goes with the rights of somebody who loses them.

alter table identity.invitations
    add column declined_at timestamptz,
    -- Who accepted or declined; with an e-mail address nobody else knows.
    add column answered_by uuid,
    add constraint invitations_one_end check (num_nonnulls(accepted_at, declined_at, revoked_at) <= 1);
drop index identity.invitations_open;
create unique index invitations_open on identity.invitations (workspace_id, coalesce(lower(email), user_id::text))
    where accepted_at is null and declined_at is null and revoked_at is null;

-- As before, but a machine never sees or answers what its maker was invited to.
drop policy invited_reads on identity.invitations;
create policy invited_reads on identity.invitations for select to authenticated
    using (
        (select identity.key_id()) is null
        and (user_id = (select auth.uid()) or lower(email) = lower((select auth.jwt() ->> 'email')))
    );

-- What is open for the asking person, oldest first, after the one made then of that id. Definer, for the names of workspaces
-- that the person is no member of yet.
create function identity.own_invitations(after_at timestamptz, after_id uuid, most bigint)
returns table (
    id uuid, workspace_id uuid, workspace_name text, workspace_slug text, role text, created_at timestamptz,
    expires_at timestamptz
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    person uuid := auth.uid();
    mail text := lower(auth.jwt() ->> 'email');
begin
    if identity.key_id() is not null then
        return;
    end if;
    return query
    select i.id, i.workspace_id, w.name, w.slug, i.role, i.created_at, i.expires_at
    from identity.invitations i
    join identity.workspaces w on w.id = i.workspace_id and w.deleted_at is null
    where (i.user_id = person or lower(i.email) = mail)
      and i.accepted_at is null
      and i.declined_at is null
      and i.revoked_at is null
      and i.expires_at > now()
      and (after_at is null or (i.created_at, i.id) > (after_at, after_id))
    order by i.created_at, i.id
    limit most;
end
$$;

-- Accepts or declines an invitation. Definer: who is invited is nobody there yet.
--
-- `accepted`, `declined`: it is done, now or before by the same person. `answered`, `expired`, `revoked`: it is over.
-- `not_found`: there is none for this person. Nobody gets more than the inviter may give at this moment, and somebody who is a
-- member already keeps their role: roles are changed by admins, not by invitations.
create function identity.answer_invitation(invitation uuid, accepts boolean, out outcome text, out workspace_id uuid)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    person uuid := auth.uid();
    mail text := lower(auth.jwt() ->> 'email');
    asked identity.invitations;
    may_give smallint;
begin
    if person is null or identity.key_id() is not null then
        raise exception 'invitations are answered by people' using errcode = 'insufficient_privilege';
    end if;
    -- The workspace is locked first, as by whoever removes an owner.
    select i.workspace_id into workspace_id
    from identity.invitations i
    join identity.workspaces w on w.id = i.workspace_id and w.deleted_at is null
    where i.id = invitation
      and (i.user_id = person or lower(i.email) = mail)
      and not exists (
          select
          from identity.profiles p
          where p.id = person
            and p.disabled_at is not null
      )
    for key share of w;
    if not found then
        outcome := 'not_found';
        return;
    end if;
    select i.* into asked
    from identity.invitations i
    where i.id = invitation
    for update;
    if not found then
        outcome := 'not_found';
        return;
    end if;

    if asked.accepted_at is not null then
        outcome := case
            when accepts
                and asked.answered_by = person
                and exists (
                    select
                    from identity.memberships m
                    where m.workspace_id = asked.workspace_id
                      and m.user_id = person
                )
            then 'accepted'
            else 'answered'
        end;
        return;
    end if;
    if asked.declined_at is not null then
        outcome := case when not accepts and asked.answered_by = person then 'declined' else 'answered' end;
        return;
    end if;
    if asked.revoked_at is not null then
        outcome := 'revoked';
        return;
    end if;
    if asked.expires_at <= now() then
        outcome := 'expired';
        return;
    end if;

    if not accepts then
        update identity.invitations i set declined_at = now(), answered_by = person where i.id = invitation;
        insert into secrets.audit (workspace_id, action, subject_kind, subject, detail)
        values (asked.workspace_id, 'invitation.decline', 'invitation', invitation::text, '{}');
        outcome := 'declined';
        return;
    end if;

    -- Whoever loses this right revokes the invitation with it (follow_member), and so waits for its row, or we for theirs.
    select m.rank into may_give
    from identity.memberships m
    where m.workspace_id = asked.workspace_id
      and m.user_id = asked.invited_by;
    if may_give is null or may_give < identity.rank('admin') or may_give < identity.rank(asked.role) then
        outcome := 'revoked';
        return;
    end if;
    insert into identity.profiles as p (id, email)
    values (person, left(auth.jwt() ->> 'email', 320))
    on conflict on constraint profiles_pkey do nothing;
    insert into identity.memberships (workspace_id, user_id, role)
    values (asked.workspace_id, person, asked.role)
    on conflict on constraint memberships_pkey do nothing;
    if found then
        insert into secrets.audit (workspace_id, action, subject_kind, subject, detail)
        values (
            asked.workspace_id, 'member.join', 'member', person::text,
            json_build_object('invitation', invitation, 'role', asked.role, 'invited_by', asked.invited_by)
        );
    end if;
    update identity.invitations i set accepted_at = now(), answered_by = person where i.id = invitation;
    outcome := 'accepted';
end
$$;

revoke execute on function
    identity.own_invitations(timestamptz, uuid, bigint), identity.answer_invitation(uuid, boolean) from public;
grant execute on function
    identity.own_invitations(timestamptz, uuid, bigint), identity.answer_invitation(uuid, boolean) to authenticated;

-- Whoever changes or removes a member, by whatever way, it stands in the audit: a viewer who leaves may write no line there.
-- With the rights go what they gave: the keys of somebody who leaves, else they would work again after a return; and open
-- invitations to more than their inviter may still give.
create function identity.follow_member() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    left_over smallint := case when tg_op = 'DELETE' then 0 else new.rank end;
begin
    -- Not when the workspace itself is being removed.
    if not exists (select from identity.workspaces w where w.id = old.workspace_id) then
        return null;
    end if;
    insert into secrets.audit (workspace_id, action, subject_kind, subject, detail)
    values (
        old.workspace_id,
        case when tg_op = 'DELETE' then 'member.remove' else 'member.role' end,
        'member',
        old.user_id::text,
        case
            when tg_op = 'DELETE' then json_build_object('role', old.role)
            else json_build_object('role', new.role, 'before', old.role)
        end
    );
    if tg_op = 'DELETE' then
        with gone as (
            update identity.api_keys k
            set revoked_at = now()
            where k.workspace_id = old.workspace_id
              and k.created_by = old.user_id
              and k.revoked_at is null
            returning k.id, k.name
        )
        insert into secrets.audit (workspace_id, action, subject_kind, subject, detail)
        select old.workspace_id, 'key.revoke', 'api_key', g.id::text,
               json_build_object('name', g.name, 'why', 'its maker left the workspace')
        from gone g;
    end if;
    with gone as (
        update identity.invitations i
        set revoked_at = now()
        where i.workspace_id = old.workspace_id
          and i.invited_by = old.user_id
          and i.accepted_at is null
          and i.declined_at is null
          and i.revoked_at is null
          and (left_over < identity.rank('admin') or left_over < identity.rank(i.role))
        returning i.id
    )
    insert into secrets.audit (workspace_id, action, subject_kind, subject, detail)
    select old.workspace_id, 'invitation.revoke', 'invitation', g.id::text,
           json_build_object('why', 'who invited may not any more')
    from gone g;
    return null;
end
$$;
revoke execute on function identity.follow_member() from public;
create trigger follow_removal after delete on identity.memberships
    for each row execute function identity.follow_member();
create trigger follow_change after update on identity.memberships
    for each row when (new.role is distinct from old.role) execute function identity.follow_member();

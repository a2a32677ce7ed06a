-- Connections at work: tokens are taken, refreshed by one process at a time, and given by people who follow a link.

-- The settings that a token was obtained with are part of what names its connection: a tool whose token endpoint, client
-- or scopes were changed never gets the tokens of before. That is the host binding of refresh tokens.
alter table secrets.connections
    add column fingerprint bytea not null check (octet_length(fingerprint) = 32),
    -- Hosts that the token of a person's consent may be sent to: those of the tools that it was given for. Tokens that were
    -- made from secrets go where those secrets may go.
    add column allowed_hosts text[] not null default '{}' check (cardinality(allowed_hosts) <= 64),
    -- Somewhat before expires_at: from then on the token is not used any more.
    add column usable_until timestamptz,
    -- Who holds the lease refreshing_until.
    add column refreshing_by uuid,
    -- When an upstream's 401 last made the token be refreshed before its time.
    add column forced_at timestamptz,
    -- Why the last refresh failed; who waited for it takes this for an answer.
    add column failure json,
    add column failed_at timestamptz,
    drop constraint connections_name_key,
    add constraint connections_name_key unique nulls not distinct (workspace_id, name, user_id, fingerprint),
    add constraint connections_id_key unique (workspace_id, id);

grant select (fingerprint, allowed_hosts, usable_until),
    insert (fingerprint, allowed_hosts),
    update (allowed_hosts, usable_until, refreshing_until, refreshing_by, failure, failed_at)
    on secrets.connections to authenticated;

-- A consent under way: from the link that a person opens to the word that the person was that one. The sealed part is first
-- the PKCE verifier, then what the provider answered.
create table secrets.authorizations (
    id uuid primary key,
    workspace_id uuid not null references identity.workspaces on delete cascade,
    connection_id uuid not null,
    started_by uuid not null default auth.uid() references identity.profiles on delete cascade,
    tool_id text collate "C" not null check (tool_id ~ '^[a-z0-9_-]{1,64}$'),
    state_hash bytea not null unique check (octet_length(state_hash) = 32),
    -- started: the link was made; taken: the provider sent somebody back; answered: tokens are there, nobody has confirmed.
    status text not null default 'started' check (status in ('started', 'taken', 'answered')),
    attempts int not null default 0 check (attempts >= 0),
    nonce bytea not null check (octet_length(nonce) = 12),
    ciphertext bytea not null check (octet_length(ciphertext) between 16 and 131072),
    data_key_id uuid not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null default now() + interval '10 minutes',
    foreign key (workspace_id, connection_id) references secrets.connections (workspace_id, id) on delete cascade,
    foreign key (workspace_id, data_key_id) references secrets.data_keys (workspace_id, id)
);
create index authorizations_connection on secrets.authorizations (connection_id, workspace_id);
create index authorizations_data_key on secrets.authorizations (workspace_id, data_key_id);
create index authorizations_started_by on secrets.authorizations (started_by);
create index authorizations_expiry on secrets.authorizations (expires_at);

alter table secrets.authorizations enable row level security, force row level security;

-- A person's own, for a connection that the person may manage.
create policy self_manages on secrets.authorizations to authenticated
    using (started_by = (select auth.uid()) and workspace_id = any ((select identity.reach('member'))::uuid[]))
    with check (
        started_by = (select auth.uid())
        and workspace_id = any ((select identity.reach('member'))::uuid[])
        and exists (
            select
            from secrets.connections c
            where c.workspace_id = authorizations.workspace_id
              and c.id = authorizations.connection_id
              and (
                  c.user_id = (select auth.uid())
                  or c.user_id is null and c.workspace_id = any ((select identity.reach('admin'))::uuid[])
              )
        )
    );
create policy system on secrets.authorizations to service_role using (true) with check (true);

grant select (id, workspace_id, connection_id, started_by, tool_id, status, created_at, expires_at),
    insert (id, workspace_id, connection_id, tool_id, state_hash, nonce, ciphertext, data_key_id),
    update (status, nonce, ciphertext, data_key_id, expires_at),
    delete
    on secrets.authorizations to authenticated;
grant select (id, workspace_id, expires_at), delete on secrets.authorizations to service_role;

-- Members use and refresh connections and seal what comes of it; admins alone may read the data keys otherwise. Answers the
-- current key, or takes the candidate for it. What is answered is wrapped by a master key.
create function secrets.sealing_key(
    claims text, workspace uuid, candidate_id uuid, candidate_wrapped bytea, candidate_master_key_id text
) returns table (id uuid, wrapped bytea, master_key_id text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform set_config('request.jwt.claims', claims, true);
    if not workspace = any (identity.reach('member')) then
        raise exception 'connections are used by members' using errcode = 'insufficient_privilege';
    end if;
    if candidate_id is not null then
        insert into secrets.data_keys as k (id, workspace_id, wrapped, master_key_id)
        values (candidate_id, workspace, candidate_wrapped, candidate_master_key_id)
        on conflict (workspace_id) where retired_at is null do nothing;
    end if;
    return query
    select k.id, k.wrapped, k.master_key_id
    from secrets.data_keys k
    where k.workspace_id = workspace
      and k.retired_at is null;
end
$$;

-- The only way to a connection's tokens: answers them if they are good, and says so in the audit; else lets one caller refresh
-- them (`claimed`, until the lease ends) while the others are told to wait (`busy`). All in one statement and so in one commit,
-- which is the record that a refresh was begun. The same lease may ask again: a caller repeats the statement when its
-- connection broke.
--
-- outcome: ready, claimed, busy, failed (as `failure` says; only to one who has waited), absent, pending, expired, revoked.
-- hosts: lists of hosts, one for each secret, null for one that is missing (or one for the consent): the token may go where all
-- of them may go.
-- `stale` is the version that the upstream has just refused. A token is refreshed before its time at most every 30 seconds.
create function secrets.take_token(
    claims text, workspace uuid, wanted_kind text, wanted_name text, personal boolean, wanted_fingerprint bytea,
    wanted_settings json, secret_names text[], stale int, waited boolean, lease uuid, lease_seconds int,
    tool_id text, execution_id uuid, host text
) returns table (
    outcome text, id uuid, version int, nonce bytea, ciphertext bytea, data_key_id uuid, wrapped bytea,
    master_key_id text, hosts text, failure text
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    owner uuid;
    held secrets.connections;
    usable boolean;
    forced boolean;
    verdict text;
begin
    perform set_config('request.jwt.claims', claims, true);
    if not workspace = any (identity.reach('member')) then
        raise exception 'connections are used by members' using errcode = 'insufficient_privilege';
    end if;
    owner := case when personal then auth.uid() end;
    for tries in 1..2 loop
        select c.* into held
        from secrets.connections c
        where c.workspace_id = workspace
          and c.name = wanted_name
          and c.user_id is not distinct from owner
          and c.fingerprint = wanted_fingerprint
          and c.kind = wanted_kind;
        exit when found or wanted_kind = 'oauth2_authorization_code';
        insert into secrets.connections (id, workspace_id, name, kind, user_id, settings, fingerprint)
        values (gen_random_uuid(), workspace, wanted_name, wanted_kind, owner, wanted_settings, wanted_fingerprint)
        on conflict on constraint connections_name_key do nothing;
    end loop;
    if held.id is null then
        return query
        select 'absent', null::uuid, null::int, null::bytea, null::bytea, null::uuid, null::bytea, null::text, null::text,
               null::text;
        return;
    end if;

    usable := held.status = 'connected' and held.ciphertext is not null
        and (held.usable_until is null or held.usable_until > now());
    forced := usable and coalesce(held.version = stale, false)
        and (
            held.forced_at is null
            or held.forced_at < now() - interval '30 seconds'
            -- Such a refresh is under way: it is waited for.
            or coalesce(held.refreshing_until > now(), false)
        );
    if usable and not forced then
        verdict := 'ready';
    elsif held.kind = 'oauth2_authorization_code' and (held.status <> 'connected' or held.ciphertext is null) then
        verdict := case held.status when 'connected' then 'expired' else held.status end;
    elsif waited and held.failed_at > now() - interval '5 seconds'
        and (held.refreshing_until is null or held.refreshing_until <= now())
    then
        verdict := 'failed';
    else
        update secrets.connections c
        set refreshing_until = now() + make_interval(secs => lease_seconds),
            refreshing_by = lease,
            forced_at = case when forced then now() else c.forced_at end
        where c.id = held.id
          and c.version = held.version
          and c.status = held.status
          and (c.refreshing_until is null or c.refreshing_until <= now() or c.refreshing_by = lease);
        verdict := case when found then 'claimed' else 'busy' end;
    end if;

    if verdict in ('ready', 'claimed') then
        insert into secrets.audit (workspace_id, action, subject_kind, subject, detail)
        values (
            workspace, case verdict when 'ready' then 'connection.use' else 'connection.refresh' end, 'connection',
            held.id::text,
            json_build_object('name', held.name, 'kind', held.kind, 'version', held.version, 'tool_id', tool_id,
                'execution_id', execution_id, 'host', host)
        );
        return query
        select verdict, held.id, held.version, held.nonce, held.ciphertext, held.data_key_id, k.wrapped, k.master_key_id,
               case
                   when held.kind = 'oauth2_authorization_code' then json_build_array(held.allowed_hosts)
                   else (
                       select coalesce(json_agg(s.allowed_hosts order by n.at), '[]')
                       from unnest(secret_names) with ordinality as n (name, at)
                       left join secrets.secrets s
                           on s.workspace_id = workspace and s.name = n.name and s.state = 'ready'
                   )
               end::text,
               null::text
        from (select) as one
        left join secrets.data_keys k on k.workspace_id = workspace and k.id = held.data_key_id;
        return;
    end if;
    return query
    select verdict, held.id, held.version, null::bytea, null::bytea, null::uuid, null::bytea, null::text, null::text,
           case verdict when 'failed' then held.failure::text end;
end
$$;

-- Keeps what a refresh brought, for the one who holds the lease and knows the version. Asked again, it answers the same.
-- An end takes both away.
-- `lifetime` in seconds from now; null: the provider did not say. A minute before the end (a fifth, when it is short) the token
-- is not used any more.
create function secrets.save_token(
    claims text, workspace uuid, connection uuid, lease uuid, from_version int, new_nonce bytea, new_ciphertext bytea,
    new_data_key_id uuid, new_scopes text[], lifetime double precision
) returns boolean language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform set_config('request.jwt.claims', claims, true);
    if not workspace = any (identity.reach('member')) then
        raise exception 'connections are used by members' using errcode = 'insufficient_privilege';
    end if;
    update secrets.connections c
    set version = from_version + 1,
        status = 'connected',
        nonce = new_nonce,
        ciphertext = new_ciphertext,
        data_key_id = new_data_key_id,
        scopes = coalesce(new_scopes, c.scopes),
        expires_at = now() + make_interval(secs => lifetime),
        usable_until = now() + make_interval(secs => lifetime - least(60, lifetime / 5)),
        refreshing_until = null,
        failure = null,
        failed_at = null
    where c.workspace_id = workspace
      and c.id = connection
      and c.refreshing_by = lease
      and c.version = from_version;
    if found then
        return true;
    end if;
    return exists (
        select
        from secrets.connections c
        where c.workspace_id = workspace
          and c.id = connection
          and c.refreshing_by = lease
          and c.version = from_version + 1
          and c.status = 'connected'
    );
end
$$;

-- Ends a refresh that failed; `gone`: the provider takes the tokens no more, so they are forgotten.
create function secrets.release_token(
    claims text, workspace uuid, connection uuid, lease uuid, from_version int, why json, gone boolean
) returns boolean language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform set_config('request.jwt.claims', claims, true);
    if not workspace = any (identity.reach('member')) then
        raise exception 'connections are used by members' using errcode = 'insufficient_privilege';
    end if;
    update secrets.connections c
    set refreshing_until = null,
        failure = why,
        failed_at = now(),
        status = case when gone then 'expired' else c.status end,
        nonce = case when not gone then c.nonce end,
        ciphertext = case when not gone then c.ciphertext end,
        data_key_id = case when not gone then c.data_key_id end
    where c.workspace_id = workspace
      and c.id = connection
      and c.refreshing_by = lease
      and c.version = from_version;
    return found;
end
$$;

-- Somebody comes back from a provider. The state is good once and until it expires; it says whose consent this is. No claims:
-- nobody is signed in there.
create function secrets.take_authorization(wanted_state_hash bytea) returns table (
    id uuid, workspace_id uuid, workspace_name text, connection_id uuid, started_by uuid, email text, tool_id text,
    fingerprint bytea, nonce bytea, ciphertext bytea, data_key_id uuid, wrapped bytea, master_key_id text
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
    with taken as (
        update secrets.authorizations a
        set status = 'taken'
        where a.state_hash = wanted_state_hash
          and a.status = 'started'
          and a.expires_at > now()
        returning a.id, a.workspace_id, a.connection_id, a.started_by, a.tool_id, a.nonce, a.ciphertext, a.data_key_id
    ), audited as (
        insert into secrets.audit (workspace_id, actor, action, subject_kind, subject, detail)
        select t.workspace_id, t.started_by, 'connection.answer', 'connection', t.connection_id::text,
               json_build_object('tool_id', t.tool_id, 'authorization_id', t.id)
        from taken t
    )
    select t.id, t.workspace_id, w.name, t.connection_id, t.started_by, p.email, t.tool_id, c.fingerprint, t.nonce,
           t.ciphertext, t.data_key_id, k.wrapped, k.master_key_id
    from taken t
    join identity.workspaces w on w.id = t.workspace_id
    join identity.profiles p on p.id = t.started_by
    join secrets.connections c on c.id = t.connection_id
    join secrets.data_keys k on k.workspace_id = t.workspace_id and k.id = t.data_key_id;
end
$$;

-- What the provider answered, to the one who began, at most five times: the code that proves it is guessed no more often.
create function secrets.take_answer(claims text, workspace uuid, connection uuid) returns table (
    id uuid, tool_id text, version int, nonce bytea, ciphertext bytea, data_key_id uuid, wrapped bytea, master_key_id text
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform set_config('request.jwt.claims', claims, true);
    if not workspace = any (identity.reach('member')) then
        raise exception 'connections are used by members' using errcode = 'insufficient_privilege';
    end if;
    return query
    with tried as (
        update secrets.authorizations a
        set attempts = a.attempts + 1
        where a.workspace_id = workspace
          and a.connection_id = connection
          and a.started_by = auth.uid()
          and a.status = 'answered'
          and a.attempts < 5
          and a.expires_at > now()
        returning a.id, a.tool_id, a.nonce, a.ciphertext, a.data_key_id
    ), audited as (
        insert into secrets.audit (workspace_id, action, subject_kind, subject, detail)
        select workspace, 'connection.confirm', 'connection', connection::text,
               json_build_object('tool_id', t.tool_id, 'authorization_id', t.id)
        from tried t
    )
    select t.id, t.tool_id, c.version, t.nonce, t.ciphertext, t.data_key_id, k.wrapped, k.master_key_id
    from tried t
    join secrets.connections c on c.workspace_id = workspace and c.id = connection
    join secrets.data_keys k on k.workspace_id = workspace and k.id = t.data_key_id;
end
$$;

-- Ends a connection: its tokens are forgotten at once, and answered once more so that the provider can be told. For the person
-- whose it is, and for admins.
create function secrets.revoke_connection(claims text, workspace uuid, connection uuid) returns table (
    name text, kind text, settings text, version int, nonce bytea, ciphertext bytea, data_key_id uuid, wrapped bytea,
    master_key_id text
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    held secrets.connections;
begin
    perform set_config('request.jwt.claims', claims, true);
    select c.* into held
    from secrets.connections c
    where c.workspace_id = workspace
      and c.id = connection
      and (
          workspace = any (identity.reach('admin'))
          or c.user_id = auth.uid() and workspace = any (identity.reach('member'))
      )
    for update;
    if held.id is null then
        return;
    end if;
    update secrets.connections c
    set status = 'revoked',
        version = c.version + 1,
        nonce = null,
        ciphertext = null,
        data_key_id = null,
        refreshing_until = null,
        refreshing_by = null
    where c.id = held.id;
    insert into secrets.audit (workspace_id, action, subject_kind, subject, detail)
    values (
        workspace, 'connection.revoke', 'connection', held.id::text,
        json_build_object('name', held.name, 'kind', held.kind, 'user_id', held.user_id)
    );
    return query
    select held.name, held.kind, held.settings::text, held.version, held.nonce, held.ciphertext, held.data_key_id, k.wrapped,
           k.master_key_id
    from (select) as one
    left join secrets.data_keys k on k.workspace_id = workspace and k.id = held.data_key_id;
end
$$;

-- Who leaves a workspace leaves no tokens there. The provider is not told: that takes a call, and the person can do it there.
create function secrets.forget_member() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    with gone as (
        delete from secrets.connections c
        where c.workspace_id = old.workspace_id
          and c.user_id = old.user_id
        returning c.id, c.name
    )
    insert into secrets.audit (workspace_id, action, subject_kind, subject, detail)
    select old.workspace_id, 'connection.delete', 'connection', g.id::text,
           json_build_object('name', g.name, 'user_id', old.user_id, 'why', 'the person left the workspace')
    from gone g
    where exists (select from identity.workspaces w where w.id = old.workspace_id);
    return null;
end
$$;
revoke execute on function secrets.forget_member() from public;
create trigger forget_member after delete on identity.memberships
    for each row execute function secrets.forget_member();

revoke execute on function
    secrets.sealing_key(text, uuid, uuid, bytea, text),
    secrets.take_token(text, uuid, text, text, boolean, bytea, json, text[], int, boolean, uuid, int, text, uuid, text),
    secrets.save_token(text, uuid, uuid, uuid, int, bytea, bytea, uuid, text[], double precision),
    secrets.release_token(text, uuid, uuid, uuid, int, json, boolean),
    secrets.take_authorization(bytea),
    secrets.take_answer(text, uuid, uuid),
    secrets.revoke_connection(text, uuid, uuid)
    from public;
grant execute on function
    secrets.sealing_key(text, uuid, uuid, bytea, text),
    secrets.take_token(text, uuid, text, text, boolean, bytea, json, text[], int, boolean, uuid, int, text, uuid, text),
    secrets.save_token(text, uuid, uuid, uuid, int, bytea, bytea, uuid, text[], double precision),
    secrets.release_token(text, uuid, uuid, uuid, int, json, boolean),
    secrets.take_authorization(bytea),
    secrets.take_answer(text, uuid, uuid),
    secrets.revoke_connection(text, uuid, uuid)
    to authenticator;

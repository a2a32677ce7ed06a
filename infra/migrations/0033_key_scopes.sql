-- Scopes of API keys reach whoever decides: an operation that is not among them is refused at the door.
alter table identity.api_keys add constraint api_keys_scopes check (
    cardinality(scopes) <= 64
    and array_position(scopes, null) is null
    and array_to_string(scopes, ' ') ~ '^([a-z]+:[a-z]+( [a-z]+:[a-z]+)*)?$'
);

drop function identity.enter_with_key(bytea, text);
-- As before, with the key's scopes and without workspaces that are deleted.
create function identity.enter_with_key(
    key_hash bytea, selector text,
    out outcome text, out workspace_id uuid, out role text, out catalog_revision bigint,
    out key_id uuid, out key_role text, out key_scopes text[], out user_id uuid, out email text
) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    found_key record;
begin
    select k.id, k.role, k.scopes, k.workspace_id, k.created_by, k.last_used_at, w.slug, m.rank, r.revision, p.email
    into found_key
    from identity.api_keys k
    join identity.workspaces w on w.id = k.workspace_id and w.deleted_at is null
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
    key_scopes := found_key.scopes;
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
revoke execute on function identity.enter_with_key(bytea, text) from public;
grant execute on function identity.enter_with_key(bytea, text) to authenticator;

-- What tools and flows share in a workspace: one namespace of ids, and one revision that grows with every change.

-- Every request reads the revision in its first round trip; a process reloads its compiled tools only when it moved. The
-- row is locked by each change until commit, so revisions become visible in their order and "changed since n" misses
-- nothing.
create table catalog.revisions (
    workspace_id uuid primary key references identity.workspaces on delete cascade,
    revision bigint not null default 0
) with (fillfactor = 50);

-- A tool and a flow never have the same id: models and MCP clients call both by it. A retired one keeps its id.
create table catalog.names (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    id text collate "C" not null check (id ~ '^[a-z0-9_-]{1,64}$' and id not in ('saved', 'import')),
    kind text not null check (kind in ('tool', 'flow')),
    primary key (workspace_id, id)
);

-- Stamps a tool or flow with the revision at which it changed, and with who changed it when: the server says so, never
-- the statement. Definer, because nobody else writes revisions.
create function catalog.stamp() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into catalog.revisions as r (workspace_id, revision)
    values (new.workspace_id, 1)
    on conflict (workspace_id) do update set revision = r.revision + 1
    returning r.revision into new.revision;
    new.updated_at := now();
    new.updated_by := auth.uid();
    if tg_op = 'INSERT' then
        new.created_at := new.updated_at;
        new.created_by := new.updated_by;
    else
        new.created_at := old.created_at;
        new.created_by := old.created_by;
    end if;
    return new;
end
$$;
revoke execute on function catalog.stamp() from public;

-- Takes the id for this kind, or refuses it when it is the other's. The kind is the trigger's argument.
create function catalog.take_name() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into catalog.names as n (workspace_id, id, kind)
    values (new.workspace_id, new.id, tg_argv[0])
    on conflict (workspace_id, id) do nothing;
    if not found and not exists (
        select
        from catalog.names n
        where n.workspace_id = new.workspace_id
          and n.id = new.id
          and n.kind = tg_argv[0]
    ) then
        raise exception 'the id % belongs to a tool or flow of the other kind', new.id
            using errcode = 'unique_violation', constraint = 'names_pkey';
    end if;
    return new;
end
$$;
revoke execute on function catalog.take_name() from public;

-- Versions are what installs, runs and history point to: they never change.
create function catalog.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of %.% never change', tg_table_schema, tg_table_name using errcode = 'insufficient_privilege';
end
$$;
revoke execute on function catalog.refuse_change() from public;

-- Words to find a tool by: the id and tags as they are, name and description also by their stems.
create function catalog.search_document(id text, name text, description text, tags text[]) returns tsvector
language sql immutable parallel safe
return setweight(to_tsvector('simple', translate(id, '_-', '  ')), 'A')
    || setweight(to_tsvector('simple', name), 'A')
    || setweight(to_tsvector('english', name), 'A')
    || setweight(to_tsvector('simple', array_to_string(tags, ' ')), 'B')
    || setweight(to_tsvector('simple', description), 'C')
    || setweight(to_tsvector('english', description), 'C');

-- A search as people type it. Everything is data: the web syntax has no errors, and the part that lets words match as
-- beginnings is built from parsed words only, quoted; it stays out of searches with "phrases" or -exclusions, which it
-- would loosen.
create function catalog.search_query(q text) returns tsquery
language sql stable parallel safe
return websearch_to_tsquery('english', q)
    || websearch_to_tsquery('simple', q)
    || coalesce(
        (
            select string_agg('''' || replace(replace(w.lexeme, '\', '\\'), '''', '''''') || ''':*', ' & ')
            from unnest(to_tsvector('simple', translate(q, '_-', '  '))) as w
            where q !~ '(^|\s)-|"'
        ),
        ''
    )::tsquery;

revoke execute on function catalog.search_document(text, text, text, text[]), catalog.search_query(text) from public;
grant execute on function catalog.search_document(text, text, text, text[]), catalog.search_query(text)
    to anon, authenticated, service_role;

alter table catalog.revisions enable row level security, force row level security;
alter table catalog.names enable row level security, force row level security;

create policy member_reads on catalog.revisions for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on catalog.revisions to service_role using (true) with check (true);
create policy member_reads on catalog.names for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on catalog.names to service_role using (true) with check (true);

grant select on catalog.revisions, catalog.names to authenticated, service_role;

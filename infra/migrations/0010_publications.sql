-- The marketplace's own rows: what a workspace shows to everybody, and what a workspace took from there. A publication
-- carries its own copy of the manifest: the public never reads a tenant's tables.
create table catalog.publications (
    id uuid primary key default gen_random_uuid(),
    workspace_id uuid not null references identity.workspaces on delete cascade,
    tool_id text collate "C" not null,
    version int not null,
    -- Over the whole manifest: what an install pins.
    hash text not null check (hash ~ '^[0-9a-f]{64}$'),
    manifest json not null,
    -- The public id, unique over all workspaces.
    slug text not null constraint publications_slug_key unique check (slug ~ '^[a-z0-9_-]{1,128}$'),
    name text not null check (char_length(name) between 1 and 1024),
    description text not null check (char_length(description) <= 4096),
    tags text[] not null default '{}',
    published_by uuid default auth.uid() references identity.profiles on delete set null,
    published_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    withdrawn_at timestamptz,
    -- Kept by the server, so that the public list is one index scan.
    installs bigint not null default 0 check (installs >= 0),
    ratings bigint not null default 0 check (ratings >= 0),
    rating_sum bigint not null default 0 check (rating_sum >= 0),
    rating numeric(3, 2) generated always as (case when ratings > 0 then rating_sum::numeric / ratings end) stored,
    health text not null default 'unknown' check (health in ('unknown', 'healthy', 'degraded', 'failing')),
    search tsvector not null generated always as (catalog.search_document(slug, name, description, tags)) stored,
    constraint publications_tool_key unique (workspace_id, tool_id),
    foreign key (workspace_id, tool_id, version) references catalog.tool_versions
);
create index publications_tool_version on catalog.publications (workspace_id, tool_id, version);
create index publications_published_by on catalog.publications (published_by);
create index publications_new on catalog.publications (published_at desc, id) where withdrawn_at is null;
create index publications_installs on catalog.publications (installs desc, id) where withdrawn_at is null;
create index publications_rating on catalog.publications (rating desc nulls last, id) where withdrawn_at is null;
create index publications_tags on catalog.publications using gin (tags) where withdrawn_at is null;
create index publications_search on catalog.publications using gin (search) where withdrawn_at is null;

create table catalog.installs (
    workspace_id uuid not null references identity.workspaces on delete cascade,
    tool_id text collate "C" not null,
    -- The publication may vanish; the copy stays.
    publication_id uuid references catalog.publications on delete set null,
    version int not null,
    hash text not null check (hash ~ '^[0-9a-f]{64}$'),
    -- Which secrets and variables of ours stand for the manifest's.
    bindings json not null default '{}',
    installed_by uuid default auth.uid() references identity.profiles on delete set null,
    installed_at timestamptz not null default now(),
    primary key (workspace_id, tool_id),
    foreign key (workspace_id, tool_id) references catalog.tools on delete cascade
);
create index installs_publication on catalog.installs (publication_id, workspace_id);
create index installs_installed_by on catalog.installs (installed_by);

create trigger touch before update of version, hash, manifest, name, description, tags on catalog.publications
    for each row execute function identity.touch();

-- Definer: who installs may not change the publisher's row, but it counts.
create function catalog.count_install() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        update catalog.publications p set installs = p.installs + 1 where p.id = new.publication_id;
    else
        update catalog.publications p set installs = p.installs - 1 where p.id = old.publication_id and p.installs > 0;
    end if;
    return null;
end
$$;
revoke execute on function catalog.count_install() from public;
create trigger count_install after insert or delete on catalog.installs
    for each row execute function catalog.count_install();

alter table catalog.publications enable row level security, force row level security;
alter table catalog.installs enable row level security, force row level security;

create policy everybody_reads on catalog.publications for select to anon, authenticated using (withdrawn_at is null);
create policy member_reads on catalog.publications for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy admin_publishes on catalog.publications for insert to authenticated
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy admin_changes on catalog.publications for update to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy system on catalog.publications to service_role using (true) with check (true);

create policy member_reads on catalog.installs for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy member_installs on catalog.installs for insert to authenticated
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy member_updates on catalog.installs for update to authenticated
    using (workspace_id = any ((select identity.reach('member'))::uuid[]))
    with check (workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy admin_removes on catalog.installs for delete to authenticated
    using (workspace_id = any ((select identity.reach('admin'))::uuid[]));
create policy system on catalog.installs to service_role using (true) with check (true);

-- Who published from where is nobody else's business.
grant select (id, slug, name, description, tags, version, hash, manifest, published_at, updated_at, withdrawn_at,
    installs, ratings, rating, health, search) on catalog.publications to anon;
grant select,
    insert (workspace_id, tool_id, version, hash, manifest, slug, name, description, tags),
    update (version, hash, manifest, name, description, tags, withdrawn_at)
    on catalog.publications to authenticated;
grant select, insert (workspace_id, tool_id, publication_id, version, hash, bindings),
    update (publication_id, version, hash, bindings), delete
    on catalog.installs to authenticated;
grant select, update (health, installs, ratings, rating_sum) on catalog.publications to service_role;
grant select on catalog.installs to service_role;

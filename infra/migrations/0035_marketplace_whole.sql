-- The marketplace, whole: flows and prompts stand in it beside tools; installs are pinned by hash in the database itself;
-- reviews are of a version that was run; health comes from what installers' calls came to.
drop view registry.marketplace;

alter table catalog.publications
    drop constraint publications_workspace_id_tool_id_version_fkey,
    drop constraint publications_tool_key,
    add column kind text not null default 'tool' check (kind in ('tool', 'flow', 'prompt')),
    -- The slug of its workspace, which the public id begins with; the server says it.
    add column publisher text not null default '',
    -- What an install must bind and what it allows: derived from the manifest, shown in lists.
    add column needs json not null default '{}',
    -- Recorded fixtures that passed when it was published.
    add column fixtures int not null default 0 check (fixtures >= 0),
    -- Its workspace is deleted, and may be restored.
    add column hidden boolean not null default false,
    -- An average as if five people had given 3.5 before: few votes move it little.
    add column score numeric(6, 5) not null generated always as ((rating_sum + 17.5) / (ratings + 5)) stored,
    -- Of the installers' calls of the last days, counted by the sweep.
    add column calls bigint not null default 0,
    add column successes bigint not null default 0,
    add column p95_ms bigint,
    add column last_success_at timestamptz,
    add column health_at timestamptz,
    add column tool_of text collate "C" generated always as (case kind when 'tool' then tool_id end) stored,
    add column flow_of text collate "C" generated always as (case kind when 'flow' then tool_id end) stored,
    add column prompt_of text collate "C" generated always as (case kind when 'prompt' then tool_id end) stored,
    add constraint publications_tool_key unique (workspace_id, kind, tool_id),
    add constraint publications_of_tool foreign key (workspace_id, tool_of, version) references catalog.tool_versions,
    add constraint publications_of_flow foreign key (workspace_id, flow_of, version)
        references orchestration.flow_versions,
    add constraint publications_of_prompt foreign key (workspace_id, prompt_of, version)
        references catalog.prompt_versions;

drop index catalog.publications_tool_version, catalog.publications_new, catalog.publications_installs,
    catalog.publications_rating, catalog.publications_tags, catalog.publications_search;
create index publications_of_tool on catalog.publications (workspace_id, tool_of, version);
create index publications_of_flow on catalog.publications (workspace_id, flow_of, version);
create index publications_of_prompt on catalog.publications (workspace_id, prompt_of, version);
create index publications_new on catalog.publications (published_at, id) where withdrawn_at is null and not hidden;
create index publications_installs on catalog.publications (installs, id) where withdrawn_at is null and not hidden;
create index publications_score on catalog.publications (score, id) where withdrawn_at is null and not hidden;
create index publications_tags on catalog.publications using gin (tags) where withdrawn_at is null and not hidden;
create index publications_search on catalog.publications using gin (search) where withdrawn_at is null and not hidden;
create index publications_publisher on catalog.publications (publisher);
create index publications_health on catalog.publications (health_at nulls first)
    where withdrawn_at is null and not hidden and installs > 0;

drop trigger touch on catalog.publications;
create trigger touch before update of version, hash, manifest, name, description, tags, needs on catalog.publications
    for each row execute function identity.touch();

alter policy everybody_reads on catalog.publications using (withdrawn_at is null and not hidden);

-- Nobody publishes under another's name: the public id is the workspace's slug, which has no `_`, a `_`, and the rest. It
-- never changes. Definer, to read the slug.
create function catalog.stamp_publication() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        select w.slug into new.publisher from identity.workspaces w where w.id = new.workspace_id;
        -- A slug that was given up names its publications for ever.
        if exists (
            select
            from catalog.publications p
            where p.publisher = new.publisher
              and p.workspace_id <> new.workspace_id
        ) then
            raise exception 'another workspace has published under this name'
                using errcode = 'unique_violation', constraint = 'publications_publisher';
        end if;
        if not starts_with(new.slug, new.publisher || '_') or new.slug = new.publisher || '_' then
            raise exception 'a public id begins with the slug of its workspace'
                using errcode = 'check_violation', constraint = 'publications_slug_check';
        end if;
    else
        new.slug := old.slug;
        new.publisher := old.publisher;
        new.published_at := old.published_at;
    end if;
    return new;
end
$$;
revoke execute on function catalog.stamp_publication() from public;
create trigger stamp before insert or update on catalog.publications
    for each row execute function catalog.stamp_publication();

-- A workspace that is deleted is gone for the public as well, and back when it is restored.
create function catalog.hide_publications() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update catalog.publications p set hidden = new.deleted_at is not null where p.workspace_id = new.id;
    return null;
end
$$;
revoke execute on function catalog.hide_publications() from public;
create trigger hide_publications after update of deleted_at on identity.workspaces
    for each row when ((old.deleted_at is null) <> (new.deleted_at is null))
    execute function catalog.hide_publications();

alter table catalog.installs
    drop constraint installs_pkey,
    drop constraint installs_workspace_id_tool_id_fkey,
    add column kind text not null default 'tool' check (kind in ('tool', 'flow', 'prompt')),
    -- The public id, which outlives the publication.
    add column slug text not null default '',
    -- Its id in the manifest; and of what came with a flow or a prompt, the local id of that one.
    add column part text collate "C" not null default '',
    add column part_of text collate "C",
    -- The content as it was published, of what was installed itself: bindings are filled into it.
    add column manifest json,
    -- The first of the workspace's versions that has this content: binding makes further ones.
    add column since_version int not null default 1,
    -- The copy: the version and hash of the workspace's own row, with the bindings in it.
    add column local_version int not null default 1,
    add column local_hash text not null default repeat('0', 64) check (local_hash ~ '^[0-9a-f]{64}$'),
    add column updated_at timestamptz not null default now(),
    add column tool_of text collate "C" generated always as (case kind when 'tool' then tool_id end) stored,
    add column flow_of text collate "C" generated always as (case kind when 'flow' then tool_id end) stored,
    add column prompt_of text collate "C" generated always as (case kind when 'prompt' then tool_id end) stored,
    add constraint installs_pkey primary key (workspace_id, kind, tool_id),
    add constraint installs_of_tool foreign key (workspace_id, tool_of) references catalog.tools on delete cascade,
    add constraint installs_of_flow foreign key (workspace_id, flow_of) references orchestration.flows on delete cascade,
    add constraint installs_of_prompt foreign key (workspace_id, prompt_of) references catalog.prompts on delete cascade;
create index installs_of_tool on catalog.installs (workspace_id, tool_of);
create index installs_of_flow on catalog.installs (workspace_id, flow_of);
create index installs_of_prompt on catalog.installs (workspace_id, prompt_of);
create index installs_part_of on catalog.installs (workspace_id, part_of) where part_of is not null;

create trigger touch before update on catalog.installs for each row execute function identity.touch();

-- Workspaces are counted: what came with a flow is not counted again, nor is a second copy. Definer: who installs may not change
-- the publisher's row, but it counts. That row is locked first, so that two who count see each other.
create or replace function catalog.count_install() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    row catalog.installs := case tg_op when 'DELETE' then old else new end;
    copies bigint;
begin
    if row.part_of is not null or row.publication_id is null then
        return null;
    end if;
    perform from catalog.publications p where p.id = row.publication_id for no key update;
    select count(*) into copies
    from catalog.installs i
    where i.publication_id = row.publication_id
      and i.workspace_id = row.workspace_id
      and i.part_of is null;
    if tg_op = 'INSERT' and copies = 1 then
        update catalog.publications p set installs = p.installs + 1 where p.id = row.publication_id;
    elsif tg_op = 'DELETE' and copies = 0 then
        update catalog.publications p set installs = p.installs - 1 where p.id = row.publication_id and p.installs > 0;
    end if;
    return null;
end
$$;

-- An installed copy is what was installed: it changes together with its install, or not at all. Checked at commit, because the two
-- rows need each other. Definer, since nothing else may hide the install.
create function catalog.keep_pinned() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select
        from catalog.installs i
        where i.workspace_id = new.workspace_id
          and i.kind = tg_argv[0]
          and i.tool_id = new.id
          and (i.local_hash, i.local_version) <> (new.hash, new.version)
    ) then
        raise exception 'an installed copy is pinned' using errcode = 'check_violation', constraint = 'installs_pinned';
    end if;
    return null;
end
$$;
revoke execute on function catalog.keep_pinned() from public;
create constraint trigger keep_pinned after update on catalog.tools deferrable initially deferred
    for each row when ((old.hash, old.version) is distinct from (new.hash, new.version)) execute function catalog.keep_pinned('tool');
create constraint trigger keep_pinned after update on orchestration.flows deferrable initially deferred
    for each row when ((old.hash, old.version) is distinct from (new.hash, new.version)) execute function catalog.keep_pinned('flow');
create constraint trigger keep_pinned after update on catalog.prompts deferrable initially deferred
    for each row when ((old.hash, old.version) is distinct from (new.hash, new.version)) execute function catalog.keep_pinned('prompt');

-- What is taken out of use is installed and published no longer; what came with it stays, as the workspace's own. What came with
-- something else goes with that. Definer: the publication's row is the server's to withdraw.
create function catalog.take_down() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select
        from catalog.installs i
        where i.workspace_id = new.workspace_id
          and i.kind = tg_argv[0]
          and i.tool_id = new.id
          and i.part_of is not null
    ) then
        raise exception 'it came with something else, which is taken out of use instead'
            using errcode = 'check_violation', constraint = 'installs_pinned';
    end if;
    delete from catalog.installs i
    where i.workspace_id = new.workspace_id
      and i.kind = tg_argv[0]
      and i.tool_id = new.id;
    if found and tg_argv[0] <> 'tool' then
        delete from catalog.installs i where i.workspace_id = new.workspace_id and i.part_of = tg_argv[0] || ':' || new.id;
    end if;
    update catalog.publications p
    set withdrawn_at = now()
    where p.workspace_id = new.workspace_id
      and p.kind = tg_argv[0]
      and p.tool_id = new.id
      and p.withdrawn_at is null;
    return null;
end
$$;
revoke execute on function catalog.take_down() from public;
create trigger take_down after update of retired_at on catalog.tools
    for each row when (old.retired_at is null and new.retired_at is not null) execute function catalog.take_down('tool');
create trigger take_down after update of retired_at on orchestration.flows
    for each row when (old.retired_at is null and new.retired_at is not null) execute function catalog.take_down('flow');
create trigger take_down after update of retired_at on catalog.prompts
    for each row when (old.retired_at is null and new.retired_at is not null) execute function catalog.take_down('prompt');

grant select (kind, publisher, needs, fixtures, score, calls, successes, p95_ms, last_success_at) on catalog.publications
    to anon;
grant update (calls, successes, p95_ms, last_success_at, health_at) on catalog.publications to service_role;

-- A review is of a version.
alter table registry.reviews
    add column version int not null default 1,
    add column hash text not null default repeat('0', 64) check (hash ~ '^[0-9a-f]{64}$');

-- Whether the asking person belongs to whoever published it, in whatever workspace they act now. Definer, to look into the
-- memberships of that workspace; it says nothing of anybody else.
create function registry.is_publisher(publication uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return exists (
        select
        from catalog.publications p
        join identity.memberships m on m.workspace_id = p.workspace_id and m.user_id = auth.uid()
        where p.id = publication
    );
end
$$;

-- Whether this workspace ran this very content with success. A prompt has no runs of its own: it was used once it is installed.
create function registry.has_run(publication uuid, workspace uuid, content text) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
return exists (
    select
    from catalog.installs i
    join catalog.publications p on p.id = i.publication_id and p.kind = i.kind
    where i.publication_id = publication
      and i.workspace_id = workspace
      and i.hash = content
      and i.part_of is null
      and case i.kind
          when 'tool' then exists (
              select
              from orchestration.executions e
              where e.workspace_id = i.workspace_id
                and e.tool_id = i.tool_id
                and e.tool_version between i.since_version and i.local_version
                and e.success
          )
          when 'flow' then exists (
              select
              from orchestration.runs r
              where r.workspace_id = i.workspace_id
                and r.flow_id = i.tool_id
                and r.flow_version between i.since_version and i.local_version
                and r.status = 'succeeded'
          )
          else true
      end
);
end
$$;
revoke execute on function registry.is_publisher(uuid), registry.has_run(uuid, uuid, text) from public;
grant execute on function registry.is_publisher(uuid), registry.has_run(uuid, uuid, text) to service_role;

drop policy user_reviews on registry.reviews;
drop policy user_changes on registry.reviews;
drop policy user_deletes on registry.reviews;
drop policy member_installs on catalog.installs;
drop policy member_updates on catalog.installs;
drop policy admin_removes on catalog.installs;
drop policy admin_publishes on catalog.publications;
drop policy admin_changes on catalog.publications;

grant select (version) on registry.reviews to anon;
-- Publications, installs and reviews fit together and to what was checked, so nobody writes them but the product: as the system,
-- in statements that ask what the person may. What is read of others is what everybody reads.
revoke insert, update, delete on catalog.publications, catalog.installs, registry.reviews from authenticated;
revoke insert (workspace_id, tool_id, version, hash, manifest, slug, name, description, tags),
    update (version, hash, manifest, name, description, tags, withdrawn_at) on catalog.publications from authenticated;
revoke insert (workspace_id, tool_id, publication_id, version, hash, bindings), update (publication_id, version, hash, bindings)
    on catalog.installs from authenticated;
revoke insert (publication_id, workspace_id, rating, body), update (rating, body) on registry.reviews from authenticated;
revoke select on catalog.publications, registry.reviews from authenticated;
grant select (id, workspace_id, kind, tool_id, slug, publisher, name, description, tags, version, hash, manifest, needs, fixtures,
    published_at, updated_at, withdrawn_at, hidden, installs, ratings, rating, score, health, calls, successes, p95_ms,
    last_success_at, search) on catalog.publications to authenticated;
grant select (id, publication_id, rating, body, version, created_at, updated_at) on registry.reviews to authenticated;
grant select, insert, update on catalog.publications, registry.reviews to service_role;
grant select, insert, update, delete on catalog.installs to service_role;
grant select on catalog.tools, catalog.prompts, orchestration.flows to service_role;

drop view registry.marketplace_reviews;
create view registry.marketplace_reviews with (security_invoker = true) as
select r.id, r.publication_id, r.rating, r.body, r.version, r.created_at, r.updated_at
from registry.reviews r;

create view registry.marketplace with (security_invoker = true) as
select p.id, p.kind, p.slug, p.publisher, p.name, p.description, p.tags, p.version, p.hash, p.manifest, p.needs, p.fixtures,
       p.installs, p.ratings, p.rating, p.score, p.health, p.calls, p.successes, p.p95_ms, p.last_success_at,
       p.published_at, p.updated_at, p.search
from catalog.publications p
where p.withdrawn_at is null and not p.hidden;
grant select (hidden) on catalog.publications to anon;

grant select on registry.marketplace, registry.marketplace_reviews to anon, authenticated, service_role;

-- A page of the marketplace: ids with what they are sorted by, the greatest first, after the last one seen. Definer, because
-- under row-level security neither `@@` nor `@>` is an index condition (they are not leakproof); it says of every row what
-- the policy for everybody says.
create function registry.browse(
    q text, tag text, wanted text, sort text, after_value numeric, after_id uuid, most int,
    out id uuid, out value numeric
) returns setof record
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set client_min_messages = 'error' set statement_timeout = '3s' as $$
declare
    -- Once: a function in the statement would be called for every row.
    wanted_words constant tsquery := catalog.search_query(q);
begin
    if q is not null then
        -- Nothing but stop words, or nothing but what is not wanted: no index knows that.
        if querytree(wanted_words) in ('', 'T') then
            return;
        end if;
        return query
        with found as (
            select p.id, case sort
                when 'rating' then p.score
                when 'installs' then p.installs
                when 'new' then extract(epoch from p.published_at)
                else ts_rank(p.search, wanted_words)::numeric
            end as value
            from catalog.publications p
            where p.search @@ wanted_words
              and p.withdrawn_at is null
              and not p.hidden
              and (tag is null or tag = any (p.tags))
              and (wanted is null or p.kind = wanted)
        )
        select f.id, f.value
        from found f
        where after_id is null or (f.value, f.id) < (after_value, after_id)
        order by f.value desc, f.id desc
        limit most;
    elsif tag is not null then
        return query
        with found as (
            select p.id, case sort
                when 'rating' then p.score
                when 'new' then extract(epoch from p.published_at)
                else p.installs
            end as value
            from catalog.publications p
            where p.withdrawn_at is null
              and not p.hidden
              and p.tags @> array[tag]
              and (wanted is null or p.kind = wanted)
        )
        select f.id, f.value
        from found f
        where after_id is null or (f.value, f.id) < (after_value, after_id)
        order by f.value desc, f.id desc
        limit most;
    elsif sort = 'rating' then
        return query
        select p.id, p.score::numeric
        from catalog.publications p
        where p.withdrawn_at is null
          and not p.hidden
          and (wanted is null or p.kind = wanted)
          and (after_id is null or (p.score, p.id) < (after_value, after_id))
        order by p.score desc, p.id desc
        limit most;
    elsif sort = 'new' then
        return query
        select p.id, extract(epoch from p.published_at)
        from catalog.publications p
        where p.withdrawn_at is null
          and not p.hidden
          and (wanted is null or p.kind = wanted)
          and (after_id is null or (p.published_at, p.id) < (to_timestamp(after_value::float8), after_id))
        order by p.published_at desc, p.id desc
        limit most;
    else
        return query
        select p.id, p.installs::numeric
        from catalog.publications p
        where p.withdrawn_at is null
          and not p.hidden
          and (wanted is null or p.kind = wanted)
          and (after_id is null or (p.installs, p.id) < (after_value::bigint, after_id))
        order by p.installs desc, p.id desc
        limit most;
    end if;
end
$$;
revoke execute on function registry.browse(text, text, text, text, numeric, uuid, int) from public;
grant execute on function registry.browse(text, text, text, text, numeric, uuid, int) to anon;

-- Counts anew what installers' calls of the last seven days came to, for those publications whose numbers are the oldest; answers
-- how many. What the caller or its workspace did wrong does not speak against a tool. Below ten calls nothing is said: it would
-- be about few people.
create function registry.refresh_health(stale interval, most int) returns int
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    since timestamptz := date_trunc('hour', now() - interval '7 days', 'UTC');
    refreshed int;
begin
    with due as (
        select p.id, p.kind
        from catalog.publications p
        where p.withdrawn_at is null
          and not p.hidden
          and p.installs > 0
          and (p.health_at is null or p.health_at < now() - stale)
        order by p.health_at nulls first
        limit most
        for no key update skip locked
    ), calls as (
        select d.id, r.outcome = '' as success, 100 * power(2, r.bucket / 4.0::float8) as ends_us, r.calls,
            r.at + interval '1 hour' as at
        from due d
        join catalog.installs i on i.publication_id = d.id and i.part_of is null and i.kind = 'tool'
        join orchestration.execution_rollups r
          on r.workspace_id = i.workspace_id
         and r.grain = 'hour'
         and r.tool_id = i.tool_id
         and r.at >= greatest(since, date_trunc('hour', i.installed_at, 'UTC'))
        where r.outcome not in
            ('invalid_input', 'tool_disabled', 'quota_exceeded', 'secret_missing', 'auth_failed', 'egress_blocked')
        union all
        select d.id, r.status = 'succeeded', extract(epoch from r.finished_at - r.created_at) * 1000000, 1, r.finished_at
        from due d
        join catalog.installs i on i.publication_id = d.id and i.part_of is null and i.kind = 'flow'
        join orchestration.runs r
          on r.workspace_id = i.workspace_id
         and r.flow_id = i.tool_id
         and r.status in ('succeeded', 'failed')
         and r.finished_at >= greatest(since, i.installed_at)
    ), summed as (
        select c.id, sum(c.calls)::bigint as calls, coalesce(sum(c.calls) filter (where c.success), 0)::bigint as successes,
            date_trunc('hour', max(c.at) filter (where c.success), 'UTC') as last_success_at
        from calls c
        group by c.id
    ), ranked as (
        select c.id, c.ends_us, sum(c.calls) over (partition by c.id order by c.ends_us) as upto
        from calls c
        where c.success
    ), slow as (
        select r.id, min(r.ends_us) as p95_us
        from ranked r
        join summed s on s.id = r.id
        where r.upto >= 0.95 * s.successes
        group by r.id
    ), written as (
        update catalog.publications p
        set health_at = now(),
            calls = case when s.calls >= 10 then s.calls else 0 end,
            successes = case when s.calls >= 10 then s.successes else 0 end,
            p95_ms = case when s.calls >= 10 then ceil(slow.p95_us / 1000)::bigint end,
            last_success_at = case when s.calls >= 10 then s.last_success_at end,
            health = case
                when s.calls is null or s.calls < 10 then 'unknown'
                when s.successes >= 0.95 * s.calls then 'healthy'
                when s.successes >= 0.80 * s.calls then 'degraded'
                else 'failing'
            end
        from due d
        left join summed s on s.id = d.id
        left join slow on slow.id = d.id
        where p.id = d.id
        returning p.id
    )
    select count(*) into refreshed from written;
    return refreshed;
end
$$;
revoke execute on function registry.refresh_health(interval, int) from public;
grant execute on function registry.refresh_health(interval, int) to service_role;

-- The public marketplace: reviews, and the views that everybody reads. The views are security_invoker: the reader's own
-- policies and column grants decide, so nothing is public that the tables do not say is.
create table registry.reviews (
    id uuid primary key default gen_random_uuid(),
    publication_id uuid not null references catalog.publications on delete cascade,
    workspace_id uuid not null references identity.workspaces on delete cascade,
    user_id uuid not null default auth.uid() references identity.profiles on delete cascade,
    rating smallint not null check (rating between 1 and 5),
    body text not null default '' check (char_length(body) <= 4000),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint reviews_one_per_user unique (publication_id, user_id)
);
create index reviews_of_publication on registry.reviews (publication_id, created_at desc, id);
create index reviews_workspace on registry.reviews (workspace_id);
create index reviews_user on registry.reviews (user_id);

create trigger touch before update on registry.reviews for each row execute function identity.touch();

-- Definer: a reviewer may not change the publisher's row, but the average must move.
create function registry.count_review() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op in ('UPDATE', 'DELETE') then
        update catalog.publications p
        set ratings = p.ratings - 1, rating_sum = p.rating_sum - old.rating
        where p.id = old.publication_id;
    end if;
    if tg_op in ('UPDATE', 'INSERT') then
        update catalog.publications p
        set ratings = p.ratings + 1, rating_sum = p.rating_sum + new.rating
        where p.id = new.publication_id;
    end if;
    return null;
end
$$;
revoke execute on function registry.count_review() from public;
create trigger count_review after insert or update of rating or delete on registry.reviews
    for each row execute function registry.count_review();

alter table registry.reviews enable row level security, force row level security;

create policy everybody_reads on registry.reviews for select to anon, authenticated
    using (exists (select from catalog.publications p where p.id = publication_id and p.withdrawn_at is null));
create policy member_reads on registry.reviews for select to authenticated
    using (workspace_id = any ((select identity.reach('viewer'))::uuid[]));
-- One per user, and only from a workspace that ran it with success.
create policy user_reviews on registry.reviews for insert to authenticated
    with check (
        user_id = (select auth.uid())
        and workspace_id = any ((select identity.reach('member'))::uuid[])
        and exists (
            select
            from catalog.installs i
            join orchestration.executions e on e.workspace_id = i.workspace_id and e.tool_id = i.tool_id and e.success
            where i.workspace_id = reviews.workspace_id
              and i.publication_id = reviews.publication_id
        )
    );
create policy user_changes on registry.reviews for update to authenticated
    using (user_id = (select auth.uid()) and workspace_id = any ((select identity.reach('member'))::uuid[]))
    with check (user_id = (select auth.uid()) and workspace_id = any ((select identity.reach('member'))::uuid[]));
create policy user_deletes on registry.reviews for delete to authenticated
    using (user_id = (select auth.uid()) and workspace_id = any ((select identity.reach('viewer'))::uuid[]));
create policy system on registry.reviews to service_role using (true) with check (true);

grant select (id, publication_id, rating, body, created_at, updated_at) on registry.reviews to anon;
grant select, insert (publication_id, workspace_id, rating, body), update (rating, body), delete
    on registry.reviews to authenticated;
grant select, delete on registry.reviews to service_role;

create view registry.marketplace with (security_invoker = true) as
select p.id, p.slug, p.name, p.description, p.tags, p.version, p.hash, p.manifest, p.installs, p.ratings, p.rating, p.health,
       p.published_at, p.updated_at, p.search
from catalog.publications p
where p.withdrawn_at is null;

create view registry.marketplace_reviews with (security_invoker = true) as
select r.id, r.publication_id, r.rating, r.body, r.created_at, r.updated_at
from registry.reviews r;

grant select on registry.marketplace, registry.marketplace_reviews to anon, authenticated, service_role;
